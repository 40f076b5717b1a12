//! What a machine's processor can do, as the processor itself says.

/// The features of a machine, by architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Features {
    /// Of an x86-64 processor.
    X86_64(X86_64Features),
    /// Of a RISC-V hart.
    RiscV(RiscVFeatures),
    /// Of an AArch64 processor.
    AArch64(AArch64Features),
}

/// What CPUID says (Intel SDM vol. 2A, "CPUID").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct X86_64Features {
    /// Five levels.
    pub five_levels: bool,
    /// Leaves of 1 GiB.
    pub gigabyte_pages: bool,
    /// The no-execute bit.
    pub no_execute: bool,
    /// Protection keys for user pages.
    pub protection_keys: bool,
    /// Supervisor-mode execution prevention.
    pub smep: bool,
    /// Supervisor-mode access prevention.
    pub smap: bool,
    /// Bits of a physical address (MAXPHYADDR).
    pub oa_bits: u8,
    /// Bits of a linear address.
    pub va_bits: u8,
}

/// What a trial shows: supervisors have no register that tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RiscVFeatures {
    /// Four levels.
    pub sv48: bool,
    /// Five levels.
    pub sv57: bool,
    /// Runs of 64 KiB (Svnapot).
    pub svnapot: bool,
    /// Memory types in entries (Svpbmt).
    pub svpbmt: bool,
    /// The hart can be made to set accessed and dirty bits itself (Svadu).
    pub svadu: bool,
    /// The hart can be made to fault where it would have to (Svade).
    pub svade: bool,
    /// Reserved bits fault even where the hart has runs or memory types. QEMU 7.2 ignores them then; without
    /// either ([`RiscVMmu::runs`](crate::RiscVMmu::runs), [`RiscVMmu::memory_types`](crate::RiscVMmu::memory_types))
    /// they always fault.
    pub checks_reserved: bool,
}

/// What the identification registers say (Arm DDI 0487, `ID_AA64MMFR0_EL1` to `ID_AA64MMFR2_EL1`), and a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AArch64Features {
    /// Bits of a physical address.
    pub oa_bits: u8,
    /// VAs of 52 bits with the 64 KiB granule (FEAT_LVA).
    pub lva: bool,
    /// The 4 KiB granule.
    pub granule_4k: bool,
    /// 52-bit descriptors with the 4 KiB granule (FEAT_LPA2).
    pub lpa2_4k: bool,
    /// The 16 KiB granule.
    pub granule_16k: bool,
    /// 52-bit descriptors with the 16 KiB granule.
    pub lpa2_16k: bool,
    /// The 64 KiB granule.
    pub granule_64k: bool,
    /// Hardware can set the access flag (FEAT_HAFDBS).
    pub hardware_accessed: bool,
    /// Hardware can clear read-only (FEAT_HAFDBS).
    pub hardware_dirty: bool,
    /// Attributes in table descriptors can be switched off (FEAT_HPDS).
    pub hierarchical_off: bool,
    /// A block at level 0, which only LPA2 has, faults without LPA2. QEMU 7.2 takes it as a block.
    pub checks_block_levels: bool,
}
