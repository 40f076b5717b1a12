//! Generators of files, descriptions, statements and layouts.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use ptdsl::span::{Lines, Span};
use ptdsl::tree::{
    Attribute, AttributeValue, Comments, Content, Endian, Entry, Extension, Feature, File, Format, FormatKind, Item,
    ItemKind, Layout, LayoutKind, Level, LevelIndex, Origin, Otherwise, Parameter, ParameterSet, Part, PartKind, Place,
    Row, Rule, RuleKind, Run, Tag, Update, Virtual, Way, With, Word,
};

use super::pieces::{
    alt, comments, cond, docs, listed_names, name, names, number, range, slice, spanned, value, value_span, when,
};

pub fn file() -> BoxedStrategy<File> {
    (comments(false, false), docs(), vec(format(), 0..4), comments(false, false))
        .prop_map(|(leading, docs, formats, trailing)| {
            // Without docs of the file, comments belong to the first description.
            let leading = if docs.is_empty() { Comments::default() } else { leading };
            File { leading, docs, formats, trailing, lines: Lines::default() }
        })
        .boxed()
}

fn format() -> BoxedStrategy<Format> {
    let kind = select(vec![FormatKind::Format, FormatKind::Base]).prop_map(spanned);
    let with = option::of((name(), vec(name(), 0..3)).prop_map(|(parent, fragments)| With { parent, fragments }));
    (comments(true, true), docs(), kind, name(), with, vec(item(), 0..6), comments(false, false))
        .prop_map(|(comments, docs, kind, name, with, items, trailing)| Format {
            comments,
            docs,
            kind,
            name,
            with,
            items,
            trailing,
            span: Span::default(),
        })
        .boxed()
}

fn item() -> BoxedStrategy<Item> {
    let statement = prop_oneof![
        1 => word().prop_map(ItemKind::Word),
        1 => virtual_range().prop_map(ItemKind::Virtual),
        1 => alt(value().boxed()).prop_map(ItemKind::Output),
        1 => feature().prop_map(ItemKind::Feature),
        1 => parameter().prop_map(ItemKind::Parameter),
        4 => level().prop_map(ItemKind::Level),
    ];
    let block = prop_oneof![
        4 => layout().prop_map(ItemKind::Layout),
        1 => attribute().prop_map(ItemKind::Attribute),
        1 => update().prop_map(ItemKind::Update),
    ];
    let of_kind = |(comments, docs, kind)| Item { comments, docs, kind, span: Span::default() };
    prop_oneof![
        (comments(false, true), docs(), statement).prop_map(of_kind),
        (comments(true, true), docs(), block).prop_map(of_kind),
    ]
    .boxed()
}

fn word() -> BoxedStrategy<Word> {
    (number(), alt(select(vec![Endian::Little, Endian::Big]))).prop_map(|(bits, endian)| Word { bits, endian }).boxed()
}

fn virtual_range() -> BoxedStrategy<Virtual> {
    let extension = prop_oneof![
        Just(Extension::Sign),
        Just(Extension::Zero),
        Just(Extension::Ones),
        number().prop_map(Extension::Prefix)
    ];
    let tag = option::of((range(), when()).prop_map(|(bits, when)| Tag { bits, when }));
    (option::of(name()), value(), extension.prop_map(spanned), option::of(number()), tag)
        .prop_map(|(name, width, extension, widened, tag)| Virtual { name, width, extension, widened, tag })
        .boxed()
}

fn feature() -> BoxedStrategy<Feature> {
    (names(), when(), any::<bool>()).prop_map(|(names, when, usually_on)| Feature { names, when, usually_on }).boxed()
}

fn parameter() -> BoxedStrategy<Parameter> {
    let spans = vec(value_span(), 1..4).prop_map(ParameterSet::Spans);
    let set = prop_oneof![1 => Just(ParameterSet::Address), 4 => spans];
    (names(), set, any::<bool>()).prop_map(|(names, set, per_level)| Parameter { names, set, per_level }).boxed()
}

fn level() -> BoxedStrategy<Level> {
    let index = prop_oneof![
        range().prop_map(LevelIndex::Bits),
        (value(), value()).prop_map(|(width, base)| LevelIndex::Above { width, base }),
    ];
    let given = || option::of(number());
    (name(), index, given(), given(), given(), vec(entry(), 1..8))
        .prop_map(|(name, index, word, align, companion, entries)| Level {
            name,
            index,
            word,
            align,
            companion,
            entries,
        })
        .boxed()
}

