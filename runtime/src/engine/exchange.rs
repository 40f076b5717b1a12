//! What an instruction is told that replaces a live entry.

use crate::engine::unlink::slot_of;
use crate::error::Error;
use crate::flush::{Exchange, Tlb};
use crate::format::{ChangeKind, Level, WordOf};
use crate::tables::span::{Span, all_sizes, va, va_range};
use crate::tables::table::Table;
use crate::tables::word::Word;

/// What an instruction is told to replace the word in the slot of `at`.
pub(crate) fn exchange_of<L: Level>(
    f: L::Format,
    table: Table<L>,
    at: u64,
    old: WordOf<L>,
    new: WordOf<L>,
) -> Exchange {
    let Span { first, last } = slot_of::<L>(f, at);
    let range = va_range(f, first, last);
    Exchange {
        slot: table.address_of(f, at),
        level: L::NUMBER,
        range,
        old: old.into(),
        new: new.into(),
        leaf_sizes: all_sizes::<L>(f),
        tables: L::is_table(f, old) || L::is_table(f, new),
    }
}

/// Replaces `w`, which points to a table, in the slot of `at`. Nobody else changes such a word, except for what the machine
/// records in it.
///
/// # Errors
///
/// [`Error::NeedsInstruction`] with this kind if the instruction does not replace what is there.
pub(crate) fn exchange_table<L: Level, T: Tlb>(
    f: L::Format,
    (table, at): (Table<L>, u64),
    w: WordOf<L>,
    new: WordOf<L>,
    kind: ChangeKind,
    tlb: &mut T,
) -> Result<(), Error> {
    let mut old = w;
    loop {
        let Err(now) = tlb.exchange(&exchange_of(f, table, at, old, new)) else { return Ok(()) };
        let now = WordOf::<L>::truncate(now);
        if now == old || !L::is_table(f, now) || L::table_address(f, now) != L::table_address(f, w) {
            return Err(Error::NeedsInstruction { va: va(f, slot_of::<L>(f, at).first), kind });
        }
        old = now;
    }
}
