//! How the MMU is set up: the root, and the control-register bits that change what tables mean.

/// The configuration of an MMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mmu {
    /// An x86-64 processor in long mode.
    X86_64(X86_64Mmu),
    /// An x86 processor in protected mode, 32 bits.
    X86(X86Mmu),
    /// Nested paging of an x86-64 processor.
    Nested(NestedMmu),
    /// A RISC-V hart.
    RiscV(RiscVMmu),
    /// Stage 1 of the EL1&0 regime of an AArch64 processor, or of an SMMUv3.
    AArch64(AArch64Mmu),
    /// Stage 2 of that regime, below a stage 1 that is off.
    AArch64Stage2(AArch64Stage2Mmu),
    /// The EL1&0 regime of a processor in AArch32 state.
    Arm32(Arm32Mmu),
    /// A LoongArch64 processor.
    LoongArch(LoongArchMmu),
    /// VT-d, second stage.
    VtD(VtDMmu),
    /// AMD-Vi, host tables.
    AmdVi(AmdViMmu),
    /// A POWER9 processor as its own host, process-scoped radix trees.
    Power(PowerMmu),
    /// An s390x processor with dynamic address translation.
    S390x(S390xMmu),
}

impl Mmu {
    /// The physical address of the root table.
    pub fn root(&self) -> u64 {
        match self {
            Self::X86_64(mmu) => mmu.root,
            Self::X86(mmu) => mmu.root,
            Self::Nested(mmu) => mmu.root,
            Self::RiscV(mmu) => mmu.root,
            Self::AArch64(mmu) => mmu.root,
            Self::AArch64Stage2(mmu) => mmu.root,
            Self::Arm32(mmu) => mmu.root,
            Self::VtD(mmu) => mmu.root,
            Self::AmdVi(mmu) => mmu.root,
            Self::Power(mmu) => mmu.root,
            Self::S390x(mmu) => mmu.root,
            Self::LoongArch(mmu) => mmu.root,
        }
    }
}

impl From<X86_64Mmu> for Mmu {
    fn from(mmu: X86_64Mmu) -> Self {
        Self::X86_64(mmu)
    }
}

impl From<X86Mmu> for Mmu {
    fn from(mmu: X86Mmu) -> Self {
        Self::X86(mmu)
    }
}

impl From<NestedMmu> for Mmu {
    fn from(mmu: NestedMmu) -> Self {
        Self::Nested(mmu)
    }
}

impl From<RiscVMmu> for Mmu {
    fn from(mmu: RiscVMmu) -> Self {
        Self::RiscV(mmu)
    }
}

impl From<AArch64Stage2Mmu> for Mmu {
    fn from(mmu: AArch64Stage2Mmu) -> Self {
        Self::AArch64Stage2(mmu)
    }
}

impl From<AArch64Mmu> for Mmu {
    fn from(mmu: AArch64Mmu) -> Self {
        Self::AArch64(mmu)
    }
}

impl From<Arm32Mmu> for Mmu {
    fn from(mmu: Arm32Mmu) -> Self {
        Self::Arm32(mmu)
    }
}

impl From<VtDMmu> for Mmu {
    fn from(mmu: VtDMmu) -> Self {
        Self::VtD(mmu)
    }
}

impl From<AmdViMmu> for Mmu {
    fn from(mmu: AmdViMmu) -> Self {
        Self::AmdVi(mmu)
    }
}

impl From<PowerMmu> for Mmu {
    fn from(mmu: PowerMmu) -> Self {
        Self::Power(mmu)
    }
}

impl From<S390xMmu> for Mmu {
    fn from(mmu: S390xMmu) -> Self {
        Self::S390x(mmu)
    }
}

impl From<LoongArchMmu> for Mmu {
    fn from(mmu: LoongArchMmu) -> Self {
        Self::LoongArch(mmu)
    }
}

/// What LoongArch64 walks (Reference Manual vol. 1, PWCL and PWCH), in either half of the address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoongArchMmu {
    /// Physical address of the root table (`PGDL` and `PGDH`).
    pub root: u64,
    /// lg2 of the bytes of a page. QEMU 7.2 has none of less than 16 KiB.
    pub page_lg2: u32,
    /// lg2 of the slots of a table of pages.
    pub table_bits: u32,
    /// lg2 of the slots of the four directories, from the lowest up; one of 0 is not there.
    pub directory_bits: [u32; 4],
}

