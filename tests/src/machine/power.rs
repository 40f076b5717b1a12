//! What POWER processors do with leaves.

use ptgen::{Attributes, FaultKind};
use ptgen_machines::{Access, FaultKind as Kind, Mmu, PowerMmu, Probe, Quadrant};

use super::processor::{Leaf, Processor, Word};

/// Bits of an entry (Power ISA 3.0B, Book III, "Radix Tree Translation"): valid, leaf, reference, change, EAA.
const VALID: u64 = 1 << 63;
const LEAF: u64 = 1 << 62;
const ACCESSED: u64 = 1 << 8;
const DIRTY: u64 = 1 << 7;
const READ: u64 = 1 << 2;
const WRITE: u64 = 1 << 1;
/// Log2 of the slots of the table that an entry refers to.
const SIZE: u64 = 0x1f;

/// The bits of an address that say its quadrant.
const QUADRANT: u64 = 0b11 << 62;
/// The bits that are translated.
const TRANSLATED: u64 = (1 << 52) - 1;

/// A processor as its own host, with an authority mask register of zeroes.
#[derive(Clone, Copy, Debug)]
pub struct Power {
    /// Which quadrant.
    pub quadrant: Quadrant,
    /// log2 of the slots of tables of the lowest level: 9 for base pages of 4 KiB, 5 for those of 64 KiB.
    pub lowest_lg2: u64,
    /// Whether the machine refuses sizes of tables that there are not.
    pub checks_sizes: bool,
    /// Whether the machine refuses addresses with bits between the quadrant and those that are translated.
    pub checks_addresses: bool,
}

impl Processor for Power {
    fn mmu(&self, root: u64) -> Mmu {
        PowerMmu::new(root, self.quadrant).into()
    }

    fn untranslated_bits(&self) -> u64 {
        !QUADRANT & !TRANSLATED
    }

    fn concerns(&self, va: u64) -> bool {
        let own = if self.quadrant == Quadrant::User { 0 } else { QUADRANT };
        va & QUADRANT == own && (self.checks_addresses || va & !QUADRANT & !TRANSLATED == 0)
    }

    fn refuses<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<Kind> {
        (!leaf.permits(probe.access, probe.user)).then_some(Kind::Permission)
    }

    fn unsure<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<&'static str> {
        // Instructions are not fetched from guarded storage (Book III, "Guarded Storage"), as which memory counts whose
        // accesses are not idempotent ("Storage Control Attributes"): ATT 2. QEMU 7.2 looks at that only where no earlier
        // access has left an entry in its TLB.
        let is_guarded = probe.access == Access::Fetch && leaf.word >> 4 & 0b11 == 2;
        (is_guarded && leaf.permits(probe.access, probe.user)).then_some("fetches from guarded storage")
    }

    fn fault(&self, fault: FaultKind) -> Kind {
        match fault {
            FaultKind::NotCanonical | FaultKind::NotInRange => Kind::NotCanonical,
            FaultKind::Absent => Kind::NotPresent,
            FaultKind::Reserved => Kind::Reserved,
            FaultKind::Memory => Kind::NoMemory,
        }
    }

    fn used(&self, leaf: u64) -> u64 {
        leaf | ACCESSED
    }

    fn stored(&self, leaf: u64) -> u64 {
        leaf | DIRTY
    }

    fn uncertain(&self, word: &Word) -> Option<&'static str> {
        if !word.is_reserved || word.bits & VALID == 0 {
            return None;
        }
        if word.bits & LEAF != 0 {
            if word.bits & WRITE != 0 && word.bits & READ == 0 {
                // Book III, "Storage Protection", EAA: whoever may write may read. The format refuses such words.
                return Some("leaves to be written and not to be read");
            }
            // Processor user's manuals, "Supported Radix Tree Configurations and Resulting Page Sizes": no pages of 512 GiB.
            // Book III, "Radix Tree Translation": low bits of the page number are zero. QEMU 7.2 checks neither.
            return Some(if word.level == 3 { "leaves of 512 GiB" } else { "leaves that are not aligned" });
        }
        let (size, right) = (word.bits & SIZE, if word.level == 1 { self.lowest_lg2 } else { 9 });
        if word.level == 0 {
            return None;
        }
        if size == right {
            // Book III, "Radix Tree Translation": a table is aligned to its size. QEMU 7.2 does not look.
            return Some("tables that are not aligned");
        }
        // Either size of base pages is one that the processor has.
        let possible = word.level == 1 && matches!(size, 5 | 9);
        (possible || !self.checks_sizes).then_some("tables of other sizes")
    }
}
