//! Random sequences of operations, for every format.

use std::collections::BTreeMap;

use ptgen::PageTable;
use ptgen_cases::{Case, Decided};
use ptgen_random::{operations, run, seed};

/// Each format has so many cases.
const CASES: u64 = 2;

/// Divides the operations of a format among its cases and their values.
fn run_all<P: PageTable>(case: &Case, values: Vec<(P::Format, Decided)>) {
    let share = operations().div_ceil(CASES * values.len() as u64);
    for (number, (format, decided)) in values.into_iter().enumerate() {
        let tally = run::<P>(format, case, &decided, seed() + number as u64, share);
        println!("{}, value {number}: {tally:?}", case.name);
        assert!(tally.done >= tally.refused, "most operations do something: {tally:?}");
    }
}

macro_rules! random {
    ($case:ident) => {
        mod $case {
            use ptgen_random::cases::$case::{CASE, tables, values};

            #[test]
            fn random_operations_break_nothing() {
                super::run_all::<tables::PageTable>(&CASE, values());
            }
        }
    };
}

ptgen_random::every_case!(random);

/// Each format is given all the operations that it is to be given.
#[test]
fn every_format_has_so_many_cases() {
    let mut cases = BTreeMap::<&str, u64>::new();
    macro_rules! count {
        ($case:ident) => {
            *cases.entry(ptgen_random::cases::$case::CASE.format).or_default() += 1;
        };
    }
    ptgen_random::every_case!(count);
    assert!(cases.values().all(|count| *count == CASES), "{cases:?}");
}
