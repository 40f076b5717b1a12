//! Words, addresses and index bits have widths that machines have, whatever the parameters are.

use super::facts::{Facts, Subject, parameter_bounds, span_last};
use super::geometry::Bounds;
use crate::diagnostic::{Code, Diagnostic};
use crate::span::Span;
use crate::tree::{Extension, LevelIndex, Number, ParameterSet, Value};

/// The widest VA and OA.
const ADDRESS_BITS: u32 = 64;

/// By how many bits a root may be widened: tables of 2^16 ordinary ones side by side.
const MOST_WIDENED: u32 = 16;

pub(super) fn check(facts: &mut Facts<'_>) {
    parameters(facts);
    words(facts);
    ranges(facts);
    outputs(facts);
    levels(facts);
}

/// Spans of a set do not meet.
fn parameters(facts: &mut Facts<'_>) {
    for parameter in &facts.description.parameters {
        let ParameterSet::Spans(spans) = &parameter.node.set else { continue };
        for (index, span) in spans.iter().enumerate() {
            let (first, last) = (span.first.value.value, span_last(span));
            let meets = |other: &&crate::tree::ValueSpan| first <= span_last(other) && other.first.value.value <= last;
            if let Some(other) = spans[..index].iter().find(meets) {
                let name = &parameter.node.name;
                let diagnostic =
                    Diagnostic::new(Code::ParameterSet, format!("`{}` has a value that is given twice", name.value))
                        .label(whole(span), "these values")
                        .label(whole(other), "meet these")
                        .help("let each value stand in one span");
                facts.report(Subject::Format, diagnostic);
            }
        }
    }
}

fn whole(span: &crate::tree::ValueSpan) -> Span {
    span.last.map_or(span.first.span, |last| span.first.span.to(last.span))
}

fn words(facts: &mut Facts<'_>) {
    let description = facts.description;
    let mut widths: Vec<(Subject, Number)> = Vec::new();
    widths.extend(description.word.as_ref().map(|word| (Subject::Format, word.bits)));
    for (index, level) in description.levels.iter().enumerate() {
        widths.extend(level.node.word.map(|word| (Subject::Level(index), word)));
    }
    for (index, layout) in description.layouts.iter().enumerate() {
        widths.extend(layout.node.word.map(|word| (Subject::Layout(index), word)));
    }
    for (subject, width) in widths {
        if ![32, 64, 128].contains(&width.value.value) {
            let diagnostic = Diagnostic::new(Code::WordWidth, format!("a word of {} bits", width.value.value))
                .label(width.span, "expected 32, 64 or 128");
            facts.report(subject, diagnostic);
        }
    }
}

fn ranges(facts: &mut Facts<'_>) {
    for (index, range) in facts.description.ranges.iter().enumerate() {
        let what = "a range of VA";
        if let Some(diagnostic) = width(facts, &range.node.width, what, 1, ADDRESS_BITS) {
            facts.report(Subject::Format, diagnostic);
            continue;
        }
        if let Some(widened) = range.node.widened.filter(|it| it.value.value > u128::from(MOST_WIDENED)) {
            let text = format!("a root widened by {} bits", widened.value.value);
            let diagnostic = Diagnostic::new(Code::WidthAstray, text)
                .label(widened.span, "more tables side by side than fit in memory")
                .note(format!("expected at most {MOST_WIDENED} bits"));
            facts.report(Subject::Format, diagnostic);
        }
        prefix(facts, &range.node);
        let (Some(tag), Some(bounds)) = (&range.node.tag, facts.small_bounds(&range.node.width)) else { continue };
        let most = bounds.most;
        let (high, low) = (tag.bits.high, tag.bits.low);
        if low.value.value < u128::from(most) || high.value.value >= u128::from(ADDRESS_BITS) {
            let diagnostic =
                Diagnostic::new(Code::TagAstray, "a tag among the bits that are translated, or beyond the VA")
                    .label(high.span.to(low.span), "these bits would be ignored")
                    .label(value_span(&range.node.width), format!("bits {}..0 are translated", most.saturating_sub(1)))
                    .note(format!("expected bits between {} and {most}", ADDRESS_BITS - 1));
            facts.report(Subject::Range(index), diagnostic);
        }
    }
}

