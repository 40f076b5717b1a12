//! One word, seen at one level.

use core::fmt;

use crate::address::Oa;
use crate::error::Size;
use crate::format::{AttributesOf, Format, Level, WordOf};

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// Nothing is there.
    Absent,
    /// It points to a table.
    Table,
    /// It ends the walk.
    Leaf,
    /// The format forbids it.
    Reserved,
}

/// A word of level `L`.
pub struct Entry<L: Level> {
    format: L::Format,
    word: WordOf<L>,
}

impl<L: Level> Clone for Entry<L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L: Level> Copy for Entry<L> {}

impl<L: Level> PartialEq for Entry<L> {
    fn eq(&self, other: &Self) -> bool {
        (self.format, self.word) == (other.format, other.word)
    }
}

impl<L: Level> Eq for Entry<L> {}

impl<L: Level> Entry<L> {
    /// The word `w`, under a format that has something decided at run time.
    #[inline]
    pub const fn new(format: L::Format, word: WordOf<L>) -> Self {
        Self { format, word }
    }

    /// The word `w`.
    #[inline]
    pub fn from_word(word: WordOf<L>) -> Self
    where
        L::Format: Default,
    {
        Self { format: L::Format::default(), word }
    }

    /// The word.
    #[inline]
    pub const fn word(&self) -> WordOf<L> {
        self.word
    }

    /// What it is.
    #[inline]
    pub fn kind(&self) -> EntryKind {
        let (f, w) = (self.format, self.word);
        if L::is_absent(f, w) {
            EntryKind::Absent
        } else if L::is_leaf(f, w) {
            EntryKind::Leaf
        } else if L::is_table(f, w) || L::is_skip(f, w) || L::is_part(f, w) {
            EntryKind::Table
        } else {
            EntryKind::Reserved
        }
    }

    /// Where the table is that it points to, whatever its level, and however much of it is there.
    #[inline]
    pub fn table(&self) -> Option<Oa> {
        let (f, w) = (self.format, self.word);
        (self.kind() == EntryKind::Table).then(|| Oa::new(L::table_address(f, w)))
    }

    /// The OA that stands in the leaf word: of its slot, or of its run if all the run's words are the same.
    #[inline]
    pub fn oa(&self) -> Option<Oa> {
        let (f, w) = (self.format, self.word);
        L::is_leaf(f, w).then(|| Oa::new(L::leaf_oa(f, w)))
    }

    /// lg2 of the bytes that the leaf translates, its whole run included.
    #[inline]
    pub fn size_lg2(&self) -> Option<u32> {
        let (f, w) = (self.format, self.word);
        L::is_leaf(f, w).then(|| L::leaf_lg2(f, w))
    }

    /// What the leaf says beside its OA, by itself.
    #[inline]
    pub fn attributes(&self) -> Option<AttributesOf<L>> {
        let (f, w) = (self.format, self.word);
        L::is_leaf(f, w).then(|| L::attributes(f, w, f.no_limits()))
    }

    /// What an absent word carries for the client.
    #[inline]
    pub fn payload(&self) -> Option<u64> {
        let (f, w) = (self.format, self.word);
        L::is_absent(f, w).then(|| L::payload(f, w))
    }
}

impl<L: Level> fmt::Debug for Entry<L> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (f, w) = (self.format, self.word);
        write!(out, "{} {w:#x}: ", L::NAME)?;
        match self.kind() {
            EntryKind::Absent if L::is_empty(f, w) => out.write_str("empty"),
            EntryKind::Absent => write!(out, "absent, {:#x}", L::payload(f, w)),
            EntryKind::Table => write!(out, "table at {:#x}", L::table_address(f, w)),
            EntryKind::Leaf => {
                let attributes = L::attributes(f, w, f.no_limits());
                write!(out, "{:#x}, {}, {attributes:?}", L::leaf_oa(f, w), Size(L::leaf_lg2(f, w)))
            }
            EntryKind::Reserved => out.write_str("reserved"),
        }
    }
}
