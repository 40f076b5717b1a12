//! Taking leaves apart, so that a part of one can be changed.

use core::iter;

use crate::edit::{Edit, Job, Leaf};
use crate::error::Error;
use crate::format::{Format, Level, Sizes, WordOf};
use crate::memory::Memory;
use crate::pieces::{fill, fill_new, piece};
use crate::reserve::{Need, Reserve};
use crate::span::{Span, index, low, va};
use crate::table::{NewSlots, NewTable, Slots, Table};

/// Where a leaf is cut to change a part of it: at the ends of the part, and around slots in which an end is.
#[derive(Clone, Copy, Debug)]
struct Cuts {
    leaf: Span,
    part: Span,
    shift: u32,
}

/// A stretch between two cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    span: Span,
    fate: Fate,
}

/// What becomes of a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It stays as it was.
    Kept,
    /// All of it is changed.
    Changed,
    /// A part of it, which is one slot, is changed.
    Split,
}

impl Cuts {
    /// The stretches, in order.
    fn stretches(self) -> impl Iterator<Item = Stretch> {
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
                (Fate::Changed, if end & mask == mask { end } else { (end & !mask) - 1 })
            };
            next = (last < self.leaf.last).then(|| last + 1);
            Some(Stretch { span: Span { first, last }, fate })
        })
    }
}

