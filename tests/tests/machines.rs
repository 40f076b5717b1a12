//! Tables built by emitted code, walked by MMUs that nobody here wrote: KVM and QEMU.
//!
//! `cargo test -p ptgen-tests --test machines -- --nocapture` prints how many accesses were compared for each format, and
//! how many disagreed. `PTGEN_SEED=n` repeats a run.

use ptgen::{Format, PageTable};
use ptgen_machines::{Features, Half, Machine, RiscVFeatures, RiscVMode, X86_64Features, machines_for_tests, names};
use ptgen_tests::machine::{AArch64, Processor, Reference, RiscV, Subject, X86_64, judge, judge_words, seed};

/// At least so many accesses are compared for each format and machine.
const PROBES: usize = 10_000;

/// Four levels.
#[ptgen::pagetable(
    format = "x86_64_4level",
    features(gigabyte_pages = runtime, no_execute = runtime, protection_keys = runtime),
    parameters(width = runtime)
)]
mod x86_64_4level {}

/// Five levels.
#[ptgen::pagetable(format = "x86_64_5level", features(protection_keys = on), parameters(width = runtime))]
mod x86_64_5level {}

/// Four or five.
#[ptgen::pagetable(format = "x86_64", features(gigabyte_pages = on), parameters(bits = runtime, width = runtime))]
mod x86_64_either {}

#[ptgen::pagetable(format = "riscv_sv39", features(svnapot = runtime, svpbmt = runtime, svadu = runtime))]
mod riscv_sv39 {}

#[ptgen::pagetable(format = "riscv_sv48", features(svnapot = runtime, svpbmt = runtime, svadu = runtime))]
mod riscv_sv48 {}

#[ptgen::pagetable(format = "riscv_sv57", features(svnapot = runtime, svpbmt = runtime, svadu = runtime))]
mod riscv_sv57 {}

#[ptgen::pagetable(format = "aarch64_stage1_4k", range = low)]
mod aarch64_low {}

#[ptgen::pagetable(format = "aarch64_stage1_4k", range = high)]
mod aarch64_high {}

#[ptgen::pagetable(format = "aarch64_stage1_4k", features(hardware_accessed = on, hardware_dirty = on), range = high)]
mod aarch64_updates {}

#[ptgen::pagetable(format = "aarch64_stage1_4k_lpa2", range = low)]
mod aarch64_lpa2_low {}

#[ptgen::pagetable(format = "aarch64_stage1_4k_lpa2", range = high)]
mod aarch64_lpa2_high {}

#[test]
fn x86_64_of_four_levels_on_the_processor() {
    for machine in machines_for_tests(&[names::KVM_X86_64]) {
        four_levels(machine.as_ref());
    }
}

#[test]
fn x86_64_of_four_levels_on_qemu() {
    for machine in machines_for_tests(&[names::QEMU_X86_64]) {
        four_levels(machine.as_ref());
    }
}

#[test]
fn x86_64_of_five_levels() {
    for machine in machines_for_tests(&[names::QEMU_X86_64]) {
        let features = x86_64(machine.as_ref());
        assert!(features.five_levels && features.gigabyte_pages && features.protection_keys, "{features:?}");
        let width = features.oa_bits.into();
        let subject = Subject {
            name: "x86_64_5level".to_owned(),
            format: x86_64_5level::Format::new(width).expect("the machine's width is one"),
            processor: X86_64 { protection_keys: Some(PKRU), ..processor(machine.as_ref(), true) },
            reference: Reference::new(
                "x86_64_5level",
                &[("protection_keys", true)],
                &[("width", u64::from(width))],
                None,
            ),
        };
        both::<x86_64_5level::PageTable, _>(&subject, machine.as_ref());
    }
}

#[test]
fn x86_64_of_either_depth() {
    for machine in machines_for_tests(&[names::QEMU_X86_64]) {
        let width = x86_64(machine.as_ref()).oa_bits.into();
        for (bits, five_levels) in [(48, false), (57, true)] {
            let parameters = [("bits", u64::from(bits)), ("width", u64::from(width))];
            let subject = Subject {
                name: format!("x86_64 of {bits} bits"),
                format: x86_64_either::Format::new(bits, width).expect("both depths exist"),
                processor: processor(machine.as_ref(), five_levels),
                reference: Reference::new("x86_64", &[], &parameters, None),
            };
            both::<x86_64_either::PageTable, _>(&subject, machine.as_ref());
        }
    }
}

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

