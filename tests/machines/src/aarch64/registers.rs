//! System registers: what the stub loads, and what the identification registers say.

use super::stub;
use crate::control::Control;
use crate::{AArch64Features, AArch64Mmu, AArch64Stage2Mmu, Granule, Half, MachineError};

/// Indices of the settings in the header.
pub(super) mod setting {
    pub(crate) const TTBR0: u64 = 0;
    pub(crate) const TTBR1: u64 = 1;
    pub(crate) const TCR: u64 = 2;
    pub(crate) const MAIR: u64 = 3;
    pub(crate) const VBAR: u64 = 4;
    pub(crate) const SCTLR: u64 = 5;
    pub(crate) const HCR: u64 = 6;
    pub(crate) const VTCR: u64 = 7;
    pub(crate) const VTTBR: u64 = 8;
}

// TCR_EL1 (Arm DDI 0487, "TCR_EL1, Translation Control Register"). The fields of the upper half are 16 bits further up.
/// Inner and outer write-back walks, inner shareable.
const WALKS: u64 = 1 << 8 | 1 << 10 | 3 << 12;
const TG0_SHIFT: u32 = 14;
const TG1_SHIFT: u32 = 30;
const UPPER_SHIFT: u32 = 16;
const IPS_SHIFT: u32 = 32;
const HA: u64 = 1 << 39;
const HD: u64 = 1 << 40;
const HPD0: u64 = 1 << 41;
const HPD1: u64 = 1 << 42;
const DS: u64 = 1 << 59;

// VTCR_EL2 (DDI 0487, "VTCR_EL2, Virtualization Translation Control Register"), where it differs from TCR_EL1.
const SL0_SHIFT: u32 = 6;
const PS_SHIFT: u32 = 16;
const STAGE2_HA: u64 = 1 << 21;
const STAGE2_HD: u64 = 1 << 22;
const STAGE2_RESERVED: u64 = 1 << 31;
const STAGE2_DS: u64 = 1 << 32;
const SL2: u64 = 1 << 33;

/// `HCR_EL2.RW`: EL1 is in AArch64 state.
const RW: u64 = 1 << 31;
/// `HCR_EL2.VM`: stage 2 is on.
const VM: u64 = 1;
/// `HCR_EL2.FWB`.
const FWB: u64 = 1 << 46;

/// `SCTLR_EL1`: the bits that were once reserved as one, and caches.
const SCTLR: u64 = 0x30d0_0800 | 1 << 12 | 1 << 2;
/// `SCTLR_EL1.M`: stage 1 is on.
const M: u64 = 1;

/// Where EL1's vectors are while stage 1 is off: at the end of what any stage 2 can translate. No tables under test map it,
/// so an exception to EL1 becomes one to EL2, on the way to its vector.
const NO_VECTORS: u64 = (1 << 52) - stub::VECTORS_BYTES;

/// Values of the system registers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Registers {
    ttbr0: u64,
    ttbr1: u64,
    tcr: u64,
    mair: u64,
    vbar: u64,
    sctlr: u64,
    hcr: u64,
    vtcr: u64,
    vttbr: u64,
}

impl Registers {
    /// For a run in which nothing is translated.
    pub(super) fn off() -> Self {
        Self { sctlr: SCTLR, hcr: RW, ..Self::default() }
    }

    /// The registers for tables of stage 2, with stage 1 off.
    pub(super) fn stage2(mmu: &AArch64Stage2Mmu, features: &AArch64Features) -> Result<Self, MachineError> {
        check_stage2(mmu, features)?;
        let bit = |condition: bool, bit: u64| if condition { bit } else { 0 };
        let vtcr = WALKS
            | (64 - u64::from(mmu.ipa_bits))
            | start(mmu)?
            | granule(mmu.granule).0 << TG0_SHIFT
            | ips(mmu.oa_bits)? << PS_SHIFT
            | STAGE2_RESERVED
            | bit(mmu.hardware_accessed, STAGE2_HA)
            | bit(mmu.hardware_dirty, STAGE2_HD)
            | bit(mmu.lpa2, STAGE2_DS);
        let hcr = RW | VM | bit(mmu.forced_write_back, FWB);
        Ok(Self { vbar: NO_VECTORS, hcr, vtcr, vttbr: mmu.root, ..Self::off() })
    }

