//! What LoongArch processors do with leaves.

use ptgen::{Attributes, FaultKind};
use ptgen_machines::{Access, FaultKind as Kind, Image, LoongArchMmu, Mmu, Probe};

use super::processor::{Leaf, Processor, Word};

/// Where there is nothing; accesses there end in address errors.
const NOTHING: u64 = 1 << 40;

/// The words of an emptied slot for pages in the higher half: both pages of a pair agree on G (Reference Manual vol. 1, "TLB
/// entry").
const EMPTY_HIGH: u64 = 1 << 6;

/// A LoongArch64 processor without a hardware page-table walker, whose TLB a handler refills from tables of this geometry.
#[derive(Clone, Copy, Debug)]
pub struct LoongArch {
    /// lg2 of the bytes of a page.
    pub page_lg2: u32,
    /// lg2 of the slots of a table of pages.
    pub table_bits: u32,
    /// Likewise of the four directories, from the lowest up; one of 0 is not there. The root has no more than are used.
    pub directory_bits: [u32; 4],
    /// The tables are those of the higher half.
    pub high: bool,
    /// The shared tables that emptied slots name, from the lowest up: of pages, then of each directory but the root.
    pub shared: [u64; 2],
}

impl Processor for LoongArch {
    fn mmu(&self, root: u64) -> Mmu {
        let &Self { page_lg2, table_bits, directory_bits, .. } = self;
        LoongArchMmu { root, page_lg2, table_bits, directory_bits }.into()
    }

    /// Writes the shared tables, which walks without a test go through: nothing is in them, or the next one.
    fn prepare(&self, image: &Image) {
        let [pages, directory] = self.shared;
        let empty = if self.high { EMPTY_HIGH } else { 0 };
        for (table, bits, word) in [(pages, self.table_bits, empty), (directory, self.directory_bits[0], pages)] {
            for slot in 0..1 << bits {
                image.write_u64(table + 8 * slot, word);
            }
        }
    }

    fn untranslated_bits(&self) -> u64 {
        // Not bit 47, which this machine does not look at, and not those that choose the stub's windows.
        0x0fff << 48
    }

    /// The other half has a root of its own.
    fn concerns(&self, va: u64) -> bool {
        (va >> 63 == 1) == self.high
    }

    fn nothing_from(&self) -> Option<u64> {
        Some(NOTHING)
    }

    /// PLV is the lowest level that may use a page, or with RPLV the only one (Reference Manual vol. 1, "TLB entry").
    fn refuses<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<Kind> {
        let (level, own) = (leaf.word >> 2 & 3, if probe.user { 3 } else { 0 });
        let only = leaf.word >> 63 == 1;
        let barred = if only { own != level } else { own > level };
        (barred || !leaf.permits(probe.access, probe.user)).then_some(Kind::Permission)
    }

    /// A probe that writes looks afterwards where it has arrived. And QEMU 7.2 hangs where a right forbids a fetch: for BADI it
    /// loads the instruction (`loongarch_cpu_do_interrupt`), which is forbidden.
    fn unsure<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<&'static str> {
        match probe.access {
            Access::Write if !leaf.says("read") => Some("pages that can be written, but not read"),
            Access::Fetch if self.refuses(leaf, probe).is_some() => Some("fetches that a right forbids"),
            _ => None,
        }
    }

    fn fault(&self, fault: FaultKind) -> Kind {
        match fault {
            FaultKind::NotCanonical | FaultKind::NotInRange => Kind::NotCanonical,
            FaultKind::Absent | FaultKind::Reserved => Kind::NotPresent,
            FaultKind::Memory => Kind::NoMemory,
        }
    }

    fn uncertain(&self, word: &Word) -> Option<&'static str> {
        // The manual leaves open what becomes of low bits of a pointer, of low bits of a huge page's number, and of MAT 3.
        word.is_reserved.then_some("bits and codes that the manual says nothing about")
    }
}
