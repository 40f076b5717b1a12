//! Every condition asks something that has an answer for each binding, and for each word where it is about words.

use super::facts::{Facts, Subject, parameter_bounds, small_set};
use super::shape::slice_bits;
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::Layout;
use crate::tree::{Cond, CondKind, Content, Name, Place, RuleKind, Value};

/// What a condition may ask about beside features and parameters.
#[derive(Clone, Copy)]
struct About<'a> {
    /// Levels.
    levels: bool,
    /// Ranges of VA.
    ranges: bool,
    /// The fields of this layout.
    layout: Option<&'a Layout>,
}

const BINDING: About<'_> = About { levels: false, ranges: false, layout: None };
const PLACE: About<'_> = About { levels: true, ranges: true, layout: None };

pub(super) fn check(facts: &mut Facts<'_>) {
    let description = facts.description;
    let mut binding: Vec<&Cond> = description.features.iter().filter_map(|it| it.node.when.as_ref()).collect();
    binding.extend(description.word.iter().flat_map(|word| &word.endian.cases).filter_map(|it| it.when.as_ref()));
    binding.extend(description.output.iter().flat_map(|output| &output.cases).filter_map(|it| it.when.as_ref()));
    let tags = description.ranges.iter().filter_map(|it| it.node.tag.as_ref());
    binding.extend(tags.filter_map(|tag| tag.when.as_ref()));
    for rule in &description.update {
        match &rule.kind {
            RuleKind::Way { way, .. } => binding.extend(way.cases.iter().filter_map(|it| it.when.as_ref())),
            RuleKind::Hardware { when, .. } | RuleKind::Hold { when, .. } | RuleKind::Clean(when) => {
                binding.extend(when)
            }
            RuleKind::Registers(_) | RuleKind::Pairs => {}
        }
    }
    for cond in binding {
        condition(facts, Subject::Format, cond, BINDING);
    }
    for (index, attribute) in description.attributes.iter().enumerate() {
        if let Some(when) = &attribute.node.when {
            condition(facts, Subject::Attribute(index), when, BINDING);
        }
    }
    for (index, level) in description.levels.iter().enumerate() {
        for when in level.node.entries.iter().filter_map(|entry| entry.when.as_ref()) {
            condition(facts, Subject::Level(index), when, PLACE);
        }
    }
    for layout in facts.used_layouts() {
        of_layout(facts, Subject::Layout(layout), &description.layouts[layout].node);
    }
}

fn of_layout(facts: &mut Facts<'_>, subject: Subject, layout: &Layout) {
    let words = About { layout: Some(layout), ..PLACE };
    for row in &layout.rows {
        for case in &row.node.content.cases {
            if let Some(when) = &case.when {
                condition(facts, subject, when, PLACE);
            }
            if let Content::Table { condition: Some(cond), .. } = &case.value.value {
                condition(facts, subject, cond, words);
            }
            let constant = match &case.value.value {
                Content::Constant(_) => true,
                Content::Field { value, .. } | Content::Table { value, .. } => value.is_some(),
                _ => false,
            };
            if let (Place::Parameter(parameter), true) = (&row.node.place.value, constant) {
                let diagnostic = Diagnostic::new(
                    Code::Undecidable,
                    format!("what identifies `{}` moves with `{}`", layout.name.value, parameter.value),
                )
                .label(case.value.span, "a constant at no fixed bit")
                .note("expected the bits that tell layouts apart to stand at fixed places")
                .help("make it a field, or `reserved`");
                facts.report(subject, diagnostic);
            }
        }
    }
    for case in layout.output.iter().flat_map(|output| &output.cases) {
        if let Some(when) = &case.when {
            condition(facts, subject, when, PLACE);
        }
    }
    for cond in layout.identity.iter().chain(&layout.forbid) {
        condition(facts, subject, cond, words);
    }
}

fn condition(facts: &mut Facts<'_>, subject: Subject, cond: &Cond, about: About<'_>) {
    match &cond.value {
        CondKind::Any(parts) | CondKind::All(parts) => {
            parts.iter().for_each(|part| condition(facts, subject, part, about));
        }
        CondKind::Not(part) => condition(facts, subject, part, about),
        CondKind::Name(name) => {
            if let Some(diagnostic) = bare(facts, name, about) {
                facts.report(subject, diagnostic);
            }
        }
        CondKind::Compare { name, value, .. } => {
            if let Some(diagnostic) = compared(facts, name, value, about) {
                facts.report(subject, diagnostic);
            }
        }
    }
}

