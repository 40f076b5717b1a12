//! Single pages for a moment, the last one first.

use core::cell::Cell;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering, compiler_fence};

use super::slots::Slots;
use crate::address::{Oa, Va};
use crate::error::Error;
use crate::flush::Tlb;
use crate::format::Format;
use crate::frames::Frames;
use crate::memory::Memory;
use crate::range_mut::RangeMut;

/// The VA of one processor for [`LocalMaps`], a page each, with their tables made. Whatever runs on the processor uses
/// them; nothing is allocated.
pub struct LocalSlots<'t, F: Format, M, T> {
    slots: Slots<'t, F, M, T>,
}

impl<'t, F: Format, M: Memory, T: Tlb + Clone> LocalSlots<'t, F, M, T> {
    /// All of `range`: as many slots as it has leaves of the smallest size. Tables for them are made of `frames`, and stay;
    /// later there are no frames needed. Flushes go to `tlb`, and are [`Scope::Local`](crate::Scope): no other processor
    /// uses the VA.
    ///
    /// # Errors
    ///
    /// [`Error`] says why there can be no such tables; nothing has been changed then.
    pub fn prepare<A: Frames>(range: RangeMut<'t, F>, memory: M, frames: &mut A, tlb: T) -> Result<Self, Error> {
        Slots::prepare(range, memory, frames, tlb).map(|slots| Self { slots })
    }

    /// How many slots there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.slots.count()
    }

    /// Another task is going to run here: what `maps` has mapped is taken away, and flushed at once. `maps` remembers it.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if tables cannot be reached any more.
    pub fn switch_out<const N: usize>(&self, maps: &LocalMaps<F, N>) -> Result<(), Error> {
        let depth = maps.depth.load(Ordering::Relaxed).min(self.count());
        if depth > 0 {
            drop(self.slots.flush(self.slots.clear(0, depth)?));
        }
        Ok(())
    }

    /// The task of `maps` is going to run here again, where it was taken away: what it had mapped is mapped again, at the
    /// same VA.
    ///
    /// # Errors
    ///
    /// [`Error::Occupied`] if somebody else was not switched out; [`Error::Memory`] if tables cannot be reached any more.
    pub fn switch_in<const N: usize>(&self, maps: &LocalMaps<F, N>) -> Result<(), Error> {
        let depth = maps.depth.load(Ordering::Relaxed);
        for (number, state) in maps.states.iter().enumerate().take(depth) {
            if let State::Mapped { oa, attributes } = state.get() {
                self.slots.map(number, 1, oa, &attributes)?;
            }
        }
        Ok(())
    }
}

impl<F: Format, M, T> fmt::Debug for LocalSlots<'_, F, M, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("LocalSlots")
    }
}

/// The temporary maps of one task, at most `N` at a time: single pages, taken away in the reverse order.
///
/// Code that runs gets a [`Nest`], and maps through it. What it gets is taken away when it is dropped, and the next map is
/// made through it, so that it cannot be taken away before the next one is:
///
/// ```
/// # use ptgen::{Arena, Attributes, Context, Error, Format, NoTlb, Tree};
/// use ptgen::{LocalMaps, LocalSlots};
///
/// # fn example<F: Format<Word = u64>>(f: F, page: u64, other: u64) -> Result<(), Error> {
/// # let mut words = vec![0_u64; 64 * 512];
/// # let arena = Arena::new(0x10_0000, &mut words);
/// # let mut frames = &arena;
/// # let mut tree = Tree::new(&mut Context::new(&arena, &arena, NoTlb), f)?;
/// # let range = tree.range_mut().split_at(0x10_0000)?.0;
/// let slots = LocalSlots::prepare(range, &arena, &mut frames, NoTlb)?;
/// let maps = LocalMaps::<F, 16>::new();
/// let mut nest = maps.nest();
/// let data = F::Attributes::kernel_data();
/// let mut from = nest.map(&slots, page, &data)?;
/// let from_va = from.va();
/// let to = from.map(other, &data)?;
/// // … copy what is at `from_va` to `to.va()` …
/// # Ok(()) }
/// ```
///
/// ```compile_fail,E0505
/// # use ptgen::{Error, Format, LocalMaps, LocalSlots, Memory, Tlb};
/// # fn example<F: Format, M: Memory, T: Tlb + Clone>(slots: &LocalSlots<F, M, T>, data: &F::Attributes) -> Result<(), Error> {
/// let maps = LocalMaps::<F, 16>::new();
/// let mut nest = maps.nest();
/// let mut from = nest.map(slots, 0x1000, data)?;
/// let to = from.map(0x2000, data)?;
/// drop(from); // `to` is still there.
/// drop(to);
/// # Ok(()) }
/// ```
///
/// ```compile_fail,E0277
/// # use ptgen::{Error, Format, LocalMaps, LocalSlots, Memory, Tlb};
/// # fn example<F: Format, M: Memory, T: Tlb + Clone>(slots: &LocalSlots<F, M, T>, data: &F::Attributes) -> Result<(), Error> {
/// let maps = LocalMaps::<F, 16>::new();
/// let mut nest = maps.nest();
/// let map = nest.map(slots, 0x1000, data)?;
/// std::thread::scope(|scope| { scope.spawn(|| map.va()); }); // Another processor does not have it.
/// # Ok(()) }
/// ```
///
/// A task is switched out and in by [`LocalSlots`], and comes back to the same processor. An interrupt that maps on top of
/// a task's maps gets a nest of the same maps.
pub struct LocalMaps<F: Format, const N: usize> {
    states: [Cell<State<F>>; N],
    /// How many are in use. An interrupt may come between any two accesses; it leaves what it found.
    depth: AtomicUsize,
}

