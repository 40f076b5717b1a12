//! Every layout as the table of its bits.

use super::bits::{bit_ranges, range, ranges_of, span_mask};
use super::columns::{Align, Columns};
use super::content::describe;
use super::section::Section;
use crate::model::{Content, Format, Layout, LayoutKind, Level, Row, Run};

/// The bit tables of all layouts, in the order of the model. Shapes of a layout that differ only in what the geometry of
/// their levels reserves share a table.
#[must_use]
pub fn layouts(format: &Format) -> Section {
    families(format).iter().fold(Section::default(), |section, family| table(format, family, section))
}

/// Layouts (indexes into `Format::layouts`) that have the same name and the same rows, in the order of the model.
#[must_use]
pub fn families(format: &Format) -> Vec<Vec<usize>> {
    let mut families: Vec<Vec<usize>> = Vec::new();
    for (place, layout) in format.layouts.iter().enumerate() {
        let same = |family: &&mut Vec<usize>| {
            family.first().and_then(|first| format.layouts.get(*first)).is_some_and(|first| {
                (first.kind, &first.name, &first.rows) == (layout.kind, &layout.name, &layout.rows)
            })
        };
        match families.iter_mut().find(same) {
            Some(family) => family.push(place),
            None => families.push(vec![place]),
        }
    }
    families
}

/// The names of the levels that hold words of a layout (an index), or that refuse them.
#[must_use]
pub fn levels_of(format: &Format, layout: usize, refused: bool) -> Vec<&str> {
    let holds = |level: &&Level| {
        let mut entries = level.entries.iter();
        entries.any(|entry| entry.layout == layout && entry.refused == refused)
    };
    format.levels.iter().filter(holds).map(|level| level.name.as_str()).collect()
}

/// `leaf large at pdpt, pd (reserved at pml4)`.
#[must_use]
pub fn title(format: &Format, family: &[usize]) -> String {
    let at =
        |refused: bool| -> Vec<&str> { family.iter().flat_map(|layout| levels_of(format, *layout, refused)).collect() };
    let (used, refused) = (at(false), at(true));
    let layout = family.first().and_then(|first| format.layouts.get(*first));
    let mut text = layout.map_or(String::new(), |layout| format!("{} {}", kind_name(layout.kind), layout.name));
    if !used.is_empty() {
        text.push_str(&format!(" at {}", used.join(", ")));
    }
    if !refused.is_empty() {
        text.push_str(&format!(" (reserved at {})", refused.join(", ")));
    }
    text
}

/// The bit table of layouts that have the same rows, under a line that names them.
fn table(format: &Format, family: &[usize], section: Section) -> Section {
    let Some(layout) = family.first().and_then(|first| format.layouts.get(*first)) else {
        return section;
    };
    let titled = section.title(title(format, family));
    let section = layout.docs.iter().fold(titled, |section, line| section.line(line.trim()));
    let mut table =
        Columns::new(&[("bits", Align::Right), ("name", Align::Left), ("", Align::Left), ("meaning", Align::Left)]);
    for row in &layout.rows {
        let described = describe(format, layout, row);
        let mut meaning = vec![described.meaning];
        meaning.extend(derived(format, family, row));
        meaning.retain(|part| !part.is_empty());
        table.row([range(row.high, row.low), described.name, described.value, meaning.join("; ")]);
    }
    clauses(layout).into_iter().fold(section.table(table), Section::line)
}

/// What the geometry or a width makes of bits that store an address, by level where levels differ.
pub(super) fn derived(format: &Format, family: &[usize], row: &Row) -> Vec<String> {
    if !matches!(row.content, Content::Output { .. } | Content::Table { .. }) {
        return Vec::new();
    }
    let bits = span_mask(row.high, row.low);
    let mut said: Vec<(Vec<&str>, String)> = Vec::new();
    for place in family {
        let Some(layout) = format.layouts.get(*place) else { continue };
        let levels = levels_of(format, *place, false);
        if levels.is_empty() && layout.kind != LayoutKind::Root {
            continue;
        }
        let text = reserved(layout, bits);
        match said.iter_mut().find(|(_, other)| *other == text) {
            Some((known, _)) => known.extend(levels),
            None => said.push((levels, text)),
        }
    }
    let alike = said.len() == 1;
    said.retain(|(_, text)| !text.is_empty());
    let place = |levels: &[&str]| if alike { String::new() } else { format!("at {} ", levels.join(", ")) };
    said.into_iter().map(|(levels, text)| format!("{}{text}", place(&levels))).collect()
}

/// Bits of a mask that must have one value in words of a layout.
fn reserved(layout: &Layout, bits: u128) -> String {
    let mut parts = Vec::new();
    for (high, low) in bit_ranges(layout.reserved.fixed & bits) {
        let value = (layout.reserved_value & span_mask(high, low)) >> low;
        let value = if value == 0 { "0".to_owned() } else { format!("{value:#x}") };
        parts.push(format!("{} must be {value}", bits_words(span_mask(high, low))));
    }
    for one in &layout.reserved.parametric {
        if one.bits & bits != 0 {
            parts.push(format!("{} as {} says", bits_words(one.bits & bits), one.parameter));
        }
    }
    parts.join(", ")
}

/// `bit 5`, `bits 6..5`.
fn bits_words(mask: u128) -> String {
    let noun = if mask.count_ones() == 1 { "bit" } else { "bits" };
    format!("{noun} {}", ranges_of(mask))
}

/// What the layout says beside its rows.
fn clauses(layout: &Layout) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(run) = &layout.run {
        lines.push(run_words(run));
    }
    if !layout.lacks.is_empty() {
        lines.push(format!("cannot say {}", layout.lacks.join(", ")));
    }
    if layout.defer {
        lines.push("leaves the address to the other child".to_owned());
    }
    if layout.hardware.fixed != 0 {
        lines.push(format!("the machine may write {} by itself", bits_words(layout.hardware.fixed)));
    }
    lines
}

pub(super) fn run_words(run: &Run) -> String {
    let slots = |lg2: u32| 1u128 << lg2.min(127);
    let count = if run.least_lg2 == run.most_lg2 {
        format!("{} adjacent slots", slots(run.least_lg2))
    } else {
        format!("{} to {} adjacent slots", slots(run.least_lg2), slots(run.most_lg2))
    };
    let word = if run.identical { "all hold the same word" } else { "each holds its own part of the output address" };
    let ones = if run.in_ones { "; the size is in the low address bits, a zero above ones" } else { "" };
    format!("{count} are one translation, {word}{ones}")
}

/// The keyword of a kind.
#[must_use]
pub fn kind_name(kind: LayoutKind) -> &'static str {
    match kind {
        LayoutKind::Absent => "absent",
        LayoutKind::Table => "table",
        LayoutKind::Leaf => "leaf",
        LayoutKind::Root => "root",
    }
}
