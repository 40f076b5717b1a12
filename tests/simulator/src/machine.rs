//! A machine with tables, for tests.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use ptgen::{
    AttributeKind, Attributes, Change, Context, Format, Level, Memory, Oa, PageTable, RootVisitor, Scope, Tree,
    Unflushed, Use, VaRange, Word,
};
use ptgen_cases::{Case, Decided};
use ptgen_cells::{Watched, observe};

use ptdsl::walk::Value;

use crate::expect::Expect;
use crate::judge::Judge;
use crate::memory::Simulator;
use crate::moment::Hook;
use crate::oracle::{Oracle, Said};
use crate::state::{ONLY_THIS, Shared, State};
use crate::violation::Invariant;

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
    judge: Judge,
    format: P::Format,
    sizes: Vec<u32>,
    used: Use,
    space: Option<u32>,
    scope: Scope,
    case: Case,
    larger: Option<(P::Format, Decided)>,
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
        let start = words.as_ptr().addr();
        let state = State::new(oracle, WordOf::<P>::BYTES_LG2, BASE, start, count, granule_lg2);
        let shared = Rc::new(Shared(RefCell::new(state), Hook::default()));
        words.fill(WordOf::<P>::truncate(shared.0.borrow().poison()));
        let cells = WordOf::<P>::cells(words).expect("words are aligned");
        let simulator = Simulator::new(cells, shared.clone());
        let watched = observe(shared);
        let judge = Judge::new::<P>(simulator.shared.clone());
        let mut cx = Context::new(simulator.clone(), simulator.clone(), simulator);
        let table = P::new_in(&mut cx, format).expect("there is room for a root");
        let mut machine = Self {
            table: Some(table),
            cx,
            judge,
            format,
            sizes,
            used: Use::Live,
            space: None,
            scope: Scope::Everywhere,
            case: *case,
            larger: None,
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

    /// The tables as a reader beside sees them, who looks at them and does nothing else.
    #[expect(unsafe_code, reason = "a second look at the same tables")]
    pub fn reader(&self) -> Tree<P::Format> {
        // SAFETY: simulated memory checks every address, and scenarios only read through this.
        unsafe { Tree::from_root(self.format, self.table().root()) }
    }

    /// Who watches, for when the tables are somebody else's.
    pub fn judge(&self) -> Judge {
        self.judge.clone()
    }

    /// What the tables are used for from now on: told to the tables and to the simulation.
    pub fn set_use(&mut self, used: Use) {
        self.used = used;
        self.parts().0.set_use(used);
        self.reload();
        self.state(|state| state.elsewhere = used == Use::Elsewhere);
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

    /// Which value of the format has one level more.
    pub fn set_larger(&mut self, larger: Option<(P::Format, Decided)>) {
        self.larger = larger;
    }

    /// From now on, a root of the larger format may be put above the one that there is: walkers know its levels. To be called
    /// before anything is mapped. Returns that format; when there is such a root, [`grown`](Self::grown) says so.
    ///
    /// # Panics
    ///
    /// If there is no larger format, or something has been mapped.
    pub fn will_grow(&mut self) -> P::Format {
        let (larger, decided) = self.larger.expect("there is a larger format");
        let oracle = Oracle::new(self.case.model(&decided), decided.range);
        let (granule_lg2, _) = larger.root(Geometry(larger));
        self.state(|state| state.enlarge(oracle, granule_lg2));
        self.reload();
        larger
    }

    /// The root is one of the larger format now. Walkers start from it, and from the one before as well.
    pub fn grown(&mut self) {
        if let Some((larger, _)) = self.larger.take() {
            self.format = larger;
            self.sizes = larger.root(Geometry(larger)).1;
        }
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

    /// Nothing may be allocated while `action` runs.
    pub fn without_allocation<R>(&mut self, action: impl FnOnce(&mut Self) -> R) -> R {
        self.ban_allocations(true);
        let result = action(self);
        self.ban_allocations(false);
        result
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
        assert!(out == [0; 8], "{}: {out:?} frames are missing, by level", Invariant::I12Balance);
    }

    // What operations are declared to do, in the terms of the format.

    /// The range is mapped to `oa` and up with these attributes.
    pub fn mapped(&self, range: impl Into<VaRange>, oa: impl Into<Oa>, attributes: &AttributesOf<P>) -> Expect {
        Expect::mapped_as::<P::Format>(range, oa, attributes)
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

impl<P: PageTable> Deref for Machine<'_, P> {
    type Target = Judge;

    fn deref(&self) -> &Judge {
        &self.judge
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
