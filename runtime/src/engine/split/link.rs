//! Putting smaller leaves where a larger one is, in place: by a store, by compare-and-exchange, or by an instruction.
//!
//! What the machine records in the leaf until then is said by its parts.

use super::build::Piece;
use super::cuts::{Fate, Stretch};
use crate::atomic::{Ordering, fence};
use crate::engine::clean::clean_slots;
use crate::engine::edit::{Edit, Leaf};
use crate::engine::exchange::exchange_of;
use crate::engine::job::{Env, Job};
use crate::engine::pieces::fill;
use crate::engine::records::Recording;
use crate::engine::undo::take_down;
use crate::engine::unlink::slot_of;
use crate::error::Error;
use crate::flush::Tlb;
use crate::format::{Format, Level, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::tables::span::{Span, index, low};
use crate::tables::table::{Slots, Table, is_settled};
use crate::tables::word::Word;

/// How a table takes the place of a leaf.
#[derive(Clone, Copy, Debug)]
pub(super) enum By<W> {
    /// By a store, or an exchange where somebody else may write the slot.
    Store,
    /// Likewise, where the slot holds this word meanwhile.
    Held(W),
    /// By an instruction of the machine's.
    Instruction,
}

impl<F: Format, M: Memory, E: Edit<F>> Job<'_, F, M, E> {
    /// Replaces the leaf in a slot by a table with its parts, cut around `part`, which is changed if `is_changed`. Returns
    /// whether it did: not if somebody else has replaced it.
    pub(super) fn split_slot<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        mut leaf: Leaf<WordOf<L>>,
        part: Span,
        (is_changed, mut by): (bool, By<WordOf<L>>),
        env: &mut Env<'_, A, T>,
    ) -> Result<bool, Error> {
        let f = self.f;
        let recording = Recording::of_machine::<L>(f);
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
                    leaf.word = recording.merge(leaf.word, word);
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

    /// Turns a run into leaves that are wholly inside or outside of `part`, or small enough, except for slots that have to
    /// be split. They translate and say what the run does.
    pub(super) fn take_apart<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        leaf: &Leaf<WordOf<L>>,
        part: Span,
    ) -> Result<(), Error> {
        let f = self.f;
        let leaf = self.with_records::<L>(slots, leaf);
        let may_record = self.live && !E::SEES_ABSENT && L::hardware(f) != F::Word::ZERO;
        let with_care = may_record || !self.target.owns(leaf.span);
        for stretch in self.cuts::<L>(&leaf, part).stretches() {
            self.pieces_of_run::<L>(&leaf, stretch, |piece| {
                if with_care {
                    self.rewrite_live::<L>(slots, &leaf, piece);
                } else {
                    let Piece { span, template, size, oa } = piece;
                    fill(f, slots, span, (template, size), oa, |w| E::keep::<L>(f, w));
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The run with what the machine may have recorded in any of its words.
    fn with_records<L: Level<Format = F>>(&self, slots: &Slots<'_, L>, leaf: &Leaf<WordOf<L>>) -> Leaf<WordOf<L>> {
        let f = self.f;
        let recording = Recording::of_machine::<L>(f);
        let run = slots.stretch(index::<L>(f, leaf.span.first), index::<L>(f, leaf.span.last));
        let words = run.iter().filter_map(|slot| E::sees::<L>(f, slot.get()));
        Leaf { word: words.fold(leaf.word, |word, other| recording.merge(word, other)), ..*leaf }
    }

    /// As `fill`, but keeps what the machine records meanwhile, and what somebody else does who owns another part of the
    /// run: that is not one of the run's words any more.
    fn rewrite_live<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        leaf: &Leaf<WordOf<L>>,
        Piece { span, template, size, oa }: Piece<WordOf<L>>,
    ) {
        let (f, shift) = (self.f, L::shift(self.f));
        let recording = Recording::of_machine::<L>(f);
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
                let new = E::keep::<L>(f, recording.merge(new, old));
                let may_record = !E::SEES_ABSENT && self.live && !is_settled::<L>(f, old);
                match slot.replace_if(raw, new, !is_alone || may_record) {
                    Ok(()) => break,
                    Err(now) => raw = now,
                }
            }
        }
    }

    /// Writes a stretch of a run whose slots are all gone, changed if that is its fate.
    pub(super) fn write_stretch<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        leaf: &Leaf<WordOf<L>>,
        stretch: Stretch,
    ) -> Result<(), Error> {
        let f = self.f;
        if stretch.fate == Fate::Split || stretch.fate == Fate::Changed && E::CLEARS {
            return Ok(());
        }
        self.pieces_of_run::<L>(leaf, stretch, |Piece { span, template, size, oa }| {
            if stretch.fate == Fate::Changed {
                let template = self.edit.change::<L>(f, template)?;
                fill(f, slots, span, (template, size), oa, |w| E::put::<L>(f, w));
            } else {
                fill(f, slots, span, (template, size), oa, |w| E::keep::<L>(f, w));
            }
            Ok(())
        })
    }
}
