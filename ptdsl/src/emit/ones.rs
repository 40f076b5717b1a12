//! Leaves whose size is written into the low bits of their address, as a zero above ones.
//!
//! Nothing here asks for one size after the other: what a word says follows from its ones by a carry or a count, which the
//! runtime has functions for.

use super::docs::path_text;
use super::expr::Expr;
use super::plan::{Leaf, Plan};
use super::scatter;
use super::words;
use crate::model::{Bits, Piece};

/// lg2 of the bytes that the leaf word `w` translates.
pub(crate) fn size_lg2(plan: &Plan<'_>, leaf: Leaf<'_>) -> Expr {
    call(plan, "ones_lg2", vec![stored(plan, leaf), lowest(leaf)])
}

/// The OA of the leaf word `w`: the address without its ones.
pub(crate) fn oa(plan: &Plan<'_>, leaf: Leaf<'_>) -> Expr {
    call(plan, "ones_oa", vec![stored(plan, leaf), lowest(leaf)])
}

/// What `va` is translated to by the leaf word `w`.
pub(crate) fn output(plan: &Plan<'_>, leaf: Leaf<'_>) -> Expr {
    call(plan, "ones_output", vec![stored(plan, leaf), lowest(leaf), Expr::var("va")])
}

/// The bits of a leaf word of `2^lg2` bytes that say its size.
pub(crate) fn pattern(plan: &Plan<'_>, leaf: Leaf<'_>) -> Expr {
    let ones = call(plan, "ones_below", vec![Expr::var("lg2"), lowest(leaf)]);
    plan.narrow(scatter::scatter(&ones, &leaf.layout.output, true))
}

/// Whether the ones and the zero above them stand side by side, and nothing decided at run time takes one of them out.
pub(crate) fn is_whole(leaf: Leaf<'_>) -> bool {
    let layout = leaf.layout;
    let stored = scatter::value_bits(&layout.output);
    let lowest = stored.trailing_zeros();
    let count = leaf.most_lg2 - lowest.min(leaf.most_lg2);
    let word = layout.output.iter().find(|piece| piece.value_low == lowest);
    let moving = |at: &Bits| match at {
        Bits::Fixed(at) => (*at, *at),
        Bits::Runtime { least, most, .. } => (*least, *most),
    };
    let Some(word) = word.filter(|piece| piece.bits >= count) else { return false };
    let taken = word.word_low..word.word_low + count;
    let mut fields = layout.fields.iter().filter_map(|field| field.at.as_ref()).map(moving);
    fields.all(|(least, most)| most < taken.start || least >= taken.end)
}

/// Where a leaf word keeps its OA: the bits that its size can't take.
pub(crate) fn above(leaf: Leaf<'_>) -> Vec<Piece> {
    let shift = leaf.lg2 - leaf.layout.run.as_ref().map_or(0, |run| run.least_lg2);
    let pieces = words::stored(&leaf.layout.output, &leaf.layout.reserved);
    let cut = |piece: &Piece| {
        let gone = shift.saturating_sub(piece.value_low).min(piece.bits);
        let bits = piece.bits - gone;
        (bits > 0).then_some(Piece { word_low: piece.word_low + gone, value_low: piece.value_low + gone, bits })
    };
    pieces.iter().filter_map(cut).collect()
}

/// The address in `w` with its ones.
fn stored(plan: &Plan<'_>, leaf: Leaf<'_>) -> Expr {
    words::address(plan, &leaf.layout.output, leaf.layout)
}

/// The lowest bit of the address that a word stores.
fn lowest(leaf: Leaf<'_>) -> Expr {
    Expr::number(leaf.layout.output.iter().map(|piece| piece.value_low).min().unwrap_or(0))
}

/// A function of the runtime.
fn call(plan: &Plan<'_>, function: &str, operands: Vec<Expr>) -> Expr {
    Expr::call(format!("{}::__::{function}", path_text(plan.krate())), operands)
}
