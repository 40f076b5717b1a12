//! Conditions on a word, as tests of its bits.

use crate::model::{Field, Piece, Test};
use crate::resolve::Layout;
use crate::tree::{Cond, CondKind, Content, Value};

use super::env::{At, Env, Number};
use super::groups::JoinedFields;

/// What a condition on a word may speak of.
#[derive(Clone, Copy)]
pub(super) struct Word<'w> {
    pub(super) env: &'w Env<'w>,
    pub(super) at: At<'w>,
    pub(super) layout: &'w Layout,
    pub(super) fields: &'w [Field],
    pub(super) groups: &'w [JoinedFields<'w>],
    /// Where the address of the child is stored.
    pub(super) table: &'w [Piece],
    /// Where the OA is stored.
    pub(super) output: &'w [Piece],
}

impl Word<'_> {
    /// The test that a condition is.
    pub(super) fn test(self, cond: &Cond) -> Test {
        match &cond.value {
            CondKind::Any(parts) => any(parts.iter().map(|part| self.test(part)).collect()),
            CondKind::All(parts) => all(parts.iter().map(|part| self.test(part)).collect()),
            CondKind::Not(part) => not(self.test(part)),
            CondKind::Name(name) => self.named(&name.value),
            CondKind::Compare { name, equal, value } => {
                let test = self.compared(&name.value, value);
                if *equal { test } else { not(test) }
            }
        }
    }

    /// A bare name: a field or an address that is not zero, a right, or a fact of the binding.
    fn named(self, name: &str) -> Test {
        if let Some(field) = self.field(name) {
            return not(self.field_is(field, 0));
        }
        if name == "table" || name == "output" {
            return not(pieces_are(self.address(name), 0, false));
        }
        if let Some(group) = self.groups.iter().find(|group| self.says(group, name)) {
            let numbers = group.values.iter().filter(|(_, flags)| flags.iter().any(|flag| flag == name));
            return any(numbers.map(|(number, _)| self.joined(group, *number)).collect());
        }
        if self.taken_away(name) {
            return Test::Never;
        }
        constant(self.env.named(name, self.at).unwrap_or(false))
    }

    fn compared(self, name: &str, value: &Value) -> Test {
        if name == "table" || name == "output" {
            return self.address_is(name == "table", value);
        }
        let number = self.env.value(value, self.at);
        match (self.field(name), number) {
            (Some(field), Some(number)) => self.field_is(field, number),
            (Some(_), None) => Test::Never,
            (None, number) if self.taken_away(name) => constant(number == Some(0)),
            (None, number) => constant(number.is_some() && self.env.known(name, self.at) == number),
        }
    }

    /// Whether the stored address is a given one.
    pub(super) fn address_is(self, table: bool, value: &Value) -> Test {
        if let Value::Name(name) = value
            && let Some(Number::Address | Number::Open { .. }) = self.env.number(&name.value, self.at)
        {
            return Test::Address { table, parameter: self.env.full_name(&name.value, self.at) };
        }
        let pieces = if table { self.table } else { self.output };
        self.env.value(value, self.at).map_or(Test::Never, |address| pieces_are(pieces, address, false))
    }

    fn address(&self, name: &str) -> &[Piece] {
        if name == "table" { self.table } else { self.output }
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether the layout has the field under another binding.
    fn taken_away(&self, name: &str) -> bool {
        let mut cases = self.layout.rows.iter().flat_map(|row| &row.node.content.cases);
        cases.any(|case| matches!(&case.value.value, Content::Field { name: field, .. } if field.value == name))
    }

    /// Whether a group says this right here.
    fn says(&self, group: &JoinedFields<'_>, name: &str) -> bool {
        !group.is_choice
            && group.names.iter().any(|other| other == name)
            && group.fields.iter().any(|(field, _)| self.field(field).is_some())
    }

    /// Whether a field has a value, in its polarity.
    fn field_is(&self, field: &Field, value: u128) -> Test {
        // A field at a place decided at run time identifies nothing; the checks refuse it there.
        if field.at.is_some() { Test::Never } else { pieces_are(&field.pieces, value, field.inverted) }
    }

    /// Whether the joined fields of a group have a value; a field that the layout lacks reads zero.
    pub(super) fn joined(self, group: &JoinedFields<'_>, number: u128) -> Test {
        let mut rest = number;
        let mut tests = Vec::new();
        for (name, bits) in group.fields.iter().rev() {
            let own = rest & super::rows::mask(0, *bits);
            rest = rest.checked_shr(*bits).unwrap_or(0);
            tests.push(match self.field(name) {
                Some(field) => self.field_is(field, own),
                None => constant(own == 0),
            });
        }
        tests.push(constant(rest == 0));
        all(tests)
    }
}

/// Whether stored bits are those of a value. Bits that are not stored read zero.
pub(super) fn pieces_are(pieces: &[Piece], value: u128, inverted: bool) -> Test {
    let (mut mask, mut bits, mut stored) = (0, 0, 0);
    for piece in pieces {
        let ones = super::rows::mask(0, piece.bits);
        let part = value.checked_shr(piece.value_low).unwrap_or(0) & ones;
        let part = if inverted { !part & ones } else { part };
        mask |= ones.checked_shl(piece.word_low).unwrap_or(0);
        bits |= part.checked_shl(piece.word_low).unwrap_or(0);
        stored |= ones.checked_shl(piece.value_low).unwrap_or(0);
    }
    if value & !stored != 0 { Test::Never } else { equal(mask, bits) }
}

/// `word & mask == value`.
pub(super) fn equal(mask: u128, value: u128) -> Test {
    if mask == 0 { constant(value == 0) } else { Test::Equal { mask, value } }
}

/// A test that does not look at the word.
pub(super) fn constant(holds: bool) -> Test {
    if holds { Test::Always } else { Test::Never }
}

/// The opposite.
pub(super) fn not(test: Test) -> Test {
    match test {
        Test::Always => Test::Never,
        Test::Never => Test::Always,
        Test::Not(inner) => *inner,
        other => Test::Not(Box::new(other)),
    }
}

/// All hold.
pub(super) fn all(tests: Vec<Test>) -> Test {
    let mut kept: Vec<Test> = Vec::new();
    let mut equals: Option<(u128, u128)> = None;
    for test in tests {
        match test {
            Test::Always => {}
            Test::Never => return Test::Never,
            Test::All(inner) => kept.extend(inner),
            Test::Equal { mask, value } => {
                let (known, bits) = equals.unwrap_or((0, 0));
                if (bits ^ value) & known & mask != 0 {
                    return Test::Never;
                }
                equals = Some((known | mask, bits | value));
            }
            other => kept.push(other),
        }
    }
    if let Some((mask, value)) = equals {
        kept.insert(0, Test::Equal { mask, value });
    }
    match kept.len() {
        0 => Test::Always,
        1 => kept.remove(0),
        _ => Test::All(kept),
    }
}

/// At least one holds.
pub(super) fn any(tests: Vec<Test>) -> Test {
    let mut kept: Vec<Test> = Vec::new();
    for test in tests {
        match test {
            Test::Never => {}
            Test::Always => return Test::Always,
            Test::Any(inner) => kept.extend(inner),
            other => kept.push(other),
        }
    }
    match kept.len() {
        0 => Test::Never,
        1 => kept.remove(0),
        _ => Test::Any(kept),
    }
}

/// The child's condition, which may be open to every word.
pub(super) fn optional(word: Word<'_>, cond: Option<&Cond>) -> Test {
    cond.map_or(Test::Always, |cond| word.test(cond))
}
