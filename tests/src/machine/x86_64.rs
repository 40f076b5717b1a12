//! What processors of the x86 family do with leaves.

use ptgen::{Attributes, FaultKind};
use ptgen_machines::{Access, FaultKind as Kind, Mmu, NestedMmu, Probe, X86_64Mmu, X86Mmu};

use super::processor::{Leaf, Processor, Word};

/// Bits of an entry (Intel SDM vol. 3A, "Accessed and Dirty Flags").
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;

/// U/S.
const USER: u64 = 1 << 2;

/// Bits of a PDPTE of PAE that are reserved and not above the address.
const POINTER_RESERVED: u64 = 0x1e6;

/// The page-size bit, which makes an entry of a higher level a leaf.
const PAGE_SIZE: u64 = 1 << 7;

/// In a leaf, that it belongs to all address spaces.
const GLOBAL: u64 = 1 << 8;

/// An x86-64 processor with CR0.WP, and without CR4.SMEP and CR4.SMAP: the supervisor may read what users may, write
/// what can be written, and fetch from what can be fetched from, whoever owns it (Intel SDM vol. 3A, "Determination of
/// Access Rights").
#[derive(Clone, Copy, Debug)]
pub struct X86_64 {
    /// CR4.LA57.
    pub five_levels: bool,
    /// EFER.NXE.
    pub no_execute: bool,
    /// PKRU, if CR4.PKE is on.
    pub protection_keys: Option<u32>,
    /// Real processors read ahead, and mark leaves that nobody asked for (Intel SDM vol. 3A, "Accessed and Dirty
    /// Flags"); the emulator does not.
    pub real: bool,
}

impl X86_64 {
    /// Whether PKRU refuses the access: bit 2k denies all data accesses to user pages of key k, bit 2k+1 denies stores
    /// (Intel SDM vol. 3A, "Protection Keys").
    fn key_refuses<A: Attributes>(&self, leaf: &Leaf<A>, access: Access) -> bool {
        let Some(pkru) = self.protection_keys else { return false };
        let key = A::FIELDS.iter().position(|info| info.name == "key");
        let key = key.map_or(0, |index| leaf.attributes.get(index));
        let (all, stores) = (pkru >> (2 * key) & 1 != 0, pkru >> (2 * key + 1) & 1 != 0);
        leaf.says("user") && access != Access::Fetch && (all || stores && access == Access::Write)
    }
}

impl Processor for X86_64 {
    fn mmu(&self, root: u64) -> Mmu {
        let mmu = if self.five_levels { X86_64Mmu::five_levels(root) } else { X86_64Mmu::four_levels(root) };
        X86_64Mmu { no_execute: self.no_execute, protection_keys: self.protection_keys, ..mmu }.into()
    }

    fn untranslated_bits(&self) -> u64 {
        u64::MAX << if self.five_levels { 57 } else { 48 }
    }

    fn refuses<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<Kind> {
        let refused = !leaf.permits(probe.access, probe.user) || self.key_refuses(leaf, probe.access);
        refused.then_some(Kind::Permission)
    }

    fn fault(&self, fault: FaultKind) -> Kind {
        kind(fault)
    }

    fn followed(&self, table: u64) -> u64 {
        table | ACCESSED
    }

    fn used(&self, leaf: u64) -> u64 {
        leaf | ACCESSED
    }

    fn stored(&self, leaf: u64) -> u64 {
        leaf | DIRTY
    }

    fn speculates(&self) -> bool {
        self.real
    }

    fn uncertain(&self, word: &Word) -> Option<&'static str> {
        // CPUID of a guest only says what the guest should use. Where the hypervisor lets the processor walk the
        // guest's tables, leaves of 1 GiB work if the processor has them.
        if self.real && word.is_reserved && word.level == 2 && word.bits & PAGE_SIZE != 0 {
            return Some("leaves of 1 GiB hidden from a guest");
        }
        // Ignored (Intel SDM vol. 3A, "Format of a PML4 Entry that References a Page-Directory-Pointer Table"), or to be
        // zero (AMD APM vol. 2, "4-Kbyte PML4E - Long Mode").
        if self.real && word.is_table && word.level >= 2 && word.bits & GLOBAL != 0 {
            return Some("bit 8 of high tables, of which vendors think differently");
        }
        None
    }
}

