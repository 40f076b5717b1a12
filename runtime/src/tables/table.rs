//! Tables in memory: the one place where addresses in entries become words.
//!
//! A [`Table`] is one that may be linked, and is accessed through atomics. A [`NewTable`] belongs to the engine alone
//! until it is linked, and is filled with plain stores.

#![expect(unsafe_code, reason = "addresses in entries become words")]

use core::marker::PhantomData;

use crate::address::Oa;
use crate::atomic::Ordering;
use crate::error::MemoryError;
use crate::format::{Format, Level, WordOf};
use crate::memory::Memory;
use crate::tables::span::index;
use crate::tables::word::Word;

type Cell<L> = <WordOf<L> as Word>::Atomic;

/// How many slots a loop treats between two branches. A loop that decides slot by slot costs what its branches cost:
/// measured, twice as much.
const STRIDE: usize = 8;

/// How many slots of a new table are filled between two branches: these stores may become ones of several words.
const FILL_STRIDE: usize = 2 * STRIDE;

/// A table of level `L` that may be linked.
pub(crate) struct Table<L> {
    address: Oa,
    level: PhantomData<fn() -> L>,
}

impl<L> Clone for Table<L> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<L> Copy for Table<L> {}

impl<L: Level> Table<L> {
    /// The table at `address`, which is that of a root of this format, or stands in a table of this format.
    #[inline(always)]
    pub(crate) const fn at(address: Oa) -> Self {
        Self { address, level: PhantomData }
    }

    /// The table that the word `w` of the level above points to.
    #[inline(always)]
    pub(crate) fn below<A: Level<Format = L::Format, Below = L>>(f: L::Format, w: WordOf<A>) -> Self {
        Self::at(Oa::new(A::table_address(f, w)))
    }

    /// Where it is.
    #[inline(always)]
    pub(crate) const fn address(self) -> Oa {
        self.address
    }

    /// Where its slot for position `at` is.
    #[inline(always)]
    pub(crate) fn address_of(self, f: L::Format, at: u64) -> Oa {
        self.address + ((index::<L>(f, at) as u64) << WordOf::<L>::BYTES_LG2)
    }

    /// Calls `use_slots` with its slots. `use_slots` must not reach for another table.
    #[inline(always)]
    pub(crate) fn open<M: Memory, R>(
        self,
        f: L::Format,
        memory: &M,
        use_slots: impl FnOnce(Slots<'_, L>) -> R,
    ) -> Result<R, MemoryError> {
        // SAFETY: the address is that of a root, for which the caller of `Tree::from_root` vouches, or of a root or
        // table that the engine allocated from the context's frames, or one that stands in such a table, whose words
        // only the engine and the machine write.
        unsafe { memory.with::<WordOf<L>, R>(self.address, L::index_bits(f), |words| use_slots(Slots { f, words })) }
    }

    /// The word for position (or VA) `at`, with everything that was written before it was.
    #[inline(always)]
    pub(crate) fn read<M: Memory>(self, f: L::Format, memory: &M, at: u64) -> Result<WordOf<L>, MemoryError> {
        self.open(f, memory, |slots| slots.get_acquire(index::<L>(f, at)))
    }
}

/// The slots of a table that may be linked.
pub(crate) struct Slots<'a, L: Level> {
    f: L::Format,
    words: &'a [Cell<L>],
}

/// The word in memory's order, or the word in the processor's order of what stands in memory.
#[inline(always)]
pub(super) fn in_order<F: Format>(f: F, w: F::Word) -> F::Word {
    if f.big_endian() { w.swap() } else { w }
}

impl<'a, L: Level> Slots<'a, L> {
    /// The slots from `first` to `last`; none if there are none of these numbers.
    #[inline(always)]
    pub(crate) fn stretch(&self, first: usize, last: usize) -> Self {
        Self { f: self.f, words: self.words.get(first..=last).unwrap_or(&[]) }
    }