/// Control registers of x86-64 (Intel SDM vol. 3A, 2.5 "Control Registers" and 5.1.1 "Four Paging Modes").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct X86_64Mmu {
    /// Physical address of the root table (`CR3`).
    pub root: u64,
    /// Five levels and not four (`CR4.LA57`).
    pub five_levels: bool,
    /// `EFER.NXE`: bit 63 forbids fetches; otherwise it is reserved.
    pub no_execute: bool,
    /// `CR0.WP`: read-only pages bind the supervisor, too.
    pub write_protect: bool,
    /// `CR4.SMEP`: the supervisor cannot fetch from user pages.
    pub smep: bool,
    /// `CR4.SMAP`: the supervisor cannot touch user pages.
    pub smap: bool,
    /// `CR4.PKE` with this value of `PKRU`: protection keys of user pages count.
    pub protection_keys: Option<u32>,
}

impl X86_64Mmu {
    /// Four levels at `root`; no-execute and write-protect on, the rest off.
    pub fn four_levels(root: u64) -> Self {
        Self {
            root,
            five_levels: false,
            no_execute: true,
            write_protect: true,
            smep: false,
            smap: false,
            protection_keys: None,
        }
    }

    /// Five levels at `root`; no-execute and write-protect on, the rest off.
    pub fn five_levels(root: u64) -> Self {
        Self { five_levels: true, ..Self::four_levels(root) }
    }
}

/// Control registers of x86 in protected mode (Intel SDM vol. 3A, 5.1.1 "Four Paging Modes").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct X86Mmu {
    /// Physical address of the root table (`CR3`), in the lowest 4 GiB.
    pub root: u64,
    /// Three levels with entries of 64 bits (`CR4.PAE`), and not two with entries of 32.
    pub pae: bool,
    /// `CR4.PSE`: pages of 4 MiB, with two levels.
    pub large_pages: bool,
    /// `EFER.NXE`, with three levels: bit 63 forbids fetches; otherwise it is reserved.
    pub no_execute: bool,
    /// `CR0.WP`: read-only pages bind the supervisor, too.
    pub write_protect: bool,
}

impl X86Mmu {
    /// Two levels at `root`, pages of 4 MiB, write-protect on.
    pub fn two_levels(root: u64) -> Self {
        Self { root, pae: false, large_pages: true, no_execute: false, write_protect: true }
    }

    /// Three levels at `root`; no-execute and write-protect on.
    pub fn pae(root: u64) -> Self {
        Self { pae: true, no_execute: true, ..Self::two_levels(root) }
    }
}

/// Nested paging of AMD's processors: what a hypervisor has set when it runs a guest (AMD APM vol. 2, "Nested Paging").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NestedMmu {
    /// Physical address of the root table (`nCR3`).
    pub root: u64,
    /// Five levels and not four (`CR4.LA57` of the hypervisor).
    pub five_levels: bool,
    /// `EFER.NXE` of the hypervisor: bit 63 forbids fetches; otherwise it is reserved.
    pub no_execute: bool,
}

/// The translation mode of RISC-V (`satp.MODE`; Privileged Architecture, "Supervisor Address Translation and
/// Protection Register").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RiscVMode {
    /// Two levels of entries of 32 bits; on harts of 32 bits.
    Sv32,
    /// Three levels.
    Sv39,
    /// Four levels.
    Sv48,
    /// Five levels.
    Sv57,
}

/// Control registers of RISC-V.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RiscVMmu {
    /// Physical address of the root table.
    pub root: u64,
    /// The translation mode.
    pub mode: RiscVMode,
    /// The tables are a guest stage (`hgatp`): a VA is a guest's physical address, since the guest's own stage is off. Its
    /// root is wider by two bits.
    pub guest: bool,
    /// `mstatus.SUM`: the supervisor may load from and store to user pages.
    pub supervisor_user_memory: bool,
    /// `mstatus.MXR`: executable pages can be read.
    pub executable_readable: bool,
    /// The hart has runs of 64 KiB (Svnapot); otherwise bit 63 is reserved.
    pub runs: bool,
    /// `menvcfg.PBMTE`: bits 62 and 61 are a memory type (Svpbmt); otherwise they are reserved.
    pub memory_types: bool,
    /// `menvcfg.ADUE`: the hart sets accessed and dirty bits (Svadu); otherwise it faults (Svade).
    pub hardware_accessed_dirty: bool,
}

