//! The `attribute` items that hold under a binding, with the client's own numbers.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::{Description, Documented};
use crate::tree::{self, Content, Otherwise};

use super::client::Client;
use super::env::{At, Env, small};

/// Fields whose joined bits mean something.
#[derive(Clone, Debug)]
pub(super) struct JoinedFields<'a> {
    pub(super) item: &'a Documented<tree::Attribute>,
    /// The fields, the highest first, with their widths.
    pub(super) fields: Vec<(String, u32)>,
    /// The attributes that they say.
    pub(super) names: Vec<String>,
    /// Each number that means something, in the order of the file, with the flags that hold or the name.
    pub(super) values: Vec<(u128, Vec<String>)>,
    /// The numbers that are refused.
    pub(super) reserved: Vec<u128>,
    /// Whether all other numbers are refused.
    pub(super) rest_reserved: bool,
    /// Whether all other numbers are valid and have no name.
    pub(super) rest_other: bool,
    /// Whether the numbers mean one name of a list; otherwise a set of flags.
    pub(super) is_choice: bool,
}

impl JoinedFields<'_> {
    /// How many bits the joined number has.
    pub(super) fn bits(&self) -> u32 {
        self.fields.iter().fold(0, |sum, (_, bits)| sum.saturating_add(*bits))
    }

    /// Whether it names the levels of children.
    pub(super) fn is_child(&self) -> bool {
        self.names.iter().any(|name| name == "child")
    }
}

/// Every `attribute` item that holds.
///
/// # Errors
///
/// Numbers of the client that cannot be.
pub(super) fn groups<'a>(env: &Env<'a>, client: &Client) -> Result<Vec<JoinedFields<'a>>, Vec<Diagnostic>> {
    let mut complaints = Vec::new();
    let mut groups = Vec::new();
    for item in &env.description.attributes {
        if !item.node.when.as_ref().is_none_or(|when| env.holds(when, At::default())) {
            continue;
        }
        let mut group = group(env.description, item);
        for name in &group.names.clone() {
            if let Some(choices) = client.choices.get(name) {
                rebind(&mut group, name, choices, &mut complaints);
            }
        }
        groups.push(group);
    }
    if complaints.is_empty() { Ok(groups) } else { Err(complaints) }
}

fn group<'a>(description: &Description, item: &'a Documented<tree::Attribute>) -> JoinedFields<'a> {
    let node = &item.node;
    let names: Vec<String> = node.names.iter().map(|name| name.value.clone()).collect();
    let special = |name: &str| name == "none" || name == "reserved";
    let listed = || node.values.iter().flat_map(|value| &value.names);
    let is_choice = listed().any(|name| !special(&name.value) && !names.contains(&name.value));
    let mut values = Vec::new();
    let mut reserved = Vec::new();
    for line in &node.values {
        let numbers = line.numbers.iter().map(|number| number.value.value);
        if line.names.iter().any(|name| name.value == "reserved") {
            reserved.extend(numbers);
            continue;
        }
        let meaning: Vec<String> =
            line.names.iter().filter(|name| is_choice || name.value != "none").map(|name| name.value.clone()).collect();
        values.extend(numbers.map(|number| (number, meaning.clone())));
    }
    let otherwise = node.otherwise.as_ref().map(|otherwise| otherwise.value);
    JoinedFields {
        item,
        fields: node.fields.iter().map(|name| (name.value.clone(), field_width(description, &name.value))).collect(),
        names,
        values,
        reserved,
        rest_reserved: otherwise == Some(Otherwise::Reserved),
        rest_other: otherwise == Some(Otherwise::Other),
        is_choice,
    }
}

/// How wide a field is where it is widest, under any binding: a number keeps its meaning where a layout or a binding takes
/// a part of its field away.
pub(super) fn field_width(description: &Description, field: &str) -> u32 {
    let rows = description.layouts.iter().flat_map(|layout| &layout.node.rows);
    let widths = rows.flat_map(|row| {
        let extent = super::rows::fixed(&row.node.place).map_or(1, |(high, low)| high.saturating_sub(low) + 1);
        row.node.content.cases.iter().filter_map(move |case| match &case.value.value {
            Content::Field { name, slice, .. } if name.value == field => {
                Some(slice.map_or(extent, |slice| small(slice.high.value.value).saturating_add(1)))
            }
            _ => None,
        })
    });
    widths.max().unwrap_or(0).min(128)
}

/// Gives names of a choice the client's numbers: a name so bound has this number only, and the number this name only.
fn rebind(
    group: &mut JoinedFields<'_>,
    attribute: &str,
    choices: &BTreeMap<String, u128>,
    complaints: &mut Vec<Diagnostic>,
) {
    let bits = group.bits();
    let before: Vec<String> = group.values.iter().flat_map(|(_, names)| names.clone()).collect();
    let mut taken: Vec<(u128, &String)> = Vec::new();
    for (name, number) in choices.iter().filter(|(name, _)| before.contains(name)) {
        if bits < 128 && *number >> bits != 0 {
            complaints.push(
                Diagnostic::new(Code::NumberTaken, format!("{number} is too large for `{attribute}`"))
                    .note(format!("its fields have {bits} bits")),
            );
        }
        if let Some((_, other)) = taken.iter().find(|(other, _)| other == number) {
            complaints.push(
                Diagnostic::new(Code::NumberTaken, format!("{number} would mean `{other}` and `{name}`"))
                    .help(format!("bind `{name}` of `{attribute}` to another number")),
            );
        }
        taken.push((*number, name));
    }
    let numbers: Vec<u128> = group.values.iter().map(|(number, _)| *number).collect();
    let mut values: Vec<(u128, Vec<String>)> = Vec::new();
    for (number, meaning) in &group.values {
        match meaning.first().and_then(|name| choices.get_key_value(name)) {
            Some((name, own)) if !values.iter().any(|(_, other)| other.first() == Some(name)) => {
                values.push((*own, meaning.clone()));
            }
            Some(_) => {}
            None if taken.iter().any(|(other, _)| other == number) => {}
            None => values.push((*number, meaning.clone())),
        }
    }
    for name in &before {
        if !values.iter().any(|(_, meaning)| meaning.contains(name)) {
            let complaint = Diagnostic::new(Code::NumberTaken, format!("`{name}` of `{attribute}` has no number left"))
                .help(format!("bind `{name}` as well"));
            if !complaints.contains(&complaint) {
                complaints.push(complaint);
            }
        }
    }
    // A number that lost its name is not refused by the machine: it means what the client does not use.
    let lost = numbers.iter().any(|number| !values.iter().any(|(other, _)| other == number));
    group.rest_other |= lost && !group.rest_reserved;
    group.values = values;
}
