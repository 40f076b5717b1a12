//! Random sequences of operations on a simulated machine.
//!
//! The simulator judges every store, and after each operation that every address is translated as the operation is
//! declared to do it: its record of what was translated is the plain model. What is judged here beside that is that
//! operations succeed where nothing is in their way, and fail only for reasons that they may have.
//!
//! `PTGEN_SEED=n` repeats a run, `PTGEN_OPERATIONS=n` says how long it is for each format. A new operation is a function in
//! `operations.rs` and a line in its table.

mod attributes;
#[deny(warnings)]
pub mod cases;
mod operations;

use ptgen::{Error, Format, PageTable, Use, VaRange};
pub use ptgen_cases::{Case, Decided};
use ptgen_simulator::{Machine, simulate};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use operations::Operation;

/// How many operations each format is given if nobody says otherwise. Before a change lands, it is a million.
const OPERATIONS: u64 = 20_000;

/// All frames are looked for after so many operations.
const BALANCE: u64 = 512;

/// Tables are emptied after so many operations, so that they do not fill up.
const EMPTY: u64 = 400;

/// The number of the run: `PTGEN_SEED`, or one for today's tests.
///
/// # Panics
///
/// If it is no number.
#[must_use]
pub fn seed() -> u64 {
    number("PTGEN_SEED").unwrap_or(1)
}

/// How many operations each format is given: `PTGEN_OPERATIONS`.
///
/// # Panics
///
/// If it is no number.
#[must_use]
pub fn operations() -> u64 {
    number("PTGEN_OPERATIONS").unwrap_or(OPERATIONS)
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, not a number")))
}

/// Whether the engine cleans what it writes for walkers that do not look into caches. Without that, nothing works there.
const CLEANS: bool = false;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Operations that did what they were to do.
    pub done: u64,
    /// Operations that were refused, and left everything as it was.
    pub refused: u64,
    /// Operations that ran out of frames, likewise.
    pub starved: u64,
    /// Accesses that the machine recorded.
    pub touched: u64,
}

/// Runs so many random operations on tables of one value of a case.
///
/// # Panics
///
/// If an invariant is broken or an operation fails that should not.
pub fn run<P: PageTable>(format: P::Format, case: &Case, decided: &Decided, seed: u64, operations: u64) -> Tally {
    let mut tally = Tally::default();
    simulate::<P>(format, case, decided, |machine| {
        if machine.cleans() && !CLEANS {
            println!("NOT RUN: {}, whose walkers do not look into caches", case.name);
            return;
        }
        let mut runner = Runner::new(machine, seed);
        for number in 0..operations {
            runner.number = number;
            runner.step();
        }
        tally = runner.tally;
        runner.machine.finish();
    });
    tally
}

/// A run.
pub(crate) struct Runner<'m, P: PageTable> {
    pub(crate) machine: Machine<'m, P>,
    pub(crate) rng: StdRng,
    pub(crate) attributes: Vec<<P::Format as Format>::Attributes>,
    pub(crate) tally: Tally,
    /// How often each operation is wanted, all together.
    weight: u32,
    table: Vec<Operation<P>>,
    shape: Shape,
    seed: u64,
    number: u64,
}

/// The geometry of a format, in numbers.
#[derive(Clone, Debug)]
struct Shape {
    /// The last position.
    last: u64,
    /// Where each level's slots have boundaries that many tables share.
    boundaries: Vec<u64>,
}

/// Says what was being done if a panic goes by.
struct Here {
    name: &'static str,
    seed: u64,
    number: u64,
}

impl Drop for Here {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("operation {} of PTGEN_SEED={}: {}", self.number, self.seed, self.name);
        }
    }
}

impl<'m, P: PageTable> Runner<'m, P> {
    fn new(machine: Machine<'m, P>, seed: u64) -> Self {
        let format = machine.format();
        let last = machine.last();
        let boundaries = machine.levels().iter().map(|(shift, bits)| 1_u64 << (shift + bits - 1)).collect();
        let attributes = attributes::encodable(format);
        assert!(!attributes.is_empty(), "there is something that every leaf can say");
        let table = operations::table::<P>();
        let weight = table.iter().map(|operation| operation.weight).sum();
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = StdRng::from_seed(bytes);
        let shape = Shape { last, boundaries };
        Self { machine, rng, attributes, tally: Tally::default(), weight, table, shape, seed, number: 0 }
    }

