//! What AArch64 processors do with leaves.

use ptgen::{Attributes, FaultKind};
use ptgen_machines::{AArch64Mmu, AArch64Stage2Mmu, Access, FaultKind as Kind, Granule, Half, Mmu, Probe};

use super::processor::{Leaf, Processor, Word};

/// Bit 55 of a VA says which half it belongs to (Arm DDI 0487, "Translation table base address registers").
const HALF: u64 = 1 << 55;

/// Bits of a descriptor (DDI 0487, "Hardware updates to the translation tables"): AF; AP[2], or S2AP[1], which says the
/// opposite; DBM.
const ACCESSED: u64 = 1 << 10;
const READ_ONLY: u64 = 1 << 7;
const STAGE2_WRITABLE: u64 = 1 << 7;
const DIRTY_MODIFIER: u64 = 1 << 51;

/// Bits 1 and 0 of a descriptor.
const TYPE: u64 = 0b11;
const BLOCK: u64 = 0b01;

/// SH, without LPA2.
const SHAREABILITY: u64 = 0b11 << 8;
const RESERVED_SHAREABILITY: u64 = 0b01 << 8;

/// The lowest bit of an address that is too large for stage 1, be it off.
const STAGE1_BITS: u32 = 52;

/// Whose tables they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Stage 1, with `SCTLR_EL1.WXN` and `PSTATE.PAN` off, of this half.
    One(Half),
    /// Stage 2, below a stage 1 that is off.
    Two {
        /// The level of the root.
        start: i8,
        /// FEAT_S2FWB is used.
        forced_write_back: bool,
    },
}

/// The EL1&0 regime.
#[derive(Clone, Copy, Debug)]
pub struct AArch64 {
    /// Whose tables.
    pub stage: Stage,
    /// The granule.
    pub granule: Granule,
    /// Bits of a VA, or of an IPA.
    pub bits: u8,
    /// OAs have 52 bits: LPA2, or LPA with the granule of 64 KiB.
    pub large: bool,
    /// Hardware sets the access flag, and records stores where a descriptor lets it (`HA` and `HD` of `TCR_EL1` or `VTCR_EL2`).
    pub updates: bool,
    /// Whether the machine refuses blocks at levels that cannot have them.
    pub checks_block_levels: bool,
}

impl AArch64 {
    fn lpa2(&self) -> bool {
        self.large && self.granule != Granule::K64
    }

    fn oa_bits(&self) -> u8 {
        if self.large { 52 } else { 48 }
    }

    /// Whether a level can have blocks (DDI 0487, "Translation table descriptor formats").
    fn has_blocks(&self, level: i8) -> bool {
        match self.granule {
            Granule::K4 => matches!(level, 1 | 2) || self.large && level == 0,
            Granule::K16 | Granule::K64 => level == 2 || self.large && level == 1,
        }
    }

    /// The level that the manual calls so: 3 for pages.
    fn manual_level(number: u8) -> i8 {
        3 - i8::try_from(number).expect("there are few levels")
    }
}

impl Processor for AArch64 {
    fn mmu(&self, root: u64) -> Mmu {
        let (granule, lpa2, oa_bits) = (self.granule, self.lpa2(), self.oa_bits());
        let (hardware_accessed, hardware_dirty) = (self.updates, self.updates);
        match self.stage {
            Stage::One(half) => AArch64Mmu {
                half,
                granule,
                va_bits: self.bits,
                lpa2,
                oa_bits,
                hardware_accessed,
                hardware_dirty,
                ..AArch64Mmu::stage1_4k(root)
            }
            .into(),
            Stage::Two { start, forced_write_back } => AArch64Stage2Mmu {
                root,
                ipa_bits: self.bits,
                start_level: start,
                granule,
                lpa2,
                oa_bits,
                hardware_accessed,
                hardware_dirty,
                forced_write_back,
            }
            .into(),
        }
    }

    fn untranslated_bits(&self) -> u64 {
        let above = u64::MAX << self.bits;
        match self.stage {
            Stage::One(_) => above & !HALF,
            Stage::Two { .. } => above & !(u64::MAX << STAGE1_BITS),
        }
    }

    fn concerns(&self, va: u64) -> bool {
        match self.stage {
            Stage::One(half) => (va & HALF != 0) == (half == Half::Upper),
            Stage::Two { .. } => va >> STAGE1_BITS == 0,
        }
    }

    fn refuses<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<Kind> {
        // Without hardware updates, a clear access flag faults, and before anything else is looked at (DDI 0487, "The
        // Access flag" and "Prioritization of synchronous aborts from a single stage of address translation").
        if !self.updates && !leaf.says("accessed") {
            return Some(Kind::AccessFlag);
        }
        // What EL0 may write, EL1 never fetches from (DDI 0487, "Instruction execution permissions"), as far as stage 1 says.
        let one = matches!(self.stage, Stage::One(_));
        let users_data = one && probe.access == Access::Fetch && !probe.user && leaf.permits(Access::Write, true);
        (!leaf.permits(probe.access, probe.user) || users_data).then_some(Kind::Permission)
    }

    fn unsure<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<&'static str> {
        // DBM makes a page count as writable, dirty or not (DDI 0487, pseudocode of the stage 1 permissions), so EL1
        // never fetches from what EL0 may make dirty. QEMU 7.2 lets it until somebody did.
        let one = matches!(self.stage, Stage::One(_));
        let clean = one && self.updates && leaf.permits(Access::Write, true) && leaf.word & READ_ONLY != 0;
        (clean && probe.access == Access::Fetch && !probe.user).then_some("text that users could make dirty")
    }

    fn fault(&self, fault: FaultKind) -> Kind {
        match fault {
            FaultKind::NotCanonical | FaultKind::NotInRange | FaultKind::Absent | FaultKind::Reserved => {
                Kind::NotPresent
            }
            FaultKind::Memory => Kind::NoMemory,
        }
    }

    fn level(&self, number: u8) -> Option<i8> {
        Some(Self::manual_level(number))
    }

    fn used(&self, leaf: u64) -> u64 {
        if self.updates { leaf | ACCESSED } else { leaf }
    }

    fn stored(&self, leaf: u64) -> u64 {
        if !self.updates || leaf & DIRTY_MODIFIER == 0 {
            return leaf;
        }
        match self.stage {
            Stage::One(_) => leaf & !READ_ONLY,
            Stage::Two { .. } => leaf | STAGE2_WRITABLE,
        }
    }

    fn must_record(&self, access: Access) -> bool {
        // Reads and writes are only asked for, with address translation instructions, of which the manual does not
        // demand that anything is recorded (DDI 0487, "Hardware updates to the translation tables").
        access == Access::Fetch
    }

    fn uncertain(&self, word: &Word) -> Option<&'static str> {
        let level = Self::manual_level(word.level);
        if !word.is_reserved {
            return None;
        }
        if !self.lpa2() && word.bits & SHAREABILITY == RESERVED_SHAREABILITY {
            // DDI 0487, "Shareability": a reserved encoding, which processors may take for any other.
            return Some("a reserved shareability");
        }
        if word.bits & TYPE != BLOCK || level == 3 {
            return None;
        }
        if !self.has_blocks(level) {
            // DDI 0487, "Translation table descriptor formats": no blocks at these levels. QEMU 7.2 takes them.
            return (!self.checks_block_levels).then_some("blocks at levels that cannot have them");
        }
        // DDI 0487, "Block descriptor": bits below the alignment of the OA are RES0, and so is the contiguous bit at
        // the highest level that has blocks with 52 bits of OA. Processors may ignore them.
        Some("bits of blocks that are RES0")
    }
}
