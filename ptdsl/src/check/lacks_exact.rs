//! `lacks` is exact: what other leaves say and this one cannot is listed, and nothing else is. So nothing is lost unsaid
//! when a leaf is split, merged or moved to another level.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Facts, Subject};
use super::text::with;
use crate::diagnostic::{Code, Diagnostic};
use crate::logic::Bdd;
use crate::tree::LayoutKind;

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    let mut leaves: Vec<(usize, Bdd)> = Vec::new();
    for layout in facts.used_layouts() {
        if !facts.is_kind(layout, LayoutKind::Leaf) {
            continue;
        }
        // What a broken leaf has is not known, and so neither is what the others lack.
        if !facts.sound(Subject::Layout(layout)) {
            return;
        }
        let accepted: Vec<Bdd> = facts.places(layout).into_iter().map(|(_, accepted)| accepted).collect();
        let accepted = facts.bdds.any(accepted);
        if facts.possible(accepted) {
            leaves.push((layout, accepted));
        }
    }
    let mut says: BTreeMap<usize, BTreeMap<String, Bdd>> = BTreeMap::new();
    for (layout, _) in &leaves {
        let said = said(facts, *layout);
        says.insert(*layout, said);
    }
    for (layout, accepted) in &leaves {
        unsaid(facts, *layout, *accepted, &leaves, &says);
        needless(facts, *layout, *accepted, &leaves, &says);
    }
}

/// Everything that a leaf says, with the bindings under which it does. Fields count, and so do the names of attributes
/// that are read off them.
fn said(facts: &mut Facts<'_>, layout: usize) -> BTreeMap<String, Bdd> {
    let mut said: BTreeMap<String, Bdd> = BTreeMap::new();
    for (level, accepted) in facts.places(layout) {
        if accepted.is_false() {
            continue;
        }
        let shape = facts.shape(layout, Some(level));
        let fields: Vec<&str> = shape.free_fields().map(|(name, _)| name).collect();
        for name in fields {
            let has = facts.has_field(layout, Some(level), name);
            let known = said.entry(name.to_owned()).or_insert(Bdd::FALSE);
            *known = facts.bdds.or(*known, has);
        }
    }
    said
}

/// When some other leaf says the name and this one does not.
fn elsewhere(
    facts: &mut Facts<'_>,
    name: &str,
    layout: usize,
    accepted: Bdd,
    leaves: &[(usize, Bdd)],
    says: &BTreeMap<usize, BTreeMap<String, Bdd>>,
) -> (Bdd, Option<usize>) {
    let (mut when, mut who) = (Bdd::FALSE, None);
    let here = says.get(&layout).and_then(|said| said.get(name)).copied().unwrap_or(Bdd::FALSE);
    for (other, other_accepted) in leaves.iter().filter(|(other, _)| *other != layout) {
        let Some(there) = says.get(other).and_then(|said| said.get(name)).copied() else { continue };
        let there = facts.bdds.and(there, *other_accepted);
        let there = facts.bdds.and_not(there, here);
        let there = facts.bdds.and(there, accepted);
        if facts.possible(there) {
            who = who.or(Some(*other));
        }
        when = facts.bdds.or(when, there);
    }
    (when, who)
}

fn unsaid(
    facts: &mut Facts<'_>,
    layout: usize,
    accepted: Bdd,
    leaves: &[(usize, Bdd)],
    says: &BTreeMap<usize, BTreeMap<String, Bdd>>,
) {
    let all: BTreeSet<&String> = says.values().flat_map(BTreeMap::keys).collect();
    let node = facts.layout(layout);
    for name in all {
        if node.lacks.iter().any(|lacked| lacked.value == **name) {
            continue;
        }
        let (when, who) = elsewhere(facts, name, layout, accepted, leaves, says);
        let (Some(cube), Some(who)) = (facts.counterexample(when), who) else { continue };
        let binding = with(&facts.binding_text(&cube));
        let shape_row = field_row(facts, who, name);
        let mut diagnostic =
            Diagnostic::new(Code::LacksUnsaid, format!("`{}` cannot say `{name}`{binding}", node.name.value))
                .label(facts.description.layouts[layout].span, "has no such field");
        if let Some(span) = shape_row {
            diagnostic = diagnostic.label(span, format!("`{}` says it", facts.layout(who).name.value));
        }
        // Under this name the layout has a constant, if it has anything: then the other one most probably should, too.
        let help = match field_row(facts, layout, name) {
            Some(span) => {
                diagnostic = diagnostic.label(span, "a constant here");
                format!(
                    "give `{name}` a value in `{}`, too, if it tells them apart; or add `lacks {name};`",
                    facts.layout(who).name.value
                )
            }
            None => format!("add a row for `{name}`, or `lacks {name};`"),
        };
        facts.report(
            Subject::Layout(layout),
            diagnostic
                .note("expected every leaf to have the fields of all leaves, or to name what it lacks")
                .help(help),
        );
    }
}

fn needless(
    facts: &mut Facts<'_>,
    layout: usize,
    accepted: Bdd,
    leaves: &[(usize, Bdd)],
    says: &BTreeMap<usize, BTreeMap<String, Bdd>>,
) {
    let node = facts.layout(layout);
    for name in &node.lacks {
        let fields = facts.description.attributes.iter().filter(|it| it.node.names.contains(name));
        let fields: Vec<String> =
            fields.flat_map(|it| it.node.fields.iter().map(|field| field.value.clone())).collect();
        let mut lacked = false;
        for name in core::iter::once(&name.value).chain(&fields) {
            let (when, _) = elsewhere(facts, name, layout, accepted, leaves, says);
            lacked |= facts.possible(when);
        }
        if lacked {
            continue;
        }
        let mut diagnostic =
            Diagnostic::new(Code::LacksNeedless, format!("`{}` does not lack `{}`", node.name.value, name.value))
                .label(name.span, "said to be missing");
        diagnostic = match field_row(facts, layout, &name.value) {
            Some(span) => diagnostic.label(span, "is here"),
            None => diagnostic.note("no other leaf has it"),
        };
        facts.report(Subject::Layout(layout), diagnostic.help("remove it from `lacks`"));
    }
}

/// The row of a field.
fn field_row(facts: &mut Facts<'_>, layout: usize, name: &str) -> Option<crate::span::Span> {
    let view = facts.views(layout).first().copied()?;
    let row = facts.shape(layout, view).fields.get(name)?.first()?.row;
    Some(facts.layout(layout).rows.get(row)?.span)
}
