//! What leaves say: attributes read off a word, and a word made of attributes.

use std::rc::Rc;

use super::cube::{Cube, Formula};
use super::expr::{Expr, Op};
use super::plan::{Attribute, Leaf, Plan, attribute_of};
use super::scatter;
use super::words::{formula, limited, moving_bit, own_for_leaves, w};
use crate::model::{AttributeKind, ChoiceName, Combine, Field, Format, Group, Layout, Piece, Source};

/// The Rust type of a number of so many bits.
pub(crate) fn integer(bits: u32) -> &'static str {
    match bits {
        0..=8 => "u8",
        9..=16 => "u16",
        17..=32 => "u32",
        _ => "u64",
    }
}

/// The name of the type of a choice.
pub(crate) fn choice_type(attribute: &str) -> String {
    crate::rust_name::upper_camel(attribute)
}

/// How a layout says an attribute.
pub(crate) fn source<'a>(format: &'a Format, leaf: usize, name: &str) -> Option<&'a Source> {
    attribute_of(format, name)?.sources.get(&leaf)
}

/// A field of a layout by name.
pub(crate) fn field<'a>(layout: &'a Layout, name: &str) -> Option<&'a Field> {
    layout.fields.iter().find(|field| field.name == name)
}

/// Where the bits of the joined number of a group are; fields that the layout lacks have none.
pub(crate) fn group_pieces(layout: &Layout, group: &Group) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut offset = 0;
    for (name, bits) in group.fields.iter().rev() {
        for piece in field(layout, name).map_or(&[][..], |field| &field.pieces) {
            pieces.push(Piece { value_low: piece.value_low + offset, ..*piece });
        }
        offset += bits;
    }
    pieces
}

/// How many bits the joined number of a group has.
pub(crate) fn group_bits(group: &Group) -> u32 {
    group.fields.iter().map(|(_, bits)| bits).sum()
}

/// What the leaf word `w` says of an attribute, below `limits`.
pub(crate) fn decode<'a>(plan: &Plan<'a>, format: &'a Format, leaf: Leaf<'a>, attribute: &Attribute) -> Expr {
    let is_said = source(format, leaf.index, &attribute.name).is_some();
    let is_said = is_said || inherited(plan, format, leaf, attribute).is_some();
    if let Some(plain) = plain_right(&attribute.name).filter(|_| !is_said) {
        // Without a right of its own, user mode has the plain one.
        let known = plan.attributes.iter().filter(|known| [plain, "user"].contains(&known.name.as_str()));
        return Expr::and(known.map(|known| decode(plan, format, leaf, known)).collect());
    }
    let own = own(plan, format, leaf, attribute);
    let limit = plan.limits.iter().find(|limit| plan.attributes[limit.attribute].name == attribute.name);
    let Some(limit) = limit.filter(|_| limited(plan, format, &attribute.name)) else { return own };
    let limits = |word: Option<Expr>| {
        let mut bits = vec![Expr::var("limits"), Expr::Bits(limit.bit)];
        bits.splice(0..0, word);
        Expr::bit_and(bits)
    };
    let and = attribute_of(format, &attribute.name).is_none_or(|known| known.combine == Combine::And);
    // Where the leaf keeps the right in the same bit as the tables, one test serves both.
    let at_same_bit = match source(format, leaf.index, &attribute.name) {
        Some(Source::Field) => field(leaf.layout, &attribute.name)
            .filter(|field| scatter::word_bits(&field.pieces) == limit.bit)
            .map(|field| if field.inverted { w().bit_not() } else { w() }),
        _ => None,
    };
    match at_same_bit {
        Some(word) if and => limits(Some(word)).ne(Expr::Bits(0)),
        _ if and => Expr::and(vec![own, limits(None).ne(Expr::Bits(0))]),
        _ => Expr::or(vec![own, limits(None).eq(Expr::Bits(0))]),
    }
}

