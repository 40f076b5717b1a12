//! Random sequences of operations on tables of each of the formats that differ in how entries are changed: in place, by way
//! of absent, in runs, and by an instruction.

use ptgen::PageTable;
use ptgen_cases::{Case, Decided};
use ptgen_random::{operations, run, seed};

/// Divides the operations of a case among its values.
fn run_all<P: PageTable>(case: &Case, values: Vec<(P::Format, Decided)>) {
    let share = operations().div_ceil(values.len() as u64);
    for (number, (format, decided)) in values.into_iter().enumerate() {
        let tally = run::<P>(format, case, &decided, seed() + number as u64, share);
        println!("{}, value {number}: {tally:?}", case.name);
        assert!(tally.done >= tally.refused, "most operations do something: {tally:?}");
    }
}

macro_rules! random {
    ($($case:ident),*) => {
        $(
            mod $case {
                use ptgen_random::cases::$case::{CASE, tables, values};

                #[test]
                fn random_operations_break_nothing() {
                    super::run_all::<tables::PageTable>(&CASE, values());
                }
            }
        )*
    };
}

random!(x86_64_4level_usual, aarch64_stage1_4k_usual, riscv_sv39_full, rowan_usual);
