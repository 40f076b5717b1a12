//! Readers beside a writer, and how the writer waits for them before it gives tables back.
//!
//! A reader marks a slot when it comes in and when it leaves, and never waits. A writer, after it has unlinked tables
//! and flushed, waits for each slot that was marked to have been left once: whoever comes in later no longer finds the
//! tables. There is no list of readers and no memory but the slots.

use core::fmt;

use crate::atomic::{Ordering, fence, shared};
use crate::flush::{Exchange, FlushRequest, Tlb};

/// How many readers of one slot may be inside at once, less one; and where the count of rounds starts.
const INSIDE: u64 = (1 << 32) - 1;
const ROUND: u64 = INSIDE + 1;

/// The mark of whoever reads on one processor: how many of them are inside (an interrupt may read where a task does),
/// and how often all have left. It has a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
pub struct ReaderSlot {
    state: shared::AtomicU64,
}

impl ReaderSlot {
    /// A slot with nobody inside.
    #[cfg(not(ptgen_loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self { state: shared::AtomicU64::new(0) }
    }

    /// A slot with nobody inside.
    #[cfg(ptgen_loom)]
    #[must_use]
    pub fn new() -> Self {
        Self { state: shared::AtomicU64::new(0) }
    }

    /// Replaces the state by what `next` makes of it, if anything.
    fn update(&self, ordering: Ordering, next: impl Fn(u64) -> Option<u64>) -> bool {
        let mut old = self.state.load(Ordering::Relaxed);
        loop {
            let Some(new) = next(old) else { return false };
            match self.state.compare_exchange(old, new, ordering, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(found) => old = found,
            }
        }
    }

    fn enter(&self) -> bool {
        let entered = self.update(Ordering::Acquire, |state| (state & INSIDE != INSIDE).then(|| state + 1));
        // What is read from now on is not older than the mark: either the writer sees the mark, or the reader sees that
        // the tables are unlinked.
        fence(Ordering::SeqCst);
        entered
    }

    fn leave(&self) {
        // A new round starts only with the step that leaves nobody inside, so that somebody who shares the slot and is
        // still inside is not taken for one who came later.
        self.update(Ordering::Release, |state| {
            Some(if state & INSIDE == 1 { (state - 1).wrapping_add(ROUND) } else { state - 1 })
        });
    }

    /// Returns when all have left who are inside.
    fn wait(&self, pause: &mut impl FnMut()) {
        let seen = self.state.load(Ordering::Acquire);
        let mut state = seen;
        while state & INSIDE != 0 && state / ROUND == seen / ROUND {
            pause();
            state = self.state.load(Ordering::Acquire);
        }
    }
}

impl Default for ReaderSlot {
    fn default() -> Self {
        Self::new()
    }
}

/// Those who read tables beside a writer: a slot for each processor, or thread. `S` is an array of slots, a reference to
/// a slice of them, or another owner.
///
/// ```
/// use ptgen::{ReaderSlot, Readers};
///
/// static READERS: Readers<[ReaderSlot; 4]> = Readers::new([const { ReaderSlot::new() }; 4]);
/// let inside = READERS.enter(1).expect("there are four slots");
/// // … look at tables …
/// drop(inside);
/// READERS.wait(); // Nobody is inside: returns at once.
/// assert!(READERS.enter(4).is_none());
/// ```
#[derive(Debug, Default)]
pub struct Readers<S> {
    slots: S,
}

impl<S: AsRef<[ReaderSlot]>> Readers<S> {
    /// Readers with these slots.
    pub const fn new(slots: S) -> Self {
        Self { slots }
    }

    /// Comes in, at slot `slot`: the number of the processor, say. Readers that share a slot do no harm, but wait for
    /// each other's stores, and a writer may have to wait for all of them at once. `None` if there is no such slot, or if
    /// 2^32 are inside.
    ///
    /// Who is inside must not wait for readers: it would wait for itself.
    #[inline]
    pub fn enter(&self, slot: usize) -> Option<Inside<'_>> {
        let slot = self.slots.as_ref().get(slot)?;
        slot.enter().then_some(Inside { slot })
    }

    /// Returns when everybody has left who was inside when this was called. Whoever comes in later is not waited for.
    pub fn wait(&self) {
        self.wait_with(core::hint::spin_loop);
    }

    /// The same, and calls `pause` between two looks at somebody who is still inside: to run something else.
    pub fn wait_with(&self, mut pause: impl FnMut()) {
        // The unlinking stores come before the looks at the marks. See `enter`.
        fence(Ordering::SeqCst);
        for slot in self.slots.as_ref() {
            slot.wait(&mut pause);
        }
    }
}

/// That somebody is inside. Leaves when it is dropped.
#[must_use = "who does not keep it is not inside"]
pub struct Inside<'r> {
    slot: &'r ReaderSlot,
}

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        self.slot.leave();
    }
}

impl fmt::Debug for Inside<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Inside")
    }
}

/// Flushes as `tlb` does, and waits for `readers` before tables are given back.
///
/// ```
/// use ptgen::{NoTlb, ReaderSlot, Readers, WithReaders};
///
/// let readers = Readers::new([const { ReaderSlot::new() }; 4]);
/// let tlb = WithReaders::new(NoTlb, &readers);
/// # let _ = tlb;
/// ```
pub struct WithReaders<'r, T, S, P = fn()> {
    tlb: T,
    readers: &'r Readers<S>,
    pause: P,
}

impl<'r, T, S> WithReaders<'r, T, S> {
    /// `tlb` and `readers`. Waits without doing anything else.
    pub const fn new(tlb: T, readers: &'r Readers<S>) -> Self {
        Self { tlb, readers, pause: core::hint::spin_loop }
    }
}

impl<'r, T, S, P: FnMut()> WithReaders<'r, T, S, P> {
    /// `tlb` and `readers`, with something to do between two looks at a reader who is still inside.
    pub const fn pausing(tlb: T, readers: &'r Readers<S>, pause: P) -> Self {
        Self { tlb, readers, pause }
    }
}

impl<T: Clone, S, P: Clone> Clone for WithReaders<'_, T, S, P> {
    fn clone(&self) -> Self {
        Self { tlb: self.tlb.clone(), readers: self.readers, pause: self.pause.clone() }
    }
}

impl<T: Tlb, S: AsRef<[ReaderSlot]>, P: FnMut()> Tlb for WithReaders<'_, T, S, P> {
    const EXCHANGES: bool = T::EXCHANGES;

    fn flush(&mut self, request: &FlushRequest) {
        self.tlb.flush(request);
    }

    fn wait_for_readers(&mut self) {
        self.tlb.wait_for_readers();
        self.readers.wait_with(&mut self.pause);
    }

    fn exchange(&mut self, exchange: &Exchange) -> Result<(), u64> {
        self.tlb.exchange(exchange)
    }
}

impl<T: fmt::Debug, S, P> fmt::Debug for WithReaders<'_, T, S, P> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("WithReaders").field("tlb", &self.tlb).finish_non_exhaustive()
    }
}
