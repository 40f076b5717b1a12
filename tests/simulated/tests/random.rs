//! Random sequences of operations on tables of every format.

macro_rules! random {
    ($case:ident) => {
        mod $case {
            use simulated::cases::$case::{CASE, tables, values};

            #[test]
            fn random_operations_break_nothing() {
                ptgen_random::run_all::<tables::PageTable>(&CASE, &values());
            }
        }
    };
}

simulated::every_case!(random);
