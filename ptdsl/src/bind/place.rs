//! Which parameters may stay open inside a model: those that do nothing but bound an address or place a bit.

use crate::resolve::Description;
use crate::tree::{Alt, Cond, CondKind, Content, LevelIndex, RuleKind, Value};

/// Whether every use of a parameter is as the width of the OA or as the place of a row.
pub(super) fn may_stay_open(description: &Description, name: &str) -> bool {
    !used_elsewhere(description, name)
}

fn used_elsewhere(description: &Description, name: &str) -> bool {
    let ranges = description.ranges.iter().any(|range| {
        is(&range.node.width, name)
            || range.node.tag.as_ref().and_then(|tag| tag.when.as_ref()).is_some_and(|when| asks(when, name))
    });
    let features = description.features.iter().any(|item| item.node.when.as_ref().is_some_and(|when| asks(when, name)));
    let levels = description.levels.iter().any(|level| {
        let index = match &level.node.index {
            LevelIndex::Bits(_) => false,
            LevelIndex::Above { width, base } => is(width, name) || is(base, name),
        };
        index || level.node.entries.iter().any(|entry| entry.when.as_ref().is_some_and(|when| asks(when, name)))
    });
    let attributes =
        description.attributes.iter().any(|item| item.node.when.as_ref().is_some_and(|when| asks(when, name)));
    let rules = description.update.iter().any(|rule| match &rule.kind {
        RuleKind::Way { way, .. } => chooses(way, name),
        RuleKind::Hardware { when, .. } | RuleKind::Hold { when, .. } | RuleKind::Clean(when) => {
            when.as_ref().is_some_and(|when| asks(when, name))
        }
        RuleKind::Registers(_) | RuleKind::Pairs => false,
    });
    ranges
        || features
        || levels
        || attributes
        || rules
        || description.word.as_ref().is_some_and(|word| chooses(&word.endian, name))
        || description.output.as_ref().is_some_and(|output| chooses(output, name))
        || description.layouts.iter().any(|layout| in_layout(&layout.node, name))
}

fn in_layout(layout: &crate::resolve::Layout, name: &str) -> bool {
    let conditions = layout.identity.iter().chain(&layout.forbid).any(|cond| asks(cond, name));
    let output = layout.output.as_ref().is_some_and(|output| chooses(output, name));
    let rows = layout.rows.iter().any(|row| {
        let values = row.node.content.cases.iter().any(|case| says(&case.value.value, name));
        values || chooses(&row.node.content, name)
    });
    conditions || output || rows
}

fn says(content: &Content, name: &str) -> bool {
    match content {
        Content::Reserved(Some(value))
        | Content::Ignored(Some(value))
        | Content::Constant(value)
        | Content::Field { value: Some(value), .. } => is(value, name),
        Content::Table { value, condition, .. } => {
            value.as_ref().is_some_and(|value| is(value, name))
                || condition.as_ref().is_some_and(|condition| asks(condition, name))
        }
        _ => false,
    }
}

fn chooses<T>(alternatives: &Alt<T>, name: &str) -> bool {
    alternatives.cases.iter().filter_map(|case| case.when.as_ref()).any(|when| asks(when, name))
}

fn asks(cond: &Cond, parameter: &str) -> bool {
    match &cond.value {
        CondKind::Any(parts) | CondKind::All(parts) => parts.iter().any(|part| asks(part, parameter)),
        CondKind::Not(part) => asks(part, parameter),
        CondKind::Name(name) => name.value == parameter,
        CondKind::Compare { name, value, .. } => name.value == parameter || is(value, parameter),
    }
}

fn is(value: &Value, parameter: &str) -> bool {
    matches!(value, Value::Name(name) if name.value == parameter)
}
