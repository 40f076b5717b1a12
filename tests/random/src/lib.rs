//! Random sequences of operations on a simulated machine.
//!
//! The simulator judges every store, and after each operation that every address is translated as the operation is
//! declared to do it: its record of what was translated is the plain model. What is judged here beside that is that
//! operations succeed where nothing is in their way, fail only for reasons that they may have, take the frames that they
//! were planned to take, and that most of them have something to do: a [`Tally`] counts that for each kind.
//!
//! `PTGEN_SEED=n` says which sequence, `PTGEN_OPERATIONS=n` how many operations each format is given, all its bindings and
//! values together. A failure says how to repeat it. A new operation is a function in a file of `operations` and a line in
//! the table there.

mod attributes;
mod operations;
mod places;
mod runner;
mod tally;

use ptgen::PageTable;
pub use ptgen_cases::{Case, Decided};
use ptgen_simulator::simulate;

use runner::Runner;
pub use tally::{Count, Tally};

/// How many operations each format is given if nobody says otherwise: as many as all formats together have time for where
/// everything is tested. `PTGEN_OPERATIONS` says more.
const OPERATIONS: u64 = 50_000;

/// The bindings of each format on the list of cases, among which its operations are shared out.
const BINDINGS: u64 = 2;

/// The number of the sequence: `PTGEN_SEED`, or the one that is always run.
///
/// # Panics
///
/// If it is no number.
#[must_use]
pub fn seed() -> u64 {
    number("PTGEN_SEED").unwrap_or(1)
}

/// How many operations each format is given: `PTGEN_OPERATIONS`, or the usual number.
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

/// Runs the operations of one case, divided among its values, and prints what they did.
///
/// # Panics
///
/// If an invariant is broken, an operation fails that should not, or too few operations had something to do.
pub fn run_all<P: PageTable>(case: &Case, values: &[(P::Format, Decided)]) {
    let share = operations().div_ceil(BINDINGS * values.len() as u64);
    for (number, (format, decided)) in values.iter().enumerate() {
        let tally = run::<P>(*format, case, decided, seed() + number as u64, share);
        println!("{}, value {number}:\n{tally}", case.name);
        tally.assert_useful();
    }
}

/// Runs so many random operations on tables of one value of a case: each is one call of the runtime's that was judged.
///
/// # Panics
///
/// If an invariant is broken, or an operation fails that should not.
pub fn run<P: PageTable>(format: P::Format, case: &Case, decided: &Decided, seed: u64, operations: u64) -> Tally {
    let mut tally = Tally::default();
    simulate::<P>(format, case, decided, |machine| {
        let mut runner = Runner::new(machine, case, seed);
        for number in 0.. {
            if runner.performed() >= operations {
                break;
            }
            runner.step(number);
        }
        tally = runner.finish();
    });
    tally
}
