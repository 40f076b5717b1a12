//! Changing leaves that are live, where a store and a flush will not do: by way of absent, or by an instruction.
//!
//! Of what goes through absent, a whole stretch of a table does so at once, with one flush. What the leaves were is kept
//! where nobody looks at it: in the absent words themselves, if all of a leaf word that an absent word cannot carry is
//! the same for all of them, or else, a few at a time, on the stack.

use crate::clean::clean_slots;
use crate::edit::{Edit, Leaf};
use crate::error::Error;
use crate::exchange::exchange_of;
use crate::flush::Tlb;
use crate::format::{Format, Level, Way, WordOf};
use crate::frames::Frames;
use crate::job::{Env, Job};
use crate::lock::read_unlocked;
use crate::memory::Memory;
use crate::ownership::is_pinned;
use crate::span::{Span, index, low, slot_last};
use crate::table::{Slots, Table};
use crate::unlink::slot_of;
use crate::word::Word;

/// How many slots go through absent at once at most.
const BATCH: usize = 512;
/// How many, if what they held is kept on the stack.
const FEW: usize = 64;

/// Slots of a stretch that are absent for the moment, and what they held.
struct Broken<W> {
    /// Which ones, by number within the stretch.
    which: [u64; BATCH / 64],
    count: usize,
    /// What absent words cannot carry of a leaf word, if they carry the rest.
    rest: Option<W>,
    words: [W; FEW],
    /// The number of the last one.
    last: usize,
}

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
                end = self.break_stretch::<L, T>(table, Span { first: at, last: span.last }, env.tlb)?;
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
    fn break_stretch<L: Level<Format = F>, T: Tlb>(
        &self,
        table: Table<L>,
        span: Span,
        tlb: &mut T,
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
        if let Some(first_broken) = broken.first() {
            clean_slots(f, memory, table, treated);
            let changed = Span { first: position(first_broken), last: position(broken.last) | low(shift) };
            self.flush_broken::<L, T>(changed, tlb);
            table.open(f, memory, |slots| self.make_present::<L>(&slots.stretch(first, last), &broken))?;
            clean_slots(f, memory, table, treated);
        }
        Ok(treated.last)
    }

    /// Makes leaves among `slots` absent that have to be changed, from the first one on. Returns how many slots were
    /// looked at: one at least.
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
            while let Some(leaf) = E::sees::<L>(f, w)
                && Leaf::of::<L>(f, leaf, at).is_within(span)
                && self.changes::<L>(leaf)?
            {
                let Some(absent) = broken.absent_for::<L>(f, w) else { return Ok(number) };
                match slot.replace_if(w, absent, true) {
                    Ok(()) => {
                        broken.add::<L>(f, number, w);
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

impl<W: Word> Broken<W> {
    const NONE: Self = Self { which: [0; BATCH / 64], count: 0, rest: None, words: [W::ZERO; FEW], last: 0 };

    /// What the slot holds while the leaf word `w` is absent; none if there is no room for what it was.
    fn absent_for<L: Level>(&self, f: L::Format, w: W) -> Option<W>
    where
        L::Format: Format<Word = W>,
    {
        let (mask, empty) = (L::payload_mask(f), L::empty(f));
        let carried = w & mask | empty & !mask;
        match self.rest {
            Some(rest) if rest == w & !mask => Some(carried),
            Some(_) => None,
            None if self.count == 0 && can_carry::<L>(f, w) => Some(carried),
            None if self.count < FEW => Some(empty),
            None => None,
        }
    }

    /// Slot `number` held `w`, and holds what `absent_for` said.
    fn add<L: Level>(&mut self, f: L::Format, number: usize, w: W)
    where
        L::Format: Format<Word = W>,
    {
        if self.count == 0 && can_carry::<L>(f, w) {
            self.rest = Some(w & !L::payload_mask(f));
        }
        if self.rest.is_none() {
            self.words[self.count] = w;
        }
        self.which[number / 64] |= 1 << (number % 64);
        self.count += 1;
        self.last = number;
    }

    /// What the `nth` of the slots held, which holds `w` now.
    fn word<L: Level>(&self, f: L::Format, w: W, nth: usize) -> W
    where
        L::Format: Format<Word = W>,
    {
        let mask = L::payload_mask(f);
        self.rest.map_or_else(|| self.words[nth], |rest| w & mask | rest)
    }

    const fn has(&self, number: usize) -> bool {
        self.which[number / 64] >> (number % 64) & 1 != 0
    }

    /// The number of the first one.
    fn first(&self) -> Option<usize> {
        (0..BATCH).find(|&number| self.has(number))
    }
}

/// Whether an absent word can carry nearly all of the leaf word `w`, so that all leaves agree in the rest: in what makes
/// them leaves.
fn can_carry<L: Level>(f: L::Format, w: WordOf<L>) -> bool {
    let (mask, empty) = (L::payload_mask(f), L::empty(f));
    mask.into().count_ones() + 4 >= WordOf::<L>::BITS && L::is_absent(f, w & mask | empty & !mask)
}
