//! The parts of a leaf: which there are, and tables full of them.

use crate::edit::Leaf;
use crate::error::Error;
use crate::format::{Level, Sizes, WordOf};
use crate::memory::Memory;
use crate::pieces::{fill_new, piece};
use crate::reserve::{Need, Reserve};
use crate::span::{Span, index, low, va};
use crate::table::NewTable;

/// What becomes of a stretch of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Leaves as large as can be.
    Kept,
    /// Leaves as small as wanted.
    Small,
    /// A table in every slot.
    Tables,
}

/// The stretches of a leaf in slots of level `L`, of which `part` must be in leaves of at most `2^lg2` bytes.
fn stretches<L: Level>(f: L::Format, leaf: Span, part: Span, lg2: u32) -> impl Iterator<Item = (Span, Fate)> {
    let shift = L::shift(f);
    let fate = if shift > lg2 { Fate::Tables } else { Fate::Small };
    // What is small enough need not be cut at the ends of the part.
    let grain = L::leaf_sizes(f).largest_up_to(lg2).unwrap_or(shift).max(shift);
    let first = (part.first & !low(grain)).max(leaf.first);
    let last = (part.last | low(grain)).min(leaf.last);
    let before = (leaf.first < first).then(|| (Span { first: leaf.first, last: first - 1 }, Fate::Kept));
    let behind = (last < leaf.last).then(|| (Span { first: last + 1, last: leaf.last }, Fate::Kept));
    [before, Some((Span { first, last }, fate)), behind].into_iter().flatten()
}

/// The slots of `2^shift` bytes in `span`.
fn slots_of(span: Span, shift: u32) -> impl Iterator<Item = Span> {
    (0..=(span.last - span.first) >> shift).map(move |number| {
        let first = span.first + (number << shift);
        Span { first, last: first | low(shift) }
    })
}

fn part_of(slot: Span, part: Span) -> Span {
    Span { first: slot.first.max(part.first), last: slot.last.min(part.last) }
}

fn whole_leaf<L: Level>(f: L::Format, leaf: &Leaf<WordOf<L>>) -> Error {
    Error::PartialLeaf { va: va(f, leaf.span.first), size_lg2: leaf.size_lg2 }
}

/// Calls `put` with each stretch of leaves of one size, among those of `sizes` that `template` can say, that `span` is
/// made of.
fn pieces<L: Level>(
    f: L::Format,
    whole: &Leaf<WordOf<L>>,
    (sizes, shift): (Sizes, u32),
    span: Span,
    template: impl Fn(u32) -> Option<WordOf<L>>,
    mut put: impl FnMut(Span, WordOf<L>, u32),
) -> Result<(), Error> {
    let sizes = sizes.iter().filter(|&size| template(size).is_some());
    let sizes = sizes.fold(Sizes(0), |sizes, size| sizes.or(Sizes::one(size)));
    let mut at = span.first;
    loop {
        let piece = piece(sizes, shift, Span { first: at, last: span.last });
        let found = piece.size.and_then(|size| Some((template(size)?, size)));
        let (template, size) = found.ok_or_else(|| whole_leaf::<L>(f, whole))?;
        put(Span { first: at, last: piece.last }, template, size);
        if piece.last == span.last {
            return Ok(());
        }
        at = piece.last + 1;
    }
}

/// Checks that a leaf can be split, and counts the tables that takes.
pub(super) fn plan_leaf<L: Level>(
    f: L::Format,
    lg2: u32,
    leaf: &Leaf<WordOf<L>>,
    part: Span,
    need: &mut Need,
) -> Result<(), Error> {
    let shift = L::shift(f);
    if leaf.size_lg2 == shift {
        return plan_slot::<L>(f, lg2, leaf, part, need);
    }
    pieces_of_run::<L>(f, lg2, leaf, part, |_, _, _| ())?;
    if shift > lg2 {
        let template = L::resize(f, leaf.word, shift)?;
        for (span, fate) in stretches::<L>(f, leaf.span, part, lg2) {
            for slot in slots_of(span, shift).filter(|_| fate == Fate::Tables) {
                let slot = Leaf { word: L::leaf(f, template, shift, 0), span: slot, size_lg2: shift };
                plan_slot::<L>(f, lg2, &slot, part_of(slot.span, part), need)?;
            }
        }
    }
    Ok(())
}

