//! Every name of a format is looked up where it is used, and nothing that a format needs is missing.

use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{self, CondKind, Content, LayoutKind, LevelIndex, Name, Value};

use super::description::{Description, Layout};
use super::draft::{Draft, duplicate, kind_word};
use super::scope::{Scope, fields};

/// Reports what a format lacks.
pub(super) fn missing(description: &Description, complaints: &mut Vec<Diagnostic>) {
    let mut need = |there: bool, what: &str, help: &str| {
        if !there {
            complaints.push(lacking(description, what, help));
        }
    };
    need(description.word.is_some(), "`word`", "word 64 little;");
    need(!description.ranges.is_empty(), "`virtual`", "virtual 48 sign_extended;");
    need(description.output.is_some(), "`output`", "output 48;");
    need(!description.levels.is_empty(), "a level", "level pt 20..12 = empty, page;");
}

/// Something that a format needs and does not have.
pub(super) fn lacking(description: &Description, what: &str, help: &str) -> Diagnostic {
    Diagnostic::new(Code::MissingItem, format!("`{}` lacks {what}", description.name.value))
        .label(description.span, "a `format` has `word`, `virtual`, `output`, levels and `update`")
        .help(format!("write `{help}`, or make it a `base`"))
}

/// Looks up every name.
pub(super) fn check(description: &Description, draft: &Draft, complaints: &mut Vec<Diagnostic>) {
    let scope = Scope::of(description);
    let broken = scope.broken(draft);
    let mut checker = Checker { scope: &scope, broken, complaints };
    checker.distinct();
    checker.statements(description);
    for level in &description.levels {
        checker.level(description, &level.node);
    }
    checker.stacked(description);
    for layout in &description.layouts {
        checker.layout(&layout.node);
    }
    for attribute in &description.attributes {
        checker.attribute(&attribute.node);
    }
}

/// What looks names up, and where it complains.
pub(super) struct Checker<'a, 's> {
    pub(super) scope: &'s Scope<'s>,
    /// Layouts that are named and missing all the same.
    pub(super) broken: Vec<&'s str>,
    pub(super) complaints: &'a mut Vec<Diagnostic>,
}

impl Checker<'_, '_> {
    /// Features, parameters, levels and ranges share the names that a `when` may use.
    fn distinct(&mut self) {
        let scope = self.scope;
        let groups = [&scope.features, &scope.parameters, &scope.levels, &scope.ranges];
        let mut seen: Vec<&Name> = Vec::new();
        for group in groups {
            for name in group.iter() {
                if let Some(first) = seen.iter().find(|other| other.value == name.value) {
                    let what = format!("the name `{}`, which a `when` may use,", name.value);
                    self.complaints.push(duplicate(&what, first.span, name.span));
                }
            }
            seen.extend(group.iter().copied());
        }
    }

    fn statements(&mut self, description: &Description) {
        if let Some(word) = &description.word {
            self.whens(&word.endian);
        }
        for range in &description.ranges {
            self.value(&range.node.width);
            if let Some(when) = range.node.tag.as_ref().and_then(|tag| tag.when.as_ref()) {
                self.when(when);
            }
        }
        if let Some(output) = &description.output {
            self.widths(output);
        }
        for feature in &description.features {
            if let Some(when) = &feature.node.when {
                self.when(when);
            }
        }
        self.feature_cycles(description);
    }

    /// A feature whose condition needs the feature.
    fn feature_cycles(&mut self, description: &Description) {
        for (index, feature) in description.features.iter().enumerate() {
            let mut reached: Vec<usize> = Vec::new();
            let mut open = vec![index];
            while let Some(at) = open.pop() {
                let Some(when) = description.features.get(at).and_then(|item| item.node.when.as_ref()) else {
                    continue;
                };
                for name in names_in(when) {
                    let next = description.features.iter().position(|item| item.node.name == *name);
                    if let Some(next) = next.filter(|next| !reached.contains(next)) {
                        reached.push(next);
                        open.push(next);
                    }
                }
            }
            if reached.contains(&index) {
                let name = &feature.node.name;
                self.complaints.push(
                    Diagnostic::new(Code::Cycle, format!("the feature `{}` depends on itself", name.value))
                        .label(name.span, "off where its own condition fails"),
                );
            }
        }
    }