/// What the leaf word `w` itself says of an attribute.
fn own<'a>(plan: &Plan<'a>, format: &'a Format, leaf: Leaf<'a>, attribute: &Attribute) -> Expr {
    let word = plan.wide(w());
    match source(format, leaf.index, &attribute.name) {
        None => inherited(plan, format, leaf, attribute).unwrap_or_else(|| neutral(attribute)),
        Some(Source::Field) => {
            let Some(field) = field(leaf.layout, &attribute.name) else { return neutral(attribute) };
            match &attribute.kind {
                AttributeKind::Flag => flag(field),
                AttributeKind::Number(bits) => scatter::gather(&word, &field.pieces, None).cast(integer(*bits)),
                AttributeKind::Choice { .. } => {
                    let number = scatter::gather(&word, &field.pieces, None);
                    choice(format, attribute, number)
                }
            }
        }
        Some(Source::Group(group)) => {
            let pieces = group_pieces(leaf.layout, group);
            match &attribute.kind {
                AttributeKind::Flag => {
                    let listed = group.values.iter().filter(|(_, flags)| flags.contains(&attribute.name));
                    let mask = scatter::word_bits(&pieces);
                    let codes = listed.map(|(number, _)| {
                        let Expr::Bits(code) = scatter::scatter(&Expr::Bits(*number), &pieces, false) else {
                            return Formula::Known(false);
                        };
                        Formula::all(vec![Formula::Equal(Cube::new(mask, code))])
                    });
                    Formula::any(codes.collect()).expr(&w())
                }
                AttributeKind::Number(bits) => scatter::gather(&word, &pieces, None).cast(integer(*bits)),
                AttributeKind::Choice { .. } => {
                    let number = scatter::gather(&word, &pieces, None);
                    choice(format, attribute, number)
                }
            }
        }
    }
}

/// What the table above says for a leaf that cannot.
fn inherited<'a>(plan: &Plan<'a>, format: &'a Format, leaf: Leaf<'a>, attribute: &Attribute) -> Option<Expr> {
    let has = |place: &usize| plan.leaves(format, *place).iter().any(|other| other.index == leaf.index);
    let place = (0..format.levels.len()).find(has)?;
    let mut fields = (0..place).flat_map(|above| own_for_leaves(plan, format, above));
    let field = fields.find(|field| field.name == attribute.name)?;
    let said = Expr::var("limits").bit_not();
    Some(match &attribute.kind {
        AttributeKind::Flag => {
            Expr::bit_and(vec![said, Expr::Bits(scatter::word_bits(&field.pieces))]).ne(Expr::Bits(0))
        }
        AttributeKind::Number(bits) => scatter::gather(&plan.wide(said), &field.pieces, None).cast(integer(*bits)),
        AttributeKind::Choice { .. } => {
            choice(format, attribute, scatter::gather(&plan.wide(said), &field.pieces, None))
        }
    })
}

/// The right in whose place user mode may have one of its own, by the name of that.
fn plain_right(name: &str) -> Option<&str> {
    name.strip_prefix("user_").filter(|plain| matches!(*plain, "write" | "execute"))
}

/// The name that a number stands for. Where the numbers of a model are its own, they are listed on the spot.
fn choice(format: &Format, attribute: &Attribute, number: Expr) -> Expr {
    let of = choice_type(&attribute.name);
    let own = attribute_of(format, &attribute.name).map(|own| &own.kind);
    let (AttributeKind::Choice { names, bits, .. }, Some(AttributeKind::Choice { names: own, other, .. })) =
        (&attribute.kind, own)
    else {
        return Expr::call(format!("{of}::from_number"), vec![number]);
    };
    let known = |name: &ChoiceName| names.iter().any(|it| it.name == name.name && it.numbers == name.numbers);
    if own.iter().all(known) {
        return Expr::call(format!("{of}::from_number"), vec![number]);
    }
    let (mut patterns, mut operands) = (Vec::new(), vec![number]);
    for name in own {
        let numbers: Vec<String> = name.numbers.iter().map(u128::to_string).collect();
        patterns.push(numbers.join(" | "));
        operands.push(Expr::var(format!("{of}::{}", crate::rust_name::upper_camel(&name.name))));
    }
    if *other {
        patterns.push("number".into());
        operands.push(Expr::call(format!("{of}::Other"), vec![Expr::var("number").cast(integer(*bits))]));
    } else if let Some(last) = patterns.last_mut() {
        *last = "_".into();
    }
    Expr::Op(Op::Match(patterns), operands)
}

