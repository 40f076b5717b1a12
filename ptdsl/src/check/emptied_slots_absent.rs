//! A slot can be emptied: under every binding a level has an absent layout, and the word written for the first one, its
//! free bits zero, is of that layout.

use super::facts::{Facts, Subject};
use super::shape::fixed_bits;
use super::text::with;
use crate::diagnostic::{Code, Diagnostic};
use crate::logic::Bdd;
use crate::tree::{Content, LayoutKind, Value};

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    for level in facts.used_levels() {
        if !facts.sound(Subject::Level(level)) {
            continue;
        }
        let mut none = Bdd::TRUE;
        for listed in facts.listed(level).iter() {
            if !facts.is_kind(listed.layout, LayoutKind::Absent) {
                continue;
            }
            let chosen = facts.bdds.and(none, listed.accepted);
            none = facts.bdds.and_not(none, listed.accepted);
            if facts.sound(Subject::Layout(listed.layout)) {
                written(facts, level, listed.entry, listed.layout, chosen);
            }
        }
        let Some(cube) = facts.counterexample(none) else { continue };
        let name = &facts.level(level).name;
        let binding = with(&facts.binding_text(&cube));
        let diagnostic =
            Diagnostic::new(Code::NothingAbsent, format!("no slot of `{}` can be empty{binding}", name.value))
                .label(name.span, "lists no absent layout then")
                .note("expected an absent layout under every binding")
                .help("list an `absent` layout first; a slot that is emptied holds it");
        facts.report(Subject::Level(level), diagnostic);
    }
}

/// The word that is written is of the layout and is not refused, wherever the layout is chosen.
fn written(facts: &mut Facts<'_>, level: usize, entry: usize, layout: usize, chosen: Bdd) {
    let word = written_word(facts, layout, level);
    let valid = facts.valid(layout, level);
    let written = facts.bdds.and(chosen, word);
    let bad = facts.bdds.and_not(written, valid);
    let Some(cube) = facts.counterexample(bad) else { return };
    let bits = facts.word_bits(level).unwrap_or(64);
    let name = &facts.layout(layout).name.value;
    let found = format!("found {}{}", facts.word_text(&cube, bits), with(&facts.binding_text(&cube)));
    let level_node = facts.level(level);
    let mut diagnostic = Diagnostic::new(
        Code::EmptiedSlot,
        format!("an emptied slot of `{}` would be no `{name}`", level_node.name.value),
    )
    .label(level_node.entries[entry].span, "the first absent layout is what an emptied slot holds")
    .label(facts.description.layouts[layout].span, "written with its free bits zero");
    for condition in facts.layout(layout).identity.iter().chain(&facts.layout(layout).forbid) {
        diagnostic = diagnostic.label(condition.span, "fails then");
    }
    facts.report(Subject::Layout(layout), diagnostic.note(found).help("list another absent layout first"));
}

/// Constants, `reserved` and `ignored` as they say, everything else zero.
fn written_word(facts: &mut Facts<'_>, layout: usize, level: usize) -> Bdd {
    let shape = facts.shape(layout, Some(level));
    let mut word = Bdd::TRUE;
    for (row, applies) in facts.layout(layout).rows.iter().zip(&shape.rows) {
        let Some(place) = fixed_bits(&row.node.place.value) else { continue };
        for (case, applies) in row.node.content.cases.iter().zip(applies) {
            let value = match &case.value.value {
                Content::Constant(value) => Some(value),
                Content::Field { value, .. } | Content::Table { value, .. } => value.as_ref(),
                Content::Reserved(value) | Content::Ignored(value) => value.as_ref(),
                _ => None,
            };
            let mut bits = match value {
                Some(value) => facts.row_is(place, value, Some(level)),
                None => Bdd::TRUE,
            };
            // A parameter that is no small number leaves the bits themselves open.
            let open = matches!(value, Some(Value::Name(_)));
            if value.is_none() && !open {
                for bit in place.1..=place.0 {
                    let clear = facts.bit(bit, false);
                    bits = facts.bdds.and(bits, clear);
                }
            }
            let demand = facts.bdds.implies(*applies, bits);
            word = facts.bdds.and(word, demand);
        }
    }
    word
}