impl<F: Format, M: Memory, E: Edit<F>> Job<'_, F, M, E> {
    /// Checks that a run can be taken apart, and counts the tables that takes.
    pub(crate) fn plan_apart<L: Level<Format = F>>(
        &self,
        leaf: &Leaf<WordOf<L>>,
        part: Span,
        need: &mut Need,
    ) -> Result<(), Error> {
        let (f, shift) = (self.f, L::shift(self.f));
        if !L::leaf_sizes(f).has(shift) {
            return Err(Error::PartialLeaf { va: va(f, leaf.span.first), size_lg2: leaf.size_lg2 });
        }
        let template = L::resize(f, leaf.word, shift)?;
        for stretch in (Cuts { leaf: leaf.span, part, shift }).stretches() {
            if stretch.fate == Fate::Split {
                let slot = slot_of_run::<L>(f, leaf, template, stretch.span);
                self.plan_split::<L>(&slot, slot.part(part), need)?;
            }
        }
        Ok(())
    }

    /// Checks that a leaf of one slot can be split, and counts the tables that takes.
    pub(crate) fn plan_split<L: Level<Format = F>>(
        &self,
        leaf: &Leaf<WordOf<L>>,
        part: Span,
        need: &mut Need,
    ) -> Result<(), Error> {
        let f = self.f;
        let shift = L::Below::shift(f);
        if !L::HAS_TABLES || !L::Below::leaf_sizes(f).has(shift) {
            return Err(Error::PartialLeaf { va: va(f, leaf.span.first), size_lg2: leaf.size_lg2 });
        }
        let template = L::descend(f, leaf.word, shift)?;
        if !E::CLEARS {
            let changed = self.edit.change::<L::Below>(f, template)?;
            self.check_fit::<L::Below>(va(f, leaf.span.first), changed)?;
        }
        need.add::<L::Below>(1);
        for stretch in (Cuts { leaf: leaf.span, part, shift }).stretches() {
            if stretch.fate == Fate::Split {
                let slot = slot_below::<L>(f, leaf, template, stretch.span);
                self.plan_split::<L::Below>(&slot, slot.part(part), need)?;
            }
        }
        Ok(())
    }

    /// Turns a run of which only a part is in `span` into leaves that are wholly inside or outside, except for slots
    /// that have to be split. Returns whether it did: not if there is nothing to change.
    pub(crate) fn take_apart<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        leaf: Leaf<WordOf<L>>,
        span: Span,
    ) -> Result<bool, Error> {
        let (f, shift) = (self.f, L::shift(self.f));
        if !self.changes::<L>(leaf.word)? {
            return Ok(false);
        }
        let run = slots.stretch(index::<L>(f, leaf.span.first), index::<L>(f, leaf.span.last));
        // The machine may have recorded what it did in any of the run's words.
        let words = run.iter().filter_map(|slot| E::sees::<L>(f, slot.get()));
        let word = words.fold(leaf.word, |word, other| with_records_of::<L>(f, word, other));
        let leaf = Leaf { word, ..leaf };
        let oa = L::leaf_oa(f, word) & !low(leaf.size_lg2);
        let sizes = encodable(L::leaf_sizes(f).up_to(leaf.size_lg2 - 1), |size| L::resize(f, word, size).is_ok());
        for stretch in (Cuts { leaf: leaf.span, part: leaf.part(span), shift }).stretches() {
            let sizes = if stretch.fate == Fate::Split { Sizes::one(shift) } else { sizes };
            self.rewrite::<L>(slots, &leaf, oa, stretch.span, sizes)?;
        }
        Ok(true)
    }

    /// Writes `span`, a part of a run, as leaves of `sizes`.
    fn rewrite<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        leaf: &Leaf<WordOf<L>>,
        oa: u64,
        span: Span,
        sizes: Sizes,
    ) -> Result<(), Error> {
        let (f, shift) = (self.f, L::shift(self.f));
        let mut at = span.first;
        loop {
            let piece = piece(sizes, shift, Span { first: at, last: span.last });
            let Some(size) = piece.size else {
                return Err(Error::PartialLeaf { va: va(f, leaf.span.first), size_lg2: leaf.size_lg2 });
            };
            let template = L::resize(f, leaf.word, size)?;
            let piece_span = Span { first: at, last: piece.last };
            let oa = oa + (at - leaf.span.first);
            if self.live && !E::CLEARS && !E::SEES_ABSENT && L::hardware(f) != F::Word::from(0) {
                self.rewrite_live::<L>(slots, piece_span, (template, size), oa);
            } else {
                fill(f, slots, piece_span, (template, size), oa, |w| E::keep::<L>(f, w));
            }
            if piece.last == span.last {
                return Ok(());
            }
            at = piece.last + 1;
        }
    }

    /// As `fill`, but keeps what the machine records meanwhile.
    fn rewrite_live<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        span: Span,
        (template, size): (WordOf<L>, u32),
        oa: u64,
    ) {
        let (f, shift) = (self.f, L::shift(self.f));
        let is_identical = size > shift && L::run_is_identical(f, size);
        let stretch = slots.stretch(index::<L>(f, span.first), index::<L>(f, span.last));
        for (number, slot) in (0..).zip(stretch.iter()) {
            let oa = oa + (number << shift);
            let new = L::leaf(f, template, size, if is_identical { oa & !low(size) } else { oa });
            slot.update(slot.get(), |old| with_records_of::<L>(f, new, old));
        }
    }

    /// Replaces the leaf in a slot by a table with its parts, of which `part` is changed.
    pub(crate) fn split_slot<L: Level<Format = F>>(
        &self,
        table: Table<L>,
        mut leaf: Leaf<WordOf<L>>,
        part: Span,
        reserve: &mut Reserve,
    ) -> Result<(), Error> {
        let (f, slot) = (self.f, index::<L>(self.f, leaf.span.first));
        let recording = L::hardware(f);
        loop {
            let child = self.build_split::<L>(&leaf, part, reserve)?;
            let w = L::table(f, child.address().get());
            let may_record = self.live && !E::SEES_ABSENT;
            let is_settled = !may_record || (leaf.word ^ L::hardware_done(f)) & recording == F::Word::from(0);
            let linked = table.open(f, self.memory, |slots| {
                if is_settled {
                    slots.link(slot, w);
                    return Ok(());
                }
                slots.exchange(slot, leaf.word, w)
            })?;
            let Err(now) = linked else { return Ok(()) };
            // The machine has recorded something in the leaf: its parts have to know.
            self.put_back::<L>(child, leaf.span, part, reserve)?;
            let Some(now) = E::sees::<L>(f, now) else { return Err(Error::Hole { va: va(f, leaf.span.first) }) };
            leaf.word = now;
        }
    }

    /// Makes the table below `leaf`, a leaf of one slot, with `part` changed.
    fn build_split<L: Level<Format = F>>(
        &self,
        leaf: &Leaf<WordOf<L>>,
        part: Span,
        reserve: &mut Reserve,
    ) -> Result<NewTable<L::Below>, Error> {
        let f = self.f;
        let table = reserve.take::<L::Below, M>(f, self.memory)?;
        let shift = L::Below::shift(f);
        let cuts = Cuts { leaf: leaf.span, part, shift };
        table.open(f, self.memory, |slots| {
            for stretch in cuts.stretches() {
                match stretch.fate {
                    Fate::Split => {}
                    Fate::Changed if E::CLEARS => {
                        let Span { first, last } = stretch.span;
                        let empty = L::Below::empty(f);
                        slots.fill(index::<L::Below>(f, first), index::<L::Below>(f, last), |_| empty);
                    }
                    Fate::Changed | Fate::Kept => self.write_below::<L>(&slots, leaf, stretch)?,
                }
            }
            Ok::<(), Error>(())
        })??;
        for stretch in cuts.stretches() {
            if stretch.fate == Fate::Split {
                let template = L::descend(f, leaf.word, shift)?;
                let slot = slot_below::<L>(f, leaf, template, stretch.span);
                let child = self.build_split::<L::Below>(&slot, slot.part(part), reserve)?;
                let w = L::Below::table(f, child.address().get());
                table.open(f, self.memory, |slots| slots.set(index::<L::Below>(f, stretch.span.first), w))?;
            }
        }
        Ok(table)
    }

    /// Writes the leaves of a stretch into the new table below `leaf`.
    fn write_below<L: Level<Format = F>>(
        &self,
        slots: &NewSlots<'_, L::Below>,
        leaf: &Leaf<WordOf<L>>,
        stretch: Stretch,
    ) -> Result<(), Error> {
        let f = self.f;
        let shift = L::Below::shift(f);
        let sizes =
            encodable(L::Below::leaf_sizes(f).up_to(leaf.size_lg2 - 1), |size| L::descend(f, leaf.word, size).is_ok());
        let oa = L::leaf_oa(f, leaf.word);
        let mut at = stretch.span.first;
        loop {
            let piece = piece(sizes, shift, Span { first: at, last: stretch.span.last });
            let Some(size) = piece.size else {
                return Err(Error::PartialLeaf { va: va(f, leaf.span.first), size_lg2: leaf.size_lg2 });
            };
            let template = L::descend(f, leaf.word, size)?;
            let (span, oa) = (Span { first: at, last: piece.last }, oa + (at - leaf.span.first));
            if stretch.fate == Fate::Changed {
                let template = self.edit.change::<L::Below>(f, template)?;
                fill_new(f, slots, span, (template, size), oa, |w| E::put::<L::Below>(f, w));
            } else {
                fill_new(f, slots, span, (template, size), oa, |w| E::keep::<L::Below>(f, w));
            }
            if piece.last == stretch.span.last {
                return Ok(());
            }
            at = piece.last + 1;
        }
    }

    /// Puts the frames of what `build_split` has made back into the reserve.
    fn put_back<L: Level<Format = F>>(
        &self,
        table: NewTable<L::Below>,
        leaf: Span,
        part: Span,
        reserve: &mut Reserve,
    ) -> Result<(), Error> {
        let f = self.f;
        for stretch in (Cuts { leaf, part, shift: L::Below::shift(f) }).stretches() {
            if stretch.fate == Fate::Split {
                let number = index::<L::Below>(f, stretch.span.first);
                let w = table.open(f, self.memory, |slots| slots.get(number))?;
                let address = crate::Oa::new(L::Below::table_address(f, w));
                let child = NewTable::<<L::Below as Level>::Below>::in_frame(address);
                let Span { first, last } = stretch.span;
                let part = Span { first: part.first.max(first), last: part.last.min(last) };
                self.put_back::<L::Below>(child, stretch.span, part, reserve)?;
            }
        }
        reserve.put(f, self.memory, table)
    }
}

