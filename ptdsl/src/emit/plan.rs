//! What all models of a family have together: levels, attributes and words, each found out once.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use proc_macro2::TokenStream;
use quote::quote;

use super::expr::Expr;
use super::leaf::Said;
use super::merge::{Dim, Space};
use super::{Options, scatter};
use crate::binding::Family;
use crate::model::{self, AttributeKind, Combine, Layout, LayoutKind, Source};
use crate::rust_name::upper_camel;

/// A family and what is emitted for it.
pub(crate) struct Plan<'a> {
    /// The models.
    pub(crate) family: &'a Family,
    /// What the client says about the module.
    pub(crate) options: &'a Options,
    /// The combinations of what is decided at run time.
    pub(crate) space: Space,
    /// Width of a word.
    pub(crate) word_bits: u32,
    /// The levels of all models, from the root to the lowest.
    pub(crate) levels: Vec<Level>,
    /// The attributes of all models, in order.
    pub(crate) attributes: Vec<Attribute>,
    /// The software bits that all leaves have.
    pub(crate) software: u128,
    /// The rights that some table limits, and where the limits are kept.
    pub(crate) limits: Vec<Limit>,
    /// How leaf layouts say attributes, each worked out once: by member and place of the layout.
    pub(crate) said: RefCell<BTreeMap<(usize, usize), Rc<Said>>>,
    /// How many groups of flags share their bits, in the leaf layout that has the most.
    pub(crate) coupled_groups: OnceCell<usize>,
}

/// A level of at least one model.
pub(crate) struct Level {
    /// Its name in the format.
    pub(crate) name: String,
    /// The name of its type.
    pub(crate) type_name: String,
    /// Its place in each member's list, if it is there.
    pub(crate) at: Vec<Option<usize>>,
}

/// An attribute of at least one model.
pub(crate) struct Attribute {
    /// Its name.
    pub(crate) name: String,
    /// The lines of `///`.
    pub(crate) docs: Vec<String>,
    /// What values it has.
    pub(crate) kind: AttributeKind,
    /// It is a right: allowed where nothing says otherwise.
    pub(crate) right: bool,
}

/// Where limits of one right are kept.
pub(crate) struct Limit {
    /// Which of the attributes.
    pub(crate) attribute: usize,
    /// The bit of the limits word: set where nothing above says otherwise.
    pub(crate) bit: u128,
}

/// Something that holds in one member, at these coordinates of further dimensions.
pub(crate) struct Case<T> {
    pub(crate) member: usize,
    pub(crate) at: Vec<u128>,
    pub(crate) value: T,
}

/// A leaf that a level can hold.
#[derive(Clone, Copy)]
pub(crate) struct Leaf<'a> {
    /// Its layout, as an index into the model's layouts.
    pub(crate) index: usize,
    /// Its layout.
    pub(crate) layout: &'a Layout,
    /// lg2 of the bytes that it translates, its run included; of runs of several lengths, the shortest.
    pub(crate) lg2: u32,
    /// The same of the longest run.
    pub(crate) most_lg2: u32,
}

impl Leaf<'_> {
    /// Whether words of this layout say their size in the low bits of the address.
    pub(crate) fn in_ones(self) -> bool {
        self.layout.run.as_ref().is_some_and(|run| run.in_ones)
    }
}

impl<'a> Plan<'a> {
    pub(crate) fn new(family: &'a Family, options: &'a Options) -> Self {
        let word_bits =
            family.members.first().and_then(|member| member.format.levels.first()).map_or(64, |l| l.word_bits);
        let mut plan = Self {
            family,
            options,
            space: space(family),
            word_bits,
            levels: levels(family),
            attributes: attributes(family),
            software: 0,
            limits: Vec::new(),
            said: RefCell::default(),
            coupled_groups: OnceCell::new(),
        };
        plan.software = plan.common_software();
        plan.limits = plan.find_limits();
        plan
    }

    /// Whether nothing is decided when a table is made.
    pub(crate) fn is_decided(&self) -> bool {
        self.family.variables.is_empty() && self.family.open.is_empty() && self.family.addresses.is_empty()
    }

    /// The path of the runtime.
    pub(crate) fn krate(&self) -> &TokenStream {
        &self.options.crate_path
    }

    /// The type of a word.
    pub(crate) fn word(&self) -> TokenStream {
        if self.word_bits == 32 { quote!(u32) } else { quote!(u64) }
    }

