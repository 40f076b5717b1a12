//! Leaves that are gone for the moment, and what they were.
//!
//! A stretch of a table goes through absent at once, with one flush. What the leaves were is kept where nobody looks at
//! it: in the absent words themselves, if all of a leaf word that an absent word cannot carry is the same for all of them,
//! or else, a few at a time, on the stack.

use crate::engine::records::Recording;
use crate::format::{Format, Level, WordOf};
use crate::tables::table::Slots;
use crate::tables::word::Word;

/// How many slots go through absent at once at most.
pub(crate) const BATCH: usize = 512;
/// How many leaves, if what they were is kept on the stack.
const FEW: usize = 64;

/// Leaves of a stretch of slots that are gone for the moment, each named by the number of its first slot within the
/// stretch, and what they were.
pub(crate) struct Broken<W> {
    /// Which ones.
    which: [u64; BATCH / 64],
    count: usize,
    /// What absent words cannot carry of a leaf word, if they carry the rest.
    rest: Option<W>,
    words: [W; FEW],
    /// The number of the last one.
    last: usize,
}

impl<W: Word> Broken<W> {
    pub(crate) const NONE: Self = Self { which: [0; BATCH / 64], count: 0, rest: None, words: [W::ZERO; FEW], last: 0 };

    /// Whether so many slots from `number` on, which belong together, can be gone with those before them; where there are none
    /// before them, they have to be.
    pub(crate) const fn has_room(&self, number: usize, slots: usize) -> bool {
        number == 0 || number + slots <= BATCH && (self.rest.is_some() || self.count + slots <= FEW)
    }

    /// What the slot holds while the leaf of word `w` is gone: `wanted`, if that is said. None if there is no room for
    /// what it was.
    pub(crate) fn word_for<L: Level>(&self, f: L::Format, w: W, wanted: Option<W>) -> Option<W>
    where
        L::Format: Format<Word = W>,
    {
        let mask = L::payload_mask(f);
        match (self.rest, wanted) {
            (Some(rest), None) => (rest == w & !mask).then(|| carried::<L>(f, w)),
            (Some(_), Some(_)) => None,
            (None, None) if self.count == 0 && can_carry::<L>(f, w) => Some(carried::<L>(f, w)),
            (None, _) => (self.count < FEW).then(|| wanted.unwrap_or(L::empty(f))),
        }
    }

    /// The leaf of word `w` in slot `number` is gone: the slot holds `now`, which is what `word_for` has said.
    pub(crate) fn add<L: Level>(&mut self, f: L::Format, number: usize, w: W, now: W)
    where
        L::Format: Format<Word = W>,
    {
        if self.count == 0 && can_carry::<L>(f, w) && now == carried::<L>(f, w) {
            self.rest = Some(w & !L::payload_mask(f));
        }
        if self.rest.is_none() {
            self.words[self.count] = w;
        }
        self.which[number / 64] |= 1 << (number % 64);
        self.count += 1;
        self.last = number;
    }

    /// Empties the slots of a run, `run`, but for what the first one, of this `number`, holds so that the run is `word`, with
    /// all that the machine has recorded in its slots. There is room for it.
    pub(crate) fn take_run<L: Level>(&mut self, f: L::Format, run: &Slots<'_, L>, number: usize, mut word: W)
    where
        L::Format: Format<Word = W>,
    {
        let (recording, empty) = (Recording::of_machine::<L>(f), L::empty(f));
        for slot in run.iter().skip(1) {
            word = recording.merge(word, slot.take(empty));
        }
        let mut old = run.get(0);
        loop {
            word = recording.merge(word, old);
            let now = self.word_for::<L>(f, word, None).unwrap_or(empty);
            match run.exchange(0, old, now) {
                Ok(()) => return self.add::<L>(f, number, word, now),
                Err(changed) => old = changed,
            }
        }
    }

    /// What the `nth` of the leaves was, whose slot holds `now`.
    pub(crate) fn word<L: Level>(&self, f: L::Format, now: W, nth: usize) -> W
    where
        L::Format: Format<Word = W>,
    {
        let mask = L::payload_mask(f);
        self.rest.map_or_else(|| self.words[nth], |rest| now & mask | rest)
    }

    pub(crate) const fn has(&self, number: usize) -> bool {
        self.which[number / 64] >> (number % 64) & 1 != 0
    }

    /// The numbers of all of them, counted.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (usize, usize)> {
        (0..BATCH).filter(|&number| self.has(number)).enumerate()
    }

    /// The numbers of the first and the last one, if there are any.
    pub(crate) fn ends(&self) -> Option<(usize, usize)> {
        let (_, first) = self.numbers().next()?;
        Some((first, self.last))
    }
}

/// The absent word that carries as much of the leaf word `w` as it can.
fn carried<L: Level>(f: L::Format, w: WordOf<L>) -> WordOf<L> {
    let mask = L::payload_mask(f);
    w & mask | L::vacant(f) & !mask
}

/// Whether an absent word can carry nearly all of the leaf word `w`, so that all leaves agree in the rest: in what makes
/// them leaves.
fn can_carry<L: Level>(f: L::Format, w: WordOf<L>) -> bool {
    let mask = L::payload_mask(f);
    let carries_records = L::hardware(f) & !mask == WordOf::<L>::ZERO;
    carries_records && mask.into().count_ones() + 4 >= WordOf::<L>::BITS && L::is_absent(f, carried::<L>(f, w))
}
