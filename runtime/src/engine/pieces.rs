//! How a span is made of leaves: the arithmetic that plan and commit share.

use crate::engine::edit::Leaf;
use crate::format::{Level, Sizes, Unencodable, WordOf};
use crate::tables::span::{Span, index, length_lg2, low};
use crate::tables::table::{NewSlots, Slots};

/// Adjacent positions under one table that are all made of leaves of one size, or have to be made below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The last position.
    pub(crate) last: u64,
    /// lg2 of the size of the leaves, if they are leaves.
    pub(crate) size: Option<u32>,
}

/// The longest piece that starts at `span.first` and does not pass `span.last`, of leaves as large as can be among
/// `sizes`, which are all of the level's slots or larger. A multiple of a size among the positions is one among the OA.
#[inline]
pub(crate) fn piece(sizes: Sizes, shift: u32, span: Span) -> Piece {
    let Span { first, last } = span;
    if first & low(shift) != 0 {
        return Piece { last: last.min(first | low(shift)), size: None };
    }
    let size = sizes.largest_up_to(first.trailing_zeros().min(length_lg2(first, last)));
    // The next larger size fits at the next multiple of it, if it fits at all.
    let larger = match size {
        Some(size) => Sizes(sizes.0 & !low(size + 1)).smallest(),
        None => sizes.smallest(),
    };
    let before_larger = match larger {
        Some(larger) if first & low(larger) != 0 => first | low(larger),
        _ => u64::MAX,
    };
    let last = last.min(before_larger);
    match size {
        // Less what is behind the last whole leaf.
        Some(size) => {
            let behind = last.wrapping_add(1) & low(size);
            Piece { last: last - behind, size: Some(size) }
        }
        None => Piece { last, size: None },
    }
}

/// The words of leaves of `2^size` bytes made of `template`, by the number of the slot from that of `oa` on.
#[inline(always)]
fn words<L: Level>(f: L::Format, template: WordOf<L>, size: u32, oa: u64) -> impl Fn(u64) -> WordOf<L> {
    let shift = L::shift(f);
    move |number| L::leaf(f, template, size, oa.wrapping_add(number << shift))
}

/// As [`words`], for runs whose words are all the same.
#[inline(always)]
fn words_of_runs<L: Level>(f: L::Format, template: WordOf<L>, size: u32, oa: u64) -> impl Fn(u64) -> WordOf<L> {
    let shift = L::shift(f);
    move |number| L::leaf(f, template, size, oa.wrapping_add(number << shift) & !low(size))
}

/// Whether the words of a leaf of `2^size` bytes are all the same, and more than one.
#[inline(always)]
fn is_identical_run<L: Level>(f: L::Format, size: u32) -> bool {
    size > L::shift(f) && L::run_is_identical(f, size)
}

/// Fills the slots of a new table for `span` with what `put` makes of leaves of `2^size` bytes that translate to `oa` and
/// up.
#[inline(always)]
pub(crate) fn fill_new<L: Level>(
    f: L::Format,
    slots: &NewSlots<'_, L>,
    span: Span,
    (template, size): (WordOf<L>, u32),
    oa: u64,
    put: impl Fn(WordOf<L>) -> WordOf<L>,
) {
    let (first, last) = (index::<L>(f, span.first), index::<L>(f, span.last));
    if is_identical_run::<L>(f, size) {
        let words = words_of_runs::<L>(f, template, size, oa);
        slots.fill(first, last, |number| put(words(number)));
    } else {
        let words = words::<L>(f, template, size, oa);
        slots.fill(first, last, |number| put(words(number)));
    }
}

/// Fills the slots for `span` with what `put` makes of leaves of `2^size` bytes that translate to `oa` and up.
#[inline(always)]
pub(crate) fn fill<L: Level>(
    f: L::Format,
    slots: &Slots<'_, L>,
    span: Span,
    (template, size): (WordOf<L>, u32),
    oa: u64,
    put: impl Fn(WordOf<L>) -> WordOf<L>,
) {
    let stretch = slots.stretch(index::<L>(f, span.first), index::<L>(f, span.last));
    if is_identical_run::<L>(f, size) {
        let words = words_of_runs::<L>(f, template, size, oa);
        stretch.set_all(|number| put(words(number)));
    } else {
        let words = words::<L>(f, template, size, oa);
        stretch.set_all(|number| put(words(number)));
    }
}

/// Fills the slots of `leaf`, a run or a leaf of one slot, with what `put` makes of its words.
pub(crate) fn fill_leaf<L: Level>(
    f: L::Format,
    slots: &Slots<'_, L>,
    leaf: &Leaf<WordOf<L>>,
    put: impl Fn(WordOf<L>) -> WordOf<L>,
) -> Result<(), Unencodable> {
    let template = L::resize(f, leaf.word, leaf.size_lg2)?;
    let oa = L::leaf_oa(f, leaf.word) & !low(leaf.size_lg2);
    fill(f, slots, leaf.span, (template, leaf.size_lg2), oa, put);
    Ok(())
}