    /// The name of the type of a word.
    pub(crate) fn word_name(&self) -> &'static str {
        if self.word_bits == 32 { "u32" } else { "u64" }
    }

    /// The bits of a word.
    pub(crate) fn word_ones(&self) -> u128 {
        scatter::ones(self.word_bits)
    }

    /// The word as a number of 64 bits.
    pub(crate) fn wide(&self, word: Expr) -> Expr {
        if self.word_bits == 64 { word } else { word.cast("u64") }
    }

    /// A number of 64 bits as a word.
    pub(crate) fn narrow(&self, value: Expr) -> Expr {
        if self.word_bits == 64 { value } else { value.cast(self.word_name()) }
    }

    /// The models.
    pub(crate) fn formats(&self) -> impl Iterator<Item = &'a model::Format> + use<'a> {
        self.family.members.iter().map(|member| &member.format)
    }

    /// The first model: what does not depend on the binding is read off it.
    pub(crate) fn first(&self) -> Option<&'a model::Format> {
        self.formats().next()
    }

    /// The model of a member.
    pub(crate) fn format(&self, member: usize) -> &'a model::Format {
        &self.family.members[member].format
    }

    /// The expression that is `each(format)` under each assignment.
    pub(crate) fn merged(&self, each: impl Fn(&'a model::Format) -> Expr) -> Expr {
        let exprs: Vec<Expr> = self.formats().map(each).collect();
        self.space.merge(&exprs).unwrap_or(Expr::Bits(0))
    }

    /// The expression that is `each(format, place of the level)` under each assignment that has the level.
    pub(crate) fn at_level(&self, level: &Level, each: impl Fn(&'a model::Format, usize) -> Expr) -> Expr {
        let cases = self.places(level).map(|(member, place)| Case {
            member,
            at: Vec::new(),
            value: each(self.format(member), place),
        });
        self.of_cases(&[], cases.collect()).unwrap_or(Expr::Bits(0))
    }

    /// The members that have the level, with its place there.
    pub(crate) fn places<'b>(&self, level: &'b Level) -> impl Iterator<Item = (usize, usize)> + use<'b> {
        level.at.iter().enumerate().filter_map(|(member, place)| place.map(|place| (member, place)))
    }

    /// One expression of those that hold in each case. `None` without cases.
    pub(crate) fn of_cases(&self, extra: &[Dim], cases: Vec<Case<Expr>>) -> Option<Expr> {
        let mut space = Space { dims: self.space.dims.clone(), points: Vec::new() };
        space.dims.extend(extra.iter().cloned());
        let mut exprs = Vec::new();
        for case in cases {
            let mut point = self.space.points[case.member].clone();
            point.extend(case.at);
            space.points.push(point);
            exprs.push(case.value);
        }
        space.merge(&exprs)
    }

    /// The leaves that a level can hold.
    pub(crate) fn leaves(&self, format: &'a model::Format, place: usize) -> Vec<Leaf<'a>> {
        let level = &format.levels[place];
        let layouts = of_kind(format, place, LayoutKind::Leaf);
        layouts
            .map(|(index, layout)| {
                let (least, most) = layout.run.as_ref().map_or((0, 0), |run| (run.least_lg2, run.most_lg2));
                Leaf { index, layout, lg2: level.shift + least, most_lg2: level.shift + most }
            })
            .collect()
    }

    /// The layout of the tables that a word of a level can point to.
    pub(crate) fn table(&self, format: &'a model::Format, place: usize) -> Option<(usize, &'a Layout)> {
        of_kind(format, place, LayoutKind::Table).next()
    }

    /// The level below.
    pub(crate) fn below(&self, level: usize) -> Option<&Level> {
        self.levels.get(level + 1)
    }

    fn common_software(&self) -> u128 {
        let mut common = self.word_ones();
        let mut any = false;
        for (member, format) in self.formats().enumerate() {
            for level in &self.levels {
                let Some(place) = level.at[member] else { continue };
                for leaf in self.leaves(format, place) {
                    common &= leaf.layout.software;
                    any = true;
                }
            }
        }
        if any { common } else { 0 }
    }

    fn find_limits(&self) -> Vec<Limit> {
        let mut limits = Vec::new();
        for (place, attribute) in self.attributes.iter().enumerate() {
            let mut bits = self.formats().enumerate().flat_map(|(member, format)| {
                let levels = self.levels.iter().filter_map(move |level| level.at[member]);
                levels.filter_map(move |level| self.table_bit(format, level, &attribute.name))
            });
            if let Some((bit, _)) = bits.next() {
                limits.push(Limit { attribute: place, bit });
            }
        }
        limits
    }

    /// What tables of a level say for all leaves below, which cannot say it themselves: the field of the table, and
    /// whether it is a right that tables limit.
    pub(crate) fn said_for_leaves(&self, format: &'a model::Format, place: usize) -> Vec<&'a model::Field> {
        let Some((index, layout)) = self.table(format, place) else { return Vec::new() };
        let said = layout.fields.iter().filter(|field| {
            let Some(attribute) = attribute_of(format, &field.name) else { return false };
            let at = |place: usize| self.leaves(format, place).into_iter();
            let says = |leaf: &Leaf<'_>| attribute.sources.contains_key(&leaf.index);
            let below = (place + 1..format.levels.len()).flat_map(at).any(|leaf| says(&leaf));
            let here = at(place).any(|leaf| attribute.sources.get(&leaf.index) == Some(&Source::Field));
            here && !below && field.at.is_none() && attribute.sources.get(&index) == Some(&Source::Field)
        });
        said.collect()
    }

    /// The bit of a table word that limits a right (or makes global), and whether it says the opposite.
    pub(crate) fn table_bit(&self, format: &'a model::Format, place: usize, name: &str) -> Option<(u128, bool)> {
        let (index, layout) = self.table(format, place)?;
        let attribute = attribute_of(format, name)?;
        if attribute.combine == Combine::Own || attribute.sources.get(&index) != Some(&Source::Field) {
            return None;
        }
        let field = layout.fields.iter().find(|field| field.name == name)?;
        (field.pieces.len() == 1).then(|| (scatter::word_bits(&field.pieces), field.inverted))
    }
}

/// The name in Rust of an address that is decided at run time.
pub(crate) fn address_field(name: &str) -> String {
    name.replace('.', "_")
}

/// The layouts of a kind that are not refused at a level.
pub(crate) fn of_kind(
    format: &model::Format,
    place: usize,
    kind: LayoutKind,
) -> impl Iterator<Item = (usize, &Layout)> {
    let entries = format.levels[place].entries.iter().filter(|entry| !entry.refused);
    entries.map(|entry| (entry.layout, &format.layouts[entry.layout])).filter(move |(_, layout)| layout.kind == kind)
}

/// An attribute of a model by name.
pub(crate) fn attribute_of<'a>(format: &'a model::Format, name: &str) -> Option<&'a model::Attribute> {
    format.attributes.iter().find(|attribute| attribute.name == name)
}

