//! What tables are made of, as the engine and readers see it: words, slots, positions.

pub(crate) mod entry;
pub(crate) mod floor;
pub(crate) mod part;
pub(crate) mod skips;
pub(crate) mod span;
pub(crate) mod table;
pub(crate) mod word;
