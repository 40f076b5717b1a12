//! One address translated, with the way that led there.

use crate::model::{Content, Endian, Extension, Format, Range, Run};

use super::attributes::{Attributes, attributes, effective};
use super::classify::{Class, Reason, classify, refusal};
use super::{Words, bits};

/// A walk for one VA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// Every word that was read, in order.
    pub path: Vec<Step>,
    /// Where it ended.
    pub outcome: Outcome,
}

/// One word that a walk read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The level (index).
    pub level: usize,
    /// Where the table begins.
    pub table: u64,
    /// The slot.
    pub index: u64,
    /// The word in it.
    pub word: u128,
    /// What it is.
    pub class: Class,
}

/// Where a walk ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// At a translation.
    Leaf(Leaf),
    /// Without one.
    Fault {
        /// Why.
        fault: Fault,
        /// The level (index) at which it ended; `None` if it did not begin.
        level: Option<usize>,
    },
}

/// Why there is no translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The range does not hold the VA.
    NotCanonical,
    /// The slot holds no translation.
    Absent {
        /// The layout (index) of its word.
        layout: usize,
    },
    /// The word is refused.
    Reserved(Reason),
    /// The slot is not in memory.
    NoMemory(u64),
    /// The child is several levels down, and a VA bit that it skips is not zero.
    SkippedBits,
    /// The child has no such slot.
    OutsideTable,
    /// A word of a run has another part of the OA than its slot is for.
    Misplaced,
}

/// A translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// What the VA is translated to.
    pub oa: u64,
    /// The first VA that the leaf (its whole run) translates.
    pub va: u64,
    /// lg2 of the bytes that it translates, its whole run included.
    pub size_lg2: u32,
    /// The level (index) of its word.
    pub level: usize,
    /// The layout (index) of its word.
    pub layout: usize,
    /// The word.
    pub word: u128,
    /// What holds for the translation: what its word and the tables on the way say together.
    pub attributes: Attributes,
    /// What its word says by itself.
    pub own: Attributes,
}

/// A table that a word points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its level (index).
    pub level: usize,
    /// Where it begins.
    pub address: u64,
    /// Its first slot that is there.
    pub first_slot: u64,
    /// Its last.
    pub last_slot: u64,
}

/// Translates `va` in a table of this range (an index into `Format::ranges`) whose root is at `root`. Whether the machine
/// would ask that root is [`canonical_range`]'s to say.
#[must_use]
pub fn translate<W: Words + ?Sized>(format: &Format, range: usize, words: &W, root: u64, va: u64) -> Walk {
    let mut walk = Walk { path: Vec::new(), outcome: Outcome::Fault { fault: Fault::NotCanonical, level: None } };
    let Some(known) = format.ranges.get(range) else { return walk };
    if !holds(known, va) {
        return walk;
    }
    let walker = Walker { format, words, va };
    let last_slot = last(known.root_index_bits);
    let target = Target { level: known.root, address: root, first_slot: 0, last_slot };
    walk.outcome = walker.descend(target, known.root_index_bits, &mut Vec::new(), &mut walk.path);
    walk
}

/// The range (index) that translates `va`: the first one that holds it.
#[must_use]
pub fn canonical_range(format: &Format, va: u64) -> Option<usize> {
    format.ranges.iter().position(|range| holds(range, va))
}

/// Whether the bits above the translated ones are what they must be.
fn holds(range: &Range, va: u64) -> bool {
    let translated = bits::ones(range.width.min(64));
    let tag = range.tag.map_or(0, |(high, low)| bits::ones(high.saturating_add(1)) & !bits::ones(low));
    let looked_at = u128::from(u64::MAX) & !translated & !tag;
    u128::from(va) & looked_at == above(range, va.into()) & looked_at
}

/// What the bits above the translated ones must be.
pub(super) fn above(range: &Range, va: u128) -> u128 {
    let width = range.width.min(64);
    let all = u128::from(u64::MAX) & !bits::ones(width);
    match range.extension {
        Extension::Zero => 0,
        Extension::Ones => all,
        Extension::Prefix(prefix) => (u128::from(prefix) << width) & all,
        Extension::Sign => {
            let sign = width.checked_sub(1).is_some_and(|bit| va >> bit & 1 != 0);
            if sign { all } else { 0 }
        }
    }
}

