//! What the variables of a condition stand for, which bindings there are, and how a counterexample is written.

use super::facts::{Facts, parameter_bounds, small_set};
use crate::logic::{Bdd, Cube, Var};

/// Variables that are made when a condition first needs them.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    equalities: Vec<Equality>,
    opaque: Vec<Opaque>,
    world: Option<(usize, Bdd)>,
}

/// "The parameter is bound to this value."
#[derive(Clone, Debug, PartialEq, Eq)]
struct Equality {
    parameter: usize,
    level: Option<usize>,
    value: u128,
}

/// "These bits equal the parameter", for a parameter whose values are too many to look at.
///
/// It is a variable of its own: as long as nothing else looks at the bits it is independent of everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opaque {
    /// The parameter.
    pub parameter: usize,
    /// The bits of the word, in the order of the value.
    pub bits: Vec<u32>,
}

/// What a variable stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Feature(usize),
    Level(usize),
    Range(usize),
    Equality(usize),
    Opaque(usize),
    /// A bit of the word.
    Bit(u32),
}

// The order of the variables: what a binding says stands above the bits of the word, the highest bit first.
const BLOCK: u32 = 1 << 20;
const WORD_BITS: u32 = 128;

impl Meaning {
    pub fn of(var: Var) -> Self {
        let index = (var.0 % BLOCK) as usize;
        match var.0 / BLOCK {
            0 => Self::Feature(index),
            1 => Self::Level(index),
            2 => Self::Range(index),
            3 => Self::Equality(index),
            4 => Self::Opaque(index),
            _ => Self::Bit(WORD_BITS - 1 - var.0 % BLOCK),
        }
    }

    fn var(self) -> Var {
        let (block, index) = match self {
            Self::Feature(index) => (0, index),
            Self::Level(index) => (1, index),
            Self::Range(index) => (2, index),
            Self::Equality(index) => (3, index),
            Self::Opaque(index) => (4, index),
            Self::Bit(bit) => (5, (WORD_BITS - 1 - bit) as usize),
        };
        Var(block * BLOCK + index as u32 % BLOCK)
    }

    /// Whether it says something about the word, not about the binding.
    pub fn is_of_word(var: Var) -> bool {
        matches!(Self::of(var), Self::Bit(_) | Self::Opaque(_))
    }
}

