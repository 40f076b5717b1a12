//! All mappings below a root, in the order of VA.

use ptdsl::model::{Extension, Format};
use ptdsl::walk::{Target, canonical_range, targets};

use super::image::Image;
use super::rights::{Inherited, Rights};
use super::stretch::{Merger, Stretch, What};
use super::words::{Class, LeafWord, Words, ones};
use crate::failure::Outcome;

/// What was counted on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tables looked at.
    pub tables: u64,
    /// Leaf entries, each slot of a run counting.
    pub leaves: u64,
    /// Entries that point to a table the walk was in.
    pub recursive: u64,
    /// Entries that point to a table outside the image.
    pub outside: u64,
    /// Words that the machine refuses.
    pub reserved: u64,
    /// Words of runs in slots of others.
    pub misplaced: u64,
    /// The address at which the walk gave up.
    pub gave_up: Option<u64>,
}

/// What a listing needs to know.
pub struct Listing<'a> {
    /// The format.
    pub format: &'a Format,
    /// The format, ready for the walk.
    pub words: &'a Words,
    /// The attributes, ready for the walk.
    pub rights: &'a Rights,
    /// Which of the format's ranges.
    pub range: usize,
    /// The address of the root.
    pub root: u64,
    /// Whether OAs matter.
    pub outputs: bool,
    /// How many tables to look at.
    pub most_tables: u64,
}

impl Listing<'_> {
    /// Lists everything; `progress` learns of every table, with the first of its addresses (not extended).
    pub fn run(
        &self,
        image: &mut Image,
        merger: &mut Merger<'_>,
        progress: &mut dyn FnMut(u64, &Counts),
    ) -> Outcome<Counts> {
        let range = &self.format.ranges[self.range];
        let mut walk = Walk {
            listing: self,
            image,
            merger,
            progress,
            counts: Counts::default(),
            path: Vec::new(),
            spare: Vec::new(),
            last: Last::default(),
        };
        let last_slot = (1u64 << range.root_index_bits.min(40)) - 1;
        let root = Visit {
            table: Target { level: range.root, address: self.root, first_slot: 0, last_slot },
            va: 0,
            others: &[],
            inherited: Inherited::NOTHING,
        };
        walk.table(&root)?;
        Ok(walk.counts)
    }

    /// Whether this range translates an (extended) address: where ranges overlap, the first one that holds it does.
    fn translates(&self, va: u64) -> bool {
        self.format.ranges.len() == 1 || canonical_range(self.format, va) == Some(self.range)
    }

    /// The address with what the range demands above its translated bits.
    fn extended(&self, va: u64) -> u64 {
        let range = &self.format.ranges[self.range];
        let above = u64::MAX.checked_shl(range.width).unwrap_or(0);
        match range.extension {
            Extension::Zero => va,
            Extension::Ones => va | above,
            Extension::Prefix(value) => va | value.checked_shl(range.width).unwrap_or(0),
            Extension::Sign if range.width > 0 && va >> (range.width - 1) & 1 == 1 => va | above,
            Extension::Sign => va,
        }
    }
}

/// A table, or a part of one, to look at.
struct Visit<'v> {
    table: Target,
    /// The address that its slot 0 translates, not extended.
    va: u64,
    /// The parent's other children, of which the first decides where this one defers.
    others: &'v [Target],
    inherited: Inherited,
}

struct Walk<'a, 'b> {
    listing: &'a Listing<'a>,
    image: &'a mut Image,
    merger: &'a mut Merger<'b>,
    progress: &'a mut dyn FnMut(u64, &Counts),
    counts: Counts,
    /// The tables that the walk is in.
    path: Vec<u64>,
    /// Buffers for tables that are not in use.
    spare: Vec<Vec<u8>>,
    last: Last,
}

/// The last leaf's attributes: neighbours nearly always have the same.
#[derive(Default)]
struct Last {
    layout: usize,
    bits: u128,
    inherited: Option<Inherited>,
    packed: u128,
}

impl Walk<'_, '_> {
    /// Looks at a table that is in the image.
    fn table(&mut self, visit: &Visit<'_>) -> Outcome {
        if self.counts.gave_up.is_some() {
            return Ok(());
        }
        if self.counts.tables >= self.listing.most_tables {
            self.counts.gave_up = Some(self.listing.extended(visit.va));
            return Ok(());
        }
        let level = &self.listing.words.levels[visit.table.level];
        let Target { address, first_slot, last_slot, .. } = visit.table;
        let first = address.checked_add(first_slot * level.word_bytes as u64);
        let length = (last_slot - first_slot + 1) as usize * level.word_bytes;
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        match first.map(|first| self.image.bytes(first, length)).transpose()?.flatten() {
            Some(read) => bytes.extend_from_slice(read),
            None => return self.outside(visit),
        }
        self.counts.tables += 1;
        (self.progress)(visit.va, &self.counts);
        self.path.push(address);
        for (slot, word) in (first_slot..).zip(bytes.chunks_exact(level.word_bytes)) {
            self.word(visit, slot, level.word(word))?;
        }
        self.path.pop();
        self.spare.push(bytes);
        Ok(())
    }

