//! Pieces of work that show mistakes which no scenario does. All of them pass where no mistake is made.

mod leaves;
mod tables;

use ptgen::{Attributes, Error, PageTable};
use ptgen_scenarios::{AttributesOf, Facts, Verdict, data};
use ptgen_simulator::{Case, Decided, Machine, simulate};

/// What comes of a piece of work; nothing if the format does not have what it takes.
type Done = Option<Result<(), Error>>;

/// A piece of work.
type Work<P> = fn(&mut Machine<'_, P>, &Facts) -> Done;

/// All of them, by name.
pub const NAMES: &[&str] = &[
    "recording",
    "hiding",
    "harvest",
    "run",
    "joining",
    "differing",
    "scattered",
    "forbidden",
    "pinned",
    "shared",
    "ring",
    "local",
    "space",
];

/// Those of a kind of tables, in the order of their names.
fn all<P: PageTable>() -> [Work<P>; NAMES.len()] {
    [
        leaves::recording,
        leaves::hiding,
        leaves::harvest,
        leaves::run,
        leaves::joining,
        leaves::differing,
        leaves::scattered,
        leaves::forbidden,
        tables::pinned,
        tables::shared,
        tables::ring,
        tables::local,
        tables::space,
    ]
}

/// The cases that there are.
pub fn cases() -> Vec<&'static str> {
    let mut names = Vec::new();
    macro_rules! add {
        ($case:ident) => {
            names.push(stringify!($case));
        };
    }
    simulated::every_case!(add);
    names
}

/// Runs a piece of work on every value of a case.
///
/// # Panics
///
/// If it fails, or there is no such piece of work or case.
pub fn run(piece: &str, case: &str) -> Verdict {
    let number = NAMES.iter().position(|name| *name == piece).expect("there is a piece of work of this name");
    macro_rules! on {
        ($case:ident) => {{
            use simulated::cases::$case::{CASE, tables, values};
            if CASE.name == case {
                let work = all::<tables::PageTable>()[number];
                let passed: Vec<_> = values().into_iter().map(|value| on_value(work, value, &CASE)).collect();
                return match passed.iter().filter(|passed| **passed).count() {
                    0 => Verdict::NotApplicable(format!("the format lacks what {piece} takes")),
                    passed => Verdict::Pass(passed),
                };
            }
        }};
    }
    simulated::every_case!(on);
    panic!("there is no case `{case}`");
}

/// Runs it on one value. Returns whether that has what it takes.
fn on_value<P: PageTable>(work: Work<P>, (format, decided): (P::Format, Decided), case: &Case) -> bool {
    let facts = Facts::of(format);
    let mut applies = false;
    simulate::<P>(format, case, &decided, |mut machine| {
        if let Some(done) = work(&mut machine, &facts) {
            done.unwrap_or_else(|error| panic!("with {decided:?}: {error}"));
            applies = true;
        }
        machine.finish();
    });
    applies
}

/// Data that nobody has used yet, as far as leaves can say that.
fn unused<P: PageTable>(facts: &Facts) -> AttributesOf<P> {
    let mut attributes = data::<P>();
    for name in ["accessed", "dirty"].into_iter().filter(|name| facts.says(name)) {
        attributes.set(AttributesOf::<P>::index(name).expect("leaves say it"), 0);
    }
    attributes
}
