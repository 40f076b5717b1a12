//! How a leaf is said elsewhere: field by field into another layout, by name.

use super::body::Body;
use super::cube::{Cube, Formula};
use super::expr::Expr;
use super::leaf::{Said, field};
use super::ones;
use super::plan::{Leaf, Plan, attribute_of};
use super::scatter;
use super::words::{formula, moving_bit, neutral_bit, w};
use crate::model::{AttributeKind, Bits, Combine, Content, Field, Format, Layout, Source};

/// Bits that are known in every word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// Which ones.
    pub(crate) mask: u128,
    /// What they are.
    pub(crate) value: u128,
}

impl Known {
    /// What every valid word of a layout holds.
    pub(crate) fn of(layout: &Layout) -> Self {
        let mut known = Self { mask: 0, value: 0 };
        for row in &layout.rows {
            let (Content::Constant { value, .. } | Content::Reserved(value)) = &row.content else { continue };
            known.mask |= scatter::ones(row.high - row.low + 1) << row.low;
            known.value |= value << row.low;
        }
        known
    }

    /// What both know.
    pub(crate) fn common(self, other: Self) -> Self {
        let mask = self.mask & other.mask & !(self.value ^ other.value);
        Self { mask, value: self.value & mask }
    }
}

/// Collects what becomes of the bits of a word.
#[derive(Default)]
struct Moves {
    /// Bits that stay where they are.
    kept: u128,
    /// Bits at places decided at run time that stay.
    kept_moving: Vec<Expr>,
    /// Bits that move up by a distance.
    moved: Vec<(i32, u128)>,
    /// Bits of the result that are the opposite.
    inverted: u128,
    /// Bits of the result that are ones.
    written: u128,
    /// Bits of the result that say its size.
    size: Option<Expr>,
    /// What must hold.
    before: Vec<(String, Expr)>,
}

impl Moves {
    fn bit(&mut self, from: u32, to: u32) {
        let distance = to as i32 - from as i32;
        if distance == 0 {
            self.kept |= 1 << from;
            return;
        }
        match self.moved.iter_mut().find(|(known, _)| *known == distance) {
            Some((_, bits)) => *bits |= 1 << from,
            None => self.moved.push((distance, 1 << from)),
        }
    }

    fn value(self) -> Expr {
        self.value_of(&w())
    }

    fn value_of(self, word: &Expr) -> Expr {
        let mut kept = vec![Expr::Bits(self.kept)];
        kept.extend(self.kept_moving);
        let mut parts = vec![Expr::Bits(self.written), Expr::bit_and(vec![word.clone(), Expr::bit_or(kept)])];
        for (distance, bits) in self.moved {
            parts.push(Expr::bit_and(vec![word.clone(), Expr::Bits(bits)]).shifted(distance));
        }
        parts.extend(self.size);
        Expr::bit_or(parts).bit_xor(Expr::Bits(self.inverted))
    }
}

/// The bits of pairs of fields of the same name, taken from the first of each in `word` to where the second is, and all the
/// bits of the second ones.
pub(crate) fn carried<'f>(word: &Expr, pairs: impl Iterator<Item = (&'f Field, &'f Field)>) -> (Expr, u128) {
    let (mut moves, mut taken) = (Moves::default(), 0);
    for (from, to) in pairs {
        same_field(&mut moves, from, to);
        taken |= scatter::word_bits(&to.pieces);
    }
    (moves.value_of(word), taken)
}

/// What the leaf word `w` says, said by another layout, with an OA of zero.
///
/// `known` is what words of every layout that `w` may have hold alike.
pub(crate) fn moved(plan: &Plan<'_>, format: &Format, (from, to): (Leaf<'_>, Leaf<'_>), known: Known) -> Body {
    let mut moves = Moves::default();
    for old in &from.layout.fields {
        match field(to.layout, &old.name) {
            Some(new) => same_field(&mut moves, old, new),
            None => lost_field(plan, &mut moves, format, from, old),
        }
    }
    lost_reach(&mut moves, from.layout, to.layout);
    for new in &to.layout.fields {
        let combine = attribute_of(format, &new.name).map_or(Combine::Own, |attribute| attribute.combine);
        if field(from.layout, &new.name).is_none() && neutral_bit(combine, new) {
            moves.written |= scatter::word_bits(&new.pieces);
        }
    }
    let lost = from.layout.software & !to.layout.software;
    if lost != 0 {
        let none = Expr::bit_and(vec![w(), Expr::Bits(lost)]).eq(Expr::Bits(0));
        moves.before.push(("software".into(), none));
    }
    moves.kept |= from.layout.software & to.layout.software;
    // Constants that both have alike stay with the rest.
    let written = to.layout.written | to.layout.reserved_value;
    let stay = written & known.mask & known.value;
    moves.kept |= stay;
    moves.written |= written & !stay;
    moves.size = to.in_ones().then(|| ones::pattern(plan, to));
    let before = std::mem::take(&mut moves.before);
    Body { before, value: moves.value(), after: Vec::new() }
}

