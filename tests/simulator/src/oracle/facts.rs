//! Which bits of a word matter for what.

use std::hash::{BuildHasherDefault, Hasher};

use ptdsl::model::{Field, Layout, Mask, Piece, Test};

/// A hasher of one integer, for there are many to be looked up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct One(u64);

impl Hasher for One {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 29;
    }
}

/// Builds them.
pub(crate) type Fast = BuildHasherDefault<One>;

/// Where a layout keeps its OA.
#[derive(Debug)]
pub(crate) struct LayoutFacts {
    output: Vec<Piece>,
    /// Bits that are elsewhere: a field stands there.
    placed: u64,
    /// The slots of a run each hold their own part of the OA.
    pub(crate) own_part: bool,
}

impl LayoutFacts {
    pub(crate) fn new(layout: &Layout) -> Self {
        let own_part = layout.run.as_ref().is_some_and(|run| !run.identical && !run.in_ones);
        Self { output: layout.output.clone(), placed: placed(layout), own_part }
    }

    /// The OA that stands in a word.
    pub(crate) fn output(&self, word: u64) -> u64 {
        let word = word & !self.placed;
        self.output.iter().fold(0, |oa, piece| {
            let bits = word >> piece.word_low & super::low(piece.bits);
            oa | bits << piece.value_low
        })
    }
}

/// The bits of a word of a layout that decide what it is and what it says, the bits of addresses left out.
pub(crate) fn relevant(layout: &Layout) -> u64 {
    let mut bits = tested(&layout.identity) | masked(&layout.reserved) | placed(layout);
    for test in &layout.refused {
        bits |= tested(test);
    }
    for field in &layout.fields {
        bits |= field_bits(field);
    }
    if let Some(child) = &layout.child_field {
        bits |= layout.fields.iter().filter(|field| field.name == child.field).fold(0, |all, f| all | field_bits(f));
    }
    if layout.run.as_ref().is_some_and(|run| run.in_ones) {
        bits |= in_pieces(&layout.output);
    }
    bits
}

fn in_pieces(pieces: &[Piece]) -> u64 {
    pieces.iter().fold(0, |all, piece| all | super::low(piece.bits).checked_shl(piece.word_low).unwrap_or(0))
}

fn field_bits(field: &Field) -> u64 {
    let at = field.at.as_ref().map_or(0, |at| 1_u64.checked_shl(number(at)).unwrap_or(0));
    in_pieces(&field.pieces) | at
}

fn placed(layout: &Layout) -> u64 {
    let places = layout.fields.iter().filter_map(|field| field.at.as_ref());
    places.fold(0, |all, at| all | 1_u64.checked_shl(number(at)).unwrap_or(0))
}

fn number(bits: &ptdsl::model::Bits) -> u32 {
    match bits {
        ptdsl::model::Bits::Fixed(value) => *value,
        ptdsl::model::Bits::Runtime { most, .. } => *most,
    }
}

fn masked(mask: &Mask) -> u64 {
    truncate(mask.parametric.iter().fold(mask.fixed, |all, part| all | part.bits))
}

fn tested(test: &Test) -> u64 {
    match test {
        Test::Always | Test::Never => 0,
        Test::Equal { mask, .. } => truncate(*mask),
        Test::Address { .. } => u64::MAX,
        Test::Not(inner) => tested(inner),
        Test::All(parts) | Test::Any(parts) => parts.iter().fold(0, |all, part| all | tested(part)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "words have at most 64 bits")]
const fn truncate(bits: u128) -> u64 {
    bits as u64
}