    /// The registers for a configuration, if the processor has what it asks for.
    pub(super) fn new(mmu: &AArch64Mmu, features: &AArch64Features) -> Result<Self, MachineError> {
        check_features(mmu, features)?;
        let bit = |condition: bool, bit: u64| if condition { bit } else { 0 };
        let size = WALKS | (64 - u64::from(mmu.va_bits));
        let vectors = WALKS | (64 - stub::VECTOR_VA_BITS);
        let shared = ips(mmu.oa_bits)? << IPS_SHIFT
            | bit(mmu.hardware_accessed, HA)
            | bit(mmu.hardware_dirty, HD)
            | bit(mmu.lpa2, DS);
        let (tg0, tg1) = granule(mmu.granule);
        let (vector_tg0, vector_tg1) = granule(Granule::K4);
        let table = stub::vector_table();
        let on = Self { sctlr: SCTLR | M, ..Self::off() };
        Ok(match mmu.half {
            Half::Lower => Self {
                ttbr0: mmu.root,
                ttbr1: table,
                tcr: shared
                    | size
                    | tg0 << TG0_SHIFT
                    | vectors << UPPER_SHIFT
                    | vector_tg1 << TG1_SHIFT
                    | bit(!mmu.hierarchical, HPD0),
                mair: mmu.mair,
                vbar: stub::vectors() | u64::MAX << stub::VECTOR_VA_BITS,
                ..on
            },
            Half::Upper => Self {
                ttbr0: table,
                ttbr1: mmu.root,
                tcr: shared
                    | vectors
                    | vector_tg0 << TG0_SHIFT
                    | size << UPPER_SHIFT
                    | tg1 << TG1_SHIFT
                    | bit(!mmu.hierarchical, HPD1),
                mair: mmu.mair,
                vbar: stub::vectors(),
                ..on
            },
        })
    }

    /// Writes the registers where the stub looks for them.
    pub(super) fn store(&self, control: Control<'_>) {
        control.set(setting::TTBR0, self.ttbr0);
        control.set(setting::TTBR1, self.ttbr1);
        control.set(setting::TCR, self.tcr);
        control.set(setting::MAIR, self.mair);
        control.set(setting::VBAR, self.vbar);
        control.set(setting::SCTLR, self.sctlr);
        control.set(setting::HCR, self.hcr);
        control.set(setting::VTCR, self.vtcr);
        control.set(setting::VTTBR, self.vttbr);
    }
}

/// `TG0` and `TG1`, which number the granules differently.
fn granule(granule: Granule) -> (u64, u64) {
    match granule {
        Granule::K4 => (0, 2),
        Granule::K16 => (2, 1),
        Granule::K64 => (1, 3),
    }
}

/// `SL0` and `SL2`: the level of the root, which granules number differently.
fn start(mmu: &AArch64Stage2Mmu) -> Result<u64, MachineError> {
    let sl0 = match (mmu.granule, mmu.start_level) {
        (Granule::K4, -1) => return Ok(SL2),
        (Granule::K4, 3) | (Granule::K16, 0) => 3,
        (Granule::K4, 0) | (Granule::K16 | Granule::K64, 1) => 2,
        (Granule::K4, 1) | (Granule::K16 | Granule::K64, 2) => 1,
        (Granule::K4, 2) | (Granule::K16 | Granule::K64, 3) => 0,
        (_, level) => return Err(MachineError::Unsupported(format!("stage 2 from level {level}"))),
    };
    Ok(sl0 << SL0_SHIFT)
}

/// `IPS`.
fn ips(oa_bits: u8) -> Result<u64, MachineError> {
    match oa_bits {
        32 => Ok(0),
        36 => Ok(1),
        40 => Ok(2),
        42 => Ok(3),
        44 => Ok(4),
        48 => Ok(5),
        52 => Ok(6),
        other => Err(MachineError::Unsupported(format!("OAs of {other} bits"))),
    }
}

