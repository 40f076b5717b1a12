//! Tables of IOMMUs built by emitted code, walked by units that nobody here wrote: QEMU's.
//!
//! `cargo test -p ptgen-tests --test machines_iommu -- --nocapture` prints how many accesses were compared for each format,
//! and how many disagreed. `PTGEN_SEED=n` repeats a run, `PTGEN_BLESS=1` records how many there were.

use ptgen_machines::{Features, Granule, machines_for_tests, names};
use ptgen_tests::machine::{Reference, Smmu, Subject, judge_all, judge_flushes, seed};

#[ptgen::pagetable(format = "aarch64_stage1_4k", range = low)]
mod smmu_4k {}

/// Stage 1. Stage 2 is not modelled by QEMU 7.2, and of the two halves it finds only the lower.
fn smmu(oa_bits: u8) -> Subject<smmu_4k::Format, Smmu> {
    Subject {
        name: "aarch64_stage1_4k, low, SMMU".to_owned(),
        format: smmu_4k::Format {},
        processor: Smmu { granule: Granule::K4, va_bits: 48, oa_bits },
        reference: Reference::new("aarch64_stage1_4k", &[], &[], Some("low")),
    }
}

#[test]
fn smmu_of_48_bits() {
    for machine in machines_for_tests(&[names::QEMU_SMMU]) {
        let Features::Smmu(features) = machine.features() else { panic!("{machine:?}") };
        judge_all::<smmu_4k::PageTable, _>(&smmu(features.oa_bits), machine.as_ref());
    }
}

#[test]
fn smmu_remembers() {
    for machine in machines_for_tests(&[names::QEMU_SMMU]) {
        let Features::Smmu(features) = machine.features() else { panic!("{machine:?}") };
        judge_flushes::<smmu_4k::PageTable, _>(&smmu(features.oa_bits), machine.as_ref(), seed());
    }
}
