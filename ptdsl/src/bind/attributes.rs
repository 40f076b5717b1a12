//! What leaves say beside their OA, gathered over all layouts of a model.

use std::collections::BTreeMap;

use crate::model::{Attribute, AttributeKind, ChoiceName, Combine, Format, Group, LayoutKind, Source};
use crate::tree::Content;

use super::env::Env;
use super::groups::{JoinedFields, field_width};
use super::update::hardware;

/// The rights: allowed if all on the way allow it.
const RIGHTS: [&str; 8] =
    ["read", "write", "execute", "user", "user_write", "user_execute", "privileged_execute", "secure"];

/// How a name of the vocabulary combines along the walk.
fn combine(name: &str) -> Combine {
    if RIGHTS.contains(&name) {
        Combine::And
    } else if name == "global" {
        Combine::Or
    } else {
        Combine::Own
    }
}

/// The attributes of a model: those of leaves, and the rights and `global` that only tables say, since they concern every
/// leaf below.
pub(super) fn attributes(env: &Env<'_>, groups: &[JoinedFields<'_>], format: &Format) -> Vec<Attribute> {
    let machine = hardware(env);
    let mut attributes: Vec<Attribute> = Vec::new();
    for name in mentioned(env) {
        let sources = sources(&name, groups, format);
        let by_leaf = sources.keys().any(|layout| kind_of(format, *layout) == Some(LayoutKind::Leaf));
        let by_table = sources.keys().any(|layout| kind_of(format, *layout) == Some(LayoutKind::Table));
        let limits = by_table && combine(&name) != Combine::Own;
        if !(by_leaf || limits) {
            continue;
        }
        let group = groups.iter().find(|group| !group.is_child() && group.names.contains(&name));
        let kind = kind(env, &name, group, &sources);
        let by_machine = |source: &Source| match source {
            Source::Field => machine.contains(&name.as_str()),
            Source::Group(group) => group.fields.iter().any(|(field, _)| machine.contains(&field.as_str())),
        };
        attributes.push(Attribute {
            docs: docs(env, &name, group),
            kind,
            combine: combine(&name),
            // What the machine writes are its own notes, never a right.
            hardware: combine(&name) == Combine::Own && sources.values().any(by_machine),
            sources,
            name,
        });
    }
    attributes
}

fn kind_of(format: &Format, layout: usize) -> Option<LayoutKind> {
    format.layouts.get(layout).map(|layout| layout.kind)
}

/// Every name that may be an attribute, in the order of first mention: leaves first, then tables.
fn mentioned(env: &Env<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        if !names.iter().any(|other| other == name) {
            names.push(name.to_owned());
        }
    };
    for kind in [LayoutKind::Leaf, LayoutKind::Table] {
        for layout in env.description.layouts.iter().filter(|layout| layout.node.kind == kind) {
            for case in layout.node.rows.iter().flat_map(|row| &row.node.content.cases) {
                let Content::Field { name, value: None, .. } = &case.value.value else { continue };
                for item in &env.description.attributes {
                    if item.node.fields.contains(name) && item.node.names.iter().all(|name| name.value != "child") {
                        item.node.names.iter().for_each(|name| add(&name.value));
                    }
                }
                add(&name.value);
            }
        }
    }
    names
}

/// How an attribute is read off each layout that says it.
fn sources(name: &str, groups: &[JoinedFields<'_>], format: &Format) -> BTreeMap<usize, Source> {
    let mut sources = BTreeMap::new();
    for (index, layout) in format.layouts.iter().enumerate() {
        if layout.kind == LayoutKind::Absent {
            continue;
        }
        let has = |field: &str| layout.fields.iter().any(|other| other.name == field);
        let here = |group: &&JoinedFields<'_>| group.fields.iter().any(|(field, _)| has(field));
        let mut active = groups.iter().filter(here);
        if let Some(group) = active.clone().find(|group| !group.is_child() && group.names.iter().any(|own| own == name))
        {
            let fields = group.fields.clone();
            let (names, values) = (group.names.clone(), group.values.clone());
            let reserved = (group.reserved.clone(), group.rest_reserved);
            sources.insert(index, Source::Group(Group { fields, names, values, reserved }));
        } else if has(name) && !active.any(|group| group.fields.iter().any(|(field, _)| field == name)) {
            sources.insert(index, Source::Field);
        }
    }
    sources
}

fn kind(
    env: &Env<'_>,
    name: &str,
    group: Option<&JoinedFields<'_>>,
    sources: &BTreeMap<usize, Source>,
) -> AttributeKind {
    let grouped = sources.values().any(|source| matches!(source, Source::Group(_)));
    match group.filter(|_| grouped) {
        Some(group) if group.is_choice => AttributeKind::Choice {
            names: choice_names(group),
            other: group.rest_other,
            rebindable: group.item.node.parameter,
            bits: group.bits(),
        },
        Some(_) => AttributeKind::Flag,
        None => match field_width(env.description, name) {
            0 | 1 => AttributeKind::Flag,
            bits => AttributeKind::Number(bits),
        },
    }
}

/// The names of a choice in the order of the file, each with its numbers.
fn choice_names(group: &JoinedFields<'_>) -> Vec<ChoiceName> {
    let mut names: Vec<ChoiceName> = Vec::new();
    for line in &group.item.node.values {
        for name in line.names.iter().filter(|name| name.value != "reserved") {
            let means = |names: &Vec<String>| names.first().is_some_and(|first| *first == name.value);
            let numbers = group.values.iter().filter(|(_, names)| means(names)).map(|(number, _)| *number).collect();
            if !names.iter().any(|other| other.name == name.value) {
                let docs = super::texts(&line.docs);
                names.push(ChoiceName { name: name.value.clone(), docs, numbers });
            }
        }
    }
    names
}

/// The docs of the `attribute` item, else of the first row of the field, of a leaf if one has it: what it says of a table is
/// about all that is below.
fn docs(env: &Env<'_>, name: &str, group: Option<&JoinedFields<'_>>) -> Vec<String> {
    if let Some(group) = group.filter(|group| !group.item.docs.is_empty()) {
        return group.item.docs.clone();
    }
    let layouts = || env.description.layouts.iter();
    let leaves = layouts().filter(|layout| layout.node.kind == LayoutKind::Leaf);
    let others = layouts().filter(|layout| layout.node.kind != LayoutKind::Leaf);
    let rows = leaves.chain(others).flat_map(|layout| &layout.node.rows);
    let says = |content: &Content| matches!(content, Content::Field { name: field, .. } if field.value == name);
    let mut documented = rows.filter(|row| row.node.content.cases.iter().any(|case| says(&case.value.value)));
    documented.find(|row| !row.docs.is_empty()).map(|row| row.docs.clone()).unwrap_or_default()
}