fn flag(field: &Field) -> Expr {
    let bit = moving_bit(field).unwrap_or(Expr::Bits(scatter::word_bits(&field.pieces)));
    let bits = Expr::bit_and(vec![w(), bit]);
    if field.inverted { bits.eq(Expr::Bits(0)) } else { bits.ne(Expr::Bits(0)) }
}

/// What an attribute is where nothing says it: a right is allowed, anything else is zero.
pub(crate) fn neutral(attribute: &Attribute) -> Expr {
    match &attribute.kind {
        AttributeKind::Flag => Expr::Bool(attribute.right),
        AttributeKind::Number(_) => Expr::Number(0),
        AttributeKind::Choice { .. } => Expr::var(format!(
            "{}::{}",
            choice_type(&attribute.name),
            crate::rust_name::upper_camel(neutral_name(&attribute.kind))
        )),
    }
}

/// The name that a choice has where nothing says it: that of the number zero, or the first.
pub(crate) fn neutral_name(kind: &AttributeKind) -> &str {
    let AttributeKind::Choice { names, .. } = kind else { return "" };
    let zero = names.iter().find(|name| name.numbers.contains(&0));
    zero.or(names.first()).map_or("", |name| &name.name)
}

/// The bits of a leaf word that say attributes, with what has to hold so that they can.
#[derive(Clone, Default)]
pub(crate) struct Said {
    /// For each attribute: bits of `a`, an `Attributes`, in the word.
    pub(crate) bits: Vec<Expr>,
    /// For each attribute (the last is the software bits): the bits of the word that say it and nothing else.
    pub(crate) masks: Vec<Expr>,
    /// What must hold, if these attributes (by place) are all asked for, and which one is to blame.
    pub(crate) checks: Vec<Check>,
    /// Groups of flags that share their bits.
    pub(crate) coupled: Vec<Coupled>,
}

/// Something that must hold.
#[derive(Clone)]
pub(crate) struct Check {
    /// The places of the attributes that it concerns, as bits.
    pub(crate) places: u64,
    /// The attribute to blame.
    pub(crate) name: String,
    /// What must hold.
    pub(crate) holds: Expr,
}

/// Flags that are said together.
#[derive(Clone)]
pub(crate) struct Coupled {
    /// The places of the attributes.
    pub(crate) attributes: Vec<usize>,
    /// The bits of the code.
    pub(crate) pieces: Vec<Piece>,
    /// How many bits the code has.
    pub(crate) bits: u32,
    /// The flags of each code, packed.
    pub(crate) flags_of: u64,
    /// The code of each combination of flags, packed.
    pub(crate) code_of: u64,
    /// The combinations that have a code, as a set.
    pub(crate) sayable: u64,
    /// The codes that mean something, as a set.
    pub(crate) listed: u64,
    /// To blame for a combination without a code.
    pub(crate) blamed: usize,
    /// A code that makes a word one that is refused.
    pub(crate) refused: Option<u64>,
}

impl Said {
    fn check(&mut self, place: usize, name: &str, holds: Expr) {
        self.checks.push(Check { places: 1 << place, name: name.to_owned(), holds });
    }
}

/// How a leaf layout says the attributes in `a`.
pub(crate) fn encode(plan: &Plan<'_>, format: &Format, leaf: Leaf<'_>) -> Rc<Said> {
    let member = plan.formats().position(|other| core::ptr::eq(other, format));
    let key = (member.unwrap_or(usize::MAX), leaf.index);
    if let Some(said) = plan.said.borrow().get(&key) {
        return Rc::clone(said);
    }
    let said = Rc::new(encoded(plan, format, leaf));
    plan.said.borrow_mut().insert(key, Rc::clone(&said));
    said
}

