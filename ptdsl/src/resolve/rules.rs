//! The rules of change are there, are about things that are there, and say one way for each kind.

use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::model::Change;
use crate::span::Span;
use crate::tree::{self, Content, ItemKind, Name, RuleKind};
use crate::vocabulary::{meaning, meant};

use super::description::Description;
use super::draft::{Draft, duplicate};
use super::names::{Checker, lacking};
use super::scope::Scope;

/// Reports what is missing, and every name that is not there.
pub(super) fn check(description: &Description, draft: &Draft, complaints: &mut Vec<Diagnostic>) {
    match &draft.update {
        None => complaints.push(lacking(description, "`update`", "update { all = live; }").help(
            "write `update { all = live; }`, or `all = break;` where the manual demands it, or make it a `base`",
        )),
        Some(update) if update.with => complaints.push(
            Diagnostic::new(Code::MissingItem, "`update with` adds to rules that are not there")
                .label(update.span, "nothing before it says `update`")
                .help("write `update { … }`"),
        ),
        Some(_) => {}
    }
    let scope = Scope::of(description);
    let broken = scope.broken(draft);
    let mut checker = Checker { scope: &scope, broken, complaints };
    for rule in &description.update {
        checker.rule(description, rule);
    }
}

/// Reports kinds of change of which one block says twice how they are made. In a later block that is an amendment.
pub(super) fn repeated(format: &tree::Format, complaints: &mut Vec<Diagnostic>) {
    for item in &format.items {
        let ItemKind::Update(update) = &item.kind else { continue };
        let mut seen: Vec<&Name> = Vec::new();
        for rule in &update.rules {
            let RuleKind::Way { kinds, .. } = &rule.kind else { continue };
            for kind in kinds {
                match seen.iter().find(|before| **before == kind) {
                    Some(before) => {
                        let what = format!("the way of `{}`", kind.value);
                        complaints.push(duplicate(&what, before.span, kind.span));
                    }
                    None => seen.push(kind),
                }
            }
        }
    }
}

impl Checker<'_, '_> {
    fn rule(&mut self, description: &Description, rule: &tree::Rule) {
        match &rule.kind {
            RuleKind::Way { kinds, way } => {
                self.whens(way);
                for kind in kinds {
                    self.kind(kind);
                }
            }
            RuleKind::Hardware { fields, when } => {
                when.iter().for_each(|when| self.when(when));
                for field in fields {
                    self.field(description, field);
                }
            }
            RuleKind::Registers(level) => {
                if !self.scope.levels.contains(&level) {
                    let known = self.scope.levels.iter().map(|name| name.value.as_str());
                    self.complaints.push(self.scope.unknown(level, "a level", known));
                }
            }
            RuleKind::Clean(when) => when.iter().for_each(|when| self.when(when)),
            RuleKind::Hold { field, when } => {
                when.iter().for_each(|when| self.when(when));
                self.field(description, field);
            }
            RuleKind::Pairs => {}
        }
    }

    /// A kind of change.
    fn kind(&mut self, kind: &Name) {
        let known: Vec<&str> = Change::ALL.iter().map(|kind| kind.name()).chain(["all"]).collect();
        if known.contains(&kind.value.as_str()) {
            return;
        }
        let complaint = Diagnostic::new(Code::UnknownName, format!("`{}` is not a kind of change", kind.value))
            .label(kind.span, "no such kind");
        self.complaints.push(match nearest(&kind.value, known.iter().copied()) {
            Some(near) => complaint.help(format!("did you mean `{near}`?")),
            None => complaint.note(format!("the kinds are {}", known.join(", "))),
        });
    }

    /// A field of some leaf or table.
    fn field(&mut self, description: &Description, field: &Name) {
        if self.is_field(&field.value) {
            return;
        }
        let known = self.scope.fields.iter().copied();
        let complaint = self.scope.unknown(field, "a field", known);
        self.complaints.push(match misspelt_row(description, &field.value) {
            Some((found, span)) => complaint
                .label(span, format!("a field here is `{found}`"))
                .help(format!("did you mean `{}` there? The language gives that name its meaning", field.value)),
            None => complaint,
        });
    }
}

/// The row of a field whose name is probably a misspelling of this one, which has a meaning.
fn misspelt_row<'a>(description: &'a Description, name: &str) -> Option<(&'a str, Span)> {
    meaning(name)?;
    let rows = description.layouts.iter().flat_map(|layout| &layout.node.rows);
    rows.flat_map(|row| &row.node.content.cases).find_map(|case| match &case.value.value {
        Content::Field { name: field, .. } if meant(&field.value) == Some(name) => {
            Some((field.value.as_str(), case.value.span))
        }
        _ => None,
    })
}
