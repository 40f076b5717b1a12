//! Rows of one layout replaced by those of another statement.

use crate::diagnostic::{Code, Diagnostic};
use crate::span::{Span, Spanned};
use crate::tree::{self, Content, Literal, Place, Radix, Row, Slice, Value};

use super::description::Documented;

/// The bits of a row at a fixed place, `(high, low)`. Bits that no word has are cut off at 255 so that sums cannot
/// overflow; that a row lies inside its word is a check of its own.
pub(super) fn bits(place: &Place) -> Option<(u32, u32)> {
    let bit = |number: &tree::Number| u32::try_from(number.value.value).unwrap_or(255).min(255);
    match place {
        Place::Bits(range) => Some((bit(&range.high), bit(&range.low))),
        Place::Bit(number) => Some((bit(number), bit(number))),
        Place::Parameter(_) => None,
    }
}

/// Whether two rows name a bit in common.
pub(super) fn meet(first: &Place, second: &Place) -> bool {
    match (first, second) {
        (Place::Parameter(one), Place::Parameter(other)) => one == other,
        _ => match (bits(first), bits(second)) {
            (Some((high, low)), Some((other_high, other_low))) => low <= other_high && other_low <= high,
            _ => false,
        },
    }
}

/// Rows at fixed bits from the highest to the lowest, then those at a parameter.
pub(super) fn sort(rows: &mut [Documented<Row>]) {
    rows.sort_by_key(|row| match bits(&row.node.place) {
        Some((high, _)) => (0, core::cmp::Reverse(high)),
        None => (1, core::cmp::Reverse(0)),
    });
}

/// `old` without the bits that `new` names. A row that cannot be cut and would have to be is reported.
pub(super) fn replaced(
    layout: &str,
    old: Vec<Documented<Row>>,
    new: &[Documented<Row>],
    complaints: &mut Vec<Diagnostic>,
) -> Vec<Documented<Row>> {
    let mut kept = Vec::new();
    for row in old {
        let Some((high, low)) = bits(&row.node.place) else {
            if !new.iter().any(|other| meet(&other.node.place, &row.node.place)) {
                kept.push(row);
            }
            continue;
        };
        let left = remaining(high, low, new);
        if left == [(high, low)] {
            kept.push(row);
            continue;
        }
        if left.is_empty() {
            continue;
        }
        for (part_high, part_low) in &left {
            match cut(&row, *part_high, *part_low) {
                Ok(part) => kept.push(part),
                Err(why) => {
                    complaints.push(complaint(layout, &row, new, &left, &why));
                    break;
                }
            }
        }
    }
    kept
}

/// The stretches of `high..low` that no row of `new` names, the highest first.
fn remaining(high: u32, low: u32, new: &[Documented<Row>]) -> Vec<(u32, u32)> {
    let mut left = Vec::new();
    let mut top: Option<u32> = None;
    for bit in (low..=high).rev() {
        let named = new.iter().filter_map(|row| bits(&row.node.place)).any(|(high, low)| (low..=high).contains(&bit));
        match (named, top) {
            (false, None) => top = Some(bit),
            (true, Some(first)) => {
                left.push((first, bit + 1));
                top = None;
            }
            _ => {}
        }
    }
    if let Some(first) = top {
        left.push((first, low));
    }
    left
}

/// The part of a row at bits `high..low`, or why it must stay whole.
fn cut(row: &Documented<Row>, high: u32, low: u32) -> Result<Documented<Row>, String> {
    let Some((_, old_low)) = bits(&row.node.place) else { return Ok(row.clone()) };
    let (up, width) = (low.saturating_sub(old_low), high.saturating_sub(low) + 1);
    let mut part = row.clone();
    let place = if high == low {
        Place::Bit(number(high, row.node.place.span))
    } else {
        Place::Bits(tree::BitRange { high: number(high, row.node.place.span), low: number(low, row.node.place.span) })
    };
    part.node.place = Spanned::new(place, row.node.place.span);
    for case in &mut part.node.content.cases {
        case.value.value = cut_content(&case.value.value, up, width)?;
    }
    Ok(part)
}

