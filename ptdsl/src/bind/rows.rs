//! The rows of a layout under a binding: one content each, and rows at a parameter in their places.

use crate::model;
use crate::resolve::{Description, Documented, Layout};
use crate::tree::{self, Content, Place, Value};

use super::env::{At, Env, Number, small};

/// The rows of a layout, and what only the file's own words say about them.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows<'a> {
    /// Every bit once, from the highest to the lowest.
    pub(super) rows: Vec<model::Row>,
    /// Fields of one bit at a place that is decided at run time, with the row they stand in.
    pub(super) open: Vec<OpenField<'a>>,
    /// The tables that are pointed to, in the order of their first rows.
    pub(super) children: Vec<ChildRows<'a>>,
    /// Addresses that identify the layout: which child, and the address.
    pub(super) addresses: Vec<&'a Value>,
}

/// A field at a place that is decided at run time.
#[derive(Clone, Debug)]
pub(super) struct OpenField<'a> {
    pub(super) name: &'a str,
    pub(super) inverted: bool,
    pub(super) docs: &'a [String],
    pub(super) parameter: &'a str,
    pub(super) least: u32,
    pub(super) most: u32,
}

/// The rows of one child's address.
#[derive(Clone, Debug)]
pub(super) struct ChildRows<'a> {
    pub(super) level: Option<&'a str>,
    pub(super) condition: Option<&'a tree::Cond>,
}

/// The bits of a row at a fixed place, `(high, low)`, cut off at the widest word that can be.
pub(super) fn fixed(place: &Place) -> Option<(u32, u32)> {
    let bit = |number: &tree::Number| small(number.value.value).min(127);
    match place {
        Place::Bits(range) => Some((bit(&range.high), bit(&range.low))),
        Place::Bit(number) => Some((bit(number), bit(number))),
        Place::Parameter(_) => None,
    }
}

/// The rows under a binding.
pub(super) fn rows<'a>(env: &Env<'a>, layout: &'a Layout, at: At<'_>, word_bits: u32) -> Rows<'a> {
    let mut made = Rows::default();
    for row in &layout.rows {
        let Some((high, low)) = fixed(&row.node.place) else { continue };
        let high = high.min(word_bits.saturating_sub(1));
        if low > high || low >= word_bits {
            continue;
        }
        // That an alternative always applies is proven of the description.
        let content = match env.choose(&row.node.content, at) {
            Some(case) => made.content(env, at, &case.value.value, (high, low)),
            None => model::Content::Reserved(0),
        };
        made.rows.push(model::Row { high, low, content, docs: row.docs.clone(), line: line(env.description, row) });
    }
    for row in &layout.rows {
        made.placed(env, at, row);
    }
    made.rows.sort_by_key(|row| core::cmp::Reverse(row.high));
    made
}

fn line(description: &Description, row: &Documented<tree::Row>) -> usize {
    description.lines.line(row.span.start)
}

impl<'a> Rows<'a> {
    /// What bits `high..low` hold.
    fn content(&mut self, env: &Env<'a>, at: At<'_>, content: &'a Content, place: (u32, u32)) -> model::Content {
        let (high, low) = place;
        let value = |value: &Value| env.value(value, at).unwrap_or(0) & mask(0, high - low + 1);
        let given = |given: &Option<Value>| given.as_ref().map_or(0, value);
        let slice_low =
            |slice: &Option<tree::Slice>, or: u32| slice.map_or(or, |slice| small(slice.low.value.value).min(127));
        match content {
            Content::Reserved(old) => model::Content::Reserved(given(old)),
            Content::Ignored(old) => model::Content::Ignored(given(old)),
            Content::Software => model::Content::Software,
            Content::SlotsLg2 => model::Content::SlotsLg2,
            Content::FirstSlot(slice) => model::Content::FirstSlot { low: slice_low(&Some(*slice), 0) },
            Content::LastSlot(slice) => model::Content::LastSlot { low: slice_low(&Some(*slice), 0) },
            Content::Output(slice) => model::Content::Output { low: slice_low(slice, low) },
            Content::Constant(constant) => model::Content::Constant { name: None, value: value(constant) },
            Content::Field { name, value: Some(constant), .. } => {
                model::Content::Constant { name: Some(name.value.clone()), value: value(constant) }
            }
            Content::Field { name, inverted, slice, value: None } => {
                model::Content::Field { name: name.value.clone(), inverted: *inverted, low: slice_low(slice, 0) }
            }
            Content::Table { child, slice, value, condition } => {
                self.addresses.extend(value);
                let child = self.child(child.as_ref().map(|name| name.value.as_str()), condition.as_ref());
                model::Content::Table { low: slice_low(slice, low), child }
            }
        }
    }

