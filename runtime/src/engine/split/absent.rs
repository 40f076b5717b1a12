//! Splitting leaves that must not change their size in place: they go through absent, a batch of them with one flush.
//!
//! Where the format has a word for that, a leaf stays in its slot meanwhile, as one that no TLB keeps.

use super::cuts::Fate;
use super::link::By;
use crate::engine::broken::{BATCH, Broken};
use crate::engine::clean::clean_slots;
use crate::engine::edit::{Edit, Leaf};
use crate::engine::job::{Env, Job};
use crate::engine::lock::{locked, read_unlocked};
use crate::engine::pieces::fill_leaf;
use crate::engine::records::Recording;
use crate::error::Error;
use crate::flush::Tlb;
use crate::format::{ChangeKind, Format, Level, Way, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::tables::span::{Span, index, slot_last};
use crate::tables::table::{Slots, Table};

/// Leaves of one table that are split together.
struct Held<W> {
    broken: Broken<W>,
    /// Where the first of them starts: the first slot of the stretch.
    first: u64,
    /// What they translate, from the first to the last.
    hull: Span,
}

/// What has become of a leaf that was to be held.
enum Taken {
    /// It is.
    Held,
    /// There is no room for what it was.
    NoRoom,
    /// There is something else now.
    Changed,
}

impl<F: Format, M: Memory, E: Edit<F>> Job<'_, F, M, E> {
    /// Splits leaves of a table by way of absent, for their parts in `span`: `leaf`, and those behind it, up to `last`, as
    /// many as go at once. Returns where to go on, if that is not behind the last address.
    pub(super) fn split_by_absent<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        leaf: &Leaf<WordOf<L>>,
        (last, span): (u64, Span),
        env: &mut Env<'_, A, T>,
    ) -> Result<Option<u64>, Error> {
        let (f, memory, shift) = (self.f, self.memory, L::shift(self.f));
        let mut held = Held { broken: Broken::NONE, first: leaf.span.first, hull: leaf.span };
        let next = table.open(f, memory, |slots| self.hold(&slots, &mut held, (last, span), env))??;
        if held.broken.ends().is_none() {
            return Ok(next);
        }
        clean_slots(f, memory, table, held.hull);
        self.flush_broken::<L, T>(held.hull, env.tlb);
        let mut result = Ok(());
        for (nth, number) in held.broken.numbers() {
            let at = held.first + ((number as u64) << shift);
            let now = table.read(f, memory, at)?;
            let mut leaf = Leaf::of::<L>(f, held.broken.word::<L>(f, now, nth), at);
            if L::is_leaf(f, now) {
                leaf.word = Recording::of_machine::<L>(f).merge(leaf.word, now);
            }
            if result.is_ok() {
                result = self.end_of_absence::<L, A, T>(table, leaf, (now, span), env);
            } else {
                self.put_back(table, &leaf)?;
            }
        }
        clean_slots(f, memory, table, held.hull);
        result.map(|()| next)
    }

    /// Holds what has to be split, from the start of `held` on, until there is no room for more. Returns where to go on, if
    /// that is not behind the last address.
    fn hold<L: Level<Format = F>, A, T>(
        &self,
        slots: &Slots<'_, L>,
        held: &mut Held<WordOf<L>>,
        (last, span): (u64, Span),
        env: &Env<'_, A, T>,
    ) -> Result<Option<u64>, Error> {
        let (f, shift) = (self.f, L::shift(self.f));
        let mut at = held.first;
        loop {
            let number = ((at - held.first) >> shift) as usize;
            let w = read_unlocked::<L>(&self.target, slots, at);
            if number >= BATCH || L::is_table(f, w) {
                return Ok(Some(at));
            }
            let mut end = slot_last::<L>(f, at);
            if let Some(leaf) = self.has_to_be_split::<L>(w, at, span, &env.split)? {
                match self.hold_leaf(slots, &leaf, number, &mut held.broken) {
                    Taken::Held => {}
                    Taken::NoRoom => return Ok(Some(at)),
                    Taken::Changed => continue,
                }
                held.hull.last = leaf.span.last;
                end = leaf.span.last;
            }
            if end >= last {
                return Ok(None);
            }
            at = end + 1;
        }
    }

    /// Holds one leaf.
    fn hold_leaf<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        leaf: &Leaf<WordOf<L>>,
        number: usize,
        broken: &mut Broken<WordOf<L>>,
    ) -> Taken {
        let f = self.f;
        let (first, last) = (index::<L>(f, leaf.span.first), index::<L>(f, leaf.span.last));
        if first < last {
            if broken.word_for::<L>(f, leaf.word, None).is_none() {
                return Taken::NoRoom;
            }
            broken.take_run(f, &slots.stretch(first, last), number, leaf.word);
            return Taken::Held;
        }
        let held = L::held(f, leaf.word);
        // Whoever shares it waits.
        let locked = if self.target.owns(leaf.span) { None } else { locked::<L>(f) };
        let wanted = locked.or((held != L::empty(f)).then_some(held));
        let Some(now) = broken.word_for::<L>(f, leaf.word, wanted) else { return Taken::NoRoom };
        if slots.exchange(first, leaf.word, now).is_err() {
            return Taken::Changed;
        }
        broken.add::<L>(f, number, leaf.word, now);
        Taken::Held
    }

    /// Writes what becomes of a leaf that is gone: its first slot holds `now`.
    fn end_of_absence<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        leaf: Leaf<WordOf<L>>,
        (now, span): (WordOf<L>, Span),
        env: &mut Env<'_, A, T>,
    ) -> Result<(), Error> {
        let f = self.f;
        if f.way(ChangeKind::Fill) != Way::Lazy {
            env.progress.touched.subtree::<L>(f, leaf.span);
        }
        if leaf.size_lg2 > L::shift(f) {
            return self.run_from_absent(table, &leaf, span, env);
        }
        let split = self.split_slot::<L, A, T>(table, leaf, leaf.part(span), (true, By::Held(now)), env);
        if split.is_err() {
            self.put_back(table, &leaf)?;
        }
        split.map(drop)
    }

    /// Writes what becomes of a run that is gone.
    fn run_from_absent<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        table: Table<L>,
        leaf: &Leaf<WordOf<L>>,
        span: Span,
        env: &mut Env<'_, A, T>,
    ) -> Result<(), Error> {
        let (f, memory, cuts) = (self.f, self.memory, self.cuts::<L>(leaf, leaf.part(span)));
        table.open(f, memory, |slots| {
            let is_written = |fate| fate == Fate::Kept || fate == Fate::Changed && !E::CLEARS;
            if !cuts.stretches().next().is_some_and(|stretch| is_written(stretch.fate)) {
                slots.set(index::<L>(f, leaf.span.first), L::empty(f));
            }
            cuts.stretches().try_for_each(|stretch| self.write_stretch(&slots, leaf, stretch))
        })??;
        let mut result = Ok(());
        for slot in cuts.slots() {
            let slot = self.slot_of_run::<L>(leaf, slot)?;
            if result.is_ok() {
                let by = By::Held(L::empty(f));
                result = self.split_slot::<L, A, T>(table, slot, slot.part(span), (true, by), env).map(drop);
            }
            if result.is_err() {
                self.put_back(table, &slot)?;
            }
        }
        result
    }

    /// Writes a leaf that is gone as it was.
    fn put_back<L: Level<Format = F>>(&self, table: Table<L>, leaf: &Leaf<WordOf<L>>) -> Result<(), Error> {
        let f = self.f;
        table.open(f, self.memory, |slots| fill_leaf(f, &slots, leaf, |w| E::keep::<L>(f, w)))??;
        Ok(())
    }
}
