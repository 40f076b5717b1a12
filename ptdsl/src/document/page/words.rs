//! The bit tables: every layout as it is written, with what its bits mean and what follows for them.

use super::{Page, level_names, paragraph};
use crate::document::layouts::{derived, families, kind_name, run_words};
use crate::document::{Align, Columns, meaning, span_mask};
use crate::model::{Content, Format, LayoutKind};
use crate::print::words as language;
use crate::resolve::{Documented, Layout};
use crate::tree::{self, Place};

/// All layouts that the format has under some binding that is shown.
pub fn words(page: &Page<'_>) -> String {
    let shown = page.description.layouts.iter().filter(|layout| models(page, &layout.node).next().is_some());
    let tables: Vec<String> = shown.map(|layout| one(page, layout)).collect();
    tables.join("\n")
}

/// The models in which a layout is.
fn models<'p>(page: &'p Page<'_>, layout: &'p Layout) -> impl Iterator<Item = &'p Format> {
    let has = |format: &&Format| format.layouts.iter().any(|one| one.name == layout.name.value);
    [&page.usual, &page.full].into_iter().filter(has)
}

fn one(page: &Page<'_>, layout: &Documented<Layout>) -> String {
    let node = &layout.node;
    let mut text = format!("### {} `{}`\n\n", kind_name(node.kind), node.name.value);
    text.push_str(&paragraph(&layout.docs));
    text.push_str(&places(page, node));
    let mut table = Columns::new(&[("bits", Align::Right), ("holds", Align::Code), ("meaning", Align::Left)]);
    for rows in node.rows.chunk_by(|row, next| holds_nothing(row) && holds_nothing(next) && same(row, next)) {
        let row = &rows[0];
        let mut said = vec![row_meaning(page, row)];
        said.extend(follows(page, node, &row.node));
        said.retain(|part| !part.is_empty());
        table.row([place(rows), language::content(&row.node), said.join("; ")]);
    }
    text.push_str(&table.markdown());
    let clauses: Vec<String> = language::clauses(node).iter().map(|clause| format!("- `{clause}`\n")).collect();
    if !clauses.is_empty() {
        text.push_str(&format!("\n{}", clauses.concat()));
    }
    let run = models(page, node).flat_map(|format| &format.layouts).find(|one| one.name == node.name.value);
    if let Some(run) = run.and_then(|layout| layout.run.as_ref()) {
        text.push_str(&format!("- {}\n", run_words(run)));
    }
    text
}

/// Whether a row is one of those that are the same in any number of bits.
fn holds_nothing(row: &Documented<tree::Row>) -> bool {
    use tree::Content::{Ignored, Reserved, Software};
    let [case] = &row.node.content.cases[..] else { return false };
    matches!(case.value.value, Software | Ignored(None) | Reserved(None))
        && matches!(row.node.place.value, Place::Bits(_) | Place::Bit(_))
}

fn same(row: &Documented<tree::Row>, next: &Documented<tree::Row>) -> bool {
    row.docs == next.docs && language::content(&row.node) == language::content(&next.node)
}

/// The bits of rows that follow each other: from the highest of the first to the lowest of the last.
fn place(rows: &[Documented<tree::Row>]) -> String {
    let first = language::place(&rows[0].node);
    let [_, .., last] = rows else { return first };
    let last = language::place(&last.node);
    let (high, low) = (first.split("..").next(), last.rsplit("..").next());
    format!("{}..{}", high.unwrap_or_default(), low.unwrap_or_default())
}

/// At which levels its words stand, or are refused.
fn places(page: &Page<'_>, layout: &Layout) -> String {
    if layout.kind == LayoutKind::Root {
        return String::new();
    }
    let known = level_names([&page.usual, &page.full]);
    let (mut held, mut refused) = (Vec::new(), Vec::new());
    for level in page.description.levels.iter().filter(|level| known.contains(level.node.name.value.as_str())) {
        let entries = language::entries(&level.node);
        for (entry, words) in level.node.entries.iter().zip(entries) {
            if entry.layout.value != layout.name.value {
                continue;
            }
            let name = &level.node.name.value;
            if entry.refused {
                refused.push(format!("`{name}`"));
            } else {
                let condition = words.split_once(" when ").map_or(String::new(), |(_, when)| when_words(when));
                held.push(format!("`{name}`{condition}"));
            }
        }
    }
    let mut said = Vec::new();
    if !held.is_empty() {
        said.push(format!("At {}", held.join(", ")));
    }
    if !refused.is_empty() {
        said.push(format!("{} at {}", if held.is_empty() { "Refused" } else { "refused" }, refused.join(", ")));
    }
    if said.is_empty() { String::new() } else { format!("{}.\n\n", said.join("; ")) }
}

/// ` (when c, else refused)`
fn when_words(when: &str) -> String {
    match when.strip_suffix(" else reserved") {
        Some(condition) => format!(" (when `{condition}`, else refused)"),
        None => format!(" (when `{when}`)"),
    }
}

/// The `///` of a row, or what the language says about the name of its field.
fn row_meaning(page: &Page<'_>, row: &Documented<tree::Row>) -> String {
    if !row.docs.is_empty() {
        let lines: Vec<&str> = row.docs.iter().map(|line| line.trim()).collect();
        return lines.join(" ").trim().to_owned();
    }
    let field = row.node.content.cases.iter().find_map(|case| match &case.value.value {
        tree::Content::Field { name, value: None, inverted, .. } => Some((&name.value, *inverted)),
        _ => None,
    });
    let Some((name, inverted)) = field else { return String::new() };
    let own = [&page.usual, &page.full].into_iter().flat_map(|format| &format.attributes);
    let own =
        own.filter(|attribute| attribute.name == *name && !attribute.docs.is_empty()).map(|one| one.docs.join(" "));
    let text = own.map(|text| text.trim().to_owned()).next().or_else(|| meaning(name).map(str::to_owned));
    let not = if inverted { ", where the bit is 0" } else { "" };
    text.map_or(String::new(), |text| format!("{}{not}", text.trim_end_matches('.')))
}

/// What the geometry or a width makes of the address bits of a row.
fn follows(page: &Page<'_>, layout: &Layout, row: &tree::Row) -> Vec<String> {
    let Place::Bits(bits) = &row.place.value else { return Vec::new() };
    let bits = span_mask(bits.high.value.value as u32, bits.low.value.value as u32);
    let Some(format) = models(page, layout).next() else { return Vec::new() };
    let named = |family: &&Vec<usize>| format.layouts[family[0]].name == layout.name.value;
    let families = families(format);
    let Some(family) = families.iter().find(named) else { return Vec::new() };
    let rows = format.layouts[family[0]].rows.iter().filter(|row| span_mask(row.high, row.low) & !bits == 0);
    let addresses = rows.filter(|row| matches!(row.content, Content::Output { .. } | Content::Table { .. }));
    addresses.flat_map(|row| derived(format, family, row)).collect()
}
