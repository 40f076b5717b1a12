//! Memory of somebody else, where any address may be invalid and any word may change.

#![expect(unsafe_code, reason = "implements an unsafe trait, with safe means")]

use core::cell::Cell;
use core::marker::PhantomData;

use super::Memory;
use crate::address::Oa;
use crate::error::{MemoryError, MemoryReason};
use crate::tables::word::Word;

/// Table memory of a guest: every address is checked, and one operation looks at tables a bounded number of times.
///
/// `find` is called with an address and a count of words, and returns just these if the guest has them. Whatever the
/// tables say, an operation ends; tables that point to themselves run into the bound.
///
/// ```
/// use core::sync::atomic::AtomicU64;
/// use ptgen::Guest;
///
/// let ram: Vec<AtomicU64> = (0..0x2000).map(AtomicU64::new).collect();    // at address 0
/// let guest = Guest::<u64, _>::new(
///     |address, words| {
///         let first = usize::try_from(address.get() / 8).ok()?;
///         ram.get(first..first.checked_add(words)?)
///     },
///     10_000,
/// );
/// # drop(guest);
/// ```
#[derive(Debug)]
pub struct Guest<W, F> {
    find: F,
    most: usize,
    left: Cell<usize>,
    words: PhantomData<fn() -> W>,
}

impl<'a, W: Word, F: Fn(Oa, usize) -> Option<&'a [W::Atomic]>> Guest<W, F> {
    /// The memory in which `find` finds words, where one operation looks at tables up to `most` times: a translation
    /// once for each level, a walk once for each leaf and twice for each table, and once for each slot of a table of
    /// which only a part is there.
    pub const fn new(find: F, most: usize) -> Self {
        Self { find, most, left: Cell::new(most), words: PhantomData }
    }
}

// SAFETY: 1. is up to `find`, and nothing is unsafe about words that are not the right ones, for they are given as
// references; 2. is not claimed, as `SHARED` says.
unsafe impl<'a, U: Word, F: Fn(Oa, usize) -> Option<&'a [U::Atomic]>> Memory for Guest<U, F> {
    const SHARED: bool = true;

    /// Checks the address: it may be any.
    unsafe fn with<W: Word, R>(
        &self,
        address: Oa,
        count_lg2: u32,
        use_words: impl FnOnce(&[W::Atomic]) -> R,
    ) -> Result<R, MemoryError> {
        let fail = |reason| MemoryError { address, reason };
        let left = self.left.get().checked_sub(1).ok_or(fail(MemoryReason::TooManyTables))?;
        self.left.set(left);
        let count = 1_usize.checked_shl(count_lg2).ok_or(fail(MemoryReason::Outside))?;
        if !address.is_aligned(W::BYTES_LG2) {
            return Err(fail(MemoryReason::Outside));
        }
        let words = (self.find)(address, count).filter(|words| words.len() == count);
        let words = words.ok_or(fail(MemoryReason::Outside))?;
        let words = W::cells_of::<U>(words).ok_or(fail(MemoryReason::WordWidth))?;
        Ok(use_words(words))
    }

    fn begin(&self) {
        self.left.set(self.most);
    }

    fn commit(&self) {
        self.left.set(usize::MAX);
    }
}
