//! Layouts with their masks and tests, once for each shape that they have at some level.

use std::collections::BTreeMap;

use crate::model::{
    self, Bits, Child, ChildField, Content, Field, LayoutKind, Mask, ParametricBits, ParametricRule, Piece, Run, Test,
};
use crate::resolve::{self, Documented};

use super::condition::{Word, all, any, equal, not, optional, pieces_are};
use super::env::{At, Env, small};
use super::geometry::Geometry;
use super::groups::JoinedFields;
use super::reserved::Reserved;
use super::rows::{self, mask};
use super::update::hardware;

/// The levels and layouts of a model.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) levels: Vec<model::Level>,
    pub(super) layouts: Vec<model::Layout>,
    /// The layout of the root word, by range.
    pub(super) root_words: Vec<Option<usize>>,
}

/// Where a word of a layout stands.
#[derive(Clone, Copy, Debug)]
enum Site {
    /// In a table of this level (index), under a root of this range.
    Level(usize, usize),
    /// It names the root of this range.
    Root(usize),
}

/// What every layout is made with.
struct Maker<'m> {
    env: &'m Env<'m>,
    geometry: &'m Geometry<'m>,
    groups: &'m [JoinedFields<'m>],
    hardware: Vec<&'m str>,
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
            let refused = entry.refused || !there;
            if layout.node.kind == LayoutKind::Absent && !refused && empty.is_none() {
                empty = Some(layout);
            }
            let layout = self.shape(maker.layout(layout, Site::Level(index, range)));
            entries.push(model::Entry { layout, refused });
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

