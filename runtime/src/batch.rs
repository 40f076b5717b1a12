//! Changes that are flushed later, together.

use core::fmt;

use crate::address::{Va, VaRange};
use crate::context::Context;
use crate::error::Error;
use crate::flush::{FlushRequest, Flushed, Tlb, Unflushed};
use crate::format::Format;
use crate::frames::Frames;
use crate::memory::Memory;

/// What many changes of one tree have left behind, to be flushed at once: lazily, that is, some time before any of the
/// VA is used again and before any of the pages is.
///
/// The batch knows the VA that TLBs may still hold. Whoever is going to map something asks it first:
/// [`claim`](Self::claim) refuses what is stale. Pages that were mapped there are the caller's to keep until the
/// [`Flushed`] comes. It remembers up to `N` separate ranges; if there are more, those that lie closest are taken
/// together with what is between, which is refused as well then.
///
/// ```
/// use ptgen::{Batch, Context, Error, Format, Frames, Memory, PageTable, Tlb, Unmap, VaRange};
///
/// /// Takes a stack's mapping away and leaves the flush to later.
/// fn release<P: PageTable, M: Memory, A: Frames, T: Tlb>(
///     table: &mut P,
///     cx: &mut Context<M, A, T>,
///     batch: &mut Batch<P::Format>,
///     stack: VaRange,
/// ) -> Result<(), Error> {
///     let unflushed = table.unmap(cx, stack, Unmap::mapped())?;
///     batch.push(unflushed, &cx.memory);
///     if batch.stale_bytes() > 32 << 20 {
///         batch.flush(cx);
///     }
///     Ok(())
/// }
/// ```
#[must_use = "a batch is to be flushed"]
pub struct Batch<F, const N: usize = 16> {
    unflushed: Option<Unflushed<F>>,
    stale: Ranges<N>,
}

impl<F: Format, const N: usize> Batch<F, N> {
    /// An empty one.
    pub const fn new() -> Self {
        Self { unflushed: None, stale: Ranges::NONE }
    }

    /// Adds what a change has left behind, of the tree that all else in the batch is of.
    pub fn push(&mut self, unflushed: Unflushed<F>, memory: &impl Memory) {
        if let Some(request) = unflushed.request() {
            self.stale.add(request.range);
        }
        self.unflushed = Some(match self.unflushed.take() {
            Some(before) => before.merge(unflushed, memory),
            None => unflushed,
        });
    }

    /// Asks for leave to map something at `range`.
    ///
    /// # Errors
    ///
    /// [`Error::Stale`] if TLBs may still hold what was there before: flush, or take another range.
    pub fn claim(&self, range: impl Into<VaRange>) -> Result<(), Error> {
        let range = range.into();
        if range.is_reversed() {
            return Err(Error::Reversed { range });
        }
        self.stale.first_in(range).map_or(Ok(()), |va| Err(Error::Stale { va }))
    }

    /// Whether there is nothing to flush and nothing to give back.
    pub fn is_empty(&self) -> bool {
        self.unflushed.as_ref().is_none_or(Unflushed::is_empty)
    }

    /// What has to be flushed, if anything.
    pub fn request(&self) -> Option<&FlushRequest> {
        self.unflushed.as_ref().and_then(Unflushed::request)
    }

    /// How many bytes of VA are stale, for the client to decide when it is time.
    pub fn stale_bytes(&self) -> u64 {
        self.stale.bytes()
    }

    /// Flushes everything, waits for readers, and gives tables back. The batch is empty then.
    pub fn flush<M: Memory, A: Frames, T: Tlb>(&mut self, cx: &mut Context<M, A, T>) {
        if let Some(flushed) = self.issue(&mut cx.tlb) {
            flushed.retire(cx);
        }
    }

    /// Flushes everything: one flush. The proof says that all pages may be used again whose mappings were taken out before.
    /// `None` if nothing was pushed since the last time. The batch is empty then.
    pub fn issue(&mut self, tlb: &mut impl Tlb) -> Option<Flushed<F>> {
        self.stale = Ranges::NONE;
        self.unflushed.take().map(|unflushed| unflushed.issue(tlb))
    }