#[test]
fn aarch64_of_48_bits() {
    aarch64::<aarch64_low::PageTable>("aarch64_stage1_4k", Half::Lower, false, aarch64_low::Format {});
    aarch64::<aarch64_high::PageTable>("aarch64_stage1_4k", Half::Upper, false, aarch64_high::Format {});
}

#[test]
fn aarch64_with_hardware_updates() {
    aarch64::<aarch64_updates::PageTable>("aarch64_stage1_4k", Half::Upper, true, aarch64_updates::Format {});
}

#[test]
fn aarch64_of_52_bits() {
    aarch64::<aarch64_lpa2_low::PageTable>("aarch64_stage1_4k_lpa2", Half::Lower, false, aarch64_lpa2_low::Format {});
    aarch64::<aarch64_lpa2_high::PageTable>("aarch64_stage1_4k_lpa2", Half::Upper, false, aarch64_lpa2_high::Format {});
}

/// Key 1 is closed, key 2 can only be read, of the others some are closed or read-only, too.
const PKRU: u32 = 0b01_00_10_11_00_00_01_10_00_00_00_00_00_10_01_00;

/// All that was found out about a subject is printed; here is only checked that it was enough.
fn both<P, R>(subject: &Subject<P::Format, R>, machine: &dyn Machine)
where
    P: PageTable<Format: Format<Word = u64>>,
    R: Processor,
{
    let seed = seed();
    let tables = judge::<P, R>(subject, machine, seed);
    assert!(tables.probes >= PROBES, "{tables}");
    let words = judge_words::<P, R>(subject, machine, seed);
    assert_eq!(tables.disagreements + words.disagreements, 0);
}

fn x86_64(machine: &dyn Machine) -> &X86_64Features {
    match machine.features() {
        Features::X86_64(features) => features,
        other => panic!("{other:?}"),
    }
}

fn processor(machine: &dyn Machine, five_levels: bool) -> X86_64 {
    let real = machine.name() == names::KVM_X86_64;
    X86_64 { five_levels, no_execute: true, protection_keys: None, real }
}

/// With no-execute and protection keys, as far as the machine has them, and without.
fn four_levels(machine: &dyn Machine) {
    let features = x86_64(machine);
    let (width, gigabyte_pages) = (u32::from(features.oa_bits), features.gigabyte_pages);
    for on in [true, false] {
        let (no_execute, keys) = (on && features.no_execute, on && features.protection_keys);
        let decided = [("gigabyte_pages", gigabyte_pages), ("no_execute", no_execute), ("protection_keys", keys)];
        let protection_keys = keys.then_some(PKRU);
        let subject = Subject {
            name: format!("x86_64_4level{}", if on { "" } else { ", plain" }),
            format: x86_64_4level::Format::new(gigabyte_pages, no_execute, keys, width).expect("the width is one"),
            processor: X86_64 { no_execute, protection_keys, ..processor(machine, false) },
            reference: Reference::new("x86_64_4level", &decided, &[("width", u64::from(width))], None),
        };
        both::<x86_64_4level::PageTable, _>(&subject, machine);
    }
}

/// With all extensions that the machine has, and without any.
fn riscv<P>(name: &str, mode: RiscVMode, format: impl Fn(bool, bool, bool) -> P::Format)
where
    P: PageTable<Format: Format<Word = u64>>,
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
            both::<P, _>(&subject, machine.as_ref());
        }
    }
}

fn aarch64<P>(name: &str, half: Half, updates: bool, format: P::Format)
where
    P: PageTable<Format: Format<Word = u64>>,
{
    for machine in machines_for_tests(&[names::QEMU_AARCH64]) {
        let Features::AArch64(features) = machine.features() else { panic!("{machine:?}") };
        let lpa2 = name.ends_with("lpa2");
        if lpa2 && !features.lpa2_4k || updates && !(features.hardware_accessed && features.hardware_dirty) {
            println!("NOT RUN: {name}, updates {updates}: {} has no such feature", machine.name());
            continue;
        }
        let range = if half == Half::Lower { "low" } else { "high" };
        let decided = [("hardware_accessed", updates), ("hardware_dirty", updates)];
        let subject = Subject {
            name: format!("{name}, {range}{}", if updates { ", hardware updates" } else { "" }),
            format,
            processor: AArch64 { half, lpa2, updates, checks_block_levels: features.checks_block_levels },
            reference: Reference::new(name, &decided, &[], Some(range)),
        };
        both::<P, _>(&subject, machine.as_ref());
    }
}
