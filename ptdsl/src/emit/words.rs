//! What a word of a level is, and what tables say: predicates, addresses, limits.

use super::cube::{Cube, Formula, Stored, stored_address};
use super::expr::{Expr, Op};
use super::plan::{Plan, attribute_of, of_kind};
use super::scatter;
use crate::model::{
    Bits, ChildField, Combine, Content, Field, Format, Layout, LayoutKind, Mask, Piece, Row, Source, Test,
};

/// `word`, the parameter of most functions.
pub(crate) fn w() -> Expr {
    Expr::var("w")
}

/// Which words of a level are of a kind, with nothing wrong about them.
pub(crate) fn class(format: &Format, place: usize, kind: LayoutKind) -> Formula {
    let layouts = of_kind(format, place, kind);
    Formula::any(layouts.map(|(_, layout)| valid(layout)).collect())
}

/// Which words of a level point to a table of the next level, with nothing wrong about them.
pub(crate) fn pointing(format: &Format, place: usize) -> Formula {
    pointing_to(format, place, &|child| child == place + 1, &|layout| vec![valid(layout), whole(layout)])
}

/// Which words of a level point to a table of the next level of which only a part is there, with nothing wrong about them.
pub(crate) fn pointing_to_parts(format: &Format, place: usize) -> Formula {
    pointing_to(format, place, &|child| child == place + 1, &|layout| vec![valid(layout), whole(layout).negated()])
}

/// Which words of a level point to a table further down, with nothing wrong about them.
pub(crate) fn skipping(format: &Format, place: usize) -> Formula {
    pointing_to(format, place, &|child| child > place + 1, &|layout| vec![valid(layout), whole(layout)])
}

/// Which words of a level point to a table of a level that is `wanted`, and are such.
fn pointing_to(
    format: &Format,
    place: usize,
    wanted: &dyn Fn(usize) -> bool,
    such: &dyn Fn(&Layout) -> Vec<Formula>,
) -> Formula {
    let tables = of_kind(format, place, LayoutKind::Table).map(|(_, layout)| {
        let with = |formula| Formula::all(such(layout).into_iter().chain([formula]).collect());
        let Some((child, field)) = child_field(layout) else {
            let next = layout.children.iter().filter_map(|child| child.levels.get(&place));
            return with(Formula::Known(next.copied().any(wanted)));
        };
        let numbers = child.levels.iter().filter(|(_, level)| wanted(**level));
        Formula::any(numbers.map(|(number, _)| with(field_is(field, *number))).collect())
    });
    Formula::any(tables.collect())
}

/// Which words of a layout say that all slots of the child are there.
fn whole(layout: &Layout) -> Formula {
    let says = |row: &&Row| matches!(row.content, Content::FirstSlot { .. } | Content::LastSlot { .. });
    let bits = |row: &Row| scatter::ones(row.high - row.low + 1) << row.low;
    let slots = layout.rows.iter().filter(says).fold(0, |slots, row| slots | bits(row));
    Formula::all(vec![Formula::Equal(Cube::new(slots, layout.written))])
}

/// The first and the last slot that is there of the child, which has `2^index_bits` slots when it is whole.
pub(crate) fn first_and_last(plan: &Plan<'_>, layout: &Layout, index_bits: u32) -> (Expr, Expr) {
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for row in &layout.rows {
        let piece = |value_low| Piece { word_low: row.low, value_low, bits: row.high - row.low + 1 };
        match row.content {
            Content::FirstSlot { low } => first.push(piece(low)),
            Content::LastSlot { low } => last.push(piece(low)),
            _ => {}
        }
    }
    let below = last.iter().map(|piece| piece.value_low).min().unwrap_or(index_bits);
    let stored = |pieces: &[Piece]| scatter::gather(&plan.wide(w()), pieces, None);
    (stored(&first), Expr::bit_or(vec![stored(&last), Expr::Bits(scatter::ones(below))]))
}

/// The field of a layout that names the level of the child.
pub(crate) fn child_field(layout: &Layout) -> Option<(&ChildField, &Field)> {
    let child = layout.child_field.as_ref()?;
    Some((child, layout.fields.iter().find(|field| field.name == child.field)?))
}

/// The words in which a field has a value.
fn field_is(field: &Field, value: u128) -> Formula {
    let mask = scatter::word_bits(&field.pieces);
    Formula::all(vec![Formula::Equal(Cube::new(mask, field_bits(field, value)))])
}

/// The bits of a word in which a field has a value.
fn field_bits(field: &Field, value: u128) -> u128 {
    let mask = scatter::word_bits(&field.pieces);
    let Expr::Bits(bits) = scatter::scatter(&Expr::Bits(value), &field.pieces, false) else { return 0 };
    if field.inverted { bits ^ mask } else { bits }
}