/// A prefix fits the bits above the widest VA of its range.
fn prefix(facts: &mut Facts<'_>, range: &crate::tree::Virtual) {
    let Extension::Prefix(value) = &range.extension.value else { return };
    let Some(bounds) = facts.small_bounds(&range.width) else { return };
    let above = ADDRESS_BITS.saturating_sub(bounds.most);
    if value.value.value >> above == 0 {
        return;
    }
    let diagnostic = Diagnostic::new(Code::ValueTooLarge, format!("a prefix that does not fit {above} bits"))
        .label(value.span, "above the translated bits")
        .label(value_span(&range.width), format!("leaves {above} of {ADDRESS_BITS} bits"));
    facts.report(Subject::Format, diagnostic);
}

fn outputs(facts: &mut Facts<'_>) {
    let description = facts.description;
    let mut widths = Vec::new();
    for case in description.output.iter().flat_map(|output| &output.cases) {
        widths.push((Subject::Format, &case.value.value));
    }
    for (index, layout) in description.layouts.iter().enumerate() {
        for case in layout.node.output.iter().flat_map(|output| &output.cases) {
            widths.push((Subject::Layout(index), &case.value.value));
        }
    }
    for (subject, value) in widths {
        if let Some(diagnostic) = width(facts, value, "an OA", 1, ADDRESS_BITS) {
            facts.report(subject, diagnostic);
        }
    }
}

/// The index bits of every level lie in the VA, and its tables have a size that fits in memory.
fn levels(facts: &mut Facts<'_>) {
    for (index, level) in facts.description.levels.iter().enumerate() {
        let (place, parts) = match &level.node.index {
            LevelIndex::Bits(bits) => (bits.high.span.to(bits.low.span), Vec::new()),
            LevelIndex::Above { width, base } => (value_span(width).to(value_span(base)), vec![width, base]),
        };
        let mut wrong = None;
        for value in parts {
            let is_level = matches!(value, Value::Name(name) if facts.level_named(&name.value).is_some());
            if !is_level {
                wrong = wrong.or_else(|| width(facts, value, "an index", 0, ADDRESS_BITS));
            }
        }
        let position = facts.position(index);
        // A level above something that is nothing has no place, and what it names has been complained about.
        let unplaced = position.is_none() && matches!(level.node.index, LevelIndex::Above { .. });
        if wrong.is_none() && !unplaced {
            let fits = |bounds: Bounds| bounds.least <= ADDRESS_BITS;
            let (inside, odd) = match position {
                Some(it) if it.above.is_none() && parts_fixed(level) => {
                    (it.end().most <= ADDRESS_BITS, it.bits.most > 24)
                }
                Some(it) => (fits(it.low), it.bits.most > 24),
                None => (false, false),
            };
            if !inside || odd {
                let text = if odd { "a table of more than 2^24 slots" } else { "index bits beyond a VA of 64 bits" };
                wrong = Some(Diagnostic::new(Code::WidthAstray, text).label(place, "these index bits"));
            }
        }
        if let Some(diagnostic) = wrong {
            facts.report(Subject::Format, diagnostic);
        }
    }
}

fn parts_fixed(level: &crate::resolve::Documented<crate::tree::Level>) -> bool {
    matches!(level.node.index, LevelIndex::Bits(_))
}

/// What is wrong with a width, if anything.
fn width(facts: &Facts<'_>, value: &Value, what: &str, least: u32, most: u32) -> Option<Diagnostic> {
    if matches!(value, Value::Name(name) if facts.parameter(&name.value).is_none()) {
        return None;
    }
    let span = value_span(value);
    let expected = format!("expected {least} to {most} bits");
    let Some(bounds) = facts.bounds(value) else {
        return Some(
            Diagnostic::new(Code::WidthAstray, format!("an address as the width of {what}"))
                .label(span, "a parameter whose values are addresses")
                .note(expected),
        );
    };
    if bounds.0 >= u128::from(least) && bounds.1 <= u128::from(most) {
        return None;
    }
    let found =
        if bounds.0 == bounds.1 { format!("{} bits", bounds.0) } else { format!("{} to {} bits", bounds.0, bounds.1) };
    let mut diagnostic = Diagnostic::new(Code::WidthAstray, format!("{what} of {found}")).label(span, "this width");
    if let Value::Name(name) = value
        && let Some(parameter) = facts.parameter(&name.value)
        && parameter_bounds(&facts.parameter_at(parameter).set).is_some()
    {
        diagnostic = diagnostic.label(facts.parameter_at(parameter).name.span, "bound by this parameter");
    }
    Some(diagnostic.note(expected))
}

/// Where a value was written.
pub(super) fn value_span(value: &Value) -> Span {
    match value {
        Value::Number(number) => number.span,
        Value::Name(name) => name.span,
    }
}
