//! Where bits of values stand in words.

use crate::model::{self, Bits, Content, Field, Piece, Run, Test};

use super::condition::{all, equal, not};
use super::rows::{self, mask};

/// The bits of all rows with such contents.
pub(super) fn bits_of(rows: &[model::Row], wanted: impl Fn(&Content) -> bool) -> u128 {
    let rows = rows.iter().filter(|row| wanted(&row.content));
    rows.fold(0, |all, row| all | mask(row.low, row.high - row.low + 1))
}

/// Where the bits of a value are stored, the lowest first; `wanted` tells the lowest bit that a row stores.
pub(super) fn pieces(rows: &[model::Row], wanted: &dyn Fn(&Content) -> Option<u32>) -> Vec<Piece> {
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
pub(super) fn fields(made: &rows::Rows<'_>) -> Vec<Field> {
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

/// The words of all runs whose size is written into the address: ones below the smallest run, and above them, up to where
/// the zero of the largest would be, not all ones.
pub(super) fn sizes_in_ones(output: &[Piece], shift: u32, run: &Run) -> Test {
    let lowest = output.iter().map(|piece| piece.value_low).min().unwrap_or(0);
    let stored = |bits: u128| {
        let part =
            |piece: &Piece| (bits.checked_shr(piece.value_low).unwrap_or(0) & mask(0, piece.bits)) << piece.word_low;
        output.iter().fold(0, |all, piece| all | part(piece))
    };
    let zero = shift + run.least_lg2 - 1;
    let below = stored(mask(lowest, zero.saturating_sub(lowest)));
    let above = stored(mask(zero, run.most_lg2 - run.least_lg2 + 1));
    all(vec![equal(below, below), not(equal(above, above))])
}
