//! Tables of IOMMUs built by emitted code, walked by units that nobody here wrote: QEMU's.
//!
//! `cargo test -p ptgen-tests --test machines_iommu -- --nocapture` prints how many accesses were compared for each format,
//! and how many disagreed. `PTGEN_SEED=n` repeats a run, `PTGEN_BLESS=1` records how many there were.

use ptgen_machines::{Features, Granule, machines_for_tests, names};
use ptgen_tests::machine::{AmdVi, Reference, Smmu, Subject, judge_all, judge_flushes, seed};

#[ptgen::pagetable(format = "aarch64_stage1_4k", range = low)]
mod smmu_4k {}

#[ptgen::pagetable(format = "amd_iommu_v1", parameters(bits = runtime))]
mod amd_vi {}

fn amd_iommu(bits: u32) -> Subject<amd_vi::Format, AmdVi> {
    Subject {
        name: format!("amd_iommu_v1 of {bits} bits"),
        format: amd_vi::Format::new(bits).expect("there are tables of so many bits"),
        processor: AmdVi { levels: u8::try_from((bits - 12).div_ceil(9)).expect("few") },
        reference: Reference::new("amd_iommu_v1", &[], &[("bits", u64::from(bits))], None),
    }
}

#[test]
fn amd_iommu_of_four_levels() {
    for machine in machines_for_tests(&[names::QEMU_AMD_VI]) {
        judge_all::<amd_vi::PageTable, _>(&amd_iommu(48), machine.as_ref());
    }
}

#[test]
fn amd_iommu_of_all_levels() {
    for machine in machines_for_tests(&[names::QEMU_AMD_VI]) {
        judge_all::<amd_vi::PageTable, _>(&amd_iommu(64), machine.as_ref());
    }
}

#[test]
fn amd_iommu_remembers() {
    for machine in machines_for_tests(&[names::QEMU_AMD_VI]) {
        judge_flushes::<amd_vi::PageTable, _>(&amd_iommu(39), machine.as_ref(), seed());
    }
}

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
