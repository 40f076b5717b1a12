//! Rows that say something about the next step stand in layouts that have one: the OA in leaves, children in tables.

use super::facts::{Facts, Subject};
use super::geometry::Bounds;
use super::shape::{fixed_bits, slice_bits};
use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{Content, LayoutKind};

pub(super) fn check(facts: &mut Facts<'_>) {
    for layout in facts.used_layouts() {
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

/// Numbers of slots are those of the child: their bits lie within its index, and its lg2 fits.
fn slots(facts: &mut Facts<'_>, layout: usize) {
    let node = facts.layout(layout);
    let Some(bits) = child_bits(facts, layout) else { return };
    for row in &node.rows {
        for case in &row.node.content.cases {
            let diagnostic = match &case.value.value {
                Content::FirstSlot(slice) | Content::LastSlot(slice) => {
                    if slice_bits(slice).is_some_and(|(high, _)| high < bits.least) {
                        continue;
                    }
                    let last = bits.least.saturating_sub(1);
                    Diagnostic::new(Code::SlotBitsAstray, "bits that no slot number of the child has").label(
                        slice.high.span.to(slice.low.span),
                        format!("a child of {} index bits has bits {last}..0", bits.least),
                    )
                }
                Content::SlotsLg2 => {
                    let width = fixed_bits(&row.node.place.value).map_or(1, |(high, low)| high - low + 1);
                    if bits.most.checked_shr(width).unwrap_or(0) == 0 {
                        continue;
                    }
                    Diagnostic::new(Code::SlotBitsAstray, "a number of slots that its bits cannot hold")
                        .label(row.span, format!("{} does not fit", bits.most))
                }
                _ => continue,
            };
            let diagnostic = diagnostic.label(facts.description.layouts[layout].span, "in this layout").note(
                "expected bits of the number of a slot of the child, or all bits of the lg2 of how many there are",
            );
            facts.report(Subject::Layout(layout), diagnostic);
        }
    }
}

/// How many bits index the children of a layout, the root's own level being the child of a root word.
fn child_bits(facts: &mut Facts<'_>, layout: usize) -> Option<Bounds> {
    let mut children: Vec<usize> = Vec::new();
    for (level, _) in facts.places(layout) {
        children.extend(facts.children(layout, level).into_iter().flat_map(|(_, levels)| levels));
    }
    let widths: Vec<Bounds> = children.into_iter().filter_map(|child| Some(facts.position(child)?.bits)).collect();
    let least = widths.iter().map(|it| it.least).min()?;
    Some(Bounds { least, most: widths.iter().map(|it| it.most).max()? })
}
