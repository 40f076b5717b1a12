//! Conditions on the bits of a word, in the names of a layout.

use super::bits::{number, range, ranges_of, span_mask};
use crate::model::{Content, Layout, Row, Test};

/// A condition in the words of the language, with the names that the rows of a layout give the bits.
#[must_use]
pub fn condition(layout: &Layout, test: &Test) -> String {
    words(layout, test, false)
}

fn words(layout: &Layout, test: &Test, inside: bool) -> String {
    match test {
        Test::Always => "always".to_owned(),
        Test::Never => "never".to_owned(),
        Test::Equal { mask, value } => {
            let parts = equal(layout, *mask, *value);
            let several = parts.len() > 1;
            grouped(parts.join(" & "), inside && several)
        }
        Test::Address { table, parameter } => {
            format!("{} = {parameter}", if *table { "table" } else { "output" })
        }
        Test::Not(test) => match test.as_ref() {
            Test::Equal { mask, value } if mask.count_ones() == 1 => equal(layout, *mask, *value ^ *mask).join(" & "),
            other => format!("not {}", grouped(words(layout, other, false), true)),
        },
        Test::All(all) => {
            let parts: Vec<String> = all.iter().map(|one| words(layout, one, all.len() > 1)).collect();
            grouped(parts.join(" & "), inside && parts.len() > 1)
        }
        Test::Any(any) => {
            let parts: Vec<String> = any.iter().map(|one| words(layout, one, any.len() > 1)).collect();
            grouped(parts.join(" | "), inside && parts.len() > 1)
        }
    }
}

fn grouped(text: String, needed: bool) -> String {
    if needed { format!("({text})") } else { text }
}

/// What each row says of the bits of a mask, the highest first.
fn equal(layout: &Layout, mask: u128, value: u128) -> Vec<String> {
    let mut rest = mask;
    let mut parts = Vec::new();
    for row in &layout.rows {
        let own = span_mask(row.high, row.low);
        if own & mask == 0 {
            continue;
        }
        rest &= !own;
        parts.push(one(layout, row, own & mask, value & own));
    }
    if rest != 0 {
        parts.push(format!("bits {} = {:#x}", ranges_of(rest), value & rest));
    }
    parts
}

fn one(layout: &Layout, row: &Row, mask: u128, value: u128) -> String {
    let bits = row.high + 1 - row.low;
    let whole = mask == span_mask(row.high, row.low);
    let name = match &row.content {
        Content::Field { name, inverted, .. } => {
            let flag = layout
                .fields
                .iter()
                .any(|field| field.name == *name && field.pieces.iter().map(|piece| piece.bits).sum::<u32>() == 1);
            if flag {
                let holds = (value != 0) != *inverted;
                return if holds { name.clone() } else { format!("not {name}") };
            }
            name.clone()
        }
        Content::Constant { name: Some(name), .. } => name.clone(),
        _ => String::new(),
    };
    if whole && !name.is_empty() {
        return format!("{name} = {}", number(value >> row.low, bits));
    }
    let low = mask.trailing_zeros();
    let place = if mask.count_ones() == 1 { format!("bit {low}") } else { format!("bits {}", ranges_of(mask)) };
    let high = u128::BITS - 1 - mask.leading_zeros();
    let shown = number(value >> low, high + 1 - low);
    if name.is_empty() {
        format!("{place} = {shown}")
    } else {
        format!("{name} ({place} of {}) = {shown}", range(row.high, row.low))
    }
}
