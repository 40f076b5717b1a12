//! The levels tile the VA: no bit between two levels is left out, none is used twice except by the two kinds of children
//! of one pointer, and a level holds the highest bit of each range. Sizes of leaves and tables follow.

use super::facts::{Facts, Subject, small_set};
use super::text::list;
use super::widths_sane::value_span;
use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{Content, LayoutKind, LevelIndex, Value};

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    if (0..facts.description.levels.len()).any(|level| facts.position(level).is_none()) {
        return;
    }
    let before = facts.reports();
    overlaps(facts);
    gaps(facts);
    top_bits(facts);
    // Which level is the lowest follows from where they are, and what it lists from what its list names.
    if facts.reports() == before && facts.names_known() {
        leaves_at_the_bottom(facts);
    }
}

fn index_span(facts: &Facts<'_>, level: usize) -> crate::span::Span {
    match &facts.level(level).index {
        LevelIndex::Bits(bits) => bits.high.span.to(bits.low.span),
        LevelIndex::Above { width, base } => value_span(width).to(value_span(base)),
    }
}

/// Two levels meet only if both begin directly below the same level and pointers say which one they mean.
fn overlaps(facts: &mut Facts<'_>) {
    let used = facts.used_levels();
    for (index, level) in used.iter().enumerate() {
        for other in &used[..index] {
            let (Some(one), Some(two)) = (facts.position(*level), facts.position(*other)) else { continue };
            let apart = one.low.least >= two.end().most || two.low.least >= one.end().most;
            let stacked = facts.below(*level).contains(other) || facts.below(*other).contains(level);
            let by_numbers = one.above.is_none() && two.above.is_none();
            let unnamed = !facts.names_known() && !named_children(facts).is_empty();
            if apart || unnamed || stacked && !by_numbers || siblings(facts, *level, *other) {
                continue;
            }
            let (name, other_name) = (&facts.level(*level).name, &facts.level(*other).name);
            let diagnostic =
                Diagnostic::new(Code::LevelsOverlap, format!("`{}` and `{}` use the same bits of the VA", name.value, other_name.value))
                    .label(index_span(facts, *level), format!("`{}`", name.value))
                    .label(index_span(facts, *other), format!("`{}`", other_name.value))
                    .note("expected each bit in the index of one level, except for two kinds of children of one pointer, which rows `table l …` name");
            facts.report(Subject::Format, diagnostic);
        }
    }
}

/// Two levels that begin at the same bit, each named by a row of some table.
fn siblings(facts: &Facts<'_>, one: usize, two: usize) -> bool {
    let end = |level| facts.position(level).map(super::geometry::Position::end);
    let named = named_children(facts);
    let is_named = |level: usize| named.contains(&facts.level(level).name.value.as_str());
    end(one) == end(two) && is_named(one) && is_named(two)
}

/// The levels that rows `table l` name.
fn named_children<'a>(facts: &Facts<'a>) -> Vec<&'a str> {
    let rows = facts.description.layouts.iter().flat_map(|layout| &layout.node.rows);
    let contents = rows.flat_map(|row| &row.node.content.cases).map(|case| &case.value.value);
    contents
        .filter_map(|content| match content {
            Content::Table { child: Some(child), .. } => Some(child.value.as_str()),
            _ => None,
        })
        .collect()
}

