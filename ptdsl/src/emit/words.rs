//! What a word of a level is, and what tables say: predicates, addresses, limits.

use super::cube::Formula;
use super::expr::Expr;
use super::plan::{Plan, attribute_of, of_kind};
use super::scatter;
use crate::model::{Bits, Combine, Field, Format, Layout, LayoutKind, Mask, Piece, Source};

/// `word`, the parameter of most functions.
pub(crate) fn w() -> Expr {
    Expr::var("w")
}

/// Which words of a level are of a kind, with nothing wrong about them.
pub(crate) fn class(format: &Format, place: usize, kind: LayoutKind) -> Formula {
    let layouts = of_kind(format, place, kind);
    Formula::any(layouts.map(|(_, layout)| valid(layout)).collect())
}

/// Which words are of a layout, with nothing wrong about them.
pub(crate) fn valid(layout: &Layout) -> Formula {
    let mut parts = vec![identity(layout), Formula::equal(&layout.reserved, layout.reserved_value)];
    parts.extend(layout.refused.iter().map(|test| known(Formula::of(test)).negated()));
    Formula::all(parts)
}

/// Which words are of a layout.
pub(crate) fn identity(layout: &Layout) -> Formula {
    known(Formula::of(&layout.identity))
}

/// A test that the generator has found to be supported.
fn known(formula: Option<Formula>) -> Formula {
    formula.unwrap_or(Formula::Known(false))
}

/// The pieces without what is reserved: stored bits below the alignment or above the width are known.
pub(crate) fn stored(pieces: &[Piece], reserved: &Mask) -> Vec<Piece> {
    let open = reserved.parametric.iter().fold(0, |bits, part| bits | part.bits);
    let gone = reserved.fixed & !open;
    let mut kept: Vec<Piece> = Vec::new();
    for piece in pieces {
        for bit in 0..piece.bits {
            if gone >> (piece.word_low + bit) & 1 != 0 {
                continue;
            }
            let (word_low, value_low) = (piece.word_low + bit, piece.value_low + bit);
            match kept.last_mut() {
                Some(last) if last.word_low + last.bits == word_low && last.value_low + last.bits == value_low => {
                    last.bits += 1;
                }
                _ => kept.push(Piece { word_low, value_low, bits: 1 }),
            }
        }
    }
    kept
}

/// The bits of fields whose position is decided at run time: no part of an address.
pub(crate) fn moving_bits(layout: &Layout) -> Option<Expr> {
    let mut bits: Vec<Expr> = layout.fields.iter().filter_map(moving_bit).collect();
    bits.dedup();
    (!bits.is_empty()).then(|| Expr::bit_or(bits))
}

/// The bit of a field whose position is decided at run time.
pub(crate) fn moving_bit(field: &Field) -> Option<Expr> {
    match &field.at {
        Some(Bits::Runtime { parameter, .. }) => Some(Expr::bit_at(Expr::var(format!("f.{parameter}")))),
        _ => None,
    }
}

/// A number of bits as an expression.
pub(crate) fn width(bits: &Bits) -> Expr {
    match bits {
        Bits::Fixed(bits) => Expr::number(*bits),
        Bits::Runtime { parameter, .. } => Expr::var(format!("f.{parameter}")),
    }
}

/// The address that `word` stores.
pub(crate) fn address(plan: &Plan<'_>, pieces: &[Piece], layout: &Layout) -> Expr {
    let pieces = stored(pieces, &layout.reserved);
    scatter::gather(&plan.wide(w()), &pieces, moving_bits(layout).as_ref())
}

/// The word that stores `address`, which is aligned and within the width.
pub(crate) fn with_address(plan: &Plan<'_>, address: &Expr, pieces: &[Piece], layout: &Layout) -> Expr {
    plan.narrow(scatter::scatter(address, &stored(pieces, &layout.reserved), true))
}

/// The word that points to the table at `address`, limits nothing and is otherwise zero.
pub(crate) fn table(plan: &Plan<'_>, format: &Format, layout: &Layout) -> Expr {
    let mut word = layout.written | layout.reserved_value;
    for field in &layout.fields {
        let combine = attribute_of(format, &field.name).map_or(Combine::Own, |attribute| attribute.combine);
        if neutral_bit(combine, field) {
            word |= scatter::word_bits(&field.pieces);
        }
    }
    let pieces = layout.children.first().map_or(&[][..], |child| &child.address);
    Expr::bit_or(vec![Expr::Bits(word), with_address(plan, &Expr::var("address"), pieces, layout)])
}