/// What a slot is used for.
#[derive(Clone, Copy)]
enum State<F: Format> {
    /// For nothing, or for a map that is being made.
    Free,
    Mapped {
        oa: Oa,
        attributes: F::Attributes,
    },
    /// It is not mapped any more, but one above it is.
    Left,
}

impl<F: Format, const N: usize> LocalMaps<F, N> {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { states: [const { Cell::new(State::Free) }; N], depth: AtomicUsize::new(0) }
    }

    /// How many there are.
    pub fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    /// The right to map, on top of what is mapped: for a task, and for each interrupt that comes while it runs.
    ///
    /// Within a nest the order is enforced. An interrupt's nest is gone before what it interrupted goes on; if two nests
    /// are used side by side instead, nothing goes wrong but that slots below others come free only after these.
    pub const fn nest(&self) -> Nest<'_, F, N> {
        Nest { maps: self }
    }

    /// Maps the next slot.
    fn map<'n, 't, M: Memory, T: Tlb + Clone>(
        &'n self,
        slots: &'n LocalSlots<'t, F, M, T>,
        oa: Oa,
        attributes: &F::Attributes,
    ) -> Result<LocalMap<'n, 't, F, M, T, N>, Error> {
        let number = self.depth.load(Ordering::Relaxed);
        if number >= N.min(slots.count()) {
            return Err(Error::Exhausted);
        }
        // From here on an interrupt takes the slot above.
        self.depth.store(number + 1, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        if let Err(error) = slots.slots.map(number, 1, oa, attributes) {
            self.leave(number);
            return Err(error);
        }
        self.states[number].set(State::Mapped { oa, attributes: *attributes });
        Ok(LocalMap { maps: self, slots, number })
    }

    /// A slot is not mapped any more.
    fn leave(&self, number: usize) {
        self.states[number].set(State::Left);
        compiler_fence(Ordering::SeqCst);
        let mut depth = self.depth.load(Ordering::Relaxed);
        while let Some(top) = depth.checked_sub(1)
            && matches!(self.states[top].get(), State::Left)
        {
            self.states[top].set(State::Free);
            depth = top;
        }
        self.depth.store(depth, Ordering::Relaxed);
    }
}

impl<F: Format, const N: usize> Default for LocalMaps<F, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Format, const N: usize> fmt::Debug for LocalMaps<F, N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of at most {N} local maps", self.depth())
    }
}

/// The right to make temporary maps on top of what is mapped. See [`LocalMaps`].
pub struct Nest<'m, F: Format, const N: usize> {
    maps: &'m LocalMaps<F, N>,
}

impl<F: Format, const N: usize> Nest<'_, F, N> {
    /// Maps the page at `oa`.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] if all slots are in use; otherwise what [`map`](RangeMut::map) says of `oa` and `attributes`.
    /// Nothing has been changed then.
    pub fn map<'n, 't, M: Memory, T: Tlb + Clone>(
        &'n mut self,
        slots: &'n LocalSlots<'t, F, M, T>,
        oa: impl Into<Oa>,
        attributes: &F::Attributes,
    ) -> Result<LocalMap<'n, 't, F, M, T, N>, Error> {
        self.maps.map(slots, oa.into(), attributes)
    }
}

impl<F: Format, const N: usize> fmt::Debug for Nest<'_, F, N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Nest of {:?}", self.maps)
    }
}

/// A page that is mapped for a moment, on this processor. Dropping it takes it away, and flushes the one address here.
#[must_use = "it is mapped until it is dropped"]
pub struct LocalMap<'n, 't, F: Format, M: Memory, T: Tlb + Clone, const N: usize> {
    maps: &'n LocalMaps<F, N>,
    slots: &'n LocalSlots<'t, F, M, T>,
    number: usize,
}

impl<'t, F: Format, M: Memory, T: Tlb + Clone, const N: usize> LocalMap<'_, 't, F, M, T, N> {
    /// Where it is mapped.
    pub fn va(&self) -> Va {
        self.slots.slots.va(self.number)
    }

    /// Maps one more page, which is taken away before this one is.
    ///
    /// # Errors
    ///
    /// As for [`Nest::map`].
    pub fn map<'n>(
        &'n mut self,
        oa: impl Into<Oa>,
        attributes: &F::Attributes,
    ) -> Result<LocalMap<'n, 't, F, M, T, N>, Error> {
        self.maps.map(self.slots, oa.into(), attributes)
    }
}

impl<F: Format, M: Memory, T: Tlb + Clone, const N: usize> Drop for LocalMap<'_, '_, F, M, T, N> {
    fn drop(&mut self) {
        let slots = &self.slots.slots;
        // A slot that cannot be reached any more stays in use.
        if let Ok(unflushed) = slots.clear(self.number, 1) {
            drop(slots.flush(unflushed));
            self.maps.leave(self.number);
        }
    }
}

impl<F: Format, M: Memory, T: Tlb + Clone, const N: usize> fmt::Debug for LocalMap<'_, '_, F, M, T, N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "local map at {}", self.va())
    }
}
