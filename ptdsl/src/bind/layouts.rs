//! The levels of a model, and its layouts once for each shape that they have at some level.

use crate::model::{self, LayoutKind, Test};

use super::env::{At, Env, small};
use super::geometry::Geometry;
use super::groups::JoinedFields;
use super::layout::{Maker, Site};
use super::update::hardware;

/// The levels and layouts of a model.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) levels: Vec<model::Level>,
    pub(super) layouts: Vec<model::Layout>,
    /// The layout of the root word, by range.
    pub(super) root_words: Vec<Option<usize>>,
}

impl Made {
    pub(super) fn of(env: &Env<'_>, geometry: &Geometry<'_>, groups: &[JoinedFields<'_>], range: usize) -> Self {
        let maker = Maker { env, geometry, groups, hardware: hardware(env) };
        let mut made = Self { levels: Vec::new(), layouts: Vec::new(), root_words: Vec::new() };
        for index in 0..geometry.places.len() {
            let level = made.level(&maker, index, range);
            made.levels.extend(level);
        }
        let word = env.description.layouts.iter().find(|layout| layout.node.kind == LayoutKind::Root);
        for range in 0..geometry.ranges.len() {
            let word = word.map(|word| made.shape(maker.layout(word, Site::Root(range))));
            made.root_words.push(word);
        }
        made
    }

    /// The number of a layout; one of the same shape is not kept twice.
    fn shape(&mut self, layout: model::Layout) -> usize {
        let place = self.layouts.iter().position(|other| same_shape(other, &layout));
        if let Some(other) = place.and_then(|place| self.layouts.get_mut(place)) {
            for (known, child) in other.children.iter_mut().zip(layout.children) {
                known.levels.extend(child.levels);
            }
            return place.unwrap_or(0);
        }
        self.layouts.push(layout);
        self.layouts.len() - 1
    }

    fn level(&mut self, maker: &Maker<'_>, index: usize, range: usize) -> Option<model::Level> {
        let (env, geometry) = (maker.env, maker.geometry);
        let place = geometry.places.get(index)?;
        let node = &place.level.node;
        let mut entries = Vec::new();
        let mut empty = None;
        for entry in &node.entries {
            let at = maker.at(Site::Level(index, range));
            let there = entry.when.as_ref().is_none_or(|when| env.holds(when, at));
            if !there && !entry.else_reserved {
                continue;
            }
            let layout = env.description.layouts.iter().find(|layout| layout.node.name == entry.layout)?;
            let word = maker.layout(layout, Site::Level(index, range));
            let refused = entry.refused || !there || exceeds_root(&word, geometry, index, range);
            if layout.node.kind == LayoutKind::Absent && !refused && empty.is_none() {
                empty = Some(layout);
            }
            entries.push(model::Entry { layout: self.shape(word), refused });
        }
        let emptied = |range: usize| {
            let layout = maker.layout(empty?, Site::Level(index, range));
            Some((layout.written | layout.reserved_value, open_address(&layout.identity)))
        };
        let emptied: Vec<_> = (0..geometry.ranges.len()).map(|range| emptied(range).unwrap_or_default()).collect();
        Some(model::Level {
            name: place.name().to_owned(),
            docs: place.level.docs.clone(),
            line: env.description.lines.line(place.level.span.start),
            number: u32::try_from(geometry.places.len() - 1 - index).unwrap_or(0),
            shift: place.shift,
            index_bits: place.index_bits,
            word_bits: place.word_bits,
            endian: env
                .description
                .word
                .as_ref()
                .and_then(|word| env.choose(&word.endian, At::default()))
                .map_or(model::Endian::Little, |case| case.value.value),
            align_lg2: place.align_lg2,
            companion_bits: node.companion.map_or(0, |bits| small(bits.value.value)),
            entries,
            empty_address: emptied.first().and_then(|(_, address)| address.clone()),
            empty: emptied.into_iter().map(|(word, _)| word).collect(),
        })
    }
}

/// Whether a run has more slots than the table, which happens to small roots alone: other tables are checked to have room.
fn exceeds_root(word: &model::Layout, geometry: &Geometry<'_>, index: usize, range: usize) -> bool {
    let root = geometry.ranges.get(range).filter(|range| range.root == index);
    let most_lg2 = word.run.as_ref().map_or(0, |run| run.most_lg2);
    root.is_some_and(|root| most_lg2 > root.root_index_bits)
}

/// Whether two layouts differ in nothing but the levels they stand at.
fn same_shape(first: &model::Layout, second: &model::Layout) -> bool {
    let unplaced = |layout: &model::Layout| {
        let mut layout = layout.clone();
        layout.children.iter_mut().for_each(|child| child.levels.clear());
        layout
    };
    first.name == second.name && unplaced(first) == unplaced(second)
}

/// The parameter whose address identifies the word, if it is decided at run time.
fn open_address(identity: &Test) -> Option<String> {
    match identity {
        Test::Address { parameter, .. } => Some(parameter.clone()),
        Test::All(parts) => parts.iter().find_map(open_address),
        _ => None,
    }
}
