//! One decision about every feature and parameter, and conditions on it.

use std::collections::BTreeMap;

use crate::model::Bits;
use crate::resolve::Description;
use crate::tree::{Alt, Case, Cond, CondKind, Value};

/// What a parameter is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// Known.
    Known(u128),
    /// Decided at run time out of a span; only where it bounds a width or places a bit.
    Open { least: u32, most: u32 },
    /// An address that is decided at run time.
    Address,
}

/// Where in a description a condition is asked: it may name levels and ranges.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct At<'a> {
    pub(super) level: Option<&'a str>,
    pub(super) range: Option<&'a str>,
}

/// One decision about everything.
#[derive(Clone, Debug)]
pub(super) struct Env<'a> {
    pub(super) description: &'a Description,
    /// Every feature, off where its condition fails.
    pub(super) features: BTreeMap<String, bool>,
    /// Every parameter that is a number; `name.level` for those that exist per level.
    pub(super) parameters: BTreeMap<String, Number>,
    /// Every parameter that is an address.
    pub(super) addresses: BTreeMap<String, Option<u128>>,
}

impl Env<'_> {
    /// Whether a condition on the binding holds.
    pub(super) fn holds(&self, cond: &Cond, at: At<'_>) -> bool {
        match &cond.value {
            CondKind::Any(parts) => parts.iter().any(|part| self.holds(part, at)),
            CondKind::All(parts) => parts.iter().all(|part| self.holds(part, at)),
            CondKind::Not(part) => !self.holds(part, at),
            CondKind::Name(name) => self.named(&name.value, at).unwrap_or(false),
            CondKind::Compare { name, equal, value } => {
                let (left, right) = (self.known(&name.value, at), self.value(value, at));
                (left.is_some() && left == right) == *equal
            }
        }
    }

    /// What a bare name in a condition says: a feature, the level or range asked about, a parameter that is not zero.
    /// `None` if it is none of these.
    pub(super) fn named(&self, name: &str, at: At<'_>) -> Option<bool> {
        if let Some(on) = self.features.get(name) {
            return Some(*on);
        }
        if self.description.levels.iter().any(|level| level.node.name.value == name) {
            return Some(at.level == Some(name));
        }
        let mut ranges = self.description.ranges.iter().filter_map(|range| range.node.name.as_ref());
        if ranges.any(|range| range.value == name) {
            return Some(at.range == Some(name));
        }
        self.known(name, at).map(|value| value != 0)
    }

    /// What a parameter is worth at some level.
    pub(super) fn number(&self, name: &str, at: At<'_>) -> Option<Number> {
        let own = at.level.map(|level| format!("{name}.{level}"));
        let of = |name: &str| {
            let address = |value: &Option<u128>| value.map_or(Number::Address, Number::Known);
            self.parameters.get(name).cloned().or_else(|| self.addresses.get(name).map(address))
        };
        own.as_deref().and_then(of).or_else(|| of(name))
    }

    /// The value of a parameter that has been decided.
    pub(super) fn known(&self, name: &str, at: At<'_>) -> Option<u128> {
        match self.number(name, at) {
            Some(Number::Known(value)) => Some(value),
            _ => None,
        }
    }

    /// A number, given or bound.
    pub(super) fn value(&self, value: &Value, at: At<'_>) -> Option<u128> {
        match value {
            Value::Number(number) => Some(number.value.value),
            Value::Name(name) => self.known(&name.value, at),
        }
    }

    /// The name under which the parameter of a level is known: `name.level` where it exists per level.
    pub(super) fn full_name(&self, name: &str, at: At<'_>) -> String {
        let own = at.level.map(|level| format!("{name}.{level}"));
        own.filter(|own| self.parameters.contains_key(own) || self.addresses.contains_key(own))
            .unwrap_or_else(|| name.to_owned())
    }

    /// The first alternative whose condition holds.
    pub(super) fn choose<'t, T>(&self, alternatives: &'t Alt<T>, at: At<'_>) -> Option<&'t Case<T>> {
        alternatives.cases.iter().find(|case| case.when.as_ref().is_none_or(|when| self.holds(when, at)))
    }

    /// A width in bits, which may be open.
    pub(super) fn width(&self, widths: &Alt<Value>, at: At<'_>) -> Bits {
        match self.choose(widths, at).map(|case| &case.value.value) {
            Some(Value::Number(number)) => Bits::Fixed(small(number.value.value)),
            Some(Value::Name(name)) => self.number(&name.value, at).map_or(Bits::Fixed(0), |it| bits(&name.value, &it)),
            None => Bits::Fixed(0),
        }
    }

    /// Width of the OA.
    pub(super) fn format_width(&self) -> Bits {
        self.description.output.as_ref().map_or(Bits::Fixed(0), |output| self.width(output, At::default()))
    }

    /// Every parameter that is a number, as the model tells it.
    pub(super) fn bits(&self) -> BTreeMap<String, Bits> {
        self.parameters.iter().map(|(name, number)| (name.clone(), bits(name, number))).collect()
    }
}

/// A parameter's number in the words of the model.
fn bits(name: &str, number: &Number) -> Bits {
    match number {
        Number::Known(value) => Bits::Fixed(small(*value)),
        Number::Open { least, most } => Bits::Runtime { parameter: name.to_owned(), least: *least, most: *most },
        Number::Address => Bits::Fixed(0),
    }
}

/// A number of bits. Nothing that counts bits is larger than a few hundred.
pub(super) fn small(value: u128) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