/// The tables that a table word of `level` (index) points to, the one of the larger pages first. Empty if the word is no
/// table of that layout.
#[must_use]
pub fn targets(format: &Format, level: usize, layout: usize, word: u128) -> Vec<Target> {
    let Some(known) = format.layouts.get(layout) else { return Vec::new() };
    let named = known.child_field.as_ref().map(|child| {
        let field = known.fields.iter().find(|field| field.name == child.field);
        field.and_then(|field| child.levels.get(&bits::field(field, word)).copied())
    });
    let (first, end) = slots(known, word);
    let there = known.children.iter().filter(|child| bits::holds(&child.condition, word));
    let mut targets: Vec<Target> = there
        .filter_map(|child| {
            let level = named.unwrap_or_else(|| child.levels.get(&level).copied())?;
            let address = u64::try_from(bits::gather(&child.address, word & !bits::placed(known))).ok()?;
            let most = last(format.levels.get(level)?.index_bits);
            Some(Target { level, address, first_slot: first, last_slot: end.unwrap_or(most).min(most) })
        })
        .collect();
    targets.sort_by_key(|target| core::cmp::Reverse(format.levels.get(target.level).map_or(0, |level| level.shift)));
    targets
}

/// The root that a root word names, for a range (index); `None` if the word is refused.
#[must_use]
pub fn root(format: &Format, range: usize, word: u128) -> Option<Target> {
    let known = format.ranges.get(range)?;
    let layout = known.root_word?;
    let identity = &format.layouts.get(layout)?.identity;
    if !bits::holds(identity, word) || refusal(format, layout, word).is_some() {
        return None;
    }
    let found = format.layouts.get(layout)?;
    let named = found.child_field.as_ref().map(|child| {
        let field = found.fields.iter().find(|field| field.name == child.field);
        field.and_then(|field| child.levels.get(&bits::field(field, word)).copied())
    });
    let level = named.unwrap_or(Some(known.root))?;
    let address = u64::try_from(bits::gather(&found.children.first()?.address, word & !bits::placed(found))).ok()?;
    let most = if level == known.root { known.root_index_bits } else { format.levels.get(level)?.index_bits };
    let (first_slot, end) = slots(found, word);
    Some(Target { level, address, first_slot, last_slot: end.unwrap_or(last(most)).min(last(most)) })
}

/// The first and the last slot of the child, as far as the word tells them.
fn slots(layout: &crate::model::Layout, word: u128) -> (u64, Option<u64>) {
    let (mut first, mut end, mut end_low) = (0, 0, None);
    for row in &layout.rows {
        let value = word.checked_shr(row.low).unwrap_or(0) & bits::ones(row.high - row.low + 1);
        match row.content {
            Content::FirstSlot { low } => first |= value.checked_shl(low).unwrap_or(0),
            Content::LastSlot { low } => {
                end |= value.checked_shl(low).unwrap_or(0);
                end_low = Some(end_low.map_or(low, |other: u32| other.min(low)));
            }
            _ => {}
        }
    }
    let slot = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
    (slot(first), end_low.map(|low| slot(end | bits::ones(low))))
}

/// The last of `2^index_bits` slots.
pub(super) fn last(index_bits: u32) -> u64 {
    u64::try_from(bits::ones(index_bits)).unwrap_or(u64::MAX)
}

/// The word in a slot, in the processor's order, or the address at which there is no memory.
pub(super) fn load<W: Words + ?Sized>(
    format: &Format,
    words: &W,
    level: usize,
    table: u64,
    index: u64,
) -> Result<u128, Fault> {
    let Some(known) = format.levels.get(level) else { return Err(Fault::NoMemory(table)) };
    let bytes = known.word_bits / 8;
    let offset = index.checked_mul(bytes.into());
    let address = offset.and_then(|offset| table.checked_add(offset)).ok_or(Fault::NoMemory(table))?;
    let raw = words.word(address, bytes).ok_or(Fault::NoMemory(address))? & bits::ones(known.word_bits);
    Ok(match known.endian {
        Endian::Little => raw,
        Endian::Big => raw.swap_bytes().checked_shr(128 - known.word_bits.min(128)).unwrap_or(0),
    })
}

/// Where the leaf `word` of a level (index) leads: the OA that it stores, and lg2 of the bytes that it translates, its run
/// included. Where the slots of a run have each their own part, the OA is that of the slot. `None` if the layout (index)
/// is none.
#[must_use]
pub fn leaf_output(format: &Format, level: usize, layout: usize, word: u128) -> Option<(u64, u32)> {
    let known = format.layouts.get(layout)?;
    let stored = u64::try_from(bits::gather(&known.output, word & !bits::placed(known))).ok()?;
    let reach = reach(format, level, layout, word, stored).ok()?;
    let own = known.run.as_ref().is_some_and(|run| !run.identical && !run.in_ones);
    Some((if own { stored } else { u64::try_from(reach.oa).ok()? }, reach.size_lg2))
}

/// Where a leaf word leads.
pub(super) struct Reach {
    /// lg2 of the bytes that the leaf translates, its run included.
    pub(super) size_lg2: u32,
    /// The OA of the first of them.
    pub(super) oa: u128,
}

