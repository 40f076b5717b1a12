//! What words say beside addresses, and what that allows.

use std::collections::BTreeMap;

use crate::model::{self, AttributeKind, Combine, Format, Group, Layout, Source};

use super::bits;

/// Attributes by name. A right that is not in here is allowed.
pub type Attributes = BTreeMap<String, Value>;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// True or false.
    Flag(bool),
    /// A number.
    Number(u128),
    /// A name of a list.
    Name(String),
    /// A number of a list that has no name.
    Unnamed(u128),
}

/// What is done to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

/// What a word of this layout (an index into `Format::layouts`) says by itself.
#[must_use]
pub fn attributes(format: &Format, layout: usize, word: u128) -> Attributes {
    let Some(known) = format.layouts.get(layout) else { return Attributes::new() };
    let said = format.attributes.iter().filter_map(|attribute| {
        let source = attribute.sources.get(&layout)?;
        Some((attribute.name.clone(), read(attribute, source, known, word)?))
    });
    said.collect()
}

/// Whether a leaf with these (effective) attributes lets an access through, in user mode or not, as far as words decide it.
#[must_use]
pub fn permits(attributes: &Attributes, access: Access, user: bool) -> bool {
    let said = |name: &str| match attributes.get(name) {
        Some(Value::Flag(flag)) => Some(*flag),
        _ => None,
    };
    let (plain, own) = match access {
        Access::Read => ("read", None),
        Access::Write => ("write", None),
        Access::Execute => ("execute", Some("user_execute")),
    };
    let plain = said(plain).unwrap_or(true);
    if !user {
        return plain && (access != Access::Execute || said("privileged_execute").unwrap_or(true));
    }
    let writes = access != Access::Write || said("user_write").unwrap_or(true);
    own.and_then(said).unwrap_or_else(|| plain && writes && said("user").unwrap_or(true))
}

/// What the tables on the way and the leaf say together.
pub(super) fn effective(format: &Format, own: &Attributes, above: &[Attributes]) -> Attributes {
    let mut all = own.clone();
    for attribute in &format.attributes {
        let says = |value: bool| above.iter().any(|table| table.get(&attribute.name) == Some(&Value::Flag(value)));
        let lacked = !own.contains_key(&attribute.name);
        let inherited = above.iter().rev().find_map(|table| table.get(&attribute.name)).filter(|_| lacked);
        match attribute.combine {
            Combine::And if says(false) => drop(all.insert(attribute.name.clone(), Value::Flag(false))),
            Combine::Or if says(true) => drop(all.insert(attribute.name.clone(), Value::Flag(true))),
            Combine::And | Combine::Or => {}
            // What a leaf cannot say, the table above says for it.
            Combine::Own => {
                if let Some(value) = inherited {
                    all.insert(attribute.name.clone(), value.clone());
                }
            }
        }
    }
    all
}

fn read(attribute: &model::Attribute, source: &Source, layout: &Layout, word: u128) -> Option<Value> {
    match source {
        Source::Field => {
            let field = layout.fields.iter().find(|field| field.name == attribute.name)?;
            let value = bits::field(field, word);
            Some(match attribute.kind {
                AttributeKind::Flag => Value::Flag(value != 0),
                AttributeKind::Number(_) | AttributeKind::Choice { .. } => Value::Number(value),
            })
        }
        Source::Group(group) => {
            let number = joined(group, layout, word);
            let meaning = group.values.iter().find(|(known, _)| *known == number).map(|(_, names)| names);
            Some(match attribute.kind {
                AttributeKind::Choice { .. } => match meaning.and_then(|names| names.first()) {
                    Some(name) => Value::Name(name.clone()),
                    None => Value::Unnamed(number),
                },
                AttributeKind::Flag => Value::Flag(meaning.is_some_and(|names| names.contains(&attribute.name))),
                AttributeKind::Number(_) => Value::Number(number),
            })
        }
    }
}

/// The joined value of a group's fields; one that the layout lacks reads zero.
fn joined(group: &Group, layout: &Layout, word: u128) -> u128 {
    group.fields.iter().fold(0, |number, (name, width)| {
        let field = layout.fields.iter().find(|field| field.name == *name);
        let value = field.map_or(0, |field| bits::field(field, word)) & bits::ones(*width);
        number.checked_shl(*width).unwrap_or(0) | value
    })
}