fn space(family: &Family) -> Space {
    let dims = family.variables.iter().map(|variable| {
        let name = Expr::var(format!("f.{}", variable.name));
        match variable.values {
            None => Dim::Flag(name),
            Some(_) => Dim::Number(name),
        }
    });
    Space { dims: dims.collect(), points: family.members.iter().map(|member| member.assignment.clone()).collect() }
}

/// The levels below and with the root of the chosen range, of the member that has the most.
fn levels(family: &Family) -> Vec<Level> {
    let used = |format: &model::Format| {
        let root = format.ranges.get(family.range).map_or(0, |range| range.root);
        format.levels[root..].iter().map(|level| level.name.clone()).collect::<Vec<_>>()
    };
    let all = family.members.iter().map(|member| used(&member.format)).max_by_key(Vec::len).unwrap_or_default();
    all.into_iter()
        .map(|name| Level {
            type_name: upper_camel(&name),
            at: family
                .members
                .iter()
                .map(|member| {
                    let there = used(&member.format).contains(&name);
                    let place = member.format.levels.iter().position(|level| level.name == name);
                    place.filter(|_| there)
                })
                .collect(),
            name,
        })
        .collect()
}

/// The attributes that some leaf says, with the widest kind that any member gives them.
fn attributes(family: &Family) -> Vec<Attribute> {
    let mut found: Vec<Attribute> = Vec::new();
    for member in &family.members {
        for attribute in &member.format.attributes {
            match found.iter_mut().find(|known| known.name == attribute.name) {
                Some(known) => widen(&mut known.kind, &attribute.kind),
                None => found.push(Attribute {
                    name: attribute.name.clone(),
                    docs: attribute.docs.clone(),
                    kind: attribute.kind.clone(),
                    right: attribute.combine == Combine::And,
                }),
            }
        }
    }
    found
}

fn widen(known: &mut AttributeKind, other: &AttributeKind) {
    match (known, other) {
        (AttributeKind::Number(bits), AttributeKind::Number(more)) => *bits = (*bits).max(*more),
        (
            AttributeKind::Choice { names, other, bits, .. },
            AttributeKind::Choice { names: more, other: open, bits: width, .. },
        ) => {
            *other |= open;
            *bits = (*bits).max(*width);
            for name in more {
                if !names.iter().any(|known| known.name == name.name) {
                    names.push(name.clone());
                }
            }
        }
        _ => {}
    }
}