fn check_features(mmu: &AArch64Mmu, features: &AArch64Features) -> Result<(), MachineError> {
    let (granule, lpa2) = match mmu.granule {
        Granule::K4 => (features.granule_4k, features.lpa2_4k),
        Granule::K16 => (features.granule_16k, features.lpa2_16k),
        Granule::K64 => (features.granule_64k, false),
    };
    let large_va = mmu.lpa2 || mmu.granule == Granule::K64 && features.lva;
    let wants = [
        (granule, "this granule"),
        (!mmu.lpa2 || lpa2, "LPA2 with this granule"),
        (mmu.oa_bits <= features.oa_bits, "OAs of this size"),
        (mmu.va_bits >= 16 && mmu.va_bits <= if large_va { 52 } else { 48 }, "VAs of this size"),
        (!mmu.hardware_accessed || features.hardware_accessed, "hardware access flags"),
        (!mmu.hardware_dirty || features.hardware_dirty && mmu.hardware_accessed, "hardware dirty state"),
        (mmu.hierarchical || features.hierarchical_off, "switching off attributes in table descriptors"),
    ];
    match wants.iter().find(|(met, _)| !met) {
        Some((_, what)) => Err(MachineError::Unsupported((*what).to_owned())),
        None => Ok(()),
    }
}

fn check_stage2(mmu: &AArch64Stage2Mmu, features: &AArch64Features) -> Result<(), MachineError> {
    let (granule, lpa2) = match mmu.granule {
        Granule::K4 => (features.granule_4k, features.stage2_lpa2_4k),
        Granule::K16 => (features.granule_16k, features.stage2_lpa2_16k),
        Granule::K64 => (features.granule_64k, false),
    };
    let wants = [
        (granule, "this granule"),
        (!mmu.lpa2 || lpa2, "LPA2 in stage 2 with this granule"),
        (mmu.oa_bits <= features.oa_bits, "OAs of this size"),
        (mmu.ipa_bits < 52 && mmu.ipa_bits <= mmu.oa_bits, "IPAs of this size, beside the vectors"),
        (!mmu.hardware_accessed || features.hardware_accessed, "hardware access flags"),
        (!mmu.hardware_dirty || features.hardware_dirty && mmu.hardware_accessed, "hardware dirty state"),
        (!mmu.forced_write_back || features.forced_write_back, "forced memory types"),
    ];
    match wants.iter().find(|(met, _)| !met) {
        Some((_, what)) => Err(MachineError::Unsupported((*what).to_owned())),
        None => Ok(()),
    }
}

/// Reads `ID_AA64MMFR0_EL1`, `ID_AA64MMFR1_EL1` and `ID_AA64MMFR2_EL1`.
pub(super) fn features(registers: [u64; 3]) -> AArch64Features {
    let field = |register: usize, shift: u32| registers[register] >> shift & 0xf;
    let (lpa2_4k, lpa2_16k) = (field(0, 28) == 1, field(0, 20) == 2);
    // Zero: as stage 1.
    let stage2 = |shift: u32, stage1: bool| field(0, shift) == 3 || field(0, shift) == 0 && stage1;
    AArch64Features {
        oa_bits: match field(0, 0) {
            0 => 32,
            1 => 36,
            2 => 40,
            3 => 42,
            4 => 44,
            5 => 48,
            _ => 52,
        },
        lva: field(2, 16) >= 1,
        granule_4k: field(0, 28) != 0xf,
        lpa2_4k,
        granule_16k: field(0, 20) != 0,
        lpa2_16k,
        granule_64k: field(0, 24) != 0xf,
        hardware_accessed: field(1, 0) >= 1,
        hardware_dirty: field(1, 0) >= 2,
        hierarchical_off: field(1, 12) >= 1,
        stage2_lpa2_4k: stage2(40, lpa2_4k),
        stage2_lpa2_16k: stage2(32, lpa2_16k),
        execute_never_by_level: field(1, 28) >= 1,
        forced_write_back: field(2, 40) >= 1,
        // Registers do not tell; a trial will.
        checks_block_levels: false,
    }
}
