//! A machine with tables, for tests.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use ptgen::{
    AttributeKind, Attributes, Change, Context, Format, Level, Memory, Oa, PageTable, RootVisitor, Scope, Unflushed,
    Use, VaRange, Word,
};
use ptgen_cases::{Case, Decided};
use ptgen_cells::{Watched, observe, unobserved};

use ptdsl::walk::Value;

use crate::expect::{Expect, Snapshot};
use crate::log::Log;
use crate::memory::Simulator;
use crate::oracle::{Oracle, Said};
use crate::state::{ONLY_THIS, Shared, State};
use crate::violation::{Invariant, Violation};

/// Where simulated memory begins.
const BASE: u64 = 0x4000_0000;

/// How many bytes it has.
const BYTES: usize = 8 << 20;

/// The context in which a machine's operations run.
pub type Cx<'m, W> = Context<Simulator<'m, W>, Simulator<'m, W>, Simulator<'m, W>>;

type WordOf<P> = <<P as PageTable>::Format as Format>::Word;
type AttributesOf<P> = <<P as PageTable>::Format as Format>::Attributes;
type ChangeOf<P> = <<P as PageTable>::Format as Format>::Change;

/// Makes a machine whose tables have this format, with an empty root that all processors walk, and has `scenario` use it.
/// When `scenario` returns, the tables are given back if it has left them, and no frame may be missing.
///
/// # Panics
///
/// If an invariant is broken.
pub fn simulate<P: PageTable>(
    format: P::Format,
    case: &Case,
    decided: &Decided,
    scenario: impl FnOnce(Machine<'_, P>),
) {
    let mut words = vec![WordOf::<P>::ZERO; BYTES >> WordOf::<P>::BYTES_LG2];
    scenario(Machine::new(format, case, decided, &mut words));
}

/// A simulated machine with tables.
pub struct Machine<'m, P: PageTable> {
    /// The tables.
    table: Option<P>,
    cx: Cx<'m, WordOf<P>>,
    format: P::Format,
    sizes: Vec<u32>,
    used: Use,
    space: Option<u32>,
    scope: Scope,
    _watched: Watched,
}

impl<'m, P: PageTable> Machine<'m, P> {
    /// A machine with the memory of `words`.
    ///
    /// # Panics
    ///
    /// If there is no room for a root.
    pub fn new(format: P::Format, case: &Case, decided: &Decided, words: &'m mut [WordOf<P>]) -> Self {
        let oracle = Oracle::new(case.model(decided), decided.range);
        let (granule_lg2, sizes) = format.root(Geometry(format));
        let count = words.len();
        let cells = WordOf::<P>::cells(words).expect("words are aligned");
        let start = cells.as_ptr().addr();
        let state = State::new(oracle, WordOf::<P>::BYTES_LG2, BASE, start, count, granule_lg2);
        let shared = Rc::new(Shared(RefCell::new(state)));
        let simulator = Simulator::new(cells, shared.clone());
        let poison = shared.0.borrow().poison();
        unobserved(|| (0..count).for_each(|word| simulator.poke(word, poison)));
        let watched = observe(shared);
        let mut cx = Context::new(simulator.clone(), simulator.clone(), simulator);
        let table = P::new_in(&mut cx, format).expect("there is room for a root");
        let mut machine = Self {
            table: Some(table),
            cx,
            format,
            sizes,
            used: Use::Live,
            space: None,
            scope: Scope::Everywhere,
            _watched: watched,
        };
        machine.reload();
        machine
    }

    /// The format.
    pub const fn format(&self) -> P::Format {
        self.format
    }

    /// The tables.
    ///
    /// # Panics
    ///
    /// If they have been freed.
    pub fn table(&self) -> &P {
        self.table.as_ref().expect("the tables are there")
    }

