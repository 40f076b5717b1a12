//! What IOMMUs do with leaves. Devices read and write; there is one kind of rights.

use ptgen::{Attributes, FaultKind};
use ptgen_machines::{AArch64Mmu, AmdViMmu, FaultKind as Kind, Granule, Mmu, Probe, VtDMmu};

use super::processor::{Leaf, Processor, Word};
use super::space::low;

/// A VT-d unit in legacy mode (Intel VT-d specification, "Fault Reasons and Conditions": an entry that lacks the right
/// and one that is absent have the same reason).
#[derive(Clone, Copy, Debug)]
pub struct VtD {
    /// 3 or 4.
    pub levels: u8,
    /// The bit SNP of leaves means something.
    pub snoop_control: bool,
    /// Absent entries may be remembered.
    pub caching_mode: bool,
}

impl Processor for VtD {
    fn mmu(&self, root: u64) -> Mmu {
        let Self { levels, snoop_control, caching_mode } = *self;
        VtDMmu { root, levels, snoop_control, caching_mode }.into()
    }

    fn untranslated_bits(&self) -> u64 {
        !low(12 + 9 * u32::from(self.levels))
    }

    fn refuses<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<Kind> {
        (!leaf.permits(probe.access, false)).then_some(Kind::Permission)
    }

    fn fault(&self, fault: FaultKind) -> Kind {
        match fault {
            FaultKind::NotCanonical | FaultKind::NotInRange => Kind::NotCanonical,
            FaultKind::Absent => Kind::Permission,
            FaultKind::Reserved => Kind::Reserved,
            FaultKind::Memory => Kind::NoMemory,
        }
    }

    fn may_say(&self, expected: Kind, found: Kind) -> bool {
        // A right that a word on the way lacks is found before the word that is reserved. The specification has no order
        // among the reasons.
        (expected, found) == (Kind::Reserved, Kind::Permission)
    }
}

/// An AMD-Vi unit. QEMU's says "page fault" whatever the reason.
#[derive(Clone, Copy, Debug)]
pub struct AmdVi {
    /// 1 to 6.
    pub levels: u8,
}

/// Bits of an entry (AMD I/O Virtualization Technology Specification, "I/O Page Tables for Host Translations").
const PRESENT: u64 = 1;
const NEXT_LEVEL: u64 = 0b111 << 9;

impl Processor for AmdVi {
    fn mmu(&self, root: u64) -> Mmu {
        AmdViMmu { root, levels: self.levels }.into()
    }

    fn untranslated_bits(&self) -> u64 {
        0
    }

    fn concerns(&self, va: u64) -> bool {
        // QEMU 7.2 does not look at the bits above, which the specification wants to be zeros.
        va <= low((12 + 9 * u32::from(self.levels)).min(64))
    }

    fn refuses<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<Kind> {
        (!leaf.permits(probe.access, false)).then_some(Kind::Page)
    }

    fn fault(&self, _: FaultKind) -> Kind {
        Kind::Page
    }

    fn looks_at_skipped_bits(&self) -> bool {
        // The specification refuses such an address ("I/O Page Tables for Host Translations"). QEMU 7.2 does not.
        false
    }

    fn uncertain(&self, word: &Word) -> Option<&'static str> {
        // The specification refuses both ("IO_PAGE_FAULT Event": not present; reserved bits, levels that cannot be).
        if word.is_reserved {
            return Some("reserved bits and levels, at which this emulator does not look");
        }
        let ends = matches!(word.bits & NEXT_LEVEL, 0 | NEXT_LEVEL);
        (word.bits & PRESENT == 0 && word.bits != 0 && ends)
            .then_some("absent words that are not zero, which this emulator takes for leaves")
    }
}

/// Stage 1 of an SMMUv3 whose stream is privileged (`STE.PRIVCFG`) and whose context does not look at access flags
/// (`CD.AFFD`).
#[derive(Clone, Copy, Debug)]
pub struct Smmu {
    /// The granule.
    pub granule: Granule,
    /// The width of the range, at the lower end of the address space.
    pub va_bits: u8,
    /// The unit's width of an OA.
    pub oa_bits: u8,
}

/// The addresses that the memory region has of which QEMU asks the unit.
const ASKED: u32 = 48;

/// Bits 1 and 0 of a descriptor.
const TYPE: u64 = 0b11;
const BLOCK: u64 = 0b01;

impl Processor for Smmu {
    fn mmu(&self, root: u64) -> Mmu {
        let Self { granule, va_bits, oa_bits } = *self;
        AArch64Mmu { granule, va_bits, oa_bits, ..AArch64Mmu::stage1_4k(root) }.into()
    }

    fn untranslated_bits(&self) -> u64 {
        !low(self.va_bits.into())
    }

    fn last_oa(&self) -> u64 {
        low(self.oa_bits.into())
    }

    fn refuses<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<Kind> {
        (!leaf.permits(probe.access, false)).then_some(Kind::Permission)
    }

    fn unsure<A: Attributes>(&self, leaf: &Leaf<A>, _: &Probe) -> Option<&'static str> {
        // IHI 0070, "Address sizes": such an OA is refused. QEMU 7.2 lets it through.
        let wide = leaf.word & low(48) & !self.last_oa() != 0;
        wide.then_some("OAs that are wider than the unit's")
    }

    fn fault(&self, fault: FaultKind) -> Kind {
        match fault {
            FaultKind::NotCanonical | FaultKind::NotInRange | FaultKind::Absent | FaultKind::Reserved => {
                Kind::NotPresent
            }
            FaultKind::Memory => Kind::NoMemory,
        }
    }

    fn may_say(&self, expected: Kind, found: Kind) -> bool {
        // What is beyond 48 bits does not come to the unit. A right that a table takes away is found before the word that
        // is absent below it.
        expected == Kind::NotPresent
            && (found == Kind::Permission || found == Kind::Page && u32::from(self.va_bits) >= ASKED)
    }

    fn uncertain(&self, word: &Word) -> Option<&'static str> {
        // DDI 0487: bits of blocks that are RES0, blocks at levels without them, reserved shareabilities. Only a block
        // where pages are is refused by QEMU 7.2.
        let block_for_page = word.level == 0 && word.bits & TYPE == BLOCK;
        (word.is_reserved && !block_for_page).then_some("reserved bits that this emulator ignores")
    }
}
