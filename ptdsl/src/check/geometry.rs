//! Where the levels stand in the VA, as far as the description fixes it.
//!
//! A level by numbers has one place. Where parameters give widths, a place is the least and the greatest value that each
//! end may have; everything that is asked of it grows with every width, so the ends decide.

use std::rc::Rc;

use super::facts::{Facts, small_set};
use crate::logic::Bdd;
use crate::tree::{Content, LayoutKind, LevelIndex, Value};

/// The least and the greatest value of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub least: u32,
    pub most: u32,
}

impl Bounds {
    fn plus(self, other: Self) -> Self {
        Self { least: self.least.saturating_add(other.least), most: self.most.saturating_add(other.most) }
    }
}

/// Where a level stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// Its lowest bit of the VA.
    pub low: Bounds,
    /// How many bits index it. A level that may have none is not there then.
    pub bits: Bounds,
    /// The level that it was said to stand above.
    pub above: Option<usize>,
}

impl Position {
    /// One more than its highest bit.
    pub fn end(self) -> Bounds {
        self.low.plus(self.bits)
    }
}

/// A layout in the list of a level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    /// Its place in the list.
    pub entry: usize,
    /// Which layout.
    pub layout: usize,
    /// When words of it may stand there at all.
    pub present: Bdd,
    /// When they are not refused.
    pub accepted: Bdd,
}

