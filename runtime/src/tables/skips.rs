//! Pointers that skip levels, and those to tables of which only a [part](super::part) is there.
//!
//! Nothing here builds them. Readers follow them; whoever changes tables looks for them first, where a format can have
//! them, and names the one that is in the way: between the ends of the one there is no table in which a second leaf could
//! stand, and the other has perhaps no memory for it. Where there can be neither, none of this is compiled.

use crate::address::Oa;
use crate::engine::ownership::is_foreign;
use crate::error::Error;
use crate::format::{Format, Level, WordOf};
use crate::memory::Memory;
use crate::tables::span::{Span, index, low, slot_last, va};
use crate::tables::table::Table;

/// Something to be done in the table to which a pointer leads that skips levels.
pub(crate) trait Landing<F: Format> {
    /// What comes of it.
    type Output;

    /// Does it.
    fn land<L: Level<Format = F>>(self, table: Table<L>) -> Self::Output;
}

/// Follows the word `w` of level `A`, which skips levels. `None` if one of the skipped bits of `position` is set: nothing is
/// translated there.
#[inline(never)]
pub(crate) fn follow<A: Level, V: Landing<A::Format>>(
    f: A::Format,
    w: WordOf<A>,
    position: u64,
    landing: V,
) -> Option<V::Output> {
    down::<A::Below, V>(f, A::child(f, w), Oa::new(A::table_address(f, w)), position, landing)
}

fn down<L: Level, V: Landing<L::Format>>(
    f: L::Format,
    child: u8,
    address: Oa,
    position: u64,
    landing: V,
) -> Option<V::Output> {
    if L::IS_FLOOR {
        return None;
    }
    if L::NUMBER <= child {
        return Some(landing.land(Table::<L>::at(address)));
    }
    if index::<L>(f, position) != 0 {
        return None;
    }
    down::<L::Below, V>(f, child, address, position, landing)
}

/// Whether a word of level `L` or below can skip levels, or point to a part of a table.
const fn can_skip<L: Level>() -> bool {
    !L::IS_FLOOR && (L::SKIPS || L::HAS_PARTS || can_skip::<L::Below>())
}

/// Whether `w` is such a word.
#[inline(always)]
fn is_odd<L: Level>(f: L::Format, w: WordOf<L>) -> bool {
    L::SKIPS && L::is_skip(f, w) || L::HAS_PARTS && L::is_part(f, w)
}

/// Refuses a span in which a pointer skips levels, or only a part of a table is there.
pub(crate) fn refuse_skips<L: Level, M: Memory>(f: L::Format, memory: &M, root: Oa, span: Span) -> Result<(), Error> {
    if const { !can_skip::<L>() } {
        return Ok(());
    }
    memory.begin();
    refuse_below(f, memory, Table::<L>::at(root), span)
}

fn refuse_below<L: Level, M: Memory>(f: L::Format, memory: &M, table: Table<L>, span: Span) -> Result<(), Error> {
    if const { !can_skip::<L>() } {
        return Ok(());
    }
    let mut at = span.first;
    loop {
        let found = table.open(f, memory, |slots| {
            loop {
                let w = slots.get_acquire(index::<L>(f, at));
                if L::is_table(f, w) && !is_foreign::<L>(f, w) || is_odd::<L>(f, w) {
                    return Some(w);
                }
                let last = slot_last::<L>(f, at);
                if last >= span.last {
                    return None;
                }
                at = last + 1;
            }
        })?;
        let Some(w) = found else { return Ok(()) };
        if is_odd::<L>(f, w) {
            return Err(unfit::<L>(f, w, at));
        }
        let last = slot_last::<L>(f, at).min(span.last);
        refuse_below(f, memory, Table::below::<L>(f, w), Span { first: at, last })?;
        if last == span.last {
            return Ok(());
        }
        at = last + 1;
    }
}

/// The error for a word with which nothing can be done: it skips levels, or only a part is there of its table, or the format
/// forbids it.
#[cold]
pub(crate) fn unfit<L: Level>(f: L::Format, w: WordOf<L>, at: u64) -> Error {
    if L::SKIPS && L::is_skip(f, w) {
        return Error::SkippedLevels { va: va(f, at & !low(L::shift(f))), level: L::NUMBER };
    }
    if L::HAS_PARTS && L::is_part(f, w) {
        return Error::PartialTable { va: va(f, at & !low(L::shift(f))) };
    }
    Error::Reserved { va: va(f, at), level: L::NUMBER, word: w.into() }
}
