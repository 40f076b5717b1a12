//! What a leaf is split into: which leaves there are, what they say, and tables full of them.
//!
//! The plan goes the same way as what makes them, so that nothing is found out later that stops it.

use super::cuts::{Cuts, Fate, Stretch};
use crate::engine::clean::clean_new;
use crate::engine::edit::{Edit, Leaf};
use crate::engine::job::Job;
use crate::engine::pieces::{fill_new, piece};
use crate::engine::reserve::{Counted, Need, Reserve};
use crate::error::Error;
use crate::format::{Format, Level, Sizes, Unencodable, WordOf};
use crate::memory::Memory;
use crate::tables::span::{Span, index, low, va};
use crate::tables::table::NewTable;

/// Leaves side by side that are a part of a leaf that is split: all of one size.
#[derive(Clone, Copy)]
pub(super) struct Piece<W> {
    pub(super) span: Span,
    pub(super) template: W,
    pub(super) size: u32,
    /// What the first translates to.
    pub(super) oa: u64,
}

impl<F: Format, M: Memory, E: Edit<F>> Job<'_, F, M, E> {
    /// Checks that a leaf can be split for `part` of it, and counts the tables that takes.
    pub(crate) fn plan_split<L: Level<Format = F>>(
        &self,
        leaf: &Leaf<WordOf<L>>,
        part: Span,
        (need, mut counted): (&mut Need, Option<&mut Counted>),
    ) -> Result<(), Error> {
        if leaf.size_lg2 == L::shift(self.f) {
            return self.plan_slot::<L>(leaf, part, (need, counted));
        }
        let cuts = self.cuts::<L>(leaf, part);
        for stretch in cuts.stretches() {
            self.pieces_of_run::<L>(leaf, stretch, |piece| self.check_words::<L>(stretch.fate, piece))?;
        }
        for slot in cuts.slots() {
            let slot = self.slot_of_run::<L>(leaf, slot)?;
            self.plan_slot::<L>(&slot, slot.part(part), (need, counted.as_deref_mut()))?;
        }
        Ok(())
    }

    /// The same for a leaf of one slot.
    fn plan_slot<L: Level<Format = F>>(
        &self,
        leaf: &Leaf<WordOf<L>>,
        part: Span,
        (need, mut counted): (&mut Need, Option<&mut Counted>),
    ) -> Result<(), Error> {
        if !L::HAS_TABLES {
            return Err(whole_leaf(self.f, leaf));
        }
        need.add_once::<L::Below>(leaf.span.first, counted.as_deref_mut());
        let cuts = self.cuts::<L::Below>(leaf, part);
        for stretch in cuts.stretches() {
            if stretch.fate == Fate::Kept || stretch.fate == Fate::Changed && !E::CLEARS {
                self.pieces_below::<L>(leaf, stretch, |piece| self.check_words::<L::Below>(stretch.fate, piece))?;
            }
        }
        for slot in cuts.slots() {
            let slot = self.slot_below::<L>(leaf, slot)?;
            self.plan_slot::<L::Below>(&slot, slot.part(part), (need, counted.as_deref_mut()))?;
        }
        Ok(())
    }

    /// Says why the edit is not for one of the words that a piece is made of, if that is its fate.
    fn check_words<L: Level<Format = F>>(&self, fate: Fate, piece: Piece<WordOf<L>>) -> Result<(), Error> {
        if !E::CHECKS || fate != Fate::Changed {
            return Ok(());
        }
        let (f, shift, Piece { span, template, size, oa }) = (self.f, L::shift(self.f), piece);
        let is_identical = size > shift && L::run_is_identical(f, size);
        for oa in (oa..=oa + (span.last - span.first)).step_by(1 << shift) {
            let oa = if is_identical { oa & !low(size) } else { oa };
            self.edit.check::<L>(f, L::leaf(f, template, size, oa), self.live)?;
        }
        Ok(())
    }

    /// Where `leaf` is cut in slots of level `L`.
    pub(super) fn cuts<L: Level<Format = F>>(&self, leaf: &Leaf<WordOf<L>>, part: Span) -> Cuts {
        Cuts::of::<L>(self.f, leaf.span, part, self.edit.most())
    }

    /// Calls `put` with the leaves of level `L` that a stretch of a run is made of. Slots that are split are leaves of
    /// their own.
    pub(super) fn pieces_of_run<L: Level<Format = F>>(
        &self,
        leaf: &Leaf<WordOf<L>>,
        stretch: Stretch,
        put: impl FnMut(Piece<WordOf<L>>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let f = self.f;
        let oa = L::leaf_oa(f, leaf.word) & !low(leaf.size_lg2);
        self.pieces::<L>(leaf, oa, stretch, |size| L::resize(f, leaf.word, size), put)
    }

    /// Calls `put` with the leaves that a stretch of the table below a leaf of one slot is made of.
    fn pieces_below<L: Level<Format = F>>(
        &self,
        leaf: &Leaf<WordOf<L>>,
        stretch: Stretch,
        put: impl FnMut(Piece<WordOf<L>>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let f = self.f;
        self.pieces::<L::Below>(leaf, L::leaf_oa(f, leaf.word), stretch, |size| L::descend(f, leaf.word, size), put)
    }

    /// Calls `put` with the leaves of level `L` that a stretch of `leaf`, which translates to `oa` and up, is made of, with
    /// templates that say what it says. All of them can be changed.
    fn pieces<L: Level<Format = F>>(
        &self,
        leaf: &Leaf<WordOf<L>>,
        oa: u64,
        Stretch { span, fate }: Stretch,
        template: impl Fn(u32) -> Result<WordOf<L>, Unencodable>,
        mut put: impl FnMut(Piece<WordOf<L>>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (f, shift) = (self.f, L::shift(self.f));
        let most = match fate {
            Fate::Split => shift,
            Fate::Changed => self.edit.most().unwrap_or(63),
            Fate::Kept => 63,
        };
        let check = |size| {
            let template = template(size)?;
            if fate != Fate::Changed && !E::can_keep::<L>(f, template) {
                return Err(Unencodable { attribute: "absence" }.into());
            }
            if fate == Fate::Changed && !E::CLEARS {
                self.check_fit::<L>(va(f, leaf.span.first), self.edit.change::<L>(f, template)?)?;
            }
            Ok::<WordOf<L>, Error>(template)
        };
        let sizes = L::leaf_sizes(f).up_to(most.min(leaf.size_lg2 - 1));
        let sizes = sizes.iter().filter(|&size| check(size).is_ok());
        let sizes = sizes.fold(Sizes(0), |sizes, size| sizes.or(Sizes::one(size)));
        let mut at = span.first;
        loop {
            let piece = piece(sizes, shift, Span { first: at, last: span.last });
            let Some(size) = piece.size else {
                // What keeps the smallest leaves from being made says why.
                let reason = L::leaf_sizes(f).has(shift).then(|| check(shift).err()).flatten();
                return Err(reason.unwrap_or(whole_leaf(f, leaf)));
            };
            let here = Span { first: at, last: piece.last };
            put(Piece { span: here, template: template(size)?, size, oa: oa + (at - leaf.span.first) })?;
            if piece.last == span.last {
                return Ok(());
            }
            at = piece.last + 1;
        }
    }

    /// A slot of a run, as a leaf of its own.
    pub(super) fn slot_of_run<L: Level<Format = F>>(
        &self,
        leaf: &Leaf<WordOf<L>>,
        slot: Span,
    ) -> Result<Leaf<WordOf<L>>, Error> {
        let (f, size_lg2) = (self.f, L::shift(self.f));
        let oa = (L::leaf_oa(f, leaf.word) & !low(leaf.size_lg2)) + (slot.first - leaf.span.first);
        let template = L::resize(f, leaf.word, size_lg2)?;
        Ok(Leaf { word: L::leaf(f, template, size_lg2, oa), span: slot, size_lg2 })
    }

    /// A slot of the table below a leaf of one slot, as a leaf of its own.
    fn slot_below<L: Level<Format = F>>(&self, leaf: &Leaf<WordOf<L>>, slot: Span) -> Result<Leaf<WordOf<L>>, Error> {
        let (f, size_lg2) = (self.f, L::Below::shift(self.f));
        if !L::Below::leaf_sizes(f).has(size_lg2) {
            return Err(whole_leaf(f, leaf));
        }
        let oa = L::leaf_oa(f, leaf.word) + (slot.first - leaf.span.first);
        let template = L::descend(f, leaf.word, size_lg2)?;
        Ok(Leaf { word: L::Below::leaf(f, template, size_lg2, oa), span: slot, size_lg2 })
    }

    /// Makes the table below `leaf`, a leaf of one slot, which is cut around `part`.
    pub(super) fn build_split<L: Level<Format = F>>(
        &self,
        leaf: &Leaf<WordOf<L>>,
        part: Span,
        is_changed: bool,
        reserve: &mut Reserve,
    ) -> Result<NewTable<L::Below>, Error> {
        let f = self.f;
        let table = reserve.take::<L::Below, M>(f, self.memory)?;
        let cuts = self.cuts::<L::Below>(leaf, part);
        table.open(f, self.memory, |slots| {
            for stretch in cuts.stretches().filter(|stretch| stretch.fate != Fate::Split) {
                if E::CLEARS && stretch.fate == Fate::Changed {
                    let Span { first, last } = stretch.span;
                    let empty = L::Below::empty(f);
                    slots.fill(index::<L::Below>(f, first), index::<L::Below>(f, last), |_| empty);
                    continue;
                }
                self.pieces_below::<L>(leaf, stretch, |Piece { span, template, size, oa }| {
                    // Two calls, so that what is called for each slot is known when this is compiled.
                    if stretch.fate == Fate::Changed && is_changed {
                        let template = self.edit.change::<L::Below>(f, template)?;
                        fill_new(f, &slots, span, (template, size), oa, |w| E::put::<L::Below>(f, w));
                    } else {
                        fill_new(f, &slots, span, (template, size), oa, |w| E::keep::<L::Below>(f, w));
                    }
                    Ok(())
                })?;
            }
            Ok::<(), Error>(())
        })??;
        for slot in cuts.slots() {
            let slot = self.slot_below::<L>(leaf, slot)?;
            let child = self.build_split::<L::Below>(&slot, slot.part(part), is_changed, reserve)?;
            let w = L::Below::table(f, child.address().get());
            table.open(f, self.memory, |slots| slots.set(index::<L::Below>(f, slot.span.first), w))?;
        }
        clean_new(f, self.memory, &table);
        Ok(table)
    }
}

/// The error for a leaf that cannot be split.
#[cold]
fn whole_leaf<F: Format>(f: F, leaf: &Leaf<F::Word>) -> Error {
    Error::PartialLeaf { va: va(f, leaf.span.first), size_lg2: leaf.size_lg2 }
}
