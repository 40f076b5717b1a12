//! Words made from what they shall say, as the model states it.

use std::collections::BTreeMap;

use crate::model::{Attribute, AttributeKind, Combine, Format, Group, Layout, Source};

use super::attributes::{Attributes, Value};
use super::bits;
use super::classify::{Class, classify};

/// Why there is no such word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unencodable {
    /// The address has bits that the layout does not store, is misaligned or out of reach.
    Address,
    /// No leaf of this layout has this size.
    Size,
    /// The layout cannot say this attribute, or not with this value.
    Attribute(String),
    /// The layout has no such field, or the value does not fit.
    Field(String),
    /// The word that says all this is refused, or is a word of another layout.
    Refused(Class),
    /// There is no such layout.
    Layout,
}

/// The leaf word of a layout (index) at a level (index) that translates `2^size_lg2` bytes, of which this slot's begin at
/// `oa`. Attributes that are not given are false, zero or the first of their list.
///
/// # Errors
///
/// Whatever the word cannot say.
pub fn encode(
    format: &Format,
    level: usize,
    layout: usize,
    size_lg2: u32,
    oa: u64,
    attributes: &Attributes,
) -> Result<u128, Unencodable> {
    let known = format.layouts.get(layout).ok_or(Unencodable::Layout)?;
    let shift = format.levels.get(level).ok_or(Unencodable::Layout)?.shift;
    let mut word = known.written | known.reserved_value;
    word |= address(known, shift, size_lg2, oa)?;
    for name in attributes.keys() {
        if !format.attributes.iter().any(|attribute| attribute.name == *name) {
            return Err(Unencodable::Attribute(name.clone()));
        }
    }
    for attribute in &format.attributes {
        let wanted = attributes.get(&attribute.name);
        word |= match attribute.sources.get(&layout) {
            None => unsaid(attribute, wanted)?,
            Some(Source::Field) => field(attribute, known, wanted)?,
            Some(Source::Group(group)) => joined(format, attribute, group, known, attributes)?,
        };
    }
    match classify(format, level, word) {
        Class::Leaf { layout: found } if found == layout => Ok(word),
        other => Err(Unencodable::Refused(other)),
    }
}

/// The table word of a layout (index) at a level (index) that points to `address`, with these fields, each in its
/// polarity; all others are zero. The field that names the level of the child is set by itself.
///
/// # Errors
///
/// Whatever the word cannot say.
pub fn encode_table(
    format: &Format,
    level: usize,
    layout: usize,
    address: u64,
    fields: &BTreeMap<String, u128>,
) -> Result<u128, Unencodable> {
    let known = format.layouts.get(layout).ok_or(Unencodable::Layout)?;
    let child = known.children.first().ok_or(Unencodable::Layout)?;
    let mut word = known.written | known.reserved_value;
    word |= bits::scatter(&child.address, address.into()).ok_or(Unencodable::Address)?;
    for name in fields.keys() {
        if !known.fields.iter().any(|field| field.name == *name) {
            return Err(Unencodable::Field(name.clone()));
        }
    }
    let below = child.levels.get(&level).copied();
    for field in &known.fields {
        let named = known.child_field.as_ref().filter(|child| child.field == field.name);
        let number = named.and_then(|named| named.levels.iter().find(|(_, level)| Some(**level) == below));
        let value = fields.get(&field.name).copied().or(number.map(|(number, _)| *number)).unwrap_or(0);
        word |= bits::put_field(field, value).ok_or_else(|| Unencodable::Field(field.name.clone()))?;
    }
    match classify(format, level, word) {
        Class::Table { layout: found } if found == layout => Ok(word),
        other => Err(Unencodable::Refused(other)),
    }
}