/// What is wrong with a name that stands alone.
fn bare(facts: &Facts<'_>, name: &Name, about: About<'_>) -> Option<Diagnostic> {
    let text = &name.value;
    let asked = |what: &str, help: &str| {
        let diagnostic = Diagnostic::new(Code::WrongComparison, format!("`{text}` is {what}"));
        Some(diagnostic.label(name.span, "neither true nor false").help(help.to_owned()))
    };
    if let Some(layout) = about.layout {
        let rows = rows_of(layout, text);
        if rows.iter().any(|row| row.moves) {
            return Some(moving(layout, name));
        }
        if rows.iter().any(|row| row.bits > 1) {
            return asked("a field of several bits", &format!("compare it: `{text} != 0`"));
        }
        if !rows.is_empty() {
            return None;
        }
        if text == "table" || text == "output" {
            return asked("an address", "compare it with a parameter");
        }
        if let Some(choice) = facts.description.attributes.iter().find(|it| it.node.names.contains(name)) {
            let flag = choice.node.names.len() > 1
                || choice.node.values.iter().flat_map(|it| &it.names).any(|it| it.value == *text);
            return if flag { None } else { asked("one of several names", "compare the field that holds its number") };
        }
    }
    if facts.parameter(text).is_some() {
        return asked("a parameter", &format!("compare it with a number: `{text} = 0`"));
    }
    let misplaced = |what: &str| {
        let diagnostic = Diagnostic::new(Code::WrongComparison, format!("`{text}` is {what}"));
        Some(diagnostic.label(name.span, "here nothing stands at one").note("expected features and parameters"))
    };
    if !about.levels && facts.level_named(text).is_some() {
        return misplaced("a level");
    }
    if !about.ranges && facts.range_named(text).is_some() {
        return misplaced("a range of VA");
    }
    None
}

/// What is wrong with a comparison.
fn compared(facts: &Facts<'_>, name: &Name, value: &Value, about: About<'_>) -> Option<Diagnostic> {
    let text = &name.value;
    let wrong = |message: String, label: &str| {
        Some(Diagnostic::new(Code::WrongComparison, message).label(name.span, label.to_owned()))
    };
    if let Some(layout) = about.layout {
        let rows = rows_of(layout, text);
        if rows.iter().any(|row| row.moves) {
            return Some(moving(layout, name));
        }
        if !rows.is_empty() {
            return None;
        }
        if text == "table" || text == "output" {
            return wrong(format!("`{}` stores no such address", layout.name.value), "no row says where it is");
        }
    }
    let Some(parameter) = facts.parameter(text) else {
        return wrong(format!("`{text}` has no number"), "expected a parameter, or a field of this layout");
    };
    let node = facts.parameter_at(parameter);
    let Value::Number(number) = value else {
        return wrong(format!("`{text}` is compared with a parameter"), "expected a number on the other side");
    };
    let Some((least, most)) = parameter_bounds(&node.set) else {
        return wrong(format!("`{text}` is an address"), "expected a parameter with numbers");
    };
    let possible = match small_set(&node.set) {
        Some(values) => values.contains(&number.value.value),
        None => (least..=most).contains(&number.value.value),
    };
    if possible {
        return None;
    }
    let diagnostic = Diagnostic::new(Code::NeverEqual, format!("`{text}` is never {}", number.value.value))
        .label(number.span, "not one of its values")
        .label(node.name.span, format!("bound to {least} to {most}"))
        .note("expected one of the values of the parameter");
    Some(diagnostic)
}

fn moving(layout: &Layout, name: &Name) -> Diagnostic {
    let place = layout.rows.iter().find(|row| {
        let named = |content: &Content| matches!(content, Content::Field { name: field, .. } if field == name);
        row.node.content.cases.iter().any(|case| named(&case.value.value))
    });
    let mut diagnostic = Diagnostic::new(Code::Undecidable, format!("`{}` is at no fixed bit", name.value))
        .label(name.span, "asked for here");
    if let Some(place) = place {
        diagnostic = diagnostic.label(place.span, "stands where a parameter says");
    }
    diagnostic.note("expected fields at fixed bits, so that it can be decided which layout a word has")
}

/// A row that stores bits of a name.
struct NamedRow {
    /// It stands at a parameter.
    moves: bool,
    /// One more than the highest bit of the value that it stores.
    bits: u128,
}

/// The rows of a layout in which the name is stored.
fn rows_of(layout: &Layout, text: &str) -> Vec<NamedRow> {
    let mut rows = Vec::new();
    for row in &layout.rows {
        let width = match &row.node.place.value {
            Place::Bits(bits) => bits.high.value.value.saturating_sub(bits.low.value.value) + 1,
            Place::Bit(_) | Place::Parameter(_) => 1,
        };
        for case in &row.node.content.cases {
            let moves = matches!(row.node.place.value, Place::Parameter(_));
            match &case.value.value {
                Content::Field { name, slice, .. } if name.value == text => {
                    let top = slice.as_ref().and_then(slice_bits).map(|(high, _)| u128::from(high) + 1);
                    rows.push(NamedRow { moves, bits: top.unwrap_or(width) });
                }
                Content::Output(_) if text == "output" => rows.push(NamedRow { moves, bits: 64 }),
                Content::Table { .. } if text == "table" => rows.push(NamedRow { moves, bits: 64 }),
                _ => {}
            }
        }
    }
    rows
}
