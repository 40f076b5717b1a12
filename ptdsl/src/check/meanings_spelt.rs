//! No field or attribute has a name that is almost one with a meaning: it would be a field of this format only, and what
//! the language knows of the other would be lost without a word.

use super::facts::{Facts, Subject};
use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{Content, LayoutKind, Name};
use crate::vocabulary::meant;

pub(super) fn check(facts: &mut Facts<'_>) {
    for layout in facts.used_layouts() {
        // What an absent word holds is payload, whatever its name.
        if !facts.is_kind(layout, LayoutKind::Absent) {
            fields(facts, layout);
        }
    }
    attributes(facts);
}

/// The fields of a layout that says nothing under the name with the meaning.
fn fields(facts: &mut Facts<'_>, layout: usize) {
    let description = facts.description;
    let cases = || description.layouts[layout].node.rows.iter().flat_map(|row| &row.node.content.cases);
    let named = || {
        cases().filter_map(|case| match &case.value.value {
            Content::Field { name, .. } => Some((name, case.value.span)),
            _ => None,
        })
    };
    for (name, span) in named() {
        let Some(near) = meant(&name.value) else { continue };
        // Beside that name it is another one, and what an attribute stands for is not read by its own name.
        let beside = named().any(|(other, _)| other.value == near);
        let stood_for = description.attributes.iter().any(|it| it.node.fields.contains(name));
        if beside || stood_for || facts.told.contains(&span) {
            continue;
        }
        facts.report(Subject::Layout(layout), complaint(name, near));
    }
}

/// The names of attributes, where no attribute has the name with the meaning.
fn attributes(facts: &mut Facts<'_>) {
    let description = facts.description;
    let names = || description.attributes.iter().flat_map(|it| &it.node.names);
    for (index, attribute) in description.attributes.iter().enumerate() {
        for name in &attribute.node.names {
            if let Some(near) = meant(&name.value).filter(|near| names().all(|other| other.value != *near)) {
                facts.report(Subject::Attribute(index), complaint(name, near));
            }
        }
    }
}

fn complaint(name: &Name, near: &str) -> Diagnostic {
    Diagnostic::new(Code::MeaningMisspelt, format!("`{}` has no meaning of its own", name.value))
        .label(name.span, "a name of this format only")
        .note(format!("expected `{near}`, or a name that is not so near to one that the language gives a meaning"))
        .help(format!("did you mean `{near}`?"))
}