fn same_field(moves: &mut Moves, old: &Field, new: &Field) {
    if let (Some(bit), Some(_)) = (moving_bit(old), moving_bit(new)) {
        moves.kept_moving.push(bit);
        return;
    }
    for piece in &old.pieces {
        for bit in 0..piece.bits {
            let value = piece.value_low + bit;
            let target =
                new.pieces.iter().find(|target| (target.value_low..target.value_low + target.bits).contains(&value));
            let Some(target) = target else { continue };
            let to = target.word_low + value - target.value_low;
            moves.bit(piece.word_low + bit, to);
            if old.inverted != new.inverted {
                moves.inverted |= 1 << to;
            }
        }
    }
}

/// An OA that the other layout does not reach.
fn lost_reach(moves: &mut Moves, from: &Layout, to: &Layout) {
    let (Bits::Fixed(reach), Bits::Fixed(less)) = (&from.output_width, &to.output_width) else { return };
    if less >= reach {
        return;
    }
    let above = from
        .output
        .iter()
        .flat_map(|piece| (0..piece.bits).map(move |bit| (piece.value_low + bit, piece.word_low + bit)));
    let bits = above.filter(|(value, _)| value >= less).fold(0, |bits, (_, place)| bits | 1 << place);
    if bits != 0 {
        moves.before.push(("output".into(), Expr::bit_and(vec![w(), Expr::Bits(bits)]).eq(Expr::Bits(0))));
    }
}

/// A field that the other layout lacks must say nothing.
fn lost_field(plan: &Plan<'_>, moves: &mut Moves, format: &Format, from: Leaf<'_>, old: &Field) {
    let attribute = attribute_of(format, &old.name);
    let combine = attribute.map_or(Combine::Own, |attribute| attribute.combine);
    let bits = moving_bit(old).unwrap_or(Expr::Bits(scatter::word_bits(&old.pieces)));
    let expected = if neutral_bit(combine, old) { bits.clone() } else { Expr::Bits(0) };
    let holds = Expr::bit_and(vec![w(), bits]).eq(expected);
    let in_group = |source: &Source| match source {
        Source::Group(group) => group.fields.iter().any(|(name, _)| *name == old.name),
        Source::Field => false,
    };
    let group = plan.attributes.iter().find(|known| {
        attribute_of(format, &known.name).and_then(|known| known.sources.get(&from.index)).is_some_and(in_group)
    });
    let blamed = group.map_or(&old.name, |attribute| &attribute.name);
    moves.before.push((blamed.clone(), holds));
}

/// Conditions on the attributes of a leaf that its layout poses beside the fields themselves.
pub(crate) struct Leftovers {
    /// Those on one attribute: its place and what must hold of `word`.
    pub(crate) single: Vec<(usize, Expr)>,
    /// Those on several at once, with the last of them (in the lowest bits) to blame.
    pub(crate) joint: Vec<(usize, Expr)>,
}

/// What must still hold of a word made of attributes so that it is one of its layout.
pub(crate) fn leftovers(plan: &Plan<'_>, leaf: Leaf<'_>, said: &Said) -> Leftovers {
    let known = Known::of(leaf.layout);
    let cube = Cube::new(known.mask, known.value);
    let mut conditions = vec![super::words::identity(leaf.layout)];
    conditions.extend(leaf.layout.refused.iter().map(|test| formula(leaf.layout, test).negated()));
    let mut left = Leftovers { single: Vec::new(), joint: Vec::new() };
    for condition in conditions {
        let parts = match condition.assuming(&cube) {
            Formula::Known(true) => continue,
            Formula::All(parts) => parts,
            other => vec![other],
        };
        for part in parts {
            let support = part.support();
            let looked_at = |mask: &Expr| matches!(mask, Expr::Bits(bits) if bits & support != 0);
            let concerned: Vec<usize> = (0..said.masks.len()).filter(|&place| looked_at(&said.masks[place])).collect();
            let holds = part.expr(&Expr::var("word"));
            match concerned[..] {
                // Codes of several flags, and names without `other`, are valid by construction.
                [] => {}
                [one] if written_by_name(plan, one) => {}
                [one] => left.single.push((one, holds)),
                [.., last] => left.joint.push((last, holds)),
            }
        }
    }
    left
}

/// Whether an attribute can only be one of the names that the format lists.
fn written_by_name(plan: &Plan<'_>, place: usize) -> bool {
    let kind = plan.attributes.get(place).map(|attribute| &attribute.kind);
    matches!(kind, Some(AttributeKind::Choice { other: false, .. }))
}
