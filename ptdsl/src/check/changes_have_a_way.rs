//! The format says how every kind of change is made, under every binding, and what it says about the machine concerns
//! fields and levels that are there.

use super::facts::{Facts, Subject};
use super::text::{list, with};
use crate::diagnostic::{Code, Diagnostic};
use crate::logic::Bdd;
use crate::model::Change;
use crate::span::Span;
use crate::tree::{Alt, LayoutKind, Name, Rule, RuleKind, Way};

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    ways(facts);
    for rule in &facts.description.update {
        match &rule.kind {
            RuleKind::Hardware { fields, when } => {
                let when = when.as_ref().map_or(Bdd::TRUE, |when| facts.binding_condition(when, None));
                for field in fields {
                    hardware(facts, field, when);
                }
            }
            RuleKind::Registers(level) => registers(facts, level),
            RuleKind::Hold { field, when } => {
                let when = when.as_ref().map_or(Bdd::TRUE, |when| facts.binding_condition(when, None));
                hold(facts, field, when);
            }
            RuleKind::Way { .. } | RuleKind::Clean(_) | RuleKind::Pairs => {}
        }
    }
}

/// Each kind has one way under every binding: the last rule that names it, else the last one for `all`.
fn ways(facts: &mut Facts<'_>) {
    let description = facts.description;
    let mut unsaid: Vec<&str> = Vec::new();
    let mut open = Vec::new();
    for change in Change::ALL {
        let Some((span, way)) = last_rule(&description.update, change) else {
            unsaid.push(change.name());
            continue;
        };
        let applies = facts.alternatives(way, None);
        let any = facts.bdds.any(applies);
        let none = facts.bdds.not(any);
        if let Some(cube) = facts.counterexample(none) {
            open.push((span, change.name(), facts.binding_text(&cube)));
        }
    }
    if !unsaid.is_empty() {
        let diagnostic =
            Diagnostic::new(Code::NoWay, format!("nothing says how these changes are made: {}", list(unsaid)))
                .label(description.update.first().map_or(description.span, |rule| rule.span), "the first rule")
                .note("expected a way for each kind of change")
                .help("add `all = live;`, or `all = break;` where the manual demands it");
        facts.report(Subject::Format, diagnostic);
    }
    let mut spans: Vec<Span> = Vec::new();
    for (span, kind, binding) in open {
        if spans.contains(&span) {
            continue;
        }
        spans.push(span);
        let diagnostic =
            Diagnostic::new(Code::NoWay, format!("nothing says how a change of `{kind}` is made{}", with(&binding)))
                .label(span, "none of these alternatives applies")
                .note("expected one way under every binding")
                .help("end the chain with `else` and a way without `when`");
        facts.report(Subject::Format, diagnostic);
    }
}

/// The rule that says how a change of a kind is made: the last that names it, else the last for `all`.
fn last_rule(rules: &[Rule], change: Change) -> Option<(Span, &Alt<Way>)> {
    let last = |wanted: &str| {
        rules.iter().rev().find_map(|rule| match &rule.kind {
            RuleKind::Way { kinds, way } if kinds.iter().any(|kind| kind.value == wanted) => Some((rule.span, way)),
            _ => None,
        })
    };
    last(change.name()).or_else(|| last("all"))
}

/// When some layout of these kinds has a field; nothing if that cannot be told.
fn somewhere(facts: &mut Facts<'_>, field: &Name, kinds: &[LayoutKind]) -> Option<Bdd> {
    let mut there = Bdd::FALSE;
    for layout in facts.used_layouts() {
        if !kinds.contains(&facts.layout(layout).kind) {
            continue;
        }
        if !facts.sound(Subject::Layout(layout)) {
            return None;
        }
        for (level, accepted) in facts.places(layout) {
            let has = facts.has_field(layout, Some(level), &field.value);
            let has = facts.bdds.and(has, accepted);
            there = facts.bdds.or(there, has);
        }
    }
    Some(there)
}