    /// How many there are.
    #[inline(always)]
    pub(crate) const fn len(&self) -> usize {
        self.words.len()
    }

    /// The word in slot `index`.
    #[inline(always)]
    pub(crate) fn get(&self, index: usize) -> WordOf<L> {
        in_order(self.f, WordOf::<L>::load(&self.words[index], Ordering::Relaxed))
    }

    /// The word in slot `index`, with everything that was written before it was.
    #[inline(always)]
    pub(crate) fn get_acquire(&self, index: usize) -> WordOf<L> {
        in_order(self.f, WordOf::<L>::load(&self.words[index], Ordering::Acquire))
    }

    /// Slot `index`.
    #[inline(always)]
    pub(crate) fn slot(&self, index: usize) -> Slot<'a, L> {
        Slot { f: self.f, cell: &self.words[index] }
    }

    /// Writes slot `index`.
    #[inline(always)]
    pub(crate) fn set(&self, index: usize, w: WordOf<L>) {
        WordOf::<L>::store(&self.words[index], in_order(self.f, w), Ordering::Relaxed);
    }

    /// Writes slot `index` after everything that has been written before.
    #[inline(always)]
    pub(crate) fn link(&self, index: usize, w: WordOf<L>) {
        WordOf::<L>::store(&self.words[index], in_order(self.f, w), Ordering::Release);
    }

    /// Writes slot `index` after everything that has been written before, if it holds `old`. Otherwise says what it
    /// holds.
    #[inline]
    pub(crate) fn exchange(&self, index: usize, old: WordOf<L>, new: WordOf<L>) -> Result<(), WordOf<L>> {
        let (old, new) = (in_order(self.f, old), in_order(self.f, new));
        WordOf::<L>::exchange(&self.words[index], old, new).map_err(|w| in_order(self.f, w))
    }

    /// The number of the first slot with a word as wanted.
    #[inline(always)]
    pub(crate) fn find(&self, is_wanted: impl Fn(WordOf<L>) -> bool) -> Option<usize> {
        let is_wanted = |cell: &Cell<L>| is_wanted(in_order(self.f, WordOf::<L>::load(cell, Ordering::Relaxed)));
        let (strides, rest) = self.words.as_chunks::<STRIDE>();
        // No short cut within a stride.
        let has_wanted = |stride: &[Cell<L>; STRIDE]| stride.iter().fold(false, |found, cell| found | is_wanted(cell));
        match strides.iter().position(has_wanted) {
            Some(number) => strides[number].iter().position(is_wanted).map(|slot| number * STRIDE + slot),
            None => rest.iter().position(is_wanted).map(|slot| strides.len() * STRIDE + slot),
        }
    }

    /// The number of the last slot with a word as wanted.
    #[inline]
    pub(crate) fn find_last(&self, is_wanted: impl Fn(WordOf<L>) -> bool) -> Option<usize> {
        self.words.iter().rposition(|cell| is_wanted(in_order(self.f, WordOf::<L>::load(cell, Ordering::Relaxed))))
    }

    /// Writes all slots, with `word` of 0 and up.
    #[inline(always)]
    pub(crate) fn set_all(&self, word: impl Fn(u64) -> WordOf<L>) {
        let set = |cell: &Cell<L>, number| {
            WordOf::<L>::store(cell, in_order(self.f, word(number)), Ordering::Relaxed);
        };
        let (strides, rest) = self.words.as_chunks::<STRIDE>();
        let mut number = 0;
        for stride in strides {
            for (cell, within) in stride.iter().zip(0..) {
                set(cell, number + within);
            }
            number += STRIDE as u64;
        }
        for (cell, behind) in rest.iter().zip(number..) {
            set(cell, behind);
        }
    }

    /// Changes the words that are wanted. `LIVE` if a machine may record something in them meanwhile, which is kept.
    #[inline(always)]
    pub(crate) fn change_all<const LIVE: bool>(
        &self,
        is_wanted: impl Fn(WordOf<L>) -> bool,
        change: impl Fn(WordOf<L>) -> WordOf<L>,
    ) {
        let f = self.f;
        let one = |cell| {
            let slot = Slot::<L> { f, cell };
            let w = slot.get();
            if is_wanted(w) {
                slot.change(w, LIVE, &change);
            }
        };
        let is_plain = |w| is_wanted(w) & (!LIVE | is_settled::<L>(f, w));
        let (strides, rest) = self.words.as_chunks::<STRIDE>();
        for stride in strides {
            let words = stride.each_ref().map(|cell| in_order(f, WordOf::<L>::load(cell, Ordering::Relaxed)));
            if words.iter().fold(true, |all, &w| all & is_plain(w)) {
                for (cell, w) in stride.iter().zip(words) {
                    WordOf::<L>::store(cell, in_order(f, change(w)), Ordering::Relaxed);
                }
            } else {
                stride.iter().for_each(one);
            }
        }
        rest.iter().for_each(one);
    }

    /// The slots, in order, for loops.
    #[inline(always)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = Slot<'a, L>> + use<'a, L> {
        let f = self.f;
        self.words.iter().map(move |cell| Slot { f, cell })
    }
}

