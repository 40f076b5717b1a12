//! What a leaf says it says once: no name is both a field and a part of a number, and no field is a part of two numbers.

use super::facts::{Facts, Subject};
use super::text::with;
use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{LayoutKind, Name};

pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    for layout in facts.sound_layouts() {
        if facts.is_kind(layout, LayoutKind::Absent) {
            continue;
        }
        for view in facts.views(layout) {
            if !of_layout(facts, layout, view) {
                break;
            }
        }
    }
}

fn of_layout(facts: &mut Facts<'_>, layout: usize, view: Option<usize>) -> bool {
    let attributes = &facts.description.attributes;
    for (index, attribute) in attributes.iter().enumerate() {
        if !facts.sound(Subject::Attribute(index)) {
            continue;
        }
        let active = in_force(facts, index, layout, view);
        // A name of the attribute that is a field of its own as well.
        for name in attribute.node.names.iter().filter(|name| !attribute.node.fields.contains(name)) {
            let has = facts.has_field(layout, view, &name.value);
            let both = facts.bdds.and(active, has);
            let Some(cube) = facts.counterexample(both) else { continue };
            let row = facts.shape(layout, view).fields.get(&name.value).and_then(|it| it.first().map(|it| it.row));
            let binding = with(&facts.binding_text(&cube));
            let mut diagnostic = Diagnostic::new(
                Code::SaidTwice,
                format!("`{}` is said twice in `{}`{binding}", name.value, facts.layout(layout).name.value),
            )
            .label(name.span, "by the numbers of this attribute");
            if let Some(row) = row {
                diagnostic = diagnostic.label(facts.layout(layout).rows[row].span, "by a field of its own");
            }
            facts.report(
                Subject::Layout(layout),
                diagnostic
                    .note("expected one place that says it under each binding")
                    .help("let `when` choose one of them, or give the field another name"),
            );
            return false;
        }
        for (other_index, other) in attributes[..index].iter().enumerate() {
            let Some((one, two)) = shared(&attribute.node.names, &other.node.names)
                .or_else(|| shared(&attribute.node.fields, &other.node.fields))
            else {
                continue;
            };
            let other_active = in_force(facts, other_index, layout, view);
            let both = facts.bdds.and(active, other_active);
            let Some(cube) = facts.counterexample(both) else { continue };
            let binding = with(&facts.binding_text(&cube));
            let diagnostic = Diagnostic::new(Code::SaidTwice, format!("two attributes name `{}`{binding}", one.value))
                .label(one.span, "here")
                .label(two.span, "and here")
                .note("expected one attribute in force for each name and for each field")
                .help("let `when` choose one of them");
            facts.report(Subject::Attribute(index), diagnostic);
            return false;
        }
    }
    true
}

/// When an attribute is in force in a layout: one of its fields is there.
fn in_force(facts: &mut Facts<'_>, attribute: usize, layout: usize, view: Option<usize>) -> crate::logic::Bdd {
    let node = &facts.description.attributes[attribute].node;
    let mut there = crate::logic::Bdd::FALSE;
    for field in &node.fields {
        let has = facts.has_field(layout, view, &field.value);
        there = facts.bdds.or(there, has);
    }
    let active = facts.active(node);
    facts.bdds.and(active, there)
}

fn shared<'a>(one: &'a [Name], two: &'a [Name]) -> Option<(&'a Name, &'a Name)> {
    one.iter().find_map(|name| Some((name, two.iter().find(|other| *other == name)?)))
}
