//! Writing a mapping that has been planned.

use super::{Env, Job, Step, Turn};
use crate::engine::clean::clean_slots;
use crate::engine::pieces::fill;
use crate::engine::undo::take_down;
use crate::engine::unlink::slot_of;
use crate::error::Error;
use crate::flush::Tlb;
use crate::format::{Format, Level, WordOf};
use crate::memory::Memory;
use crate::tables::span::{Span, index, low, slot_last};
use crate::tables::table::{Slots, Table};

impl<F: Format, M: Memory> Job<'_, F, M> {
    /// Writes what has been planned.
    pub(super) fn commit<L: Level<Format = F>, T: Tlb>(
        &self,
        table: Table<L>,
        span: Span,
        env: &mut Env<'_, T>,
    ) -> Result<(), Error> {
        if L::IS_FLOOR {
            return Ok(());
        }
        let (f, memory) = (self.f, self.memory);
        let (mut at, mut most) = (span.first, 63);
        loop {
            let part = Span { first: at, last: span.last };
            let turn = table.open(f, memory, |slots| self.commit_slots(&slots, part, most))??;
            let Some(turn) = turn else {
                clean_slots(f, memory, table, part);
                return Ok(());
            };
            let below = match turn {
                Turn::Below(below, child) => {
                    self.commit(child, below, env)?;
                    below
                }
                Turn::New(below, seen) => {
                    if !self.install(table, below, seen, env)? {
                        // Somebody else was first: what is there now is looked at.
                        (at, most) = (below.first, 63);
                        continue;
                    }
                    below
                }
                Turn::Replace(run, size) => {
                    if !self.are_vacant(table, run)? {
                        (at, most) = (run.first, size - 1);
                        continue;
                    }
                    self.replace(table, run, size, env)?;
                    run
                }
            };
            clean_slots(f, memory, table, Span { first: at, last: below.last });
            if below.last == span.last {
                return Ok(());
            }
            (at, most) = (below.last + 1, 63);
        }
    }

    #[inline]
    fn commit_slots<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        Span { first: mut at, last }: Span,
        mut most: u32,
    ) -> Result<Option<Turn<L>>, Error> {
        let f = self.f;
        if !L::HAS_TABLES {
            self.note(self.sizes::<L>());
            return self.commit_leaves(slots, Span { first: at, last }).map(|()| None);
        }
        loop {
            let below = Span { first: at, last: slot_last::<L>(f, at).min(last) };
            match self.step(slots, at, last, most)? {
                Step::Leaf(size) => {
                    let end = at | low(size);
                    self.fill_leaf(slots, Span { first: at, last: end }, size)?;
                    if end == last {
                        return Ok(None);
                    }
                    (at, most) = (end + 1, 63);
                }
                Step::New(w) => return Ok(Some(Turn::New(below, w))),
                Step::Below(table) => return Ok(Some(Turn::Below(below, table))),
                Step::Replace(size) => return Ok(Some(Turn::Replace(Span { first: at, last: at | low(size) }, size))),
            }
        }
    }

    /// Writes one leaf of `2^size` bytes.
    pub(super) fn fill_leaf<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        span: Span,
        size: u32,
    ) -> Result<(), Error> {
        let template = self.template::<L>(size)?;
        self.note(crate::Sizes::one(size));
        fill(self.f, slots, span, (template, size), span.first.wrapping_add(self.delta), |w| w);
        Ok(())
    }

    /// Makes a table for `span` and links it from the slot there, which has been seen to hold `seen`. Returns whether it
    /// did: not if somebody else, who has another part of what the slot translates, has linked one.
    fn install<L: Level<Format = F>, T: Tlb>(
        &self,
        table: Table<L>,
        span: Span,
        seen: WordOf<L>,
        env: &mut Env<'_, T>,
    ) -> Result<bool, Error> {
        let (f, memory, number) = (self.f, self.memory, index::<L>(self.f, span.first));
        let child = self.build::<L::Below>(span, &mut env.reserve)?;
        let w = L::table(f, child.address().get());
        let linked = table.open(f, memory, |slots| {
            if self.target.owns(slot_of::<L>(f, span.first)) {
                slots.link(number, w);
                return Ok(());
            }
            slots.exchange(number, seen, w)
        })?;
        if linked.is_err() {
            take_down(f, memory, child, &mut env.reserve)?;
        }
        Ok(linked.is_ok())
    }
}