impl Facts<'_> {
    /// Works out where the levels stand and which are part of the format: those with an index bit inside some range.
    pub fn place_levels(&mut self) {
        let levels = 0..self.description.levels.len();
        self.positions = levels.clone().map(|level| self.position_within(level, levels.len())).collect();
        let widest = self.widest_range().unwrap_or(u32::MAX);
        let used = |level: &usize| self.position(*level).is_none_or(|it| it.low.least < widest);
        self.used_levels = levels.filter(used).collect();
    }

    /// Where a level stands; `None` if its description makes no sense.
    pub fn position(&self, level: usize) -> Option<Position> {
        *self.positions.get(level)?
    }

    fn position_within(&self, level: usize, depth: usize) -> Option<Position> {
        match &self.level(level).index {
            LevelIndex::Bits(bits) => {
                let high = u32::try_from(bits.high.value.value).ok()?;
                let low = u32::try_from(bits.low.value.value).ok()?;
                let width = high.checked_sub(low)?.checked_add(1)?;
                Some(Position { low: exactly(low), bits: exactly(width), above: None })
            }
            LevelIndex::Above { width, base } => {
                let bits = self.small_bounds(width)?;
                let below = match base {
                    Value::Name(name) => self.level_named(&name.value),
                    Value::Number(_) => None,
                };
                let low = match below {
                    Some(below) => self.position_within(below, depth.checked_sub(1)?)?.end(),
                    None => self.small_bounds(base)?,
                };
                Some(Position { low, bits, above: below })
            }
        }
    }

    /// The bounds of a number of bits.
    pub fn small_bounds(&self, value: &Value) -> Option<Bounds> {
        let (least, most) = self.bounds(value)?;
        Some(Bounds { least: u32::try_from(least).ok()?, most: u32::try_from(most).ok()? })
    }

    /// The greatest width that any range of VA may have.
    pub fn widest_range(&self) -> Option<u32> {
        let ranges = self.description.ranges.iter();
        ranges.filter_map(|range| Some(self.small_bounds(&range.node.width)?.most)).max()
    }

    /// The levels that are part of the format.
    pub fn used_levels(&self) -> Vec<usize> {
        self.used_levels.clone()
    }

    /// The layouts that a level lists, with the bindings under which it does.
    pub fn listed(&mut self, level: usize) -> Rc<Vec<Listed>> {
        if let Some(known) = self.lists.get(&level) {
            return Rc::clone(known);
        }
        let mut listed = Vec::new();
        for (entry, node) in self.level(level).entries.iter().enumerate() {
            let Some(layout) = self.layout_named(&node.layout.value) else { continue };
            let when = match &node.when {
                Some(when) => self.binding_condition(when, Some(level)),
                None => Bdd::TRUE,
            };
            let present = if node.else_reserved { Bdd::TRUE } else { when };
            let accepted = if node.refused { Bdd::FALSE } else { when };
            listed.push(Listed { entry, layout, present, accepted });
        }
        let listed = Rc::new(listed);
        self.lists.insert(level, Rc::clone(&listed));
        listed
    }

    /// The levels in use whose lists name the layout, with the bindings under which its words are accepted there.
    pub fn places(&mut self, layout: usize) -> Vec<(usize, Bdd)> {
        let mut places = Vec::new();
        for level in self.used_levels() {
            let found = self.listed(level).iter().find(|listed| listed.layout == layout).copied();
            if let Some(listed) = found {
                places.push((level, listed.accepted));
            }
        }
        places
    }

    /// The levels at which a layout is looked at; for one that stands at none (a root word), no level in particular.
    pub fn views(&mut self, layout: usize) -> Vec<Option<usize>> {
        let places = self.places(layout);
        if places.is_empty() { vec![None] } else { places.into_iter().map(|(level, _)| Some(level)).collect() }
    }

    /// The levels whose highest bit is next to the lowest bit of this one.
    pub fn directly_below(&self, level: usize) -> Vec<usize> {
        let Some(position) = self.position(level) else { return Vec::new() };
        if let Some(below) = position.above {
            return vec![below];
        }
        let used = self.used_levels().into_iter();
        used.filter(|other| self.position(*other).is_some_and(|it| it.end() == position.low)).collect()
    }

    /// Every level below this one.
    pub fn below(&self, level: usize) -> Vec<usize> {
        let mut found = self.directly_below(level);
        let mut at = 0;
        while at < found.len() {
            for next in self.directly_below(found[at]) {
                if !found.contains(&next) {
                    found.push(next);
                }
            }
            at += 1;
        }
        found
    }

    /// The width of a level's entries in bits.
    pub fn word_bits(&self, level: usize) -> Option<u32> {
        let own = self.level(level).word.as_ref();
        let number = own.or(self.description.word.as_ref().map(|word| &word.bits))?;
        u32::try_from(number.value.value).ok()
    }

    /// The width of a layout's words in bits: that of the levels that list it, which agree.
    pub fn layout_bits(&mut self, layout: usize) -> Option<u32> {
        match self.places(layout).first() {
            Some((level, _)) => self.word_bits(*level),
            None => self.unlisted_bits(layout),
        }
    }

    /// The width of a layout that no level lists.
    pub fn unlisted_bits(&self, layout: usize) -> Option<u32> {
        let own = self.layout(layout).word.as_ref();
        let number = own.or(self.description.word.as_ref().map(|word| &word.bits))?;
        u32::try_from(number.value.value).ok()
    }

    /// lg2 of the bytes to which a table of the level is aligned.
    pub fn table_align_lg2(&self, level: usize) -> Option<Bounds> {
        let position = self.position(level)?;
        if let Some(align) = &self.level(level).align {
            return Some(exactly(align.value.value.checked_ilog2()?));
        }
        let word_bytes_lg2 = (self.word_bits(level)? / 8).checked_ilog2()?;
        let mut bits = position.bits;
        // A level without bits is not there, and then nothing points to it.
        if bits.least == 0 {
            bits.least = self.least_width(level)?;
        }
        Some(bits.plus(exactly(word_bytes_lg2)))
    }

    /// The least number of bits that a level has where it is there.
    fn least_width(&self, level: usize) -> Option<u32> {
        let LevelIndex::Above { width: Value::Name(name), .. } = &self.level(level).index else { return None };
        let values = small_set(&self.parameter_at(self.parameter(&name.value)?).set)?;
        u32::try_from(values.into_iter().find(|value| *value > 0)?).ok()
    }

    /// Whether a layout names the level of its child by a field.
    pub fn has_child_field(&self, layout: usize) -> bool {
        self.child_attribute().is_some_and(|attribute| {
            let fields = &attribute.fields;
            let rows = self.layout(layout).rows.iter();
            rows.flat_map(|row| &row.node.content.cases).any(|case| match &case.value.value {
                Content::Field { name, value: None, .. } => fields.contains(name),
                _ => false,
            })
        })
    }

    /// The attribute `child`.
    pub fn child_attribute(&self) -> Option<&crate::tree::Attribute> {
        let mut attributes = self.description.attributes.iter().map(|it| &it.node);
        attributes.find(|it| it.names.iter().any(|name| name.value == "child"))
    }

    /// The levels to which a table layout at a level may point, by the name that its rows give them.
    pub fn children(&self, layout: usize, level: usize) -> Vec<(Option<String>, Vec<usize>)> {
        let mut children: Vec<(Option<String>, Vec<usize>)> = Vec::new();
        let rows = self.layout(layout).rows.iter();
        for case in rows.flat_map(|row| &row.node.content.cases) {
            let Content::Table { child, .. } = &case.value.value else { continue };
            let name = child.as_ref().map(|child| child.value.clone());
            if children.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let levels = match &name {
                Some(name) => self.level_named(name).into_iter().collect(),
                None if self.has_child_field(layout) => {
                    let named = self.child_levels();
                    self.below(level).into_iter().filter(|it| named.contains(it)).collect()
                }
                None => self.directly_below(level),
            };
            children.push((name, levels));
        }
        children
    }

    /// The levels that the attribute `child` names.
    pub fn child_levels(&self) -> Vec<usize> {
        let values = self.child_attribute().map(|it| it.values.as_slice()).unwrap_or_default();
        values.iter().flat_map(|value| &value.names).filter_map(|name| self.level_named(&name.value)).collect()
    }

    /// Whether a layout is of this kind.
    pub fn is_kind(&self, layout: usize, kind: LayoutKind) -> bool {
        self.layout(layout).kind == kind
    }
}

fn exactly(value: u32) -> Bounds {
    Bounds { least: value, most: value }
}
