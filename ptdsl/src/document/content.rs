//! What a row of a layout holds, in words.

use super::bits::{number, range};
use crate::model::{Content, Format, Layout, Row};
use crate::vocabulary::meaning;

/// A row in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The name to put on the bits: `write`, `not execute`, `output[51..12]`, `reserved`.
    pub name: String,
    /// What the bits must be, where they are constant: `= 0b01`.
    pub value: String,
    /// What they mean: the `///` of the row, or what the language says about the name.
    pub meaning: String,
}

/// Describes a row of a layout of a format.
#[must_use]
pub fn describe(format: &Format, layout: &Layout, row: &Row) -> Described {
    let bits = row.high + 1 - row.low;
    let slice = |name: &str, low: u32| format!("{name}[{}]", range(low + bits - 1, low));
    let (name, value, usual) = match &row.content {
        Content::Reserved(value) => ("reserved".to_owned(), format!("= {}", number(*value, bits)), String::new()),
        Content::Ignored(0) => ("ignored".to_owned(), String::new(), String::new()),
        Content::Ignored(value) => {
            ("ignored".to_owned(), String::new(), format!("written as {}", number(*value, bits)))
        }
        Content::Software => ("software".to_owned(), String::new(), String::new()),
        Content::Constant { name, value } => {
            (name.clone().unwrap_or_default(), format!("= {}", number(*value, bits)), String::new())
        }
        Content::Field { name, inverted, low } => (
            field_name(layout, name, *inverted, *low, bits),
            String::new(),
            field_meaning(format, layout, name, *inverted),
        ),
        Content::Output { low } => (slice("output", *low), String::new(), String::new()),
        Content::Table { low, child } => {
            (slice(&child_name(format, layout, *child), *low), String::new(), String::new())
        }
        Content::SlotsLg2 => {
            ("slots_lg2".to_owned(), String::new(), "base-two logarithm of the slots of the child".to_owned())
        }
        Content::FirstSlot { low } => {
            (slice("first_slot", *low), String::new(), "number of the child's first slot".to_owned())
        }
        Content::LastSlot { low } => {
            (slice("last_slot", *low), String::new(), "number of the child's last slot".to_owned())
        }
    };
    // The `///` of a row with alternatives is about the field that a feature puts there.
    let nothing = matches!(row.content, Content::Reserved(_) | Content::Ignored(_) | Content::Software);
    let meaning = if nothing { usual } else { said(&row.docs, usual) };
    Described { name, value, meaning }
}

/// The lines of `///` as one text, or what is usually said.
fn said(docs: &[String], usual: String) -> String {
    if docs.is_empty() {
        return usual;
    }
    let lines: Vec<&str> = docs.iter().map(|line| line.trim()).collect();
    lines.join(" ").trim().to_owned()
}

/// The field's name with its polarity, and with its bits where they are only a part of it.
fn field_name(layout: &Layout, name: &str, inverted: bool, low: u32, bits: u32) -> String {
    let whole = layout
        .fields
        .iter()
        .find(|field| field.name == name)
        .is_none_or(|field| field.at.is_some() || field.pieces.len() == 1);
    let not = if inverted { "not " } else { "" };
    if whole { format!("{not}{name}") } else { format!("{not}{name}[{}]", range(low + bits - 1, low)) }
}

fn field_meaning(format: &Format, layout: &Layout, name: &str, inverted: bool) -> String {
    let own = layout
        .fields
        .iter()
        .find(|field| field.name == name)
        .map(|field| said(&field.docs, String::new()))
        .filter(|text| !text.is_empty());
    let attribute = || {
        format
            .attributes
            .iter()
            .find(|attribute| attribute.name == name)
            .map(|attribute| said(&attribute.docs, String::new()))
            .filter(|text| !text.is_empty())
    };
    let vocabulary = || meaning(name).map(str::to_owned);
    let text = own.or_else(attribute).or_else(vocabulary);
    match text {
        Some(text) if inverted => format!("{text}, where the bit is 0"),
        Some(text) => text,
        None => String::new(),
    }
}

/// `table`, or with the child's level where a word has several children.
fn child_name(format: &Format, layout: &Layout, child: usize) -> String {
    let level = layout
        .children
        .get(child)
        .filter(|_| layout.children.len() > 1)
        .and_then(|child| child.levels.values().next())
        .and_then(|level| format.levels.get(*level));
    match level {
        Some(level) => format!("table {}", level.name),
        None => "table".to_owned(),
    }
}