    /// The context.
    pub const fn cx(&mut self) -> &mut Cx<'m, WordOf<P>> {
        &mut self.cx
    }

    /// The tables and the context, for operations between [`begin`](Self::begin) and [`end`](Self::end).
    ///
    /// # Panics
    ///
    /// If the tables have been freed.
    pub fn parts(&mut self) -> (&mut P, &mut Cx<'m, WordOf<P>>) {
        (self.table.as_mut().expect("the tables are there"), &mut self.cx)
    }

    fn state<R>(&self, use_state: impl FnOnce(&mut State) -> R) -> R {
        use_state(&mut self.cx.memory.shared.0.borrow_mut())
    }

    /// What the tables are used for from now on: told to the tables and to the simulation.
    pub fn set_use(&mut self, used: Use) {
        self.used = used;
        self.parts().0.set_use(used);
        self.reload();
        if used == Use::Offline {
            self.state(State::forget_all);
        }
    }

    /// The address space of the tables, likewise.
    pub fn set_space(&mut self, space: Option<u32>) {
        self.space = space;
        self.parts().0.tree_mut().set_space(space);
        self.reload();
    }

    /// Which processors use the tables, likewise: only this one, or all.
    pub fn set_scope(&mut self, scope: Scope) {
        self.scope = scope;
        self.parts().0.tree_mut().set_scope(scope);
        self.reload();
    }

    /// Walkers start from the root, which may be another one than before.
    pub fn reload(&mut self) {
        let root = self.table().root().get();
        let cpus = if self.scope == Scope::Local { ONLY_THIS } else { u32::MAX };
        let (space, live) = (self.space, self.used != Use::Offline);
        self.state(|state| state.load(root, space, cpus, live));
    }

    /// Walkers start from the root of another tree, too.
    pub fn load(&self, root: Oa, space: Option<u32>) {
        self.state(|state| state.load(root.get(), space, u32::MAX, true));
    }

    /// Walkers no longer start from this root. What it led to they may still hold.
    pub fn unload(&self, root: Oa) {
        self.state(|state| state.unload(root.get()));
    }

    /// An operation begins: the log is empty, and nothing but what `expects` declares may happen.
    pub fn begin(&mut self, mut expects: Vec<Expect>) {
        let breaking = self.used == Use::Elsewhere && self.state(|state| state.oracle.breaks());
        if breaking {
            // What is around a leaf that is broken may be absent meanwhile, too, and is the same again when it is done.
            expects.push(Expect::same(VaRange::inclusive(self.va(0), self.va(self.last()))));
        }
        self.state(|state| state.begin(expects, breaking));
    }

    /// The operation has been done, and what it returned has perhaps not been flushed yet.
    ///
    /// # Panics
    ///
    /// If an invariant is broken.
    #[track_caller]
    pub fn end(&mut self) {
        self.done();
        self.check();
    }

    /// As [`end`](Self::end), but what is broken is only noted.
    pub fn done(&mut self) {
        self.state(State::done);
    }

    /// The operation has failed, and everything has to be as it was when it began; likewise only noted.
    pub fn failed(&mut self) {
        self.state(State::failed);
    }

    /// What the operations that have been done owed has been flushed.
    ///
    /// # Panics
    ///
    /// If something may still be held.
    #[track_caller]
    pub fn assert_flushed(&self) {
        self.flushed();
        self.check();
    }

    /// As [`assert_flushed`](Self::assert_flushed), but what is broken is only noted.
    pub fn flushed(&self) {
        self.state(State::check_flushed);
    }

    /// Runs an operation, flushes what it returns, and checks that it has done what `expects` declares, or that it has failed
    /// and has left everything as it was.
    ///
    /// # Errors
    ///
    /// Those of the operation.
    ///
    /// # Panics
    ///
    /// If an invariant is broken.
    #[track_caller]
    pub fn run<E>(
        &mut self,
        expects: Vec<Expect>,
        operation: impl FnOnce(&mut P, &mut Cx<'m, WordOf<P>>) -> Result<Unflushed<P::Format>, E>,
    ) -> Result<(), E> {
        let violations = self.watch(expects, operation);
        self.check();
        violations
    }

    /// As [`run`](Self::run), but what is broken is only noted.
    ///
    /// # Errors
    ///
    /// Those of the operation.
    pub fn watch<E>(
        &mut self,
        expects: Vec<Expect>,
        operation: impl FnOnce(&mut P, &mut Cx<'m, WordOf<P>>) -> Result<Unflushed<P::Format>, E>,
    ) -> Result<(), E> {
        self.begin(expects);
        let (table, cx) = self.parts();
        match operation(table, cx) {
            Ok(unflushed) => {
                unflushed.flush(cx);
                self.state(|state| {
                    state.check_flushed();
                    state.done();
                });
                Ok(())
            }
            Err(error) => {
                self.state(State::failed);
                Err(error)
            }
        }
    }

    /// Nothing has been broken.
    ///
    /// # Panics
    ///
    /// If something has, with its name and the last events.
    #[track_caller]
    pub fn check(&self) {
        let text = self.state(|state| {
            let first = state.violations.first()?;
            let more = state.violations.len() - 1;
            let more = if more == 0 { String::new() } else { format!("\n(and {more} more)") };
            Some(format!("{first}{more}\nafter:\n{}", state.log.tail(first.at)))
        });
        if let Some(text) = text {
            // What is being tested is wrong already: no use in saying that its tables are lost, too.
            panic!("{} of {}: {text}", std::any::type_name::<P>(), P::Format::NAME);
        }
    }

    /// What has been broken so far, which is forgotten.
    pub fn violations(&self) -> Vec<Violation> {
        self.state(|state| std::mem::take(&mut state.violations))
    }

    /// What was broken first is this.
    ///
    /// # Panics
    ///
    /// If it is something else, or nothing was.
    #[track_caller]
    pub fn assert_broken(&self, invariant: Invariant) {
        let found = self.violations();
        let first = found.first().map(|violation| violation.invariant);
        assert!(first == Some(invariant), "expected {invariant} to be broken, found {found:#?}");
    }

    /// Looks at the log.
    pub fn log<R>(&self, look: impl FnOnce(&Log) -> R) -> R {
        self.state(|state| look(&state.log))
    }

    /// Nothing may be allocated while `action` runs.
    pub fn without_allocation<R>(&mut self, action: impl FnOnce(&mut Self) -> R) -> R {
        self.state(|state| state.banned = true);
        let result = action(self);
        self.state(|state| state.banned = false);
        result
    }

    /// Whether nothing may be allocated from now on.
    pub fn ban_allocations(&self, banned: bool) {
        self.state(|state| state.banned = banned);
    }

    /// So many more allocations work, then none; all, if none is said.
    pub fn limit_allocations(&self, allocations: Option<usize>) {
        self.state(|state| state.limit(allocations));
    }

    /// So many readers may be in the tables at any time, without a lock.
    pub fn set_readers(&self, readers: usize) {
        self.state(|state| state.readers = readers);
    }

    /// Pages are given back.
    ///
    /// # Panics
    ///
    /// If something may still translate to them.
    #[track_caller]
    pub fn free_data(&self, oa: impl Into<Oa>, bytes: u64) {
        self.data_freed(oa, bytes);
        self.check();
    }

    /// As [`free_data`](Self::free_data), but what is broken is only noted.
    pub fn data_freed(&self, oa: impl Into<Oa>, bytes: u64) {
        let oa = oa.into().get();
        self.state(|state| state.free_data(oa, bytes));
    }

    /// The machine accesses `va` and records that in the leaf. Returns whether there was something to record.
    pub fn touch(&self, va: u64, write: bool) -> bool {
        let found = self.state(|state| state.recording(va, write));
        found.is_some_and(|(word, new)| {
            self.cx.memory.poke(word, new);
            self.state(|state| state.recorded(word, new));
            true
        })
    }

    /// The bits that are software's in leaves of whatever size, as they stand in the word.
    pub fn software(&self) -> u64 {
        self.state(|state| state.oracle.software())
    }

    /// Software's bits in the leaf that translates `va` become `bits`; what software writes there is nobody else's concern.
    ///
    /// # Panics
    ///
    /// If nothing translates `va`, or that is not so.
    #[track_caller]
    pub fn mark(&mut self, va: u64, bits: u64) {
        let found = self.state(|state| state.marked(va, bits));
        let Some((address, old, new)) = found else { panic!("{va:#x} is not mapped") };
        self.begin(Vec::new());
        let word = <P::Format as Format>::Word::truncate;
        assert_eq!(self.cx.memory.exchange(address, word(old), word(new)), Ok(()));
        self.cx.memory.clean(Oa::new(address), 1 << <P::Format as Format>::Word::BYTES_LG2);
        self.end();
    }

    /// From now on, the machine sometimes records an access just before a word is exchanged.
    pub fn interfere(&self, seed: u64) {
        self.state(|state| state.interfere(seed));
    }

    /// From now on, it does so only by [`touch`](Self::touch).
    pub fn settle(&self) {
        self.state(State::settle);
    }

    /// How many frames are handed out, by the number of the level.
    pub fn frames(&self) -> [usize; 8] {
        self.state(|state| state.out())
    }

    /// Every frame that is handed out is a table that walkers get to.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    pub fn assert_balanced(&self) {
        let (out, reachable) = self.state(|state| (state.out(), state.reachable()));
        assert!(out == reachable, "{out:?} frames are handed out, by level, but walkers get to {reachable:?}");
    }

    /// Every word of every table that walkers get to, by address.
    pub fn words(&self) -> Vec<(u64, u64)> {
        self.state(|state| state.words())
    }

    /// What a range is translated to now, to be compared with later.
    pub fn snapshot(&self, range: impl Into<VaRange>) -> Snapshot {
        self.state(|state| state.snapshot(0, range.into()))
    }

    /// Whether all that a snapshot says was translated as the other one says, or has been recorded in runs since.
    pub fn is_like(&self, now: &Snapshot, before: &Snapshot) -> bool {
        self.state(|state| {
            let mut same = now == before;
            if !same && state.oracle.records_in_runs() {
                same = true;
                let last = state.oracle.last();
                before.0.each(0, last, |first, last, was| {
                    now.0.each(first, last, |at, _, is| {
                        let was = was.map(|was| was.further(at - first));
                        same &= was == is || state.oracle.gained(was, is);
                    });
                });
            }
            same
        })
    }

    /// Whether nothing in a range is translated.
    pub fn is_free(&self, range: impl Into<VaRange>) -> bool {
        self.state(|state| state.is_free(range.into()))
    }

    /// How many stretches TLBs and walk caches may hold that the tables do not say any more.
    pub fn stale(&self) -> usize {
        self.state(|state| state.stale())
    }

    /// Processors forget all that the tables do not say any more.
    pub fn forget_all(&self) {
        self.state(State::forget_all);
    }

    /// Gives the tables back. No frame may be missing then.
    ///
    /// # Panics
    ///
    /// If an invariant is broken.
    #[track_caller]
    pub fn finish(mut self) {
        self.begin(Vec::new());
        if let Some(table) = self.table.take() {
            let root = table.root();
            self.unload(root);
            let freed = table.free(&mut self.cx);
            assert!(freed.is_ok(), "{freed:?}");
        }
        self.check();
        let out = self.frames();
        assert!(out == [0; 8], "{out:?} frames are missing, by level");
    }

    // What operations are declared to do, in the terms of the format.

    /// The range is mapped to `oa` and up with these attributes.
    pub fn mapped(&self, range: impl Into<VaRange>, oa: impl Into<Oa>, attributes: &AttributesOf<P>) -> Expect {
        let attributes = *attributes;
        Expect::mapped(range, oa, move |said| says::<P::Format>(said, &attributes))
    }

    /// Likewise, but what was recorded before in leaves with the same OA may be said, too.
    pub fn mapped_or_recorded(
        &self,
        range: impl Into<VaRange>,
        oa: impl Into<Oa>,
        attributes: &AttributesOf<P>,
    ) -> Expect {
        let attributes = *attributes;
        Expect::mapped(range, oa, move |said| {
            let mut wanted = attributes;
            let now = attributes_of::<P::Format>(said);
            for (index, info) in <AttributesOf<P> as Attributes>::FIELDS.iter().enumerate() {
                if matches!(info.name, "accessed" | "dirty") && wanted.get(index) == 0 {
                    wanted.set(index, now.get(index));
                }
            }
            says::<P::Format>(said, &wanted)
        })
    }

    /// Nothing in the range is mapped any more.
    pub fn unmapped(&self, range: impl Into<VaRange>) -> Expect {
        Expect::unmapped(range)
    }

    /// What is mapped in the range is changed.
    pub fn protected(&self, range: impl Into<VaRange>, change: &ChangeOf<P>) -> Expect {
        let change = *change;
        let loose = self.state(|state| state.loose);
        Expect::changed(range, move |before, now| {
            let old = attributes_of::<P::Format>(before);
            let mut wanted = change.revise(&old);
            for (index, info) in <AttributesOf<P> as Attributes>::FIELDS.iter().enumerate() {
                // What was recorded on the way, and not said to be otherwise, may be there, too.
                let is_record = loose && matches!(info.name, "accessed" | "dirty");
                if is_record && wanted.get(index) == old.get(index) && old.get(index) == 0 {
                    wanted.set(index, attributes_of::<P::Format>(now).get(index));
                }
            }
            says::<P::Format>(now, &wanted)
        })
    }

    // Geometry.

    /// The VA of a position: of its translated bits.
    pub fn va(&self, position: u64) -> u64 {
        self.format.extend(position)
    }

    /// The last position.
    pub fn last(&self) -> u64 {
        self.state(|state| state.oracle.last())
    }

    /// Of each level, from the root down: the lowest bit of a position that indexes its tables, and how many bits do.
    pub fn levels(&self) -> Vec<(u32, u32)> {
        self.format.root(Levels(self.format))
    }

    /// All VA, those that are not canonical included.
    pub fn whole(&self) -> VaRange {
        VaRange::inclusive(self.va(0), self.va(self.last()))
    }

    /// A range with all of every leaf that may have a part in it.
    pub fn around(&self, range: VaRange) -> VaRange {
        let inner = self.sizes.last().map_or(0, |size| (1_u64 << size) - 1);
        let (start, last) = (range.start().get() & !inner, range.last().get() | inner);
        VaRange::inclusive(start, last.min(self.va(self.last())))
    }

    /// What the tables are used for.
    pub const fn in_use(&self) -> Use {
        self.used
    }

    /// How many bytes the smallest leaf translates.
    pub fn smallest(&self) -> u64 {
        1 << self.sizes[0]
    }

    /// Whether walkers do not look into caches, so that what is written has to be cleaned.
    pub fn cleans(&self) -> bool {
        self.state(|state| state.oracle.cleans())
    }

    /// lg2 of the sizes of leaves, from the smallest.
    pub fn sizes(&self) -> &[u32] {
        &self.sizes
    }
}

