//! What s390x processors do with leaves.

use ptgen::{Attributes, FaultKind};
use ptgen_machines::{FaultKind as Kind, Mmu, Probe, S390xMmu};

use super::processor::{Leaf, Processor};

/// A processor with the key 0, to which all storage keys are open (Principles of Operation, "Key-Controlled Protection"),
/// and without low-address protection. Problem state may do what the supervisor may.
#[derive(Clone, Copy, Debug)]
pub struct S390x {
    /// Bits that are translated.
    pub bits: u8,
    /// Enhanced DAT.
    pub enhanced: bool,
    /// Leaves may forbid fetches.
    pub execute_protection: bool,
    /// The space is private.
    pub private_space: bool,
    /// Where the machine's memory ends.
    pub memory_end: u64,
}

impl Processor for S390x {
    fn mmu(&self, root: u64) -> Mmu {
        let Self { bits, enhanced, execute_protection, private_space, .. } = *self;
        S390xMmu { root, bits, enhanced, execute_protection, private_space }.into()
    }

    fn untranslated_bits(&self) -> u64 {
        u64::MAX.checked_shl(self.bits.into()).unwrap_or(0)
    }

    fn nothing_from(&self) -> Option<u64> {
        Some(self.memory_end)
    }

    fn refuses<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<Kind> {
        (!leaf.permits(probe.access, probe.user)).then_some(Kind::Permission)
    }

    fn fault(&self, fault: FaultKind) -> Kind {
        match fault {
            FaultKind::NotCanonical | FaultKind::NotInRange => Kind::NotCanonical,
            FaultKind::Absent => Kind::NotPresent,
            FaultKind::Reserved => Kind::Reserved,
            FaultKind::Memory => Kind::NoMemory,
        }
    }

    fn level(&self, number: u8) -> Option<i8> {
        i8::try_from(number).ok()
    }
}