impl<'m> Maker<'m> {
    fn at(&self, site: Site) -> At<'m> {
        let (level, range) = match site {
            Site::Level(level, range) => (Some(level), range),
            Site::Root(range) => (None, range),
        };
        At {
            level: level.and_then(|level| self.geometry.places.get(level)).map(|place| place.name()),
            range: self.geometry.ranges.get(range).and_then(|range| range.name.as_deref()),
        }
    }

    fn layout(&self, layout: &'m Documented<resolve::Layout>, site: Site) -> model::Layout {
        let (env, node, at) = (self.env, &layout.node, self.at(site));
        let word_bits = self.word_bits(node, site);
        let made = rows::rows(env, node, at, word_bits);
        let pieces = |wanted: &dyn Fn(&Content) -> Option<u32>| pieces(&made.rows, wanted);
        let stored = pieces(&|content| if let Content::Output { low } = content { Some(*low) } else { None });
        let is_leaf = node.kind == LayoutKind::Leaf;
        let output = if is_leaf { stored.clone() } else { Vec::new() };
        let output_width = node.output.as_ref().map_or_else(|| env.format_width(), |output| env.width(output, at));
        let tables: Vec<Vec<Piece>> = (0..made.children.len())
            .map(|own| {
                pieces(&|content| match content {
                    Content::Table { low, child } if *child == own => Some(*low),
                    _ => None,
                })
            })
            .collect();
        let fields = fields(&made);
        let table = tables.first().map_or(&[][..], Vec::as_slice);
        let word = Word { env, at, layout: node, fields: &fields, groups: self.groups, table, output: &stored };
        let child_field = self.child_field(node, site, &fields);
        let children = self.children(word, site, &made, &tables);
        let run = node.run.as_ref().filter(|_| is_leaf).map(run);
        let mut reserved = Reserved::default();
        self.reserve(&mut reserved, node, site, &made, &tables, &output, &output_width, run.as_ref());
        model::Layout {
            name: node.name.value.clone(),
            docs: layout.docs.clone(),
            line: env.description.lines.line(layout.span.start),
            kind: node.kind,
            word_bits,
            identity: identity(word, &made),
            refused: self.refused(word, site, child_field.as_ref(), run.as_ref(), &output),
            reserved: reserved.mask,
            reserved_value: reserved.value,
            written: self.written(site, &made.rows, word),
            ignored: bits_of(&made.rows, |content| matches!(content, Content::Ignored(_))),
            software: bits_of(&made.rows, |content| matches!(content, Content::Software)),
            hardware: self.hardware(node.kind, &fields),
            lacks: node.lacks.iter().map(|name| name.value.clone()).filter(|name| self.is_said(name)).collect(),
            rows: made.rows,
            fields,
            output,
            output_width,
            children,
            child_field,
            run,
            defer: node.defer,
        }
    }

    fn word_bits(&self, layout: &resolve::Layout, site: Site) -> u32 {
        let format = || self.env.description.word.as_ref().map_or(64, |word| small(word.bits.value.value));
        let bits = match site {
            Site::Level(level, _) => self.geometry.places.get(level).map_or_else(format, |place| place.word_bits),
            Site::Root(_) => layout.word.map_or_else(format, |bits| small(bits.value.value)),
        };
        bits.min(128)
    }

    /// What a child's table is like, as far as the site decides it: its level, the bits of its index, its alignment.
    fn child(&self, site: Site, named: Option<&str>) -> Option<(usize, u32, u32)> {
        match site {
            Site::Level(level, _) => {
                let child = self.geometry.child(level, named)?;
                let place = self.geometry.places.get(child)?;
                Some((child, place.index_bits, place.align_lg2))
            }
            Site::Root(range) => {
                let range = self.geometry.ranges.get(range)?;
                Some((range.root, range.root_index_bits, range.root_align_lg2))
            }
        }
    }

    fn children(&self, word: Word<'_>, site: Site, made: &rows::Rows<'_>, tables: &[Vec<Piece>]) -> Vec<Child> {
        let points = matches!(word.layout.kind, LayoutKind::Table | LayoutKind::Root);
        let own = match site {
            Site::Level(level, _) => level,
            Site::Root(range) => range,
        };
        made.children
            .iter()
            .zip(tables)
            .map(|(child, address)| {
                let level = self.child(site, child.level).filter(|_| points).map(|(level, ..)| (own, level));
                Child {
                    address: address.clone(),
                    width: self.env.format_width(),
                    levels: level.into_iter().collect(),
                    condition: optional(word, child.condition),
                }
            })
            .collect()
    }

    /// The levels that a field of this layout may name: those below, and for a root word the root and those below.
    fn child_field(&self, layout: &resolve::Layout, site: Site, fields: &[Field]) -> Option<ChildField> {
        if !matches!(layout.kind, LayoutKind::Table | LayoutKind::Root) {
            return None;
        }
        let groups = self.groups.iter().filter(|group| group.is_child());
        let mut found = groups.filter_map(|group| {
            let (name, _) = group.fields.first().filter(|_| group.fields.len() == 1)?;
            fields.iter().any(|field| field.name == *name).then_some((group, name))
        });
        let (group, name) = found.next()?;
        let first = match site {
            Site::Level(level, _) => level + 1,
            Site::Root(range) => self.geometry.ranges.get(range)?.root,
        };
        let levels: BTreeMap<u128, usize> = group
            .values
            .iter()
            .filter_map(|(number, names)| Some((*number, self.geometry.find(names.first()?)?)))
            .filter(|(_, level)| *level >= first)
            .collect();
        Some(ChildField { field: name.clone(), levels })
    }

    #[allow(clippy::too_many_arguments, reason = "what a layout is made of, gathered by its only caller")]
    fn reserve(
        &self,
        reserved: &mut Reserved,
        layout: &resolve::Layout,
        site: Site,
        made: &rows::Rows<'_>,
        tables: &[Vec<Piece>],
        output: &[Piece],
        output_width: &Bits,
        run: Option<&Run>,
    ) {
        for row in &made.rows {
            let bits = row.high - row.low + 1;
            match row.content {
                Content::Reserved(value) => reserved.must_be(row.low, bits, value),
                Content::SlotsLg2 => {
                    let slots = self.child(site, None).map_or(0, |(_, bits, _)| bits);
                    reserved.must_be(row.low, bits, slots.into());
                }
                _ => {}
            }
        }
        if let Site::Level(level, _) = site {
            let shift = self.geometry.places.get(level).map_or(0, |place| place.shift);
            let align = match run {
                Some(run) if run.in_ones => 0,
                Some(run) if run.identical => shift + run.most_lg2,
                _ => shift,
            };
            reserved.address(output, align, output_width);
        }
        if matches!(layout.kind, LayoutKind::Table | LayoutKind::Root) {
            for (child, address) in made.children.iter().zip(tables) {
                let align = self.child(site, child.level).map_or(0, |(.., align)| align);
                reserved.address(address, align, &self.env.format_width());
            }
        }
        for field in &made.open {
            reserved.without(field.parameter, field.least, field.most);
        }
    }

    fn refused(
        &self,
        word: Word<'_>,
        site: Site,
        child: Option<&ChildField>,
        run: Option<&Run>,
        output: &[Piece],
    ) -> Vec<Test> {
        let mut refused: Vec<Test> = word.layout.forbid.iter().map(|cond| word.test(cond)).collect();
        if word.layout.kind != LayoutKind::Absent {
            let here = |group: &&JoinedFields<'_>| {
                group.fields.iter().any(|(name, _)| word.fields.iter().any(|field| field.name == *name))
            };
            for group in self.groups.iter().filter(|group| !group.is_child()).filter(here) {
                refused.push(any(group.reserved.iter().map(|number| word.joined(group, *number)).collect()));
                if group.rest_reserved {
                    refused.push(not(any(group
                        .values
                        .iter()
                        .map(|(number, _)| word.joined(group, *number))
                        .collect())));
                }
            }
        }
        if let Some(child) = child {
            let field = word.fields.iter().find(|field| field.name == child.field);
            let is =
                |number: &u128| field.map_or(Test::Never, |field| pieces_are(&field.pieces, *number, field.inverted));
            refused.push(not(any(child.levels.keys().map(is).collect())));
        }
        if let (Some(run), Site::Level(level, _)) = (run.filter(|run| run.in_ones), site) {
            let shift = self.geometry.places.get(level).map_or(0, |place| place.shift);
            refused.push(not(any((run.least_lg2..=run.most_lg2).filter_map(|lg2| ones(output, shift, lg2)).collect())));
        }
        refused.retain(|test| *test != Test::Never);
        refused
    }

    /// What constants, ignored bits and the last slot of a whole child are written as.
    fn written(&self, site: Site, rows: &[model::Row], word: Word<'_>) -> u128 {
        let mut written = 0;
        for row in rows {
            let value = match &row.content {
                Content::Ignored(value) | Content::Constant { value, .. } => *value,
                Content::LastSlot { low } => {
                    let bits = self.child(site, None).map_or(0, |(_, bits, _)| bits);
                    mask(0, bits).checked_shr(*low).unwrap_or(0)
                }
                _ => 0,
            };
            written |= (value & mask(0, row.high - row.low + 1)) << row.low;
        }
        // An address that identifies the layout is a constant, too.
        for row in word.layout.rows.iter() {
            let Some(case) = word.env.choose(&row.node.content, word.at) else { continue };
            if let crate::tree::Content::Table { value: Some(value), .. } = &case.value.value {
                if let Test::Equal { value, .. } = word.address_is(true, value) {
                    written |= value;
                }
            }
        }
        written
    }

    fn hardware(&self, kind: LayoutKind, fields: &[Field]) -> Mask {
        let mut bits = Mask::default();
        if !matches!(kind, LayoutKind::Leaf | LayoutKind::Table) {
            return bits;
        }
        for field in fields.iter().filter(|field| self.hardware.contains(&field.name.as_str())) {
            bits.fixed |= field.pieces.iter().fold(0, |all, piece| all | mask(piece.word_low, piece.bits));
            if let Some(Bits::Runtime { parameter, least, most }) = &field.at {
                let span = mask(*least, most.saturating_sub(*least) + 1);
                let (bits_at, parameter) = (span, parameter.clone());
                bits.parametric.push(ParametricBits { bits: bits_at, parameter, rule: ParametricRule::At });
            }
        }
        bits
    }

    /// Whether some leaf has a field under this binding, at any level.
    fn is_said(&self, name: &str) -> bool {
        let leaves = self.env.description.layouts.iter().filter(|layout| layout.node.kind == LayoutKind::Leaf);
        let mut rows = leaves.flat_map(|layout| &layout.node.rows);
        let holds = |at: At<'_>, content| {
            self.env.choose(content, at).is_some_and(|case| {
                matches!(&case.value.value, crate::tree::Content::Field { name: field, value: None, .. } if field.value == name)
            })
        };
        rows.any(|row| {
            (0..self.geometry.places.len()).any(|level| holds(self.at(Site::Level(level, 0)), &row.node.content))
        }) || self.groups.iter().any(|group| group.names.iter().any(|other| other == name))
    }
}