impl<P: PageTable> fmt::Debug for Machine<'_, P> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Machine({}, {:?}, {} stale)", P::Format::NAME, self.used, self.stale())
    }
}

/// What was said, in the terms of the format.
pub(crate) fn attributes_of<F: Format>(said: &Said) -> F::Attributes {
    let mut attributes = F::Attributes::default();
    for (index, info) in <F::Attributes as Attributes>::FIELDS.iter().enumerate() {
        if let Some(value) = said.attributes.get(info.name).and_then(|value| number(info.kind, value)) {
            attributes.set(index, value);
        }
    }
    attributes
}

/// Whether a leaf says these attributes, as far as it says any.
pub(crate) fn says<F: Format>(said: &Said, attributes: &F::Attributes) -> bool {
    <F::Attributes as Attributes>::FIELDS.iter().enumerate().all(|(index, info)| {
        let value = said.attributes.get(info.name).and_then(|value| number(info.kind, value));
        value.is_none_or(|value| value == attributes.get(index))
    })
}

/// A value as the format numbers it.
fn number(kind: AttributeKind, value: &Value) -> Option<u64> {
    match (kind, value) {
        (_, Value::Flag(flag)) => Some(u64::from(*flag)),
        (_, Value::Number(number) | Value::Unnamed(number)) => u64::try_from(*number).ok(),
        (AttributeKind::Choice(names), Value::Name(name)) => {
            names.iter().find(|(known, _)| known == name).map(|(_, number)| *number)
        }
        (_, Value::Name(_)) => None,
    }
}

/// lg2 of the bytes of the smallest table, and the sizes of leaves.
struct Geometry<F>(F);

impl<F: Format> RootVisitor<F> for Geometry<F> {
    type Output = (u32, Vec<u32>);

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        if L::IS_FLOOR {
            return (12, Vec::new());
        }
        let bytes_lg2 = L::index_bits(self.0) + F::Word::BYTES_LG2;
        let own = L::leaf_sizes(self.0);
        let (least, mut sizes) = self.visit::<L::Below>();
        sizes.extend(own.iter());
        sizes.sort_unstable();
        sizes.dedup();
        (least.min(bytes_lg2), sizes)
    }
}

/// The lowest bit that indexes each level, and how many bits do.
struct Levels<F>(F);

impl<F: Format> RootVisitor<F> for Levels<F> {
    type Output = Vec<(u32, u32)>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        if L::IS_FLOOR {
            return Vec::new();
        }
        let mut levels = vec![(L::shift(self.0), L::index_bits(self.0))];
        levels.extend(self.visit::<L::Below>());
        levels
    }
}
