//! What must never happen, and what is said when it does.

use std::fmt;

/// The invariants, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// A table is given back only when it is linked nowhere, no walk cache can hold it, and no reader can be in it.
    I1TableLifetime,
    /// A page is given back only when nothing can translate to it any more.
    I2DataLifetime,
    /// A table is complete, and where walkers do not look into caches cleaned, before it is linked.
    I3Publish,
    /// Within what is declared, every address is translated as before or as after, and to nothing only where that is
    /// declared.
    I4Equivalence,
    /// No TLB can hold two translations of one address that the format does not let stand beside each other.
    I5Agreement,
    /// Outside what is declared, no translation changes.
    I6Confinement,
    /// What fails leaves everything as it was.
    I7Failure,
    /// No word that the format forbids can be seen.
    I8Legality,
    /// Nothing is allocated where that is forbidden.
    I9Context,
    /// All aliases say the same.
    I10Alias,
    /// All sharers of a subtree point to it.
    I11Coherence,
    /// Every frame is handed out and given back once, as what it is.
    I12Balance,
    /// What is stale is flushed, with as few requests as stated.
    I13Flush,
    /// What the machine records in a word is never lost.
    Records,
}

impl Invariant {
    /// Its short name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::I1TableLifetime => "I1 table lifetime",
            Self::I2DataLifetime => "I2 data lifetime",
            Self::I3Publish => "I3 publish",
            Self::I4Equivalence => "I4 translation equivalence",
            Self::I5Agreement => "I5 TLB agreement",
            Self::I6Confinement => "I6 confinement",
            Self::I7Failure => "I7 failure class",
            Self::I8Legality => "I8 no illegal word",
            Self::I9Context => "I9 context",
            Self::I10Alias => "I10 alias",
            Self::I11Coherence => "I11 root coherence",
            Self::I12Balance => "I12 accounting",
            Self::I13Flush => "I13 flush",
            Self::Records => "records of the machine",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// An invariant that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// How.
    pub what: String,
    /// How many events had been logged by then: the last of them is what did it.
    pub at: usize,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.invariant, self.what)
    }
}
