//! One layout with its masks and tests, as it is at one site.

use std::collections::BTreeMap;

use crate::model::{
    self, Bits, Child, ChildField, Content, Field, LayoutKind, Mask, ParametricBits, ParametricRule, Piece, Run, Test,
};
use crate::resolve::{self, Documented};
use crate::tree;

use super::condition::{Word, all, any, equal, not, optional, pieces_are};
use super::env::{At, Env, small};
use super::geometry::Geometry;
use super::groups::JoinedFields;
use super::pieces::{bits_of, fields, pieces, sizes_in_ones};
use super::reserved::Reserved;
use super::rows::{self, mask};

/// Where a word of a layout stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Site {
    /// In a table of this level (index), under a root of this range.
    Level(usize, usize),
    /// It names the root of this range.
    Root(usize),
}

/// What every layout is made with.
pub(super) struct Maker<'m> {
    pub(super) env: &'m Env<'m>,
    pub(super) geometry: &'m Geometry<'m>,
    pub(super) groups: &'m [JoinedFields<'m>],
    pub(super) hardware: Vec<&'m str>,
}

/// The addresses that a layout stores.
struct Stored<'s> {
    tables: &'s [Vec<Piece>],
    output: &'s [Piece],
    output_width: &'s Bits,
    run: Option<&'s Run>,
}

impl<'m> Maker<'m> {
    pub(super) fn at(&self, site: Site) -> At<'m> {
        let (level, range) = match site {
            Site::Level(level, range) => (Some(level), range),
            Site::Root(range) => (None, range),
        };
        At {
            level: level.and_then(|level| self.geometry.places.get(level)).map(|place| place.name()),
            range: self.geometry.ranges.get(range).and_then(|range| range.name.as_deref()),
        }
    }

    pub(super) fn layout(&self, layout: &'m Documented<resolve::Layout>, site: Site) -> model::Layout {
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
        let stored = Stored { tables: &tables, output: &output, output_width: &output_width, run: run.as_ref() };
        let reserved = self.reserve(node, site, &made, &stored);
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

    /// Everything that must be as it is.
    fn reserve(&self, layout: &resolve::Layout, site: Site, made: &rows::Rows<'_>, stored: &Stored<'_>) -> Reserved {
        let mut reserved = Reserved::default();
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
            let align = match stored.run {
                Some(run) if run.in_ones => 0,
                Some(run) if run.identical => shift + run.most_lg2,
                _ => shift,
            };
            reserved.address(stored.output, align, stored.output_width);
        }
        if matches!(layout.kind, LayoutKind::Table | LayoutKind::Root) {
            for (child, address) in made.children.iter().zip(stored.tables) {
                let align = self.child(site, child.level).map_or(0, |(.., align)| align);
                reserved.address(address, align, &self.env.format_width());
            }
        }
        for field in &made.open {
            reserved.without(field.parameter, field.least, field.most);
        }
        reserved
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
            refused.push(not(sizes_in_ones(output, shift, run)));
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
            if let tree::Content::Table { value: Some(value), .. } = &case.value.value
                && let Test::Equal { value, .. } = word.address_is(true, value)
            {
                written |= value;
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
                matches!(&case.value.value, tree::Content::Field { name: field, value: None, .. } if field.value == name)
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

/// A run in the words of the model.
fn run(run: &tree::Run) -> Run {
    let lg2 = |number: &tree::Number| number.value.value.max(1).ilog2();
    Run {
        least_lg2: lg2(&run.first),
        most_lg2: run.last.as_ref().map_or_else(|| lg2(&run.first), lg2),
        identical: run.identical,
        in_ones: run.in_ones,
    }
}