/// Whether the bits of a field are ones where it says nothing: a right that is allowed, or the opposite of what is not.
pub(crate) fn neutral_bit(combine: Combine, field: &Field) -> bool {
    match combine {
        Combine::And => !field.inverted,
        Combine::Or => field.inverted,
        Combine::Own => false,
    }
}

/// What is left of `limits` below the table word `w`. A limit of `global` is kept as its opposite, so that all are ands.
pub(crate) fn limit<'a>(plan: &Plan<'a>, format: &'a Format, place: usize) -> Expr {
    let (mut inverted, mut native, mut silent) = (0, 0, 0);
    let mut moved = Vec::new();
    for limit in &plan.limits {
        let name = &plan.attributes[limit.attribute].name;
        let Some((bit, opposite)) = plan.table_bit(format, place, name) else {
            silent |= limit.bit;
            continue;
        };
        let or = attribute_of(format, name).is_some_and(|attribute| attribute.combine == Combine::Or);
        if opposite != or {
            inverted |= bit;
        }
        if bit == limit.bit {
            native |= bit;
        } else {
            let by = limit.bit.trailing_zeros() as i32 - bit.trailing_zeros() as i32;
            moved.push((by, bit));
        }
    }
    if native == 0 && moved.is_empty() {
        return Expr::var("limits");
    }
    let word = w().bit_xor(Expr::Bits(inverted));
    let mut parts = vec![Expr::Bits(silent)];
    if moved.is_empty() {
        parts.push(word);
    } else {
        parts.push(Expr::bit_and(vec![word.clone(), Expr::Bits(native)]));
        parts.extend(moved.into_iter().map(|(by, bit)| Expr::bit_and(vec![word.clone(), Expr::Bits(bit)]).shifted(by)));
    }
    Expr::bit_and(vec![Expr::var("limits"), Expr::bit_or(parts)])
}

/// Whether any table of the model limits an attribute.
pub(crate) fn limited<'a>(plan: &Plan<'a>, format: &'a Format, name: &str) -> bool {
    (0..format.levels.len()).any(|place| plan.table_bit(format, place, name).is_some())
}

/// The bits of a leaf that the machine writes, and those of them that it clears.
pub(crate) fn hardware(format: &Format, layouts: &[&Layout]) -> (u128, u128) {
    let (mut all, mut cleared) = (0, 0);
    for layout in layouts {
        all |= layout.hardware.fixed;
        for field in &layout.fields {
            let bits = scatter::word_bits(&field.pieces) & layout.hardware.fixed;
            if bits != 0 && machine_clears(format, layout, field) {
                cleared |= bits;
            }
        }
    }
    (all, cleared)
}

/// Whether the machine makes its note in a field by clearing it.
fn machine_clears(format: &Format, layout: &Layout, field: &Field) -> bool {
    let place = format.layouts.iter().position(|other| std::ptr::eq(other, layout));
    let sources = format.attributes.iter().filter(|attribute| attribute.hardware);
    for source in sources.filter_map(|attribute| Some((attribute, attribute.sources.get(&place?)?))) {
        let (attribute, Source::Group(group)) = source else { continue };
        let Some(at) = group.fields.iter().position(|(name, _)| *name == field.name) else { continue };
        let bit = 1u128 << group.fields[at + 1..].iter().map(|(_, bits)| bits).sum::<u32>();
        let says = |number: u128| {
            let meaning = group.values.iter().find(|(known, _)| *known == number);
            meaning.is_some_and(|(_, flags)| flags.contains(&attribute.name))
        };
        // Whichever of the two settings of the bit says more is the one that the machine writes.
        let noted_by_one =
            group.values.iter().any(|(number, _)| number & bit != 0 && says(*number) && !says(number ^ bit));
        let noted_by_zero =
            group.values.iter().any(|(number, _)| number & bit == 0 && says(*number) && !says(number ^ bit));
        return noted_by_zero && !noted_by_one;
    }
    field.inverted
}
