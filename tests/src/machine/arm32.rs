//! What 32-bit Arm processors do with leaves.

use ptgen::{AttributeInfo, Attributes, FaultKind};
use ptgen_machines::{Access, Arm32Descriptors, Arm32Mmu, FaultKind as Kind, Half, Mmu, Probe};

use super::processor::{Leaf, Processor, Word};

/// Bits 1 and 0 of a long descriptor.
const TYPE: u64 = 0b11;
const BLOCK: u64 = 0b01;
/// SH of a long descriptor.
const SHAREABILITY: u64 = 0b11 << 8;
const RESERVED_SHAREABILITY: u64 = 0b01 << 8;
/// Bits of an address above those that it has.
const BEYOND: u64 = 0xff << 40;

/// AP of a section, and of a page.
const SECTION_ACCESS: u64 = 1 << 15 | 0b11 << 10;
const SECTION_RESERVED: u64 = 1 << 15;
const PAGE_ACCESS: u64 = 1 << 9 | 0b11 << 4;
const PAGE_RESERVED: u64 = 1 << 9;

// Fields of DACR (Arm DDI 0406C, "DACR, Domain Access Control Register").
const CLIENT: u32 = 0b01;
const MANAGER: u32 = 0b11;

/// The regime of PL1 and PL0 in non-secure state, with `SCTLR.WXN` and `SCTLR.UWXN` off.
#[derive(Clone, Copy, Debug)]
pub struct Arm32 {
    /// Which tables: those of TTBR0, or of TTBR1.
    pub half: Half,
    /// Their format.
    pub descriptors: Arm32Descriptors,
}

impl Arm32 {
    /// What DACR says of a domain. Long descriptors have none: all are clients.
    fn domain(&self, domain: u64) -> u32 {
        match self.descriptors {
            Arm32Descriptors::Short { domains, .. } => domains >> (2 * domain) & 0b11,
            Arm32Descriptors::Long => CLIENT,
        }
    }

    fn has_access_flag(&self) -> bool {
        !matches!(self.descriptors, Arm32Descriptors::Short { access_flag: false, .. })
    }

    /// Whether the words let an access through; a fetch needs the right to read, too (DDI 0406C, "Execute-never
    /// restrictions on instruction fetching").
    fn permits<A: Attributes>(leaf: &Leaf<A>, probe: &Probe) -> bool {
        leaf.permits(probe.access, probe.user)
            && (probe.access != Access::Fetch || leaf.permits(Access::Read, probe.user))
    }
}

/// The number that leaves say under this name.
fn number<A: Attributes>(leaf: &Leaf<A>, name: &str) -> u64 {
    AttributeInfo::index(A::FIELDS, name).map_or(0, |index| leaf.attributes.get(index))
}

impl Processor for Arm32 {
    fn mmu(&self, root: u64) -> Mmu {
        Arm32Mmu { root, half: self.half, descriptors: self.descriptors, mair: Arm32Mmu::MAIR }.into()
    }

    /// There are none: a VA has 32 bits, and what one table does not translate, another one does.
    fn untranslated_bits(&self) -> u64 {
        u64::MAX << 32
    }

    fn concerns(&self, va: u64) -> bool {
        let low = va >> self.half.arm32_low_bits() == 0;
        low == (self.half == Half::Lower)
    }

    fn refuses<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<Kind> {
        // DDI 0406C, "VMSA memory aborts", fault-checking sequence: domain, access flag, rights; and a manager is let in
        // whatever they are.
        match self.domain(number(leaf, "domain")) {
            CLIENT if self.has_access_flag() && !leaf.says("accessed") => Some(Kind::AccessFlag),
            CLIENT => (!Self::permits(leaf, probe)).then_some(Kind::Permission),
            MANAGER => None,
            _ => Some(Kind::Domain),
        }
    }

    fn unsure<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<&'static str> {
        // The access flag comes first (DDI 0406C, "Fault-checking sequence"), but QEMU 7.2 looks at XN of short
        // descriptors before.
        let short = self.descriptors != Arm32Descriptors::Long;
        let never = !leaf.says("execute") || !probe.user && !leaf.says("privileged_execute");
        let both = short && self.has_access_flag() && !leaf.says("accessed") && never;
        (both && probe.access == Access::Fetch).then_some("fetches that XN and the access flag forbid")
    }

    fn fault(&self, fault: FaultKind) -> Kind {
        match fault {
            FaultKind::Memory => Kind::NoMemory,
            _ => Kind::NotPresent,
        }
    }

    fn level(&self, number: u8) -> Option<i8> {
        let lowest = if self.descriptors == Arm32Descriptors::Long { 3 } else { 2 };
        Some(lowest - i8::try_from(number).expect("there are few levels"))
    }

    fn uncertain(&self, word: &Word) -> Option<&'static str> {
        if self.descriptors != Arm32Descriptors::Long {
            return self.uncertain_short(word);
        }
        if !word.is_reserved {
            return None;
        }
        if word.bits & SHAREABILITY == RESERVED_SHAREABILITY {
            // DDI 0406C, "Long-descriptor format memory attributes": UNPREDICTABLE.
            return Some("a reserved shareability");
        }
        if word.bits & BEYOND != 0 && (word.bits & TYPE != BLOCK || word.level != 0) {
            // Not looked at by ARMv7 (DDI 0406C, "UNK/SBZP"), an address size fault in ARMv8 (DDI 0487): no translation
            // fault in either.
            return Some("addresses of more than 40 bits");
        }
        // DDI 0406C, "Long-descriptor translation table format descriptors": bits below the alignment of a block are
        // UNK/SBZP, and so is the contiguous bit where there is no run. Processors may ignore them.
        (word.bits & TYPE == BLOCK && word.level != 0).then_some("bits of blocks that are SBZP")
    }
}

impl Arm32 {
    fn uncertain_short(&self, word: &Word) -> Option<&'static str> {
        let (access, reserved) =
            if word.level == 0 { (PAGE_ACCESS, PAGE_RESERVED) } else { (SECTION_ACCESS, SECTION_RESERVED) };
        // DDI 0406C, "Access permissions": a reserved encoding, with which QEMU 7.2 tells a missing right.
        let refused = word.is_reserved && !self.has_access_flag() && word.bits & access == reserved;
        refused.then_some("a reserved code of rights")
    }
}
