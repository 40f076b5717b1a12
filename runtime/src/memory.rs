//! How tables are reached.

// Those that see memory as words cannot do so where words are bigger than they look.
#[cfg(not(ptgen_loom))]
mod arena;
#[cfg(not(ptgen_loom))]
mod direct;
mod guest;
#[cfg(all(feature = "vm-memory", not(any(ptgen_loom, ptgen_watched))))]
mod vm;
#[cfg(not(ptgen_loom))]
mod window;

#[cfg(not(ptgen_loom))]
pub use arena::Arena;
#[cfg(not(ptgen_loom))]
pub use direct::{DirectMap, Identity};
pub use guest::Guest;
#[cfg(all(feature = "vm-memory", not(any(ptgen_loom, ptgen_watched))))]
pub use vm::VmMemory;
#[cfg(not(ptgen_loom))]
pub use window::Window;

use crate::address::Oa;
use crate::error::MemoryError;
use crate::tables::word::Word;

/// Memory that holds tables.
///
/// # Safety
///
/// An implementation promises:
///
/// 1. [`with`](Self::with) hands out the words that stand at the address, always the same ones for one address, and
///    different ones for addresses that do not overlap;
/// 2. unless [`SHARED`](Self::SHARED) is true, words in a frame that a source used with this memory has handed out,
///    and that no table points to yet, are accessed by nobody else.
#[expect(unsafe_code, reason = "addresses become words")]
pub unsafe trait Memory {
    /// Whether somebody else may access frames of this memory at any time, as a guest can. New tables are then filled
    /// with atomic stores.
    const SHARED: bool = false;

    /// Calls `use_words` with the `2^count_lg2` words at `address`.
    ///
    /// The engine never calls it again from within `use_words`, so that one window is enough.
    ///
    /// # Errors
    ///
    /// [`MemoryError`] if there is no such memory. `use_words` is not called then.
    ///
    /// # Safety
    ///
    /// There is a table of this size at `address`, or a frame from a source that is used with this memory, unless the
    /// implementation says that it checks addresses.
    unsafe fn with<W: Word, R>(
        &self,
        address: Oa,
        count_lg2: u32,
        use_words: impl FnOnce(&[W::Atomic]) -> R,
    ) -> Result<R, MemoryError>;

    /// Writes what stands in the `bytes` bytes at `address` back to where a walker sees it that does not look into
    /// caches. Called only for formats whose walkers do not ([`Format::cleans`](crate::Format::cleans)): for a new table
    /// before it is linked, and for an entry after it was written. Returns when later stores come after it for the
    /// walker.
    #[inline]
    fn clean(&self, address: Oa, bytes: u64) {
        let _ = (address, bytes);
    }

    /// An operation starts. What a memory counts per operation starts anew.
    #[inline]
    fn begin(&self) {}

    /// The operation has been planned: nothing that it needs may be refused any more for reasons of quantity.
    #[inline]
    fn commit(&self) {}
}

// SAFETY: everything is left to the memory behind the reference, which keeps the promises.
#[expect(unsafe_code, reason = "the same memory behind a reference")]
unsafe impl<M: Memory + ?Sized> Memory for &M {
    const SHARED: bool = M::SHARED;

    #[inline(always)]
    unsafe fn with<W: Word, R>(
        &self,
        address: Oa,
        count_lg2: u32,
        use_words: impl FnOnce(&[W::Atomic]) -> R,
    ) -> Result<R, MemoryError> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { (**self).with::<W, R>(address, count_lg2, use_words) }
    }

    #[inline]
    fn clean(&self, address: Oa, bytes: u64) {
        (**self).clean(address, bytes);
    }

    #[inline]
    fn begin(&self) {
        (**self).begin();
    }

    #[inline]
    fn commit(&self) {
        (**self).commit();
    }
}
