//! How entries may be changed.

/// A kind of change to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Absent to present.
    Fill,
    /// Leaf to absent.
    Clear,
    /// Table to absent.
    Unlink,
    /// More rights.
    Relax,
    /// Fewer rights.
    Restrict,
    /// Another OA.
    Output,
    /// Leaf to table, run to its members, and back, with the same translation.
    Size,
    /// Another memory type.
    MemoryType,
    /// Global or not.
    Global,
    /// Every other field.
    Other,
}

/// How a change is made in a table that is live. Ordered by strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// One store; a stale copy in a TLB is harmless, no flush.
    Lazy,
    /// One store, then a flush.
    Live,
    /// An instruction of the client's exchanges the word.
    Instruction,
    /// Absent, flush, new.
    Break,
}