    fn level(&mut self, description: &Description, level: &tree::Level) {
        if let LevelIndex::Above { width, base } = &level.index {
            self.value(width);
            if let Value::Name(name) = base {
                let known = self.scope.levels.iter().chain(&self.scope.parameters);
                if !known.clone().any(|other| *other == name) {
                    let known = known.map(|name| name.value.as_str());
                    self.complaints.push(self.scope.unknown(name, "a level or a parameter", known));
                }
            }
        }
        for entry in &level.entries {
            if let Some(when) = &entry.when {
                self.when(when);
            }
            let layout = description.layouts.iter().find(|layout| layout.node.name == entry.layout);
            match layout {
                None if self.broken.contains(&entry.layout.value.as_str()) => {}
                None => {
                    let known = self.scope.layouts.iter().map(|name| name.value.as_str());
                    self.complaints.push(self.scope.unknown(&entry.layout, "a layout", known));
                }
                Some(layout) if layout.node.kind == LayoutKind::Root => self.complaints.push(
                    Diagnostic::new(Code::KindsDiffer, format!("`{}` is a root word", entry.layout.value))
                        .label(entry.layout.span, "an entry of a table")
                        .label(layout.span, "no entry of any table")
                        .help("a root that is an entry like the others is a level of its own"),
                ),
                Some(_) => {}
            }
        }
        for (index, entry) in level.entries.iter().enumerate() {
            let before = level.entries.iter().take(index).find(|other| other.layout == entry.layout);
            if let Some(before) = before {
                let what = format!("`{}` at `{}`", entry.layout.value, level.name.value);
                self.complaints.push(duplicate(&what, before.span, entry.span));
            }
        }
    }

    /// Levels that stand above each other in a circle.
    fn stacked(&mut self, description: &Description) {
        let below = |name: &Name| -> Option<&Name> {
            let level = description.levels.iter().find(|level| level.node.name == *name)?;
            match &level.node.index {
                LevelIndex::Above { base: Value::Name(base), .. } => {
                    self.scope.levels.iter().copied().find(|other| *other == base)
                }
                _ => None,
            }
        };
        let mut found = Vec::new();
        for level in &description.levels {
            let mut at = below(&level.node.name);
            for _ in 0..description.levels.len() {
                if at == Some(&level.node.name) {
                    found.push(&level.node.name);
                    break;
                }
                at = at.and_then(below);
            }
        }
        if let Some(first) = found.first() {
            let mut complaint =
                Diagnostic::new(Code::Cycle, format!("the level `{}` stands above itself", first.value));
            for name in &found {
                complaint = complaint.label(name.span, "its lowest bit depends on itself");
            }
            self.complaints.push(complaint);
        }
    }

    fn layout(&mut self, layout: &Layout) {
        for row in &layout.rows {
            if let tree::Place::Parameter(name) = &row.node.place.value {
                self.parameter(name);
            }
            self.whens(&row.node.content);
            for case in &row.node.content.cases {
                self.content(layout, &case.value.value);
            }
        }
        for cond in layout.identity.iter().chain(&layout.forbid) {
            self.condition(layout, cond);
        }
        if let Some(output) = &layout.output {
            self.widths(output);
        }
        for name in &layout.lacks {
            let text = name.value.as_str();
            if !self.is_field(text) && !self.scope.attributes.contains(text) {
                let known = self.scope.fields.iter().chain(&self.scope.attributes).copied();
                self.complaints.push(self.scope.unknown(name, "a field or an attribute", known));
            }
        }
    }

    fn content(&mut self, layout: &Layout, content: &Content) {
        match content {
            Content::Reserved(Some(value)) | Content::Ignored(Some(value)) | Content::Constant(value) => {
                self.value(value)
            }
            Content::Field { value: Some(value), .. } => self.value(value),
            Content::Table { child, value, condition, .. } => {
                if let Some(name) = child.as_ref().filter(|child| !self.scope.levels.contains(child)) {
                    let known = self.scope.levels.iter().map(|name| name.value.as_str());
                    self.complaints.push(self.scope.unknown(name, "a level", known));
                }
                if let Some(value) = value {
                    self.value(value);
                }
                if let Some(condition) = condition {
                    self.condition(layout, condition);
                }
            }
            _ => {}
        }
    }

