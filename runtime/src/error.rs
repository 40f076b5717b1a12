//! What can go wrong, told precisely.

use core::fmt;

use crate::address::{Oa, Va, VaRange};
use crate::format::{ChangeKind, Unencodable};

/// Why an operation was refused. Every translation and every frame is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// Something is there already: a leaf, or an absent word that carries something of the client's.
    Occupied {
        /// The first such address.
        va: Va,
    },
    /// Nothing is mapped there, and the policy refuses holes.
    Hole {
        /// The first such address.
        va: Va,
    },
    /// The address is not a multiple of the leaf size, or the length is not.
    Misaligned {
        /// The address; for a length, the one behind the range.
        address: u64,
        /// lg2 of the leaf size.
        lg2: u32,
    },
    /// No leaf of the format has this size.
    NoSuchSize {
        /// lg2 of the size.
        lg2: u32,
    },
    /// No slot of these tables points to tables of such a level.
    NoSuchLevel {
        /// The number of the level.
        level: u8,
    },
    /// The range ends before it starts, or beyond the last address.
    Reversed {
        /// The range.
        range: VaRange,
    },
    /// An OA that the format cannot say.
    OutOfRange {
        /// The highest OA asked for.
        oa: Oa,
        /// The highest there is.
        last: Oa,
    },
    /// An address of the range is one that the tables cannot translate.
    NotCanonical {
        /// Such an address.
        va: Va,
    },
    /// The range is not all within the one that the caller may change.
    NotInRange {
        /// The range.
        range: VaRange,
    },
    /// The table is another root's: what is below it is not changed through this one.
    Borrowed {
        /// The first address that it translates.
        va: Va,
    },
    /// TLBs may still hold what was there before.
    Stale {
        /// The first such address.
        va: Va,
    },
    /// All of the VA for temporary maps is in use, or not so much of it is left in one piece.
    Exhausted,
    /// The source of frames does not count the owners of tables, or cannot count those of one more.
    Unshareable {
        /// The first address that the table translates.
        va: Va,
    },
    /// The larger format has not one level more than the tables, or no place for their root.
    NotOneLevelMore,
    /// Ranges overlap that are to be changed by one operation.
    Overlap {
        /// The first address that is in two of them.
        va: Va,
    },
    /// No more frames for tables.
    OutOfFrames,
    /// Only a part of a leaf is in the range, and the policy refuses to split it, or the format cannot say its parts.
    PartialLeaf {
        /// Where the leaf starts.
        va: Va,
        /// lg2 of its size.
        size_lg2: u32,
    },
    /// Only a part is there of a table that translates some of the range. Such tables are read, and never changed.
    PartialTable {
        /// The first address that the table would translate, were it whole.
        va: Va,
    },
    /// No leaf word can say the attributes.
    Unencodable(
        /// Which attribute.
        Unencodable,
    ),
    /// The change would make of a leaf a word that the format forbids: what is asked for does not go with what the leaf
    /// says already.
    Forbidden {
        /// Where the leaf starts.
        va: Va,
        /// The number of its level.
        level: u8,
        /// The word it would become.
        word: u64,
    },
    /// The table is live, and a change of this kind has to go through absent and a flush, which this operation does
    /// not do.
    BreakBeforeMake {
        /// The leaf in question.
        va: Va,
        /// The kind of change.
        kind: ChangeKind,
    },
    /// The table is live, and a change of this kind takes an instruction of the machine's.
    NeedsInstruction {
        /// The leaf in question.
        va: Va,
        /// The kind of change.
        kind: ChangeKind,
    },
    /// A word that the format forbids is in the tables.
    Reserved {
        /// Where.
        va: Va,
        /// The level's number.
        level: u8,
        /// The word.
        word: u64,
    },
    /// A word points to a table further down than the next level. Such tables are read; they are changed only where no
    /// pointer skips levels.
    SkippedLevels {
        /// The first address of the word's slot.
        va: Va,
        /// The number of the level in which the word stands.
        level: u8,
    },
    /// A table could not be reached.
    Memory(
        /// Which one and why.
        MemoryError,
    ),
}

/// Why a table could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryError {
    /// The address of the table.
    pub address: Oa,
    /// The reason.
    pub reason: MemoryReason,
}

/// The reasons for a [`MemoryError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemoryReason {
    /// No such address, or the table does not end within the memory.
    Outside,
    /// The memory has words of another width.
    WordWidth,
    /// The one window is in use.
    Busy,
    /// One operation looked at tables more often than the memory allows.
    TooManyTables,
}

/// Why there is no translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// The reason.
    pub kind: FaultKind,
    /// The number of the level at which the walk ended; the root's for an address that is not canonical.
    pub level: u8,
}

