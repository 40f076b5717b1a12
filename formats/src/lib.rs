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

macro_rules! formats {
    ($($constant:ident = $file:literal: $($name:literal),+;)*) => {
        $(const $constant: File = File { name: $file, text: include_str!(concat!("../", $file)) };)*

        /// All format files, in the order of their names.
        pub const FILES: &[File] = &[$($constant),*];

        /// All formats, in the order of the files and of the descriptions in them. What a file calls a `base` is not listed.
        pub const FORMATS: &[Builtin] = &[$($($constant.format($name)),+),*];
    };
}

// Each file with the formats that it describes, in the order of the names of the files.
formats! {
    AARCH64 = "aarch64.ptf":
        "aarch64_stage1_4k",
        "aarch64_stage1_4k_lpa2",
        "aarch64_stage1_16k",
        "aarch64_stage1_16k_lpa2",
        "aarch64_stage1_64k",
        "aarch64_stage2_4k",
        "aarch64_stage2_4k_lpa2",
        "aarch64_stage2_16k",
        "aarch64_stage2_16k_lpa2",
        "aarch64_stage2_64k";
    AMD_IOMMU = "amd_iommu.ptf": "amd_iommu_v1";
    ARM32 = "arm32.ptf": "arm_lpae", "armv7_short";
    DART = "dart.ptf": "dart1_4k", "dart1_16k", "dart2_16k", "dart2_16k_t8110";
    EPT = "ept.ptf": "ept_4level", "ept_5level";
    LOONGARCH = "loongarch.ptf": "loongarch64";
    POWER = "power.ptf": "power_radix_4k", "power_radix_64k";
    RISCV = "riscv.ptf":
        "riscv_sv32",
        "riscv_sv39",
        "riscv_sv48",
        "riscv_sv57",
        "riscv",
        "riscv_sv32x4",
        "riscv_sv39x4",
        "riscv_sv48x4",
        "riscv_sv57x4";
    S390X = "s390x.ptf": "s390x";
    VTD = "vtd.ptf":
        "vtd_second_stage_3level",
        "vtd_second_stage_4level",
        "vtd_second_stage_5level",
        "vtd_first_stage_4level",
        "vtd_first_stage_5level";
    X86 = "x86.ptf": "x86_2level";
    X86_64 = "x86_64.ptf":
        "x86_64_4level",
        "x86_64_5level",
        "x86_64",
        "x86_pae",
        "npt_4level",
        "npt_5level",
        "amd_iommu_v2_4level",
        "amd_iommu_v2_5level";
}

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
