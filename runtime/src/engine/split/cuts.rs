//! Where a leaf is cut: at the ends of the part that matters, and around slots that have to be cut themselves.

use core::iter;

use crate::format::Level;
use crate::tables::span::{Span, low};

/// The cuts of a leaf in slots of one level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cuts {
    leaf: Span,
    part: Span,
    shift: u32,
    /// What becomes of what is wholly in the part.
    inner: Fate,
}

/// A stretch between two cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) span: Span,
    pub(super) fate: Fate,
}

/// What becomes of a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays as it was, in leaves as large as can be.
    Kept,
    /// All of it is in the part.
    Changed,
    /// Its slots are split.
    Split,
}

impl Cuts {
    /// The cuts of `leaf` in slots of level `L` around `part`. If there is a `most`, leaves of up to `2^most` bytes need
    /// not be cut at its ends, and there are to be no larger ones in it.
    pub(super) fn of<L: Level>(f: L::Format, leaf: Span, part: Span, most: Option<u32>) -> Self {
        let shift = L::shift(f);
        let Some(most) = most else { return Self { leaf, part, shift, inner: Fate::Changed } };
        let grain = L::leaf_sizes(f).largest_up_to(most).unwrap_or(shift).max(shift);
        let part =
            Span { first: (part.first & !low(grain)).max(leaf.first), last: (part.last | low(grain)).min(leaf.last) };
        Self { leaf, part, shift, inner: if shift > most { Fate::Split } else { Fate::Changed } }
    }

    /// The stretches, in order.
    pub(super) fn stretches(self) -> impl Iterator<Item = Stretch> {
        let mask = low(self.shift);
        let mut next = Some(self.leaf.first);
        iter::from_fn(move || {
            let first = next?;
            let Span { first: start, last: end } = self.part;
            let slot = first | mask;
            let is_split = slot >= start && first <= end && (start > first || end < slot);
            let (fate, last) = if is_split {
                (Fate::Split, slot)
            } else if first > end {
                (Fate::Kept, self.leaf.last)
            } else if first < start {
                (Fate::Kept, (start & !mask) - 1)
            } else {
                // Ends with the last slot that is wholly in the part.
                (self.inner, if end & mask == mask { end } else { (end & !mask) - 1 })
            };
            next = (last < self.leaf.last).then(|| last + 1);
            Some(Stretch { span: Span { first, last }, fate })
        })
    }

    /// The slots that are split, in order.
    pub(super) fn slots(self) -> impl Iterator<Item = Span> {
        let split = self.stretches().filter(|stretch| stretch.fate == Fate::Split);
        split.flat_map(move |Stretch { span, .. }| {
            (0..=(span.last - span.first) >> self.shift).map(move |number| {
                let first = span.first + (number << self.shift);
                Span { first, last: first | low(self.shift) }
            })
        })
    }
}