/// The reasons for a [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The address is not one that these tables translate.
    NotCanonical,
    /// The address is outside of the range through which the tables are looked at.
    NotInRange,
    /// The word says that nothing is there.
    Absent,
    /// The word is one that the format forbids.
    Reserved,
    /// The table could not be reached.
    Memory,
}

impl From<MemoryError> for Error {
    fn from(error: MemoryError) -> Self {
        Self::Memory(error)
    }
}

impl From<Unencodable> for Error {
    fn from(error: Unencodable) -> Self {
        Self::Unencodable(error)
    }
}

/// A size for people: `4 KiB`, `2 MiB`.
pub(crate) struct Size(pub u32);

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let unit = (self.0 / 10).min(6);
        write!(out, "{} {}", 1_u64 << (self.0 - 10 * unit).min(63), UNITS[unit as usize])
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Occupied { va } => write!(out, "something is mapped at {va} already"),
            Self::Hole { va } => write!(out, "nothing is mapped at {va}"),
            Self::Misaligned { address, lg2 } => write!(out, "{address:#x} is not a multiple of {}", Size(*lg2)),
            Self::NoSuchSize { lg2 } => write!(out, "the format has no leaves of {}", Size(*lg2)),
            Self::NoSuchLevel { level } => write!(out, "no word points to a table of level {level}"),
            Self::Reversed { range } => write!(out, "the range {range} ends before it starts"),
            Self::OutOfRange { oa, last } => write!(out, "output address {oa} is beyond the last one, {last}"),
            Self::NotCanonical { va } => write!(out, "the tables do not translate {va}"),
            Self::NotInRange { range } => write!(out, "{range} is not within the range that may be changed here"),
            Self::NotOneLevelMore => write!(out, "the larger format does not have one level more above the same root"),
            Self::Overlap { va } => write!(out, "{va} is in two of the ranges"),
            Self::Borrowed { va } => write!(out, "the table for {va} is another root's"),
            Self::Stale { va } => write!(out, "what was mapped at {va} before has not been flushed yet"),
            Self::Exhausted => write!(out, "no VA is left for temporary maps"),
            Self::Unshareable { va } => write!(out, "owners of the table for {va} cannot be counted"),
            Self::OutOfFrames => write!(out, "no more frames for tables"),
            Self::PartialLeaf { va, size_lg2 } => {
                write!(out, "only a part of the leaf of {} at {va} is in the range", Size(*size_lg2))
            }
            Self::PartialTable { va } => write!(out, "only a part is there of the table for {va}"),
            Self::Unencodable(error) => error.fmt(out),
            Self::Forbidden { va, level, word } => {
                write!(out, "the leaf at {va}, level {level}, would become {word:#x}, which is forbidden")
            }
            Self::BreakBeforeMake { va, kind } => {
                write!(out, "the leaf at {va} is live: a change of its {kind} must go through absent and a flush")
            }
            Self::NeedsInstruction { va, kind } => {
                write!(out, "the leaf at {va} is live: a change of its {kind} takes an instruction")
            }
            Self::Reserved { va, level, word } => {
                write!(out, "the word {word:#x} for {va} at level {level} is reserved")
            }
            Self::SkippedLevels { va, level } => {
                write!(out, "the pointer for {va} at level {level} skips levels, so that nothing can be put beside it")
            }
            Self::Memory(error) => error.fmt(out),
        }
    }
}

impl fmt::Display for MemoryError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            MemoryReason::Outside => "it is outside of the memory",
            MemoryReason::WordWidth => "the memory has words of another width",
            MemoryReason::Busy => "the window is in use",
            MemoryReason::TooManyTables => "tables were looked at too often",
        };
        write!(out, "the table at {} cannot be reached: {reason}", self.address)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level;
        match self.kind {
            FaultKind::NotCanonical => write!(out, "the tables do not translate this address"),
            FaultKind::NotInRange => write!(out, "the address is outside of the range"),
            FaultKind::Absent => write!(out, "nothing is mapped at level {level}"),
            FaultKind::Reserved => write!(out, "the word at level {level} is reserved"),
            FaultKind::Memory => write!(out, "the table of level {level} cannot be reached"),
        }
    }
}

impl fmt::Display for Unencodable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "no word can say this `{}`", self.attribute)
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Fill => "presence",
            Self::Clear => "absence",
            Self::Unlink => "table",
            Self::Relax | Self::Restrict => "rights",
            Self::Output => "output address",
            Self::Size => "size",
            Self::MemoryType => "memory type",
            Self::Global => "scope",
            Self::Other => "attributes",
        })
    }
}

impl core::error::Error for Error {}
impl core::error::Error for MemoryError {}
impl core::error::Error for Fault {}
impl core::error::Error for Unencodable {}