/// A field that the machine writes is in some leaf or table whenever it does.
fn hardware(facts: &mut Facts<'_>, field: &Name, when: Bdd) {
    let Some(there) = somewhere(facts, field, &[LayoutKind::Leaf, LayoutKind::Table]) else { return };
    let bad = facts.bdds.and_not(when, there);
    let Some(cube) = facts.counterexample(bad) else { return };
    let binding = with(&facts.binding_text(&cube));
    let diagnostic =
        Diagnostic::new(Code::HardwareFieldAstray, format!("no leaf or table has `{}`{binding}", field.value))
            .label(field.span, "said to be written by the machine")
            .note("expected the field in some leaf or table whenever the rule applies")
            .help("say `when` it is there");
    facts.report(Subject::Format, diagnostic);
}

/// What holds a leaf while its size changes is one bit of some leaf, and the size is changed by way of absent.
fn hold(facts: &mut Facts<'_>, field: &Name, when: Bdd) {
    let Some(there) = somewhere(facts, field, &[LayoutKind::Leaf]) else { return };
    let absent = facts.bdds.and_not(when, there);
    if let Some(cube) = facts.counterexample(absent) {
        let binding = with(&facts.binding_text(&cube));
        let diagnostic = Diagnostic::new(Code::HoldAstray, format!("no leaf has `{}`{binding}", field.value))
            .label(field.span, "said to hold leaves")
            .note("expected the field in some leaf whenever the rule applies")
            .help("say `when` it is there");
        facts.report(Subject::Format, diagnostic);
        return;
    }
    if let Some(bits) = widest_leaf(facts, field).filter(|bits| *bits > 1) {
        let diagnostic = Diagnostic::new(Code::HoldAstray, format!("`{}` has {bits} bits", field.value))
            .label(field.span, "said to hold leaves")
            .note("expected one bit, which is set meanwhile");
        facts.report(Subject::Format, diagnostic);
        return;
    }
    let Some((span, way)) = last_rule(&facts.description.update, Change::Size) else { return };
    let applies = facts.alternatives(way, None).into_iter().zip(&way.cases);
    let others: Vec<Bdd> =
        applies.filter(|(_, case)| case.value.value != Way::Break).map(|(applies, _)| applies).collect();
    let otherwise = facts.bdds.any(others);
    let unused = facts.bdds.and(when, otherwise);
    let Some(cube) = facts.counterexample(unused) else { return };
    let binding = with(&facts.binding_text(&cube));
    let diagnostic = Diagnostic::new(Code::HoldAstray, format!("no leaf is held by `{}`{binding}", field.value))
        .label(field.span, "set while the size of a leaf changes by way of `break`")
        .label(span, "made in another way")
        .note("expected `size` to be made by `break` whenever the rule applies")
        .help("say `when` it is");
    facts.report(Subject::Format, diagnostic);
}

/// The most bits that a field has in a leaf.
fn widest_leaf(facts: &mut Facts<'_>, field: &Name) -> Option<u32> {
    let leaves = facts.used_layouts().into_iter().filter(|layout| facts.layout(*layout).kind == LayoutKind::Leaf);
    let leaves: Vec<usize> = leaves.collect();
    let widths = leaves.into_iter().flat_map(|layout| {
        let views = facts.views(layout);
        let shapes = views.into_iter().map(|level| facts.shape(layout, level));
        let widths = shapes.filter_map(|shape| shape.stored(&field.value)?.iter().map(|bit| bit.value_bit + 1).max());
        widths.collect::<Vec<u32>>()
    });
    widths.max()
}

/// Only a root can be held in registers.
fn registers(facts: &mut Facts<'_>, name: &Name) {
    let Some(level) = facts.level_named(&name.value) else { return };
    let used = facts.used_levels();
    let above: Vec<usize> = used.iter().copied().filter(|it| facts.below(*it).contains(&level)).collect();
    if used.contains(&level) && above.is_empty() {
        return;
    }
    let mut diagnostic =
        Diagnostic::new(Code::RegistersBelowRoot, format!("`{}` is not the highest level", name.value))
            .label(name.span, "said to be held in registers until the root is loaded again")
            .label(facts.level(level).name.span, if above.is_empty() { "no part of the format" } else { "this level" });
    if let Some(above) = above.first() {
        diagnostic = diagnostic.label(facts.level(*above).name.span, "above it");
    }
    facts.report(
        Subject::Format,
        diagnostic.note("expected the highest level: only the table of the root is loaded with it"),
    );
}