/// What makes a word one of this layout.
fn identity(word: Word<'_>, made: &rows::Rows<'_>) -> Test {
    let mut tests = Vec::new();
    for row in &made.rows {
        if let Content::Constant { value, .. } = row.content {
            tests.push(equal(mask(row.low, row.high - row.low + 1), value << row.low));
        }
    }
    tests.extend(made.addresses.iter().map(|value| word.address_is(true, value)));
    tests.extend(word.layout.identity.as_ref().map(|cond| word.test(cond)));
    all(tests)
}

/// The words of a run of `2^lg2` slots: the address ends in a zero above ones.
fn ones(output: &[Piece], shift: u32, lg2: u32) -> Option<Test> {
    let lowest = output.iter().map(|piece| piece.value_low).min()?;
    let zero = (shift + lg2).checked_sub(1)?;
    let count = zero.checked_sub(lowest)?;
    let pattern = mask(lowest, count);
    let looked_at = mask(lowest, count + 1);
    let mut test = (0, 0);
    for piece in output {
        let part =
            |bits: u128| (bits.checked_shr(piece.value_low).unwrap_or(0) & mask(0, piece.bits)) << piece.word_low;
        test = (test.0 | part(looked_at), test.1 | part(pattern));
    }
    Some(equal(test.0, test.1))
}

