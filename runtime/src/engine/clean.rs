//! Writing tables back out of the caches, for machines whose walkers do not look into them.
//!
//! A new table is cleaned before it is linked, and the word that links it after it has been stored. For every other
//! format there is nothing here to execute.

use crate::format::{Format, Level, WordOf};
use crate::memory::Memory;
use crate::tables::span::{Span, index, low};
use crate::tables::table::{NewTable, Table};
use crate::tables::word::Word;

/// Cleans the slots for `span`, which have been written.
#[inline(always)]
pub(crate) fn clean_slots<L: Level, M: Memory>(f: L::Format, memory: &M, table: Table<L>, span: Span) {
    if f.cleans() {
        let (first, last) = (index::<L>(f, span.first) as u64, index::<L>(f, span.last) as u64);
        let word_lg2 = WordOf::<L>::BYTES_LG2;
        memory.clean(table.address() + (first << word_lg2), (last + 1 - first) << word_lg2);
    }
}

/// As [`clean_slots`], with the rest of the runs of which a part is in `span`: they may have been taken apart.
#[inline(always)]
pub(crate) fn clean_runs<L: Level, M: Memory>(f: L::Format, memory: &M, table: Table<L>, span: Span) {
    if f.cleans() {
        let run = low(L::leaf_sizes(f).largest_up_to(63).unwrap_or(0).max(L::shift(f)));
        clean_slots(f, memory, table, Span { first: span.first & !run, last: span.last | run });
    }
}

/// Cleans a new table, which is complete.
#[inline(always)]
pub(crate) fn clean_new<L: Level, M: Memory>(f: L::Format, memory: &M, table: &NewTable<L>) {
    if f.cleans() {
        memory.clean(table.address(), 1 << (L::index_bits(f) + WordOf::<L>::BYTES_LG2));
    }
}
