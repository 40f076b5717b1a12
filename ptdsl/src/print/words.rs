//! Parts of descriptions in the words of the language, for documents.

use super::fragments::{cases, commas, cond};
use super::{attribute, entry, fragments, layout};
use crate::resolve::Layout;
use crate::tree::{Level, Row, Rule};

/// The bits of a row: `51..12`, `7`, `c_bit`.
pub fn place(row: &Row) -> String {
    layout::row_place(row)
}

/// What a row holds under every binding: `key when protection_keys else software`.
pub fn content(row: &Row) -> String {
    cases(&row.content, layout::content).join(" ")
}

/// What a layout says beside its rows, a statement each.
pub fn clauses(one: &Layout) -> Vec<String> {
    let mut said = Vec::new();
    said.extend(one.identity.as_ref().map(|condition| format!("where {}", cond(condition))));
    said.extend(one.forbid.iter().map(|condition| format!("forbid {}", cond(condition))));
    said.extend(one.output.as_ref().map(|width| fragments::output(width).text(&[]).trim_end_matches(';').to_owned()));
    said.extend(one.run.as_ref().map(layout::run));
    if !one.lacks.is_empty() {
        said.push(format!("lacks {}", commas(&one.lacks)));
    }
    if one.defer {
        said.push("defer".to_owned());
    }
    said
}

/// The layouts of a level with their conditions, in order.
pub fn entries(level: &Level) -> Vec<String> {
    level.entries.iter().map(entry).collect()
}

/// A rule of an `update`.
pub fn rule(one: &Rule) -> String {
    attribute::rule_line(one).trim_end_matches(';').to_owned()
}
