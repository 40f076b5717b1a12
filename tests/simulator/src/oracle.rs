//! What words mean, as the reference walker tells it, remembered.
//!
//! Nothing here is emitted code. A word is classified once for each combination of its bits that could matter; the bits
//! that only say an address are left out of what is remembered.

mod facts;
mod sets;

use std::collections::HashMap;

use ptdsl::model::{Change, Endian, Extension, Format, LayoutKind, Way};
use ptdsl::walk::{self, Class, Value};

pub use sets::Said;
pub(crate) use sets::SetId;

use crate::piece::To;
use facts::{Fast, LayoutFacts, relevant};
use sets::{RECORDS, Sets};

/// What a word in a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// No translation.
    Absent,
    /// A table, whose words limit what is below as this set says.
    Table { layout: usize, own: SetId },
    /// The end of the walk.
    Leaf(Leaf),
    /// Forbidden.
    Reserved,
}

/// A leaf in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// What the first address of the slot is translated to.
    pub(crate) oa: u64,
    /// lg2 of the bytes that it translates, its run included.
    pub(crate) size_lg2: u32,
    /// What its word says by itself.
    pub(crate) own: SetId,
}

/// What the tables on the way take away or add.
pub(crate) type Limits = u32;

/// What is remembered of a word.
#[derive(Clone, Copy, Debug)]
enum Known {
    Absent,
    Table { layout: usize, own: SetId },
    Leaf { layout: usize, own: SetId, size_lg2: u32 },
    Reserved,
}

/// A level as the walker sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LevelFacts {
    pub(crate) number: u8,
    pub(crate) shift: u32,
    pub(crate) big_endian: bool,
    word_bits: u32,
    /// The bits of a word that decide more than an address.
    relevant: u64,
    /// lg2 of the most slots of a run, if there are runs.
    pub(crate) run_lg2: Option<u32>,
}

/// The reference walker with a memory.
pub struct Oracle {
    model: Format,
    range: usize,
    pub(crate) levels: Vec<LevelFacts>,
    layouts: Vec<LayoutFacts>,
    known: Vec<HashMap<u64, Known, Fast>>,
    /// What was looked up last, by level: neighbours are alike.
    last: Vec<(u64, Known)>,
    sets: Sets,
    combined: HashMap<u64, SetId, Fast>,
    narrowed: HashMap<u64, Limits, Fast>,
}

