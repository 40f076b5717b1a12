//! Each listed layout is possible: wherever a level accepts it, some word is that layout and is not refused.

use super::facts::{Facts, Subject};
use super::text::with;
use super::variables::Meaning;
use crate::diagnostic::{Code, Diagnostic};
use crate::logic::Bdd;

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    for attribute in 0..facts.description.attributes.len() {
        if !facts.sound(Subject::Attribute(attribute)) {
            return;
        }
    }
    let mut told: Vec<usize> = Vec::new();
    for level in facts.used_levels() {
        if !facts.sound(Subject::Level(level)) {
            continue;
        }
        for listed in facts.listed(level).iter() {
            if told.contains(&listed.layout) || !facts.sound(Subject::Layout(listed.layout)) {
                continue;
            }
            let identity = facts.identity(listed.layout, Some(level));
            let diagnostic = if facts.possible(listed.accepted) {
                accepted(facts, level, listed.layout, identity, listed.accepted)
            } else {
                let there = facts.bdds.and(identity, listed.present);
                if facts.possible(there) { None } else { Some((Code::LayoutImpossible, String::new())) }
            };
            let Some((code, binding)) = diagnostic else { continue };
            told.push(listed.layout);
            let entry = &facts.level(level).entries[listed.entry];
            let documented = &facts.description.layouts[listed.layout];
            let (name, level_name) = (&entry.layout.value, &facts.level(level).name.value);
            let mut diagnostic = if code == Code::ForbidsAll {
                Diagnostic::new(code, format!("every `{name}` at `{level_name}` is forbidden{binding}"))
            } else {
                Diagnostic::new(code, format!("no word at `{level_name}` can be `{name}`{binding}"))
            };
            diagnostic = diagnostic
                .label(entry.span, "listed here")
                .label(documented.span, "demands that exclude each other")
                .note("expected some word that meets every demand: constants, `where`, reserved bits and `forbid`");
            let conditions = documented.node.identity.iter().chain(&documented.node.forbid);
            for condition in conditions {
                diagnostic = diagnostic.label(condition.span, "demanded of its words");
            }
            if code == Code::ForbidsAll {
                diagnostic = diagnostic.help(format!("write `reserved {name}` if no such word is accepted here"));
            }
            facts.report(Subject::Layout(listed.layout), diagnostic);
        }
    }
}

/// What makes the words of an accepted layout impossible, if they are, and the binding.
fn accepted(
    facts: &mut Facts<'_>,
    level: usize,
    layout: usize,
    identity: Bdd,
    accepted: Bdd,
) -> Option<(Code, String)> {
    let lawful = facts.lawful(layout, level);
    let words = facts.bdds.and(identity, lawful);
    let left = facts.not_forbidden(layout, level);
    let valid = facts.bdds.and(words, left);
    for (words, code) in [(words, Code::LayoutImpossible), (valid, Code::ForbidsAll)] {
        let some = facts.bdds.exists(words, &Meaning::is_of_word);
        let bad = facts.bdds.and_not(accepted, some);
        if let Some(cube) = facts.counterexample(bad) {
            return Some((code, with(&facts.binding_text(&cube))));
        }
    }
    None
}
