//! Tables of RISC-V built by emitted code, walked by MMUs that nobody here wrote: QEMU.
//!
//! `cargo test -p ptgen-tests --test machines_riscv -- --nocapture` prints how many accesses were compared for each format, and
//! how many disagreed. `PTGEN_SEED=n` repeats a run, `PTGEN_BLESS=1` records how many there were.

use ptgen::PageTable;
use ptgen_machines::{Features, RiscVFeatures, RiscVMode, machines_for_tests, names};
use ptgen_tests::machine::{Reference, RiscV, Subject, judge_all};

#[ptgen::pagetable(format = "riscv_sv32", features(svadu = runtime))]
mod riscv_sv32 {}

#[ptgen::pagetable(format = "riscv_sv32x4", features(svadu = runtime))]
mod riscv_sv32x4 {}

#[ptgen::pagetable(format = "riscv_sv39x4", features(svnapot = runtime, svpbmt = runtime, svadu = runtime))]
mod riscv_sv39x4 {}

#[ptgen::pagetable(format = "riscv_sv48x4", features(svnapot = runtime, svpbmt = runtime, svadu = runtime))]
mod riscv_sv48x4 {}

#[ptgen::pagetable(format = "riscv_sv57x4", features(svnapot = runtime, svpbmt = runtime, svadu = runtime))]
mod riscv_sv57x4 {}

#[ptgen::pagetable(
    format = "riscv",
    features(svnapot = runtime, svpbmt = runtime, svadu = runtime),
    parameters(bits = runtime)
)]
mod riscv_any {}

#[ptgen::pagetable(format = "riscv_sv39", features(svnapot = runtime, svpbmt = runtime, svadu = runtime))]
mod riscv_sv39 {}

#[ptgen::pagetable(format = "riscv_sv48", features(svnapot = runtime, svpbmt = runtime, svadu = runtime))]
mod riscv_sv48 {}

#[ptgen::pagetable(format = "riscv_sv57", features(svnapot = runtime, svpbmt = runtime, svadu = runtime))]
mod riscv_sv57 {}

/// Tables of the format `name`: in this mode, with `bits` if that is decided when they are made.
struct Tables {
    name: &'static str,
    mode: RiscVMode,
    guest: bool,
    bits: Option<u32>,
}

impl Tables {
    const fn of(name: &'static str, mode: RiscVMode) -> Self {
        Self { name, mode, guest: false, bits: None }
    }

    const fn of_guest(name: &'static str, mode: RiscVMode) -> Self {
        Self { guest: true, ..Self::of(name, mode) }
    }
}

#[test]
fn riscv_of_two_levels() {
    let tables = Tables::of("riscv_sv32", RiscVMode::Sv32);
    riscv::<riscv_sv32::PageTable>(&tables, |_, _, updates| riscv_sv32::Format::new(updates));
}

#[test]
fn riscv_of_three_levels() {
    riscv::<riscv_sv39::PageTable>(&Tables::of("riscv_sv39", RiscVMode::Sv39), riscv_sv39::Format::new);
}

#[test]
fn riscv_of_four_levels() {
    riscv::<riscv_sv48::PageTable>(&Tables::of("riscv_sv48", RiscVMode::Sv48), riscv_sv48::Format::new);
}

#[test]
fn riscv_of_five_levels() {
    riscv::<riscv_sv57::PageTable>(&Tables::of("riscv_sv57", RiscVMode::Sv57), riscv_sv57::Format::new);
}

/// One binary for all three.
#[test]
fn riscv_whose_levels_are_chosen_at_boot() {
    for (bits, mode) in [(39, RiscVMode::Sv39), (48, RiscVMode::Sv48), (57, RiscVMode::Sv57)] {
        let tables = Tables { bits: Some(bits), ..Tables::of("riscv", mode) };
        riscv::<riscv_any::PageTable>(&tables, |runs, memory_types, updates| {
            riscv_any::Format::new(runs, memory_types, updates, bits).expect("these are the modes")
        });
    }
}

#[test]
fn guest_stages_of_two_levels() {
    let tables = Tables::of_guest("riscv_sv32x4", RiscVMode::Sv32);
    riscv::<riscv_sv32x4::PageTable>(&tables, |_, _, updates| riscv_sv32x4::Format::new(updates));
}

#[test]
fn guest_stages_of_three_levels() {
    riscv::<riscv_sv39x4::PageTable>(&Tables::of_guest("riscv_sv39x4", RiscVMode::Sv39), riscv_sv39x4::Format::new);
}

#[test]
fn guest_stages_of_four_levels() {
    riscv::<riscv_sv48x4::PageTable>(&Tables::of_guest("riscv_sv48x4", RiscVMode::Sv48), riscv_sv48x4::Format::new);
}

#[test]
fn guest_stages_of_five_levels() {
    riscv::<riscv_sv57x4::PageTable>(&Tables::of_guest("riscv_sv57x4", RiscVMode::Sv57), riscv_sv57x4::Format::new);
}

/// With all extensions that the machine has, and without any.
fn riscv<P>(tables: &Tables, format: impl Fn(bool, bool, bool) -> P::Format)
where
    P: PageTable,
{
    let Tables { name, mode, guest, bits } = *tables;
    let machine = if mode == RiscVMode::Sv32 { names::QEMU_RISC_V_32 } else { names::QEMU_RISC_V };
    for machine in machines_for_tests(&[machine]) {
        let Features::RiscV(features) = machine.features() else { panic!("{machine:?}") };
        let RiscVFeatures { svnapot, svpbmt, svadu, checks_reserved, .. } = *features;
        if guest && !features.hypervisor {
            println!("NOT RUN: {name}: {} has no H extension", machine.name());
            continue;
        }
        let (has_svadu, has_svade) = (svadu, features.svade);
        for on in [true, false] {
            let (runs, memory_types) = (on && svnapot, on && svpbmt);
            let updates = if on { has_svadu } else { !has_svade };
            let decided = [("svnapot", runs), ("svpbmt", memory_types), ("svadu", updates)];
            let width = bits.map(|bits| ("bits", u64::from(bits)));
            let subject = Subject {
                name: format!(
                    "{name}{}{}",
                    bits.map_or(String::new(), |bits| format!(", {bits} bits")),
                    if on { "" } else { ", plain" }
                ),
                format: format(runs, memory_types, updates),
                processor: RiscV {
                    mode,
                    guest,
                    signed_guests: !features.unsigned_guests,
                    runs,
                    memory_types,
                    updates,
                    checks_reserved: checks_reserved || !(runs || memory_types),
                },
                reference: Reference::new(name, &decided, width.as_slice(), None),
            };
            judge_all::<P, _>(&subject, machine.as_ref());
        }
    }
}