/// Whether the machine has nothing left to record in the leaf word `w`.
#[inline(always)]
pub(crate) fn is_settled<L: Level>(f: L::Format, w: WordOf<L>) -> bool {
    (w ^ L::hardware_done(f)) & L::hardware(f) == WordOf::<L>::ZERO
}

/// One slot of a table that may be linked.
pub(crate) struct Slot<'a, L: Level> {
    f: L::Format,
    cell: &'a Cell<L>,
}

impl<L: Level> Slot<'_, L> {
    /// Its word.
    #[inline(always)]
    pub(crate) fn get(&self) -> WordOf<L> {
        in_order(self.f, WordOf::<L>::load(self.cell, Ordering::Relaxed))
    }

    /// Writes it.
    #[inline(always)]
    pub(crate) fn set(&self, w: WordOf<L>) {
        WordOf::<L>::store(self.cell, in_order(self.f, w), Ordering::Relaxed);
    }

    /// Writes `w`. Returns what it held until then, with all that a machine had recorded in it.
    #[inline]
    pub(crate) fn take(&self, w: WordOf<L>) -> WordOf<L> {
        let (f, mut old) = (self.f, self.get());
        loop {
            match WordOf::<L>::exchange(self.cell, in_order(f, old), in_order(f, w)) {
                Ok(()) => return old,
                Err(now) => old = in_order(f, now),
            }
        }
    }

    /// Changes it from `old`; `live` if a machine may record something in it meanwhile, which is kept.
    #[inline(always)]
    pub(crate) fn change(&self, old: WordOf<L>, live: bool, change: impl Fn(WordOf<L>) -> WordOf<L>) {
        if live { self.update(old, change) } else { self.set(change(old)) }
    }

    /// Changes it from `old` to `new`; `live` if a machine may record something in it meanwhile. If it has, says what
    /// the slot holds.
    #[inline]
    pub(crate) fn replace(&self, old: WordOf<L>, new: WordOf<L>, live: bool) -> Result<(), WordOf<L>> {
        let f = self.f;
        if !live || is_settled::<L>(f, old) {
            self.set(new);
            return Ok(());
        }
        WordOf::<L>::exchange(self.cell, in_order(f, old), in_order(f, new)).map_err(|w| in_order(f, w))
    }

    /// Writes `new` if it holds `old`, if `with_care`; otherwise says what it holds. If nobody else writes it, a store
    /// does.
    #[inline]
    pub(crate) fn replace_if(&self, old: WordOf<L>, new: WordOf<L>, with_care: bool) -> Result<(), WordOf<L>> {
        let f = self.f;
        if !with_care {
            self.set(new);
            return Ok(());
        }
        WordOf::<L>::exchange(self.cell, in_order(f, old), in_order(f, new)).map_err(|w| in_order(f, w))
    }

    /// Changes it without losing what the machine records in it meanwhile.
    #[inline]
    pub(crate) fn update(&self, mut old: WordOf<L>, change: impl Fn(WordOf<L>) -> WordOf<L>) {
        let f = self.f;
        loop {
            if is_settled::<L>(f, old) {
                return self.set(change(old));
            }
            let (from, to) = (in_order(f, old), in_order(f, change(old)));
            match WordOf::<L>::exchange(self.cell, from, to) {
                Ok(()) => return,
                Err(w) => old = in_order(f, w),
            }
        }
    }
}