impl RiscVMmu {
    /// The mode `mode` at `root`; SUM on, MXR off, Svnapot, Svpbmt and Svadu on.
    pub fn new(root: u64, mode: RiscVMode) -> Self {
        Self {
            root,
            mode,
            guest: false,
            supervisor_user_memory: true,
            executable_readable: false,
            runs: true,
            memory_types: true,
            hardware_accessed_dirty: true,
        }
    }
}

/// Which half of the address space AArch64 tables describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Half {
    /// VAs whose upper bits are 0, by `TTBR0_EL1`.
    Lower,
    /// VAs whose upper bits are 1, by `TTBR1_EL1`.
    Upper,
}

/// The translation granule of AArch64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Granule {
    /// 4 KiB.
    K4,
    /// 16 KiB.
    K16,
    /// 64 KiB.
    K64,
}

/// Control registers of AArch64 (Arm DDI 0487, `TCR_EL1`, `TTBR0_EL1`, `MAIR_EL1`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AArch64Mmu {
    /// Physical address of the root table.
    pub root: u64,
    /// The half of the address space that the tables describe. The machine keeps the other half for itself.
    pub half: Half,
    /// Bits of a VA within the half (64 minus `TCR_EL1.T0SZ`).
    pub va_bits: u8,
    /// The granule.
    pub granule: Granule,
    /// `TCR_EL1.DS`: 52-bit descriptors of the 4 KiB and 16 KiB granules, without shareability.
    pub lpa2: bool,
    /// Bits of an OA: 32, 36, 40, 42, 44, 48 or 52 (`TCR_EL1.IPS`).
    pub oa_bits: u8,
    /// Hardware sets the access flag (`TCR_EL1.HA`) when it walks for an access of its own.
    pub hardware_accessed: bool,
    /// Hardware clears read-only where a descriptor lets it (`TCR_EL1.HD`); needs `hardware_accessed`.
    pub hardware_dirty: bool,
    /// Attributes in table descriptors count (the inverse of `TCR_EL1.HPD0`).
    pub hierarchical: bool,
    /// `MAIR_EL1`: the memory types.
    pub mair: u64,
}

/// Control registers of AArch64's stage 2 (Arm DDI 0487, `VTCR_EL2`, `VTTBR_EL2`, `HCR_EL2`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AArch64Stage2Mmu {
    /// Physical address of the root table, or of the first of those that stand side by side.
    pub root: u64,
    /// Bits of an IPA (64 minus `VTCR_EL2.T0SZ`), fewer than 52.
    pub ipa_bits: u8,
    /// The level of the root, by the manual's number (`VTCR_EL2.SL0` and `SL2`).
    pub start_level: i8,
    /// The granule.
    pub granule: Granule,
    /// `VTCR_EL2.DS`: 52-bit descriptors of the 4 KiB and 16 KiB granules, without shareability.
    pub lpa2: bool,
    /// Bits of an OA: 32, 36, 40, 42, 44, 48 or 52 (`VTCR_EL2.PS`).
    pub oa_bits: u8,
    /// Hardware sets the access flag (`VTCR_EL2.HA`) when it walks for an access of its own.
    pub hardware_accessed: bool,
    /// Hardware makes writable what a descriptor lets it (`VTCR_EL2.HD`); needs `hardware_accessed`.
    pub hardware_dirty: bool,
    /// `HCR_EL2.FWB`: descriptors say what the memory type is.
    pub forced_write_back: bool,
}

impl AArch64Mmu {
    /// `MAIR_EL1` with slot 0 normal write-back, 1 normal non-cacheable, 2 device nGnRE, 3 device nGnRnE.
    pub const MAIR: u64 = 0x0004_44ff;

    /// The lower half with 48 bits of VA and OA and 4 KiB pages; no hardware updates, hierarchical attributes count.
    pub fn stage1_4k(root: u64) -> Self {
        Self {
            root,
            half: Half::Lower,
            va_bits: 48,
            granule: Granule::K4,
            lpa2: false,
            oa_bits: 48,
            hardware_accessed: false,
            hardware_dirty: false,
            hierarchical: true,
            mair: Self::MAIR,
        }
    }