    fn attribute(&mut self, attribute: &tree::Attribute) {
        if let Some(when) = &attribute.when {
            self.when(when);
        }
        for field in &attribute.fields {
            if !self.is_field(&field.value) {
                let known = self.scope.fields.iter().copied();
                self.complaints.push(self.scope.unknown(field, "a field", known));
            }
        }
        if attribute.names.iter().any(|name| name.value == "child") {
            for name in attribute.values.iter().flat_map(|value| &value.names) {
                let special = name.value == "reserved" || name.value == "none";
                if !special && !self.scope.levels.contains(&name) {
                    let known = self.scope.levels.iter().map(|name| name.value.as_str());
                    self.complaints.push(self.scope.unknown(name, "a level", known));
                }
            }
        }
    }

    fn parameter(&mut self, name: &Name) {
        if !self.scope.parameters.contains(&name) {
            let known = self.scope.parameters.iter().map(|name| name.value.as_str());
            self.complaints.push(self.scope.unknown(name, "a parameter", known));
        }
    }

    fn value(&mut self, value: &Value) {
        if let Value::Name(name) = value {
            self.parameter(name);
        }
    }

    fn widths(&mut self, widths: &tree::Alt<tree::Width>) {
        self.whens(widths);
        for case in &widths.cases {
            self.value(&case.value.value);
        }
    }

    pub(super) fn whens<T>(&mut self, alternatives: &tree::Alt<T>) {
        for when in alternatives.cases.iter().filter_map(|case| case.when.as_ref()) {
            self.when(when);
        }
    }

    /// Whether some layout has a field, as far as that can be told.
    pub(super) fn is_field(&self, name: &str) -> bool {
        self.scope.fields.contains(name) || !self.broken.is_empty()
    }

    /// A condition on the binding.
    pub(super) fn when(&mut self, cond: &tree::Cond) {
        let scope = self.scope;
        match &cond.value {
            CondKind::Any(parts) | CondKind::All(parts) => parts.iter().for_each(|part| self.when(part)),
            CondKind::Not(part) => self.when(part),
            CondKind::Name(name) => {
                let known = [&scope.features, &scope.parameters, &scope.levels, &scope.ranges];
                if !known.iter().any(|list| list.contains(&name)) {
                    let known = known.iter().flat_map(|list| list.iter()).map(|name| name.value.as_str());
                    self.complaints.push(scope.unknown(name, "a feature, parameter, level or range", known));
                }
            }
            CondKind::Compare { name, value, .. } => {
                self.parameter(name);
                self.value(value);
            }
        }
    }

    /// A condition on the word.
    fn condition(&mut self, layout: &Layout, cond: &tree::Cond) {
        match &cond.value {
            CondKind::Any(parts) | CondKind::All(parts) => {
                parts.iter().for_each(|part| self.condition(layout, part));
            }
            CondKind::Not(part) => self.condition(layout, part),
            CondKind::Name(name) => self.subject(layout, name, true),
            CondKind::Compare { name, value, .. } => {
                self.subject(layout, name, false);
                self.value(value);
            }
        }
    }

    /// A name in a condition on the word. `bare`: not compared, so it may be a feature, level or range.
    fn subject(&mut self, layout: &Layout, name: &Name, bare: bool) {
        let scope = self.scope;
        let text = name.value.as_str();
        let binding = [&scope.features, &scope.levels, &scope.ranges];
        let bound = binding.iter().flat_map(|list| list.iter()).find(|other| **other == name);
        let field = fields(layout).any(|field| field == text);
        if let Some(bound) = bound.filter(|bound| field && scope.features.contains(bound)) {
            self.complaints.push(
                Diagnostic::new(Code::AmbiguousName, format!("`{text}` is a field and a feature"))
                    .label(name.span, "which one is not clear")
                    .label(bound.span, "the feature")
                    .help("give the feature another name"),
            );
            return;
        }
        let address = text == "table" || text == "output";
        let attribute = scope.attributes.contains(text);
        let parameter = scope.parameters.contains(&name);
        if field || address || attribute || parameter || bare && bound.is_some() {
            return;
        }
        let known = fields(layout).chain(scope.features.iter().map(|name| name.value.as_str()));
        let wanted = format!("a field of the {} `{}`", kind_word(layout.kind), layout.name.value);
        self.complaints.push(scope.unknown(name, &wanted, known));
    }
}

/// Every name in a condition.
fn names_in(cond: &tree::Cond) -> Vec<&Name> {
    match &cond.value {
        CondKind::Any(parts) | CondKind::All(parts) => parts.iter().flat_map(names_in).collect(),
        CondKind::Not(part) => names_in(part),
        CondKind::Name(name) => vec![name],
        CondKind::Compare { name, .. } => vec![name],
    }
}
