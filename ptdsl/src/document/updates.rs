//! How live entries may be changed.

use super::columns::{Align, Columns};
use super::section::Section;
use crate::model::{Change, Format, Way};

/// The way of every kind of change, and what the machine does by itself.
#[must_use]
pub fn updates(format: &Format) -> Section {
    let update = &format.update;
    let mut table =
        Columns::new(&[("change", Align::Left), ("of", Align::Left), ("way", Align::Left), ("", Align::Left)]);
    for change in Change::ALL.into_iter().filter(|change| concerns(*change, format)) {
        if let Some(way) = update.ways.get(&change) {
            let (name, meaning) = way_words(*way);
            table.row([change.name().to_owned(), change_words(change).to_owned(), name.to_owned(), meaning.to_owned()]);
        }
    }
    rules(format).into_iter().fold(Section::default().table(table), Section::line)
}

/// What the machine does by itself, and what it keeps.
fn rules(format: &Format) -> Vec<String> {
    let update = &format.update;
    let hardware: Vec<&str> = format
        .attributes
        .iter()
        .filter(|attribute| attribute.hardware)
        .map(|attribute| attribute.name.as_str())
        .collect();
    let mut lines = Vec::new();
    if !hardware.is_empty() {
        lines.push(format!("the machine writes {} by itself", hardware.join(", ")));
    }
    if let Some(level) = update.registers.and_then(|level| format.levels.get(level)) {
        lines.push(format!("{} is held in registers until the root is loaded again", level.name));
    }
    if update.clean {
        lines.push("stores to tables are cleaned from the cache".to_owned());
    }
    if let Some(field) = &update.hold {
        lines.push(format!("a leaf whose size changes has {field} set meanwhile, in place of being absent"));
    }
    if update.pairs {
        lines.push("a TLB entry holds two adjacent slots".to_owned());
    }
    lines
}

/// Whether a change of a kind can be asked for: it is about something that words of the format say.
pub(super) fn concerns(change: Change, format: &Format) -> bool {
    match change {
        Change::MemoryType | Change::Global => format.attributes.iter().any(|it| it.name == change.name()),
        _ => true,
    }
}

pub(super) fn change_words(change: Change) -> &'static str {
    match change {
        Change::Fill => "absent to present",
        Change::Clear => "leaf to absent",
        Change::Unlink => "table to absent",
        Change::Relax => "more rights",
        Change::Restrict => "fewer rights",
        Change::Output => "another output address",
        Change::Size => "leaf to table, run to its slots, and back",
        Change::MemoryType => "another memory type",
        Change::Global => "global or not",
        Change::Other => "every other field",
    }
}

pub(super) fn way_words(way: Way) -> (&'static str, &'static str) {
    match way {
        Way::Lazy => ("lazy", "one store; a stale copy is harmless"),
        Way::Live => ("live", "one store, then a flush"),
        Way::Instruction => ("instruction", "the client's hook exchanges the word"),
        Way::Break => ("break", "absent, flush, new"),
    }
}
