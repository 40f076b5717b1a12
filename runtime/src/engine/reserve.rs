//! Frames taken before anything is changed, so that a change that has begun cannot run out of them.
//!
//! The frames of one level hang together in a list: the first words of each say where the next one is. Nobody else
//! knows of these frames, so nothing is said to walkers. They are used in the order in which they were allocated, so that
//! tables of neighbouring addresses tend to be neighbours: measured, going through them later is faster by a quarter.

#![expect(unsafe_code, reason = "gives frames back")]

use crate::MAX_LEVELS;
use crate::address::Oa;
use crate::error::Error;
use crate::format::{Format, Level, RootVisitor, WordOf};
use crate::frames::{Frame, Frames, TableShape};
use crate::memory::Memory;
use crate::tables::span::low;
use crate::tables::table::NewTable;
use crate::tables::word::Word;

/// How many tables of each level an operation needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Need {
    counts: [u64; MAX_LEVELS],
    /// How many leaves it splits.
    splits: u64,
}

impl Need {
    /// `count` more tables of level `L`.
    #[inline]
    pub(crate) fn add<L: Level>(&mut self, count: u64) {
        const { assert!((L::NUMBER as usize) < MAX_LEVELS, "a format has at most 8 levels") };
        let counted = &mut self.counts[L::NUMBER as usize];
        *counted = counted.saturating_add(count);
    }

    /// One more table of level `L`, for the slot at `first`, unless it has been counted.
    pub(crate) fn add_once<L: Level>(&mut self, first: u64, counted: Option<&mut Counted>) {
        if let Some(counted) = counted {
            let table = Some((L::NUMBER, first));
            if counted.last.contains(&table) {
                return;
            }
            counted.last[counted.next] = table;
            counted.next = (counted.next + 1) % MOST;
        }
        self.add::<L>(1);
    }

    /// One more leaf is split.
    #[inline]
    pub(crate) const fn count_split(&mut self) {
        self.splits = self.splits.saturating_add(1);
    }

    /// How many leaves are split.
    #[inline]
    pub(crate) const fn splits(&self) -> u64 {
        self.splits
    }

    /// How many tables of each level.
    #[inline]
    pub(crate) const fn counts(&self) -> [u64; MAX_LEVELS] {
        self.counts
    }

    /// Whether no tables are needed.
    #[inline]
    pub(crate) fn is_nothing(&self) -> bool {
        self.counts == [0; MAX_LEVELS]
    }
}

/// How many tables a [`Counted`] remembers: more than one operation takes to split the two leaves at its ends.
const MOST: usize = 2 * MAX_LEVELS;

/// The tables that have been counted last, by level and first position: operations that are planned together may split the
/// same leaf, for which it takes one table. Of more tables than these, one may be counted twice.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    last: [Option<(u8, u64)>; MOST],
    next: usize,
}

/// What a table of level `L` takes, with what belongs to its slots behind it.
#[inline(always)]
pub(crate) fn shape<L: Level>(f: L::Format) -> TableShape {
    let slot = (1 << WordOf::<L>::BYTES_LG2) + L::companion_bits(f) / 8;
    let bytes_lg2 = L::index_bits(f) + slot.next_power_of_two().trailing_zeros();
    TableShape { level: L::NUMBER, bytes_lg2, align_lg2: L::align_lg2(f) }
}

/// Frames for tables, by level.
#[derive(Debug, Default)]
pub(crate) struct Reserve {
    lists: [List; MAX_LEVELS],
}

#[derive(Clone, Copy, Debug, Default)]
struct List {
    first: Oa,
    last: Oa,
    count: u64,
}

impl Reserve {
    /// How many frames for tables of `level` it holds.
    pub(crate) fn count(&self, level: u8) -> u64 {
        self.lists.get(usize::from(level)).map_or(0, |list| list.count)
    }

    /// How many frames it holds, by level.
    pub(crate) fn counts(&self) -> [u64; MAX_LEVELS] {
        self.lists.map(|list| list.count)
    }

    /// How many frames it holds.
    pub(crate) fn total(&self) -> u64 {
        self.counts().iter().sum()
    }

    /// Takes what `need` says out of `frames`, or nothing.
    #[inline]
    pub(crate) fn take_all<F: Format, M: Memory, A: Frames>(
        f: F,
        memory: &M,
        frames: &mut A,
        need: &Need,
    ) -> Result<Self, Error> {
        let mut reserve = Self::default();
        if need.is_nothing() {
            return Ok(reserve);
        }
        // What is planned is bounded by then; its frames are not the guest's to bound.
        memory.commit();
        let result = f.root(TakeAll { f, memory, frames, need, reserve: &mut reserve });
        if let Err(error) = result {
            reserve.give_back(f, memory, frames);
            return Err(error);
        }
        Ok(reserve)
    }

    /// Gives back what is left.
    #[inline]
    pub(crate) fn give_back<F: Format, M: Memory, A: Frames>(mut self, f: F, memory: &M, frames: &mut A) {
        if self.lists.iter().any(|list| list.count > 0) {
            f.root(GiveBack { f, memory, frames, reserve: &mut self });
        }
    }

