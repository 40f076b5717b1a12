//! Splitting the leaves at the ends of a range before anything else is changed.
//!
//! A live leaf of which a part is to say something else is first replaced by parts that say what it said, and flushed.
//! Otherwise a TLB could hold the leaf and beside it the part that differs. There are two such leaves at most, and one
//! flush covers both, whatever the number of tables between a leaf and its parts. Where a leaf must go through absent to
//! change its size, it is flushed then, and its parts are linked as they are to be.

use crate::clean::clean_slots;
use crate::edit::{Edit, Leaf};
use crate::error::Error;
use crate::flush::Tlb;
use crate::format::{Format, Level, WordOf};
use crate::frames::Frames;
use crate::job::{Ends, Env, Job};
use crate::lock::{locked, read_unlocked};
use crate::memory::Memory;
use crate::pieces::fill;
use crate::progress::{Progress, Touched};
use crate::span::{Span, index};
use crate::split::{By, Fate, slot_of_run, with_records_of};
use crate::table::Table;

impl<F: Format, M: Memory, E: Edit<F>> Job<'_, F, M, E> {
    /// Splits what has been planned to be split, and flushes it.
    pub(crate) fn split_ends<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        root: Table<L>,
        span: Span,
        env: &mut Env<'_, A, T>,
    ) -> Result<(), Error> {
        let mut progress = Progress::NOTHING;
        for at in [span.first, span.last] {
            self.split_end(root, at, span, env, &mut progress)?;
        }
        if let Some(request) = progress.touched.request(self.f, self.target.reach, false) {
            env.tlb.flush(&request);
        }
        Ok(())
    }

    /// Splits the leaf of `at` if it is partly in `span`. `progress` has what is to be flushed.
    fn split_end<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        at: u64,
        span: Span,
        env: &mut Env<'_, A, T>,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        if L::IS_FLOOR {
            return Ok(());
        }
        let (f, memory) = (self.f, self.memory);
        loop {
            let w = table.open(f, memory, |slots| read_unlocked::<L>(&self.target, &slots, at))?;
            let Some(word) = E::sees::<L>(f, w) else {
                if L::is_table(f, w) {
                    return self.split_end(Table::below::<L>(f, w), at, span, env, progress);
                }
                return Ok(());
            };
            let leaf = Leaf::of::<L>(f, word, at);
            if leaf.is_within(span) || !env.split.has(leaf.span) || !self.changes::<L>(word)? {
                return Ok(());
            }
            let is_run = leaf.size_lg2 > L::shift(f);
            match self.ends {
                Ends::Break if is_run => return self.break_run::<L, A, T>(table, leaf, span, env),
                Ends::Break => self.break_slot::<L, A, T>(table, leaf, span, env)?,
                _ if is_run => {
                    table.open(f, memory, |slots| self.take_apart::<L>(&slots, leaf, span, progress))??;
                    clean_slots(f, memory, table, leaf.span);
                }
                Ends::Instruction => {
                    self.split_slot::<L, A, T>(table, leaf, leaf.part(span), (true, By::Instruction), env)?;
                }
                Ends::AtOnce | Ends::Before => {
                    if self.split_slot::<L, A, T>(table, leaf, leaf.part(span), (false, By::Store), env)? {
                        progress.touched.size::<L>(f, leaf.span);
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Splits a leaf of one slot by way of absent.
    fn break_slot<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        mut leaf: Leaf<WordOf<L>>,
        span: Span,
        env: &mut Env<'_, A, T>,
    ) -> Result<(), Error> {
        let (f, memory, number) = (self.f, self.memory, index::<L>(self.f, leaf.span.first));
        let is_alone = self.target.owns(leaf.span);
        let held = loop {
            let held = match locked::<L>(f) {
                Some(locked) if !is_alone => locked,
                _ => L::held(f, leaf.word),
            };
            match table.open(f, memory, |slots| slots.exchange(number, leaf.word, held))? {
                Ok(()) => break held,
                Err(now) => match E::sees::<L>(f, now) {
                    Some(word) if L::leaf_lg2(f, word) == leaf.size_lg2 => leaf.word = word,
                    // Somebody else has split it.
                    _ => return Ok(()),
                },
            }
        };
        clean_slots(f, memory, table, leaf.span);
        self.flush_broken::<L, T>(leaf.span, env.tlb);
        match self.split_slot::<L, A, T>(table, leaf, leaf.part(span), (true, By::Held(held)), env) {
            Ok(_) => Ok(()),
            Err(error) => {
                table.open(f, memory, |slots| slots.link(number, leaf.word))?;
                clean_slots(f, memory, table, leaf.span);
                Err(error)
            }
        }
    }

    /// Takes a run apart by way of absent: all of it is absent before any of it is something else.
    fn break_run<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        mut leaf: Leaf<WordOf<L>>,
        span: Span,
        env: &mut Env<'_, A, T>,
    ) -> Result<(), Error> {
        let (f, memory) = (self.f, self.memory);
        table.open(f, memory, |slots| {
            let run = slots.stretch(index::<L>(f, leaf.span.first), index::<L>(f, leaf.span.last));
            for slot in run.iter() {
                let mut raw = slot.get();
                while let Err(now) = slot.replace_if(raw, L::empty(f), true) {
                    raw = now;
                }
                if let Some(word) = E::sees::<L>(f, raw) {
                    leaf.word = with_records_of::<L>(f, leaf.word, word);
                }
            }
        })?;
        clean_slots(f, memory, table, leaf.span);
        self.flush_broken::<L, T>(leaf.span, env.tlb);
        for part in self.parts_of_run::<L>(&leaf, leaf.part(span)) {
            match part.fate {
                Fate::Split => {
                    let slot = slot_of_run::<L>(f, &leaf, L::resize(f, leaf.word, L::shift(f))?, part.span);
                    let by = By::Held(L::empty(f));
                    self.split_slot::<L, A, T>(table, slot, slot.part(span), (true, by), env)?;
                }
                Fate::Changed if E::CLEARS => {}
                Fate::Changed | Fate::Kept => table.open(f, memory, |slots| {
                    self.pieces_of_run::<L>(&leaf, part.span, part.sizes, |span, (template, size), oa| {
                        if part.fate == Fate::Changed {
                            let template = self.edit.change::<L>(f, template)?;
                            fill(f, &slots, span, (template, size), oa, |w| E::put::<L>(f, w));
                        } else {
                            fill(f, &slots, span, (template, size), oa, |w| E::keep::<L>(f, w));
                        }
                        Ok(())
                    })
                })??,
            }
        }
        clean_slots(f, memory, table, leaf.span);
        Ok(())
    }

    /// Flushes leaves of level `L` that have been made absent.
    pub(crate) fn flush_broken<L: Level<Format = F>, T: Tlb>(&self, span: Span, tlb: &mut T) {
        let mut touched = Touched::NOTHING;
        touched.leaves::<L>(self.f, span);
        if let Some(request) = touched.request(self.f, self.target.reach, false) {
            tlb.flush(&request);
        }
    }
}