/// A run in the words of the model.
fn run(run: &crate::tree::Run) -> Run {
    let lg2 = |number: &crate::tree::Number| number.value.value.max(1).ilog2();
    Run {
        least_lg2: lg2(&run.first),
        most_lg2: run.last.as_ref().map_or_else(|| lg2(&run.first), lg2),
        identical: run.identical,
        in_ones: run.in_ones,
    }
}

/// The bits of all rows with such contents.
fn bits_of(rows: &[model::Row], wanted: impl Fn(&Content) -> bool) -> u128 {
    let rows = rows.iter().filter(|row| wanted(&row.content));
    rows.fold(0, |all, row| all | mask(row.low, row.high - row.low + 1))
}

/// Where the bits of a value are stored, the lowest first; `wanted` tells the lowest bit that a row stores.
fn pieces(rows: &[model::Row], wanted: &dyn Fn(&Content) -> Option<u32>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = rows
        .iter()
        .filter_map(|row| {
            let value_low = wanted(&row.content)?;
            Some(Piece { word_low: row.low, value_low, bits: row.high - row.low + 1 })
        })
        .collect();
    pieces.sort_by_key(|piece| piece.value_low);
    pieces
}

/// The fields that carry information, in the order of the rows.
fn fields(made: &rows::Rows<'_>) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for row in &made.rows {
        let Content::Field { name, inverted, low } = &row.content else { continue };
        let piece = Piece { word_low: row.low, value_low: *low, bits: row.high - row.low + 1 };
        match fields.iter_mut().find(|field| field.name == *name) {
            Some(field) => field.pieces.push(piece),
            None => fields.push(Field {
                name: name.clone(),
                docs: row.docs.clone(),
                inverted: *inverted,
                pieces: vec![piece],
                at: None,
            }),
        }
    }
    for field in &mut fields {
        field.pieces.sort_by_key(|piece| piece.value_low);
    }
    fields.extend(made.open.iter().map(|open| Field {
        name: open.name.to_owned(),
        docs: open.docs.to_vec(),
        inverted: open.inverted,
        pieces: Vec::new(),
        at: Some(Bits::Runtime { parameter: open.parameter.to_owned(), least: open.least, most: open.most }),
    }));
    fields
}
