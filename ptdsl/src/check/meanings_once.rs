//! The numbers of an attribute are complete and unambiguous: each number that its fields can hold means one thing.

use std::collections::BTreeMap;

use super::facts::{Facts, Subject};
use super::shape::slice_bits;
use super::text::{list, with};
use crate::diagnostic::{Code, Diagnostic};
use crate::logic::Bdd;
use crate::span::Span;
use crate::tree::{Attribute, Content, LayoutKind};

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    for attribute in 0..facts.description.attributes.len() {
        names(facts, attribute);
        as_they_stand(facts, attribute);
        let width = facts.description.attributes[attribute].node.fields.iter().map(|field| field.value.clone());
        let width: u32 = width.map(|field| facts.field_bits(&field)).sum();
        numbers(facts, attribute, width);
        somewhere(facts, attribute);
    }
    flags(facts);
}

/// Whether an attribute is one name of a list; otherwise its values are the sets of its names that hold.
pub(super) fn is_choice(attribute: &Attribute) -> bool {
    let [name] = attribute.names.as_slice() else { return false };
    !attribute.values.iter().any(|value| value.names.contains(name))
}

/// A line names one thing, or rights that the attribute is about; and no other line says the same.
fn names(facts: &mut Facts<'_>, attribute: usize) {
    let node = &facts.description.attributes[attribute].node;
    let choice = is_choice(node);
    let mut said: BTreeMap<Vec<&str>, Span> = BTreeMap::new();
    for value in &node.values {
        let mut names: Vec<&str> = value.names.iter().map(|name| name.value.as_str()).collect();
        names.sort_unstable();
        if let Some(first) = said.get(&names) {
            let diagnostic = Diagnostic::new(Code::MeaningTwice, format!("two lines mean {}", list(names)))
                .label(value.span, "again here")
                .label(*first, "first here")
                .help("join the numbers of both lines; the first one is written");
            facts.report(Subject::Attribute(attribute), diagnostic);
            continue;
        }
        said.insert(names.clone(), value.span);
        let known =
            |name: &&str| *name == "none" || *name == "reserved" || node.names.iter().any(|it| it.value == **name);
        let foreign = if choice { None } else { value.names.iter().find(|name| !known(&name.value.as_str())) };
        let alone = names.contains(&"none") || names.contains(&"reserved") || choice;
        let diagnostic = if let Some(name) = foreign {
            let all = list(node.names.iter().map(|it| it.value.as_str()));
            Diagnostic::new(Code::ForeignName, format!("`{}` is not what this attribute is about", name.value))
                .label(name.span, "said to hold here")
                .label(span_of_names(node), format!("about {all}"))
                .help("add it to the names of the attribute")
        } else if alone && names.len() > 1 {
            Diagnostic::new(Code::ForeignName, "several names where one belongs")
                .label(value.span, "one name, or `none`, or `reserved`")
                .label(span_of_names(node), if choice { "one name of a list" } else { "sets of rights" })
        } else {
            continue;
        };
        facts.report(Subject::Attribute(attribute), diagnostic);
    }
}

fn span_of_names(node: &Attribute) -> Span {
    node.names.iter().map(|name| name.span).reduce(Span::to).unwrap_or_default()
}

/// The fields of an attribute stand without `not`: the numbers are those that the manual prints.
fn as_they_stand(facts: &mut Facts<'_>, attribute: usize) {
    let node = &facts.description.attributes[attribute].node;
    for layout in &facts.description.layouts {
        for row in &layout.node.rows {
            for case in &row.node.content.cases {
                let Content::Field { inverted: true, name, .. } = &case.value.value else { continue };
                let Some(field) = node.fields.iter().find(|field| *field == name) else { continue };
                let diagnostic = Diagnostic::new(
                    Code::InvertedInGroup,
                    format!("`{}` is inverted in a row and a number here", name.value),
                )
                .label(case.value.span, "inverted")
                .label(field.span, "a part of the number")
                .help("give the field another name, and say in the attribute what its numbers mean");
                facts.report(Subject::Attribute(attribute), diagnostic);
                return;
            }
        }
    }
}

