//! How live entries may be changed.

use super::columns::{Align, Columns};
use crate::model::{Change, Format, Way};

/// The way of every kind of change, and what the machine does by itself.
#[must_use]
pub fn updates(format: &Format) -> String {
    let update = &format.update;
    let mut table =
        Columns::new(&[("change", Align::Left), ("of", Align::Left), ("way", Align::Left), ("", Align::Left)]);
    for change in Change::ALL {
        if let Some(way) = update.ways.get(&change) {
            let (name, meaning) = way_words(*way);
            table.row([change.name().to_owned(), change_words(change).to_owned(), name.to_owned(), meaning.to_owned()]);
        }
    }
    let mut text = table.render();
    let hardware: Vec<&str> = format
        .attributes
        .iter()
        .filter(|attribute| attribute.hardware)
        .map(|attribute| attribute.name.as_str())
        .collect();
    let mut line = |words: String| text.push_str(&format!("    {words}\n"));
    if !hardware.is_empty() {
        line(format!("the machine writes {} by itself", hardware.join(", ")));
    }
    if let Some(level) = update.registers.and_then(|level| format.levels.get(level)) {
        line(format!("{} is held in registers until the root is loaded again", level.name));
    }
    if update.clean {
        line("stores to tables are cleaned from the cache".to_owned());
    }
    if let Some(field) = &update.hold {
        line(format!("a leaf whose size changes has {field} set meanwhile, in place of being absent"));
    }
    if update.pairs {
        line("a TLB entry holds two adjacent slots".to_owned());
    }
    text
}

fn change_words(change: Change) -> &'static str {
    match change {
        Change::Fill => "absent to present",
        Change::Clear => "leaf to absent",
        Change::Unlink => "table to absent",
        Change::Relax => "more rights",
        Change::Restrict => "fewer rights",
        Change::Output => "another output address",
        Change::Size => "leaf to table and back, same translation",
        Change::MemoryType => "another memory type",
        Change::Global => "global or not",
        Change::Other => "every other field",
    }
}

fn way_words(way: Way) -> (&'static str, &'static str) {
    match way {
        Way::Lazy => ("lazy", "one store; a stale copy is harmless"),
        Way::Live => ("live", "one store, then a flush"),
        Way::Instruction => ("instruction", "the client's hook exchanges the word"),
        Way::Break => ("break", "absent, flush, new"),
    }
}
