//! What a word is.

use crate::model::{Format, LayoutKind};

use super::bits;

/// What a word is at some level. Layouts are indices into `Format::layouts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// No translation.
    Absent {
        /// Its layout.
        layout: usize,
    },
    /// Points to a table.
    Table {
        /// Its layout.
        layout: usize,
    },
    /// Ends the walk.
    Leaf {
        /// Its layout.
        layout: usize,
    },
    /// The machine refuses it.
    Reserved {
        /// The layout that it looks like, if any.
        layout: Option<usize>,
        /// Why.
        reason: Reason,
    },
}

/// Why a word is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is none of the level's layouts.
    Unlisted,
    /// It is more than one of them.
    Ambiguous,
    /// Words of this layout are refused at this level.
    Level,
    /// These bits are not what they must be.
    Bits(u128),
    /// It passes this one of `Layout::refused`.
    Forbidden(usize),
}

/// What `word` is in a table of `level` (an index into `Format::levels`).
#[must_use]
pub fn classify(format: &Format, level: usize, word: u128) -> Class {
    let entries = format.levels.get(level).map(|level| level.entries.as_slice()).unwrap_or_default();
    let claims = |entry: &&crate::model::Entry| {
        format.layouts.get(entry.layout).is_some_and(|layout| bits::holds(&layout.identity, word))
    };
    let mut claiming = entries.iter().filter(claims);
    let Some(entry) = claiming.next() else {
        return Class::Reserved { layout: None, reason: Reason::Unlisted };
    };
    if claiming.next().is_some() {
        return Class::Reserved { layout: None, reason: Reason::Ambiguous };
    }
    let layout = entry.layout;
    if entry.refused {
        return Class::Reserved { layout: Some(layout), reason: Reason::Level };
    }
    match (refusal(format, layout, word), format.layouts.get(layout).map(|layout| layout.kind)) {
        (Some(reason), _) => Class::Reserved { layout: Some(layout), reason },
        (None, Some(LayoutKind::Absent)) => Class::Absent { layout },
        (None, Some(LayoutKind::Table)) => Class::Table { layout },
        (None, Some(LayoutKind::Leaf)) => Class::Leaf { layout },
        (None, Some(LayoutKind::Root) | None) => Class::Reserved { layout: Some(layout), reason: Reason::Level },
    }
}

/// Why a word of this layout is refused, if it is.
pub(super) fn refusal(format: &Format, layout: usize, word: u128) -> Option<Reason> {
    let layout = format.layouts.get(layout)?;
    let wrong = (word ^ layout.reserved_value) & bits::mask(format, &layout.reserved);
    if wrong != 0 {
        return Some(Reason::Bits(wrong));
    }
    layout.refused.iter().position(|test| bits::holds(test, word)).map(Reason::Forbidden)
}
