//! Mapping a leaf where there are tables that hold nothing any more.
//!
//! Tables that were kept when their leaves went must not keep larger leaves from being mapped there. Nothing is
//! translated meanwhile, so that nobody can depend on it, and the slots may go through absent in any table.

use super::{Env, Job};
use crate::engine::clean::clean_slots;
use crate::engine::exchange::exchange_table;
use crate::engine::progress::Touched;
use crate::engine::unlink::slot_of;
use crate::error::Error;
use crate::flush::Tlb;
use crate::format::{ChangeKind, Format, Level, Way, WordOf};
use crate::memory::Memory;
use crate::tables::span::{Span, index};
use crate::tables::table::{Slots, Table};

impl<F: Format, M: Memory> Job<'_, F, M> {
    /// Whether the tables below the slots for `span` hold nothing but tables that hold nothing, and may all go.
    pub(super) fn are_vacant<L: Level<Format = F>>(&self, table: Table<L>, span: Span) -> Result<bool, Error> {
        let f = self.f;
        let mut at = span.first;
        loop {
            let w = table.read(f, self.memory, at)?;
            let goes = super::may_go::<L>(f, w) && self.is_vacant(Table::below::<L>(f, w))?;
            if !goes && !L::is_empty(f, w) {
                return Ok(false);
            }
            let slot = slot_of::<L>(f, at);
            if slot.last >= span.last {
                return Ok(true);
            }
            at = slot.last + 1;
        }
    }

    /// Whether a table holds nothing but tables that hold nothing, and may all go.
    fn is_vacant<L: Level<Format = F>>(&self, table: Table<L>) -> Result<bool, Error> {
        let f = self.f;
        if L::IS_FLOOR {
            return Ok(true);
        }
        let mut from = 0;
        loop {
            let found = table.open(f, self.memory, |slots: Slots<'_, L>| {
                let number = slots.stretch(from, slots.len() - 1).find(|w| !L::is_empty(f, w))?;
                Some((from + number, slots.get_acquire(from + number), from + number + 1 == slots.len()))
            })?;
            let Some((number, w, is_last)) = found else { return Ok(true) };
            if !super::may_go::<L>(f, w) || !self.is_vacant(Table::below::<L>(f, w))? {
                return Ok(false);
            }
            if is_last {
                return Ok(true);
            }
            from = number + 1;
        }
    }

    /// Takes the tables below the slots for `run` out, which hold nothing, and writes a leaf of `2^size` bytes.
    pub(super) fn replace<L: Level<Format = F>, T: Tlb>(
        &self,
        table: Table<L>,
        run: Span,
        size: u32,
        env: &mut Env<'_, T>,
    ) -> Result<(), Error> {
        let (f, memory) = (self.f, self.memory);
        let mut at = run.first;
        loop {
            let w = table.read(f, memory, at)?;
            if L::is_table(f, w) {
                self.take_out(table, at, w, env)?;
                env.progress.garbage.add(f, memory, Table::below::<L>(f, w))?;
            }
            let slot = slot_of::<L>(f, at);
            if slot.last >= run.last {
                break;
            }
            at = slot.last + 1;
        }
        clean_slots(f, memory, table, run);
        if !self.unlinks_by_instruction() {
            let breaks = [ChangeKind::Size, ChangeKind::Unlink].into_iter().any(|kind| f.way(kind) >= Way::Instruction);
            let mut touched = Touched::NOTHING;
            touched.emptied(run);
            if !breaks {
                env.progress.touched.emptied(run);
            } else if let Some(request) = touched.request(f, self.target.reach, false) {
                env.tlb.flush(&request);
            }
        }
        table.open(f, memory, |slots| self.fill_leaf(&slots, run, size))?
    }

    /// Empties the slot of `at`, which holds the table word `w`.
    fn take_out<L: Level<Format = F>, T: Tlb>(
        &self,
        table: Table<L>,
        at: u64,
        w: WordOf<L>,
        env: &mut Env<'_, T>,
    ) -> Result<(), Error> {
        let f = self.f;
        if !self.unlinks_by_instruction() {
            table.open(f, self.memory, |slots| slots.set(index::<L>(f, at), L::empty(f)))?;
            return Ok(());
        }
        exchange_table(f, (table, at), w, L::empty(f), ChangeKind::Unlink, env.tlb)
    }
}
