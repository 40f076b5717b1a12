//! Tables of AArch64 built by emitted code, walked by MMUs that nobody here wrote: QEMU.
//!
//! `cargo test -p ptgen-tests --test machines_aarch64 -- --nocapture` prints how many accesses were compared for each format, and
//! how many disagreed. `PTGEN_SEED=n` repeats a run, `PTGEN_BLESS=1` records how many there were.

use ptgen::PageTable;
use ptgen_machines::{Features, Half, machines_for_tests, names};
use ptgen_tests::machine::{AArch64, Reference, Subject, judge_all};

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

fn aarch64<P>(name: &str, half: Half, updates: bool, format: P::Format)
where
    P: PageTable,
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
        judge_all::<P, _>(&subject, machine.as_ref());
    }
}
