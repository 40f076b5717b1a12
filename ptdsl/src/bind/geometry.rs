//! Where levels stand under a binding, which of them there are, and where walks begin.

use crate::diagnostic::{Code, Diagnostic};
use crate::model;
use crate::resolve::{Description, Documented};
use crate::tree::{self, Content, LayoutKind, LevelIndex, Value};

use super::client::Client;
use super::env::{At, Env, small};

/// A level of the model before its words are known.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    pub(super) level: &'a Documented<tree::Level>,
    pub(super) shift: u32,
    pub(super) index_bits: u32,
    pub(super) word_bits: u32,
    pub(super) align_lg2: u32,
}

impl Place<'_> {
    /// The name of the level.
    pub(super) fn name(&self) -> &str {
        &self.level.node.name.value
    }

    /// The lowest VA bit above those that index it.
    fn top(&self) -> u32 {
        self.shift.saturating_add(self.index_bits)
    }
}

/// The levels from the root to the lowest, and the ranges with their roots.
#[derive(Clone, Debug)]
pub(super) struct Geometry<'a> {
    pub(super) places: Vec<Place<'a>>,
    pub(super) ranges: Vec<model::Range>,
}

impl<'a> Geometry<'a> {
    pub(super) fn of(env: &Env<'a>, client: &Client) -> Result<Self, Vec<Diagnostic>> {
        let description = env.description;
        let mut places = places(env);
        let widths: Vec<u32> = description.ranges.iter().map(|range| range_width(env, &range.node)).collect();
        let widest = widths.iter().copied().max().unwrap_or(0);
        places.retain(|place| place.index_bits > 0 && place.shift < widest);
        let mut roots = Vec::new();
        let mut complaints = Vec::new();
        for (index, (range, width)) in description.ranges.iter().zip(&widths).enumerate() {
            let asked = client.root.as_deref();
            match root(&places, &range.node, *width, asked, index == client.range) {
                Ok(root) => roots.push(root),
                Err(complaint) => complaints.push(complaint.note(under(env))),
            }
        }
        if !complaints.is_empty() {
            return Err(complaints);
        }
        // Levels above every root are not part of the format.
        let first = roots.iter().copied().min().unwrap_or(0);
        places.drain(..first);
        let mut geometry = Self { places, ranges: Vec::new() };
        geometry.align(env);
        for ((range, width), root) in description.ranges.iter().zip(&widths).zip(roots) {
            let range = geometry.range(env, range, *width, root - first);
            geometry.ranges.push(range);
        }
        Ok(geometry)
    }

    /// The level that a table of `index` points to: the one named, or the one whose index bits come next.
    pub(super) fn child(&self, index: usize, named: Option<&str>) -> Option<usize> {
        let shift = self.places.get(index)?.shift;
        match named {
            Some(name) => self.places.iter().position(|place| place.name() == name).filter(|child| *child > index),
            None => self.places.iter().position(|place| place.top() == shift),
        }
    }

    /// Where a level stands in the list.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.places.iter().position(|place| place.name() == name)
    }

    /// A table is aligned to its size, or as its level says, and never less than the pointers to it can tell.
    fn align(&mut self, env: &Env<'a>) {
        let mut lowest = vec![0; self.places.len()];
        for (index, place) in self.places.iter().enumerate() {
            let at = At { level: Some(place.name()), range: None };
            for entry in &place.level.node.entries {
                let layout = env.description.layouts.iter().find(|layout| layout.node.name == entry.layout);
                let Some(layout) = layout.filter(|layout| layout.node.kind == LayoutKind::Table) else { continue };
                for (named, bit) in lowest_pointer(env, &layout.node.rows, at) {
                    let child = self.child(index, named);
                    if let Some(least) = child.and_then(|child| lowest.get_mut(child)) {
                        *least = bit.max(*least);
                    }
                }
            }
        }
        for (place, lowest) in self.places.iter_mut().zip(lowest) {
            place.align_lg2 = table_align(place, place.index_bits).max(lowest);
        }
    }

    fn range(&self, env: &Env<'a>, item: &Documented<tree::Virtual>, width: u32, root: usize) -> model::Range {
        let at = At { level: None, range: item.node.name.as_ref().map(|name| name.value.as_str()) };
        let tag = item.node.tag.as_ref().filter(|tag| tag.when.as_ref().is_none_or(|when| env.holds(when, at)));
        let word = env.description.layouts.iter().find(|layout| layout.node.kind == LayoutKind::Root);
        let pointer = word.map(|word| lowest_pointer(env, &word.node.rows, at)).unwrap_or_default();
        let lowest = pointer.first().map_or(0, |(_, bit)| *bit);
        let place = self.places.get(root);
        let root_index_bits = width.saturating_sub(place.map_or(0, |place| place.shift));
        model::Range {
            name: item.node.name.as_ref().map(|name| name.value.clone()),
            docs: item.docs.clone(),
            width,
            extension: match &item.node.extension.value {
                tree::Extension::Sign => model::Extension::Sign,
                tree::Extension::Zero => model::Extension::Zero,
                tree::Extension::Ones => model::Extension::Ones,
                tree::Extension::Prefix(number) => {
                    model::Extension::Prefix(u64::try_from(number.value.value).unwrap_or(u64::MAX))
                }
            },
            tag: tag.map(|tag| (small(tag.bits.high.value.value), small(tag.bits.low.value.value))),
            root,
            root_index_bits,
            root_align_lg2: place.map_or(0, |place| table_align(place, root_index_bits)).max(lowest),
            root_word: None,
        }
    }
}

