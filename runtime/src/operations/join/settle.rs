//! What is done about joined tables when it is known that nobody uses them any more.

use super::{Ask, Job, index};
use crate::address::{Oa, VaRange};
use crate::engine::clean::clean_slots;
use crate::engine::records::Recording;
use crate::error::Error;
use crate::flush::Tlb;
use crate::format::{ChangeKind, Format, Level, RootVisitor, Sizes, Way, WordOf};
use crate::memory::Memory;
use crate::reading::translate::Mapping;
use crate::tables::span::{Span, all_sizes, va_range};
use crate::tables::table::{Table, is_settled};

/// For how many tables one flush is enough.
const MOST: usize = 32;

/// A table that has been unlinked, and what was linked instead.
#[derive(Clone, Copy)]
pub(super) struct Pending<W> {
    /// The table in whose slot it was, and its level.
    pub(super) table: Oa,
    pub(super) level: u8,
    /// What the slot translates.
    pub(super) slot: Span,
    /// The word that pointed to it.
    pub(super) word: W,
    /// What its slot holds.
    pub(super) slot_has: Has<W>,
}

/// What a slot holds between the unlinking of a table and the flush.
#[derive(Clone, Copy)]
pub(super) enum Has<W> {
    /// The leaf.
    Leaf,
    /// Nothing.
    Nothing,
    /// A word that translates what this leaf does, and that no TLB keeps.
    Held(W),
}

/// Tables that have been unlinked since the last flush.
pub(super) struct Batch<F: Format> {
    tables: [Option<Pending<F::Word>>; MOST],
    count: usize,
    /// What has to be flushed for them.
    range: Option<VaRange>,
    sizes: Sizes,
}

impl<F: Format> Default for Batch<F> {
    fn default() -> Self {
        Self { tables: [None; MOST], count: 0, range: None, sizes: Sizes(0) }
    }
}

impl<F: Format> Batch<F> {
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) const fn is_full(&self) -> bool {
        self.count == MOST
    }

    /// Adds a table, if it is not full.
    pub(super) fn push(&mut self, pending: Pending<F::Word>, range: VaRange, sizes: Sizes) {
        if let Some(place) = self.tables.get_mut(self.count) {
            *place = Some(pending);
            self.count += 1;
            self.range = Some(self.range.map_or(range, |before| before.hull(range)));
            self.sizes = self.sizes.or(sizes);
        }
    }
}

impl<F: Format, M: Memory, T: Tlb, C: Ask<F>> Job<'_, F, M, T, C> {
    /// Flushes, and completes what is pending. All of it, even if something goes wrong.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        let Batch { tables, range, sizes, .. } = core::mem::take(&mut self.pending);
        let Some(range) = range else { return Ok(()) };
        let reach = self.target.reach;
        if reach.is_live() {
            self.tlb.flush(&reach.request(self.target.f, range, sizes, true));
        }
        // A table that becomes garbage is written to, and who still reads it would find nothing where there is something.
        self.tlb.wait_for_readers();
        // Only tables that have been looked at already are looked at again.
        self.memory.begin();
        self.memory.commit();
        let f = self.target.f;
        let mut result = Ok(());
        for pending in tables.into_iter().flatten() {
            result = result.and(f.root(Settle { job: &mut *self, pending }));
        }
        self.memory.begin();
        result
    }

    /// Completes what was done to one slot.
    fn settle_slot<L: Level<Format = F>>(&mut self, pending: &Pending<F::Word>) -> Result<(), Error> {
        let f = self.target.f;
        let Pending { slot, word, .. } = *pending;
        let table = Table::<L>::at(pending.table);
        match pending.slot_has {
            Has::Nothing if !self.fill_slot::<L>(table, pending)? => return Ok(()),
            Has::Leaf if self.target.reach.is_live() => self.keep_records::<L>(table, pending, None)?,
            Has::Held(leaf) => {
                self.keep_records::<L>(table, pending, Some(leaf))?;
                self.flush_filled(slot, L::leaf_sizes(f), false);
            }
            Has::Nothing | Has::Leaf => {}
        }
        Ok(self.garbage.add(f, self.memory, Table::below::<L>(f, word))?)
    }

    /// Writes the leaf into an empty slot, or the word that pointed to the table if there is none, or it is not wanted any
    /// more. Returns whether it is the leaf.
    fn fill_slot<L: Level<Format = F>>(
        &mut self,
        table: Table<L>,
        pending: &Pending<WordOf<L>>,
    ) -> Result<bool, Error> {
        let (f, Pending { slot, word, .. }) = (self.target.f, *pending);
        let leaf = self.whole::<L>(word, slot.first, self.policy.normalise);
        let wanted = leaf.unwrap_or(None).filter(|&leaf| {
            let leaf = Mapping::of::<L>(f, leaf, f.no_limits(), slot.first);
            self.ask.is_wanted(&leaf)
        });
        table.open(f, self.memory, |slots| slots.link(index::<L>(f, slot.first), wanted.unwrap_or(word)))?;
        clean_slots(f, self.memory, table, slot);
        // A link brings back all that is below it.
        let sizes = if wanted.is_some() { L::leaf_sizes(f) } else { all_sizes::<L>(f) };
        self.flush_filled(slot, sizes, wanted.is_none());
        leaf?;
        Ok(wanted.is_some())
    }

    /// Flushes what has been made of a slot, when the operation is done, if the format needs that after a leaf has appeared.
    fn flush_filled(&mut self, slot: Span, sizes: Sizes, tables: bool) {
        let f = self.target.f;
        if self.target.reach.is_live() && f.way(ChangeKind::Fill) != Way::Lazy {
            self.flush_later(va_range(f, slot.first, slot.last), sizes, tables);
        }
    }

    /// Records in the leaf what has been recorded in the words of the table that it replaced. If the slot is held for
    /// `leaf`, writes that.
    fn keep_records<L: Level<Format = F>>(
        &self,
        table: Table<L>,
        pending: &Pending<WordOf<L>>,
        leaf: Option<WordOf<L>>,
    ) -> Result<(), Error> {
        let (f, recording) = (self.target.f, Recording::of_machine::<L>(self.target.f));
        let number = index::<L>(f, pending.slot.first);
        if leaf.is_none() && is_settled::<L>(f, table.open(f, self.memory, |slots| slots.get(number))?) {
            return Ok(());
        }
        // If it cannot be said what was recorded, all is taken to be: that loses nothing.
        let all = self.whole::<L>(pending.word, pending.slot.first, true).unwrap_or(None);
        table.open(f, self.memory, |slots| {
            let slot = slots.slot(number);
            slot.update(slot.get(), |now| {
                let w = leaf.map_or(now, |leaf| recording.merge(leaf, now));
                all.map_or(recording.all(w), |all| recording.merge(w, all))
            });
        })?;
        clean_slots(f, self.memory, table, pending.slot);
        Ok(())
    }
}

/// Completes what is pending at its level.
struct Settle<'j, 'a, F: Format, M, T, C> {
    job: &'j mut Job<'a, F, M, T, C>,
    pending: Pending<F::Word>,
}

impl<F: Format, M: Memory, T: Tlb, C: Ask<F>> RootVisitor<F> for Settle<'_, '_, F, M, T, C> {
    type Output = Result<(), Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        if L::IS_FLOOR {
            return Ok(());
        }
        if L::NUMBER != self.pending.level {
            return self.visit::<L::Below>();
        }
        self.job.settle_slot::<L>(&self.pending)
    }
}
