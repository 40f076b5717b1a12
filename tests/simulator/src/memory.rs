//! The simulated machine as the runtime sees it: memory, frames and processors.

#![expect(unsafe_code, reason = "implements unsafe traits, with means that check every address")]

use std::fmt;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use ptgen::{Exchange, FlushRequest, Frame, Frames, Memory, MemoryError, MemoryReason, Oa, TableShape, Tlb, Word};
use ptgen_cells::unobserved;

use crate::moment::Moment;
use crate::state::Shared;

/// The machine: a [`Memory`], a [`Frames`] and a [`Tlb`] in one, to be cloned.
pub struct Simulator<'m, W: Word> {
    cells: &'m [W::Atomic],
    pub(crate) shared: Rc<Shared>,
}

impl<W: Word> Clone for Simulator<'_, W> {
    fn clone(&self) -> Self {
        Self { cells: self.cells, shared: self.shared.clone() }
    }
}

impl<'m, W: Word> Simulator<'m, W> {
    pub(crate) const fn new(cells: &'m [W::Atomic], shared: Rc<Shared>) -> Self {
        Self { cells, shared }
    }

    /// The words from an address on. A function of its own, as [`Memory::with`] is compiled anew for everything that is done with
    /// words, thousands of times.
    #[inline(never)]
    fn open<V: Word>(&self, address: Oa, count_lg2: u32) -> Result<&[V::Atomic], MemoryError> {
        self.shared.1.call(Moment::Opens(address));
        let fail = |reason| MemoryError { address, reason };
        let first = {
            let mut state = self.shared.0.borrow_mut();
            state.opened(address.get());
            state.word_at(address.get()).ok_or(fail(MemoryReason::Outside))?
        };
        let words = self.cells.get(first..first + (1 << count_lg2)).ok_or(fail(MemoryReason::Outside))?;
        V::cells_of::<W>(words).ok_or(fail(MemoryReason::WordWidth))
    }

    /// Writes a word and tells nobody.
    pub(crate) fn poke(&self, word: usize, value: u64) {
        unobserved(|| W::store(&self.cells[word], W::truncate(value), Ordering::Release));
    }

    /// Writes the word at an address, as the runtime would: it is seen and judged. Returns whether there is such a word.
    pub fn write(&self, address: impl Into<Oa>, word: W, ordering: Ordering) -> bool {
        let found = self.shared.0.borrow().word_at(address.into().get());
        found.is_some_and(|number| {
            W::store(&self.cells[number], word, ordering);
            true
        })
    }

    /// Writes the word at an address by an exchange, likewise.
    ///
    /// # Errors
    ///
    /// What the word is instead of `old`; `None` if there is no word.
    pub fn exchange(&self, address: impl Into<Oa>, old: W, new: W) -> Result<(), Option<W>> {
        let found = self.shared.0.borrow().word_at(address.into().get());
        W::exchange(&self.cells[found.ok_or(None)?], old, new).map_err(Some)
    }

    /// Writes the word of a table that nobody knows of, likewise.
    pub fn write_private(&self, address: impl Into<Oa>, word: W) -> bool {
        let found = self.shared.0.borrow().word_at(address.into().get());
        found.is_some_and(|number| {
            // SAFETY: the memory belongs to one thread.
            unsafe { W::store_private(&self.cells[number], word) };
            true
        })
    }

    /// The word at an address.
    pub fn read(&self, address: impl Into<Oa>) -> Option<W> {
        let found = self.shared.0.borrow().word_at(address.into().get())?;
        Some(W::load(&self.cells[found], Ordering::Acquire))
    }
}

impl<W: Word> fmt::Debug for Simulator<'_, W> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Simulator({} words)", self.cells.len())
    }
}

// SAFETY: 1. the address determines the words; 2. the values of one machine belong to one thread, and words are accessed
// only through them.
unsafe impl<U: Word> Memory for Simulator<'_, U> {
    /// Checks the address: it may be any.
    unsafe fn with<W: Word, R>(
        &self,
        address: Oa,
        count_lg2: u32,
        use_words: impl FnOnce(&[W::Atomic]) -> R,
    ) -> Result<R, MemoryError> {
        self.open::<W>(address, count_lg2).map(use_words)
    }

    fn clean(&self, address: Oa, bytes: u64) {
        self.shared.0.borrow_mut().clean(address.get(), bytes);
    }
}

// SAFETY: a frame is handed out once until it comes back, has the shape asked for, and is accessed by nobody else.
unsafe impl<W: Word> Frames for Simulator<'_, W> {
    fn allocate(&mut self, shape: TableShape) -> Option<Frame> {
        let address = self.shared.0.borrow_mut().allocate(shape)?;
        // SAFETY: this source hands the frame out just now.
        Some(unsafe { Frame::new(Oa::new(address), shape) })
    }

    fn free(&mut self, frame: Frame) {
        let freed = self.shared.0.borrow_mut().free(frame.address().get(), frame.shape());
        let Some((first, count)) = freed else { return };
        let poison = self.shared.0.borrow().poison();
        unobserved(|| {
            self.cells[first..first + count]
                .iter()
                .for_each(|cell| W::store(cell, W::truncate(poison), Ordering::Release))
        });
    }

    fn share(&mut self, address: Oa) -> bool {
        self.shared.0.borrow_mut().share(address.get())
    }

    fn owners(&self, address: Oa) -> u32 {
        self.shared.0.borrow().owners(address.get())
    }

    fn unshare(&mut self, address: Oa) -> bool {
        self.shared.0.borrow_mut().unshare(address.get())
    }
}

impl<W: Word> Tlb for Simulator<'_, W> {
    const EXCHANGES: bool = true;

    fn flush(&mut self, request: &FlushRequest) {
        self.shared.1.call(Moment::Flushes);
        let late = self.shared.0.borrow_mut().record_late();
        late.into_iter().for_each(|(word, new)| self.poke(word, new));
        self.shared.0.borrow_mut().flush(request);
    }

    fn wait_for_readers(&mut self) {
        self.shared.0.borrow_mut().wait();
    }

    fn exchange(&mut self, exchange: &Exchange) -> Result<(), u64> {
        let (found, old, new) = {
            let state = self.shared.0.borrow();
            let raw = |word| state.raw(exchange.level, word);
            (state.word_at(exchange.slot.get()), raw(exchange.old), raw(exchange.new))
        };
        let Some(word) = found else { return Err(exchange.old) };
        let now: u64 = W::load(&self.cells[word], Ordering::Acquire).into();
        if now != old {
            return Err(self.shared.0.borrow().raw(exchange.level, now));
        }
        self.poke(word, new);
        self.shared.0.borrow_mut().replace(word, new, exchange);
        Ok(())
    }
}
