//! Tables of RISC-V built by emitted code, walked by MMUs that nobody here wrote: QEMU.
//!
//! `cargo test -p ptgen-tests --test machines_riscv -- --nocapture` prints how many accesses were compared for each format, and
//! how many disagreed. `PTGEN_SEED=n` repeats a run, `PTGEN_BLESS=1` records how many there were.

use ptgen::PageTable;
use ptgen_machines::{Features, RiscVFeatures, RiscVMode, machines_for_tests, names};
use ptgen_tests::machine::{Reference, RiscV, Subject, judge_all};

#[ptgen::pagetable(format = "riscv_sv39", features(svnapot = runtime, svpbmt = runtime, svadu = runtime))]
mod riscv_sv39 {}

#[ptgen::pagetable(format = "riscv_sv48", features(svnapot = runtime, svpbmt = runtime, svadu = runtime))]
mod riscv_sv48 {}

#[ptgen::pagetable(format = "riscv_sv57", features(svnapot = runtime, svpbmt = runtime, svadu = runtime))]
mod riscv_sv57 {}

#[test]
fn riscv_of_three_levels() {
    riscv::<riscv_sv39::PageTable>("riscv_sv39", RiscVMode::Sv39, riscv_sv39::Format::new);
}

#[test]
fn riscv_of_four_levels() {
    riscv::<riscv_sv48::PageTable>("riscv_sv48", RiscVMode::Sv48, riscv_sv48::Format::new);
}

#[test]
fn riscv_of_five_levels() {
    riscv::<riscv_sv57::PageTable>("riscv_sv57", RiscVMode::Sv57, riscv_sv57::Format::new);
}

/// With all extensions that the machine has, and without any.
fn riscv<P>(name: &str, mode: RiscVMode, format: impl Fn(bool, bool, bool) -> P::Format)
where
    P: PageTable,
{
    for machine in machines_for_tests(&[names::QEMU_RISC_V]) {
        let Features::RiscV(features) = machine.features() else { panic!("{machine:?}") };
        let RiscVFeatures { svnapot, svpbmt, svadu, checks_reserved, .. } = *features;
        let (has_svadu, has_svade) = (svadu, features.svade);
        for on in [true, false] {
            let (runs, memory_types) = (on && svnapot, on && svpbmt);
            let updates = if on { has_svadu } else { !has_svade };
            let decided = [("svnapot", runs), ("svpbmt", memory_types), ("svadu", updates)];
            let subject = Subject {
                name: format!("{name}{}", if on { "" } else { ", plain" }),
                format: format(runs, memory_types, updates),
                processor: RiscV {
                    mode,
                    runs,
                    memory_types,
                    updates,
                    checks_reserved: checks_reserved || !(runs || memory_types),
                },
                reference: Reference::new(name, &decided, &[], None),
            };
            judge_all::<P, _>(&subject, machine.as_ref());
        }
    }
}
