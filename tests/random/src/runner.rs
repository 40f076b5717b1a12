//! What all operations of a run have in common.

use ptgen::{Batch, Change, Context, Error, Format, Frames, PageTable, Request, Tree, Unflushed, Use, VaRange};
use ptgen_simulator::{Case, Expect, Log, Machine, Simulator};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::attributes;
use super::operations::{self, Operation};
use super::places::{Known, Shape};
use super::tally::Tally;

/// All frames are looked for after so many operations.
const BALANCE: u64 = 512;

/// Tables are emptied after so many operations, so that they do not fill up.
const EMPTY: u64 = 160;

/// So many stale stretches are remembered before all processors forget them.
const STALE: usize = 128;

/// The words of a format.
pub(crate) type WordOf<P> = <<P as PageTable>::Format as Format>::Word;
/// The attributes of a format.
pub(crate) type AttributesOf<P> = <<P as PageTable>::Format as Format>::Attributes;
/// The changes of a format's attributes.
pub(crate) type ChangeOf<P> = <<P as PageTable>::Format as Format>::Change;

/// The context that every operation is given: where its frames come from is not a matter of type, so that operations are
/// compiled once.
pub(crate) type Cx<'m, 'f, W> = Context<Simulator<'m, W>, &'f mut dyn Frames, Simulator<'m, W>>;

/// An operation on tables.
pub(crate) type Act<'a, 'm, P> =
    &'a mut dyn FnMut(&mut P, &mut Cx<'m, '_, WordOf<P>>) -> Result<Unflushed<<P as PageTable>::Format>, Error>;

/// A run.
pub(crate) struct Runner<'m, P: PageTable> {
    pub(crate) machine: Machine<'m, P>,
    /// Another tree in the same memory, empty but for tables that it shares with the first for a while.
    pub(crate) other: Tree<P::Format>,
    pub(crate) rng: StdRng,
    pub(crate) attributes: Vec<AttributesOf<P>>,
    pub(crate) changes: Vec<ChangeOf<P>>,
    pub(crate) shape: Shape,
    pub(crate) known: Known,
    /// What has been put off.
    pub(crate) batch: PutOff<P::Format>,
    /// Whether what operations owe may be put off.
    pub(crate) may_defer: bool,
    /// Whether some tables are pinned.
    pub(crate) has_pinned: bool,
    /// Whether the machine records accesses while operations run.
    pub(crate) interferes: bool,
    tally: Tally,
    /// How many operations of the runtime have been judged.
    performed: u64,
    table: Vec<Operation<P>>,
    /// How often each operation is wanted, all together.
    weight: u32,
    case: Case,
    seed: u64,
}

/// What has been put off. Where a panic goes by, it is not the thing to complain about.
pub(crate) struct PutOff<F: Format>(Batch<F>);

impl<F: Format> Drop for PutOff<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::mem::forget(self.0.take());
        }
    }
}

/// Says what was being done if a panic goes by.
struct Here {
    name: &'static str,
    case: &'static str,
    part: &'static str,
    seed: u64,
    number: u64,
}

impl Drop for Here {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { name, case, seed, number, .. } = self;
            let package = format!("ptgen-simulated-{}", self.part);
            let (base, operations) = (super::seed(), super::operations());
            eprintln!(
                "step {number} of the sequence {seed} was `{name}`; to repeat it:\n    \
                 PTGEN_SEED={base} PTGEN_OPERATIONS={operations} cargo test -p {package} --test random {case}"
            );
        }
    }
}

impl<'m, P: PageTable> Runner<'m, P> {
    pub(crate) fn new(mut machine: Machine<'m, P>, case: &Case, seed: u64) -> Self {
        let format = machine.format();
        let attributes = attributes::encodable(format);
        assert!(!attributes.is_empty(), "there is something that every leaf can say");
        let table = operations::table::<P>();
        let weight = table.iter().map(|operation| operation.weight).sum();
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let sizes = machine.sizes().len();
        let shape = Shape::new(machine.sizes(), &machine.levels(), machine.last());
        let other = Tree::new(machine.cx(), format).expect("there is room for another root");
        machine.load(other.root(), None);
        Self {
            machine,
            other,
            rng: StdRng::from_seed(bytes),
            attributes,
            changes: attributes::changes::<P::Format>(),
            shape,
            known: Known::default(),
            batch: PutOff(Batch::new()),
            may_defer: true,
            has_pinned: false,
            interferes: false,
            tally: Tally::new(sizes),
            performed: 0,
            table,
            weight,
            case: *case,
            seed,
        }
    }

    /// How many operations of the runtime have been done or refused, and judged.
    pub(crate) const fn performed(&self) -> u64 {
        self.performed
    }

