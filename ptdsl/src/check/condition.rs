//! A condition of the file as a diagram.

use super::facts::{Facts, small_set};
use super::shape::{Shape, Stored};
use crate::logic::Bdd;
use crate::tree::{Alt, Attribute, Cond, CondKind, Value};

impl Facts<'_> {
    /// A condition after `when`, at a level or without one. Names that do not exist never hold.
    pub fn binding_condition(&mut self, cond: &Cond, level: Option<usize>) -> Bdd {
        self.condition(cond, level, None)
    }

    /// When each alternative of a chain applies, in order.
    pub fn alternatives<T>(&mut self, alt: &Alt<T>, level: Option<usize>) -> Vec<Bdd> {
        let mut before = Bdd::FALSE;
        let mut applies = Vec::new();
        for case in &alt.cases {
            let when = match &case.when {
                Some(when) => self.binding_condition(when, level),
                None => Bdd::TRUE,
            };
            applies.push(self.bdds.and_not(when, before));
            before = self.bdds.or(before, when);
        }
        applies
    }

    /// A condition after `where` or `forbid` (with the fields of a layout), or after `when` (without).
    pub fn condition(&mut self, cond: &Cond, level: Option<usize>, shape: Option<&Shape>) -> Bdd {
        match &cond.value {
            CondKind::Any(parts) => parts.iter().fold(Bdd::FALSE, |any, part| {
                let part = self.condition(part, level, shape);
                self.bdds.or(any, part)
            }),
            CondKind::All(parts) => parts.iter().fold(Bdd::TRUE, |all, part| {
                let part = self.condition(part, level, shape);
                self.bdds.and(all, part)
            }),
            CondKind::Not(part) => {
                let part = self.condition(part, level, shape);
                self.bdds.not(part)
            }
            CondKind::Name(name) => match shape {
                Some(shape) => self.word_says(&name.value, level, shape),
                None => self.named(&name.value, level),
            },
            CondKind::Compare { name, equal, value } => {
                let same = match shape.and_then(|shape| shape.stored(&name.value)) {
                    Some(stored) => self.stored_is(stored, value, level),
                    None => self.parameter_equals(&name.value, value, level),
                };
                if *equal { same } else { self.bdds.not(same) }
            }
        }
    }

    /// A field of the word is set, or its numbers say that a right holds; else a fact of the binding.
    fn word_says(&mut self, name: &str, level: Option<usize>, shape: &Shape) -> Bdd {
        let mut says = None;
        if let Some(stored) = shape.stored(name) {
            let zero = self.stored_equals(stored, 0);
            says = Some(self.bdds.not(zero));
        }
        for attribute in 0..self.description.attributes.len() {
            let node = &self.description.attributes[attribute].node;
            let here = node.fields.iter().any(|field| shape.fields.contains_key(&field.value));
            if !here
                || !node.names.iter().any(|it| it.value == name)
                || shape.fields.contains_key(name) && is_field(node, name)
            {
                continue;
            }
            let bits = self.group_bits(attribute, shape);
            let active = self.active(node);
            let mut right = Bdd::FALSE;
            for value in node.values.iter().filter(|value| value.names.iter().any(|it| it.value == name)) {
                for number in &value.numbers {
                    let same = self.number_is(&bits, number.value.value);
                    right = self.bdds.or(right, same);
                }
            }
            let right = self.bdds.and(active, right);
            says = Some(self.bdds.or(says.unwrap_or(Bdd::FALSE), right));
        }
        says.unwrap_or_else(|| self.named(name, level))
    }

    /// A feature is on, or the word stands at this level, or the walk began in this range.
    fn named(&mut self, name: &str, level: Option<usize>) -> Bdd {
        if let Some(feature) = self.feature(name) {
            return self.feature_on(feature);
        }
        if let Some(named) = self.level_named(name) {
            return match level {
                Some(level) => Bdd::constant(level == named),
                None => self.at_level(named),
            };
        }
        match self.range_named(name) {
            Some(range) => self.in_range(range),
            None => Bdd::FALSE,
        }
    }

    fn parameter_equals(&mut self, name: &str, value: &Value, level: Option<usize>) -> Bdd {
        match (self.parameter(name), value) {
            (Some(parameter), Value::Number(number)) => self.parameter_is(parameter, level, number.value.value),
            _ => Bdd::FALSE,
        }
    }

    /// A field or an address equals a number or a parameter.
    fn stored_is(&mut self, stored: &[Stored], value: &Value, level: Option<usize>) -> Bdd {
        let name = match value {
            Value::Number(number) => return self.stored_equals(stored, number.value.value),
            Value::Name(name) => name,
        };
        let Some(parameter) = self.parameter(&name.value) else {
            return Bdd::FALSE;
        };
        if let Some(values) = small_set(&self.parameter_at(parameter).set) {
            return values.into_iter().fold(Bdd::FALSE, |any, value| {
                let bound = self.parameter_is(parameter, level, value);
                let same = self.stored_equals(stored, value);
                let both = self.bdds.and(bound, same);
                self.bdds.or(any, both)
            });
        }
        let mut bits: Vec<(u32, u32)> = stored.iter().filter_map(|it| Some((it.value_bit, it.word_bit?))).collect();
        bits.sort_unstable();
        self.bits_are(bits.into_iter().map(|(_, word_bit)| word_bit).collect(), parameter)
    }

    /// The value stored in a word equals a number; bits that no row stores read zero.
    pub fn stored_equals(&mut self, stored: &[Stored], number: u128) -> Bdd {
        let mut value_bits: Vec<u32> = stored.iter().map(|it| it.value_bit).collect();
        value_bits.sort_unstable();
        value_bits.dedup();
        let beyond = value_bits.iter().fold(number, |left, bit| left & !(1_u128 << bit));
        if beyond != 0 {
            return Bdd::FALSE;
        }
        let mut equal = Bdd::TRUE;
        for value_bit in value_bits {
            let set = self.stored_bit(stored, value_bit);
            let right = match number >> value_bit & 1 {
                0 => self.bdds.not(set),
                _ => set,
            };
            equal = self.bdds.and(equal, right);
        }
        equal
    }

    /// A bit of a value stored in a word is set.
    pub fn stored_bit(&mut self, stored: &[Stored], value_bit: u32) -> Bdd {
        let mut set = Bdd::FALSE;
        for it in stored.iter().filter(|it| it.value_bit == value_bit) {
            let Some(word_bit) = it.word_bit else { continue };
            let bit = self.bit(word_bit, !it.inverted);
            let stored = self.bdds.and(it.when, bit);
            set = self.bdds.or(set, stored);
        }
        set
    }

    /// The bits `high..low` of the word are this number or parameter.
    pub fn row_is(&mut self, (high, low): (u32, u32), value: &Value, level: Option<usize>) -> Bdd {
        let stored: Vec<Stored> = (low..=high)
            .map(|bit| Stored {
                value_bit: bit - low,
                word_bit: Some(bit),
                inverted: false,
                constant: true,
                when: Bdd::TRUE,
                row: 0,
            })
            .collect();
        self.stored_is(&stored, value, level)
    }
}

/// Whether an attribute is read off the field of this name.
fn is_field(attribute: &Attribute, name: &str) -> bool {
    attribute.fields.iter().any(|field| field.value == name)
}
