//! Tables of AArch64's stage 1 built by emitted code, walked by MMUs that nobody here wrote: QEMU.
//!
//! `cargo test -p ptgen-tests --test machines_aarch64 -- --nocapture` prints how many accesses were compared for each format, and
//! how many disagreed. `PTGEN_SEED=n` repeats a run, `PTGEN_BLESS=1` records how many there were.

use ptgen::PageTable;
use ptgen_machines::{AArch64Features, Features, Granule, Half, machines_for_tests, names};
use ptgen_tests::machine::{AArch64, Reference, Stage, Subject, judge_all};

#[ptgen::pagetable(format = "aarch64_stage1_4k", parameters(low_bits = runtime), range = low)]
mod low_4k {}

#[ptgen::pagetable(format = "aarch64_stage1_4k", range = high)]
mod high_4k {}

#[ptgen::pagetable(format = "aarch64_stage1_4k", features(hardware_accessed = on, hardware_dirty = on), range = high)]
mod updates_4k {}

#[ptgen::pagetable(format = "aarch64_stage1_4k_lpa2", range = low)]
mod low_4k_lpa2 {}

#[ptgen::pagetable(format = "aarch64_stage1_4k_lpa2", range = high)]
mod high_4k_lpa2 {}

#[ptgen::pagetable(format = "aarch64_stage1_16k", parameters(low_bits = runtime), range = low)]
mod low_16k {}

#[ptgen::pagetable(format = "aarch64_stage1_16k", range = high)]
mod high_16k {}

#[ptgen::pagetable(format = "aarch64_stage1_16k_lpa2", range = low)]
mod low_16k_lpa2 {}

#[ptgen::pagetable(
    format = "aarch64_stage1_64k",
    features(lpa = runtime),
    parameters(low_bits = runtime),
    range = low
)]
mod low_64k {}

#[ptgen::pagetable(format = "aarch64_stage1_64k", features(lpa = on), range = high)]
mod high_64k {}

/// What is judged.
#[derive(Clone, Copy, Debug)]
struct Case {
    name: &'static str,
    half: Half,
    granule: Granule,
    /// Bits of a VA.
    bits: u8,
    /// OAs have 52 bits.
    large: bool,
    updates: bool,
}

const LOW_4K: Case =
    Case { name: "aarch64_stage1_4k", half: Half::Lower, granule: Granule::K4, bits: 48, large: false, updates: false };

const HIGH_4K: Case = Case { half: Half::Upper, ..LOW_4K };

#[test]
fn granules_of_4k() {
    for bits in [48, 39] {
        aarch64::<low_4k::PageTable>(Case { bits, ..LOW_4K }, size(bits, low_4k::Format::new));
    }
    aarch64::<high_4k::PageTable>(HIGH_4K, high_4k::Format {});
}

#[test]
fn granules_of_4k_with_hardware_updates() {
    aarch64::<updates_4k::PageTable>(Case { updates: true, ..HIGH_4K }, updates_4k::Format {});
}

#[test]
fn granules_of_4k_with_lpa2() {
    let case = Case { name: "aarch64_stage1_4k_lpa2", bits: 52, large: true, ..LOW_4K };
    aarch64::<low_4k_lpa2::PageTable>(case, low_4k_lpa2::Format {});
    aarch64::<high_4k_lpa2::PageTable>(Case { half: Half::Upper, ..case }, high_4k_lpa2::Format {});
}

#[test]
fn granules_of_16k() {
    let case = Case { name: "aarch64_stage1_16k", granule: Granule::K16, ..LOW_4K };
    for bits in [48, 47, 36, 25] {
        aarch64::<low_16k::PageTable>(Case { bits, ..case }, size(bits, low_16k::Format::new));
    }
    aarch64::<high_16k::PageTable>(Case { half: Half::Upper, ..case }, high_16k::Format {});
}

#[test]
fn granules_of_16k_with_lpa2() {
    let case = Case { name: "aarch64_stage1_16k_lpa2", granule: Granule::K16, bits: 52, large: true, ..LOW_4K };
    aarch64::<low_16k_lpa2::PageTable>(case, low_16k_lpa2::Format {});
}

#[test]
fn granules_of_64k() {
    let case = Case { name: "aarch64_stage1_64k", granule: Granule::K64, ..LOW_4K };
    for (bits, large) in [(48, false), (52, true), (42, false), (29, true)] {
        let format = size(bits, |bits| low_64k::Format::new(large, bits));
        aarch64::<low_64k::PageTable>(Case { bits, large, ..case }, format);
    }
    let case = Case { half: Half::Upper, bits: 52, large: true, ..case };
    aarch64::<high_64k::PageTable>(case, high_64k::Format {});
}

/// The format with VAs of so many bits.
fn size<F>(bits: u8, format: impl Fn(u32) -> Option<F>) -> F {
    format(bits.into()).expect("the format has this size")
}

/// Whether the machine has what a case needs.
fn can(features: &AArch64Features, case: Case) -> bool {
    let granule = match case.granule {
        Granule::K4 => features.granule_4k && (!case.large || features.lpa2_4k),
        Granule::K16 => features.granule_16k && (!case.large || features.lpa2_16k),
        Granule::K64 => features.granule_64k && (case.bits <= 48 || features.lva),
    };
    let updates = !case.updates || features.hardware_accessed && features.hardware_dirty;
    granule && updates && (!case.large || features.oa_bits == 52)
}

fn aarch64<P: PageTable>(case: Case, format: P::Format) {
    for machine in machines_for_tests(&[names::QEMU_AARCH64]) {
        let Features::AArch64(features) = machine.features() else { panic!("{machine:?}") };
        if !can(features, case) {
            println!("NOT RUN: {case:?}: {} has no such feature", machine.name());
            continue;
        }
        let Case { name, half, granule, bits, large, updates } = case;
        let (range, parameter) = if half == Half::Lower { ("low", "low_bits") } else { ("high", "high_bits") };
        let mut decided = vec![("hardware_accessed", updates), ("hardware_dirty", updates)];
        if granule == Granule::K64 {
            decided.push(("lpa", large));
        }
        let most = matches!((granule, large, bits), (Granule::K4 | Granule::K16, false, 48) | (_, true, 52));
        let mut subject = format!("{name}, {range}");
        if !most {
            subject += &format!(", {bits} bits");
        }
        if granule == Granule::K64 && large {
            subject += ", LPA";
        }
        if updates {
            subject += ", hardware updates";
        }
        let subject = Subject {
            name: subject,
            format,
            processor: AArch64 {
                stage: Stage::One(half),
                granule,
                bits,
                large,
                updates,
                checks_block_levels: features.checks_block_levels,
            },
            reference: Reference::new(name, &decided, &[(parameter, bits.into())], Some(range)),
        };
        judge_all::<P, _>(&subject, machine.as_ref());
    }
}
