//! The format says how every kind of change is made, under every binding, and what it says about the machine concerns
//! fields and levels that are there.

use super::facts::{Facts, Subject};
use super::text::{list, with};
use crate::diagnostic::{Code, Diagnostic};
use crate::logic::Bdd;
use crate::model::Change;
use crate::tree::{LayoutKind, Name, RuleKind};

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
        let last = |wanted: &str| {
            let rules = description.update.iter().rev();
            rules.into_iter().find_map(|rule| match &rule.kind {
                RuleKind::Way { kinds, way } if kinds.iter().any(|kind| kind.value == wanted) => Some((rule.span, way)),
                _ => None,
            })
        };
        let Some((span, way)) = last(change.name()).or_else(|| last("all")) else {
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
    let mut spans: Vec<crate::span::Span> = Vec::new();
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

/// A field that the machine writes is in some leaf or table whenever it does.
fn hardware(facts: &mut Facts<'_>, field: &Name, when: Bdd) {
    let mut there = Bdd::FALSE;
    for layout in facts.used_layouts() {
        if !matches!(facts.layout(layout).kind, LayoutKind::Leaf | LayoutKind::Table) {
            continue;
        }
        if !facts.sound(Subject::Layout(layout)) {
            return;
        }
        for (level, accepted) in facts.places(layout) {
            let has = facts.has_field(layout, Some(level), &field.value);
            let has = facts.bdds.and(has, accepted);
            there = facts.bdds.or(there, has);
        }
    }
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
