//! What AArch64 processors do with leaves.

use ptgen::{Attributes, FaultKind};
use ptgen_machines::{AArch64Mmu, Access, FaultKind as Kind, Half, Mmu, Probe};

use super::processor::{Leaf, Processor, Word};

/// Bit 55 of a VA says which half it belongs to (Arm DDI 0487, "Translation table base address registers").
const HALF: u64 = 1 << 55;

/// Bits of a descriptor (DDI 0487, "Hardware updates to the translation tables"): AF, AP[2], DBM.
const ACCESSED: u64 = 1 << 10;
const READ_ONLY: u64 = 1 << 7;
const DIRTY_MODIFIER: u64 = 1 << 51;

/// Bits 1 and 0 of a descriptor.
const TYPE: u64 = 0b11;
const BLOCK: u64 = 0b01;

/// SH, without LPA2.
const SHAREABILITY: u64 = 0b11 << 8;
const RESERVED_SHAREABILITY: u64 = 0b01 << 8;

/// Stage 1 of the EL1&0 regime with `SCTLR_EL1.WXN` and `PSTATE.PAN` off.
#[derive(Clone, Copy, Debug)]
pub struct AArch64 {
    /// Which half.
    pub half: Half,
    /// LPA2.
    pub lpa2: bool,
    /// Hardware sets the access flag, and clears read-only where a descriptor lets it (`TCR_EL1.HA`, `TCR_EL1.HD`).
    pub updates: bool,
    /// Whether the machine refuses blocks at levels that cannot have them.
    pub checks_block_levels: bool,
}

impl AArch64 {
    fn va_bits(&self) -> u32 {
        if self.lpa2 { 52 } else { 48 }
    }

    /// The level that the manual calls so: 3 for pages.
    fn manual_level(number: u8) -> i8 {
        3 - i8::try_from(number).expect("there are few levels")
    }
}

impl Processor for AArch64 {
    fn mmu(&self, root: u64) -> Mmu {
        let mmu = if self.lpa2 { AArch64Mmu::stage1_4k_lpa2(root) } else { AArch64Mmu::stage1_4k(root) };
        AArch64Mmu { half: self.half, hardware_accessed: self.updates, hardware_dirty: self.updates, ..mmu }.into()
    }

    fn untranslated_bits(&self) -> u64 {
        (u64::MAX << self.va_bits()) & !HALF
    }

    fn concerns(&self, va: u64) -> bool {
        (va & HALF != 0) == (self.half == Half::Upper)
    }

    fn refuses<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<Kind> {
        // Without hardware updates, a clear access flag faults, and before anything else is looked at (DDI 0487, "The
        // Access flag" and "Prioritization of synchronous aborts from a single stage of address translation").
        if !self.updates && !leaf.says("accessed") {
            return Some(Kind::AccessFlag);
        }
        // What EL0 may write, EL1 never fetches from (DDI 0487, "Instruction execution permissions").
        let users_data = probe.access == Access::Fetch && !probe.user && leaf.permits(Access::Write, true);
        (!leaf.permits(probe.access, probe.user) || users_data).then_some(Kind::Permission)
    }

    fn unsure<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<&'static str> {
        // DBM makes a page count as writable, dirty or not (DDI 0487, pseudocode of the stage 1 permissions), so EL1
        // never fetches from what EL0 may make dirty. QEMU 7.2 lets it until somebody did.
        let clean = self.updates && leaf.permits(Access::Write, true) && leaf.word & READ_ONLY != 0;
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
        if self.updates && leaf & DIRTY_MODIFIER != 0 { leaf & !READ_ONLY } else { leaf }
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
        if !self.lpa2 && word.bits & SHAREABILITY == RESERVED_SHAREABILITY {
            // DDI 0487, "Shareability": a reserved encoding, which processors may take for any other.
            return Some("a reserved shareability");
        }
        if word.bits & TYPE != BLOCK || level == 3 {
            return None;
        }
        if level < 1 && !(self.lpa2 && level == 0) {
            // DDI 0487, "Translation table descriptor formats": no blocks at these levels. QEMU 7.2 takes them.
            return (!self.checks_block_levels).then_some("blocks at levels that cannot have them");
        }
        // DDI 0487, "Block descriptor": bits below the alignment of the OA are RES0, and so is the contiguous bit at
        // level 0. Processors may ignore them.
        Some("bits of blocks that are RES0")
    }
}
