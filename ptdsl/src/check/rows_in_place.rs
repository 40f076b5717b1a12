//! Rows that say something about the next step stand in layouts that have one: the OA in leaves, children in tables.

use super::facts::{Facts, Subject};
use super::shape::slice_bits;
use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{Content, LayoutKind};

pub(super) fn check(facts: &mut Facts<'_>) {
    for layout in 0..facts.description.layouts.len() {
        kinds(facts, layout);
        slots(facts, layout);
    }
}

fn kinds(facts: &mut Facts<'_>, layout: usize) {
    let node = facts.layout(layout);
    let kind = match node.kind {
        LayoutKind::Absent => return, // Whatever it holds is payload.
        LayoutKind::Table => "a table",
        LayoutKind::Leaf => "a leaf",
        LayoutKind::Root => "a root word",
    };
    for row in &node.rows {
        for case in &row.node.content.cases {
            let what = match (&case.value.value, node.kind) {
                (Content::Output(_), LayoutKind::Table | LayoutKind::Root) => "no OA",
                (Content::Table { .. }, LayoutKind::Leaf) => "no child",
                (Content::SlotsLg2 | Content::FirstSlot(_) | Content::LastSlot(_), LayoutKind::Leaf) => "no child",
                _ => continue,
            };
            let name = &node.name.value;
            let diagnostic = Diagnostic::new(Code::MisplacedRow, format!("`{name}` is {kind} and has {what}"))
                .label(case.value.span, "this row says otherwise")
                .label(facts.description.layouts[layout].span, kind)
                .help("`output` stands in a `leaf`; `table` and the rows about slots stand in a `table` or a `root`");
            facts.report(Subject::Layout(layout), diagnostic);
        }
    }
}

/// The bits of slot numbers lie within the index of every child.
fn slots(facts: &mut Facts<'_>, layout: usize) {
    let node = facts.layout(layout);
    let mut bits = u32::MAX;
    for (level, _) in facts.places(layout) {
        for (_, children) in facts.children(layout, level) {
            let widths = children.into_iter().filter_map(|child| facts.position(child)).map(|it| it.bits.least);
            bits = bits.min(widths.min().unwrap_or(u32::MAX));
        }
    }
    for row in &node.rows {
        for case in &row.node.content.cases {
            let (Content::FirstSlot(slice) | Content::LastSlot(slice)) = &case.value.value else { continue };
            if slice_bits(slice).is_some_and(|(high, _)| high < bits) {
                continue;
            }
            let diagnostic = Diagnostic::new(Code::SlotBitsAstray, "bits that no slot number of the child has")
                .label(
                    slice.high.span.to(slice.low.span),
                    format!("a child of {bits} index bits has bits {}..0", bits.saturating_sub(1)),
                )
                .label(facts.description.layouts[layout].span, "in this layout")
                .note("expected bits of the number of a slot");
            facts.report(Subject::Layout(layout), diagnostic);
        }
    }
}
