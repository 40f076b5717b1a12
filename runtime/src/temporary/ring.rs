//! Stretches of pages for a moment, flushed when their VA come round again.

use core::cell::Cell;
use core::fmt;

use super::slots::Slots;
use crate::address::{Oa, Va, VaRange};
use crate::error::Error;
use crate::flush::{Flushed, Tlb, Unflushed};
use crate::format::Format;
use crate::frames::Frames;
use crate::memory::Memory;
use crate::range_mut::RangeMut;

/// Temporary maps of one processor, of any number of pages, taken away in any order: at most `64 * WORDS` pages at once.
///
/// VA are handed out from the lowest to the highest, and nothing is flushed when they are taken away. When there are none
/// left that were not used since the last flush, the processor's TLB is flushed once and it starts with the lowest again,
/// past those that are still mapped. Nothing is allocated: the tables are made beforehand.
///
/// A page that was mapped must not be used for something else before the flush: [`RingMap::put`] gives a [`Stale`], which
/// is exchanged for the proof by [`Stale::settle`], without a flush if there has been one since.
///
/// ```
/// # use ptgen::{Arena, Attributes, Context, Error, Format, NoTlb, Tree};
/// use ptgen::RingMaps;
///
/// # fn example<F: Format<Word = u64>>(f: F, buffer: u64) -> Result<(), Error> {
/// # let mut words = vec![0_u64; 64 * 512];
/// # let arena = Arena::new(0x10_0000, &mut words);
/// # let mut frames = &arena;
/// # let mut tree = Tree::new(&mut Context::new(&arena, &arena, NoTlb), f)?;
/// # let range = tree.range_mut().split_at(0x10_0000)?.0;
/// let (ring, mut reserved) = RingMaps::<_, _, _, 8>::prepare(range, &arena, &mut frames, NoTlb)?;
/// let data = F::Attributes::kernel_data();
/// match ring.get(buffer, 4, &data) {
///     Ok(map) => {
///         // … use what is at `map.range()` …
///         let stale = map.put();
///         let _may_be_freed = stale.settle();
///     }
///     Err(Error::Exhausted) => {
///         let page = reserved.map(buffer, &data)?; // One page at a time always goes.
///         drop(page);
///     }
///     Err(error) => return Err(error),
/// }
/// # Ok(()) }
/// ```
pub struct RingMaps<'t, F: Format, M: Memory, T: Tlb + Clone, const WORDS: usize> {
    slots: Slots<'t, F, M, T>,
    /// The pages that are mapped.
    live: Cell<Pages<WORDS>>,
    /// Those and the ones that were since the last flush.
    taken: Cell<Pages<WORDS>>,
    /// From here on they are looked for.
    next: Cell<usize>,
    /// What has been taken away since the last flush.
    unflushed: Cell<Option<Unflushed<F>>>,
    /// How many flushes there were.
    round: Cell<u64>,
}

impl<'t, F: Format, M: Memory + Clone, T: Tlb + Clone, const WORDS: usize> RingMaps<'t, F, M, T, WORDS> {
    /// All of `range`; its last page is set aside as the reserved one. Tables are made of `frames`, and stay; later there
    /// are no frames needed. Flushes go to `tlb`, and are [`Scope::Local`](crate::Scope): no other processor uses the VA.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] if the range does not have two pages; otherwise [`Error`] says why there can be no such tables.
    /// Nothing has been changed then.
    pub fn prepare<A: Frames>(
        range: RangeMut<'t, F>,
        memory: M,
        frames: &mut A,
        tlb: T,
    ) -> Result<(Self, Reserved<'t, F, M, T>), Error> {
        let size_lg2 = super::slots::smallest(range.format()).ok_or(Error::NoSuchSize { lg2: 0 })?;
        let all = range.range();
        if all.bytes().is_some_and(|bytes| bytes >> size_lg2 < 2) {
            return Err(Error::Exhausted);
        }
        let last = Va::new(all.last().get() - ((1 << size_lg2) - 1));
        let mut range = range;
        super::slots::populate(&mut range, &memory, frames, tlb.clone(), size_lg2)?;
        let (range, last) = range.split_at(last)?;
        let slots = Slots::new(range, memory.clone(), tlb.clone(), size_lg2)?;
        let reserved = Reserved { slots: Slots::new(last, memory, tlb, size_lg2)? };
        let none = || Cell::new(Pages([0; WORDS]));
        let (live, taken) = (none(), none());
        let ring = Self { slots, live, taken, next: Cell::new(0), unflushed: Cell::new(None), round: Cell::new(0) };
        Ok((ring, reserved))
    }
}

