//! Numbers fit the bits that hold them: constants, slices of addresses and fields, and what fields are compared with.

use super::facts::{Facts, Subject};
use super::shape::{fixed_bits, slice_bits};
use super::text::bits;
use super::widths_sane::value_span;
use crate::diagnostic::{Code, Diagnostic};
use crate::span::Span;
use crate::tree::{Cond, CondKind, Content, Place, Slice, Value};

pub(super) fn check(facts: &mut Facts<'_>) {
    for layout in facts.sound_layouts() {
        let node = facts.layout(layout);
        for row in &node.rows {
            let width = match (fixed_bits(&row.node.place.value), &row.node.place.value) {
                (Some((high, low)), _) => high - low + 1,
                (None, Place::Parameter(_)) => 1,
                (None, _) => continue,
            };
            for case in &row.node.content.cases {
                content(facts, layout, &case.value.value, width, row.node.place.span);
            }
        }
        for cond in node.identity.iter().chain(&node.forbid) {
            condition(facts, layout, cond);
        }
    }
}

fn content(facts: &mut Facts<'_>, layout: usize, content: &Content, width: u32, place: Span) {
    let (held, sliced) = match content {
        Content::Reserved(value) | Content::Ignored(value) => (value.as_ref(), None),
        Content::Constant(value) => (Some(value), None),
        Content::Field { value, slice, .. } => (value.as_ref(), slice.as_ref()),
        // What a whole address is compared with has as many bits as the address.
        Content::Table { value, slice, .. } => {
            (value.as_ref().filter(|it| matches!(it, Value::Number(_))), slice.as_ref())
        }
        Content::Output(slice) => (None, slice.as_ref()),
        Content::FirstSlot(slice) | Content::LastSlot(slice) => (None, Some(slice)),
        Content::Software | Content::SlotsLg2 => (None, None),
    };
    if let Some(slice) = sliced {
        slice_width(facts, layout, slice, width, place);
    }
    let Some(value) = held else { return };
    let Some((_, most)) = facts.bounds(value) else { return };
    if bit_length(most) <= width {
        return;
    }
    let diagnostic = Diagnostic::new(Code::ValueTooLarge, format!("{} does not fit {}", number(most), plural(width)))
        .label(value_span(value), format!("needs {}", plural(bit_length(most))))
        .label(place, plural(width))
        .note(format!("expected at most {}", number(u128::MAX >> (128 - width.clamp(1, 128)))));
    facts.report(Subject::Layout(layout), diagnostic);
}

fn slice_width(facts: &mut Facts<'_>, layout: usize, slice: &Slice, width: u32, place: Span) {
    let span = slice.high.span.to(slice.low.span);
    let found = slice_bits(slice).map(|(high, low)| high - low + 1);
    if found == Some(width) {
        return;
    }
    let found = found.map_or("no bits of any value".to_owned(), plural);
    let mut diagnostic =
        Diagnostic::new(Code::SliceWidth, format!("a slice of {found} in {} of the word", plural(width)))
            .label(span, found)
            .label(place, plural(width));
    if let Some((high, low)) = slice_bits(slice) {
        let fitting = bits(low + width - 1, low);
        diagnostic = diagnostic.help(if high - low + 1 > width {
            format!("write `[{fitting}]`, or give the row more bits")
        } else {
            format!("write `[{fitting}]`, or give the row fewer bits")
        });
    }
    facts.report(Subject::Layout(layout), diagnostic);
}

/// Comparisons with a number that the field cannot hold.
fn condition(facts: &mut Facts<'_>, layout: usize, cond: &Cond) {
    match &cond.value {
        CondKind::Any(parts) | CondKind::All(parts) => parts.iter().for_each(|part| condition(facts, layout, part)),
        CondKind::Not(part) => condition(facts, layout, part),
        CondKind::Name(_) => {}
        CondKind::Compare { name, value, .. } => {
            let (Some(width), Some((_, most))) = (field_width(facts, layout, &name.value), facts.bounds(value)) else {
                return;
            };
            if bit_length(most) > width {
                let diagnostic =
                    Diagnostic::new(Code::ValueTooLarge, format!("`{}` is never {}", name.value, number(most)))
                        .label(value_span(value), format!("needs {}", plural(bit_length(most))))
                        .label(name.span, format!("a field of {}", plural(width)));
                facts.report(Subject::Layout(layout), diagnostic);
            }
        }
    }
}

/// How many bits a field of a layout has.
fn field_width(facts: &Facts<'_>, layout: usize, field: &str) -> Option<u32> {
    let mut width = None;
    for row in &facts.layout(layout).rows {
        let natural = fixed_bits(&row.node.place.value).map_or(1, |(high, low)| high - low + 1);
        for case in &row.node.content.cases {
            if let Content::Field { name, slice, .. } = &case.value.value
                && name.value == field
            {
                let top = slice.as_ref().and_then(slice_bits).map_or(natural, |(high, _)| high + 1);
                width = width.max(Some(top));
            }
        }
    }
    width
}

fn bit_length(value: u128) -> u32 {
    value.checked_ilog2().map_or(0, |lg2| lg2 + 1)
}

fn number(value: u128) -> String {
    if value < 1 << 16 { format!("{value}") } else { format!("{value:#x}") }
}

fn plural(bits: u32) -> String {
    if bits == 1 { "1 bit".to_owned() } else { format!("{bits} bits") }
}
