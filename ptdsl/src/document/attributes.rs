//! What leaves and tables say beside addresses, where it is stored and what its numbers mean.

use std::collections::BTreeMap;

use super::bits::{number, ranges_of, span_mask};
use super::columns::{Align, Columns};
use super::layouts::families;
use super::section::Section;
use crate::model::{Attribute, AttributeKind, Combine, Field, Format, Group, Layout, LayoutKind, Source};
use crate::vocabulary::meaning;

/// The attributes with their values, how they combine along the walk and where each layout stores them; then the codes
/// of those that are more than a field.
#[must_use]
pub fn attributes(format: &Format) -> Section {
    attributes_beyond(format, &Format { attributes: Vec::new(), ..format.clone() })
}

/// As [`attributes`], without those of which another model of the format says the same.
pub(super) fn attributes_beyond(format: &Format, usual: &Format) -> Section {
    let only: Vec<&Attribute> = format.attributes.iter().filter(|one| !is_alike(format, usual, one)).collect();
    if only.is_empty() {
        return Section::default();
    }
    let mut table = Columns::new(&[
        ("attribute", Align::Code),
        ("values", Align::Left),
        ("along the walk", Align::Left),
        ("meaning", Align::Left),
    ]);
    for attribute in &only {
        let mut meaning = meaning_of(attribute);
        if attribute.hardware {
            meaning.push_str(" (written by the machine)");
        }
        table.row([
            attribute.name.clone(),
            values(&attribute.kind),
            combined(format, attribute).to_owned(),
            meaning.trim().to_owned(),
        ]);
    }
    let section = Section::default().table(table).gap().table(stored(format, &only));
    codes(format, &only).into_iter().fold(section, |section, (names, codes)| section.title(names).table(codes))
}

/// Whether another model has the attribute in the same bits of the same layouts.
fn is_alike(format: &Format, other: &Format, attribute: &Attribute) -> bool {
    let places = |format: &Format, attribute: &Attribute| -> BTreeMap<String, String> {
        let sources = attribute.sources.iter().map(|(place, source)| (&format.layouts[*place], source));
        sources.map(|(layout, one)| (layout.name.clone(), source_bits(layout, &attribute.name, one))).collect()
    };
    let same = other.attributes.iter().find(|one| one.name == attribute.name);
    same.is_some_and(|same| {
        let in_other = places(other, same);
        let in_both = places(format, attribute).into_iter().filter(|(layout, _)| in_other.contains_key(layout));
        same.kind == attribute.kind && in_both.eq(in_other.clone())
    })
}

fn values(kind: &AttributeKind) -> String {
    match kind {
        AttributeKind::Flag => "yes or no".to_owned(),
        AttributeKind::Number(bits) => format!("{bits} bits"),
        AttributeKind::Choice { names, other, rebindable, .. } => {
            let other = if *other { ", numbers" } else { "" };
            let rebindable = if *rebindable { ", rebindable" } else { "" };
            format!("{} names{other}{rebindable}", names.len())
        }
    }
}

fn combined(format: &Format, attribute: &Attribute) -> &'static str {
    let in_tables = attribute.sources.keys().any(|layout| {
        format.layouts.get(*layout).is_some_and(|layout| matches!(layout.kind, LayoutKind::Table | LayoutKind::Root))
    });
    match attribute.combine {
        Combine::And if in_tables => "all must allow it",
        Combine::Or if in_tables => "one is enough",
        Combine::Own if in_tables => "each word its own",
        _ => "leaves only",
    }
}

fn meaning_of(attribute: &Attribute) -> String {
    if attribute.docs.is_empty() {
        return meaning(&attribute.name).unwrap_or_default().to_owned();
    }
    let lines: Vec<&str> = attribute.docs.iter().map(|line| line.trim()).collect();
    lines.join(" ")
}