/// Checks that a leaf of one slot can be split, and counts the tables that takes.
fn plan_slot<L: Level>(
    f: L::Format,
    lg2: u32,
    leaf: &Leaf<WordOf<L>>,
    part: Span,
    need: &mut Need,
) -> Result<(), Error> {
    let shift = L::Below::shift(f);
    if !L::HAS_TABLES {
        return Err(whole_leaf::<L>(f, leaf));
    }
    need.add::<L::Below>(1);
    for (span, fate) in stretches::<L::Below>(f, leaf.span, part, lg2) {
        if fate != Fate::Tables {
            pieces_below::<L>(f, lg2, leaf, (span, fate), |_, _, _| ())?;
            continue;
        }
        let template = L::descend(f, leaf.word, shift)?;
        for slot in slots_of(span, shift) {
            let slot = Leaf { word: L::Below::leaf(f, template, shift, 0), span: slot, size_lg2: shift };
            plan_slot::<L::Below>(f, lg2, &slot, part_of(slot.span, part), need)?;
        }
    }
    Ok(())
}

/// Calls `put` with the stretches of leaves that are written over a run: slots that become tables as leaves of their own.
pub(super) fn pieces_of_run<L: Level>(
    f: L::Format,
    lg2: u32,
    leaf: &Leaf<WordOf<L>>,
    part: Span,
    mut put: impl FnMut(Span, WordOf<L>, u32),
) -> Result<(), Error> {
    let shift = L::shift(f);
    for (span, fate) in stretches::<L>(f, leaf.span, part, lg2) {
        let most = match fate {
            Fate::Kept => leaf.size_lg2 - 1,
            Fate::Small => lg2,
            Fate::Tables => shift,
        };
        let sizes = L::leaf_sizes(f).up_to(most);
        pieces::<L>(f, leaf, (sizes, shift), span, |size| L::resize(f, leaf.word, size).ok(), &mut put)?;
    }
    Ok(())
}

/// Calls `put` with the stretches of leaves in the table below a leaf.
fn pieces_below<L: Level>(
    f: L::Format,
    lg2: u32,
    leaf: &Leaf<WordOf<L>>,
    (span, fate): (Span, Fate),
    put: impl FnMut(Span, WordOf<L>, u32),
) -> Result<(), Error> {
    let most = if fate == Fate::Kept { leaf.size_lg2 - 1 } else { lg2.min(leaf.size_lg2 - 1) };
    let place = (L::Below::leaf_sizes(f).up_to(most), L::Below::shift(f));
    pieces::<L>(f, leaf, place, span, |size| L::descend(f, leaf.word, size).ok(), put)
}

/// Makes the table below a leaf of one slot.
pub(super) fn table_below<L: Level, M: Memory>(
    f: L::Format,
    memory: &M,
    lg2: u32,
    leaf: &Leaf<WordOf<L>>,
    part: Span,
    reserve: &mut Reserve,
) -> Result<NewTable<L::Below>, Error> {
    let table = reserve.take::<L::Below, M>(f, memory)?;
    let (shift, oa) = (L::Below::shift(f), L::leaf_oa(f, leaf.word));
    let oa = |first: u64| oa + (first - leaf.span.first);
    for (span, fate) in stretches::<L::Below>(f, leaf.span, part, lg2) {
        if fate != Fate::Tables {
            table.open(f, memory, |slots| {
                pieces_below::<L>(f, lg2, leaf, (span, fate), |span, template, size| {
                    fill_new::<L::Below>(f, &slots, span, (template, size), oa(span.first), |w| w);
                })
            })??;
            continue;
        }
        let template = L::descend(f, leaf.word, shift)?;
        for slot in slots_of(span, shift) {
            let word = L::Below::leaf(f, template, shift, oa(slot.first));
            let slot = Leaf { word, span: slot, size_lg2: shift };
            let child = table_below::<L::Below, M>(f, memory, lg2, &slot, part_of(slot.span, part), reserve)?;
            crate::clean::clean_new(f, memory, &child);
            let w = L::Below::table(f, child.address().get());
            table.open(f, memory, |slots| slots.set(index::<L::Below>(f, slot.span.first), w))?;
        }
    }
    Ok(table)
}