fn encoded(plan: &Plan<'_>, format: &Format, leaf: Leaf<'_>) -> Said {
    let mut said = Said::default();
    for (place, attribute) in plan.attributes.iter().enumerate() {
        let value = Expr::var(format!("a.{}", attribute.name));
        let mut mask = Expr::Bits(0);
        match source(format, leaf.index, &attribute.name) {
            Some(Source::Field) => {
                if let Some(field) = field(leaf.layout, &attribute.name) {
                    mask = moving_bit(field).unwrap_or(Expr::Bits(scatter::word_bits(&field.pieces)));
                    field_bits(plan, &mut said, place, field, value);
                }
            }
            Some(Source::Group(group)) if group.names.len() > 1 || attribute.kind == AttributeKind::Flag => {
                let coupled = coupled(plan, leaf.layout, group);
                if coupled.attributes.len() == 1 {
                    mask = Expr::Bits(scatter::word_bits(&coupled.pieces));
                }
                if coupled.attributes.first() == Some(&place) {
                    coupled_bits(plan, &mut said, &coupled);
                }
            }
            Some(Source::Group(group)) => {
                let pieces = group_pieces(leaf.layout, group);
                mask = Expr::Bits(scatter::word_bits(&pieces));
                choice_bits(plan, &mut said, place, group, &pieces);
            }
            // Other leaves of this machine can say it: what this one would lose, it must not be asked for. What no leaf of
            // this machine can say is a property of another machine, and one program is for both.
            None if has(format, &attribute.name) => {
                said.check(place, &attribute.name, is_neutral(attribute, value));
            }
            None => {}
        }
        said.masks.push(mask);
    }
    if plan.software != 0 {
        let value = Expr::var("a.software");
        let place = plan.attributes.len();
        let outside = Expr::bit_and(vec![value.clone(), Expr::Bits(plan.word_ones() & !plan.software)]);
        said.check(place, "software", outside.eq(Expr::Bits(0)));
        said.bits.push(plan.narrow(value));
        said.masks.push(Expr::Bits(plan.software));
    }
    said
}

/// Whether some word of this model says the attribute.
pub(crate) fn has(format: &Format, attribute: &str) -> bool {
    format.attributes.iter().any(|known| known.name == attribute && !known.sources.is_empty())
}

/// Whether an attribute that a layout lacks asks for nothing.
fn is_neutral(attribute: &Attribute, value: Expr) -> Expr {
    match &attribute.kind {
        AttributeKind::Flag if attribute.right => value,
        AttributeKind::Flag => value.not(),
        AttributeKind::Number(_) => value.eq(Expr::Number(0)),
        AttributeKind::Choice { names, .. } => {
            let number = names.iter().find(|name| name.name == neutral_name(&attribute.kind));
            let number = number.and_then(|name| name.numbers.first()).copied().unwrap_or(0);
            value.method("number", Vec::new()).eq(Expr::Number(number))
        }
    }
}

fn field_bits(plan: &Plan<'_>, said: &mut Said, place: usize, field: &Field, value: Expr) {
    let attribute = &plan.attributes[place];
    let word = plan.word_name();
    match &attribute.kind {
        AttributeKind::Flag => {
            let value = if field.inverted { value.not() } else { value };
            let low = match moving_bit(field) {
                Some(Expr::Op(Op::Shl, operands)) => operands[1].clone(),
                _ => Expr::number(scatter::word_bits(&field.pieces).trailing_zeros()),
            };
            said.bits.push(match low {
                Expr::Number(0) => value.cast(word),
                low => value.cast(word).shl(low),
            });
        }
        AttributeKind::Number(bits) => {
            let own = scatter::value_bits(&field.pieces).count_ones();
            if own < 8 || own < *bits || !matches!(own, 8 | 16 | 32 | 64) {
                let fits = value.clone().le(Expr::Number(scatter::ones(own)));
                said.check(place, &attribute.name, fits);
            }
            said.bits.push(plan.narrow(scatter::scatter(&value.cast("u64"), &field.pieces, true)));
        }
        AttributeKind::Choice { .. } => {
            let number = value.method("number", Vec::new());
            said.bits.push(plan.narrow(scatter::scatter(&number, &field.pieces, false)));
        }
    }
}