    #[inline]
    fn word(&mut self, visit: &Visit<'_>, slot: u64, word: u128) -> Outcome {
        let level = &self.listing.words.levels[visit.table.level];
        match level.classify(word) {
            Class::Absent(false) => Ok(()),
            Class::Absent(true) => self.deferred(visit, slot),
            Class::Leaf(layout, leaf) => self.leaf(visit, slot, word, layout, leaf),
            Class::Table(layout) => self.pointer(visit, slot, word, layout),
            Class::Reserved => {
                self.counts.reserved += 1;
                self.push(visit, slot, What::Reserved, None)
            }
        }
    }

    #[inline]
    fn leaf(&mut self, visit: &Visit<'_>, slot: u64, word: u128, layout: usize, leaf: &LeafWord) -> Outcome {
        let shift = self.listing.words.levels[visit.table.level].shift;
        let Some(reach) = leaf.read(word, self.va(visit, slot), shift) else {
            self.counts.misplaced += 1;
            return self.push(visit, slot, What::Misplaced, None);
        };
        self.counts.leaves += 1;
        let attributes = self.attributes(layout, word, visit.inherited);
        let output = self.listing.outputs.then_some(reach.output);
        self.push(visit, slot, What::Leaf { leaf_lg2: reach.leaf_lg2, attributes }, output)
    }

    #[inline]
    fn attributes(&mut self, layout: usize, word: u128, inherited: Inherited) -> u128 {
        let bits = word & self.listing.rights.read_mask(layout);
        let last = &self.last;
        if last.layout != layout || last.bits != bits || last.inherited != Some(inherited) {
            let packed = self.listing.rights.leaf(layout, word, inherited);
            self.last = Last { layout, bits, inherited: Some(inherited), packed };
        }
        self.last.packed
    }

    /// Follows a table entry. The child with the larger pages decides first, the next where that one defers.
    fn pointer(&mut self, visit: &Visit<'_>, slot: u64, word: u128, layout: usize) -> Outcome {
        let level = visit.table.level;
        let mut children = targets(self.listing.format, level, layout, word);
        children.retain(|child| child.level > level);
        if let Some(table) = children.iter().map(|child| child.address).find(|table| self.path.contains(table)) {
            self.counts.recursive += 1;
            return self.push(visit, slot, What::Recursive { table }, None);
        }
        let Some((first, others)) = children.split_first() else { return Ok(()) };
        let inherited = self.listing.rights.below(layout, word, visit.inherited);
        let slot_lg2 = self.listing.words.levels[level].shift;
        self.part(*first, self.va(visit, slot), slot_lg2, others, inherited)
    }

    /// Looks at the parts of the next child that are under a slot which leaves the VA to it.
    fn deferred(&mut self, visit: &Visit<'_>, slot: u64) -> Outcome {
        let Some((next, others)) = visit.others.split_first() else { return Ok(()) };
        let slot_lg2 = self.listing.words.levels[visit.table.level].shift;
        self.part(*next, self.va(visit, slot), slot_lg2, others, visit.inherited)
    }

    /// Looks at those slots of a table that translate the `1 << lg2` bytes at `va`, as far as they are there.
    fn part(&mut self, table: Target, va: u64, lg2: u32, others: &[Target], inherited: Inherited) -> Outcome {
        let level = &self.listing.words.levels[table.level];
        let covered = (ones(level.shift + level.index_bits)) as u64;
        let slots = ones(lg2.min(level.shift + level.index_bits).saturating_sub(level.shift)) as u64;
        let first = (va & covered) >> level.shift;
        let first_slot = table.first_slot.max(first);
        let last_slot = table.last_slot.min(first + slots);
        if first_slot > last_slot {
            return Ok(());
        }
        let table = Target { first_slot, last_slot, ..table };
        self.table(&Visit { table, va: va & !covered, others, inherited })
    }

    fn outside(&mut self, visit: &Visit<'_>) -> Outcome {
        self.counts.outside += 1;
        let level = &self.listing.words.levels[visit.table.level];
        let first = visit.va | visit.table.first_slot << level.shift;
        let last = visit.va | visit.table.last_slot << level.shift | ones(level.shift) as u64;
        self.merger.push(Stretch {
            first: self.listing.extended(first),
            last: self.listing.extended(last),
            what: What::Outside { table: visit.table.address },
            level: visit.table.level,
            output: None,
        })
    }

    fn va(&self, visit: &Visit<'_>, slot: u64) -> u64 {
        visit.va | slot << self.listing.words.levels[visit.table.level].shift
    }

    #[inline]
    fn push(&mut self, visit: &Visit<'_>, slot: u64, what: What, output: Option<u64>) -> Outcome {
        let level = visit.table.level;
        let first = self.listing.extended(self.va(visit, slot));
        if !self.listing.translates(first) {
            return Ok(());
        }
        let last = first | ones(self.listing.words.levels[level].shift) as u64;
        self.merger.push(Stretch { first, last, what, level, output })
    }
}
