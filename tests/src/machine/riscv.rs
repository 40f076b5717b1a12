//! What RISC-V harts do with leaves.

use ptgen::{Attributes, FaultKind};
use ptgen_machines::{Access, FaultKind as Kind, Mmu, Probe, RiscVMmu, RiscVMode};

use super::processor::{Leaf, Processor, Word};

/// Bits of an entry (Privileged Architecture, "Sv39: Page-Based 39-bit Virtual-Memory System").
const ACCESSED: u64 = 1 << 6;
const DIRTY: u64 = 1 << 7;

/// Devices of the emulated board end below this address; accesses there end in access faults.
const NOTHING: u64 = 1 << 40;

/// A RISC-V hart with `sstatus.SUM` and without `sstatus.MXR`: supervisor mode may load from and store to user pages,
/// and never fetches from them (Privileged Architecture, "Memory Privilege in sstatus Register" and "Addressing and
/// Memory Protection").
#[derive(Clone, Copy, Debug)]
pub struct RiscV {
    /// `satp.MODE`, or `hgatp.MODE`.
    pub mode: RiscVMode,
    /// The tables are a guest stage: every access counts as one of user mode (Privileged Architecture, "Guest Physical
    /// Address Translation"), and `sstatus` has no say.
    pub guest: bool,
    /// The machine takes the highest bit of a guest's physical address for a sign.
    pub signed_guests: bool,
    /// Svnapot.
    pub runs: bool,
    /// Svpbmt, by `menvcfg.PBMTE`.
    pub memory_types: bool,
    /// Svadu, by `menvcfg.ADUE`: the hart sets accessed and dirty bits; without it, it faults where it would have to
    /// (Privileged Architecture, "Svadu" and "Svade").
    pub updates: bool,
    /// Whether the machine refuses reserved bits in this configuration.
    pub checks_reserved: bool,
}

impl RiscV {
    /// How many bits of a VA are translated.
    fn bits(&self) -> u32 {
        let bits = match self.mode {
            RiscVMode::Sv32 => 32,
            RiscVMode::Sv39 => 39,
            RiscVMode::Sv48 => 48,
            RiscVMode::Sv57 => 57,
        };
        bits + if self.guest { 2 } else { 0 }
    }
}

impl Processor for RiscV {
    fn mmu(&self, root: u64) -> Mmu {
        RiscVMmu {
            runs: self.runs,
            memory_types: self.memory_types,
            guest: self.guest,
            hardware_accessed_dirty: self.updates,
            ..RiscVMmu::new(root, self.mode)
        }
        .into()
    }

    fn untranslated_bits(&self) -> u64 {
        u64::MAX << self.bits()
    }

    /// A hart of 32 bits has no other VAs; without a first stage, a guest on it has no other physical addresses. The addresses
    /// of guests are zero-extended (Privileged Architecture, "Guest Physical Address Translation"): where the machine takes
    /// their highest bit for a sign, it refuses the higher half, and takes sign-extended addresses for members of it.
    fn concerns(&self, va: u64) -> bool {
        if self.mode == RiscVMode::Sv32 {
            return va <= u32::MAX.into();
        }
        let sign = va.cast_signed() >> (self.bits() - 1);
        !(self.guest && self.signed_guests && matches!(sign, 1 | -1))
    }

    fn nothing_from(&self) -> Option<u64> {
        (self.mode != RiscVMode::Sv32).then_some(NOTHING)
    }

    fn refuses<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<Kind> {
        let users_text = !self.guest && probe.access == Access::Fetch && !probe.user && leaf.says("user");
        let stale = !leaf.says("accessed") || probe.access == Access::Write && !leaf.says("dirty");
        let refused = !leaf.permits(probe.access, probe.user) || users_text || stale && !self.updates;
        refused.then_some(Kind::Page)
    }

    fn fault(&self, fault: FaultKind) -> Kind {
        match fault {
            FaultKind::NotCanonical | FaultKind::NotInRange | FaultKind::Absent | FaultKind::Reserved => Kind::Page,
            FaultKind::Memory => Kind::NoMemory,
        }
    }

    fn used(&self, leaf: u64) -> u64 {
        if self.updates { leaf | ACCESSED } else { leaf }
    }

    fn stored(&self, leaf: u64) -> u64 {
        if self.updates { leaf | DIRTY } else { leaf }
    }

    fn uncertain(&self, word: &Word) -> Option<&'static str> {
        // Privileged Architecture, "Svnapot", "Svpbmt": such bits shall be refused. QEMU 7.2 ignores them where either
        // extension is on; the machine's features say which.
        (word.is_reserved && !self.checks_reserved).then_some("reserved bits that this emulator ignores")
    }
}