/// A choice that the joined bits of fields say.
fn choice_bits(plan: &Plan<'_>, said: &mut Said, place: usize, group: &Group, pieces: &[Piece]) {
    let attribute = &plan.attributes[place];
    let AttributeKind::Choice { names, other, .. } = &attribute.kind else { return };
    let number = Expr::var(format!("a.{}", attribute.name)).method("number", Vec::new());
    let bits = group_bits(group);
    let has = scatter::value_bits(pieces);
    let lost = scatter::ones(bits) & !has;
    let written = |name: &str| group.values.iter().find(|(_, meaning)| meaning.iter().any(|known| known == name));
    let canonical = names.iter().all(|name| match (written(&name.name), name.numbers.first()) {
        (Some((number, _)), Some(first)) => number == first,
        (None, _) => true,
        (Some(_), None) => false,
    });
    let missing = names.iter().any(|name| written(&name.name).is_none_or(|(number, _)| number & lost != 0));
    let unsaid: Vec<&str> =
        names.iter().map(|name| name.name.as_str()).filter(|name| written(name).is_none()).collect();
    if *other && !unsaid.is_empty() {
        // Another machine has the name. Its number means something else here.
        let of = choice_type(&attribute.name);
        let variant = |name: &&str| format!("{of}::{}", crate::rust_name::upper_camel(name));
        let patterns = vec![unsaid.iter().map(variant).collect::<Vec<_>>().join(" | "), "_".to_owned()];
        let value = Expr::var(format!("a.{}", attribute.name));
        let has_name = Expr::Op(Op::Match(patterns), vec![value, Expr::Bool(false), Expr::Bool(true)]);
        said.check(place, &attribute.name, has_name);
    }
    let number =
        if canonical { number } else { own_numbers(attribute, group, names.iter().map(|n| n.name.as_str()), *other) };
    if missing && !*other || lost != 0 {
        let listed = group.values.iter().filter(|(number, _)| number & lost == 0).map(|(number, _)| *number);
        let mut listed: Vec<u128> = listed.collect();
        listed.sort_unstable();
        let set = listed.iter().fold(0u128, |set, number| set | 1 << number);
        let fits = if *other {
            Expr::bit_and(vec![number.clone(), Expr::Bits(lost)]).eq(Expr::Bits(0))
        } else {
            Expr::bit_and(vec![Expr::Op(Op::Shr, vec![Expr::Bits(set), number.clone()]), Expr::Bits(1)])
                .ne(Expr::Bits(0))
        };
        said.check(place, &attribute.name, fits);
    } else if *other {
        let most = scatter::ones(bits);
        if most != u128::from(u8::MAX) && most != u128::from(u16::MAX) {
            said.check(place, &attribute.name, number.clone().le(Expr::Number(most)));
        }
    }
    let exact = scatter::value_bits(pieces) == scatter::ones(bits);
    said.bits.push(plan.narrow(scatter::scatter(&number, pieces, exact)));
}

/// The numbers that one layout writes, where they are not those of the others.
fn own_numbers<'n>(attribute: &Attribute, group: &Group, names: impl Iterator<Item = &'n str>, other: bool) -> Expr {
    let of = choice_type(&attribute.name);
    let mut patterns = Vec::new();
    let mut operands = vec![Expr::var(format!("a.{}", attribute.name))];
    for name in names {
        let number = group.values.iter().find(|(_, meaning)| meaning.iter().any(|known| known == name));
        patterns.push(format!("{of}::{}", crate::rust_name::upper_camel(name)));
        operands.push(Expr::Number(number.map_or(u128::from(u64::MAX), |(number, _)| *number)));
    }
    if other {
        patterns.push(format!("{of}::Other(number)"));
        operands.push(Expr::var("number").cast("u64"));
    }
    Expr::Op(Op::Match(patterns), operands)
}