/// Every level but the highest begins directly below another.
fn gaps(facts: &mut Facts<'_>) {
    let used = facts.used_levels();
    let Some(highest) = used.iter().filter_map(|level| Some(facts.position(*level)?.end().most)).max() else { return };
    for level in &used {
        let Some(position) = facts.position(*level) else { continue };
        let meets = |other: &usize| facts.directly_below(*other).contains(level);
        let overlapping = |other: &usize| {
            other != level
                && facts
                    .position(*other)
                    .is_some_and(|it| it.low.least < position.end().most && position.low.least < it.end().most)
        };
        if position.end().most == highest || used.iter().any(meets) || used.iter().any(overlapping) {
            continue;
        }
        let next = used.iter().filter_map(|other| Some((facts.position(*other)?.low.least, *other)));
        let next = next.filter(|(low, _)| *low >= position.end().most).min();
        let name = &facts.level(*level).name;
        let mut diagnostic =
            Diagnostic::new(Code::LevelsGap, format!("no level uses the bits of the VA above `{}`", name.value))
                .label(index_span(facts, *level), format!("`{}` ends here", name.value));
        diagnostic = diagnostic.help("widen one of the two levels, or add one between them");
        if let Some((low, above)) = next {
            let bits = super::text::bits_named(low - 1, position.end().most);
            diagnostic = diagnostic
                .label(index_span(facts, above), format!("`{}` begins here", facts.level(above).name.value))
                .note(format!("expected a level for {bits}"));
        }
        facts.report(Subject::Format, diagnostic);
    }
}

/// Some level, widened or not, holds the highest bit of each range, whatever its width.
fn top_bits(facts: &mut Facts<'_>) {
    for range in &facts.description.ranges {
        let width = &range.node.width;
        let Some(bounds) = facts.small_bounds(width) else { continue };
        let widened = range.node.widened.map_or(0, |number| u32::try_from(number.value.value).unwrap_or(64));
        let values = match width {
            Value::Name(name) => facts.parameter(&name.value).and_then(|it| small_set(&facts.parameter_at(it).set)),
            Value::Number(number) => Some(vec![number.value.value]),
        };
        let values = values.unwrap_or_else(|| vec![bounds.least.into(), bounds.most.into()]);
        let positions: Vec<_> = (0..facts.description.levels.len()).filter_map(|level| facts.position(level)).collect();
        let held = |value: &u128| {
            let top = value.saturating_sub(1);
            positions.iter().any(|it| u128::from(it.low.least) <= top && top < u128::from(it.end().most + widened))
        };
        let Some(missed) = values.iter().rev().find(|value| !held(value)) else { continue };
        let mut diagnostic =
            Diagnostic::new(Code::TopBitNotHeld, format!("no level holds bit {} of the VA", missed.saturating_sub(1)))
                .label(value_span(width), "the highest bit of this range");
        let highest =
            (0..facts.description.levels.len()).max_by_key(|level| facts.position(*level).map(|it| it.end().most));
        if let Some(level) = highest {
            let name = &facts.level(level).name.value;
            diagnostic = diagnostic.label(index_span(facts, level), "the highest level").help(format!(
                "widen `{name}` to bit {}, add a level above it, or say by how many bits it is `widened` as a root",
                missed.saturating_sub(1)
            ));
        }
        facts.report(Subject::Format, diagnostic);
    }
}

/// A walk that reaches a level with nothing below can end there in a leaf.
fn leaves_at_the_bottom(facts: &mut Facts<'_>) {
    for level in facts.used_levels() {
        if !facts.directly_below(level).is_empty() {
            continue;
        }
        let listed = facts.listed(level);
        let leaf = |it: &super::geometry::Listed| facts.is_kind(it.layout, LayoutKind::Leaf) && !it.accepted.is_false();
        if listed.iter().any(leaf) {
            continue;
        }
        let name = &facts.level(level).name;
        let leaves = facts.description.layouts.iter().filter(|it| it.node.kind == LayoutKind::Leaf);
        let names = list(leaves.map(|it| it.node.name.value.as_str()));
        let diagnostic =
            Diagnostic::new(Code::NoLeafAtBottom, format!("no walk ends at `{}`, the lowest level", name.value))
                .label(name.span, "lists no leaf")
                .note(format!("expected a leaf where no level is below; the leaves of this format are {names}"))
                .help("list a leaf here, without `reserved`");
        facts.report(Subject::Level(level), diagnostic);
    }
}
