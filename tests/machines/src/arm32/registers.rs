//! System registers: what the stub loads, and what the identification registers say.

use super::stub;
use crate::control::Control;
use crate::{Arm32Descriptors, Arm32Features, Arm32Mmu, Half, MachineError};

/// Indices of the settings in the header.
pub(super) mod setting {
    pub(crate) const TTBR0: u64 = 0;
    pub(crate) const TTBR1: u64 = 1;
    pub(crate) const TCR: u64 = 2;
    pub(crate) const MAIR: u64 = 3;
    pub(crate) const VBAR: u64 = 4;
    pub(crate) const DACR: u64 = 5;
    pub(crate) const SCTLR: u64 = 6;
}

/// `TTBCR.EAE`: long descriptors (Arm DDI 0487, "TTBCR, Translation Table Base Control Register").
const EAE: u64 = 1 << 31;

// SCTLR (DDI 0487, "SCTLR, System Control Register").
/// MMU, caches, and the bits that are one; low exception vectors.
const SCTLR: u64 = 0x00c5_187d;
/// TEX remap.
const TRE: u64 = 1 << 28;
/// Access flag.
const AFE: u64 = 1 << 29;

/// Values of the system registers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Registers {
    ttbr0: u64,
    ttbr1: u64,
    tcr: u64,
    mair: u64,
    vbar: u64,
    dacr: u64,
    sctlr: u64,
}

impl Registers {
    /// The registers for a configuration, if the processor has what it asks for. TTBR0 translates the lower half, or, if
    /// the upper part is under test, 32 MiB.
    pub(super) fn new(mmu: &Arm32Mmu, features: &Arm32Features) -> Result<Self, MachineError> {
        let long = mmu.descriptors == Arm32Descriptors::Long;
        if long && !features.long_descriptors {
            return Err(MachineError::Unsupported("long descriptors".to_owned()));
        }
        let table = stub::vector_table(long, mmu.half);
        let (ttbr0, ttbr1) = match mmu.half {
            Half::Lower => (mmu.root, table),
            Half::Upper => (table, mmu.root),
        };
        let size = u64::from(32 - mmu.half.arm32_low_bits());
        let (tcr, dacr, sctlr) = match mmu.descriptors {
            Arm32Descriptors::Long => (EAE | size, 0, SCTLR),
            Arm32Descriptors::Short { access_flag, type_remap, domains } => {
                let bit = |condition: bool, bit: u64| if condition { bit } else { 0 };
                (size, domains.into(), SCTLR | bit(access_flag, AFE) | bit(type_remap, TRE))
            }
        };
        Ok(Self { ttbr0, ttbr1, tcr, mair: mmu.mair, vbar: stub::vectors(mmu.half), dacr, sctlr })
    }

    /// Writes the registers where the stub looks for them.
    pub(super) fn store(&self, control: Control<'_>) {
        control.set(setting::TTBR0, self.ttbr0);
        control.set(setting::TTBR1, self.ttbr1);
        control.set(setting::TCR, self.tcr);
        control.set(setting::MAIR, self.mair);
        control.set(setting::VBAR, self.vbar);
        control.set(setting::DACR, self.dacr);
        control.set(setting::SCTLR, self.sctlr);
    }
}

/// Reads `ID_AA64PFR0_EL1` and `ID_MMFR0_EL1`.
pub(super) fn features(registers: [u64; 2]) -> Result<Arm32Features, MachineError> {
    let field = |register: usize, shift: u32| registers[register] >> shift & 0xf;
    if field(0, 4) != 2 {
        return Err(MachineError::Unsupported("AArch32 at EL1".to_owned()));
    }
    Ok(Arm32Features { long_descriptors: field(1, 0) >= 5, privileged_never: field(1, 0) >= 4 })
}