/// `word` with what the machine has recorded in `other` as well.
#[inline]
fn with_records_of<L: Level>(f: L::Format, word: WordOf<L>, other: WordOf<L>) -> WordOf<L> {
    word ^ (word ^ other) & (word ^ L::hardware_done(f)) & L::hardware(f)
}

/// The slot of `span` in a run, as a leaf of its own made of `template`.
fn slot_of_run<L: Level>(f: L::Format, leaf: &Leaf<WordOf<L>>, template: WordOf<L>, span: Span) -> Leaf<WordOf<L>> {
    let oa = (L::leaf_oa(f, leaf.word) & !low(leaf.size_lg2)) + (span.first - leaf.span.first);
    let size_lg2 = L::shift(f);
    Leaf { word: L::leaf(f, template, size_lg2, oa), span, size_lg2 }
}

/// The slot of `span` in the table below `leaf`, as a leaf made of `template`.
fn slot_below<L: Level>(f: L::Format, leaf: &Leaf<WordOf<L>>, template: WordOf<L>, span: Span) -> Leaf<WordOf<L>> {
    let oa = L::leaf_oa(f, leaf.word) + (span.first - leaf.span.first);
    let size_lg2 = L::Below::shift(f);
    Leaf { word: L::Below::leaf(f, template, size_lg2, oa), span, size_lg2 }
}

/// Those of `sizes` of which `is_ok` holds.
fn encodable(sizes: Sizes, is_ok: impl Fn(u32) -> bool) -> Sizes {
    sizes.iter().filter(|&size| is_ok(size)).fold(Sizes(0), |sizes, size| sizes.or(Sizes::one(size)))
}