    /// Does the next thing: one operation, or some that belong together.
    pub(crate) fn step(&mut self, number: u64) {
        let mut at = self.rng.random_range(0..self.weight);
        let found = self.table.iter().find(|operation| match at.checked_sub(operation.weight) {
            None => true,
            Some(left) => {
                at = left;
                false
            }
        });
        let Operation { name, act, .. } = *found.expect("the weights add up");
        let here = Here { name, case: self.case.name, part: self.case.part(), seed: self.seed, number };
        self.interferes = self.chance(30);
        if self.interferes {
            self.machine.interfere(self.rng.random());
        } else {
            self.machine.settle();
        }
        let result = act(self);
        self.tally.add(name, result);
        if number % EMPTY == EMPTY - 1 {
            self.empty();
        }
        if number.is_multiple_of(BALANCE) {
            self.flush_all();
            self.machine.assert_balanced();
        }
        if self.machine.stale() > STALE {
            self.flush_all();
            self.machine.forget_all();
        }
        drop(here);
    }

    /// Gives everything back.
    pub(crate) fn finish(mut self) -> Tally {
        self.empty();
        let Self { mut machine, other, tally, .. } = self;
        machine.begin(Vec::new());
        machine.unload(other.root());
        machine.forget_all();
        other.free(machine.cx()).expect("all tables can be reached");
        machine.finish();
        tally
    }

