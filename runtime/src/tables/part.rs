//! Tables of which only a part is there: readers see the other slots as holes. Whoever changes tables [looks for
//! them](super::skips) first, and changes nothing in them.

#![expect(unsafe_code, reason = "addresses in entries become words")]

use core::marker::PhantomData;

use crate::address::Oa;
use crate::atomic::Ordering;
use crate::error::MemoryError;
use crate::format::{Level, WordOf};
use crate::memory::Memory;
use crate::tables::span::{index, low};
use crate::tables::table::in_order;
use crate::tables::word::Word;

/// A table of level `L` of which perhaps only a part is there.
pub(crate) struct Part<L> {
    /// Where the first slot would be.
    address: Oa,
    /// The first slot that is there.
    first: u64,
    /// The last.
    last: u64,
    level: PhantomData<fn() -> L>,
}

impl<L: Level> Part<L> {
    /// The table that the word `w` of the level above points to, a [part](Level::is_part).
    #[inline]
    pub(crate) fn below<A: Level<Format = L::Format, Below = L>>(f: L::Format, w: WordOf<A>) -> Self {
        let (first, last) = (A::part_first(f, w), A::part_last(f, w).min(low(L::index_bits(f))));
        Self { address: Oa::new(A::table_address(f, w)), first, last, level: PhantomData }
    }

    /// The word for position (or VA) `at`, with everything that was written before it was; `None` if there is no such
    /// slot.
    #[inline]
    pub(crate) fn read<M: Memory>(&self, f: L::Format, memory: &M, at: u64) -> Result<Option<WordOf<L>>, MemoryError> {
        let number = index::<L>(f, at) as u64;
        if number < self.first || number > self.last {
            return Ok(None);
        }
        let slot = Oa::new(self.address.get().wrapping_add(number << WordOf::<L>::BYTES_LG2));
        // SAFETY: the word that this was made of says that this slot is there, and it stands in a table of which holds what
        // `Table::open` relies on.
        unsafe {
            memory.with::<WordOf<L>, _>(slot, 0, |words| {
                Some(in_order(f, WordOf::<L>::load(&words[0], Ordering::Acquire)))
            })
        }
    }
}
