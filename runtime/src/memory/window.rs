//! One window through which one table at a time is visible: before there is a direct map.

#![expect(unsafe_code, reason = "the window is a raw address")]

use core::cell::Cell;
use core::ptr::NonNull;
use core::slice;

use super::Memory;
use crate::address::Oa;
use crate::error::{MemoryError, MemoryReason};
use crate::tables::word::Word;

/// Table memory seen through one window that a callback moves.
///
/// The callback is called with the address, aligned to the window's size, of what has to be visible next, and says
/// whether it is. It is not called when that is visible already.
#[derive(Debug)]
pub struct Window<F> {
    at: NonNull<u8>,
    bytes_lg2: u32,
    show: F,
    shown: Cell<Option<u64>>,
    busy: Cell<bool>,
}

impl<F: Fn(Oa) -> bool> Window<F> {
    /// A window of `2^bytes_lg2` bytes at `at`.
    ///
    /// # Safety
    ///
    /// `at` is aligned to the size of the window. When `show` has returned true for an address, the memory there is
    /// visible in the window, readable and writable, until `show` is called again, and nobody else moves the window.
    /// All tables and frames used with it are accessed by nobody but this library and machines that walk tables, and
    /// through atomics by others.
    pub const unsafe fn new(at: NonNull<u8>, bytes_lg2: u32, show: F) -> Self {
        Self { at, bytes_lg2, show, shown: Cell::new(None), busy: Cell::new(false) }
    }

    /// Forgets what is visible: the window has been used for something else.
    pub fn forget(&self) {
        self.shown.set(None);
    }
}

/// Marks the window as free again when the words are not used any more, be it by a panic.
struct Use<'a>(&'a Cell<bool>);

impl Drop for Use<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

// SAFETY: 1. the callback shows what stands at the address; 2. is promised by the caller of `new`.
unsafe impl<F: Fn(Oa) -> bool> Memory for Window<F> {
    unsafe fn with<W: Word, R>(
        &self,
        address: Oa,
        count_lg2: u32,
        use_words: impl FnOnce(&[W::Atomic]) -> R,
    ) -> Result<R, MemoryError> {
        let fail = |reason| Err(MemoryError { address, reason });
        let size = 1_u64 << self.bytes_lg2;
        let (base, offset) = (address.get() & !(size - 1), address.get() & (size - 1));
        let fits = (1_u64 << (count_lg2 + W::BYTES_LG2)) <= size - offset;
        if !fits || !address.is_aligned(W::BYTES_LG2) {
            return fail(MemoryReason::Outside);
        }
        if self.busy.replace(true) {
            return fail(MemoryReason::Busy);
        }
        let _use = Use(&self.busy);
        if self.shown.get() != Some(base) {
            self.shown.set(None);
            if !(self.show)(Oa::new(base)) {
                return fail(MemoryReason::Outside);
            }
            self.shown.set(Some(base));
        }
        #[expect(clippy::cast_possible_truncation, reason = "less than the size of the window")]
        // SAFETY: the offset is within the window.
        let first = unsafe { self.at.add(offset as usize) }.cast::<W::Atomic>();
        // SAFETY: the table lies within the window, aligned, and the window shows it until the next call, which `busy`
        // keeps from happening while the words are in use.
        let words = unsafe { slice::from_raw_parts(first.as_ptr(), 1 << count_lg2) };
        Ok(use_words(words))
    }
}
