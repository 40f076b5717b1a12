//! tmp
use ptgen_random::{operations, run, seed};
macro_rules! random {
    ($case:ident) => {
        #[test]
        fn $case() {
            use ptgen_random::cases::$case::{CASE, tables, values};
            for (f, d) in values() {
                println!("{:?}", run::<tables::PageTable>(f, &CASE, &d, seed(), operations()));
            }
        }
    };
}
random!(x86_64_4level_usual);
random!(aarch64_stage1_4k_usual);
random!(riscv_sv39_full);
random!(rowan_usual);