/// Where the leaf `word` of a slot leads; `va` is any address of the slot.
pub(super) fn reach(format: &Format, level: usize, layout: usize, word: u128, va: u64) -> Result<Reach, Fault> {
    let shift = format.levels.get(level).map_or(0, |level| level.shift);
    let Some(known) = format.layouts.get(layout) else { return Err(Fault::Misplaced) };
    let stored = bits::gather(&known.output, word & !bits::placed(known));
    Ok(match &known.run {
        None => Reach { size_lg2: shift, oa: stored },
        Some(Run { in_ones: true, .. }) => {
            let lowest = known.output.iter().map(|piece| piece.value_low).min().unwrap_or(0);
            let ones = stored.checked_shr(lowest).unwrap_or(0).trailing_ones();
            let size_lg2 = lowest.saturating_add(ones).saturating_add(1);
            Reach { size_lg2, oa: stored & !bits::ones(size_lg2) }
        }
        Some(run) if run.identical => Reach { size_lg2: shift + run.most_lg2, oa: stored },
        Some(run) => {
            let size_lg2 = shift + run.most_lg2;
            let own_part = bits::ones(size_lg2) & !bits::ones(shift);
            if (stored ^ u128::from(va)) & own_part != 0 {
                return Err(Fault::Misplaced);
            }
            Reach { size_lg2, oa: stored & !own_part }
        }
    })
}

struct Walker<'w, W: ?Sized> {
    format: &'w Format,
    words: &'w W,
    va: u64,
}

impl<W: Words + ?Sized> Walker<'_, W> {
    /// Goes on in a table. Levels only go down, so this ends.
    fn descend(&self, table: Target, index_bits: u32, above: &mut Vec<Attributes>, path: &mut Vec<Step>) -> Outcome {
        let fault = |fault| Outcome::Fault { fault, level: Some(table.level) };
        let Some(level) = self.format.levels.get(table.level) else { return fault(Fault::OutsideTable) };
        let position = self.va.checked_shr(level.shift).unwrap_or(0);
        let index = position & last(index_bits);
        if index < table.first_slot || index > table.last_slot {
            return fault(Fault::OutsideTable);
        }
        let word = match load(self.format, self.words, table.level, table.address, index) {
            Ok(word) => word,
            Err(why) => return fault(why),
        };
        let class = classify(self.format, table.level, word);
        path.push(Step { level: table.level, table: table.address, index, word, class });
        match class {
            Class::Absent { layout } => fault(Fault::Absent { layout }),
            Class::Reserved { reason, .. } => fault(Fault::Reserved(reason)),
            Class::Leaf { layout } => self.leaf(table.level, layout, word, above),
            Class::Table { layout } => {
                above.push(attributes(self.format, layout, word));
                self.children(table.level, layout, word, above, path)
            }
        }
    }

    /// Goes on in the children, one after the other while they leave the VA to the next.
    fn children(
        &self,
        level: usize,
        layout: usize,
        word: u128,
        above: &mut Vec<Attributes>,
        path: &mut Vec<Step>,
    ) -> Outcome {
        let mut outcome = Outcome::Fault { fault: Fault::Absent { layout }, level: Some(level) };
        let shift = self.format.levels.get(level).map_or(0, |level| level.shift);
        for target in targets(self.format, level, layout, word) {
            let Some(child) = self.format.levels.get(target.level).filter(|_| target.level > level) else { continue };
            let skipped = bits::ones(shift) & !bits::ones(child.shift + child.index_bits);
            if u128::from(self.va) & skipped != 0 {
                return Outcome::Fault { fault: Fault::SkippedBits, level: Some(level) };
            }
            let depth = above.len();
            outcome = self.descend(target, child.index_bits, above, path);
            above.truncate(depth);
            if !self.deferred(&outcome) {
                break;
            }
        }
        outcome
    }

    /// Whether a walk ended at an absent word that leaves the VA to the parent's other child.
    fn deferred(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Fault { fault: Fault::Absent { layout }, .. } => {
                self.format.layouts.get(*layout).is_some_and(|layout| layout.defer)
            }
            _ => false,
        }
    }

    fn leaf(&self, level: usize, layout: usize, word: u128, above: &[Attributes]) -> Outcome {
        let reach = match reach(self.format, level, layout, word, self.va) {
            Ok(reach) => reach,
            Err(fault) => return Outcome::Fault { fault, level: Some(level) },
        };
        let inside = u128::from(self.va) & bits::ones(reach.size_lg2);
        let own = attributes(self.format, layout, word);
        Outcome::Leaf(Leaf {
            // An OA has at most 64 bits; what is beyond was refused as above the width.
            oa: u64::try_from(reach.oa | inside).unwrap_or(u64::MAX),
            va: self.va & !u64::try_from(bits::ones(reach.size_lg2.min(64))).unwrap_or(u64::MAX),
            size_lg2: reach.size_lg2,
            level,
            layout,
            word,
            attributes: effective(self.format, &own, above),
            own,
        })
    }
}
