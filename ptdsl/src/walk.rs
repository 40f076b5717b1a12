//! The reference walker: what a machine would make of words in memory, read off the model row by row.
//!
//! It is slow and simple on purpose, and shares nothing with the code that is emitted, which it judges. It expects a full
//! model, as [`crate::bind::model`] gives it; a number that is still open counts as the largest it may be, an address
//! that is still open as no address at all.
//!
//! Memory may be hostile: whatever it says, nothing here panics, loops or goes where memory is not. Only the number of
//! leaves that [`mappings`] visits can be absurd, if tables share their children; the visitor may stop at any time.

mod attributes;
mod bits;
mod classify;
mod encode;
mod mappings;
mod translate;

pub use attributes::{Access, Attributes, Value, attributes, permits};
pub use classify::{Class, Reason, classify};
pub use encode::{Unencodable, encode, encode_table};
pub use mappings::{Found, mappings};
pub use translate::{Fault, Leaf, Outcome, Step, Target, Walk, canonical_range, leaf_output, root, targets, translate};

use crate::model::{Format, Row};

/// Memory that tables stand in.
pub trait Words {
    /// The `bytes` bytes at `address` (4, 8 or 16), the first one lowest, whatever the byte order of the tables;
    /// `None` if there is no memory.
    fn word(&self, address: u64, bytes: u32) -> Option<u128>;
}

impl<F: Fn(u64, u32) -> Option<u128>> Words for F {
    fn word(&self, address: u64, bytes: u32) -> Option<u128> {
        self(address, bytes)
    }
}

/// An image of memory from address 0 on.
impl Words for [u8] {
    fn word(&self, address: u64, bytes: u32) -> Option<u128> {
        let start = usize::try_from(address).ok()?;
        let end = start.checked_add(usize::try_from(bytes).ok()?)?;
        let bytes = self.get(start..end).filter(|bytes| bytes.len() <= 16)?;
        Some(bytes.iter().rev().fold(0, |word, byte| word << 8 | u128::from(*byte)))
    }
}

/// Every row of a layout (an index into `Format::layouts`) with what its bits hold in `word`, as they stand there: a field
/// of inverted polarity is not turned around.
#[must_use]
pub fn decode(format: &Format, layout: usize, word: u128) -> Vec<(&Row, u128)> {
    let rows = format.layouts.get(layout).map(|layout| layout.rows.as_slice()).unwrap_or_default();
    rows.iter().map(|row| (row, word.checked_shr(row.low).unwrap_or(0) & bits::ones(row.high - row.low + 1))).collect()
}
