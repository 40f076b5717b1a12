//! System registers: what the stub loads, and what the identification registers say.

use super::stub;
use crate::control::Control;
use crate::{AArch64Features, AArch64Mmu, Granule, Half, MachineError};

/// Indices of the settings in the header.
pub(super) mod setting {
    pub(crate) const TTBR0: u64 = 0;
    pub(crate) const TTBR1: u64 = 1;
    pub(crate) const TCR: u64 = 2;
    pub(crate) const MAIR: u64 = 3;
    pub(crate) const VBAR: u64 = 4;
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

/// Values of the system registers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Registers {
    ttbr0: u64,
    ttbr1: u64,
    tcr: u64,
    mair: u64,
    vbar: u64,
}

impl Registers {
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

/// Reads `ID_AA64MMFR0_EL1`, `ID_AA64MMFR1_EL1` and `ID_AA64MMFR2_EL1`.
pub(super) fn features(registers: [u64; 3]) -> AArch64Features {
    let field = |register: usize, shift: u32| registers[register] >> shift & 0xf;
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
        lpa2_4k: field(0, 28) == 1,
        granule_16k: field(0, 20) != 0,
        lpa2_16k: field(0, 20) == 2,
        granule_64k: field(0, 24) != 0xf,
        hardware_accessed: field(1, 0) >= 1,
        hardware_dirty: field(1, 0) >= 2,
        hierarchical_off: field(1, 12) >= 1,
        // Registers do not tell; a trial will.
        checks_block_levels: false,
    }
}
