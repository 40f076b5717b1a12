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
    /// Of a processor in AArch32 state.
    Arm32(Arm32Features),
    /// Of a LoongArch64 processor, of which nothing needs to be known.
    LoongArch,
    /// Of a VT-d unit.
    VtD(VtDFeatures),
    /// Of an AMD-Vi unit.
    AmdVi(AmdViFeatures),
    /// Of an SMMUv3.
    Smmu(SmmuFeatures),
    /// Of a POWER9 processor.
    Power(PowerFeatures),
    /// Of an s390x processor.
    S390x(S390xFeatures),
}

/// What the identification registers say (Arm DDI 0487, `ID_MMFR0_EL1`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm32Features {
    /// Long descriptors (LPAE).
    pub long_descriptors: bool,
    /// The bit PXN of short descriptors.
    pub privileged_never: bool,
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
    /// Two levels of entries of 32 bits: a hart of 32 bits, which has no other mode.
    pub sv32: bool,
    /// Guest stages (the H extension).
    pub hypervisor: bool,
    /// The highest bit of a guest's physical address is one like others. QEMU 7.2 takes it for a sign, as in the first stage.
    pub unsigned_guests: bool,
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
    /// Stage 2 has 52-bit descriptors of the 4 KiB granule.
    pub stage2_lpa2_4k: bool,
    /// Stage 2 has 52-bit descriptors of the 16 KiB granule.
    pub stage2_lpa2_16k: bool,
    /// EL0 and EL1 have fetch rights of their own in stage 2 (FEAT_XNX). It cannot be switched off.
    pub execute_never_by_level: bool,
    /// Stage 2 can force memory types (FEAT_S2FWB).
    pub forced_write_back: bool,
    /// A block at level 0, which only LPA2 has, faults without LPA2. QEMU 7.2 takes it as a block.
    pub checks_block_levels: bool,
}

/// What the capability registers say (Intel VT-d specification, "Capability Register", "Extended Capability Register").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VtDFeatures {
    /// Bits of a bus address. QEMU 7.2 takes it for the width of an OA, too.
    pub va_bits: u8,
    /// Three levels, 39 bits.
    pub three_levels: bool,
    /// Four levels, 48 bits.
    pub four_levels: bool,
    /// Five levels, 57 bits. QEMU 7.2 has none.
    pub five_levels: bool,
    /// Leaves of 2 MiB.
    pub large: bool,
    /// Leaves of 1 GiB.
    pub huge: bool,
    /// Absent entries may be cached, so that new mappings have to be flushed.
    pub caching_mode: bool,
    /// The bit SNP of leaves means something; otherwise it is reserved.
    pub snoop_control: bool,
    /// First-stage tables. QEMU 7.2 has none.
    pub first_stage: bool,
}

/// What the extended feature register says (AMD I/O Virtualization Technology Specification, "Extended Feature
/// Register").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmdViFeatures {
    /// The most levels of host tables.
    pub levels: u8,
}

/// What the identification registers say (Arm IHI 0070, `SMMU_IDR0`, `SMMU_IDR5`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmmuFeatures {
    /// Stage 1.
    pub stage1: bool,
    /// Stage 2. QEMU 7.2 has none.
    pub stage2: bool,
    /// Bits of an OA.
    pub oa_bits: u8,
    /// The 4 KiB granule.
    pub granule_4k: bool,
    /// The 16 KiB granule.
    pub granule_16k: bool,
    /// The 64 KiB granule.
    pub granule_64k: bool,
}

/// What a trial shows of how a POWER9 processor treats what its manual forbids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PowerFeatures {
    /// References to tables of a size that there is not fault.
    pub checks_sizes: bool,
    /// Addresses with bits between the quadrant and those that are translated fault.
    pub checks_addresses: bool,
}

/// What a trial shows (Principles of Operation, "Store Facility List" has the facilities, which the stub does not ask).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S390xFeatures {
    /// Segments as leaves (enhanced-DAT facility 1).
    pub edat1: bool,
    /// Regions as leaves (enhanced-DAT facility 2).
    pub edat2: bool,
    /// Leaves that forbid fetches (instruction-execution-protection facility).
    pub execute_protection: bool,
}