/// The bits of the OA, with the size where it is a part of them.
fn address(layout: &Layout, shift: u32, size_lg2: u32, oa: u64) -> Result<u128, Unencodable> {
    let oa = u128::from(oa);
    let run_lg2 = size_lg2.checked_sub(shift).ok_or(Unencodable::Size)?;
    let (fits, align) = match &layout.run {
        None => (run_lg2 == 0, shift),
        Some(run) => ((run.least_lg2..=run.most_lg2).contains(&run_lg2), if run.identical { size_lg2 } else { shift }),
    };
    if !fits {
        return Err(Unencodable::Size);
    }
    if oa & bits::ones(align) != 0 {
        return Err(Unencodable::Address);
    }
    let in_ones = layout.run.as_ref().is_some_and(|run| run.in_ones);
    let lowest = layout.output.iter().map(|piece| piece.value_low).min().unwrap_or(0);
    let size = if in_ones { bits::ones(size_lg2.saturating_sub(1)) & !bits::ones(lowest) } else { 0 };
    bits::scatter(&layout.output, oa | size).ok_or(Unencodable::Address)
}

/// An attribute that the layout does not say: a right is allowed, anything else is zero.
fn unsaid(attribute: &Attribute, wanted: Option<&Value>) -> Result<u128, Unencodable> {
    let said = match (wanted, &attribute.kind) {
        (None, _) => true,
        (Some(Value::Flag(flag)), _) => *flag == (attribute.combine == Combine::And),
        (Some(Value::Number(number) | Value::Unnamed(number)), _) => *number == 0,
        (Some(Value::Name(name)), AttributeKind::Choice { names, .. }) => {
            names.iter().any(|choice| choice.name == *name && choice.numbers.contains(&0))
        }
        (Some(Value::Name(_)), _) => false,
    };
    if said { Ok(0) } else { Err(Unencodable::Attribute(attribute.name.clone())) }
}

fn field(attribute: &Attribute, layout: &Layout, wanted: Option<&Value>) -> Result<u128, Unencodable> {
    let complaint = || Unencodable::Attribute(attribute.name.clone());
    let field = layout.fields.iter().find(|field| field.name == attribute.name).ok_or_else(complaint)?;
    let value = match (wanted, &attribute.kind) {
        (None, _) => 0,
        (Some(Value::Flag(flag)), AttributeKind::Flag) => u128::from(*flag),
        (Some(Value::Number(number)), AttributeKind::Number(_)) => *number,
        _ => return Err(complaint()),
    };
    bits::put_field(field, value).ok_or_else(complaint)
}

/// The bits of a group. Several attributes come to the same bits, so that their union is these bits once.
fn joined(
    format: &Format,
    attribute: &Attribute,
    group: &Group,
    layout: &Layout,
    attributes: &Attributes,
) -> Result<u128, Unencodable> {
    let complaint = || Unencodable::Attribute(attribute.name.clone());
    let kind = |name: &str| format.attributes.iter().find(|other| other.name == name).map(|other| &other.kind);
    let flag = |name: &String| matches!(attributes.get(name), Some(Value::Flag(true)));
    let means = |names: &Vec<String>| match kind(&attribute.name) {
        Some(AttributeKind::Choice { .. }) => match attributes.get(&attribute.name) {
            None => true,
            Some(Value::Name(name)) => names.first() == Some(name),
            Some(_) => false,
        },
        _ => group.names.iter().all(|name| names.contains(name) == flag(name)),
    };
    if let Some(Value::Unnamed(number)) = attributes.get(&attribute.name) {
        return spread(group, layout, *number).ok_or_else(complaint);
    }
    let meant = group.values.iter().filter(|(_, names)| means(names));
    meant.map(|(number, _)| *number).find_map(|number| spread(group, layout, number)).ok_or_else(complaint)
}

/// The bits of a joined number; `None` if a field that the layout lacks would have to be set.
fn spread(group: &Group, layout: &Layout, number: u128) -> Option<u128> {
    let (mut rest, mut word) = (number, 0);
    for (name, width) in group.fields.iter().rev() {
        let value = rest & bits::ones(*width);
        rest = rest.checked_shr(*width).unwrap_or(0);
        match layout.fields.iter().find(|field| field.name == *name) {
            Some(field) => word |= bits::put_field(field, value)?,
            None if value != 0 => return None,
            None => {}
        }
    }
    (rest == 0).then_some(word)
}
