//! Where things stand in a machine's memory: tables first, then pages.

use std::ops::Range;

use ptgen::{Arena, Format, PageTable, VaRange, Word};
use ptgen_machines::{Access, Image, Machine};

use super::memory::{raw, word_bytes, write_raw};
use super::processor::Processor;
use crate::levels::shapes;

/// Bytes for tables, if these have no more than 4 KiB each; in proportion if they have.
const TABLES_LG2: u32 = 24;

/// lg2 of the most bytes for tables.
const MOST_LG2: u32 = 26;

/// The memory of a machine, divided.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    /// Where tables stand.
    pub(super) tables: Range<u64>,
    /// Where pages are that probes may reach.
    pub(super) pages: Range<u64>,
    /// From where on the machine also says where a read or write went that left the memory, if it does.
    beyond: Option<u64>,
    /// From where on the machine says that there is nothing.
    nothing: Option<u64>,
    /// The last OA that the format and the machine have.
    pub(super) last_oa: u64,
    /// The last VA that the machine can be asked about.
    va_last: u64,
}

impl Ground {
    pub(super) fn of<F: Format, R: Processor>(f: F, machine: &dyn Machine, processor: &R) -> Self {
        let Range { start, end } = machine.memory();
        let largest = shapes(f)[1..].iter().map(|shape| shape.index_bits + F::Word::BYTES_LG2).max().unwrap_or(0);
        let tables_lg2 = (TABLES_LG2 + largest.saturating_sub(12)).min(MOST_LG2);
        let pages = start + (1 << tables_lg2)..end;
        Self {
            tables: start..pages.start,
            pages,
            beyond: machine.reaches_any_oa_from(),
            nothing: processor.nothing_from(),
            last_oa: f.output_last().min(processor.last_oa()),
            va_last: processor.va_last(),
        }
    }

    /// The VA that tables translate, as far as the machine can be asked about them.
    pub(super) fn ranges<P: PageTable>(&self, table: &P) -> Vec<VaRange> {
        let ranges = table.ranges().filter(|range| range.start().get() <= self.va_last);
        ranges.map(|range| VaRange::inclusive(range.start(), range.last().get().min(self.va_last))).collect()
    }

    /// Words for an [`Arena`] that has the tables.
    pub(super) fn words<W: Word>(&self) -> Vec<W> {
        vec![W::ZERO; ((self.tables.end - self.tables.start) / word_bytes::<W>()) as usize]
    }

    /// From where on OAs outside the memory can be told, if the machine tells anything about them.
    pub(super) fn far(&self) -> Option<u64> {
        self.beyond.or(self.nothing)
    }

    /// Whether a probe that is led to `oa` does no harm there, and the machine says where it was led.
    pub(super) fn can_be_reached(&self, oa: u64, access: Access) -> bool {
        self.pages.contains(&oa) || access != Access::Fetch && self.beyond.is_some_and(|from| oa >= from)
    }

    /// The addresses of all words of tables.
    pub(super) fn addresses<W: Word>(&self) -> impl Iterator<Item = u64> + use<W> {
        self.tables.clone().step_by(word_bytes::<W>() as usize)
    }

    /// Brings the tables into the machine's memory.
    pub(super) fn copy<W: Word>(&self, arena: &Arena<'_, W>, image: &Image) {
        for address in self.addresses::<W>() {
            let word = arena.read(address).expect("the arena has all tables");
            if raw::<W>(image, address) != word {
                write_raw(image, address, word);
            }
        }
    }
}
