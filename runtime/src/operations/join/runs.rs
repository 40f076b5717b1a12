//! Joining leaves of one table into runs.
//!
//! Where that goes by way of absent, runs that are near to each other go together, with one flush: what becomes of them is
//! kept until then.

use super::uniform::{Gather, Uniform};
use super::{Ask, Job};
use crate::engine::broken::{BATCH, Broken};
use crate::engine::clean::clean_slots;
use crate::engine::edit::Leaf;
use crate::engine::pieces::{fill, fill_leaf};
use crate::engine::records::Recording;
use crate::error::Error;
use crate::flush::Tlb;
use crate::format::{ChangeKind, Format, Level, Sizes, Way, WordOf};
use crate::memory::Memory;
use crate::tables::span::{Span, index, low, va, va_range};
use crate::tables::table::{Slots, Table};
use crate::tables::word::Word;

/// Runs of one table whose slots are empty.
struct Gone<W> {
    /// The words of the leaves that are to be made.
    broken: Broken<W>,
    /// What they translate, from the first to the last; none if there are none.
    hull: Option<Span>,
}

impl<W: Word> Gone<W> {
    const NONE: Self = Self { broken: Broken::NONE, hull: None };
}

impl<F: Format, M: Memory, T: Tlb, C: Ask<F>> Job<'_, F, M, T, C> {
    /// Makes runs of the leaves in `span` of a table.
    pub(super) fn runs<L: Level<Format = F>>(&mut self, table: Table<L>, span: Span) -> Result<(), Error> {
        let (f, shift) = (self.target.f, L::shift(self.target.f));
        let most = self.policy.up_to.min(shift + L::index_bits(f));
        let sizes = Sizes(L::leaf_sizes(f).up_to(most).0 & !low(shift + 1));
        let takes_instruction = self.target.reach.is_live() && f.way(ChangeKind::Size) == Way::Instruction;
        let Some(size) = sizes.largest_up_to(63) else { return Ok(()) };
        if C::ASKS || takes_instruction {
            return Ok(());
        }
        // A leaf that is to be part of a run has to stand in its slot, and be alone there.
        self.settle()?;
        let mut gone = Gone::NONE;
        let result = self.groups(table, span, (size, sizes), &mut gone);
        self.bring_back(table, &mut gone)?;
        result
    }

    /// Makes runs of `2^size` bytes and less of the leaves in `span`.
    fn groups<L: Level<Format = F>>(
        &mut self,
        table: Table<L>,
        span: Span,
        (size, sizes): (u32, Sizes),
        gone: &mut Gone<WordOf<L>>,
    ) -> Result<(), Error> {
        let mut first = span.first & !low(size);
        loop {
            let group = Span { first, last: first | low(size) };
            if !self.group(table, group, size, gone)?
                && let Some(smaller) = sizes.largest_up_to(size - 1)
            {
                let part = Span { first: first.max(span.first), last: group.last.min(span.last) };
                self.groups(table, part, (smaller, sizes), gone)?;
            }
            if group.last >= span.last {
                return Ok(());
            }
            first = group.last + 1;
        }
    }

    /// Makes one run of all that is in `group`, if that can be. Returns whether it is one.
    fn group<L: Level<Format = F>>(
        &mut self,
        table: Table<L>,
        group: Span,
        size: u32,
        gone: &mut Gone<WordOf<L>>,
    ) -> Result<bool, Error> {
        let (f, reach) = (self.target.f, self.target.reach);
        if !self.target.owns(group) {
            return Ok(false);
        }
        let found = table.open(f, self.memory, |slots| self.look_at(&slots, group, size))?;
        let (template, oa) = match found {
            Found::Run => return Ok(true),
            Found::Nothing => return Ok(false),
            Found::Leaves(leaves) => match leaves.run::<L>(f, size) {
                Some(run) => run,
                None => return Ok(false),
            },
        };
        let breaks = reach.is_live() && f.way(ChangeKind::Size) == Way::Break;
        if breaks && !reach.may_break() {
            return Err(Error::BreakBeforeMake { va: va(f, group.first), kind: ChangeKind::Size });
        }
        if self.is_counted() {
            return Ok(true);
        }
        if breaks {
            self.break_group(table, Leaf { word: L::leaf(f, template, size, oa), span: group, size_lg2: size }, gone)?;
        } else {
            let live = reach.is_live();
            table.open(f, self.memory, |slots| {
                if live {
                    rewrite(f, &slots, group, (template, size), oa);
                } else {
                    fill(f, &slots, group, (template, size), oa, |w| w);
                }
            })?;
            if live {
                self.flush_later(va_range(f, group.first, group.last), L::leaf_sizes(f).up_to(size), false);
            }
        }
        clean_slots(f, self.memory, table, group);
        Ok(true)
    }

    /// What is in `group`.
    fn look_at<L: Level<Format = F>>(&self, slots: &Slots<'_, L>, group: Span, size: u32) -> Found<WordOf<L>> {
        let f = self.target.f;
        let veto = WordOf::<L>::truncate(self.policy.veto);
        let mut leaves = Gather::<L>::new(f, group.first, size, veto, self.policy.normalise);
        let (first, last) = (index::<L>(f, group.first), index::<L>(f, group.last));
        for (number, at) in (first..=last).zip((group.first..).step_by(1 << L::shift(f))) {
            let w = slots.get(number);
            if !L::is_leaf(f, w) {
                return Found::Nothing;
            }
            if number == first && L::leaf_lg2(f, w) >= size {
                return Found::Run;
            }
            if !leaves.add(w, at) {
                return Found::Nothing;
            }
        }
        leaves.end().map_or(Found::Nothing, Found::Leaves)
    }

    /// Empties the slots of a run that is to be made: `run`, with what the machine has recorded besides.
    fn break_group<L: Level<Format = F>>(
        &mut self,
        table: Table<L>,
        run: Leaf<WordOf<L>>,
        gone: &mut Gone<WordOf<L>>,
    ) -> Result<(), Error> {
        let (f, memory) = (self.target.f, self.memory);
        let Span { first, last } = run.span;
        let number = |gone: &Gone<_>| (first - gone.hull.map_or(first, |hull| hull.first)) >> L::shift(f);
        let has_room = number(gone) < BATCH as u64 && gone.broken.word_for::<L>(f, run.word, None).is_some();
        if !has_room {
            self.bring_back(table, gone)?;
        }
        let number = number(gone);
        table.open(f, memory, |slots| {
            let slots = slots.stretch(index::<L>(f, first), index::<L>(f, last));
            gone.broken.take_run(f, &slots, number as usize, run.word);
        })?;
        clean_slots(f, memory, table, run.span);
        gone.hull = Some(Span { first: gone.hull.map_or(first, |hull| hull.first), last });
        Ok(())
    }

    /// Flushes, and writes the runs whose slots are empty.
    fn bring_back<L: Level<Format = F>>(&mut self, table: Table<L>, gone: &mut Gone<WordOf<L>>) -> Result<(), Error> {
        let Gone { broken, hull: Some(hull) } = core::mem::replace(gone, Gone::NONE) else { return Ok(()) };
        let (f, reach, memory) = (self.target.f, self.target.reach, self.memory);
        let (range, sizes) = (va_range(f, hull.first, hull.last), L::leaf_sizes(f));
        self.tlb.flush(&reach.request(f, range, sizes, false));
        table.open(f, memory, |slots| {
            for (nth, number) in broken.numbers() {
                let at = hull.first + ((number as u64) << L::shift(f));
                let word = broken.word::<L>(f, slots.get(index::<L>(f, at)), nth);
                fill_leaf(f, &slots, &Leaf::of::<L>(f, word, at), |w| w)?;
            }
            Ok::<(), Error>(())
        })??;
        clean_slots(f, memory, table, hull);
        if f.way(ChangeKind::Fill) != Way::Lazy {
            self.flush_later(range, sizes, false);
        }
        Ok(())
    }
}

/// What is in a group of slots.
enum Found<W> {
    /// A run at least as large.
    Run,
    /// Leaves that could be one.
    Leaves(Uniform<W>),
    /// Something else.
    Nothing,
}

/// Writes a run over what is in its slots, keeping what the machine records meanwhile.
fn rewrite<L: Level>(f: L::Format, slots: &Slots<'_, L>, group: Span, (template, size): (WordOf<L>, u32), oa: u64) {
    let recording = Recording::of_machine::<L>(f);
    let is_identical = L::run_is_identical(f, size);
    let run = slots.stretch(index::<L>(f, group.first), index::<L>(f, group.last));
    for (number, slot) in (0..).zip(run.iter()) {
        let oa = if is_identical { oa } else { oa + (number << L::shift(f)) };
        let new = L::leaf(f, template, size, oa);
        slot.update(slot.get(), |old| recording.merge(new, old));
    }
}
