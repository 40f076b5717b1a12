//! The page-table formats that ptgen ships: their texts, and one list of their names.

/// A format file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// The name of the file, relative to the folder of this package.
    pub name: &'static str,
    /// What it says.
    pub text: &'static str,
}

/// A format that clients may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builtin {
    /// The name of the format.
    pub name: &'static str,
    /// The name of the file that describes it.
    pub file: &'static str,
    /// The text of that file.
    pub text: &'static str,
}

/// All format files, in the order of their names.
pub const FILES: &[File] = &[AARCH64, AMD_IOMMU, ARM32, DART, EPT, LOONGARCH, POWER, RISCV, S390X, VTD, X86, X86_64];

/// All formats, in the order of the files and of the descriptions in them. What a file calls a `base` is not listed.
pub const FORMATS: &[Builtin] = &[
    AARCH64.format("aarch64_stage1_4k"),
    AARCH64.format("aarch64_stage1_4k_lpa2"),
    AARCH64.format("aarch64_stage1_16k"),
    AARCH64.format("aarch64_stage1_16k_lpa2"),
    AARCH64.format("aarch64_stage1_64k"),
    AARCH64.format("aarch64_stage2_4k"),
    AARCH64.format("aarch64_stage2_4k_lpa2"),
    AARCH64.format("aarch64_stage2_16k"),
    AARCH64.format("aarch64_stage2_16k_lpa2"),
    AARCH64.format("aarch64_stage2_64k"),
    AMD_IOMMU.format("amd_iommu_v1"),
    ARM32.format("arm_lpae"),
    ARM32.format("armv7_short"),
    DART.format("dart1_4k"),
    DART.format("dart1_16k"),
    DART.format("dart2_16k"),
    DART.format("dart2_16k_t8110"),
    EPT.format("ept_4level"),
    EPT.format("ept_5level"),
    LOONGARCH.format("loongarch64"),
    POWER.format("power_radix_4k"),
    POWER.format("power_radix_64k"),
    RISCV.format("riscv_sv32"),
    RISCV.format("riscv_sv39"),
    RISCV.format("riscv_sv48"),
    RISCV.format("riscv_sv57"),
    RISCV.format("riscv"),
    RISCV.format("riscv_sv32x4"),
    RISCV.format("riscv_sv39x4"),
    RISCV.format("riscv_sv48x4"),
    RISCV.format("riscv_sv57x4"),
    S390X.format("s390x"),
    VTD.format("vtd_second_stage_3level"),
    VTD.format("vtd_second_stage_4level"),
    VTD.format("vtd_second_stage_5level"),
    VTD.format("vtd_first_stage_4level"),
    VTD.format("vtd_first_stage_5level"),
    X86.format("x86_2level"),
    X86_64.format("x86_64_4level"),
    X86_64.format("x86_64_5level"),
    X86_64.format("x86_64"),
    X86_64.format("x86_pae"),
    X86_64.format("npt_4level"),
    X86_64.format("npt_5level"),
    X86_64.format("amd_iommu_v2_4level"),
    X86_64.format("amd_iommu_v2_5level"),
];

const AARCH64: File = File { name: "aarch64.ptf", text: include_str!("../aarch64.ptf") };
const AMD_IOMMU: File = File { name: "amd_iommu.ptf", text: include_str!("../amd_iommu.ptf") };
const ARM32: File = File { name: "arm32.ptf", text: include_str!("../arm32.ptf") };
const DART: File = File { name: "dart.ptf", text: include_str!("../dart.ptf") };
const EPT: File = File { name: "ept.ptf", text: include_str!("../ept.ptf") };
const LOONGARCH: File = File { name: "loongarch.ptf", text: include_str!("../loongarch.ptf") };
const POWER: File = File { name: "power.ptf", text: include_str!("../power.ptf") };
const RISCV: File = File { name: "riscv.ptf", text: include_str!("../riscv.ptf") };
const S390X: File = File { name: "s390x.ptf", text: include_str!("../s390x.ptf") };
const VTD: File = File { name: "vtd.ptf", text: include_str!("../vtd.ptf") };
const X86: File = File { name: "x86.ptf", text: include_str!("../x86.ptf") };
const X86_64: File = File { name: "x86_64.ptf", text: include_str!("../x86_64.ptf") };

/// The format of this name.
#[must_use]
pub fn format(name: &str) -> Option<&'static Builtin> {
    FORMATS.iter().find(|format| format.name == name)
}

impl File {
    const fn format(&self, name: &'static str) -> Builtin {
        Builtin { name, file: self.name, text: self.text }
    }
}
