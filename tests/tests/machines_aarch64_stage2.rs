//! Tables of AArch64's stage 2 built by emitted code, walked by MMUs that nobody here wrote: QEMU.
//!
//! `cargo test -p ptgen-tests --test machines_aarch64_stage2 -- --nocapture` prints how many accesses were compared for each
//! format, and how many disagreed. `PTGEN_SEED=n` repeats a run, `PTGEN_BLESS=1` records how many there were.

use ptgen::PageTable;
use ptgen_machines::{AArch64Features, Features, Granule, machines_for_tests, names};
use ptgen_tests::machine::{AArch64, Reference, Stage, Subject, judge_all};

// FEAT_XNX cannot be switched off where there is one.

#[ptgen::pagetable(
    format = "aarch64_stage2_4k",
    features(xnx = on, hardware_accessed = on, hardware_dirty = on),
    parameters(bits = 48)
)]
mod updates_4k {}

#[ptgen::pagetable(
    format = "aarch64_stage2_4k",
    features(xnx = on, forced_write_back = runtime),
    parameters(bits = 43),
    root = l1
)]
mod joined_4k {}

#[ptgen::pagetable(format = "aarch64_stage2_4k_lpa2", features(xnx = on), parameters(bits = 51), root = l0)]
mod joined_4k_lpa2 {}

#[ptgen::pagetable(format = "aarch64_stage2_16k", features(xnx = on), parameters(bits = 40), root = l2)]
mod joined_16k {}

#[ptgen::pagetable(
    format = "aarch64_stage2_16k_lpa2",
    features(xnx = on, forced_write_back = on),
    parameters(bits = 50),
    root = l1
)]
mod joined_16k_lpa2 {}

#[ptgen::pagetable(
    format = "aarch64_stage2_64k",
    features(xnx = on, forced_write_back = on, lpa = on),
    parameters(bits = 45),
    root = l2
)]
mod joined_64k {}

#[ptgen::pagetable(format = "aarch64_stage2_64k", features(xnx = on), parameters(bits = 48))]
mod plain_64k {}

/// What is judged.
#[derive(Clone, Copy, Debug)]
struct Case {
    name: &'static str,
    granule: Granule,
    /// Bits of an IPA.
    bits: u8,
    /// The level of the root, and its number in the manual.
    root: (&'static str, i8),
    /// OAs have 52 bits.
    large: bool,
    updates: bool,
    forced_write_back: bool,
}

const K4: Case = Case {
    name: "aarch64_stage2_4k",
    granule: Granule::K4,
    bits: 48,
    root: ("l0", 0),
    large: false,
    updates: false,
    forced_write_back: false,
};

const K16: Case = Case { name: "aarch64_stage2_16k", granule: Granule::K16, bits: 40, root: ("l2", 2), ..K4 };

const K64: Case = Case { name: "aarch64_stage2_64k", granule: Granule::K64, bits: 48, root: ("l1", 1), ..K4 };

#[test]
fn granules_of_4k_with_hardware_updates() {
    aarch64::<updates_4k::PageTable>(Case { updates: true, ..K4 }, updates_4k::Format {});
}

#[test]
fn sixteen_root_tables_of_4k() {
    for forced_write_back in [false, true] {
        let case = Case { bits: 43, root: ("l1", 1), forced_write_back, ..K4 };
        aarch64::<joined_4k::PageTable>(case, joined_4k::Format::new(forced_write_back));
    }
}

#[test]
fn eight_root_tables_of_4k_with_lpa2() {
    let case = Case { name: "aarch64_stage2_4k_lpa2", bits: 51, large: true, ..K4 };
    aarch64::<joined_4k_lpa2::PageTable>(case, joined_4k_lpa2::Format {});
}

#[test]
fn sixteen_root_tables_of_16k() {
    aarch64::<joined_16k::PageTable>(K16, joined_16k::Format {});
}

#[test]
fn eight_root_tables_of_16k_with_lpa2() {
    let case = Case {
        name: "aarch64_stage2_16k_lpa2",
        bits: 50,
        root: ("l1", 1),
        large: true,
        forced_write_back: true,
        ..K16
    };
    aarch64::<joined_16k_lpa2::PageTable>(case, joined_16k_lpa2::Format {});
}

#[test]
fn granules_of_64k() {
    aarch64::<plain_64k::PageTable>(K64, plain_64k::Format {});
}

#[test]
fn eight_root_tables_of_64k_with_lpa() {
    let case = Case { bits: 45, root: ("l2", 2), large: true, forced_write_back: true, ..K64 };
    aarch64::<joined_64k::PageTable>(case, joined_64k::Format {});
}

/// Whether the machine has what a case needs.
fn can(features: &AArch64Features, case: Case) -> bool {
    let granule = match case.granule {
        Granule::K4 => features.granule_4k && (!case.large || features.stage2_lpa2_4k),
        Granule::K16 => features.granule_16k && (!case.large || features.stage2_lpa2_16k),
        Granule::K64 => features.granule_64k,
    };
    let updates = !case.updates || features.hardware_accessed && features.hardware_dirty;
    let forced = !case.forced_write_back || features.forced_write_back;
    granule && updates && forced && features.execute_never_by_level && (!case.large || features.oa_bits == 52)
}

fn aarch64<P: PageTable>(case: Case, format: P::Format) {
    for machine in machines_for_tests(&[names::QEMU_AARCH64]) {
        let Features::AArch64(features) = machine.features() else { panic!("{machine:?}") };
        if !can(features, case) {
            println!("NOT RUN: {case:?}: {} has no such feature", machine.name());
            continue;
        }
        let Case { name, granule, bits, root, large, updates, forced_write_back } = case;
        let mut decided = vec![
            ("hardware_accessed", updates),
            ("hardware_dirty", updates),
            ("xnx", true),
            ("forced_write_back", forced_write_back),
        ];
        if granule == Granule::K64 {
            decided.push(("lpa", large));
        }
        let mut subject = format!("{name}, {bits} bits from {}", root.0);
        for (on, text) in [(updates, ", hardware updates"), (forced_write_back, ", forced write-back")] {
            subject += if on { text } else { "" };
        }
        let subject = Subject {
            name: subject,
            format,
            processor: AArch64 {
                stage: Stage::Two { start: root.1, forced_write_back },
                granule,
                bits,
                large,
                updates,
                checks_block_levels: features.checks_block_levels,
            },
            reference: Reference::rooted(name, &decided, &[("bits", bits.into())], None, Some(root.0)),
        };
        judge_all::<P, _>(&subject, machine.as_ref());
    }
}
