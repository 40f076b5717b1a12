//! Bits of words: values gathered from pieces and put back, masks and tests.

use crate::model::{Bits, Field, Format, Layout, Mask, ParametricRule, Piece, Test};

/// The lowest `count` bits set.
pub(super) fn ones(count: u32) -> u128 {
    if count >= 128 { u128::MAX } else { (1 << count) - 1 }
}

/// The value whose bits stand in these pieces.
pub(super) fn gather(pieces: &[Piece], word: u128) -> u128 {
    pieces.iter().fold(0, |value, piece| {
        let part = word.checked_shr(piece.word_low).unwrap_or(0) & ones(piece.bits);
        value | part.checked_shl(piece.value_low).unwrap_or(0)
    })
}

/// The bits of a word that say `value`; `None` if a bit of it has no place.
pub(super) fn scatter(pieces: &[Piece], value: u128) -> Option<u128> {
    let mut word = 0;
    let mut stored = 0;
    for piece in pieces {
        let part = value.checked_shr(piece.value_low).unwrap_or(0) & ones(piece.bits);
        word |= part.checked_shl(piece.word_low).unwrap_or(0);
        stored |= ones(piece.bits).checked_shl(piece.value_low).unwrap_or(0);
    }
    (value & !stored == 0).then_some(word)
}

/// The bits of a value that have a place.
pub(super) fn stored(pieces: &[Piece]) -> u128 {
    pieces.iter().fold(0, |all, piece| all | ones(piece.bits).checked_shl(piece.value_low).unwrap_or(0))
}

/// A number that may still be open: then the largest.
pub(super) fn number(bits: &Bits) -> u32 {
    match bits {
        Bits::Fixed(value) => *value,
        Bits::Runtime { most, .. } => *most,
    }
}

/// The bits of a word in which fields stand whose places are decided at run time.
pub(super) fn placed(layout: &Layout) -> u128 {
    let places = layout.fields.iter().filter_map(|field| field.at.as_ref());
    places.fold(0, |all, at| all | 1_u128.checked_shl(number(at)).unwrap_or(0))
}

/// Where a field stands.
pub(super) fn places(field: &Field) -> Vec<Piece> {
    match &field.at {
        Some(at) => vec![Piece { word_low: number(at), value_low: 0, bits: 1 }],
        None => field.pieces.clone(),
    }
}

/// What a field says, in its polarity.
pub(super) fn field(field: &Field, word: u128) -> u128 {
    let pieces = places(field);
    let value = gather(&pieces, word);
    if field.inverted { !value & stored(&pieces) } else { value }
}

/// The bits of a word in which a field says `value`; `None` if it cannot.
pub(super) fn put_field(field: &Field, value: u128) -> Option<u128> {
    let pieces = places(field);
    if value & !stored(&pieces) != 0 {
        return None;
    }
    scatter(&pieces, if field.inverted { !value & stored(&pieces) } else { value })
}

/// The bits of a mask.
pub(super) fn mask(format: &Format, mask: &Mask) -> u128 {
    let candidates = mask.parametric.iter().fold(mask.fixed, |all, part| all | part.bits);
    mask.parametric.iter().fold(candidates, |all, part| {
        let value = format.parameters.get(&part.parameter).map_or(0, number);
        let at = |shift: i32| value.checked_add_signed(shift).unwrap_or(0);
        let kept = match part.rule {
            ParametricRule::Below { shift } => ones(at(shift)),
            ParametricRule::AtOrAbove { shift } => !ones(at(shift)),
            ParametricRule::At => 1_u128.checked_shl(value).unwrap_or(0),
            ParametricRule::NotAt => !1_u128.checked_shl(value).unwrap_or(0),
        };
        all & (!part.bits | kept)
    })
}

/// Whether a word passes a test. An address that is decided at run time is no address.
pub(super) fn holds(test: &Test, word: u128) -> bool {
    match test {
        Test::Always => true,
        Test::Never | Test::Address { .. } => false,
        Test::Equal { mask, value } => word & mask == *value,
        Test::Not(inner) => !holds(inner, word),
        Test::All(parts) => parts.iter().all(|part| holds(part, word)),
        Test::Any(parts) => parts.iter().any(|part| holds(part, word)),
    }
}