    fn step(&mut self) {
        let mut at = self.rng.random_range(0..self.weight);
        let found = self.table.iter().find(|operation| match at.checked_sub(operation.weight) {
            None => true,
            Some(left) => {
                at = left;
                false
            }
        });
        let Operation { name, act, .. } = *found.expect("the weights add up");
        let _here = Here { name, seed: self.seed, number: self.number };
        act(self);
        if self.number % EMPTY == EMPTY - 1 {
            operations::empty(self);
        }
        if self.number.is_multiple_of(BALANCE) {
            self.machine.assert_balanced();
        }
        if self.machine.stale() > 256 {
            self.machine.forget_all();
        }
    }

    /// Whether something of this chance (in 100) happens.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    /// One of some things.
    pub(crate) fn one_of<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.rng.random_range(0..things.len())]
    }

    /// A range of VA, and the leaf size that it is made of: mostly near boundaries of tables, mostly short.
    pub(crate) fn range(&mut self) -> (VaRange, u32) {
        let sizes = self.machine.sizes().to_vec();
        let smallest = sizes[0];
        // Small leaves more often than large ones.
        let unit = sizes[self.rng.random_range(0..sizes.len()).min(self.rng.random_range(0..sizes.len()))];
        let last = self.shape.last;
        let zone = self.rng.random_range(0..self.shape.boundaries.len() + 2);
        let bytes = 1_u64 << unit;
        let base = match zone {
            0 => 0,
            1 => last - (bytes.saturating_mul(6) - 1).min(last),
            n => self.shape.boundaries[n - 2].min(last) & !(bytes - 1),
        };
        let base = if zone >= 2 { base.saturating_sub(2 * bytes) } else { base };
        let mut first = base + self.rng.random_range(0..4) * bytes;
        let mut length = self.rng.random_range(1..=4) * bytes;
        if self.chance(25) {
            first += self.rng.random_range(0..20_u64) << smallest;
        }
        if self.chance(25) {
            length = (length & (bytes - 1)) + (self.rng.random_range(1..=20_u64) << smallest);
        }
        let first = first.min(last & !((1 << smallest) - 1));
        let end = first.saturating_add(length - 1).min(last);
        // Not across the hole in the middle of the address space.
        let (start, stop) = (self.machine.va(first), self.machine.va(end));
        if stop.wrapping_sub(start) == end - first {
            return (VaRange::inclusive(start, stop), unit);
        }
        let end = first | ((1 << smallest) - 1);
        (VaRange::inclusive(start, self.machine.va(end)), smallest)
    }

    /// An OA that fits a range: mostly as aligned as its VA.
    pub(crate) fn oa(&mut self, range: VaRange) -> u64 {
        let most = self.machine.sizes().last().copied().unwrap_or(12).min(32);
        let inner = if self.chance(85) { (1 << most) - 1 } else { (1 << self.machine.sizes()[0]) - 1 };
        let chosen = self.rng.random_range(0..4_u64) << most;
        let more = if inner >> most == 0 && self.chance(15) { self.rng.random_range(0..8) << 21 } else { 0 };
        let smallest = self.machine.smallest() - 1;
        (chosen + more + (range.start().get() & inner & !smallest)) & (self.machine.format().output_last() >> 1)
    }

    /// What became of an operation, and whether it may have.
    pub(crate) fn count(&mut self, result: Result<(), Error>) {
        match result {
            Ok(()) => self.tally.done += 1,
            Err(Error::OutOfFrames) => self.tally.starved += 1,
            Err(_) => self.tally.refused += 1,
        }
    }

    /// Another use of the tables.
    pub(crate) fn reuse(&mut self) {
        let used = self.one_of(&[Use::Live, Use::Elsewhere, Use::Elsewhere, Use::Offline]);
        self.machine.set_use(used);
    }
}
