//! Where things stand in a machine's memory: tables first, then pages.

use std::ops::Range;

use ptgen::Arena;
use ptgen_machines::{Access, Image, Machine};

use super::processor::Processor;

/// Bytes for tables.
const TABLES: u64 = 12 << 20;

/// Bytes of a word of a table, in all formats that machines here walk.
const WORD: u64 = 8;

/// The memory of a machine, divided.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    /// Where tables stand.
    pub(super) tables: Range<u64>,
    /// Where pages are that probes may reach.
    pub(super) pages: Range<u64>,
    /// Whether the machine also says where a read or write went that left the memory.
    pub(super) beyond: bool,
    /// From where on the machine says that there is nothing.
    nothing: Option<u64>,
}

impl Ground {
    pub(super) fn of<R: Processor>(machine: &dyn Machine, processor: &R) -> Self {
        let Range { start, end } = machine.memory();
        let pages = start + TABLES..end;
        Self { tables: start..pages.start, pages, beyond: machine.reaches_any_oa(), nothing: processor.nothing_from() }
    }

    /// Words for an [`Arena`] that has the tables.
    pub(super) fn words(&self) -> Vec<u64> {
        vec![0; ((self.tables.end - self.tables.start) / WORD) as usize]
    }

    /// From where on OAs outside the memory can be told, if the machine tells anything about them.
    pub(super) fn far(&self) -> Option<u64> {
        if self.beyond { Some(self.pages.end) } else { self.nothing }
    }

    /// Whether a probe that is led to `oa` does no harm there, and the machine says where it was led.
    pub(super) fn can_be_reached(&self, oa: u64, access: Access) -> bool {
        self.pages.contains(&oa) || self.beyond && access != Access::Fetch && oa >= self.pages.end
    }

    /// The addresses of all words of tables.
    pub(super) fn addresses(&self) -> impl Iterator<Item = u64> + use<> {
        self.tables.clone().step_by(WORD as usize)
    }

    /// Brings the tables into the machine's memory.
    pub(super) fn copy(&self, arena: &Arena<'_, u64>, image: &Image) {
        for address in self.addresses() {
            let word = arena.read(address).expect("the arena has all tables");
            if image.read_u64(address) != word {
                image.write_u64(address, word);
            }
        }
    }
}
