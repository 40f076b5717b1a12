//! Generators of names, numbers, conditions, alternatives and comments.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use ptdsl::span::{Span, Spanned};
use ptdsl::tree::{
    Alt, BitRange, Case, Comments, Cond, CondKind, Literal, Name, Number, Radix, Slice, Value, ValueSpan,
};

pub fn spanned<T>(value: T) -> Spanned<T> {
    Spanned::new(value, Span::default())
}

pub fn name() -> BoxedStrategy<Name> {
    "[a-z][a-zA-Z0-9_]{0,12}"
        .prop_map(|text: String| {
            let reserved = ptdsl::parse::keywords().contains(&text);
            spanned(if reserved { format!("{text}_") } else { text })
        })
        .boxed()
}

pub fn names() -> BoxedStrategy<Vec<Name>> {
    vec(name(), 1..4).boxed()
}

/// Names where an `update` or an `attribute` lists them.
pub fn listed_names() -> BoxedStrategy<Vec<Name>> {
    let keywords = proptest::sample::select(vec!["output", "reserved", "other"]);
    vec(prop_oneof![name(), keywords.prop_map(|text| spanned(text.to_owned()))], 1..4).boxed()
}

pub fn number() -> BoxedStrategy<Number> {
    let value = prop_oneof![0_u128..70, any::<u128>()];
    let radix = proptest::sample::select(vec![Radix::Decimal, Radix::Hexadecimal, Radix::Binary]);
    (value, radix, 0_u8..5).prop_map(|(value, radix, digits)| spanned(Literal { value, radix, digits })).boxed()
}

/// Two numbers, the smaller first.
fn ordered() -> BoxedStrategy<(Number, Number)> {
    (number(), number())
        .prop_map(|(one, other)| if one.value.value <= other.value.value { (one, other) } else { (other, one) })
        .boxed()
}

pub fn range() -> BoxedStrategy<BitRange> {
    ordered().prop_map(|(low, high)| BitRange { high, low }).boxed()
}

pub fn slice() -> BoxedStrategy<Slice> {
    prop_oneof![number().prop_map(|bit| (bit, bit)), ordered()].prop_map(|(low, high)| Slice { high, low }).boxed()
}

pub fn value_span() -> BoxedStrategy<ValueSpan> {
    prop_oneof![
        number().prop_map(|first| ValueSpan { first, last: None }),
        ordered().prop_map(|(first, last)| ValueSpan { first, last: Some(last) }),
    ]
    .boxed()
}

pub fn value() -> BoxedStrategy<Value> {
    prop_oneof![number().prop_map(Value::Number), name().prop_map(Value::Name)].boxed()
}

pub fn cond() -> BoxedStrategy<Cond> {
    let subject = prop_oneof![
        8 => name(),
        1 => Just(spanned("table".to_owned())),
        1 => Just(spanned("output".to_owned())),
    ];
    let leaf = prop_oneof![
        subject.clone().prop_map(CondKind::Name),
        (subject, any::<bool>(), value()).prop_map(|(name, equal, value)| CondKind::Compare { name, equal, value }),
    ];
    leaf.prop_map(spanned)
        .prop_recursive(4, 16, 3, |inner| {
            prop_oneof![
                vec(inner.clone(), 2..4).prop_map(CondKind::Any),
                vec(inner.clone(), 2..4).prop_map(CondKind::All),
                inner.prop_map(|inner| CondKind::Not(Box::new(inner))),
            ]
            .prop_map(spanned)
        })
        .boxed()
}

pub fn when() -> BoxedStrategy<Option<Cond>> {
    option::of(cond()).boxed()
}

pub fn alt<T: core::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = T> + Clone + 'static,
) -> BoxedStrategy<Alt<T>> {
    let case = |value: T, when| Case { value: spanned(value), when };
    (vec((value.clone(), cond()), 0..3), value, when())
        .prop_map(move |(first, value, when)| {
            let mut cases: Vec<Case<T>> = first.into_iter().map(|(value, when)| case(value, Some(when))).collect();
            cases.push(case(value, when));
            Alt { cases }
        })
        .boxed()
}

/// A line of text behind `//` or `///`.
fn line() -> BoxedStrategy<String> {
    let lines = ["", "words", " indented", "/ slash", "! mark", "}", "// twice", "é \u{1f600}"];
    proptest::sample::select(lines.to_vec()).prop_map(str::to_owned).boxed()
}

pub fn docs() -> BoxedStrategy<Vec<Spanned<String>>> {
    prop_oneof![4 => Just(Vec::new()), 1 => vec(line().prop_map(spanned), 1..3)].boxed()
}

/// Comments around a node: before it and, if so asked, behind its brace and its end.
pub fn comments(has_block: bool, has_end: bool) -> BoxedStrategy<Comments> {
    let rarely = || prop_oneof![4 => Just(None), 1 => line().prop_map(Some)];
    let before = prop_oneof![4 => Just(Vec::new()), 1 => vec(line(), 1..3)];
    (any::<bool>(), before, rarely(), rarely())
        .prop_map(move |(blank_before, before, opening, after)| Comments {
            blank_before,
            before,
            opening: opening.filter(|_| has_block),
            after: after.filter(|_| has_end),
        })
        .boxed()
}