impl Oracle {
    /// The walker of a range (an index) of `model`.
    pub(crate) fn new(model: Format, range: usize) -> Self {
        let levels: Vec<LevelFacts> = (0..model.levels.len()).map(|level| level_facts(&model, level)).collect();
        let layouts = model.layouts.iter().map(LayoutFacts::new).collect();
        let known = levels.iter().map(|_| HashMap::default()).collect();
        let sets = Sets::new();
        let (combined, narrowed) = (HashMap::default(), HashMap::default());
        let mut oracle = Self { model, range, levels, layouts, known, last: Vec::new(), sets, combined, narrowed };
        oracle.last = (0..oracle.levels.len()).map(|level| (0, oracle.classify(level, 0))).collect();
        oracle
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &Format {
        &self.model
    }

    /// The level (an index into the model's) of the root.
    pub(crate) fn root_level(&self) -> usize {
        self.model.ranges[self.range].root
    }

    /// The level of this number.
    pub(crate) fn level_of(&self, number: u8) -> Option<usize> {
        self.levels.iter().position(|level| level.number == number)
    }

    /// How changes of this kind are made.
    pub(crate) fn way(&self, kind: Change) -> Way {
        self.model.update.ways.get(&kind).copied().unwrap_or(Way::Break)
    }

    /// Whether walkers do not look into caches.
    pub(crate) const fn cleans(&self) -> bool {
        self.model.update.clean
    }

    /// Whether the machine records in words of runs: what one slot says is said of the whole run.
    pub(crate) fn records_in_runs(&self) -> bool {
        let records = self.model.attributes.iter().any(|attribute| attribute.hardware);
        records && self.levels.iter().any(|level| level.run_lg2.is_some())
    }

    /// Whether some change is made by way of absent.
    pub(crate) fn breaks(&self) -> bool {
        Change::ALL.iter().any(|kind| self.way(*kind) == Way::Break)
    }

    /// A set.
    pub(crate) fn said(&self, set: SetId) -> &Said {
        self.sets.get(set)
    }

    /// The last position: all translated bits.
    pub(crate) fn last(&self) -> u64 {
        low(self.model.ranges[self.range].width)
    }

    /// The bits of a VA that the walk ignores.
    fn tag(&self) -> u64 {
        let tag = self.model.ranges[self.range].tag;
        tag.map_or(0, |(high, lowest)| low(high + 1) & !low(lowest))
    }

    /// The VA of a position; bits that the walk ignores are zero.
    pub(crate) fn va(&self, position: u64) -> u64 {
        let range = &self.model.ranges[self.range];
        let above = !low(range.width) & !self.tag();
        position
            | match range.extension {
                Extension::Zero => 0,
                Extension::Ones => above,
                Extension::Prefix(prefix) => prefix.checked_shl(range.width).unwrap_or(0) & above,
                Extension::Sign if position >> (range.width - 1) & 1 != 0 => above,
                Extension::Sign => 0,
            }
    }

    /// The positions of the VA from `first` to `last`, those left out that are not canonical.
    pub(crate) fn positions(&self, first: u64, last: u64) -> Option<(u64, u64)> {
        let (end, tag) = (self.last(), self.tag());
        let (first, last) = (first & !tag, last & !tag);
        // Positions and their VA are in the same order.
        let start = lowest(end, |position| self.va(position) >= first)?;
        let behind = lowest(end, |position| self.va(position) > last);
        match behind {
            Some(behind) if behind <= start => None,
            Some(behind) => Some((start, behind - 1)),
            None => Some((start, end)),
        }
    }

    /// A word in memory in the processor's order.
    pub(crate) fn in_order(&self, level: usize, raw: u64) -> u64 {
        let facts = &self.levels[level];
        if facts.big_endian { raw.swap_bytes() >> (64 - facts.word_bits) } else { raw }
    }

    /// What the word `raw` in memory is in a slot of `level` that translates from `position` on.
    pub(crate) fn see(&mut self, level: usize, raw: u64, position: u64) -> Seen {
        let word = self.in_order(level, raw);
        let key = word & self.levels[level].relevant;
        let known = match self.last[level] {
            (last, known) if last == key => known,
            _ => self.know(level, word, key),
        };
        match known {
            Known::Absent => Seen::Absent,
            Known::Reserved => Seen::Reserved,
            Known::Table { layout, own } => Seen::Table { layout, own },
            Known::Leaf { layout, own, size_lg2 } => {
                let stored = self.layouts[layout].output(word);
                let inner = low(size_lg2);
                let slot = low(self.levels[level].shift);
                // In a run, each slot has its own part, whether the words say so or not.
                if self.layouts[layout].own_part && (stored ^ position) & inner & !slot != 0 {
                    return Seen::Reserved;
                }
                Seen::Leaf(Leaf { oa: stored & !inner | position & inner & !slot, size_lg2, own })
            }
        }
    }

    /// Whether two words in memory are the same but for addresses.
    pub(crate) fn are_alike(&self, level: usize, one: u64, other: u64) -> bool {
        (self.in_order(level, one) ^ self.in_order(level, other)) & self.levels[level].relevant == 0
    }

    fn know(&mut self, level: usize, word: u64, key: u64) -> Known {
        let known = match self.known[level].get(&key) {
            Some(known) => *known,
            None => {
                let known = self.classify(level, word);
                self.known[level].insert(key, known);
                known
            }
        };
        self.last[level] = (key, known);
        known
    }

    fn classify(&mut self, level: usize, word: u64) -> Known {
        match walk::classify(&self.model, level, word.into()) {
            Class::Absent { .. } => Known::Absent,
            Class::Reserved { .. } => Known::Reserved,
            Class::Table { layout } => {
                let own = self.sets.add(&self.model, walk::attributes(&self.model, layout, word.into()));
                Known::Table { layout, own }
            }
            Class::Leaf { layout } => {
                let own = self.sets.add_leaf(&self.model, walk::attributes(&self.model, layout, word.into()));
                let Some((_, size_lg2)) = walk::leaf_output(&self.model, level, layout, word.into()) else {
                    return Known::Reserved;
                };
                Known::Leaf { layout, own, size_lg2 }
            }
        }
    }

    /// The leaf word `raw` after the machine has recorded an access in it, a `write` or not; none if there is nothing to
    /// record that has a bit of its own.
    pub(crate) fn recorded(&self, level: usize, raw: u64, write: bool) -> Option<u64> {
        let word = self.in_order(level, raw);
        let Class::Leaf { layout } = walk::classify(&self.model, level, word.into()) else { return None };
        let own = walk::attributes(&self.model, layout, word.into());
        let writable = [false, true].into_iter().any(|user| walk::permits(&own, walk::Access::Write, user));
        let mut new = word;
        for attribute in self.model.attributes.iter().filter(|attribute| attribute.hardware) {
            let wanted = attribute.name == "accessed" || attribute.name == "dirty" && write && writable;
            let is_field = matches!(attribute.sources.get(&layout), Some(ptdsl::model::Source::Field));
            let field = self.model.layouts[layout].fields.iter().find(|field| field.name == attribute.name);
            if let (true, true, Some(field)) = (wanted, is_field, field) {
                let bits = field.pieces.iter().fold(0, |bits, piece| bits | low(piece.bits) << piece.word_low);
                new = if field.inverted { new & !bits } else { new | bits };
            }
        }
        (new != word).then(|| self.in_order(level, new))
    }

    /// The bits that are software's in leaves of whatever size, in the processor's order.
    pub(crate) fn software(&self) -> u64 {
        let layouts = self.model.levels.iter().flat_map(|level| &level.entries);
        let leaves = layouts.map(|entry| &self.model.layouts[entry.layout]).filter(|l| l.kind == LayoutKind::Leaf);
        let bits = leaves.fold(u128::from(u64::MAX), |bits, layout| bits & layout.software);
        u64::try_from(bits).unwrap_or(0)
    }

    /// The table that the word `raw` of a layout at `level` points to: its level and address.
    pub(crate) fn target(&self, level: usize, layout: usize, raw: u64) -> Option<(usize, u64)> {
        let word = self.in_order(level, raw);
        walk::targets(&self.model, level, layout, word.into()).first().map(|target| (target.level, target.address))
    }

    /// What holds for a leaf that says `own` below `limits`.
    pub(crate) fn effective(&mut self, limits: Limits, own: SetId) -> SetId {
        if limits == 0 {
            return own;
        }
        let key = u64::from(limits) << 32 | u64::from(own.0);
        if let Some(set) = self.combined.get(&key) {
            return *set;
        }
        let set = self.sets.limited(&self.model, limits, own);
        self.combined.insert(key, set);
        set
    }

    /// The limits below a table word that says `own`, itself below `limits`.
    pub(crate) fn narrow(&mut self, limits: Limits, own: SetId) -> Limits {
        let key = u64::from(limits) << 32 | u64::from(own.0);
        if let Some(limits) = self.narrowed.get(&key) {
            return *limits;
        }
        let narrowed = self.sets.narrow(&self.model, limits, own);
        self.narrowed.insert(key, narrowed);
        narrowed
    }

    /// Whether two translations are the same but for what the machine has recorded since.
    pub(crate) fn gained(&self, old: Option<To>, new: Option<To>) -> bool {
        let (Some(old), Some(new)) = (old, new) else { return false };
        let (a, b) = (self.said(old.set), self.said(new.set));
        let kept = |name: &&str| {
            a.attributes.get(*name) != Some(&Value::Flag(true)) || b.attributes.get(*name) == Some(&Value::Flag(true))
        };
        // Where the machine does not record by itself, software does.
        old.oa == new.oa && a.same_but_for(b, &RECORDS) && RECORDS.iter().all(kept)
    }

    /// How strict the way of the change from one set to another is, if nothing but the sets changes.
    pub(crate) fn way_between(&self, old: SetId, new: SetId) -> Way {
        let noted = self.said(old).noted != self.said(new).noted;
        let way = self.way_but_for_notes(old, new);
        if noted { way.max(self.way(Change::Other)) } else { way }
    }

    /// How strict it is that a TLB holds the one set while the tables say the other. What software has noted in the new one
    /// and not in the old is as a right that the old one lacks: a leaf that is not noted as used or written lets through
    /// what one that is does, or less.
    pub(crate) fn way_beside(&self, held: SetId, new: SetId) -> Way {
        let (noted, notes) = (self.said(held).noted, self.said(new).noted);
        let mut way = self.way_but_for_notes(held, new);
        for (changes, kind) in [(noted & !notes != 0, Change::Other), (notes & !noted != 0, Change::Relax)] {
            if changes {
                way = way.max(self.way(kind));
            }
        }
        way
    }

    fn way_but_for_notes(&self, old: SetId, new: SetId) -> Way {
        let (old, new) = (self.said(old), self.said(new));
        let mut way = Way::Lazy;
        for (changes, kind) in [
            (old.rights & !new.rights != 0, Change::Restrict),
            (new.rights & !old.rights != 0, Change::Relax),
            (old.secure != new.secure, Change::Output),
            (old.memory != new.memory, Change::MemoryType),
            (old.global != new.global, Change::Global),
            (old.other != new.other, Change::Other),
        ] {
            if changes {
                way = way.max(self.way(kind));
            }
        }
        way
    }
}

fn level_facts(model: &Format, level: usize) -> LevelFacts {
    let known = &model.levels[level];
    let layouts = || known.entries.iter().filter_map(|entry| model.layouts.get(entry.layout));
    LevelFacts {
        number: u8::try_from(known.number).expect("levels are few"),
        shift: known.shift,
        big_endian: known.endian == Endian::Big,
        word_bits: known.word_bits,
        relevant: layouts().fold(0, |bits, layout| bits | relevant(layout)),
        run_lg2: layouts().filter_map(|layout| layout.run.as_ref()).map(|run| run.most_lg2).max(),
    }
}

/// The lowest of `0..=last` of which `holds` holds, if it holds for all from some on.
fn lowest(last: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if !holds(last) {
        return None;
    }
    let (mut least, mut most) = (0, last);
    while least < most {
        let middle = least + (most - least) / 2;
        if holds(middle) { most = middle } else { least = middle + 1 }
    }
    Some(least)
}

/// The lowest `bits` bits.
pub(crate) const fn low(bits: u32) -> u64 {
    if bits >= 64 { u64::MAX } else { (1 << bits) - 1 }
}
