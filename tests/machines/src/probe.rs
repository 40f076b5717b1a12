//! What is asked of a machine and what it answers.

use std::fmt;

/// One access to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The VA to access. A machine really touches the start of the 4 KiB that contain it, where the tag is.
    pub va: u64,
    /// How to access it.
    pub access: Access,
    /// With the rights of a user (CPL 3, U-mode, EL0) and not of a supervisor (CPL 0, S-mode, EL1).
    pub user: bool,
}

impl Probe {
    /// A probe by the supervisor.
    pub fn supervisor(va: u64, access: Access) -> Self {
        Self { va, access, user: false }
    }

    /// A probe by a user.
    pub fn user(va: u64, access: Access) -> Self {
        Self { va, access, user: true }
    }
}

/// A kind of access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Fetch,
}

impl Access {
    /// Every kind of access.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Fetch];

    /// The number by which stubs know the access.
    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Read => 0,
            Self::Write => 1,
            Self::Fetch => 2,
        }
    }
}

/// What became of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The access went through; this is the OA of the probed VA.
    Reached(u64),
    /// The access was allowed, but there is no tag where it led: memory that was not tagged, or no memory.
    Untagged,
    /// The access was refused.
    Fault(Fault),
    /// This machine cannot be asked; see [`Machine::answers`](crate::Machine::answers).
    Unanswered,
}

impl Outcome {
    /// The kind of fault, if it was one.
    pub fn fault(&self) -> Option<FaultKind> {
        match self {
            Self::Fault(fault) => Some(fault.kind),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reached(oa) => write!(f, "reached {oa:#x}"),
            Self::Untagged => f.write_str("reached a place without a tag"),
            Self::Fault(fault) => fault.fmt(f),
            Self::Unanswered => f.write_str("not asked: the machine cannot tell"),
        }
    }
}

/// A refusal, as precise as the machine reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault it was.
    pub kind: FaultKind,
    /// The level of the walk at which it arose, where the machine says so. It is the architecture's number: AArch64
    /// counts from -1 or 0 at the root to 3 at the pages.
    pub level: Option<i8>,
    /// The machine's own words: the exception vector times 2^32 plus the error code on x86-64, `scause` on RISC-V, the
    /// fault status code on AArch64.
    pub syndrome: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(level) = self.level {
            write!(f, " at level {level}")?;
        }
        write!(f, " (syndrome {:#x})", self.syndrome)
    }
}

/// Kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// An entry is absent. AArch64 counts reserved descriptors and addresses outside the VA range among these.
    NotPresent,
    /// The access is not allowed.
    Permission,
    /// A reserved bit is set.
    Reserved,
    /// The accessed bit is clear and the machine does not set it.
    AccessFlag,
    /// The domain of the entry lets nobody in (AArch32).
    Domain,
    /// An OA or the address of a table is too large.
    AddressSize,
    /// The VA is not canonical.
    NotCanonical,
    /// A translation fault, and the machine does not say why (all of RISC-V's).
    Page,
    /// The translation, or the load of an entry, led to an address with no memory behind it.
    NoMemory,
    /// None of these; see the syndrome.
    Other,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotPresent => "not present",
            Self::Permission => "permission",
            Self::Reserved => "reserved bit",
            Self::AccessFlag => "access flag",
            Self::Domain => "domain",
            Self::AddressSize => "address size",
            Self::NotCanonical => "not canonical",
            Self::Page => "page fault",
            Self::NoMemory => "no memory",
            Self::Other => "other fault",
        })
    }
}
