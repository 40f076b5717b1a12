//! Whose a table is: said by software's bits in the word that points to it.
//!
//! The lowest bit of [`Level::table_software`] says that the table is pinned: it stays when it is empty. The next one says
//! that it is foreign, another root's or shared with one: it is neither changed nor given back through this root. Where
//! a format has no such bits, no table is either.

use crate::format::{Level, WordOf};
use crate::tables::word::Word;

/// The bit that says that a table is pinned; zero if there is none.
#[inline(always)]
pub(crate) fn pinned_bit<L: Level>(f: L::Format) -> WordOf<L> {
    let bits: u64 = L::table_software(f).into();
    WordOf::<L>::truncate(bits & bits.wrapping_neg())
}

/// The bit that says that a table is foreign; zero if there is none.
#[inline(always)]
pub(crate) fn foreign_bit<L: Level>(f: L::Format) -> WordOf<L> {
    let bits: u64 = L::table_software(f).into();
    let others = bits & bits.wrapping_sub(1);
    WordOf::<L>::truncate(others & others.wrapping_neg())
}

/// Whether the table that the table word `w` points to stays when it is empty.
#[inline(always)]
pub(crate) fn is_pinned<L: Level>(f: L::Format, w: WordOf<L>) -> bool {
    w & pinned_bit::<L>(f) != WordOf::<L>::ZERO
}

/// Whether the table that the table word `w` points to is another root's, or shared with one.
#[inline(always)]
pub(crate) fn is_foreign<L: Level>(f: L::Format, w: WordOf<L>) -> bool {
    w & foreign_bit::<L>(f) != WordOf::<L>::ZERO
}
