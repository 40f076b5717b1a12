//! Tables of s390x built by emitted code, walked by an MMU that nobody here wrote: QEMU.
//!
//! `cargo test -p ptgen-tests --test machines_s390x -- --nocapture` prints how many accesses were compared for each format, and
//! how many disagreed. `PTGEN_SEED=n` repeats a run, `PTGEN_BLESS=1` records how many there were.

use ptgen_machines::{Features, machines_for_tests, names};
use ptgen_tests::machine::{Reference, S390x, Subject, judge_all};

#[ptgen::pagetable(
    format = "s390x",
    features(execute_protection = runtime, edat1 = runtime, edat2 = runtime, private_space = runtime),
    parameters(bits = runtime)
)]
mod s390x {}

#[test]
fn of_64_bits() {
    s390x(64, true, false);
    s390x(64, false, true);
}

#[test]
fn of_53_bits() {
    s390x(53, true, true);
}

#[test]
fn of_42_bits() {
    s390x(42, true, false);
}

#[test]
fn of_31_bits() {
    s390x(31, true, false);
    s390x(31, false, false);
}

/// With all facilities that the machine has, or with none.
fn s390x(bits: u8, all: bool, private_space: bool) {
    for machine in machines_for_tests(&[names::QEMU_S390X]) {
        let Features::S390x(features) = machine.features() else { panic!("{machine:?}") };
        println!("{features:?}");
        let (edat1, edat2, iep) = (all && features.edat1, all && features.edat2, all && features.execute_protection);
        let decided =
            [("execute_protection", iep), ("edat1", edat1), ("edat2", edat2), ("private_space", private_space)];
        let form = if all { "" } else { ", plain" };
        let space = if private_space { ", private" } else { "" };
        let subject = Subject {
            name: format!("s390x of {bits} bits{form}{space}"),
            format: s390x::Format::new(iep, edat1, edat2, private_space, u32::from(bits))
                .expect("there are tables of so many bits"),
            processor: S390x {
                bits,
                enhanced: edat1,
                execute_protection: iep,
                private_space,
                memory_end: machine.memory().end,
            },
            reference: Reference::new("s390x", &decided, &[("bits", u64::from(bits))], None),
        };
        judge_all::<s390x::PageTable, _>(&subject, machine.as_ref());
    }
}