/// Every number once.
fn numbers(facts: &mut Facts<'_>, attribute: usize, width: u32) {
    const MOST: u32 = 32;
    let node = &facts.description.attributes[attribute].node;
    let fields = node.fields.iter().map(|field| field.span).reduce(Span::to).unwrap_or_default();
    if width > MOST {
        let diagnostic = Diagnostic::new(Code::NumberAstray, format!("an attribute of {width} bits"))
            .label(fields, format!("expected fields of at most {MOST} bits together"));
        facts.report(Subject::Attribute(attribute), diagnostic);
        return;
    }
    let mut meant: BTreeMap<u128, Span> = BTreeMap::new();
    for number in node.values.iter().flat_map(|value| &value.numbers) {
        let value = number.value.value;
        let diagnostic = if value >> width != 0 {
            Diagnostic::new(Code::NumberAstray, format!("{value} is no number of {width} bits"))
                .label(number.span, "too large")
                .label(fields, format!("{width} bits"))
                .note(format!("expected 0 to {}", (1_u128 << width) - 1))
        } else if let Some(first) = meant.get(&value) {
            Diagnostic::new(Code::NumberTwice, format!("{value} means two things"))
                .label(number.span, "again here")
                .label(*first, "first here")
                .note("expected each number once")
                .help("remove it from one of the lines")
        } else {
            meant.insert(value, number.span);
            continue;
        };
        facts.report(Subject::Attribute(attribute), diagnostic);
    }
    if node.otherwise.is_some() || meant.len() as u128 == 1 << width {
        return;
    }
    let left = (0..1_u128 << width).filter(|number| !meant.contains_key(number));
    let some: Vec<String> = left.take(9).map(|number| number.to_string()).collect();
    let more = if some.len() > 8 { ", …" } else { "" };
    let diagnostic = Diagnostic::new(
        Code::NumberMissing,
        format!("nothing says what these numbers mean: {}{more}", some[..some.len().min(8)].join(", ")),
    )
    .label(span_of_names(node), "in this attribute")
    .label(fields, format!("{width} bits: {} numbers", 1_u128 << width))
    .help("list them, or end with `else reserved;` or `else other;`");
    facts.report(Subject::Attribute(attribute), diagnostic);
}

/// Wherever the attribute is in force, some layout holds a bit of its fields.
fn somewhere(facts: &mut Facts<'_>, attribute: usize) {
    let node = &facts.description.attributes[attribute].node;
    let of_pointers = node.names.iter().any(|name| name.value == "child");
    let mut there = Bdd::FALSE;
    for layout in facts.used_layouts() {
        let kind = facts.layout(layout).kind;
        let fits = match kind {
            LayoutKind::Leaf => !of_pointers,
            LayoutKind::Table => of_pointers,
            LayoutKind::Root => of_pointers,
            LayoutKind::Absent => false,
        };
        if !fits {
            continue;
        }
        let places = facts.places(layout);
        let views: Vec<(Option<usize>, Bdd)> = if kind == LayoutKind::Root {
            vec![(None, Bdd::TRUE)]
        } else {
            places.into_iter().map(|(level, accepted)| (Some(level), accepted)).collect()
        };
        for (view, accepted) in views {
            for field in &node.fields {
                let has = facts.has_field(layout, view, &field.value);
                let has = facts.bdds.and(has, accepted);
                there = facts.bdds.or(there, has);
            }
        }
    }
    let active = facts.active(node);
    let bad = facts.bdds.and_not(active, there);
    let Some(cube) = facts.counterexample(bad) else { return };
    let binding = with(&facts.binding_text(&cube));
    let names = list(node.names.iter().map(|name| name.value.as_str()));
    let mut diagnostic = Diagnostic::new(Code::GroupWithoutBits, format!("no word holds what says {names}{binding}"))
        .label(
            node.fields.iter().map(|field| field.span).reduce(Span::to).unwrap_or_default(),
            "these fields are in no layout then",
        );
    if let Some(when) = &node.when {
        diagnostic = diagnostic.label(when.span, "in force");
    }
    diagnostic = diagnostic.note("expected one of its fields in some layout wherever the attribute is in force");
    let help = "let the attribute be in force only `when` its fields are there";
    facts.report(Subject::Attribute(attribute), diagnostic.help(help));
}

/// Fields whose name means a right or a mark are one bit wide, unless an attribute says what their numbers mean.
fn flags(facts: &mut Facts<'_>) {
    const FLAGS: &[&str] = &[
        "read",
        "write",
        "execute",
        "user",
        "user_write",
        "user_execute",
        "privileged_execute",
        "secure",
        "global",
        "accessed",
        "dirty",
        "encrypted",
        "cleaned",
    ];
    for layout in facts.sound_layouts() {
        for row in &facts.layout(layout).rows {
            let natural = super::shape::fixed_bits(&row.node.place.value).map_or(1, |(high, low)| high - low + 1);
            for case in &row.node.content.cases {
                let Content::Field { name, slice, value: None, .. } = &case.value.value else { continue };
                let width = slice.as_ref().and_then(slice_bits).map_or(natural, |(high, _)| high + 1);
                let grouped = facts.description.attributes.iter().any(|it| it.node.fields.contains(name));
                if width == 1 || grouped || !FLAGS.contains(&name.value.as_str()) {
                    continue;
                }
                let diagnostic = Diagnostic::new(Code::FlagTooWide, format!("`{}` has {width} bits", name.value))
                    .label(case.value.span, "a right or a mark of several bits")
                    .note("expected one bit, true or false")
                    .help(format!("call the field otherwise and write `attribute {} = … {{ … }}`", name.value));
                facts.report(Subject::Layout(layout), diagnostic);
                return;
            }
        }
    }
}