    /// Whether something of this chance (in 100) happens.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    /// One of some things.
    pub(crate) fn one_of<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.rng.random_range(0..things.len())]
    }

    /// Attributes: mostly the same ones, so that neighbours agree.
    pub(crate) fn some_attributes(&mut self) -> AttributesOf<P> {
        let number = if self.chance(50) { 0 } else { self.rng.random_range(0..self.attributes.len()) };
        self.attributes[number]
    }

    /// A change, mostly one that makes a difference for the leaf at the start of a range.
    pub(crate) fn some_change(&mut self, range: VaRange) -> ChangeOf<P> {
        let memory = self.machine.cx().memory.clone();
        let leaf = self.machine.table().lookup(&memory, range.start());
        let said = leaf.ok().map(|leaf| leaf.own_attributes());
        let mut change = self.changes[self.rng.random_range(0..self.changes.len())];
        for _ in 0..4 {
            if said.is_some_and(|said| change.revise(&said) != said) {
                break;
            }
            change = self.changes[self.rng.random_range(0..self.changes.len())];
        }
        change
    }

    /// Flushes what has been put off.
    pub(crate) fn flush_all(&mut self) {
        if let Some(unflushed) = self.batch.0.take() {
            unflushed.flush(self.machine.cx());
        }
        self.machine.assert_flushed();
    }

    /// Flushes what has been put off, if any of it has to do with a range.
    pub(crate) fn claim(&mut self, range: VaRange) {
        if !self.batch.0.is_empty() && self.batch.0.claim(self.machine.around(range)).is_err() {
            self.flush_all();
        }
    }

    /// Sometimes, there are few frames.
    pub(crate) fn starve(&mut self) -> bool {
        let starves = self.chance(8);
        if starves {
            let left = self.rng.random_range(0..4_usize);
            self.machine.limit_allocations(Some(left));
        }
        starves
    }

    /// Does something with frames from `frames`, or else from the machine's. Returns whether it has changed anything. What
    /// it owes is flushed, or put off.
    pub(crate) fn perform(
        &mut self,
        expects: Vec<Expect>,
        frames: Option<&mut dyn Frames>,
        act: Act<'_, 'm, P>,
    ) -> Result<bool, Error> {
        self.performed += 1;
        let defers = frames.is_none() && self.may_defer && self.chance(20);
        let simulator = self.machine.cx().memory.clone();
        let (mut own, tlb) = (simulator.clone(), simulator.clone());
        let frames: &mut dyn Frames = match frames {
            Some(frames) => frames,
            None => &mut own,
        };
        let mut cx = Context::new(simulator, frames, tlb);
        self.machine.begin(expects);
        let result = act(self.machine.parts().0, &mut cx);
        let is_done = result.is_ok();
        match result {
            Ok(unflushed) => {
                if defers || !self.batch.0.is_empty() {
                    self.batch.0.push(unflushed, &cx.memory);
                } else {
                    unflushed.flush(&mut cx);
                    self.machine.flushed();
                }
                self.machine.done();
                let stores = self.machine.log(Log::stores);
                self.machine.check();
                if !defers && is_done {
                    self.flush_all();
                }
                Ok(stores > 0)
            }
            Err(error) => {
                self.machine.failed();
                self.machine.check();
                Err(error)
            }
        }
    }

    /// Does what `request` says on `range`: at once, or planned and with the frames that the plan has taken. Some of the
    /// time frames are few, and some of the time only a part of the tables may be changed.
    pub(crate) fn request(
        &mut self,
        expects: Vec<Expect>,
        range: VaRange,
        request: &Request<'_, P::Format>,
    ) -> Result<bool, Error> {
        self.claim(range);
        let way = self.rng.random_range(0..100);
        if way >= 30 {
            let starves = self.starve();
            let owned = if way >= 90 { self.owned(range) } else { None };
            let result = self.perform(expects, None, &mut |table, cx| {
                let mut whole = table.tree_mut().range_mut();
                match owned {
                    None => whole.commit(cx, range, request),
                    Some((at, above)) => {
                        let (mut low, mut high) = whole.split_at(at)?;
                        if above { high.commit(cx, range, request) } else { low.commit(cx, range, request) }
                    }
                }
            });
            self.machine.limit_allocations(None);
            assert!(starves || result != Err(Error::OutOfFrames), "{request:?} of {range:?}: there are frames");
            return result;
        }
        let memory = self.machine.cx().memory.clone();
        let planned = self.machine.parts().0.tree_mut().plan(&memory, range, request);
        let plan = match planned {
            Ok(plan) => plan,
            Err(error) => {
                let result = self
                    .perform(expects, None, &mut |table, cx| table.tree_mut().range_mut().commit(cx, range, request));
                assert_eq!(result, Err(error), "{request:?} of {range:?}: the plan has said {error:?}");
                return result;
            }
        };
        if way >= 20 {
            // The plan is only a plan.
            let result =
                self.perform(expects, None, &mut |table, cx| table.tree_mut().range_mut().commit(cx, range, request));
            assert!(result.is_ok(), "{request:?} of {range:?}: {result:?}, and the plan was {plan:?}");
            return result;
        }
        self.flush_all();
        let starves = self.starve();
        let reserved = plan.reserve(self.machine.cx());
        self.machine.limit_allocations(None);
        let mut reservation = match reserved {
            Ok(reservation) => reservation,
            Err(error) => {
                assert!(starves && error == Error::OutOfFrames, "{plan:?} is reserved: {error:?}");
                return Err(error);
            }
        };
        assert_eq!(reservation.total(), plan.total(), "a plan reserves what it says");
        let result = self.reserved(expects, &mut reservation, &mut |table, cx| {
            table.tree_mut().range_mut().commit(cx, range, request)
        });
        assert!(result.is_ok(), "{request:?} of {range:?}: {result:?}, with {plan:?} reserved");
        reservation.release(&mut self.machine.cx().frames);
        result
    }

    /// Does something with reserved frames, where nothing may be allocated.
    pub(crate) fn reserved(
        &mut self,
        expects: Vec<Expect>,
        frames: &mut dyn Frames,
        act: Act<'_, 'm, P>,
    ) -> Result<bool, Error> {
        self.machine.ban_allocations(true);
        let result = self.perform(expects, Some(frames), act);
        self.machine.ban_allocations(false);
        result
    }

    /// A place to divide the tables at, and whether the part above it is owned; now and then `range` is not all in it.
    fn owned(&mut self, range: VaRange) -> Option<(u64, bool)> {
        let (start, last) = (range.start().get(), range.last().get());
        let (at, above) = match self.rng.random_range(0..5) {
            0 | 1 => (start, true),
            2 | 3 => (last.checked_add(1)?, false),
            _ => (start.checked_add(self.page())?, self.chance(50)),
        };
        let all: Vec<VaRange> = self.machine.table().ranges().collect();
        let first = all.first().map_or(0, |range| range.start().get());
        all.iter().any(|part| part.start().get() <= at && at <= part.last().get() && at != first).then_some((at, above))
    }

    /// Everything is unmapped, and no table but the roots is left.
    pub(crate) fn empty(&mut self) {
        self.flush_all();
        let before = self.machine.in_use();
        if before == Use::Live {
            self.machine.set_use(Use::Elsewhere);
        }
        let ranges: Vec<VaRange> = self.machine.table().ranges().collect();
        for range in ranges {
            let expects = vec![self.machine.unmapped(range)];
            self.may_defer = false;
            operations::unpin_all(self, range);
            let result = self.perform(expects, None, &mut |table, cx| {
                table.tree_mut().range_mut().commit(cx, range, &Request::Unmap(ptgen::Unmap::everything()))
            });
            self.may_defer = true;
            assert!(result.is_ok(), "everything can be unmapped: {result:?}");
            assert!(self.machine.is_free(range), "and is");
        }
        let frames: usize = self.machine.frames().iter().sum();
        assert_eq!(frames, 2, "only the roots are left");
        self.known.clear();
        self.has_pinned = false;
        self.machine.set_use(before);
    }

    /// The bytes of the smallest leaf.
    pub(crate) fn page(&self) -> u64 {
        self.machine.smallest()
    }
}
