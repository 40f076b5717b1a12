//! Each bit of a field is stored once in a layout, no bit in the middle is left out, and the field is as wide wherever it
//! stands.

use std::collections::BTreeMap;

use super::facts::{Facts, Subject};
use super::shape::{Shape, Stored};
use super::text::{bit_set, with};
use crate::diagnostic::{Code, Diagnostic};
use crate::span::Span;
use crate::tree::LayoutKind;

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    let layouts = facts.sound_layouts();
    for layout in &layouts {
        for view in facts.views(*layout) {
            let shape = facts.shape(*layout, view);
            if !once(facts, *layout, &shape) || !gapless(facts, *layout, &shape) {
                break;
            }
        }
    }
    one_width(facts, &layouts);
}

fn row_span(facts: &Facts<'_>, layout: usize, stored: &Stored) -> Span {
    facts.layout(layout).rows.get(stored.row).map_or(Span::default(), |row| row.span)
}

/// No bit of a field is stored twice under one binding.
fn once(facts: &mut Facts<'_>, layout: usize, shape: &Shape) -> bool {
    for (name, stored) in &shape.fields {
        for (index, one) in stored.iter().enumerate() {
            for other in stored[..index].iter().filter(|other| other.value_bit == one.value_bit) {
                let both = facts.bdds.and(one.when, other.when);
                let Some(cube) = facts.counterexample(both) else { continue };
                let binding = with(&facts.binding_text(&cube));
                let text = if stored.iter().all(|it| it.value_bit == 0) {
                    format!("`{name}` stands twice in `{}`{binding}", facts.layout(layout).name.value)
                } else {
                    format!(
                        "bit {} of `{name}` is stored twice in `{}`{binding}",
                        one.value_bit,
                        facts.layout(layout).name.value
                    )
                };
                let diagnostic = Diagnostic::new(Code::FieldBitTwice, text)
                    .label(row_span(facts, layout, one), "here")
                    .label(row_span(facts, layout, other), "and here")
                    .note("expected each bit of a field in one place under each binding")
                    .help(format!("name the bits, as in `{name}[1]`, or give one of the fields another name"));
                facts.report(Subject::Layout(layout), diagnostic);
                return false;
            }
        }
    }
    true
}

/// The stored bits of a field are all bits below its highest.
fn gapless(facts: &mut Facts<'_>, layout: usize, shape: &Shape) -> bool {
    for (name, stored) in &shape.fields {
        let top = stored.iter().map(|it| it.value_bit).max().unwrap_or(0);
        let left: Vec<u32> = (0..top).filter(|bit| stored.iter().all(|it| it.value_bit != *bit)).collect();
        if left.is_empty() {
            continue;
        }
        let set = bit_set(left);
        let mut diagnostic = Diagnostic::new(
            Code::FieldBitMissing,
            format!("{set} of `{name}` stands nowhere in `{}`", facts.layout(layout).name.value),
        );
        let mut rows: Vec<usize> = stored.iter().map(|it| it.row).collect();
        rows.dedup();
        for row in rows {
            diagnostic = diagnostic.label(facts.layout(layout).rows[row].span, "other bits of it");
        }
        facts.report(Subject::Layout(layout), diagnostic.note(format!("expected bits {top}..0")));
        return false;
    }
    true
}

/// A field of one name has one width in all layouts of a kind; what its numbers mean could not be said otherwise.
fn one_width(facts: &mut Facts<'_>, layouts: &[usize]) {
    let mut widths: BTreeMap<(LayoutKind, String), (u32, Span)> = BTreeMap::new();
    for layout in layouts {
        let kind = facts.layout(*layout).kind;
        if kind == LayoutKind::Absent || facts.places(*layout).is_empty() && kind != LayoutKind::Root {
            continue;
        }
        let Some(view) = facts.views(*layout).first().copied() else { continue };
        let shape = facts.shape(*layout, view);
        for (name, stored) in shape.free_fields() {
            let width = stored.iter().map(|it| it.value_bit + 1).max().unwrap_or(0);
            let Some(first) = stored.first().map(|it| row_span(facts, *layout, it)) else { continue };
            let (known, at) = *widths.entry((kind, name.to_owned())).or_insert((width, first));
            if known != width {
                let diagnostic =
                    Diagnostic::new(Code::FieldWidth, format!("`{name}` has {width} bits here and {known} elsewhere"))
                        .label(first, format!("{width} bits in `{}`", facts.layout(*layout).name.value))
                        .label(at, format!("{known} bits"))
                        .note("expected one width in all layouts of a kind")
                        .help("fields of one name are one thing; give one of them another name");
                facts.report(Subject::Layout(*layout), diagnostic);
            }
        }
    }
}