    /// Puts the frame of a table in.
    pub(crate) fn put<L: Level, M: Memory>(
        &mut self,
        f: L::Format,
        memory: &M,
        table: NewTable<L>,
    ) -> Result<(), Error> {
        // What it says is written when there is a next one, but whether it can be reached must be known now.
        table.open(f, memory, |_| ())?;
        let list = &mut self.lists[L::NUMBER as usize];
        if list.count == 0 {
            list.first = table.address();
        } else {
            let next = table.address().get();
            NewTable::<L>::in_frame(list.last).open(f, memory, |slots| {
                let words = words_of_link::<L>().min(slots.len());
                slots.fill(0, words - 1, |number| part_of_link::<L>(next, number));
            })?;
        }
        list.last = table.address();
        list.count += 1;
        Ok(())
    }

    /// Takes a table out.
    #[inline]
    pub(crate) fn take<L: Level, M: Memory>(&mut self, f: L::Format, memory: &M) -> Result<NewTable<L>, Error> {
        let list = &mut self.lists[L::NUMBER as usize];
        let Some(count) = list.count.checked_sub(1) else { return Err(Error::OutOfFrames) };
        let table = NewTable::<L>::in_frame(list.first);
        if count > 0 {
            list.first = Oa::new(table.open(f, memory, |slots| {
                (0..words_of_link::<L>().min(slots.len())).fold(0, |link, number| {
                    let word: u64 = slots.get(number).into();
                    link | word << (number as u32 * WordOf::<L>::BITS)
                })
            })?);
        }
        list.count = count;
        Ok(table)
    }
}

/// Whether a table of level `L` has room for a link of a list.
#[inline]
pub(crate) fn can_hold<L: Level>(f: L::Format) -> bool {
    L::index_bits(f) >= words_of_link::<L>().trailing_zeros()
}

/// How many words an address takes.
const fn words_of_link<L: Level>() -> usize {
    64_usize.div_ceil(<WordOf<L> as Word>::BITS as usize)
}

#[expect(clippy::cast_possible_truncation, reason = "there are few words in a link")]
fn part_of_link<L: Level>(link: u64, number: u64) -> WordOf<L> {
    WordOf::<L>::truncate(link >> (number as u32 * WordOf::<L>::BITS))
}

/// The error if words cannot say the address of a table in `frame`.
#[inline]
fn beyond<F: Format>(f: F, frame: &Frame) -> Option<Error> {
    let (last, limit) = (frame.address().get() | low(frame.shape().bytes_lg2), f.table_last());
    (last > limit).then(|| Error::OutOfRange { oa: Oa::new(last), last: Oa::new(limit) })
}

struct TakeAll<'a, F, M, A> {
    f: F,
    memory: &'a M,
    frames: &'a mut A,
    need: &'a Need,
    reserve: &'a mut Reserve,
}

impl<F: Format, M: Memory, A: Frames> TakeAll<'_, F, M, A> {
    fn level<L: Level<Format = F>>(&mut self) -> Result<(), Error> {
        if L::IS_FLOOR {
            return Ok(());
        }
        let shape = shape::<L>(self.f);
        for _ in 0..self.need.counts[L::NUMBER as usize] {
            if !can_hold::<L>(self.f) {
                return Err(Error::OutOfFrames);
            }
            let frame = self.frames.allocate(shape).ok_or(Error::OutOfFrames)?;
            let put = match beyond(self.f, &frame) {
                Some(error) => Err(error),
                None => self.reserve.put(self.f, self.memory, NewTable::<L>::in_frame(frame.address())),
            };
            if let Err(error) = put {
                self.frames.free(frame);
                return Err(error);
            }
        }
        if L::HAS_TABLES { self.level::<L::Below>() } else { Ok(()) }
    }
}

impl<F: Format, M: Memory, A: Frames> RootVisitor<F> for TakeAll<'_, F, M, A> {
    type Output = Result<(), Error>;

    #[inline]
    fn visit<L: Level<Format = F>>(mut self) -> Result<(), Error> {
        self.level::<L>()
    }
}

struct GiveBack<'a, F, M, A> {
    f: F,
    memory: &'a M,
    frames: &'a mut A,
    reserve: &'a mut Reserve,
}

impl<F: Format, M: Memory, A: Frames> GiveBack<'_, F, M, A> {
    fn level<L: Level<Format = F>>(&mut self) {
        if L::IS_FLOOR {
            return;
        }
        let shape = shape::<L>(self.f);
        while let Ok(table) = self.reserve.take::<L, M>(self.f, self.memory) {
            // SAFETY: the frame was allocated as this shape, and has been taken out of the only list in which it was.
            self.frames.free(unsafe { Frame::new(table.address(), shape) });
        }
        if L::HAS_TABLES {
            self.level::<L::Below>();
        }
    }
}

impl<F: Format, M: Memory, A: Frames> RootVisitor<F> for GiveBack<'_, F, M, A> {
    type Output = ();

    fn visit<L: Level<Format = F>>(mut self) {
        self.level::<L>();
    }
}