/// What `width` bits hold that begin `up` bits above the lowest.
fn cut_content(content: &Content, up: u32, width: u32) -> Result<Content, String> {
    let value = |value: &Option<Value>| value.as_ref().map(|value| cut_value(value, up, width)).transpose();
    let slice = |slice: &Option<Slice>| slice.as_ref().map(|slice| cut_slice(slice, up, width));
    Ok(match content {
        Content::Reserved(old) => Content::Reserved(value(old)?),
        Content::Ignored(old) => Content::Ignored(value(old)?),
        Content::Constant(old) => Content::Constant(cut_value(old, up, width)?),
        Content::Software => Content::Software,
        Content::Output(old) => Content::Output(slice(old)),
        Content::Table { child, slice: old, value: constant, condition } => Content::Table {
            child: child.clone(),
            slice: slice(old),
            value: value(constant)?,
            condition: condition.clone(),
        },
        Content::Field { name, .. } => return Err(format!("the field `{}`", name.value)),
        Content::SlotsLg2 => return Err("`slots_lg2`".into()),
        Content::FirstSlot(_) => return Err("`first_slot`".into()),
        Content::LastSlot(_) => return Err("`last_slot`".into()),
    })
}

fn cut_value(value: &Value, up: u32, width: u32) -> Result<Value, String> {
    match value {
        Value::Number(old) => {
            let mask = if width >= 128 { u128::MAX } else { (1 << width) - 1 };
            let literal = Literal {
                value: old.value.value.checked_shr(up).unwrap_or(0) & mask,
                radix: Radix::Binary,
                digits: u8::try_from(width).unwrap_or(u8::MAX),
            };
            Ok(Value::Number(Spanned::new(literal, old.span)))
        }
        Value::Name(name) => Err(format!("the value `{}`", name.value)),
    }
}

fn cut_slice(slice: &Slice, up: u32, width: u32) -> Slice {
    let low = slice.low.value.value.saturating_add(u128::from(up));
    let at = |value: u128, old: &tree::Number| {
        let digits = u8::try_from(value.checked_ilog10().unwrap_or(0) + 1).unwrap_or(u8::MAX);
        Spanned::new(Literal { value, radix: Radix::Decimal, digits }, old.span)
    };
    let high = low.saturating_add(u128::from(width.saturating_sub(1)));
    Slice { high: at(high, &slice.high), low: at(low, &slice.low) }
}

fn number(value: u32, span: Span) -> tree::Number {
    let digits = u8::try_from(value.checked_ilog10().unwrap_or(0) + 1).unwrap_or(u8::MAX);
    Spanned::new(Literal { value: value.into(), radix: Radix::Decimal, digits }, span)
}

/// A field of which only some bits are replaced.
fn complaint(
    layout: &str,
    row: &Documented<Row>,
    new: &[Documented<Row>],
    left: &[(u32, u32)],
    why: &str,
) -> Diagnostic {
    let parts: Vec<String> =
        left.iter().map(|(high, low)| if high == low { format!("{high}") } else { format!("{high}..{low}") }).collect();
    let cutter = new.iter().find(|other| meet(&other.node.place, &row.node.place));
    let mut complaint = Diagnostic::new(Code::FieldCut, format!("`{layout}` replaces only some of the bits of {why}"));
    if let Some(other) = cutter {
        complaint = complaint.label(other.span, "replaces these bits");
    }
    complaint
        .label(
            row.span,
            format!("would keep only {} {}", if parts.len() == 1 { "bits" } else { "the parts" }, parts.join(", ")),
        )
        .note("a field is replaced whole; only rows without a name and rows of an address are cut")
        .help(format!("give rows for bits {} as well", parts.join(", ")))
}
