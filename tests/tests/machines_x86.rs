//! Tables of x86 built by emitted code, walked by MMUs that nobody here wrote: KVM and QEMU.
//!
//! `cargo test -p ptgen-tests --test machines_x86 -- --nocapture` prints how many accesses were compared for each format, and
//! how many disagreed. `PTGEN_SEED=n` repeats a run, `PTGEN_BLESS=1` records how many there were.

use ptgen_machines::{Features, Machine, X86_64Features, machines_for_tests, names};
use ptgen_tests::machine::{Nested, Reference, Subject, X86, X86_64, judge_all};

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

#[ptgen::pagetable(format = "x86_pae", features(no_execute = runtime), parameters(width = runtime))]
mod x86_pae {}

#[ptgen::pagetable(format = "x86_2level", features(large_pages = runtime, pse36 = runtime), parameters(width = runtime))]
mod x86_2level {}

#[ptgen::pagetable(
    format = "npt_4level",
    features(gigabyte_pages = runtime, no_execute = runtime),
    parameters(width = runtime)
)]
mod npt_4level {}

#[ptgen::pagetable(format = "npt_5level", parameters(width = runtime))]
mod npt_5level {}

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
        judge_all::<x86_64_5level::PageTable, _>(&subject, machine.as_ref());
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
            judge_all::<x86_64_either::PageTable, _>(&subject, machine.as_ref());
        }
    }
}

#[test]
fn x86_of_three_levels() {
    for machine in machines_for_tests(&[names::QEMU_X86_GUESTS]) {
        let width = u32::from(x86_64(machine.as_ref()).oa_bits);
        for no_execute in [true, false] {
            let subject = Subject {
                name: format!("x86_pae{}", if no_execute { "" } else { ", plain" }),
                format: x86_pae::Format::new(no_execute, width).expect("the machine's width is one"),
                processor: X86 { pae: true, large_pages: false, no_execute },
                reference: Reference::new(
                    "x86_pae",
                    &[("no_execute", no_execute)],
                    &[("width", u64::from(width))],
                    None,
                ),
            };
            judge_all::<x86_pae::PageTable, _>(&subject, machine.as_ref());
        }
    }
}

#[test]
fn x86_of_two_levels() {
    for machine in machines_for_tests(&[names::QEMU_X86_GUESTS]) {
        let width = u32::from(x86_64(machine.as_ref()).oa_bits).min(40);
        for large in [true, false] {
            let subject = Subject {
                name: format!("x86_2level{}", if large { "" } else { ", plain" }),
                format: x86_2level::Format::new(large, large, width).expect("the machine's width is one"),
                processor: X86 { pae: false, large_pages: large, no_execute: false },
                reference: Reference::new(
                    "x86_2level",
                    &[("large_pages", large), ("pse36", large)],
                    &[("width", u64::from(width))],
                    None,
                ),
            };
            judge_all::<x86_2level::PageTable, _>(&subject, machine.as_ref());
        }
    }
}

#[test]
fn nested_tables_of_four_levels() {
    for machine in machines_for_tests(&[names::QEMU_X86_NESTED]) {
        let features = x86_64(machine.as_ref());
        let (width, gigabyte_pages) = (u32::from(features.oa_bits), features.gigabyte_pages);
        for no_execute in [true, false] {
            let decided = [("gigabyte_pages", gigabyte_pages), ("no_execute", no_execute)];
            let subject = Subject {
                name: format!("npt_4level{}", if no_execute { "" } else { ", plain" }),
                format: npt_4level::Format::new(gigabyte_pages, no_execute, width).expect("the width is one"),
                processor: Nested { five_levels: false, no_execute, address_bits: features.oa_bits },
                reference: Reference::new("npt_4level", &decided, &[("width", u64::from(width))], None),
            };
            judge_all::<npt_4level::PageTable, _>(&subject, machine.as_ref());
        }
    }
}

#[test]
fn nested_tables_of_five_levels() {
    for machine in machines_for_tests(&[names::QEMU_X86_NESTED]) {
        let features = x86_64(machine.as_ref());
        let width = u32::from(features.oa_bits);
        let subject = Subject {
            name: "npt_5level".to_owned(),
            format: npt_5level::Format::new(width).expect("the machine's width is one"),
            processor: Nested { five_levels: true, no_execute: true, address_bits: features.oa_bits },
            reference: Reference::new("npt_5level", &[], &[("width", u64::from(width))], None),
        };
        judge_all::<npt_5level::PageTable, _>(&subject, machine.as_ref());
    }
}

/// Key 1 is closed, key 2 can only be read, of the others some are closed or read-only, too.
const PKRU: u32 = 0b01_00_10_11_00_00_01_10_00_00_00_00_00_10_01_00;

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
        judge_all::<x86_64_4level::PageTable, _>(&subject, machine);
    }
}