    /// The number of a child among those of the layout.
    fn child(&mut self, level: Option<&'a str>, condition: Option<&'a tree::Cond>) -> usize {
        if let Some(found) = self.children.iter().position(|child| child.level == level) {
            let known = &mut self.children[found];
            known.condition = known.condition.or(condition);
            return found;
        }
        self.children.push(ChildRows { level, condition });
        self.children.len() - 1
    }

    /// Puts a row at a parameter into its place, out of the row that lists the bit.
    fn placed(&mut self, env: &Env<'a>, at: At<'_>, row: &'a Documented<tree::Row>) {
        let Place::Parameter(parameter) = &row.node.place.value else { return };
        let Some(case) = env.choose(&row.node.content, at) else { return };
        match env.number(&parameter.value, at) {
            Some(Number::Known(bit)) => {
                let bit = small(bit).min(127);
                let content = self.content(env, at, &case.value.value, (bit, bit));
                let (docs, line) = (row.docs.clone(), line(env.description, row));
                self.take(bit, model::Row { high: bit, low: bit, content, docs, line });
            }
            Some(Number::Open { least, most }) => {
                if let Content::Field { name, inverted, .. } = &case.value.value {
                    self.open.push(OpenField {
                        name: &name.value,
                        inverted: *inverted,
                        docs: &row.docs,
                        parameter: &parameter.value,
                        least,
                        most: most.min(127),
                    });
                }
            }
            _ => {}
        }
    }

    /// Replaces one bit of the row that holds it.
    fn take(&mut self, bit: u32, new: model::Row) {
        let Some(place) = self.rows.iter().position(|row| (row.low..=row.high).contains(&bit)) else { return };
        let old = self.rows.remove(place);
        if bit < old.high {
            let content = above(&old.content, bit + 1 - old.low);
            self.rows.push(model::Row { low: bit + 1, content, ..old.clone() });
        }
        if bit > old.low {
            let content = below(&old.content, bit - old.low);
            self.rows.push(model::Row { high: bit - 1, content, ..old });
        }
        self.rows.push(new);
    }
}

/// What a row holds from `up` bits above its lowest on.
fn above(content: &model::Content, up: u32) -> model::Content {
    use model::Content;
    match content {
        Content::Reserved(value) => Content::Reserved(value >> up),
        Content::Ignored(value) => Content::Ignored(value >> up),
        Content::Output { low } => Content::Output { low: low + up },
        Content::Table { low, child } => Content::Table { low: low + up, child: *child },
        Content::Field { name, inverted, low } => {
            Content::Field { name: name.clone(), inverted: *inverted, low: low + up }
        }
        Content::Constant { name, value } => Content::Constant { name: name.clone(), value: value >> up },
        Content::FirstSlot { low } => Content::FirstSlot { low: low + up },
        Content::LastSlot { low } => Content::LastSlot { low: low + up },
        Content::Software | Content::SlotsLg2 => content.clone(),
    }
}

/// What the lowest `bits` bits of a row hold.
fn below(content: &model::Content, bits: u32) -> model::Content {
    use model::Content;
    match content {
        Content::Reserved(value) => Content::Reserved(value & mask(0, bits)),
        Content::Ignored(value) => Content::Ignored(value & mask(0, bits)),
        Content::Constant { name, value } => Content::Constant { name: name.clone(), value: value & mask(0, bits) },
        other => other.clone(),
    }
}

/// `bits` ones from bit `low` on.
pub(super) fn mask(low: u32, bits: u32) -> u128 {
    let ones = if bits >= 128 { u128::MAX } else { (1 << bits) - 1 };
    ones.checked_shl(low).unwrap_or(0)
}
