//! Making a change that has been planned, by stores.

use crate::engine::clean::clean_runs;
use crate::engine::edit::Edit;
use crate::engine::job::{Env, Job};
use crate::engine::lock::read_unlocked;
use crate::engine::ownership::is_pinned;
use crate::engine::progress::Progress;
use crate::error::Error;
use crate::flush::Tlb;
use crate::format::{Format, Level, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::tables::span::{Span, index, low, slot_last};
use crate::tables::table::{Slots, Table};

/// Why a commit leaves a table's slots.
enum Turn<L: Level> {
    /// The table below the word has to be changed.
    Below(WordOf<L>),
    /// The table below the word is covered and goes.
    Unlink(WordOf<L>),
}

impl<F: Format, M: Memory, E: Edit<F>> Job<'_, F, M, E> {
    /// Makes the change.
    pub(crate) fn commit<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        span: Span,
        env: &mut Env<'_, A, T>,
    ) -> Result<(), Error> {
        if L::IS_FLOOR {
            return Ok(());
        }
        let (f, memory) = (self.f, self.memory);
        if !L::HAS_TABLES {
            table.open(f, memory, |slots| self.commit_leaves(&slots, span, env.progress))??;
            clean_runs(f, memory, table, span);
            return Ok(());
        }
        let mut at = span.first;
        loop {
            let from = at;
            let turn = table.open(f, memory, |slots| self.commit_slots(&slots, &mut at, span, env.progress))??;
            let Some(turn) = turn else {
                clean_runs(f, memory, table, Span { first: from, last: span.last });
                return Ok(());
            };
            clean_runs(f, memory, table, Span { first: from, last: at });
            let below = Span { first: at, last: slot_last::<L>(f, at).min(span.last) };
            match turn {
                Turn::Below(w) => {
                    let child = Table::below::<L>(f, w);
                    self.commit(child, below, env)?;
                    self.unlink_emptied::<L, A, T>(table, w, below, env)?;
                }
                Turn::Unlink(w) => self.unlink_covered::<L, A, T>(table, w, at, env)?,
            }
            if below.last == span.last {
                return Ok(());
            }
            at = below.last + 1;
        }
    }

    /// Commits in a table that can only have leaves.
    #[inline]
    pub(crate) fn commit_leaves<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        span: Span,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let (f, shift) = (self.f, L::shift(self.f));
        let has_runs = L::leaf_sizes(f) != crate::Sizes::one(shift);
        let stretch = slots.stretch(index::<L>(f, span.first), index::<L>(f, span.last));
        // The plan has seen that there are no holes, and only in shared memory may somebody have made one.
        let all = self.refuse_holes && !M::SHARED;
        let Some((first, last)) = self.edit.change_all(f, &stretch, self.live, all)? else { return Ok(()) };
        let position = |number: usize| span.first + ((number as u64) << shift);
        let mut changed = Span { first: position(first), last: position(last) | low(shift) };
        if has_runs {
            // All of a run is one translation, even if not all of its words have been changed.
            let run = low(L::leaf_sizes(f).largest_up_to(63).unwrap_or(shift));
            changed = Span { first: (changed.first & !run).max(span.first), last: (changed.last | run).min(span.last) };
        }
        progress.touched.leaves::<L>(f, changed);
        Ok(())
    }

    /// Commits in a table that can have tables below, from `at` to the next slot that has to do with another table.
    fn commit_slots<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        at: &mut u64,
        span: Span,
        progress: &mut Progress,
    ) -> Result<Option<Turn<L>>, Error> {
        let f = self.f;
        loop {
            let end = slot_last::<L>(f, *at);
            let is_covered = *at & low(L::shift(f)) == 0 && end <= span.last;
            let w = read_unlocked::<L>(&self.target, slots, *at);
            if L::is_table(f, w) {
                let goes = is_covered && self.unlink && !is_pinned::<L>(f, w);
                return Ok(Some(if goes { Turn::Unlink(w) } else { Turn::Below(w) }));
            } else if is_covered && self.edit.change_one(f, &slots.slot(index::<L>(f, *at)), self.live)? {
                progress.touched.leaves::<L>(f, Span { first: *at, last: end });
            }
            if end >= span.last {
                return Ok(None);
            }
            *at = end + 1;
        }
    }

    /// Whether the leaf word `w` has to be changed.
    #[inline(always)]
    pub(crate) fn changes<L: Level<Format = F>>(&self, w: WordOf<L>) -> Result<bool, Error> {
        let f = self.f;
        if let Some(most) = self.edit.most() {
            return Ok(L::leaf_lg2(f, w) > most);
        }
        Ok(E::CLEARS || E::PUTS_ABSENT || E::put::<L>(f, self.edit.change::<L>(f, w)?) != E::keep::<L>(f, w))
    }
}