impl<'t, F: Format, M: Memory, T: Tlb + Clone, const WORDS: usize> RingMaps<'t, F, M, T, WORDS> {
    /// How many pages there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.slots.count().min(64 * WORDS)
    }

    /// How often the processor's TLB was flushed because VA came round again, or because [`Stale::settle`]
    /// had to.
    #[must_use]
    pub const fn rounds(&self) -> u64 {
        self.round.get()
    }

    /// Maps the `pages` pages from `oa` on, at least one.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] if so many pages are not free in one piece; otherwise what [`map`](RangeMut::map) says of `oa`
    /// and `attributes`. Nothing has been mapped then.
    pub fn get(
        &self,
        oa: impl Into<Oa>,
        pages: usize,
        attributes: &F::Attributes,
    ) -> Result<RingMap<'_, 't, F, M, T, WORDS>, Error> {
        let pages = pages.max(1);
        let end = self.count();
        let first = match self.taken.get().gap(self.next.get(), end, pages) {
            Some(first) => first,
            None => {
                let first = self.live.get().gap(0, end, pages).ok_or(Error::Exhausted)?;
                self.flush();
                first
            }
        };
        self.slots.map(first, pages, oa.into(), attributes)?;
        self.next.set(first + pages);
        self.live.set(self.live.get().with(first, pages, true));
        self.taken.set(self.taken.get().with(first, pages, true));
        Ok(RingMap { ring: self, first, pages })
    }

    /// Flushes what was taken away, after which all VA may be used that are not mapped.
    fn flush(&self) {
        if let Some(unflushed) = self.unflushed.take() {
            // Where an instruction takes words out, it has purged them already.
            let flushes = u64::from(!unflushed.is_empty());
            drop(self.slots.flush(unflushed));
            self.round.set(self.round.get() + flushes);
        }
        self.taken.set(self.live.get());
    }

    /// Whether there is nothing to be flushed.
    fn is_clean(&self) -> bool {
        let unflushed = self.unflushed.take();
        let is_clean = unflushed.as_ref().is_none_or(Unflushed::is_empty);
        self.unflushed.set(unflushed);
        is_clean
    }

    /// Takes a map away. VA that cannot be reached any more stay in use.
    fn clear(&self, first: usize, pages: usize) {
        let Ok(unflushed) = self.slots.clear(first, pages) else { return };
        self.live.set(self.live.get().with(first, pages, false));
        self.unflushed.set(Some(match self.unflushed.take() {
            Some(before) => before.merge(unflushed, self.slots.memory()),
            None => unflushed,
        }));
    }
}

impl<F: Format, M: Memory, T: Tlb + Clone, const WORDS: usize> Drop for RingMaps<'_, F, M, T, WORDS> {
    fn drop(&mut self) {
        self.flush();
    }
}

impl<F: Format, M: Memory, T: Tlb + Clone, const WORDS: usize> fmt::Debug for RingMaps<'_, F, M, T, WORDS> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ring maps of {} pages, next is {}, round {}", self.count(), self.next.get(), self.round.get())
    }
}

/// A stretch of pages that is mapped for a moment, on this processor. Dropping it takes it away.
#[must_use = "it is mapped until it is dropped"]
pub struct RingMap<'r, 't, F: Format, M: Memory, T: Tlb + Clone, const WORDS: usize> {
    ring: &'r RingMaps<'t, F, M, T, WORDS>,
    first: usize,
    pages: usize,
}

impl<'r, 't, F: Format, M: Memory, T: Tlb + Clone, const WORDS: usize> RingMap<'r, 't, F, M, T, WORDS> {
    /// Where it is mapped.
    pub fn va(&self) -> Va {
        self.ring.slots.va(self.first)
    }

    /// The VA.
    pub fn range(&self) -> VaRange {
        self.ring.slots.range(self.first, self.pages)
    }

    /// Takes it away. This processor may still access the pages by stale translations: see [`Stale`].
    pub fn put(self) -> Stale<'r, 't, F, M, T, WORDS> {
        let ring = self.ring;
        drop(self);
        Stale { ring, round: ring.round.get() }
    }
}

impl<F: Format, M: Memory, T: Tlb + Clone, const WORDS: usize> Drop for RingMap<'_, '_, F, M, T, WORDS> {
    fn drop(&mut self) {
        self.ring.clear(self.first, self.pages);
    }
}

