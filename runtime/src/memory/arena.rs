//! Tables in a slice of words: for tests, for building tables for somebody else, and for trying things out.

#![expect(unsafe_code, reason = "implements unsafe traits, with safe means")]

use core::cell::Cell;
use core::fmt;

use super::Memory;
use crate::address::Oa;
use crate::atomic::Ordering;
use crate::error::{MemoryError, MemoryReason};
use crate::frames::{Frame, Frames, TableShape};
use crate::tables::word::Word;

/// Table memory in a slice of words that stands at a given address, and at the same time a source of frames in it.
///
/// Every address is checked, so nothing about it is unsafe. It belongs to one thread.
///
/// ```
/// use ptgen::{Arena, Context, NoTlb};
///
/// let mut words = vec![0_u64; 64 * 512];
/// let arena = Arena::new(0x10_0000, &mut words);
/// let cx = Context::new(&arena, &arena, NoTlb);
/// assert_eq!(cx.memory.read(0x10_0008), Some(0));
/// ```
pub struct Arena<'a, W: Word> {
    base: u64,
    words: &'a [W::Atomic],
    /// The first word that has never been handed out.
    next: Cell<usize>,
    /// The first word of the frame that came back last, plus one; the frame's first word says the one before, its
    /// second word its size and alignment.
    free: Cell<usize>,
    frames: Cell<usize>,
}

impl<'a, W: Word> Arena<'a, W> {
    /// The memory of `words`, at `base`.
    ///
    /// Words that are not aligned as atomics must be (which happens to `u64` on some 32-bit machines) are left out.
    pub fn new(base: impl Into<Oa>, words: &'a mut [W]) -> Self {
        let words = W::cells(words).unwrap_or(&[]);
        Self { base: base.into().get(), words, next: Cell::new(0), free: Cell::new(0), frames: Cell::new(0) }
    }

    /// The word at `address`, if it is one of the memory.
    pub fn read(&self, address: impl Into<Oa>) -> Option<W> {
        self.cells(address.into(), 0).map(|cells| W::load(&cells[0], Ordering::Acquire))
    }

    /// Writes the word at `address`, as a machine does that sets bits in entries. Returns whether there is such a word.
    pub fn write(&self, address: impl Into<Oa>, word: W) -> bool {
        self.cells(address.into(), 0).map(|cells| W::store(&cells[0], word, Ordering::Release)).is_some()
    }

    /// How many frames are handed out.
    pub const fn frames(&self) -> usize {
        self.frames.get()
    }

    fn cells(&self, address: Oa, count_lg2: u32) -> Option<&'a [W::Atomic]> {
        if !address.is_aligned(W::BYTES_LG2) {
            return None;
        }
        let first = usize::try_from(address.get().checked_sub(self.base)? >> W::BYTES_LG2).ok()?;
        self.words.get(first..first.checked_add(1_usize.checked_shl(count_lg2)?)?)
    }

    fn address(&self, index: usize) -> Oa {
        Oa::new(self.base + ((index as u64) << W::BYTES_LG2))
    }

    fn word(&self, index: usize) -> usize {
        let word: u64 = W::load(&self.words[index], Ordering::Relaxed).into();
        usize::try_from(word).unwrap_or(usize::MAX)
    }

    fn set_word(&self, index: usize, value: usize) {
        W::store(&self.words[index], W::truncate(value as u64), Ordering::Relaxed);
    }

    /// Takes a frame of just this kind off the list of those that came back.
    fn reuse(&self, kind: usize) -> Option<usize> {
        let (mut before, mut at) = (None, self.free.get());
        while at != 0 && at < self.words.len() {
            let next = self.word(at - 1);
            if self.word(at) == kind {
                match before {
                    None => self.free.set(next),
                    Some(before) => self.set_word(before - 1, next),
                }
                return Some(at - 1);
            }
            (before, at) = (Some(at), next);
        }
        None
    }

    /// Cuts a new frame off.
    fn cut(&self, bytes_lg2: u32, align_lg2: u32) -> Option<usize> {
        let align = 1_u64.checked_shl(align_lg2)?;
        let start = self.address(self.next.get()).get().checked_add(align - 1)? & !(align - 1);
        let index = usize::try_from((start - self.base) >> W::BYTES_LG2).ok()?;
        let end = index.checked_add(1_usize.checked_shl(bytes_lg2.checked_sub(W::BYTES_LG2)?)?)?;
        if end > self.words.len() {
            return None;
        }
        self.next.set(end);
        Some(index)
    }
}

/// Frames have room for the two words of the list.
fn at_least_two_words<W: Word>(bytes_lg2: u32) -> u32 {
    bytes_lg2.max(W::BYTES_LG2 + 1)
}

impl<W: Word> fmt::Debug for Arena<'_, W> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = (self.words.len() as u64) << W::BYTES_LG2;
        write!(out, "Arena({:#x}, {bytes:#x} bytes, {} frames handed out)", self.base, self.frames.get())
    }
}

// SAFETY: 1. the address determines the words; 2. all accesses go through this value, which belongs to one thread.
unsafe impl<U: Word> Memory for Arena<'_, U> {
    /// Checks the address: it may be any.
    #[inline]
    unsafe fn with<W: Word, R>(
        &self,
        address: Oa,
        count_lg2: u32,
        use_words: impl FnOnce(&[W::Atomic]) -> R,
    ) -> Result<R, MemoryError> {
        let fail = |reason| MemoryError { address, reason };
        let words = self.cells(address, count_lg2).ok_or(fail(MemoryReason::Outside))?;
        let words = W::cells_of::<U>(words).ok_or(fail(MemoryReason::WordWidth))?;
        Ok(use_words(words))
    }
}

// SAFETY: a frame is cut off what has not been handed out, or is one that came back; it lies in the memory.
unsafe impl<W: Word> Frames for &Arena<'_, W> {
    fn allocate(&mut self, shape: TableShape) -> Option<Frame> {
        let bytes_lg2 = at_least_two_words::<W>(shape.bytes_lg2);
        let kind = (bytes_lg2 << 8 | shape.align_lg2) as usize;
        let index = self.reuse(kind).or_else(|| self.cut(bytes_lg2, shape.align_lg2))?;
        self.frames.set(self.frames.get() + 1);
        // SAFETY: the words are handed out to nobody else until they are given back.
        Some(unsafe { Frame::new(self.address(index), shape) })
    }

    fn free(&mut self, frame: Frame) {
        let TableShape { bytes_lg2, align_lg2, .. } = frame.shape();
        let bytes_lg2 = at_least_two_words::<W>(bytes_lg2);
        if self.cells(frame.address(), bytes_lg2 - W::BYTES_LG2).is_none() {
            return;
        }
        let index = ((frame.address().get() - self.base) >> W::BYTES_LG2) as usize;
        self.set_word(index, self.free.get());
        self.set_word(index + 1, (bytes_lg2 << 8 | align_lg2) as usize);
        self.free.set(index + 1);
        self.frames.set(self.frames.get().saturating_sub(1));
    }
}