/// Attributes against layouts: the bits of the word that say it.
fn stored(format: &Format, only: &[&Attribute]) -> Columns {
    let says = |family: &Vec<usize>| {
        let says = |layout: &usize| only.iter().any(|one| one.sources.contains_key(layout));
        family.iter().any(says)
    };
    let shown: Vec<usize> =
        families(format).into_iter().filter(says).filter_map(|family| family.first().copied()).collect();
    let mut header = vec![("bits in", Align::Code)];
    header.extend(shown.iter().map(|layout| (format.layouts[*layout].name.as_str(), Align::Left)));
    let mut table = Columns::new(&header);
    for attribute in only {
        let cells = shown.iter().map(|place| match attribute.sources.get(place) {
            Some(source) => source_bits(&format.layouts[*place], &attribute.name, source),
            None => String::new(),
        });
        table.row([attribute.name.clone()].into_iter().chain(cells));
    }
    table
}

fn source_bits(layout: &Layout, name: &str, source: &Source) -> String {
    match source {
        Source::Field => field_bits(layout, name),
        Source::Group(group) => {
            let mut shown: Vec<String> = Vec::new();
            for (field, _) in &group.fields {
                let bits = field_bits(layout, field);
                if !bits.is_empty() {
                    shown.push(bits);
                }
            }
            shown.join(", ")
        }
    }
}

fn field_bits(layout: &Layout, name: &str) -> String {
    let Some(field) = layout.fields.iter().find(|field| field.name == name) else {
        return String::new();
    };
    let not = if field.inverted { "not " } else { "" };
    if field.at.is_some() {
        return format!("{not}at a parameter");
    }
    format!("{not}{}", ranges_of(field_mask(field)))
}

/// The bits of a word that hold a field at a fixed place.
pub fn field_mask(field: &Field) -> u128 {
    field
        .pieces
        .iter()
        .filter(|piece| piece.bits > 0)
        .fold(0, |mask, piece| mask | span_mask(piece.word_low + piece.bits - 1, piece.word_low))
}

/// The tables of codes, one for each different group of fields.
fn codes(format: &Format, only: &[&Attribute]) -> Vec<(String, Columns)> {
    let mut groups: BTreeMap<(usize, Vec<String>), &Group> = BTreeMap::new();
    for (place, attribute) in only.iter().enumerate() {
        for source in attribute.sources.values() {
            if let Source::Group(group) = source {
                let first = only.iter().position(|one| group.names.contains(&one.name));
                groups.entry((first.unwrap_or(place), group.names.clone())).or_insert(group);
            }
        }
    }
    groups.into_values().map(|group| one_code(format, group)).collect()
}

fn one_code(format: &Format, group: &Group) -> (String, Columns) {
    let fields: Vec<&str> = group.fields.iter().map(|(name, _)| name.as_str()).collect();
    let bits: u32 = group.fields.iter().map(|(_, bits)| bits).sum();
    let mut table = Columns::new(&[("", Align::Right), ("", Align::Left), ("", Align::Left)]);
    for (value, names) in &group.values {
        let meaning = if names.is_empty() { "none".to_owned() } else { names.join(" ") };
        table.row([number(*value, bits), meaning, choice_docs(format, group, names)]);
    }
    let (listed, rest) = &group.reserved;
    for value in listed {
        table.row([number(*value, bits), "reserved".to_owned(), String::new()]);
    }
    let (known, all) = ((group.values.len() + listed.len()) as u128, 1_u128 << bits.min(32));
    if *rest && known < all {
        let is_left = |value: &u128| group.refuses(*value) && !listed.contains(value);
        let only = if known + 1 == all { (0..all).find(is_left) } else { None };
        let shown = only.map_or("others".to_owned(), |value| number(value, bits));
        table.row([shown, "reserved".to_owned(), String::new()]);
    }
    let title = format!("{} = {}", group.names.join(", "), fields.join(", "));
    (title, table)
}

/// The `///` of the named choice.
fn choice_docs(format: &Format, group: &Group, names: &[String]) -> String {
    let [name] = names else { return String::new() };
    let attribute = format.attributes.iter().find(|attribute| group.names.contains(&attribute.name));
    match attribute.map(|attribute| &attribute.kind) {
        Some(AttributeKind::Choice { names, .. }) => names
            .iter()
            .find(|choice| choice.name == *name)
            .map_or(String::new(), |choice| choice.docs.join(" ").trim().to_owned()),
        _ => String::new(),
    }
}