impl<F: Format, M: Memory, T: Tlb + Clone, const WORDS: usize> fmt::Debug for RingMap<'_, '_, F, M, T, WORDS> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ring map of {}", self.range())
    }
}

/// That pages were mapped, and are stale until the ring has been flushed. What frees them should take a
/// [`Flushed`], for which [`settle`](Self::settle) exchanges this.
#[must_use = "the pages may be freed only after `settle`"]
pub struct Stale<'r, 't, F: Format, M: Memory, T: Tlb + Clone, const WORDS: usize> {
    ring: &'r RingMaps<'t, F, M, T, WORDS>,
    round: u64,
}

impl<F: Format, M: Memory, T: Tlb + Clone, const WORDS: usize> Stale<'_, '_, F, M, T, WORDS> {
    /// Whether there was a flush since, or none is needed, so that [`settle`](Self::settle) does not need one.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.round != self.ring.round.get() || self.ring.is_clean()
    }

    /// The proof that the processor's TLB holds nothing any more of what was taken away: flushes, if it has not been
    /// flushed since.
    pub fn settle(self) -> Flushed<F> {
        if !self.is_flushed() {
            self.ring.flush();
        }
        let slots = &self.ring.slots;
        slots.flush(Unflushed::nothing(slots.format()))
    }
}

impl<F: Format, M: Memory, T: Tlb + Clone, const WORDS: usize> fmt::Debug for Stale<'_, '_, F, M, T, WORDS> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "stale since round {}", self.round)
    }
}

/// One page of VA of one processor, for when a [`RingMaps`] is exhausted. Whoever has it can map.
pub struct Reserved<'t, F: Format, M, T> {
    slots: Slots<'t, F, M, T>,
}

impl<'t, F: Format, M: Memory, T: Tlb + Clone> Reserved<'t, F, M, T> {
    /// Maps the page at `oa`.
    ///
    /// # Errors
    ///
    /// What [`map`](RangeMut::map) says of `oa` and `attributes`. It does not want for VA, or for frames.
    pub fn map(
        &mut self,
        oa: impl Into<Oa>,
        attributes: &F::Attributes,
    ) -> Result<ReservedMap<'_, 't, F, M, T>, Error> {
        self.slots.map(0, 1, oa.into(), attributes)?;
        Ok(ReservedMap { slots: &self.slots })
    }
}

impl<F: Format, M, T> fmt::Debug for Reserved<'_, F, M, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Reserved")
    }
}

/// The reserved page, mapped. Dropping it takes it away, and flushes the one address here.
#[must_use = "it is mapped until it is dropped"]
pub struct ReservedMap<'r, 't, F: Format, M: Memory, T: Tlb + Clone> {
    slots: &'r Slots<'t, F, M, T>,
}

impl<F: Format, M: Memory, T: Tlb + Clone> ReservedMap<'_, '_, F, M, T> {
    /// Where it is mapped.
    pub fn va(&self) -> Va {
        self.slots.va(0)
    }
}

impl<F: Format, M: Memory, T: Tlb + Clone> Drop for ReservedMap<'_, '_, F, M, T> {
    fn drop(&mut self) {
        if let Ok(unflushed) = self.slots.clear(0, 1) {
            drop(self.slots.flush(unflushed));
        }
    }
}

impl<F: Format, M: Memory, T: Tlb + Clone> fmt::Debug for ReservedMap<'_, '_, F, M, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "reserved map at {}", self.va())
    }
}

/// A set of pages.
#[derive(Clone, Copy)]
struct Pages<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Pages<WORDS> {
    const fn has(&self, page: usize) -> bool {
        self.0[page / 64] >> (page % 64) & 1 != 0
    }

    /// With the `count` pages from number `first` on, or without them.
    fn with(mut self, first: usize, count: usize, has: bool) -> Self {
        for page in first..first + count {
            let bit = 1 << (page % 64);
            if has {
                self.0[page / 64] |= bit;
            } else {
                self.0[page / 64] &= !bit;
            }
        }
        self
    }

    /// The first place from `from` on, and before `end`, where `count` pages are not in the set.
    fn gap(&self, from: usize, end: usize, count: usize) -> Option<usize> {
        let mut first = from;
        let mut page = from;
        while page < end {
            if self.has(page) {
                first = page + 1;
            } else if page + 1 - first == count {
                return Some(first);
            }
            page += 1;
        }
        None
    }
}
