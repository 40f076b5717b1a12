//! What the checks share: the description, one set of diagrams, and what has been found broken so far.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Property;
use super::geometry::{Listed, Position};
use super::shape::Shape;
use super::variables::Variables;
use crate::diagnostic::Diagnostic;
use crate::logic::{Bdd, Bdds, Cube};
use crate::resolve::{Description, Extent, Feature, Layout, Parameter, Partial};
use crate::span::Span;
use crate::tree;

/// What a check found something wrong with. Later checks leave it alone if they need what is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// Everything.
    Format,
    /// One layout, by index.
    Layout(usize),
    /// One level, by index.
    Level(usize),
    /// One range of VA, by index.
    Range(usize),
    /// One `attribute`, by index.
    Attribute(usize),
}

/// The shared state of all checks on one description.
pub(super) struct Facts<'a> {
    /// What is checked.
    pub description: &'a Description,
    /// All conditions.
    pub bdds: Bdds,
    /// What the variables of the conditions stand for.
    pub variables: Variables,
    /// Layouts as seen at a level, made on demand.
    pub shapes: BTreeMap<(usize, Option<usize>), Rc<Shape>>,
    /// Identities of layouts at levels, made on demand.
    pub identities: BTreeMap<(usize, Option<usize>), Bdd>,
    /// Where each level stands.
    pub positions: Vec<Option<Position>>,
    /// The levels that are part of the format.
    pub used_levels: Vec<usize>,
    /// What each level lists, made on demand.
    pub lists: BTreeMap<usize, Rc<Vec<Listed>>>,
    /// Widths of fields, made on demand.
    pub widths: BTreeMap<String, u32>,
    /// Accepted words of layouts at levels, made on demand.
    pub valid: BTreeMap<(usize, usize), Bdd>,
    /// How much of the description can be relied on, if not everything.
    pub extent: Option<Extent>,
    /// The places that complaints about names point at.
    pub told: &'a [Span],
    used_layouts: Option<Vec<usize>>,
    current: (Property, &'static [Property]),
    broken: BTreeSet<(Property, Subject)>,
    once: BTreeSet<(Property, Vec<Span>, String)>,
    found: Vec<Diagnostic>,
}

impl<'a> Facts<'a> {
    pub fn new(description: &'a Description) -> Self {
        let mut facts = Self {
            description,
            bdds: Bdds::default(),
            variables: Variables::default(),
            shapes: BTreeMap::new(),
            identities: BTreeMap::new(),
            positions: Vec::new(),
            used_levels: Vec::new(),
            lists: BTreeMap::new(),
            widths: BTreeMap::new(),
            valid: BTreeMap::new(),
            extent: None,
            told: &[],
            used_layouts: None,
            current: (Property::NamesFitRust, &[]),
            broken: BTreeSet::new(),
            once: BTreeSet::new(),
            found: Vec::new(),
        };
        facts.place_levels();
        facts
    }

    /// The same for a description that is not whole.
    pub fn of_partial(partial: &'a Partial) -> Self {
        let mut facts = Self::new(&partial.description);
        facts.extent = Some(partial.extent);
        facts.told = &partial.told;
        facts
    }

    /// Whether every name of rows, conditions and levels means something.
    pub fn names_known(&self) -> bool {
        self.extent != Some(Extent::Places)
    }

    /// How many reports there are so far.
    pub fn reports(&self) -> usize {
        self.found.len()
    }

    /// Takes back all reports but the first ones.
    pub fn retract(&mut self, all_but: usize) {
        self.found.truncate(all_but);
    }

    /// Everything reported so far.
    pub fn into_found(self) -> Vec<Diagnostic> {
        self.found
    }

    /// The following reports are about this property, which builds on those.
    pub fn begin(&mut self, property: Property, needs: &'static [Property]) {
        self.current = (property, needs);
    }

    /// Something is wrong with the subject.
    pub fn report(&mut self, subject: Subject, diagnostic: Diagnostic) {
        self.broken.insert((self.current.0, subject));
        self.found.push(diagnostic);
    }

    /// The current property does not hold for the subject, which is told by a report about another one.
    pub fn mark(&mut self, subject: Subject) {
        self.broken.insert((self.current.0, subject));
    }

    /// Whether the current check tells this for the first time: a layout made from another repeats what is wrong with it.
    pub fn first_time(&mut self, rows: Vec<Span>, text: &str) -> bool {
        self.once.insert((self.current.0, rows, text.to_owned()))
    }

    /// Whether all that the current check needs holds for the subject. Where it does not, the current property counts as
    /// broken, too: nobody proved it.
    pub fn sound(&mut self, subject: Subject) -> bool {
        let (property, needs) = self.current;
        let is_broken = |need: &Property| {
            self.broken.contains(&(*need, subject)) || self.broken.contains(&(*need, Subject::Format))
        };
        let broken = needs.iter().any(is_broken);
        if broken {
            self.broken.insert((property, subject));
        }
        !broken
    }

