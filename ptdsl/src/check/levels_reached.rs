//! Every level is reached: it is the root of some range, or a table that some level accepts points to it.

use super::facts::{Facts, Subject};
use super::text::list;
use crate::diagnostic::{Code, Diagnostic};
use crate::tree::LayoutKind;

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    let used = facts.used_levels();
    // Where broken lists and layouts point to is not known.
    if used.iter().any(|level| !facts.sound(Subject::Level(*level))) {
        return;
    }
    if facts.used_layouts().into_iter().any(|layout| !facts.sound(Subject::Layout(layout))) {
        return;
    }
    let mut reached: Vec<usize> = used.iter().copied().filter(|level| is_root(facts, *level)).collect();
    let mut at = 0;
    while at < reached.len() {
        for child in children(facts, reached[at]) {
            if !reached.contains(&child) {
                reached.push(child);
            }
        }
        at += 1;
    }
    // What is below a level that nothing reaches is not reached for that reason; the highest ones are the mistake.
    let lost: Vec<usize> = used.into_iter().filter(|level| !reached.contains(level)).collect();
    for level in &lost {
        if !lost.iter().any(|other| facts.directly_below(*other).contains(level)) {
            unreached(facts, *level);
        }
    }
}

/// Whether the level may hold the highest bit of a range.
fn is_root(facts: &Facts<'_>, level: usize) -> bool {
    let Some(position) = facts.position(level) else { return true };
    let mut ranges = facts.description.ranges.iter().map(|range| &range.node);
    ranges.any(|range| {
        let Some(width) = facts.small_bounds(&range.width) else { return true };
        let widened = range.widened.map_or(0, |number| u32::try_from(number.value.value).unwrap_or(u32::MAX));
        position.low.least < width.most && width.least <= position.end().most.saturating_add(widened)
    })
}

/// The levels to which accepted tables of a level point, under some binding.
fn children(facts: &mut Facts<'_>, level: usize) -> Vec<usize> {
    let mut found = Vec::new();
    for listed in facts.listed(level).iter() {
        if facts.is_kind(listed.layout, LayoutKind::Table) && facts.possible(listed.accepted) {
            found.extend(facts.children(listed.layout, level).into_iter().flat_map(|(_, levels)| levels));
        }
    }
    found
}

fn unreached(facts: &mut Facts<'_>, level: usize) {
    let name = &facts.level(level).name;
    let tables = facts.description.layouts.iter().filter(|it| it.node.kind == LayoutKind::Table);
    let tables = list(tables.map(|it| it.node.name.value.as_str()));
    let above = facts.used_levels().into_iter().find(|other| facts.directly_below(*other).contains(&level));
    let mut diagnostic = Diagnostic::new(Code::LevelUnreached, format!("no table reaches `{}`", name.value))
        .label(name.span, "no walk comes here");
    if let Some(above) = above {
        let above = &facts.level(above).name;
        diagnostic = diagnostic
            .label(above.span, "accepts no table")
            .help(format!("list a `table` layout at `{}` without `reserved`", above.value));
    }
    let note = format!("expected a table at a level above; the tables of this format are {tables}");
    facts.report(Subject::Level(level), diagnostic.note(note));
}
