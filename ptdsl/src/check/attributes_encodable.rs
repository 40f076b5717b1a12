//! Every name of an attribute, and every field of one bit in both its values, can be written in each leaf that does not
//! say that it lacks it, at each level, and reads back as what was written.

use super::facts::{Facts, Subject};
use super::meanings_once::is_choice;
use super::text::with;
use super::variables::Meaning;
use crate::diagnostic::{Code, Diagnostic};
use crate::logic::Bdd;
use crate::tree::{AttributeValue, LayoutKind};

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    for level in facts.used_levels() {
        if !facts.sound(Subject::Level(level)) {
            continue;
        }
        for listed in facts.listed(level).iter() {
            let sound = facts.is_kind(listed.layout, LayoutKind::Leaf) && facts.sound(Subject::Layout(listed.layout));
            if !sound || !facts.possible(listed.accepted) {
                continue;
            }
            let valid = facts.valid(listed.layout, level);
            choices(facts, level, listed.layout, listed.accepted, valid);
            flags(facts, level, listed.layout, listed.accepted, valid);
        }
    }
}

/// Each name of a choice has a number that a valid word can hold.
///
/// Numbers that the client may bind anew are looked at only where all their bits are there: where a binding takes some
/// away, the numbers to write are the client's, too.
fn choices(facts: &mut Facts<'_>, level: usize, layout: usize, accepted: Bdd, valid: Bdd) {
    for attribute in 0..facts.description.attributes.len() {
        let node = &facts.description.attributes[attribute].node;
        let lacks = &facts.layout(layout).lacks;
        let lacking = node.fields.iter().chain(&node.names).any(|name| lacks.contains(name));
        let child = node.names.iter().any(|name| name.value == "child");
        if !is_choice(node) || lacking || child || !facts.sound(Subject::Attribute(attribute)) {
            continue;
        }
        let shape = facts.shape(layout, Some(level));
        let (mut some, mut all) = (Bdd::FALSE, Bdd::TRUE);
        for field in &node.fields {
            for bit in 0..facts.field_bits(&field.value) {
                let stored = shape.fields.get(&field.value).into_iter().flatten();
                let whens: Vec<Bdd> =
                    stored.filter(|it| it.value_bit == bit && !it.constant).map(|it| it.when).collect();
                let there = facts.bdds.any(whens);
                some = facts.bdds.or(some, there);
                all = facts.bdds.and(all, there);
            }
        }
        let active = facts.active(node);
        let asked = if node.parameter { all } else { some };
        let asked = facts.bdds.all([accepted, active, asked]);
        let bits = facts.group_bits(attribute, &shape);
        for value in &node.values {
            if value.names.iter().any(|name| name.value == "reserved") {
                continue;
            }
            let words = written(facts, &bits, value);
            let words = facts.bdds.and(words, valid);
            let writable = facts.bdds.exists(words, &Meaning::is_of_word);
            let bad = facts.bdds.and_not(asked, writable);
            let Some(cube) = facts.counterexample(bad) else { continue };
            let what = format!("`{}`", value.names.iter().map(|it| it.value.as_str()).collect::<Vec<_>>().join(" "));
            let binding = with(&facts.binding_text(&cube));
            let diagnostic = cannot(facts, level, layout, &what, &binding)
                .label(value.span, "its numbers")
                .note("expected a number that this leaf can hold and that is not refused");
            facts.report(Subject::Attribute(attribute), diagnostic);
            return;
        }
    }
}

/// The words with the number that is written: the first one whose bits are all there.
fn written(facts: &mut Facts<'_>, bits: &[Bdd], value: &AttributeValue) -> Bdd {
    let (mut words, mut before) = (Bdd::FALSE, Bdd::FALSE);
    for number in &value.numbers {
        let same = facts.number_is(bits, number.value.value);
        let held = facts.bdds.exists(same, &Meaning::is_of_word);
        let first = facts.bdds.and_not(same, before);
        words = facts.bdds.or(words, first);
        before = facts.bdds.or(before, held);
    }
    words
}

/// A flag that a leaf has can be set and cleared under some binding.
fn flags(facts: &mut Facts<'_>, level: usize, layout: usize, accepted: Bdd, valid: Bdd) {
    let shape = facts.shape(layout, Some(level));
    for (name, stored) in shape.free_fields() {
        if stored.iter().any(|it| it.value_bit > 0) {
            continue;
        }
        let has = facts.has_field(layout, Some(level), name);
        let asked = facts.bdds.and(accepted, has);
        // A field at a parameter is no bit of the words that were looked at, and nothing restricts it.
        if stored.iter().any(|it| it.word_bit.is_none()) {
            continue;
        }
        let set = facts.stored_bit(stored, 0);
        let clear = facts.bdds.not(set);
        for (state, what) in [(set, "set"), (clear, "clear")] {
            let words = facts.bdds.and(state, valid);
            let writable = facts.bdds.exists(words, &Meaning::is_of_word);
            // What a machine may lack, a right to execute without reading for one, makes no value useless.
            let some = facts.bdds.and(asked, writable);
            if !facts.possible(asked) || facts.possible(some) {
                continue;
            }
            let mut diagnostic = cannot(facts, level, layout, &format!("`{name}` {what}"), "");
            if let Some(row) = stored.first().and_then(|it| facts.layout(layout).rows.get(it.row)) {
                diagnostic = diagnostic.label(row.span, "this field");
            }
            facts.report(
                Subject::Layout(layout),
                diagnostic.help("a bit with one value is no field: make it a constant or `reserved`"),
            );
            return;
        }
    }
}

fn cannot(facts: &Facts<'_>, level: usize, layout: usize, what: &str, binding: &str) -> Diagnostic {
    let (level, node) = (facts.level(level), facts.layout(layout));
    let text = format!("no `{}` at `{}` can be written with {what}{binding}", node.name.value, level.name.value);
    let mut diagnostic =
        Diagnostic::new(Code::CannotBeWritten, text).label(facts.description.layouts[layout].span, "this leaf");
    for condition in node.identity.iter().chain(&node.forbid) {
        diagnostic = diagnostic.label(condition.span, "demanded of its words");
    }
    diagnostic
}
