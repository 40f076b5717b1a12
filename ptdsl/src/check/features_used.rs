//! Features and parameters are used as they were declared: each decides something, and each can be on.

use std::collections::BTreeSet;

use super::facts::{Facts, Subject};
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::Description;
use crate::span::Span;
use crate::tree::{Alt, Cond, CondKind, Content, LevelIndex, Name, Place, RuleKind, Value};

/// Each feature can be on, and the conditions of all together leave some binding.
pub(super) fn check(facts: &mut Facts<'_>) {
    if !facts.sound(Subject::Format) {
        return;
    }
    for index in 0..facts.description.features.len() {
        let on = facts.feature_on(index);
        if facts.possible(on) {
            continue;
        }
        let feature = &facts.description.features[index].node;
        let mut diagnostic = Diagnostic::new(Code::FeatureNeverOn, format!("`{}` can never be on", feature.name.value))
            .label(feature.name.span, "this feature");
        if let Some(when) = &feature.when {
            diagnostic = diagnostic.label(when.span, "never holds");
        }
        facts.report(
            Subject::Format,
            diagnostic
                .note("expected a condition that some binding fulfils")
                .help("remove the feature, or what excludes it"),
        );
    }
}

/// The features and parameters of a file that none of the formats that have them uses. One that only some use is no
/// mistake: in the others it is dropped.
pub(super) fn unused(formats: &[&Description]) -> Vec<Diagnostic> {
    let mut declared: Vec<(Span, &Name, Code)> = Vec::new();
    let mut used: BTreeSet<Span> = BTreeSet::new();
    for description in formats {
        let uses = Uses::of(description);
        let features = description.features.iter().map(|it| (&it.node.name, Code::FeatureUnused));
        let parameters = description.parameters.iter().map(|it| (&it.node.name, Code::ParameterUnused));
        for (name, code) in features.chain(parameters) {
            if !declared.iter().any(|(span, ..)| *span == name.span) {
                declared.push((name.span, name, code));
            }
            if uses.names.contains(name.value.as_str()) {
                used.insert(name.span);
            }
        }
    }
    let unused = declared.into_iter().filter(|(span, ..)| !used.contains(span));
    unused
        .map(|(span, name, code)| {
            let what = if code == Code::FeatureUnused { "feature" } else { "parameter" };
            Diagnostic::new(code, format!("the {what} `{}` decides nothing", name.value))
                .label(span, "declared here")
                .note("found no condition, width, place or value that names it, in any format of the file")
                .help("use it, or remove it")
        })
        .collect()
}

/// The names that the parts of a format use which count in it.
#[derive(Default)]
struct Uses<'a> {
    names: BTreeSet<&'a str>,
}

impl<'a> Uses<'a> {
    fn of(description: &'a Description) -> Self {
        let mut uses = Self::default();
        uses.alt(description.word.iter().map(|word| &word.endian));
        for range in &description.ranges {
            uses.value(&range.node.width);
            uses.cond(range.node.tag.iter().filter_map(|tag| tag.when.as_ref()));
        }
        uses.widths(description.output.iter());
        // A feature that another one waits for is used, whether or not that one is.
        uses.cond(description.features.iter().filter_map(|it| it.node.when.as_ref()));
        let used_levels = Facts::new(description).used_levels();
        let mut layouts: BTreeSet<&str> = BTreeSet::new();
        for level in used_levels.into_iter().map(|level| &description.levels[level].node) {
            if let LevelIndex::Above { width, base } = &level.index {
                uses.value(width);
                uses.value(base);
            }
            uses.cond(level.entries.iter().filter_map(|entry| entry.when.as_ref()));
            layouts.extend(level.entries.iter().map(|entry| entry.layout.value.as_str()));
        }
        for layout in description.layouts.iter().map(|it| &it.node) {
            if layout.kind == crate::tree::LayoutKind::Root || layouts.contains(layout.name.value.as_str()) {
                uses.layout(layout);
            }
        }
        uses.cond(description.attributes.iter().filter_map(|it| it.node.when.as_ref()));
        for rule in &description.update {
            match &rule.kind {
                RuleKind::Way { way, .. } => uses.alt([way]),
                RuleKind::Hardware { when, .. } | RuleKind::Hold { when, .. } | RuleKind::Clean(when) => {
                    uses.cond(when)
                }
                RuleKind::Registers(_) | RuleKind::Pairs => {}
            }
        }
        uses
    }

    fn layout(&mut self, layout: &'a crate::resolve::Layout) {
        for row in &layout.rows {
            if let Place::Parameter(name) = &row.node.place.value {
                self.names.insert(&name.value);
            }
            self.alt([&row.node.content]);
            for case in &row.node.content.cases {
                match &case.value.value {
                    Content::Reserved(Some(value)) | Content::Ignored(Some(value)) | Content::Constant(value) => {
                        self.value(value);
                    }
                    Content::Field { value: Some(value), .. } => self.value(value),
                    Content::Table { value, condition, .. } => {
                        value.iter().for_each(|value| self.value(value));
                        self.cond(condition);
                    }
                    _ => {}
                }
            }
        }
        self.cond(layout.identity.iter().chain(&layout.forbid));
        self.widths(layout.output.iter());
    }

    fn widths(&mut self, alts: impl IntoIterator<Item = &'a Alt<Value>>) {
        for alt in alts {
            self.alt([alt]);
            alt.cases.iter().for_each(|case| self.value(&case.value.value));
        }
    }

    fn alt<T: 'a>(&mut self, alts: impl IntoIterator<Item = &'a Alt<T>>) {
        for alt in alts {
            self.cond(alt.cases.iter().filter_map(|case| case.when.as_ref()));
        }
    }

    fn value(&mut self, value: &'a Value) {
        if let Value::Name(name) = value {
            self.names.insert(&name.value);
        }
    }

    fn cond(&mut self, conds: impl IntoIterator<Item = &'a Cond>) {
        for cond in conds {
            match &cond.value {
                CondKind::Any(parts) | CondKind::All(parts) => self.cond(parts),
                CondKind::Not(part) => self.cond([&**part]),
                CondKind::Name(name) => {
                    self.names.insert(&name.value);
                }
                CondKind::Compare { name, value, .. } => {
                    self.names.insert(&name.value);
                    self.value(value);
                }
            }
        }
    }
}
