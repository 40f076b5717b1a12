//! Applies `with`: from the descriptions of a file as they were written to descriptions that stand for themselves.
//!
//! Three steps. [`draft`] merges the items of a description's parent, its fragments and its own block, an item replacing
//! its namesake. [`layouts`] then follows the references between layouts, so that what derives from an amended layout
//! follows the amendment. [`names`] and [`rules`] look up every name of a `format` and demand that nothing is missing; a
//! `base` may lack parts, so its open ends are judged in the formats made from it.

mod conflict;
mod description;
mod draft;
mod family;
mod layouts;
mod names;
mod rows;
mod rules;
mod scope;

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::tree;

pub use description::{ClauseKind, Description, Documented, Extent, Feature, Layout, Parameter, Partial};

/// The descriptions of a file, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// Those that are whole.
    pub whole: Vec<Description>,
    /// Those that are not, as far as they can be told.
    pub partial: Vec<Partial>,
    /// How many are neither, since they are made from something that is not there.
    pub lost: usize,
    /// All problems, each once, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Resolves every description of a file, in the order of the file.
///
/// All problems are reported, each once, in the order of the text. A description that is broken, or made from a broken
/// one, is left out.
#[must_use]
pub fn resolve(file: &tree::File) -> (Vec<Description>, Vec<Diagnostic>) {
    let resolved = resolve_all(file);
    (resolved.whole, resolved.diagnostics)
}

/// As [`resolve`], with what can be told of broken descriptions.
#[must_use]
pub fn resolve_all(file: &tree::File) -> Resolved {
    let mut complaints = Vec::new();
    let drafts = family::drafts(file, &mut complaints);
    let elsewhere = file_fields(file);
    let mut resolved = Resolved::default();
    for (format, draft) in file.formats.iter().zip(drafts) {
        let Some(draft) = draft else {
            resolved.lost += 1;
            continue;
        };
        let mut own = Complaints::default();
        let description = describe(file, format, &draft, &elsewhere, &mut own);
        // What follows from a complaint about the items themselves is not told.
        if draft.flawed {
            own = Complaints::default();
        }
        rules::repeated(format, &mut own.about_update);
        let labels = own.all().flat_map(|complaint| &complaint.labels);
        let told: Vec<_> = labels.map(|label| label.span).collect();
        match own.extent(draft.flawed) {
            None => resolved.whole.push(description),
            Some(extent) => resolved.partial.push(Partial { description, extent, told }),
        }
        complaints.extend(own.about_names.into_iter().chain(own.about_update));
    }
    resolved.diagnostics = in_order(complaints);
    resolved
}

/// What is wrong with one description, by what may still be relied on.
#[derive(Default)]
struct Complaints {
    /// Names that mean nothing, items that are missing, layouts that cannot be made.
    about_names: Vec<Diagnostic>,
    /// Rules of change that are missing, given twice or name something that is not there.
    about_update: Vec<Diagnostic>,
}

impl Complaints {
    fn all(&self) -> impl Iterator<Item = &Diagnostic> {
        self.about_names.iter().chain(&self.about_update)
    }

    /// How much can be relied on, if not everything.
    fn extent(&self, flawed: bool) -> Option<Extent> {
        if flawed || !self.about_names.is_empty() {
            Some(Extent::Places)
        } else if !self.about_update.is_empty() {
            Some(Extent::AllButUpdate)
        } else {
            None
        }
    }
}

/// One description, as far as it can be told; `complaints` stays empty if it is whole.
fn describe(
    file: &tree::File,
    format: &tree::Format,
    draft: &draft::Draft,
    elsewhere: &BTreeSet<&str>,
    complaints: &mut Complaints,
) -> Description {
    let mut description = Description {
        kind: format.kind.value,
        name: format.name.clone(),
        docs: texts(&format.docs),
        sources: texts(&file.docs),
        lines: file.lines.clone(),
        span: format.kind.span.to(format.name.span),
        word: draft.word.as_ref().map(|item| item.node.clone()),
        ranges: draft.ranges.clone(),
        output: draft.output.as_ref().map(|item| item.node.clone()),
        features: draft.features.clone(),
        parameters: draft.parameters.clone(),
        levels: highest_first(draft.levels.clone()),
        layouts: layouts::resolve(format, draft, &mut complaints.about_names),
        attributes: draft.attributes.clone(),
        update: draft.update.as_ref().map(|update| update.rules.clone()).unwrap_or_default(),
    };
    if format.kind.value == tree::FormatKind::Format {
        drop_unsaid(&mut description, elsewhere);
        names::missing(&description, &mut complaints.about_names);
        names::check(&description, draft, &mut complaints.about_names);
        rules::check(&description, draft, &mut complaints.about_update);
    }
    description
}

/// Drops the attributes all of whose fields an amendment took away. A field that no description of the file has is a slip
/// of the pen, and its attribute stays to be complained about.
fn drop_unsaid(description: &mut Description, elsewhere: &BTreeSet<&str>) {
    let here: BTreeSet<String> =
        description.layouts.iter().flat_map(|layout| scope::fields(&layout.node)).map(Into::into).collect();
    description.attributes.retain(|attribute| {
        let gone = |field: &tree::Name| !here.contains(&field.value) && elsewhere.contains(field.value.as_str());
        !attribute.node.fields.iter().all(gone)
    });
}

/// The fields that any layout of the file has.
fn file_fields(file: &tree::File) -> BTreeSet<&str> {
    let items = file.formats.iter().flat_map(|format| &format.items);
    let layouts = items.filter_map(|item| match &item.kind {
        tree::ItemKind::Layout(layout) => Some(layout),
        _ => None,
    });
    let rows = layouts.flat_map(|layout| &layout.parts).filter_map(|part| match &part.kind {
        tree::PartKind::Row(row) => Some(row),
        _ => None,
    });
    rows.flat_map(scope::row_fields).collect()
}

/// The lines of docs without their places.
fn texts(docs: &[crate::span::Spanned<String>]) -> Vec<String> {
    docs.iter().map(|line| line.value.clone()).collect()
}

/// Levels from the highest index bits to the lowest, where these are numbers; else as they are.
fn highest_first(mut levels: Vec<Documented<tree::Level>>) -> Vec<Documented<tree::Level>> {
    let top = |level: &Documented<tree::Level>| match level.node.index {
        tree::LevelIndex::Bits(bits) => Some(bits.high.value.value),
        tree::LevelIndex::Above { .. } => None,
    };
    if levels.iter().all(|level| top(level).is_some()) {
        levels.sort_by_key(|level| core::cmp::Reverse(top(level)));
    }
    levels
}

/// The complaints in the order of the text, each once: what is wrong with a fragment is found in every format made from
/// it, and what is wrong with a layout in every layout made from it.
fn in_order(mut complaints: Vec<Diagnostic>) -> Vec<Diagnostic> {
    complaints.sort_by_key(|complaint| (complaint.span(), complaint.code));
    let mut once: Vec<Diagnostic> = Vec::new();
    for complaint in complaints {
        let places = |one: &Diagnostic| one.labels.iter().map(|label| label.span).collect::<Vec<_>>();
        let same_place = |one: &&Diagnostic| one.code == complaint.code && places(one) == places(&complaint);
        // A description may lack several things at its one head.
        let told = |one: &Diagnostic| one.message == complaint.message || one.code != Code::MissingItem;
        if !once.iter().filter(same_place).any(told) {
            once.push(complaint);
        }
    }
    once
}