    /// The layouts that are part of the format: root words, and those that some level in use lists. Others came with what
    /// the format is made from and are dropped.
    pub fn used_layouts(&mut self) -> Vec<usize> {
        if let Some(known) = &self.used_layouts {
            return known.clone();
        }
        let mut used: BTreeSet<usize> = BTreeSet::new();
        for level in self.used_levels() {
            let names = self.level(level).entries.iter().map(|entry| &entry.layout.value);
            used.extend(names.filter_map(|name| self.layout_named(name)));
        }
        let layouts = 0..self.description.layouts.len();
        used.extend(layouts.filter(|layout| self.layout(*layout).kind == tree::LayoutKind::Root));
        let used: Vec<usize> = used.into_iter().collect();
        self.used_layouts = Some(used.clone());
        used
    }

    /// The layouts in use for which all that the current check needs holds.
    pub fn sound_layouts(&mut self) -> Vec<usize> {
        let mut layouts = self.used_layouts();
        layouts.retain(|layout| self.sound(Subject::Layout(*layout)));
        layouts
    }

    /// A layout.
    pub fn layout(&self, index: usize) -> &'a Layout {
        &self.description.layouts[index].node
    }

    /// A level.
    pub fn level(&self, index: usize) -> &'a tree::Level {
        &self.description.levels[index].node
    }

    /// The feature of this name.
    pub fn feature(&self, name: &str) -> Option<usize> {
        let features = &self.description.features;
        features.iter().position(|it| it.node.name.value == name)
    }

    /// All features.
    pub fn features(&self) -> impl Iterator<Item = &'a Feature> + use<'a> {
        self.description.features.iter().map(|it| &it.node)
    }

    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<usize> {
        let parameters = &self.description.parameters;
        parameters.iter().position(|it| it.node.name.value == name)
    }

    /// A parameter.
    pub fn parameter_at(&self, index: usize) -> &'a Parameter {
        &self.description.parameters[index].node
    }

    /// The level of this name.
    pub fn level_named(&self, name: &str) -> Option<usize> {
        let levels = &self.description.levels;
        levels.iter().position(|it| it.node.name.value == name)
    }

    /// The layout of this name.
    pub fn layout_named(&self, name: &str) -> Option<usize> {
        let layouts = &self.description.layouts;
        layouts.iter().position(|it| it.node.name.value == name)
    }

    /// The range of this name.
    pub fn range_named(&self, name: &str) -> Option<usize> {
        let named = |range: &tree::Virtual| range.name.as_ref().is_some_and(|it| it.value == name);
        let ranges = &self.description.ranges;
        ranges.iter().position(|it| named(&it.node))
    }

    /// The least and the greatest value of a number or a parameter; `None` for an address or a name that does not exist.
    pub fn bounds(&self, value: &tree::Value) -> Option<(u128, u128)> {
        match value {
            tree::Value::Number(number) => Some((number.value.value, number.value.value)),
            tree::Value::Name(name) => {
                let parameter = self.parameter(&name.value)?;
                parameter_bounds(&self.parameter_at(parameter).set)
            }
        }
    }

    /// Whether the condition holds for some binding that the description allows.
    pub fn possible(&mut self, condition: Bdd) -> bool {
        let world = self.world();
        !self.bdds.and(world, condition).is_false()
    }

    /// What makes the condition hold under a binding that the description allows, with nothing in it that does not
    /// matter.
    pub fn counterexample(&mut self, condition: Bdd) -> Option<Cube> {
        let world = self.world();
        let bad = self.bdds.and(world, condition);
        let mut cube = self.bdds.witness(bad)?;
        let mut at = 0;
        while at < cube.len() {
            let mut fewer = cube.clone();
            fewer.remove(at);
            let smaller = self.cube(&fewer);
            let allowed = self.bdds.and(world, smaller);
            if self.bdds.and_not(allowed, condition).is_false() {
                cube = fewer;
            } else {
                at += 1;
            }
        }
        Some(cube)
    }

    /// The cube as a condition.
    pub fn cube(&mut self, cube: &Cube) -> Bdd {
        // From the last to the first, so that every step adds one node on top.
        cube.iter().rev().fold(Bdd::TRUE, |all, (var, value)| {
            let literal = self.bdds.literal(*var, *value);
            self.bdds.and(literal, all)
        })
    }
}

/// The least and the greatest value of a set of numbers.
pub(super) fn parameter_bounds(set: &tree::ParameterSet) -> Option<(u128, u128)> {
    let tree::ParameterSet::Spans(spans) = set else {
        return None;
    };
    let least = spans.iter().map(|span| span.first.value.value).min()?;
    let most = spans.iter().map(span_last).max()?;
    Some((least, most))
}

/// The last value of a span.
pub(super) fn span_last(span: &tree::ValueSpan) -> u128 {
    span.last.map_or(span.first.value.value, |last| last.value.value)
}

/// The values of a set, if it is small enough to be looked at one by one.
pub(super) fn small_set(set: &tree::ParameterSet) -> Option<Vec<u128>> {
    const MOST: u128 = 64;
    let tree::ParameterSet::Spans(spans) = set else {
        return None;
    };
    let mut values = BTreeSet::new();
    for span in spans {
        let (first, last) = (span.first.value.value, span_last(span));
        if last.checked_sub(first)? >= MOST {
            return None;
        }
        values.extend(first..=last);
    }
    (values.len() as u128 <= MOST).then(|| values.into_iter().collect())
}
