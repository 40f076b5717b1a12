//! Taking leaves apart, so that a part of one can be changed.

use core::iter;

use crate::atomic::{Ordering, fence};
use crate::clean::{clean_new, clean_slots};
use crate::edit::{Edit, Leaf};
use crate::error::Error;
use crate::exchange::exchange_of;
use crate::flush::Tlb;
use crate::format::{Format, Level, Sizes, WordOf};
use crate::frames::Frames;
use crate::job::{Env, Job};
use crate::memory::Memory;
use crate::pieces::{fill, fill_new, piece};
use crate::progress::Progress;
use crate::reserve::{Need, Reserve};
use crate::span::{Span, index, low, va};
use crate::table::{NewSlots, NewTable, Slots, Table, is_settled};
use crate::undo::take_down;
use crate::unlink::slot_of;
use crate::word::Word;

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

/// A part of a run and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) span: Span,
    pub(crate) fate: Fate,
    /// The sizes of the leaves that it may be made of.
    pub(crate) sizes: Sizes,
}

/// How a table takes the place of a leaf.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By<W> {
    /// By a store, or an exchange where somebody else may write the slot.
    Store,
    /// Likewise, where the slot holds this word meanwhile.
    Held(W),
    /// By an instruction of the machine's.
    Instruction,
}