impl Facts<'_> {
    /// The feature is on.
    pub fn feature_on(&mut self, feature: usize) -> Bdd {
        self.bdds.var(Meaning::Feature(feature).var())
    }

    /// The word stands at this level, for conditions that are looked at without one.
    pub fn at_level(&mut self, level: usize) -> Bdd {
        self.bdds.var(Meaning::Level(level).var())
    }

    /// The walk began in this range.
    pub fn in_range(&mut self, range: usize) -> Bdd {
        self.bdds.var(Meaning::Range(range).var())
    }

    /// The bit of the word has this value.
    pub fn bit(&mut self, bit: u32, value: bool) -> Bdd {
        self.bdds.literal(Meaning::Bit(bit).var(), value)
    }

    /// The parameter is bound to this value. Values outside its set are impossible.
    pub fn parameter_is(&mut self, parameter: usize, level: Option<usize>, value: u128) -> Bdd {
        let node = self.parameter_at(parameter);
        let level = level.filter(|_| node.per_level);
        match small_set(&node.set) {
            Some(values) if !values.contains(&value) => return Bdd::FALSE,
            Some(values) if values.len() == 1 => return Bdd::TRUE,
            Some(_) => {}
            None => match parameter_bounds(&node.set) {
                Some((least, most)) if value < least || value > most => return Bdd::FALSE,
                _ => {}
            },
        }
        let equality = Equality { parameter, level, value };
        let known = self.variables.equalities.iter().position(|it| *it == equality);
        let index = known.unwrap_or_else(|| {
            self.variables.equalities.push(equality);
            self.variables.equalities.len() - 1
        });
        self.bdds.var(Meaning::Equality(index).var())
    }

    /// These bits of the word equal the parameter.
    pub fn bits_are(&mut self, bits: Vec<u32>, parameter: usize) -> Bdd {
        let opaque = Opaque { parameter, bits };
        let known = self.variables.opaque.iter().position(|it| *it == opaque);
        let index = known.unwrap_or_else(|| {
            self.variables.opaque.push(opaque);
            self.variables.opaque.len() - 1
        });
        self.bdds.var(Meaning::Opaque(index).var())
    }

    /// What an opaque variable stands for.
    pub fn opaque(&self, index: usize) -> &Opaque {
        &self.variables.opaque[index]
    }

    /// The bindings that the description allows.
    pub fn world(&mut self) -> Bdd {
        let equalities = self.variables.equalities.len();
        if let Some((known, world)) = self.variables.world
            && known == equalities
        {
            return world;
        }
        let mut world = Bdd::TRUE;
        for (index, feature) in self.features().enumerate() {
            let Some(when) = &feature.when else { continue };
            let on = self.feature_on(index);
            let when = self.binding_condition(when, None);
            let allowed = self.bdds.implies(on, when);
            world = self.bdds.and(world, allowed);
        }
        let ranges: Vec<Bdd> = (0..self.description.ranges.len()).map(|range| self.in_range(range)).collect();
        let levels: Vec<Bdd> = (0..self.description.levels.len()).map(|level| self.at_level(level)).collect();
        for choice in [ranges, levels] {
            let one = self.exactly_one(&choice, true);
            world = self.bdds.and(world, one);
        }
        for group in self.equality_groups() {
            let one = self.exactly_one(&group.0, group.1);
            world = self.bdds.and(world, one);
        }
        // Conditions of features may have made equalities of their own; those are the same every time.
        let equalities = self.variables.equalities.len();
        self.variables.world = Some((equalities, world));
        world
    }

    /// The equalities of each parameter, and whether they name every value that it may have.
    fn equality_groups(&mut self) -> Vec<(Vec<Bdd>, bool)> {
        let equalities = self.variables.equalities.clone();
        let mut seen: Vec<(usize, Option<usize>)> = Vec::new();
        let mut groups = Vec::new();
        for first in &equalities {
            let key = (first.parameter, first.level);
            if seen.contains(&key) {
                continue;
            }
            seen.push(key);
            let mut group = Vec::new();
            for (index, it) in equalities.iter().enumerate() {
                if (it.parameter, it.level) == key {
                    group.push(self.bdds.var(Meaning::Equality(index).var()));
                }
            }
            let values = small_set(&self.parameter_at(first.parameter).set);
            let complete = values.is_some_and(|values| values.len() == group.len());
            groups.push((group, complete));
        }
        groups
    }

    /// At most one of the conditions holds, and one does if `some` says so. No conditions are no demand.
    fn exactly_one(&mut self, conditions: &[Bdd], some: bool) -> Bdd {
        if conditions.is_empty() {
            return Bdd::TRUE;
        }
        let (mut none, mut one) = (Bdd::TRUE, Bdd::FALSE);
        for condition in conditions {
            let still_one = self.bdds.and_not(one, *condition);
            let now_one = self.bdds.and(none, *condition);
            one = self.bdds.or(still_one, now_one);
            none = self.bdds.and_not(none, *condition);
        }
        if some { one } else { self.bdds.or(one, none) }
    }

    /// What of a counterexample the client decides: "`a` on, `b` off"; empty if nothing.
    pub fn binding_text(&self, cube: &Cube) -> String {
        let mut parts = Vec::new();
        let description = self.description;
        for (var, value) in cube {
            match Meaning::of(*var) {
                Meaning::Feature(index) => {
                    let name = &description.features[index].node.name.value;
                    parts.push(format!("`{name}` {}", if *value { "on" } else { "off" }));
                }
                Meaning::Equality(index) => {
                    let it = &self.variables.equalities[index];
                    let name = &description.parameters[it.parameter].node.name.value;
                    let sign = if *value { "=" } else { "!=" };
                    parts.push(format!("`{name}` {sign} {}", it.value));
                }
                Meaning::Level(index) if *value => {
                    parts.push(format!("level `{}`", self.level(index).name.value));
                }
                Meaning::Range(index) if *value => {
                    if let Some(name) = &description.ranges[index].node.name {
                        parts.push(format!("range `{}`", name.value));
                    }
                }
                _ => {}
            }
        }
        parts.join(", ")
    }

    /// The word of a counterexample, `-` standing for a bit of any value: `-…-0001`.
    pub fn word_text(&self, cube: &Cube, word_bits: u32) -> String {
        let mut pattern = vec!['-'; word_bits.min(WORD_BITS) as usize];
        let mut facts = Vec::new();
        for (var, value) in cube {
            match Meaning::of(*var) {
                Meaning::Bit(bit) => {
                    if let Some(place) = pattern.iter_mut().rev().nth(bit as usize) {
                        *place = if *value { '1' } else { '0' };
                    }
                }
                Meaning::Opaque(index) => {
                    let opaque = self.opaque(index);
                    let name = &self.parameter_at(opaque.parameter).name.value;
                    let sign = if *value { "=" } else { "!=" };
                    let (high, low) = (opaque.bits.iter().max(), opaque.bits.iter().min());
                    if let (Some(high), Some(low)) = (high, low) {
                        facts.push(format!(" with bits {high}..{low} {sign} `{name}`"));
                    }
                }
                _ => {}
            }
        }
        let first = pattern.first().copied().unwrap_or('-');
        let leading = pattern.iter().take_while(|bit| **bit == first).count();
        let mut text = first.to_string().repeat(leading);
        if leading > 8 {
            text = format!("{first}…{first}");
        }
        text.extend(&pattern[leading..]);
        format!("`{text}`{}", facts.concat())
    }
}
