//! All tables visible at once, at a constant distance from their addresses.

#![expect(unsafe_code, reason = "addresses become references")]

use core::ptr;
use core::slice;

use super::Memory;
use crate::address::Oa;
use crate::error::MemoryError;
use crate::tables::word::Word;

/// Table memory that is visible at its address plus a constant, as in a kernel's direct map.
#[derive(Clone, Copy, Debug)]
pub struct DirectMap {
    offset: usize,
}

impl DirectMap {
    /// Memory where the table at `address` is visible at `address + offset` (modulo the size of the address space).
    ///
    /// # Safety
    ///
    /// For as long as the value or a copy of it exists, every table of every tree that is used with it, and every
    /// frame from every source that is used with it, is visible there, readable and writable, aligned to its words,
    /// and accessed by nobody but this library and machines that walk tables, and through atomics by others.
    #[must_use]
    pub const unsafe fn new(offset: usize) -> Self {
        Self { offset }
    }
}

// SAFETY: 1. the address determines the words, at a constant distance; 2. is promised by the caller of `new`.
unsafe impl Memory for DirectMap {
    #[inline(always)]
    unsafe fn with<W: Word, R>(
        &self,
        address: Oa,
        count_lg2: u32,
        use_words: impl FnOnce(&[W::Atomic]) -> R,
    ) -> Result<R, MemoryError> {
        #[expect(clippy::cast_possible_truncation, reason = "an address that does not fit breaks the promise")]
        let at = (address.get() as usize).wrapping_add(self.offset);
        let first = ptr::with_exposed_provenance::<W::Atomic>(at);
        // SAFETY: the caller promises a table or frame of this size, and the caller of `new` that it is visible there,
        // aligned, and accessed as atomics may be.
        let words = unsafe { slice::from_raw_parts(first, 1 << count_lg2) };
        Ok(use_words(words))
    }
}

/// Table memory that is visible at its address.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    direct: DirectMap,
}

impl Identity {
    /// Memory where the table at `address` is visible at `address`.
    ///
    /// # Safety
    ///
    /// As for [`DirectMap::new`] with an offset of zero.
    #[must_use]
    pub const unsafe fn new() -> Self {
        // SAFETY: the caller promises just this.
        Self { direct: unsafe { DirectMap::new(0) } }
    }
}

// SAFETY: as for the direct map, which does the work.
unsafe impl Memory for Identity {
    #[inline(always)]
    unsafe fn with<W: Word, R>(
        &self,
        address: Oa,
        count_lg2: u32,
        use_words: impl FnOnce(&[W::Atomic]) -> R,
    ) -> Result<R, MemoryError> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { self.direct.with::<W, R>(address, count_lg2, use_words) }
    }
}