/// What becomes of a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
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
        for Part { span, fate, sizes } in self.parts_of_run::<L>(leaf, part) {
            match fate {
                Fate::Split => {
                    let slot = slot_of_run::<L>(f, leaf, template, span);
                    self.plan_split::<L>(&slot, slot.part(part), need)?;
                }
                Fate::Changed if E::CHECKS => {
                    self.pieces_of_run::<L>(leaf, span, sizes, |span, template, oa| {
                        self.check_words::<L>(span, template, oa)
                    })?;
                }
                Fate::Changed | Fate::Kept => {}
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
        let cuts = Cuts { leaf: leaf.span, part, shift };
        if !E::CLEARS && (!E::PUTS_ABSENT || cuts.stretches().any(|stretch| stretch.fate == Fate::Changed)) {
            let changed = self.edit.change::<L::Below>(f, template)?;
            self.check_fit::<L::Below>(va(f, leaf.span.first), changed)?;
        }
        need.add::<L::Below>(1);
        for Stretch { span, fate } in cuts.stretches() {
            match fate {
                Fate::Split => {
                    let slot = slot_below::<L>(f, leaf, template, span);
                    self.plan_split::<L::Below>(&slot, slot.part(part), need)?;
                }
                Fate::Changed if E::CHECKS => {
                    self.pieces_below::<L>(leaf, span, |span, template, oa| {
                        self.check_words::<L::Below>(span, template, oa)
                    })?;
                }
                Fate::Changed | Fate::Kept => {}
            }
        }
        Ok(())
    }

    /// Says why the edit is not for the leaves of `2^size` bytes in `span` that are made of `template` and translate to
    /// `oa` and up.
    fn check_words<L: Level<Format = F>>(
        &self,
        span: Span,
        (template, size): (WordOf<L>, u32),
        oa: u64,
    ) -> Result<(), Error> {
        let (f, shift) = (self.f, L::shift(self.f));
        let is_identical = size > shift && L::run_is_identical(f, size);
        for oa in (oa..=oa + (span.last - span.first)).step_by(1 << shift) {
            let oa = if is_identical { oa & !low(size) } else { oa };
            self.edit.check::<L>(f, L::leaf(f, template, size, oa), self.live)?;
        }
        Ok(())
    }

    /// Turns a run of which only a part is in `span` into leaves that are wholly inside or outside, except for slots
    /// that have to be split. They translate and say what the run does. Not if there is nothing to change.
    pub(crate) fn take_apart<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        leaf: Leaf<WordOf<L>>,
        span: Span,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        if !self.changes::<L>(leaf.word)? {
            return Ok(());
        }
        let leaf = self.with_records::<L>(slots, leaf);
        for Part { span, sizes, .. } in self.parts_of_run::<L>(&leaf, leaf.part(span)) {
            self.rewrite::<L>(slots, &leaf, span, sizes)?;
        }
        progress.touched.leaves::<L>(self.f, leaf.span);
        Ok(())
    }

    /// The run with what the machine may have recorded in any of its words.
    pub(crate) fn with_records<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        leaf: Leaf<WordOf<L>>,
    ) -> Leaf<WordOf<L>> {
        let f = self.f;
        let run = slots.stretch(index::<L>(f, leaf.span.first), index::<L>(f, leaf.span.last));
        let words = run.iter().filter_map(|slot| E::sees::<L>(f, slot.get()));
        let word = words.fold(leaf.word, |word, other| with_records_of::<L>(f, word, other));
        Leaf { word, ..leaf }
    }

    /// What becomes of a run of which `part` is changed, and of which sizes the leaves may be.
    pub(crate) fn parts_of_run<L: Level<Format = F>>(
        &self,
        leaf: &Leaf<WordOf<L>>,
        part: Span,
    ) -> impl Iterator<Item = Part> + use<L, F, M, E> {
        let (f, shift, word) = (self.f, L::shift(self.f), leaf.word);
        let sizes = encodable(L::leaf_sizes(f).up_to(leaf.size_lg2 - 1), |size| L::resize(f, word, size).is_ok());
        (Cuts { leaf: leaf.span, part, shift }).stretches().map(move |Stretch { span, fate }| Part {
            span,
            fate,
            sizes: if fate == Fate::Split { Sizes::one(shift) } else { sizes },
        })
    }

    /// Writes `span`, a part of a run, as leaves of `sizes`.
    fn rewrite<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        leaf: &Leaf<WordOf<L>>,
        span: Span,
        sizes: Sizes,
    ) -> Result<(), Error> {
        let f = self.f;
        let may_record = self.live && !E::SEES_ABSENT && L::hardware(f) != F::Word::from(0);
        let with_care = may_record || !self.target.owns(leaf.span);
        self.pieces_of_run::<L>(leaf, span, sizes, |span, (template, size), oa| {
            if with_care {
                self.rewrite_live::<L>(slots, leaf, span, (template, size), oa);
            } else {
                fill(f, slots, span, (template, size), oa, |w| E::keep::<L>(f, w));
            }
            Ok(())
        })
    }

    /// Calls `put` with each piece of `span`, a part of a run, with its template and size, and its OA.
    pub(crate) fn pieces_of_run<L: Level<Format = F>>(
        &self,
        leaf: &Leaf<WordOf<L>>,
        span: Span,
        sizes: Sizes,
        mut put: impl FnMut(Span, (WordOf<L>, u32), u64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (f, shift) = (self.f, L::shift(self.f));
        let oa = L::leaf_oa(f, leaf.word) & !low(leaf.size_lg2);
        let mut at = span.first;
        loop {
            let piece = piece(sizes, shift, Span { first: at, last: span.last });
            let Some(size) = piece.size else {
                return Err(Error::PartialLeaf { va: va(f, leaf.span.first), size_lg2: leaf.size_lg2 });
            };
            let template = L::resize(f, leaf.word, size)?;
            put(Span { first: at, last: piece.last }, (template, size), oa + (at - leaf.span.first))?;
            if piece.last == span.last {
                return Ok(());
            }
            at = piece.last + 1;
        }
    }

    /// As `fill`, but keeps what the machine records meanwhile, and what somebody else does who owns another part of the
    /// run: that is not one of the run's words any more.
    fn rewrite_live<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        leaf: &Leaf<WordOf<L>>,
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
            let is_alone = self.target.owns(slot_of::<L>(f, span.first + (number << shift)));
            let mut raw = slot.get();
            while let Some(old) = E::sees::<L>(f, raw)
                && L::leaf_lg2(f, old) == leaf.size_lg2
            {
                let new = E::keep::<L>(f, with_records_of::<L>(f, new, old));
                let may_record = !E::SEES_ABSENT && self.live && !is_settled::<L>(f, old);
                match slot.replace_if(raw, new, !is_alone || may_record) {
                    Ok(()) => break,
                    Err(now) => raw = now,
                }
            }
        }
    }

    /// Replaces the leaf in a slot by a table with its parts, of which `part` is changed if `is_changed`. Returns whether
    /// it did: not if somebody else has replaced it.
    pub(crate) fn split_slot<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        mut leaf: Leaf<WordOf<L>>,
        part: Span,
        (is_changed, mut by): (bool, By<WordOf<L>>),
        env: &mut Env<'_, A, T>,
    ) -> Result<bool, Error> {
        let f = self.f;
        loop {
            let child = self.build_split::<L>(&leaf, part, is_changed, &mut env.reserve)?;
            let w = L::table(f, child.address().get());
            let Err(now) = self.link::<L, T>(table, &leaf, w, by, env.tlb)? else {
                clean_slots(f, self.memory, table, leaf.span);
                return Ok(true);
            };
            take_down(f, self.memory, child, &mut env.reserve)?;
            // The machine has recorded something in the leaf: its parts have to know.
            match (by, E::sees::<L>(f, now)) {
                (By::Held(_), Some(word)) if L::leaf_lg2(f, word) == leaf.size_lg2 => {
                    leaf.word = with_records_of::<L>(f, leaf.word, word);
                    by = By::Held(now);
                }
                (_, Some(word)) if L::leaf_lg2(f, word) == leaf.size_lg2 => leaf.word = word,
                _ => return Ok(false),
            }
        }
    }

    /// Writes the table word `w` where `leaf` is. If it is not there any more, says what is.
    fn link<L: Level<Format = F>, T: Tlb>(
        &self,
        table: Table<L>,
        leaf: &Leaf<WordOf<L>>,
        w: WordOf<L>,
        by: By<WordOf<L>>,
        tlb: &mut T,
    ) -> Result<Result<(), WordOf<L>>, Error> {
        let (f, number) = (self.f, index::<L>(self.f, leaf.span.first));
        let old = match by {
            By::Instruction => {
                // The instruction does not say that earlier stores come before it.
                fence(Ordering::Release);
                let exchange = exchange_of::<L>(f, table, leaf.span.first, leaf.word, w);
                return Ok(tlb.exchange(&exchange).map_err(WordOf::<L>::truncate));
            }
            By::Held(held) => held,
            By::Store => E::keep::<L>(f, leaf.word),
        };
        let may_record = self.live && L::is_leaf(f, old) && !is_settled::<L>(f, old);
        let is_alone = self.target.owns(leaf.span);
        table
            .open(f, self.memory, |slots| {
                if !may_record && is_alone {
                    slots.link(number, w);
                    return Ok(());
                }
                slots.exchange(number, old, w)
            })
            .map_err(Error::from)
    }

    /// Makes the table below `leaf`, a leaf of one slot, with `part` cut out, and changed if `is_changed`.
    pub(crate) fn build_split<L: Level<Format = F>>(
        &self,
        leaf: &Leaf<WordOf<L>>,
        part: Span,
        is_changed: bool,
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
                    Fate::Changed if E::CLEARS && is_changed => {
                        let Span { first, last } = stretch.span;
                        let empty = L::Below::empty(f);
                        slots.fill(index::<L::Below>(f, first), index::<L::Below>(f, last), |_| empty);
                    }
                    Fate::Changed if is_changed => self.write_below::<L>(&slots, leaf, stretch)?,
                    Fate::Changed | Fate::Kept => {
                        self.write_below::<L>(&slots, leaf, Stretch { fate: Fate::Kept, ..stretch })?;
                    }
                }
            }
            Ok::<(), Error>(())
        })??;
        for stretch in cuts.stretches() {
            if stretch.fate == Fate::Split {
                let template = L::descend(f, leaf.word, shift)?;
                let slot = slot_below::<L>(f, leaf, template, stretch.span);
                let child = self.build_split::<L::Below>(&slot, slot.part(part), is_changed, reserve)?;
                let w = L::Below::table(f, child.address().get());
                table.open(f, self.memory, |slots| slots.set(index::<L::Below>(f, stretch.span.first), w))?;
            }
        }
        clean_new(f, self.memory, &table);
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
        self.pieces_below::<L>(leaf, stretch.span, |span, (template, size), oa| {
            if stretch.fate == Fate::Changed {
                let template = self.edit.change::<L::Below>(f, template)?;
                fill_new(f, slots, span, (template, size), oa, |w| E::put::<L::Below>(f, w));
            } else {
                fill_new(f, slots, span, (template, size), oa, |w| E::keep::<L::Below>(f, w));
            }
            Ok(())
        })
    }

    /// Calls `put` with each piece of `span`, a part of what is in the table below `leaf`, with its template and size, and
    /// its OA.
    fn pieces_below<L: Level<Format = F>>(
        &self,
        leaf: &Leaf<WordOf<L>>,
        span: Span,
        mut put: impl FnMut(Span, (WordOf<L>, u32), u64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let f = self.f;
        let shift = L::Below::shift(f);
        let sizes =
            encodable(L::Below::leaf_sizes(f).up_to(leaf.size_lg2 - 1), |size| L::descend(f, leaf.word, size).is_ok());
        let oa = L::leaf_oa(f, leaf.word);
        let mut at = span.first;
        loop {
            let piece = piece(sizes, shift, Span { first: at, last: span.last });
            let Some(size) = piece.size else {
                return Err(Error::PartialLeaf { va: va(f, leaf.span.first), size_lg2: leaf.size_lg2 });
            };
            let template = L::descend(f, leaf.word, size)?;
            put(Span { first: at, last: piece.last }, (template, size), oa + (at - leaf.span.first))?;
            if piece.last == span.last {
                return Ok(());
            }
            at = piece.last + 1;
        }
    }
}

/// `word` with what the machine has recorded in `other` as well.
#[inline]
pub(crate) fn with_records_of<L: Level>(f: L::Format, word: WordOf<L>, other: WordOf<L>) -> WordOf<L> {
    word ^ (word ^ other) & (word ^ L::hardware_done(f)) & L::hardware(f)
}

/// The slot of `span` in a run, as a leaf of its own made of `template`.
pub(crate) fn slot_of_run<L: Level>(
    f: L::Format,
    leaf: &Leaf<WordOf<L>>,
    template: WordOf<L>,
    span: Span,
) -> Leaf<WordOf<L>> {
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
