//! The names that a place in a description may use.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::tree::{self, Content};

use super::description::{Description, Layout};
use super::draft::Draft;

/// Names by what they are.
pub(super) struct Scope<'a> {
    pub(super) features: Vec<&'a tree::Name>,
    pub(super) parameters: Vec<&'a tree::Name>,
    pub(super) levels: Vec<&'a tree::Name>,
    pub(super) ranges: Vec<&'a tree::Name>,
    pub(super) layouts: Vec<&'a tree::Name>,
    /// Fields of any layout.
    pub(super) fields: BTreeSet<&'a str>,
    /// What `attribute` items define.
    pub(super) attributes: BTreeSet<&'a str>,
}

impl<'a> Scope<'a> {
    pub(super) fn of(description: &'a Description) -> Self {
        Self {
            features: description.features.iter().map(|item| &item.node.name).collect(),
            parameters: description.parameters.iter().map(|item| &item.node.name).collect(),
            levels: description.levels.iter().map(|item| &item.node.name).collect(),
            ranges: description.ranges.iter().filter_map(|item| item.node.name.as_ref()).collect(),
            layouts: description.layouts.iter().map(|item| &item.node.name).collect(),
            fields: description.layouts.iter().flat_map(|item| fields(&item.node)).collect(),
            attributes: description
                .attributes
                .iter()
                .flat_map(|item| &item.node.names)
                .map(|name| name.value.as_str())
                .collect(),
        }
    }

    /// The layouts that a draft has and that could not be made whole. They have been complained about, and what follows from
    /// that is not told again.
    pub(super) fn broken(&self, draft: &'a Draft) -> Vec<&'a str> {
        let names = draft.layouts.iter().map(|layout| layout.name.value.as_str());
        names.filter(|name| !self.layouts.iter().any(|layout| layout.value == *name)).collect()
    }

    /// What else a name is, for the complaint that it is not what it should be.
    fn kind_of(&self, name: &str) -> Option<&'static str> {
        let has = |list: &[&tree::Name]| list.iter().any(|other| other.value == name);
        if has(&self.features) {
            Some("a feature")
        } else if has(&self.parameters) {
            Some("a parameter")
        } else if has(&self.levels) {
            Some("a level")
        } else if has(&self.ranges) {
            Some("a range of the VA")
        } else if self.fields.contains(name) {
            Some("a field")
        } else if self.attributes.contains(name) {
            Some("an attribute")
        } else if has(&self.layouts) {
            Some("a layout")
        } else {
            None
        }
    }

    /// Complains that `name` is not `wanted`, of which `known` are all there are.
    pub(super) fn unknown<'n>(
        &self,
        name: &tree::Name,
        wanted: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) -> Diagnostic {
        let known: Vec<&str> = known.into_iter().collect();
        let text = &name.value;
        let complaint = match self.kind_of(text) {
            Some(kind) => Diagnostic::new(Code::WrongName, format!("`{text}` is {kind}"))
                .label(name.span, format!("this must be {wanted}")),
            None => {
                Diagnostic::new(Code::UnknownName, format!("`{text}` is not {wanted}")).label(name.span, "no such name")
            }
        };
        if let Some(near) = nearest(text, known.iter().copied()) {
            complaint.help(format!("did you mean `{near}`?"))
        } else if known.is_empty() || known.len() > 24 {
            complaint
        } else {
            complaint.note(format!("known here: {}", known.join(", ")))
        }
    }
}

/// The fields that some row of a layout holds, under any binding.
pub(super) fn fields(layout: &Layout) -> impl Iterator<Item = &str> {
    layout.rows.iter().flat_map(|row| row_fields(&row.node))
}

/// The fields that a row holds, under any binding.
pub(super) fn row_fields(row: &tree::Row) -> impl Iterator<Item = &str> {
    row.content.cases.iter().filter_map(|case| match &case.value.value {
        Content::Field { name, .. } => Some(name.value.as_str()),
        _ => None,
    })
}