/// The tables of a group of flags.
pub(crate) fn coupled(plan: &Plan<'_>, layout: &Layout, group: &Group) -> Coupled {
    let attributes: Vec<usize> =
        group.names.iter().filter_map(|name| plan.attributes.iter().position(|known| known.name == *name)).collect();
    let pieces = group_pieces(layout, group);
    let bits = group_bits(group);
    let lost = scatter::ones(bits) & !scatter::value_bits(&pieces);
    let flags = |meaning: &[String]| {
        attributes
            .iter()
            .enumerate()
            .fold(0u64, |flags, (bit, place)| flags | u64::from(meaning.contains(&plan.attributes[*place].name)) << bit)
    };
    let count = attributes.len() as u32;
    let (mut flags_of, mut code_of, mut sayable, mut listed) = (0u64, 0u64, 0u64, 0u64);
    for (number, meaning) in group.values.iter().filter(|(number, _)| number & lost == 0) {
        flags_of |= flags(meaning).checked_shl(*number as u32 * count).unwrap_or(0);
        listed |= 1u64.checked_shl(*number as u32).unwrap_or(0);
    }
    for wanted in 0..1u64 << count {
        let written = group.values.iter().find(|(number, meaning)| number & lost == 0 && flags(meaning) == wanted);
        if let Some((number, _)) = written {
            sayable |= 1 << wanted;
            code_of |= (*number as u64).checked_shl(wanted as u32 * bits).unwrap_or(0);
        }
    }
    // What a group lacks is a note without its right: the note is to blame.
    let note = attributes.iter().rev().find(|place| !plan.attributes[**place].right);
    let blamed = note.or(attributes.last()).copied().unwrap_or(0);
    let refused = (0..1u64 << bits).find(|&code| u128::from(code) & lost == 0 && is_refused(layout, &pieces, code));
    Coupled { attributes, pieces, bits, flags_of, code_of, sayable, listed, blamed, refused }
}

/// Whether every word with this code is refused.
fn is_refused(layout: &Layout, pieces: &[Piece], code: u64) -> bool {
    let Expr::Bits(value) = scatter::scatter(&Expr::Bits(code.into()), pieces, false) else { return false };
    let cube = Cube::new(scatter::word_bits(pieces), value);
    let mut tests = layout.refused.iter().map(|test| formula(layout, test));
    tests.any(|test| test.assuming(&cube) == Formula::Known(true))
}

/// A table of so many bits, as a number wide enough to be shifted by as many.
fn packed(table: u64, bits: u32) -> Expr {
    let table = Expr::Bits(table.into());
    if bits > 31 { Expr::Op(Op::Cast("u64"), vec![table]) } else { table }
}

fn coupled_bits(plan: &Plan<'_>, said: &mut Said, coupled: &Coupled) {
    let flags =
        coupled.attributes.iter().enumerate().map(|(bit, place)| {
            Expr::var(format!("a.{}", plan.attributes[*place].name)).cast("u64").shifted(bit as i32)
        });
    let flags = Expr::bit_or(flags.collect());
    let count = 1u32 << coupled.attributes.len();
    if coupled.sayable != (1u64 << count) - 1 {
        let listed = packed(coupled.sayable, count).shr(flags.clone());
        let fits = Expr::bit_and(vec![listed, Expr::Bits(1)]).ne(Expr::Bits(0));
        let places = coupled.attributes.iter().fold(0, |places, place| places | 1 << place);
        said.checks.push(Check { places, name: plan.attributes[coupled.blamed].name.clone(), holds: fits });
    }
    let at = if coupled.bits == 1 { flags } else { Expr::Op(Op::Mul, vec![flags, Expr::number(coupled.bits)]) };
    let code = Expr::bit_and(vec![
        packed(coupled.code_of, coupled.bits * count).shr(at),
        Expr::Bits(scatter::ones(coupled.bits)),
    ]);
    said.bits.push(plan.narrow(scatter::scatter(&code, &coupled.pieces, false)));
    if coupled.attributes.len() > 1 {
        said.coupled.push(coupled.clone());
    }
}