/// The number of the level of the table that the word `w` points to.
pub(crate) fn child(plan: &Plan<'_>, format: &Format, layout: &Layout) -> Option<Expr> {
    let (child, field) = child_field(layout)?;
    let word = if field.inverted { w().bit_not() } else { w() };
    let named = scatter::gather(&plan.wide(word), &field.pieces, None);
    let number = |level: usize| i128::from(format.levels[level].number);
    let by = |(named, level): (&u128, &usize)| number(*level) - *named as i128;
    let distance = child.levels.iter().map(by).next()?;
    if child.levels.iter().map(by).all(|other| other == distance) {
        return Some(named.cast("u8").plus(distance));
    }
    let (mut patterns, mut operands): (Vec<String>, Vec<Expr>) = (Vec::new(), vec![named]);
    for (named, level) in &child.levels {
        patterns.push(named.to_string());
        operands.push(Expr::Number(u128::from(format.levels[*level].number)));
    }
    *patterns.last_mut()? = "_".into();
    Some(Expr::Op(Op::Match(patterns), operands))
}

/// Which words are of a layout, with nothing wrong about them.
pub(crate) fn valid(layout: &Layout) -> Formula {
    let mut parts = vec![identity(layout), Formula::equal(&layout.reserved, layout.reserved_value)];
    parts.extend(layout.refused.iter().map(|test| formula(layout, test).negated()));
    Formula::all(parts)
}

/// Which words are of a layout.
pub(crate) fn identity(layout: &Layout) -> Formula {
    formula(layout, &layout.identity)
}

/// A test of words of a layout.
pub(crate) fn formula(layout: &Layout, test: &Test) -> Formula {
    Formula::of(test, &|table, parameter| Stored::of(layout, table, parameter))
}

/// What an emptied slot holds.
pub(crate) fn empty(plan: &Plan<'_>, format: &Format, place: usize) -> Expr {
    let level = &format.levels[place];
    let bits = Expr::Bits(level.empty[plan.family.range]);
    let layout = of_kind(format, place, LayoutKind::Absent).next().map(|(_, layout)| layout);
    match (&level.empty_address, layout) {
        (Some(parameter), Some(layout)) => Expr::bit_or(vec![bits, stored_address(layout, true, parameter)]),
        _ => bits,
    }
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

/// The word of a level that points to the table of the next one at `address`, limits nothing and is otherwise zero.
pub(crate) fn table(plan: &Plan<'_>, format: &Format, place: usize, layout: &Layout) -> Expr {
    let mut word = layout.written | layout.reserved_value;
    if let Some((child, field)) = child_field(layout) {
        let number = child.levels.iter().find(|(_, level)| **level == place + 1).map_or(0, |(number, _)| *number);
        word |= field_bits(field, number);
    }
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
    // What tables say for leaves that cannot is kept as its opposite, too: nothing said is zero.
    let for_leaves = own_for_leaves(plan, format, place);
    inverted |= for_leaves
        .iter()
        .filter(|field| !field.inverted)
        .fold(0, |bits, field| bits | scatter::word_bits(&field.pieces));
    native |= for_leaves.iter().fold(0, |bits, field| bits | scatter::word_bits(&field.pieces));
    let elsewhere = (0..format.levels.len()).filter(|other| *other != place);
    let others = elsewhere.flat_map(|other| own_for_leaves(plan, format, other));
    silent |= others.fold(0, |bits, field| bits | scatter::word_bits(&field.pieces)) & !native;
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

/// The fields that tables of a level say for leaves below, and that are no rights.
pub(crate) fn own_for_leaves<'a>(plan: &Plan<'a>, format: &'a Format, place: usize) -> Vec<&'a Field> {
    let own = |field: &&Field| attribute_of(format, &field.name).is_some_and(|it| it.combine == Combine::Own);
    plan.said_for_leaves(format, place).into_iter().filter(own).collect()
}

/// The leaf word `w` with what the word `table` says for the leaves below it.
pub(crate) fn leaf_for<'a>(plan: &Plan<'a>, format: &'a Format, place: usize, leaf: &Layout) -> Expr {
    let fields = plan.said_for_leaves(format, place);
    let said = fields.iter().filter_map(|from| Some((*from, leaf.fields.iter().find(|to| to.name == from.name)?)));
    let (value, taken) = super::moves::carried(&Expr::var("table"), said);
    if taken == 0 {
        w()
    } else {
        Expr::bit_or(vec![Expr::bit_and(vec![w(), Expr::Bits(plan.word_ones() & !taken)]), value])
    }
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
