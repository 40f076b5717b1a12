//! Splitting leaves: parts that say what the leaf said take its place.
//!
//! There are two reasons for it. An edit has to change a part of a leaf: the leaves that stick out at the ends of its range
//! are split first, and are two at most. Or leaves are to be [smaller](Edit::most), all over a range. Either way, [`cuts`]
//! says where a leaf is cut, [`build`] what its parts are, and [`link`] puts them in its place; where the format does not let
//! a live leaf change its size in place, that goes by way of [`absent`].
//!
//! A live leaf of which a part is to say something else is first replaced by parts that say what it said, and flushed.
//! Otherwise a TLB could hold the leaf and beside it the part that differs. One flush covers both ends, whatever the number
//! of tables between a leaf and its parts. Where a leaf must go through absent to change its size, it is flushed then, and
//! its parts are linked as they are to be.

mod absent;
mod build;
mod cuts;
mod link;

use core::mem;

use crate::engine::clean::clean_slots;
use crate::engine::edit::{Edit, Leaf};
use crate::engine::job::{Ends, Env, Job, Split};
use crate::engine::lock::read_unlocked;
use crate::engine::progress::Touched;
use crate::error::Error;
use crate::flush::Tlb;
use crate::format::{Format, Level, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::tables::span::{Span, low, slot_last};
use crate::tables::table::{Slots, Table};
use link::By;

/// What is to be done in a table's slots.
enum Found<L: Level> {
    /// Something in the table below the word.
    Below(WordOf<L>),
    /// A leaf has to be split.
    Leaf(Leaf<WordOf<L>>),
}

impl<F: Format, M: Memory, E: Edit<F>> Job<'_, F, M, E> {
    /// Splits what has been planned to be split. If that has to be flushed before anything else is changed, it is.
    pub(crate) fn split_ends<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        root: Table<L>,
        span: Span,
        env: &mut Env<'_, A, T>,
    ) -> Result<(), Error> {
        self.split_leaves(root, span, span, env)?;
        if self.ends == Ends::Before {
            let touched = mem::replace(&mut env.progress.touched, Touched::NOTHING);
            if let Some(request) = touched.request(self.f, self.target.reach, false) {
                env.tlb.flush(&request);
            }
        }
        Ok(())
    }

    /// Splits what has to be split in `part` of `span`, which `table` translates.
    pub(crate) fn split_leaves<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        part: Span,
        span: Span,
        env: &mut Env<'_, A, T>,
    ) -> Result<(), Error> {
        let f = self.f;
        if L::IS_FLOOR || self.is_small_enough::<L>() {
            return Ok(());
        }
        let mut next = Some(part.first);
        while let Some(first) = next.filter(|&first| first <= part.last) {
            let here = Span { first, last: part.last };
            let found = table.open(f, self.memory, |slots| self.next_to_split(&slots, here, span, &env.split))??;
            let Some((at, found)) = found else { return Ok(()) };
            next = match found {
                Found::Below(w) => {
                    let below = Span { first: at, last: slot_last::<L>(f, at).min(part.last) };
                    self.split_leaves(Table::below::<L>(f, w), below, span, env)?;
                    below.last.checked_add(1)
                }
                Found::Leaf(leaf) if self.ends == Ends::Break => {
                    let next = self.split_by_absent(table, &leaf, (part.last, span), env)?;
                    // The leaf may start before the part; what somebody else has made of that is theirs.
                    next.map(|next| next.max(at))
                }
                // If it was not there any more, or has been taken apart, what is there now is looked at.
                Found::Leaf(leaf) => {
                    if self.split_in_place(table, leaf, span, env)? {
                        leaf.span.last.checked_add(1)
                    } else {
                        Some(at)
                    }
                }
            };
        }
        Ok(())
    }

    /// The first thing to be done in `here`, and where.
    fn next_to_split<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        here: Span,
        span: Span,
        split: &Split,
    ) -> Result<Option<(u64, Found<L>)>, Error> {
        let f = self.f;
        let mut at = here.first;
        loop {
            let w = read_unlocked::<L>(&self.target, slots, at);
            if L::is_table(f, w) {
                return Ok(Some((at, Found::Below(w))));
            }
            if let Some(leaf) = self.has_to_be_split::<L>(w, at, span, split)? {
                return Ok(Some((at, Found::Leaf(leaf))));
            }
            let end = slot_last::<L>(f, at);
            if end >= here.last {
                return Ok(None);
            }
            // Between the ends, leaves are wholly in the range.
            at = if self.edit.most().is_some() { end + 1 } else { (end + 1).max(here.last & !low(L::shift(f))) };
        }
    }

    /// The leaf in the slot of `at`, which holds `w`, if it has to be split.
    fn has_to_be_split<L: Level<Format = F>>(
        &self,
        w: WordOf<L>,
        at: u64,
        span: Span,
        split: &Split,
    ) -> Result<Option<Leaf<WordOf<L>>>, Error> {
        let Some(word) = E::sees::<L>(self.f, w) else { return Ok(None) };
        let leaf = Leaf::of::<L>(self.f, word, at);
        let is_concerned = self.edit.most().is_some() || !leaf.is_within(span) && split.has(leaf.span);
        Ok(if is_concerned && self.changes::<L>(word)? { Some(leaf) } else { None })
    }

    /// Whether no leaf below a table of level `L`, or in it, has to be split, wherever it is.
    pub(crate) fn is_small_enough<L: Level<Format = F>>(&self) -> bool {
        let largest = L::leaf_sizes(self.f).largest_up_to(63).unwrap_or(0);
        !L::HAS_TABLES && self.edit.most().is_some_and(|most| largest <= most)
    }

    /// Splits `leaf` where it is, for its part in `span`. Returns whether it did: not if somebody else has replaced it, and
    /// not if it was a run, of which slots may still have to be split.
    fn split_in_place<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        leaf: Leaf<WordOf<L>>,
        span: Span,
        env: &mut Env<'_, A, T>,
    ) -> Result<bool, Error> {
        let (f, part) = (self.f, leaf.part(span));
        if leaf.size_lg2 > L::shift(f) {
            table.open(f, self.memory, |slots| self.take_apart::<L>(&slots, &leaf, part))??;
            clean_slots(f, self.memory, table, leaf.span);
            env.progress.touched.leaves::<L>(f, leaf.span);
            return Ok(false);
        }
        let is_changed = self.ends != Ends::Before;
        let by = if self.ends == Ends::Instruction { By::Instruction } else { By::Store };
        let is_split = self.split_slot::<L, A, T>(table, leaf, part, (is_changed, by), env)?;
        if is_split && E::SEES_ABSENT {
            // What appears are the parts; of the whole, no TLB holds anything.
            env.progress.touched.subtree::<L>(f, leaf.span);
        } else if is_split && self.ends != Ends::Instruction {
            env.progress.touched.size::<L>(f, leaf.span);
        }
        Ok(is_split)
    }
}
