//! Entries as the processor sees them, and their atomic twins in memory.

#![expect(
    unsafe_code,
    reason = "a slice of words seen as a slice of words of the same width; stores to private tables"
)]

use core::fmt;
use core::hash::Hash;
use core::ops::{BitAnd, BitOr, BitXor, Not, Shl, Shr};

use crate::atomic::{AtomicU32, AtomicU64, Ordering};

/// An unsigned integer as wide as an entry.
///
/// Sealed: there is one word of each width, and its atomic twin has the same layout.
pub trait Word:
    sealed::Sealed
    + Copy
    + Ord
    + Hash
    + Default
    + fmt::Debug
    + fmt::LowerHex
    + fmt::UpperHex
    + fmt::Binary
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitXor<Output = Self>
    + Not<Output = Self>
    + Shl<u32, Output = Self>
    + Shr<u32, Output = Self>
    + From<u8>
    + Into<u64>
    + Send
    + Sync
    + 'static
{
    /// The word in memory, where others may look at it at any time.
    type Atomic: fmt::Debug + Send + Sync + 'static;

    /// How many bits it has.
    const BITS: u32;
    /// lg2 of how many bytes it has.
    const BYTES_LG2: u32;
    /// No bit set.
    const ZERO: Self;

    /// The lowest bits of `value`.
    fn truncate(value: u64) -> Self;

    /// Reads the word in memory.
    fn load(cell: &Self::Atomic, ordering: Ordering) -> Self;

    /// Writes the word in memory.
    fn store(cell: &Self::Atomic, word: Self, ordering: Ordering);

    /// Writes `new` if the word in memory is `old`.
    ///
    /// # Errors
    ///
    /// What the word is instead.
    fn exchange(cell: &Self::Atomic, old: Self, new: Self) -> Result<(), Self>;

    /// Writes the word in memory with a plain store, which the compiler may merge with others.
    ///
    /// # Safety
    ///
    /// Nobody else accesses the word meanwhile.
    #[doc(hidden)]
    unsafe fn store_private(cell: &Self::Atomic, word: Self);

    /// The word with its bytes in the other order.
    #[must_use]
    fn swap(self) -> Self;

    /// `words` as words in memory. None if they are not aligned as those must be.
    #[cfg(not(ptgen_loom))]
    #[inline]
    fn cells(words: &mut [Self]) -> Option<&[Self::Atomic]> {
        let (first, len) = (words.as_mut_ptr().cast::<Self::Atomic>(), words.len());
        if !first.is_aligned() {
            return None;
        }
        // SAFETY: an atomic has the size and the bits of its integer, the pointer is aligned, and the exclusive borrow
        // of the integers lives on in the slice, so that nobody else sees them as integers meanwhile.
        Some(unsafe { core::slice::from_raw_parts(first, len) })
    }

    /// `cells` if they are of this width: how a memory of 64-bit words serves formats of 64-bit words and no others.
    #[inline(always)]
    fn cells_of<W: Word>(cells: &[W::Atomic]) -> Option<&[Self::Atomic]> {
        if W::BITS != Self::BITS {
            return None;
        }
        let (first, len) = (cells.as_ptr().cast::<Self::Atomic>(), cells.len());
        // SAFETY: the trait is sealed and has one implementation for each width, so the types are the same one, and
        // the slice with it.
        Some(unsafe { core::slice::from_raw_parts(first, len) })
    }
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! word {
    ($word:ty, $atomic:ty, $bytes_lg2:literal) => {
        impl sealed::Sealed for $word {}

        impl Word for $word {
            type Atomic = $atomic;

            const BITS: u32 = 8 << $bytes_lg2;
            const BYTES_LG2: u32 = $bytes_lg2;
            const ZERO: Self = 0;

            #[inline(always)]
            fn truncate(value: u64) -> Self {
                #[expect(clippy::allow_attributes, reason = "the cast does nothing for one of the widths")]
                #[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast, reason = "the purpose")]
                let word = value as Self;
                word
            }

            #[inline(always)]
            fn load(cell: &$atomic, ordering: Ordering) -> Self {
                cell.load(ordering)
            }

            #[inline(always)]
            fn store(cell: &$atomic, word: Self, ordering: Ordering) {
                cell.store(word, ordering);
            }

            #[inline]
            fn exchange(cell: &$atomic, old: Self, new: Self) -> Result<(), Self> {
                cell.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire).map(drop)
            }

            #[cfg(ptgen_loom)]
            unsafe fn store_private(cell: &$atomic, word: Self) {
                cell.store(word, Ordering::Relaxed);
            }

            #[cfg(not(ptgen_loom))]
            #[inline(always)]
            unsafe fn store_private(cell: &$atomic, word: Self) {
                #[cfg(ptgen_watched)]
                cell.store_private(word);
                #[cfg(not(ptgen_watched))]
                // SAFETY: the pointer comes from a reference to an atomic, whose interior may be written through it,
                // and the caller promises that no other access happens meanwhile.
                unsafe {
                    cell.as_ptr().write(word)
                }
            }

            #[inline(always)]
            fn swap(self) -> Self {
                self.swap_bytes()
            }
        }
    };
}

word!(u32, AtomicU32, 2);
word!(u64, AtomicU64, 3);
