//! Every leaf under a root, in the order of the VA.

use std::ops::ControlFlow;

use crate::model::Format;

use super::attributes::{Attributes, attributes, effective};
use super::classify::{Class, classify};
use super::translate::{Fault, Leaf, Target, above, canonical_range, last, load, reach, targets};
use super::{Words, bits};

/// What is found on the way through all tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// One slot with a translation. Each slot of a run is found by itself, with the size of the whole run.
    Leaf {
        /// The first VA of the slot.
        va: u64,
        /// The OA of that VA.
        oa: u64,
        /// lg2 of the bytes that the slot translates.
        slot_lg2: u32,
        /// The leaf, as `translate` tells it for that VA.
        leaf: Leaf,
    },
    /// A slot without one, for another reason than being absent.
    Fault {
        /// The first VA of the slot.
        va: u64,
        /// lg2 of the bytes that the slot would translate.
        slot_lg2: u32,
        /// The level (index).
        level: usize,
        /// Why.
        fault: Fault,
    },
    /// A table that is one of its own ancestors; it is not followed.
    Cycle {
        /// The first VA of the slot that points to it.
        va: u64,
        /// The level (index) of that slot.
        level: usize,
        /// Where the table begins.
        address: u64,
    },
}

/// Visits everything that is not absent under the root of a range (an index into `Format::ranges`), in the order of the
/// VA. The visitor may stop; what it stops with is returned.
pub fn mappings<W: Words + ?Sized, B>(
    format: &Format,
    range: usize,
    words: &W,
    root: u64,
    visitor: &mut dyn FnMut(Found) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let Some(known) = format.ranges.get(range) else { return ControlFlow::Continue(()) };
    let mut tour = Tour { format, range, words, visitor, ancestors: Vec::new(), above: Vec::new() };
    let table = Target { level: known.root, address: root, first_slot: 0, last_slot: last(known.root_index_bits) };
    tour.table(&[table], 0, bits::ones(known.width.min(64)))
}

struct Tour<'t, W: ?Sized, B> {
    format: &'t Format,
    range: usize,
    words: &'t W,
    visitor: &'t mut dyn FnMut(Found) -> ControlFlow<B>,
    /// Where the tables that led here begin.
    ancestors: Vec<u64>,
    /// What the table words that led here say.
    above: Vec<Attributes>,
}

impl<W: Words + ?Sized, B> Tour<'_, W, B> {
    /// Visits the slots of the first table for the translated VA bits `first..=end`; what it leaves to the others is
    /// looked up in those.
    fn table(&mut self, tables: &[Target], first: u128, end: u128) -> ControlFlow<B> {
        let Some((table, others)) = tables.split_first() else { return ControlFlow::Continue(()) };
        let Some(level) = self.format.levels.get(table.level) else { return ControlFlow::Continue(()) };
        let shift = level.shift;
        // Where slot 0 is; a root, whose index may have more bits than its level, is entered from there on.
        let base = first & !bits::ones(shift.saturating_add(level.index_bits));
        let slots = (first - base) >> shift..=(end - base) >> shift;
        self.ancestors.push(table.address);
        let mut flow = ControlFlow::Continue(());
        for index in slots {
            let index = u64::try_from(index).unwrap_or(u64::MAX);
            if index < table.first_slot || index > table.last_slot {
                continue;
            }
            let position = base | u128::from(index) << shift;
            flow = self.slot(*table, others, index, position);
            if flow.is_break() {
                break;
            }
        }
        self.ancestors.pop();
        flow
    }

    fn slot(&mut self, table: Target, others: &[Target], index: u64, position: u128) -> ControlFlow<B> {
        let format = self.format;
        let slot_lg2 = format.levels.get(table.level).map_or(0, |level| level.shift);
        let Some(va) = self.va(position) else { return ControlFlow::Continue(()) };
        let word = match load(format, self.words, table.level, table.address, index) {
            Ok(word) => word,
            Err(fault) => return (self.visitor)(Found::Fault { va, slot_lg2, level: table.level, fault }),
        };
        match classify(format, table.level, word) {
            Class::Absent { layout } => {
                if format.layouts.get(layout).is_some_and(|layout| layout.defer) {
                    return self.table(others, position, position | bits::ones(slot_lg2));
                }
                ControlFlow::Continue(())
            }
            Class::Reserved { reason, .. } => {
                (self.visitor)(Found::Fault { va, slot_lg2, level: table.level, fault: Fault::Reserved(reason) })
            }
            Class::Leaf { layout } => self.leaf(table.level, layout, word, va, slot_lg2),
            Class::Table { layout } => self.children(table.level, layout, word, position),
        }
    }

    fn leaf(&mut self, level: usize, layout: usize, word: u128, va: u64, slot_lg2: u32) -> ControlFlow<B> {
        let reach = match reach(self.format, level, layout, word, va) {
            Ok(reach) => reach,
            Err(fault) => return (self.visitor)(Found::Fault { va, slot_lg2, level, fault }),
        };
        let own = attributes(self.format, layout, word);
        let inside = u128::from(va) & bits::ones(reach.size_lg2);
        let oa = u64::try_from(reach.oa | inside).unwrap_or(u64::MAX);
        let leaf = Leaf {
            oa,
            va: va & !u64::try_from(bits::ones(reach.size_lg2.min(64))).unwrap_or(u64::MAX),
            size_lg2: reach.size_lg2,
            level,
            layout,
            word,
            attributes: effective(self.format, &own, &self.above),
            own,
        };
        (self.visitor)(Found::Leaf { va, oa, slot_lg2, leaf })
    }

    fn children(&mut self, level: usize, layout: usize, word: u128, position: u128) -> ControlFlow<B> {
        let format = self.format;
        let slot_lg2 = format.levels.get(level).map_or(0, |level| level.shift);
        let mut tables = targets(format, level, layout, word);
        tables.retain(|table| table.level > level);
        for table in &tables {
            if self.ancestors.contains(&table.address) {
                let va = self.va(position).unwrap_or(0);
                return (self.visitor)(Found::Cycle { va, level, address: table.address });
            }
        }
        let Some(child) = tables.first().and_then(|table| format.levels.get(table.level)) else {
            return ControlFlow::Continue(());
        };
        // Where levels are skipped, the child translates only the start of the slot.
        let reach = slot_lg2.min(child.shift + child.index_bits);
        self.above.push(attributes(format, layout, word));
        let flow = self.table(&tables, position, position | bits::ones(reach));
        self.above.pop();
        flow
    }

    /// The VA whose translated bits these are, if this range translates it.
    fn va(&self, position: u128) -> Option<u64> {
        let range = self.format.ranges.get(self.range)?;
        let va = u64::try_from(position | above(range, position)).ok()?;
        (canonical_range(self.format, va) == Some(self.range)).then_some(va)
    }
}