/// A table of level `L` that nobody else knows of.
pub(crate) struct NewTable<L> {
    address: Oa,
    level: PhantomData<fn() -> L>,
}

impl<L: Level> NewTable<L> {
    /// The table in the frame at `address`, which has been allocated for this level and is linked nowhere.
    #[inline(always)]
    pub(crate) const fn in_frame(address: Oa) -> Self {
        Self { address, level: PhantomData }
    }

    /// Where it is.
    #[inline(always)]
    pub(crate) const fn address(&self) -> Oa {
        self.address
    }

    /// Calls `use_slots` with its slots. `use_slots` must not reach for another table.
    #[inline(always)]
    pub(crate) fn open<M: Memory, R>(
        &self,
        f: L::Format,
        memory: &M,
        use_slots: impl FnOnce(NewSlots<'_, L>) -> R,
    ) -> Result<R, MemoryError> {
        let shared = M::SHARED;
        // SAFETY: the address is that of a frame of this size, allocated from the context's frames.
        unsafe {
            memory
                .with::<WordOf<L>, R>(self.address, L::index_bits(f), |words| use_slots(NewSlots { f, words, shared }))
        }
    }
}

/// The slots of a table that nobody else knows of.
pub(crate) struct NewSlots<'a, L: Level> {
    f: L::Format,
    words: &'a [Cell<L>],
    shared: bool,
}

impl<L: Level> NewSlots<'_, L> {
    /// How many there are.
    #[inline(always)]
    pub(crate) const fn len(&self) -> usize {
        self.words.len()
    }

    /// The word in slot `index`.
    #[inline(always)]
    pub(crate) fn get(&self, index: usize) -> WordOf<L> {
        in_order(self.f, WordOf::<L>::load(&self.words[index], Ordering::Relaxed))
    }

    /// Writes slot `index`.
    #[inline(always)]
    pub(crate) fn set(&self, index: usize, w: WordOf<L>) {
        self.fill(index, index, |_| w);
    }

    /// Writes the slots from `first` to `last`, with `word` of 0 and up. `last` may be `first - 1`.
    #[inline(always)]
    pub(crate) fn fill(&self, first: usize, last: usize, mut word: impl FnMut(u64) -> WordOf<L>) {
        let Some(cells) = self.words.get(first..last.wrapping_add(1)) else { return };
        let mut set = |cell: &Cell<L>, number| {
            let w = in_order(self.f, word(number));
            if self.shared {
                WordOf::<L>::store(cell, w, Ordering::Relaxed);
            } else {
                // SAFETY: the table is linked nowhere and its frame was allocated from the context's frames, and the
                // memory is not one whose frames others access.
                unsafe { WordOf::<L>::store_private(cell, w) }
            }
        };
        let (strides, rest) = cells.as_chunks::<FILL_STRIDE>();
        let mut number = 0;
        for stride in strides {
            for (cell, within) in stride.iter().zip(0..) {
                set(cell, number + within);
            }
            number += FILL_STRIDE as u64;
        }
        for (cell, behind) in rest.iter().zip(number..) {
            set(cell, behind);
        }
    }
}