/// What all of them call a fault.
fn kind(fault: FaultKind) -> Kind {
    match fault {
        FaultKind::NotCanonical | FaultKind::NotInRange => Kind::NotCanonical,
        FaultKind::Absent => Kind::NotPresent,
        FaultKind::Reserved => Kind::Reserved,
        FaultKind::Memory => Kind::NoMemory,
    }
}

/// An x86 processor of 32 bits with CR0.WP, and without CR4.SMEP and CR4.SMAP.
#[derive(Clone, Copy, Debug)]
pub struct X86 {
    /// CR4.PAE.
    pub pae: bool,
    /// CR4.PSE, with two levels.
    pub large_pages: bool,
    /// EFER.NXE, with three.
    pub no_execute: bool,
}

impl Processor for X86 {
    fn mmu(&self, root: u64) -> Mmu {
        let Self { pae, large_pages, no_execute } = *self;
        X86Mmu { root, pae, large_pages, no_execute, write_protect: true }.into()
    }

    fn untranslated_bits(&self) -> u64 {
        u64::MAX << u32::BITS
    }

    fn va_last(&self) -> u64 {
        u32::MAX.into()
    }

    fn refuses<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<Kind> {
        (!leaf.permits(probe.access, probe.user)).then_some(Kind::Permission)
    }

    fn fault(&self, fault: FaultKind) -> Kind {
        kind(fault)
    }

    fn followed(&self, table: u64) -> u64 {
        table | ACCESSED
    }

    fn used(&self, leaf: u64) -> u64 {
        leaf | ACCESSED
    }

    fn stored(&self, leaf: u64) -> u64 {
        leaf | DIRTY
    }

    fn uncertain(&self, word: &Word) -> Option<&'static str> {
        // They must be zero (Intel SDM vol. 3A, table 4-8 "Format of a PAE Page-Directory-Pointer-Table Entry"). QEMU 7.2
        // looks at those above the address only.
        let ignored = self.pae && word.level == 2 && word.is_reserved && word.bits & POINTER_RESERVED != 0;
        ignored.then_some("reserved bits of PDPTEs below the address, which QEMU ignores")
    }
}

/// Nested paging of an x86-64 processor, for guests whose own tables allow everything.
#[derive(Clone, Copy, Debug)]
pub struct Nested {
    /// CR4.LA57 of the hypervisor.
    pub five_levels: bool,
    /// EFER.NXE of the hypervisor.
    pub no_execute: bool,
    /// How many bits a guest-physical address has.
    pub address_bits: u8,
}

impl Processor for Nested {
    fn mmu(&self, root: u64) -> Mmu {
        let Self { five_levels, no_execute, .. } = *self;
        NestedMmu { root, five_levels, no_execute }.into()
    }

    fn untranslated_bits(&self) -> u64 {
        u64::MAX << if self.five_levels { 57 } else { 48 }
    }

    fn va_last(&self) -> u64 {
        (1 << self.address_bits) - 1
    }

    fn refuses<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<Kind> {
        (!leaf.permits(probe.access, probe.user)).then_some(Kind::Permission)
    }

    fn fault(&self, fault: FaultKind) -> Kind {
        kind(fault)
    }

    fn followed(&self, table: u64) -> u64 {
        table | ACCESSED
    }

    fn used(&self, leaf: u64) -> u64 {
        leaf | ACCESSED
    }

    fn stored(&self, leaf: u64) -> u64 {
        leaf | DIRTY
    }

    /// An entry without U/S is a violation of rights (AMD APM vol. 2, "Nested Table Walk"), and these are looked at when
    /// the walk is over.
    fn overlooks(&self, word: &Word) -> bool {
        word.bits & USER == 0
    }
}
