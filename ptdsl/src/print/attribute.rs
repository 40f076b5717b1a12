//! Attributes and changes.

use super::fragments::{cases, commas, number, way, when};
use super::page::{Page, is_bare};
use crate::tree::{Attribute, AttributeValue, Comments, Otherwise, Rule, RuleKind, Update};

/// Writes `attribute memory_type = (pat, pcd, pwt) { … }`.
pub fn print_attribute(page: &mut Page, attribute: &Attribute, comments: &Comments) {
    let parameter = if attribute.parameter { "parameter " } else { "" };
    let fields = match attribute.fields.as_slice() {
        [only] => only.value.clone(),
        several => format!("({})", commas(several)),
    };
    let head = format!("{parameter}attribute {} = {fields}{}", commas(&attribute.names), when(attribute.when.as_ref()));
    let otherwise = attribute.otherwise.as_ref().map(|otherwise| match otherwise.value {
        Otherwise::Reserved => "else reserved;",
        Otherwise::Other => "else other;",
    });
    let trailing = &attribute.trailing;
    let bare = attribute.values.iter().all(|value| is_bare(&value.comments, &value.docs)) && is_bare(trailing, &[]);
    let lines = attribute.values.iter().map(value_line);
    if bare {
        let parts: Vec<String> = lines.clone().chain(otherwise.map(str::to_owned)).collect();
        if page.one_line(&head, &parts, comments) {
            return;
        }
    }
    page.open(&format!("{head} {{"), comments);
    for (place, (value, line)) in attribute.values.iter().zip(lines).enumerate() {
        page.head(&value.comments, &value.docs, place == 0);
        page.line(&line, value.comments.after.as_deref());
    }
    match otherwise {
        Some(otherwise) => {
            page.head(trailing, &[], attribute.values.is_empty());
            page.line(otherwise, trailing.after.as_deref());
        }
        None => page.tail(trailing, attribute.values.is_empty()),
    }
    page.close(comments);
}

fn value_line(value: &AttributeValue) -> String {
    let names = value.names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(" ");
    let numbers = value.numbers.iter().map(number).collect::<Vec<_>>().join(", ");
    format!("{names} = {numbers};")
}

/// Writes `update { … }`.
pub fn print_update(page: &mut Page, update: &Update, comments: &Comments) {
    let head = if update.with { "update with" } else { "update" };
    let lines = update.rules.iter().map(rule_line);
    if update.rules.iter().all(|rule| is_bare(&rule.comments, &[])) && update.trailing.before.is_empty() {
        let parts: Vec<String> = lines.clone().collect();
        if page.one_line(head, &parts, comments) {
            return;
        }
    }
    page.open(&format!("{head} {{"), comments);
    for (place, (rule, line)) in update.rules.iter().zip(lines).enumerate() {
        page.head(&rule.comments, &[], place == 0);
        page.line(&line, rule.comments.after.as_deref());
    }
    page.tail(&update.trailing, update.rules.is_empty());
    page.close(comments);
}

/// `hardware accessed, dirty;`
pub fn rule_line(rule: &Rule) -> String {
    match &rule.kind {
        RuleKind::Way { kinds, way: ways } => {
            format!("{} = {};", commas(kinds), cases(ways, |kind| way(*kind).to_owned()).join(" "))
        }
        RuleKind::Hardware { fields, when: condition } => {
            format!("hardware {}{};", commas(fields), when(condition.as_ref()))
        }
        RuleKind::Registers(level) => format!("registers {};", level.value),
        RuleKind::Clean(condition) => format!("clean{};", when(condition.as_ref())),
        RuleKind::Hold { field, when: condition } => format!("hold {}{};", field.value, when(condition.as_ref())),
        RuleKind::Pairs => "pairs;".to_owned(),
    }
}