    /// What the batch is made of, to be flushed otherwise.
    pub fn take(&mut self) -> Option<Unflushed<F>> {
        self.stale = Ranges::NONE;
        self.unflushed.take()
    }
}

impl<F: Format, const N: usize> Default for Batch<F, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Format, const N: usize> fmt::Debug for Batch<F, N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Batch").field("unflushed", &self.unflushed).field("stale", &self.stale).finish()
    }
}

/// Up to `N` ranges that neither overlap nor touch, in order.
struct Ranges<const N: usize> {
    ranges: [(u64, u64); N],
    count: usize,
}

impl<const N: usize> Ranges<N> {
    const NONE: Self = Self { ranges: [(0, 0); N], count: 0 };
    const HAS_ROOM: () = assert!(N > 0, "a batch has to remember at least one range");

    fn get(&self) -> &[(u64, u64)] {
        self.ranges.get(..self.count).unwrap_or(&[])
    }

    fn add(&mut self, range: VaRange) {
        let () = Self::HAS_ROOM;
        if range.is_empty() || range.is_reversed() {
            return;
        }
        let (mut first, mut last) = (range.start().get(), range.last().get());
        // What touches it becomes a part of it.
        let before = self.get().partition_point(|&(_, end)| end < first && end + 1 < first);
        let behind = self.get().partition_point(|&(start, _)| start <= last || start - 1 <= last);
        if let [(start, _), ..] = self.get().get(before..behind).unwrap_or(&[]) {
            first = first.min(*start);
        }
        if let [.., (_, end)] = self.get().get(before..behind).unwrap_or(&[]) {
            last = last.max(*end);
        }
        if before == behind && self.count == N {
            return self.add_to_closest(before, (first, last));
        }
        self.replace(before, behind, (first, last));
    }

    /// Puts one range in the place of those from `from` to before `to`. There is room.
    fn replace(&mut self, from: usize, to: usize, range: (u64, u64)) {
        let rest = self.count - to;
        self.ranges.copy_within(to..to + rest, from + 1);
        self.ranges[from] = range;
        self.count = from + 1 + rest;
    }

    /// Makes room for a range that belongs before number `at`, by closing the narrowest gap there would be.
    fn add_to_closest(&mut self, at: usize, (first, last): (u64, u64)) {
        let gap = |below: u64, above: u64| above - below;
        let narrowest = (1..self.count).min_by_key(|&n| gap(self.ranges[n - 1].1, self.ranges[n].0));
        let inner = narrowest.map_or(u64::MAX, |n| gap(self.ranges[n - 1].1, self.ranges[n].0));
        let to_below = at.checked_sub(1).map_or(u64::MAX, |n| gap(self.ranges[n].1, first));
        let to_above = self.get().get(at).map_or(u64::MAX, |&(start, _)| gap(last, start));
        match narrowest {
            Some(n) if inner < to_below.min(to_above) => {
                let joined = (self.ranges[n - 1].0, self.ranges[n].1);
                self.replace(n - 1, n + 1, joined);
                self.add(VaRange::inclusive(first, last));
            }
            _ if to_below <= to_above => self.ranges[at - 1].1 = last,
            _ => self.ranges[at].0 = first,
        }
    }

    /// The first address of `range` that is in one.
    fn first_in(&self, range: VaRange) -> Option<Va> {
        if range.is_empty() {
            return None;
        }
        let (first, last) = (range.start().get(), range.last().get());
        let hit = self.get().iter().find(|&&(start, end)| start <= last && end >= first)?;
        Some(Va::new(hit.0.max(first)))
    }

    fn bytes(&self) -> u64 {
        self.get().iter().fold(0, |sum: u64, (start, end)| sum.saturating_add((end - start).saturating_add(1)))
    }
}

impl<const N: usize> fmt::Debug for Ranges<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.get().iter().map(|&(start, end)| VaRange::inclusive(start, end))).finish()
    }
}
