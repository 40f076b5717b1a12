//! Taking down what was built and could not be linked, because somebody else was first.

use crate::address::Oa;
use crate::engine::reserve::Reserve;
use crate::error::Error;
use crate::format::Level;
use crate::memory::Memory;
use crate::tables::table::NewTable;

/// Puts the frames of a table that nobody else knows of, and of those below it, back into the reserve.
pub(crate) fn take_down<L: Level, M: Memory>(
    f: L::Format,
    memory: &M,
    table: NewTable<L>,
    reserve: &mut Reserve,
) -> Result<(), Error> {
    if L::IS_FLOOR {
        return Ok(());
    }
    if L::HAS_TABLES {
        take_down_below(f, memory, &table, reserve)?;
    }
    reserve.put(f, memory, table)
}

/// Puts the frames of the tables below `table` back.
fn take_down_below<L: Level, M: Memory>(
    f: L::Format,
    memory: &M,
    table: &NewTable<L>,
    reserve: &mut Reserve,
) -> Result<(), Error> {
    let mut from = 0;
    loop {
        let found = table.open(f, memory, |slots| {
            (from..slots.len()).find_map(|slot| {
                let w = slots.get(slot);
                L::is_table(f, w).then_some((slot, w))
            })
        })?;
        let Some((slot, w)) = found else { return Ok(()) };
        let child = NewTable::<L::Below>::in_frame(Oa::new(L::table_address(f, w)));
        take_down(f, memory, child, reserve)?;
        from = slot + 1;
    }
}
