//! Changing leaves that are live, where a store and a flush will not do: by way of absent, or by an instruction.
//!
//! Of what goes through absent, a whole stretch of a table does so at once, with one flush.

use crate::engine::broken::{BATCH, Broken};
use crate::engine::clean::clean_slots;
use crate::engine::edit::{Edit, Leaf};
use crate::engine::exchange::exchange_of;
use crate::engine::job::{Env, Job};
use crate::engine::lock::read_unlocked;
use crate::engine::ownership::is_pinned;
use crate::engine::progress::Touched;
use crate::engine::unlink::slot_of;
use crate::error::Error;
use crate::flush::Tlb;
use crate::format::{ChangeKind, Format, Level, Way, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::tables::span::{Span, index, low, slot_last};
use crate::tables::table::{Slots, Table};
use crate::tables::word::Word;

impl<F: Format, M: Memory, E: Edit<F>> Job<'_, F, M, E> {
    /// Makes the change, leaf by leaf or stretch by stretch.
    pub(crate) fn commit_carefully<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        span: Span,
        env: &mut Env<'_, A, T>,
    ) -> Result<(), Error> {
        if L::IS_FLOOR {
            return Ok(());
        }
        let (f, memory) = (self.f, self.memory);
        let mut at = span.first;
        loop {
            let mut end = slot_last::<L>(f, at).min(span.last);
            let w = table.open(f, memory, |slots| read_unlocked::<L>(&self.target, &slots, at))?;
            let is_covered = slot_of::<L>(f, at) == Span { first: at, last: end };
            if L::is_table(f, w) {
                if is_covered && self.unlink && !is_pinned::<L>(f, w) {
                    self.unlink_covered::<L, A, T>(table, w, at, env)?;
                } else {
                    let below = Span { first: at, last: end };
                    self.commit_carefully(Table::below::<L>(f, w), below, env)?;
                    self.unlink_emptied::<L, A, T>(table, w, below, env)?;
                }
            } else if is_covered && self.way == Way::Break {
                end = self.break_stretch(table, Span { first: at, last: span.last }, env)?;
            } else if is_covered {
                self.exchange_slot::<L, T>(table, at, w, env.tlb)?;
            }
            if end == span.last {
                return Ok(());
            }
            at = end + 1;
        }
    }

    /// Changes what is in the slot of `at`, which holds `w`, by the instruction.
    fn exchange_slot<L: Level<Format = F>, T: Tlb>(
        &self,
        table: Table<L>,
        at: u64,
        mut w: WordOf<L>,
        tlb: &mut T,
    ) -> Result<(), Error> {
        let f = self.f;
        loop {
            let new = match E::sees::<L>(f, w) {
                Some(_) if E::CLEARS => L::empty(f),
                Some(word) => E::put::<L>(f, self.edit.change::<L>(f, word)?),
                None if E::CLEARS && !L::is_empty(f, w) => {
                    table.open(f, self.memory, |slots| slots.set(index::<L>(f, at), L::empty(f)))?;
                    clean_slots(f, self.memory, table, slot_of::<L>(f, at));
                    return Ok(());
                }
                None => return Ok(()),
            };
            if new == w {
                return Ok(());
            }
            match tlb.exchange(&exchange_of::<L>(f, table, at, w, new)) {
                Ok(()) => return Ok(()),
                Err(now) => w = WordOf::<L>::truncate(now),
            }
        }
    }

    /// Changes leaves in `span` by way of absent, as many from its start on as go at once. Returns the last position that
    /// was treated.
    fn break_stretch<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        span: Span,
        env: &mut Env<'_, A, T>,
    ) -> Result<u64, Error> {
        let (f, memory, shift) = (self.f, self.memory, L::shift(self.f));
        // The last slot that is wholly in the span.
        let last = index::<L>(f, if span.last & low(shift) == low(shift) { span.last } else { span.last - low(shift) });
        let first = index::<L>(f, span.first);
        let mut broken = Broken::NONE;
        let count =
            table.open(f, memory, |slots| self.make_absent::<L>(&slots.stretch(first, last), span, &mut broken))??;
        let position = |number: usize| span.first + ((number as u64) << shift);
        let treated = Span { first: span.first, last: position(count) - 1 };
        if let Some((first_broken, last_broken)) = broken.ends() {
            clean_slots(f, memory, table, treated);
            let changed = Span { first: position(first_broken), last: position(last_broken) | low(shift) };
            self.flush_broken::<L, T>(changed, env.tlb);
            table.open(f, memory, |slots| self.make_present::<L>(&slots.stretch(first, last), &broken))?;
            clean_slots(f, memory, table, treated);
            if f.way(ChangeKind::Fill) != Way::Lazy {
                env.progress.touched.leaves::<L>(f, changed);
            }
        }
        Ok(treated.last)
    }

    /// Flushes leaves of level `L` that have been made absent.
    pub(crate) fn flush_broken<L: Level<Format = F>, T: Tlb>(&self, span: Span, tlb: &mut T) {
        let mut touched = Touched::NOTHING;
        touched.leaves::<L>(self.f, span);
        if let Some(request) = touched.request(self.f, self.target.reach, false) {
            tlb.flush(&request);
        }
    }

    /// Makes leaves among `slots` absent that have to be changed, from the first one on. Returns how many slots were
    /// looked at: one at least, and no part of a run without the rest of it, or its slots would differ when they are back.
    fn make_absent<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        span: Span,
        broken: &mut Broken<WordOf<L>>,
    ) -> Result<usize, Error> {
        let f = self.f;
        for (number, slot) in slots.iter().enumerate().take(BATCH) {
            let at = span.first + ((number as u64) << L::shift(f));
            let mut w = slot.get();
            while let Some(word) = E::sees::<L>(f, w)
                && let leaf = Leaf::of::<L>(f, word, at)
                && leaf.is_within(span)
                && self.changes::<L>(word)?
            {
                let left = ((leaf.span.last - at) >> L::shift(f)) as usize + 1;
                if !broken.has_room(number, left) {
                    return Ok(number);
                }
                let Some(absent) = broken.word_for::<L>(f, w, None) else { return Ok(number) };
                match slot.replace_if(w, absent, true) {
                    Ok(()) => {
                        broken.add::<L>(f, number, w, absent);
                        break;
                    }
                    Err(now) => w = now,
                }
            }
            if L::is_table(f, w) {
                return Ok(number.max(1));
            }
        }
        Ok(slots.len().min(BATCH))
    }

    /// Writes what becomes of the leaves that have been made absent.
    fn make_present<L: Level<Format = F>>(&self, slots: &Slots<'_, L>, broken: &Broken<WordOf<L>>) {
        let f = self.f;
        let mut nth = 0;
        for (number, slot) in slots.iter().enumerate().take(BATCH) {
            if !broken.has(number) {
                continue;
            }
            let old = broken.word::<L>(f, slot.get(), nth);
            nth += 1;
            // The plan has seen that the change can be said; if it cannot, the leaf is what it was.
            let changed = E::sees::<L>(f, old).and_then(|w| self.edit.change::<L>(f, w).ok());
            slot.set(changed.map_or(old, |w| E::put::<L>(f, w)));
        }
    }
}
