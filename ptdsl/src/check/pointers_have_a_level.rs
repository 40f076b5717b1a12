//! Every pointer to a table has exactly one level below, and an absent word that leaves the VA to the other child has one.

use super::facts::{Facts, Subject};
use super::text::list;
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::ClauseKind;
use crate::tree::{Content, LayoutKind};

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    for level in facts.used_levels() {
        if !facts.sound(Subject::Level(level)) {
            continue;
        }
        for listed in facts.listed(level).iter() {
            if !listed.accepted.is_false() && facts.is_kind(listed.layout, LayoutKind::Table) {
                pointer(facts, level, listed.entry, listed.layout);
            }
            if facts.layout(listed.layout).defer {
                defers(facts, level, listed.layout);
            }
        }
    }
}

fn pointer(facts: &mut Facts<'_>, level: usize, entry: usize, layout: usize) {
    let level_node = facts.level(level);
    let entry = &level_node.entries[entry];
    let name = &entry.layout.value;
    for (child, levels) in facts.children(layout, level) {
        let diagnostic = match (&child, levels.as_slice()) {
            (Some(child), _) => {
                if facts.directly_below(level).iter().any(|it| facts.level(*it).name.value == *child) {
                    continue;
                }
                let mut diagnostic = Diagnostic::new(
                    Code::ChildAstray,
                    format!("`{child}` is not directly below `{}`", level_node.name.value),
                )
                .label(entry.span, format!("points to a table of `{child}`"));
                if let Some(row) = row_of_child(facts, layout, child) {
                    diagnostic = diagnostic.label(row, "named here");
                }
                if let Some(found) = facts.level_named(child) {
                    diagnostic = diagnostic.label(facts.level(found).name.span, "this level");
                }
                diagnostic.note("expected a level whose highest bit is next to the lowest bit of the pointer's level")
            }
            (None, []) => {
                let text = format!("a pointer at `{}` has no level below", level_node.name.value);
                Diagnostic::new(Code::NoLevelBelow, text)
                    .label(entry.span, format!("`{name}` points to a table"))
                    .label(level_node.name.span, "nothing begins where this level ends")
                    .note("expected one level below each pointer that is accepted")
                    .help(format!("write `reserved {name}` if such a word is refused here, or add the level"))
            }
            (None, [_]) => continue,
            (None, _) if facts.has_child_field(layout) => continue,
            (None, several) => {
                let names = list(several.iter().map(|it| facts.level(*it).name.value.as_str()));
                Diagnostic::new(
                    Code::SeveralLevelsBelow,
                    format!("a pointer at `{}` may mean {names}", level_node.name.value),
                )
                .label(entry.span, format!("`{name}` does not say which"))
                .note("expected one level below each pointer that is accepted")
                .help("name the child in its row: `… table l;`")
            }
        };
        facts.report(Subject::Layout(layout), diagnostic);
    }
}

fn row_of_child(facts: &Facts<'_>, layout: usize, child: &str) -> Option<crate::span::Span> {
    let names = |content: &Content| matches!(content, Content::Table { child: Some(it), .. } if it.value == child);
    let rows = &facts.layout(layout).rows;
    let row = rows.iter().find(|row| row.node.content.cases.iter().any(|case| names(&case.value.value)))?;
    Some(row.span)
}

/// The level of a word with `defer` is one of two children of one pointer.
fn defers(facts: &mut Facts<'_>, level: usize, layout: usize) {
    let name = &facts.level(level).name;
    let has_sibling = facts.used_levels().into_iter().any(|parent| {
        let below = facts.directly_below(parent);
        below.len() > 1 && below.contains(&level)
    });
    if has_sibling {
        return;
    }
    let clause = facts.layout(layout).clauses.iter().find(|(kind, _)| *kind == ClauseKind::Defer);
    let mut diagnostic =
        Diagnostic::new(Code::DeferAstray, format!("`{}` is the only child of its pointers", name.value));
    if let Some((_, span)) = clause {
        diagnostic = diagnostic.label(*span, "leaves the VA to another child");
    }
    let diagnostic = diagnostic
        .label(name.span, "has no other beside it")
        .note("expected a level that shares the bits of the VA with another child of the same pointers")
        .help("remove `defer`: the word is absent all the same");
    facts.report(Subject::Layout(layout), diagnostic);
}