    /// As [`stage1_4k`](Self::stage1_4k) with 52 bits of VA and OA.
    pub fn stage1_4k_lpa2(root: u64) -> Self {
        Self { va_bits: 52, lpa2: true, oa_bits: 52, ..Self::stage1_4k(root) }
    }
}

/// A context of VT-d in legacy mode (Intel VT-d specification, "Context Entry").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VtDMmu {
    /// Physical address of the root table.
    pub root: u64,
    /// Levels: 3 for 39 bits, 4 for 48.
    pub levels: u8,
    /// The unit has snoop control: the bit SNP of leaves is not reserved.
    pub snoop_control: bool,
    /// The unit may cache absent entries.
    pub caching_mode: bool,
}

/// The device table entry of AMD-Vi (AMD I/O Virtualization Technology Specification, "Device Table Entry Format").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmdViMmu {
    /// Physical address of the root table.
    pub root: u64,
    /// Levels, 1 to 6.
    pub levels: u8,
}

/// The format of the tables of AArch32, and what changes its meaning (Arm DDI 0487, `SCTLR`, `DACR`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm32Descriptors {
    /// Long descriptors (`TTBCR.EAE`).
    Long,
    /// Short descriptors.
    Short {
        /// `SCTLR.AFE`: AP[0] is the access flag.
        access_flag: bool,
        /// `SCTLR.TRE`: TEX remap.
        type_remap: bool,
        /// `DACR`. Domain 15 is the machine's, which must be a client.
        domains: u32,
    },
}

/// Control registers of AArch32 (Arm DDI 0487, `TTBCR`, `TTBR0`, `TTBR1`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm32Mmu {
    /// Physical address of the root table.
    pub root: u64,
    /// The lower half of the address space is that of `TTBR0`; the upper part, of `TTBR1`, has all but the lowest 32 MiB.
    /// The machine keeps the rest for itself.
    pub half: Half,
    /// The format.
    pub descriptors: Arm32Descriptors,
    /// `MAIR0` and `MAIR1`, or `PRRR` and `NMRR`.
    pub mair: u64,
}

impl Arm32Mmu {
    /// `MAIR0` with slot 0 normal write-back, 1 normal non-cacheable, 2 device.
    pub const MAIR: u64 = 0x0004_44ff;
}

impl Half {
    /// How many bits of a VA `TTBR0` of AArch32 translates while this half is under test.
    pub const fn arm32_low_bits(self) -> u32 {
        match self {
            Self::Lower => 31,
            Self::Upper => 25,
        }
    }
}

/// Which quadrant of the address space the tables of POWER describe (Power ISA 3.0B, Book III, "Effective Address Space
/// Structure").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quadrant {
    /// Quadrant 0, the tables of a process.
    User,
    /// Quadrant 3, the tables of process 0.
    Kernel,
}

/// What POWER's tables above the one under test say: 52 bits of addresses, 13 of which index the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PowerMmu {
    /// Physical address of the root table.
    pub root: u64,
    /// The quadrant that the tables describe. The machine keeps the other for itself.
    pub quadrant: Quadrant,
}

impl PowerMmu {
    /// These tables for this quadrant.
    pub fn new(root: u64, quadrant: Quadrant) -> Self {
        Self { root, quadrant }
    }
}

/// The address-space-control element and control register 0 of s390x (Principles of Operation, "Address-Space-Control
/// Element", "Control Registers").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S390xMmu {
    /// Physical address of the root table.
    pub root: u64,
    /// Bits that are translated: 31, 42, 53 or 64.
    pub bits: u8,
    /// Enhanced DAT: leaves in tables of segments and of regions.
    pub enhanced: bool,
    /// Leaves may forbid fetches.
    pub execute_protection: bool,
    /// The space is private.
    pub private_space: bool,
}

impl S390xMmu {
    /// All 64 bits, with enhanced DAT and execution protection.
    pub fn new(root: u64) -> Self {
        Self { root, bits: 64, enhanced: true, execute_protection: true, private_space: false }
    }
}
