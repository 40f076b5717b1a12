//! Tables of IOMMUs built by emitted code, walked by units that nobody here wrote: QEMU's.
//!
//! `cargo test -p ptgen-tests --test machines_iommu -- --nocapture` prints how many accesses were compared for each format,
//! and how many disagreed. `PTGEN_SEED=n` repeats a run, `PTGEN_BLESS=1` records how many there were.

use ptgen_machines::{Features, Granule, Machine, machines_for_tests, names};
use ptgen_tests::machine::{AmdVi, Reference, Smmu, Subject, VtD, judge_all, judge_flushes, seed};

#[ptgen::pagetable(format = "aarch64_stage1_4k", range = low)]
mod smmu_4k {}

#[ptgen::pagetable(format = "aarch64_stage1_16k", range = low)]
mod smmu_16k {}

#[ptgen::pagetable(format = "aarch64_stage1_64k", parameters(low_bits = 48), range = low)]
mod smmu_64k {}

#[ptgen::pagetable(
    format = "vtd_second_stage_3level",
    features(snoop_control = runtime, caching_mode = runtime),
    parameters(width = 48)
)]
mod vtd_3level {}

#[ptgen::pagetable(
    format = "vtd_second_stage_4level",
    features(snoop_control = runtime, caching_mode = runtime),
    parameters(width = 48)
)]
mod vtd_4level {}

/// The second stage, in legacy mode. Five levels and the first stage are not modelled by QEMU 7.2, which takes the width
/// of a bus address for that of an OA.
fn vtd<F>(format: impl Fn(bool, bool) -> F, levels: u8, snoop_control: bool, caching_mode: bool) -> Subject<F, VtD> {
    let name = format!("vtd_second_stage_{levels}level");
    let features = [("snoop_control", snoop_control), ("caching_mode", caching_mode)];
    let reference = Reference::new(&name, &features, &[("width", 48)], None);
    let (snoop, caching) =
        (if snoop_control { ", snoop control" } else { "" }, if caching_mode { ", caching mode" } else { "" });
    Subject {
        name: format!("{name}{snoop}{caching}"),
        format: format(snoop_control, caching_mode),
        processor: VtD { levels, snoop_control, caching_mode },
        reference,
    }
}

#[test]
fn vtd_of_three_levels() {
    for machine in machines_for_tests(&[names::QEMU_VT_D]) {
        let subject = vtd(vtd_3level::Format::new, 3, true, false);
        judge_all::<vtd_3level::PageTable, _>(&subject, machine.as_ref());
    }
}

#[test]
fn vtd_of_four_levels() {
    for machine in machines_for_tests(&[names::QEMU_VT_D]) {
        let subject = vtd(vtd_4level::Format::new, 4, false, true);
        judge_all::<vtd_4level::PageTable, _>(&subject, machine.as_ref());
    }
}

#[test]
fn vtd_remembers() {
    for machine in machines_for_tests(&[names::QEMU_VT_D]) {
        for caching_mode in [false, true] {
            let subject = vtd(vtd_4level::Format::new, 4, true, caching_mode);
            let found = judge_flushes::<vtd_4level::PageTable, _>(&subject, machine.as_ref(), seed());
            // More rights need a flush, too: what a device is refused is not tried again.
            assert_eq!(found.repeated, 0);
        }
    }
}

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
fn smmu<F>(name: &str, format: F, granule: Granule, machine: &dyn Machine) -> Subject<F, Smmu> {
    let Features::Smmu(features) = machine.features() else { panic!("{machine:?}") };
    Subject {
        name: format!("{name}, low, SMMU"),
        format,
        processor: Smmu { granule, va_bits: 48, oa_bits: features.oa_bits },
        reference: Reference::new(name, &[], &[("low_bits", 48)], Some("low")),
    }
}

#[test]
fn smmu_of_48_bits() {
    for machine in machines_for_tests(&[names::QEMU_SMMU]) {
        let subject = smmu("aarch64_stage1_4k", smmu_4k::Format {}, Granule::K4, machine.as_ref());
        judge_all::<smmu_4k::PageTable, _>(&subject, machine.as_ref());
    }
}

#[test]
fn smmu_with_pages_of_16_kib() {
    for machine in machines_for_tests(&[names::QEMU_SMMU]) {
        let subject = smmu("aarch64_stage1_16k", smmu_16k::Format {}, Granule::K16, machine.as_ref());
        judge_all::<smmu_16k::PageTable, _>(&subject, machine.as_ref());
    }
}

#[test]
fn smmu_with_pages_of_64_kib() {
    for machine in machines_for_tests(&[names::QEMU_SMMU]) {
        let subject = smmu("aarch64_stage1_64k", smmu_64k::Format {}, Granule::K64, machine.as_ref());
        judge_all::<smmu_64k::PageTable, _>(&subject, machine.as_ref());
    }
}

#[test]
fn smmu_remembers() {
    for machine in machines_for_tests(&[names::QEMU_SMMU]) {
        let subject = smmu("aarch64_stage1_4k", smmu_4k::Format {}, Granule::K4, machine.as_ref());
        judge_flushes::<smmu_4k::PageTable, _>(&subject, machine.as_ref(), seed());
    }
}