fn entry() -> BoxedStrategy<Entry> {
    (name(), any::<bool>(), when(), any::<bool>())
        .prop_map(|(layout, refused, when, else_reserved)| {
            let when = when.filter(|_| !refused);
            Entry { layout, refused, else_reserved: else_reserved && when.is_some(), when, span: Span::default() }
        })
        .boxed()
}

fn layout() -> BoxedStrategy<Layout> {
    let kinds = vec![LayoutKind::Absent, LayoutKind::Table, LayoutKind::Leaf, LayoutKind::Root];
    let origin = prop_oneof![Just(Origin::New), name().prop_map(Origin::From), Just(Origin::Amended)];
    (select(kinds).prop_map(spanned), name(), option::of(number()), origin, vec(part(), 0..6), comments(false, false))
        .prop_map(|(kind, name, word, origin, parts, trailing)| Layout { kind, name, word, origin, parts, trailing })
        .boxed()
}

fn part() -> BoxedStrategy<Part> {
    let kind = prop_oneof![
        6 => row().prop_map(PartKind::Row),
        1 => cond().prop_map(PartKind::Where),
        1 => cond().prop_map(PartKind::Forbid),
        1 => alt(value().boxed()).prop_map(PartKind::Output),
        1 => names().prop_map(PartKind::Lacks),
        1 => Just(PartKind::Defer),
        1 => run().prop_map(PartKind::Run),
    ];
    (comments(false, true), docs(), kind)
        .prop_map(|(comments, docs, kind)| Part { comments, docs, kind, span: Span::default() })
        .boxed()
}

fn run() -> BoxedStrategy<Run> {
    (value_span(), any::<bool>(), any::<bool>())
        .prop_map(|(span, identical, in_ones)| Run { first: span.first, last: span.last, identical, in_ones })
        .boxed()
}

fn row() -> BoxedStrategy<Row> {
    let place =
        prop_oneof![range().prop_map(Place::Bits), number().prop_map(Place::Bit), name().prop_map(Place::Parameter)];
    (place.prop_map(spanned), alt(content().boxed())).prop_map(|(place, content)| Row { place, content }).boxed()
}

fn content() -> BoxedStrategy<Content> {
    prop_oneof![
        option::of(value()).prop_map(Content::Reserved),
        option::of(value()).prop_map(Content::Ignored),
        Just(Content::Software),
        Just(Content::SlotsLg2),
        slice().prop_map(Content::FirstSlot),
        slice().prop_map(Content::LastSlot),
        option::of(slice()).prop_map(Content::Output),
        (option::of(name()), option::of(slice()), option::of(value()), when())
            .prop_map(|(child, slice, value, condition)| Content::Table { child, slice, value, condition }),
        (any::<bool>(), name(), option::of(slice()), option::of(value())).prop_map(|(inverted, name, slice, value)| {
            Content::Field { inverted, name, slice, value: value.filter(|_| !inverted) }
        }),
        value().prop_map(Content::Constant),
    ]
    .boxed()
}

fn attribute() -> BoxedStrategy<Attribute> {
    let value = (comments(false, true), docs(), listed_names(), vec(number(), 1..3)).prop_map(
        |(comments, docs, names, numbers)| AttributeValue { comments, docs, names, numbers, span: Span::default() },
    );
    let otherwise = option::of(select(vec![Otherwise::Reserved, Otherwise::Other]).prop_map(spanned));
    (any::<bool>(), names(), names(), when(), vec(value, 0..4), otherwise, comments(false, true))
        .prop_map(|(parameter, names, fields, when, values, otherwise, mut trailing)| {
            // Only an `else` has a line whose end a comment can follow.
            trailing.after = trailing.after.filter(|_| otherwise.is_some());
            Attribute { parameter, names, fields, when, values, otherwise, trailing }
        })
        .boxed()
}

fn update() -> BoxedStrategy<Update> {
    let ways = select(vec![Way::Lazy, Way::Live, Way::Instruction, Way::Break]);
    let kind = prop_oneof![
        (listed_names(), alt(ways)).prop_map(|(kinds, way)| RuleKind::Way { kinds, way }),
        (names(), when()).prop_map(|(fields, when)| RuleKind::Hardware { fields, when }),
        name().prop_map(RuleKind::Registers),
        when().prop_map(RuleKind::Clean),
        (name(), when()).prop_map(|(field, when)| RuleKind::Hold { field, when }),
        Just(RuleKind::Pairs),
    ];
    let rule =
        (comments(false, true), kind).prop_map(|(comments, kind)| Rule { comments, kind, span: Span::default() });
    (any::<bool>(), vec(rule, 0..4), comments(false, false))
        .prop_map(|(with, rules, trailing)| Update { with, rules, trailing })
        .boxed()
}