/// Every level with its place in the VA, from the highest to the lowest.
fn places<'a>(env: &Env<'a>) -> Vec<Place<'a>> {
    let description = env.description;
    let word = description.word.as_ref().map_or(64, |word| small(word.bits.value.value));
    let mut places: Vec<Place<'a>> = description
        .levels
        .iter()
        .map(|level| {
            let (shift, index_bits) = extent(env, &level.node, description.levels.len());
            let word_bits = level.node.word.map_or(word, |bits| small(bits.value.value));
            Place { level, shift, index_bits, word_bits, align_lg2: 0 }
        })
        .collect();
    places.sort_by_key(|place| core::cmp::Reverse(place.top()));
    places
}

/// The lowest index bit of a level and the number of its index bits. `fuel` bounds how many levels it may stand above.
fn extent(env: &Env<'_>, level: &tree::Level, fuel: usize) -> (u32, u32) {
    let at = At { level: Some(&level.name.value), range: None };
    // No VA has more bits than this; sums stay small.
    let bits = |value: u128| small(value).min(1 << 16);
    match &level.index {
        LevelIndex::Bits(range) => {
            let (high, low) = (bits(range.high.value.value), bits(range.low.value.value));
            (low, (high + 1).saturating_sub(low))
        }
        LevelIndex::Above { width, base } => {
            let width = bits(env.value(width, at).unwrap_or(0));
            let below = match base {
                Value::Number(number) => return (bits(number.value.value), width),
                Value::Name(name) => env.description.levels.iter().find(|other| other.node.name == *name).ok_or(name),
            };
            match below {
                Ok(below) => {
                    let (low, own) = fuel.checked_sub(1).map_or((0, 0), |fuel| extent(env, &below.node, fuel));
                    (low.saturating_add(own).min(1 << 16), width)
                }
                Err(name) => (bits(env.known(&name.value, at).unwrap_or(0)), width),
            }
        }
    }
}

/// How many bits of the VA a range translates.
fn range_width(env: &Env<'_>, range: &tree::Virtual) -> u32 {
    let at = At { level: None, range: range.name.as_ref().map(|name| name.value.as_str()) };
    small(env.value(&range.width, at).unwrap_or(0)).min(64)
}

/// The level at which walks of a range begin.
fn root(
    places: &[Place<'_>],
    range: &tree::Virtual,
    width: u32,
    asked: Option<&str>,
    chosen: bool,
) -> Result<usize, Diagnostic> {
    let widened = range.widened.map_or(0, |bits| small(bits.value.value));
    let holds = |place: &Place<'_>, more: u32| place.shift < width && width <= place.top().saturating_add(more);
    let natural = places.iter().position(|place| holds(place, 0));
    let possible: Vec<&str> = places.iter().filter(|place| holds(place, widened)).map(Place::name).collect();
    if let Some(asked) = asked {
        let found = places.iter().position(|place| place.name() == asked && holds(place, widened));
        if found.is_some() || chosen {
            return found.ok_or_else(|| {
                let complaint = Diagnostic::new(
                    Code::RootImpossible,
                    format!("`{asked}` cannot be the root of {width} bits of VA"),
                );
                complaint.note(format!(
                    "what can: {}",
                    if possible.is_empty() { "nothing".into() } else { possible.join(", ") }
                ))
            });
        }
    }
    let found = natural.or_else(|| places.iter().position(|place| holds(place, widened)));
    found.ok_or_else(|| {
        Diagnostic::new(Code::TopBitMissed, format!("no level is indexed by bit {} of the VA", width.saturating_sub(1)))
            .help("choose wider levels or a narrower VA")
    })
}

/// lg2 of the bytes of a table with so many index bits, or of what its level says instead.
fn table_align(place: &Place<'_>, index_bits: u32) -> u32 {
    let lg2 = |value: u128| value.max(1).ilog2();
    match place.level.node.align {
        Some(align) => lg2(align.value.value),
        None => index_bits.saturating_add(lg2(u128::from(place.word_bits / 8))),
    }
}

/// The lowest stored bit of each child's address.
fn lowest_pointer<'r>(env: &Env<'_>, rows: &'r [Documented<tree::Row>], at: At<'_>) -> Vec<(Option<&'r str>, u32)> {
    let mut lowest: Vec<(Option<&str>, u32)> = Vec::new();
    for row in rows {
        let Some((_, row_low)) = super::rows::fixed(&row.node.place) else { continue };
        let Some(case) = env.choose(&row.node.content, at) else { continue };
        if let Content::Table { child, slice, .. } = &case.value.value {
            let bit = slice.map_or(row_low, |slice| small(slice.low.value.value));
            let name = child.as_ref().map(|name| name.value.as_str());
            match lowest.iter_mut().find(|(other, _)| *other == name) {
                Some((_, least)) => *least = bit.min(*least),
                None => lowest.push((name, bit)),
            }
        }
    }
    lowest
}

/// The parameters of a binding in words, for a complaint about what follows from them.
fn under(env: &Env<'_>) -> String {
    let list: Vec<String> = env
        .parameters
        .iter()
        .filter_map(|(name, number)| match number {
            super::env::Number::Known(value) => Some(format!("{name} = {value}")),
            _ => None,
        })
        .collect();
    let format: &Description = env.description;
    if list.is_empty() {
        format!("`{}` has no parameters that change it", format.name.value)
    } else {
        format!("with {}", list.join(", "))
    }
}
