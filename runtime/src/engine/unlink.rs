//! Taking tables out of the tree.
//!
//! What is unlinked becomes garbage, which is given back after a flush. A pinned table stays. A foreign one, which is
//! another root's as well, is not looked into: its link is taken out and flushed at once, and then it has one owner less.

use crate::engine::clean::clean_slots;
use crate::engine::edit::Edit;
use crate::engine::exchange::exchange_table;
use crate::engine::job::{Env, Job};
use crate::engine::ownership::{is_foreign, is_pinned};
use crate::engine::progress::{Progress, Touched};
use crate::error::Error;
use crate::flush::Tlb;
use crate::format::{ChangeKind, Format, Level, Way, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::tables::span::{Span, index, low, slot_last};
use crate::tables::table::{Slots, Table};

impl<F: Format, M: Memory, E: Edit<F>> Job<'_, F, M, E> {
    /// Unlinks the table below `w`, all of whose slots are in the range, with what is in it.
    pub(crate) fn unlink_covered<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        w: WordOf<L>,
        at: u64,
        env: &mut Env<'_, A, T>,
    ) -> Result<(), Error> {
        let (f, child) = (self.f, Table::below::<L>(self.f, w));
        let span = slot_of::<L>(f, at);
        let is_purged = self.take_out::<L, A, T>(table, w, at, env)?;
        if !is_foreign::<L>(f, w) {
            if !is_purged {
                env.progress.touched.subtree::<L::Below>(f, span);
            }
            return Ok(env.progress.garbage.add(f, self.memory, child)?);
        }
        // Once this owner is counted out, another one may give the table back.
        let mut touched = Touched::NOTHING;
        touched.subtree::<L::Below>(f, span);
        if let Some(request) = touched.request(f, self.target.reach, false) {
            env.tlb.flush(&request);
            env.tlb.wait_for_readers();
        }
        if env.frames.unshare(child.address()) {
            env.progress.garbage.add(f, self.memory, child)?;
        }
        Ok(())
    }

    /// Unlinks the table below `w` if it holds nothing any more, where that is wanted. `span` of it was changed.
    #[inline]
    pub(crate) fn unlink_emptied<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        w: WordOf<L>,
        span: Span,
        env: &mut Env<'_, A, T>,
    ) -> Result<(), Error> {
        let (f, child) = (self.f, Table::below::<L>(self.f, w));
        if !self.unlink || !self.has_to_be_unlinked::<L>(w, child, span)? {
            return Ok(());
        }
        if !self.take_out::<L, A, T>(table, w, span.first, env)? {
            env.progress.touched.emptied(span);
        }
        Ok(env.progress.garbage.add(f, self.memory, child)?)
    }

    /// Whether the table `child` below `w` holds nothing any more and may go. `span` of it was changed.
    #[inline]
    pub(crate) fn has_to_be_unlinked<L: Level<Format = F>>(
        &self,
        w: WordOf<L>,
        child: Table<L::Below>,
        span: Span,
    ) -> Result<bool, Error> {
        let f = self.f;
        Ok(!is_pinned::<L>(f, w)
            && self.target.owns(slot_of::<L>(f, span.first))
            && child.open(f, self.memory, |slots| is_emptied(f, &slots, span))?)
    }

    /// Unlinks the empty table `child` by a store.
    pub(crate) fn unlink_by_store<L: Level<Format = F>>(
        &self,
        table: Table<L>,
        child: Table<L::Below>,
        span: Span,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let f = self.f;
        table.open(f, self.memory, |slots| slots.set(index::<L>(f, span.first), L::empty(f)))?;
        clean_slots(f, self.memory, table, slot_of::<L>(f, span.first));
        progress.touched.emptied(span);
        Ok(progress.garbage.add(f, self.memory, child)?)
    }

    /// Empties the slot of `at`, which holds the table word `w`. Returns whether TLBs and walk caches have been purged of
    /// it already.
    fn take_out<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        w: WordOf<L>,
        at: u64,
        env: &mut Env<'_, A, T>,
    ) -> Result<bool, Error> {
        let f = self.f;
        if self.live && f.way(ChangeKind::Unlink) == Way::Instruction {
            exchange_table(f, (table, at), w, L::empty(f), ChangeKind::Unlink, env.tlb)?;
            return Ok(true);
        }
        table.open(f, self.memory, |slots| slots.set(index::<L>(f, at), L::empty(f)))?;
        clean_slots(f, self.memory, table, slot_of::<L>(f, at));
        Ok(false)
    }
}

/// The positions of the slot in which `at` is.
#[inline(always)]
pub(crate) fn slot_of<L: Level>(f: L::Format, at: u64) -> Span {
    Span { first: at & !low(L::shift(f)), last: slot_last::<L>(f, at) }
}

/// Whether all slots are empty, those for `span` last.
#[inline]
fn is_emptied<L: Level>(f: L::Format, slots: &Slots<'_, L>, span: Span) -> bool {
    let (first, last) = (index::<L>(f, span.first), index::<L>(f, span.last));
    let is_empty = |slot: usize| slot >= slots.len() || L::is_empty(f, slots.get(slot));
    // Neighbours are the likeliest to be left: ranges are often unmapped piece by piece.
    is_empty(last + 1) && (first == 0 || is_empty(first - 1)) && slots.find(|w| !L::is_empty(f, w)).is_none()
}
