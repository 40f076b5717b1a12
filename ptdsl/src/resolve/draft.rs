//! The items of a description while they are being merged.

use crate::diagnostic::{Code, Diagnostic};
use crate::span::Span;
use crate::tree::{self, ItemKind, RuleKind};

use super::description::{Documented, Feature, Parameter};
use super::texts;

/// The items of one description: of its own block, or merged with those that it is made from.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) word: Option<Documented<tree::Word>>,
    pub(super) ranges: Vec<Documented<tree::Virtual>>,
    pub(super) output: Option<Documented<tree::Alt<tree::Width>>>,
    pub(super) features: Vec<Documented<Feature>>,
    pub(super) parameters: Vec<Documented<Parameter>>,
    pub(super) levels: Vec<Documented<tree::Level>>,
    pub(super) layouts: Vec<LayoutDraft>,
    pub(super) attributes: Vec<Documented<tree::Attribute>>,
    pub(super) update: Option<UpdateDraft>,
    /// Something in it, or in what it is made from, has been complained about: of what was said twice the first is here.
    pub(super) flawed: bool,
}

/// A layout as the statements that make it, the first of which may be missing in a fragment.
#[derive(Clone, Debug)]
pub(super) struct LayoutDraft {
    pub(super) name: tree::Name,
    pub(super) steps: Vec<Documented<tree::Layout>>,
}

impl LayoutDraft {
    /// Whether it begins with a definition; otherwise it only amends what another description defines.
    pub(super) fn is_defined(&self) -> bool {
        self.steps.first().is_some_and(|step| step.node.origin != tree::Origin::Amended)
    }

    /// The kind that its statements name.
    pub(super) fn kind(&self) -> Option<tree::LayoutKind> {
        self.steps.first().map(|step| step.node.kind.value)
    }
}

/// The rules of `update` items.
#[derive(Clone, Debug)]
pub(super) struct UpdateDraft {
    /// All came from `update with`.
    pub(super) with: bool,
    pub(super) span: Span,
    pub(super) rules: Vec<tree::Rule>,
}

impl Draft {
    /// The items of one block. Two that are the same are reported, and the first one is kept.
    pub(super) fn of(format: &tree::Format, complaints: &mut Vec<Diagnostic>) -> Self {
        let mut draft = Self::default();
        for item in &format.items {
            draft.add(item, complaints);
        }
        draft.repeated_attributes(complaints);
        draft
    }

    /// Adds an item of the same block.
    fn add(&mut self, item: &tree::Item, complaints: &mut Vec<Diagnostic>) {
        match &item.kind {
            ItemKind::Word(word) => single(&mut self.word, item, word, "`word`", complaints),
            ItemKind::Output(output) => single(&mut self.output, item, output, "`output`", complaints),
            ItemKind::Virtual(range) => self.add_range(item, range, complaints),
            ItemKind::Feature(feature) => {
                for name in &feature.names {
                    let when = feature.when.clone();
                    let node = Feature { name: name.clone(), when, usually_on: feature.usually_on };
                    named(&mut self.features, item, node, |node| &node.name, "feature", complaints);
                }
            }
            ItemKind::Parameter(parameter) => {
                for name in &parameter.names {
                    let set = parameter.set.clone();
                    let node = Parameter { name: name.clone(), set, per_level: parameter.per_level };
                    named(&mut self.parameters, item, node, |node| &node.name, "parameter", complaints);
                }
            }
            ItemKind::Level(level) => {
                named(&mut self.levels, item, level.clone(), |node| &node.name, "level", complaints);
            }
            ItemKind::Layout(layout) => self.add_layout(item, layout, complaints),
            ItemKind::Attribute(attribute) => self.attributes.push(documented(item, attribute)),
            ItemKind::Update(update) => self.add_update(item, update, complaints),
        }
    }

    fn add_range(&mut self, item: &tree::Item, range: &tree::Virtual, complaints: &mut Vec<Diagnostic>) {
        let same = self.ranges.iter().find(|other| match (&other.node.name, &range.name) {
            (Some(other), Some(name)) => other == name,
            (None, None) => true,
            _ => false,
        });
        match same {
            Some(other) => complaints.push(duplicate(&title("range", range.name.as_ref()), other.span, item.span)),
            None => self.ranges.push(documented(item, range)),
        }
    }

    fn add_layout(&mut self, item: &tree::Item, layout: &tree::Layout, complaints: &mut Vec<Diagnostic>) {
        let step = documented(item, layout);
        let amends = layout.origin == tree::Origin::Amended;
        let is_root = layout.kind.value == tree::LayoutKind::Root;
        let same = self.layouts.iter_mut().find(|other| {
            other.name == layout.name || !amends && is_root && other.kind() == Some(tree::LayoutKind::Root)
        });
        match same {
            Some(other) if amends => other.steps.push(step),
            Some(other) => {
                let first = other.steps.first().map_or(item.span, |step| head(&step.node));
                complaints.push(duplicate(&format!("layout `{}`", layout.name.value), first, head(layout)));
            }
            None => self.layouts.push(LayoutDraft { name: layout.name.clone(), steps: vec![step] }),
        }
    }

    fn add_update(&mut self, item: &tree::Item, update: &tree::Update, complaints: &mut Vec<Diagnostic>) {
        match &mut self.update {
            Some(before) if update.with => before.rules = amended(&before.rules, &update.rules),
            Some(before) => complaints.push(duplicate("`update`", before.span, item.span)),
            None => {
                let rules = update.rules.clone();
                self.update = Some(UpdateDraft { with: update.with, span: item.span, rules });
            }
        }
    }

    /// Two attributes of one block may define the same name only under different bindings.
    fn repeated_attributes(&self, complaints: &mut Vec<Diagnostic>) {
        for (index, attribute) in self.attributes.iter().enumerate() {
            for name in &attribute.node.names {
                let before = self.attributes.iter().take(index).filter(|other| other.node.names.contains(name));
                for other in before {
                    if attribute.node.when.is_none() || other.node.when.is_none() {
                        let what = format!("attribute `{}`", name.value);
                        complaints.push(duplicate(&what, other.span, name.span));
                    }
                }
            }
        }
    }

    /// The items of `top` on those of `self`: each replaces its namesake.
    pub(super) fn overlay(&mut self, top: &Self, complaints: &mut Vec<Diagnostic>) {
        if top.word.is_some() {
            self.word.clone_from(&top.word);
        }
        if !top.ranges.is_empty() {
            self.ranges.clone_from(&top.ranges);
        }
        if top.output.is_some() {
            self.output.clone_from(&top.output);
        }
        replace(&mut self.features, &top.features, |node| &node.name);
        replace(&mut self.parameters, &top.parameters, |node| &node.name);
        replace(&mut self.levels, &top.levels, |node| &node.name);
        for layout in &top.layouts {
            self.overlay_layout(layout, complaints);
        }
        self.attributes.retain(|attribute| {
            let names = &attribute.node.names;
            !top.attributes.iter().any(|other| other.node.names.iter().any(|name| names.contains(name)))
        });
        self.attributes.extend(top.attributes.iter().cloned());
        match (&mut self.update, &top.update) {
            (Some(before), Some(update)) if update.with => before.rules = amended(&before.rules, &update.rules),
            (_, None) => {}
            (before, Some(_)) => before.clone_from(&top.update),
        }
    }

    /// What these items say that `parent` does not say with the same statements: a fragment gives what it adds to an
    /// ancestor that it shares with the description it is joined to.
    pub(super) fn without(mut self, parent: &Self) -> Self {
        fn differs<T>(own: &Documented<T>, theirs: &[Documented<T>]) -> bool {
            theirs.iter().all(|other| other.span != own.span)
        }
        fn add<T>(own: &mut Vec<Documented<T>>, theirs: &[Documented<T>]) {
            own.retain(|item| differs(item, theirs));
        }
        self.word = self.word.filter(|item| differs(item, parent.word.as_slice()));
        self.output = self.output.filter(|item| differs(item, parent.output.as_slice()));
        add(&mut self.ranges, &parent.ranges);
        add(&mut self.features, &parent.features);
        add(&mut self.parameters, &parent.parameters);
        add(&mut self.levels, &parent.levels);
        add(&mut self.attributes, &parent.attributes);
        for layout in &mut self.layouts {
            if let Some(other) = parent.layouts.iter().find(|other| other.name == layout.name) {
                add(&mut layout.steps, &other.steps);
            }
        }
        self.layouts.retain(|layout| !layout.steps.is_empty());
        if let (Some(own), Some(theirs)) = (&mut self.update, &parent.update)
            && own.span == theirs.span
        {
            own.with = true;
            own.rules.retain(|rule| theirs.rules.iter().all(|other| other.span != rule.span));
        }
        self
    }

    fn overlay_layout(&mut self, layout: &LayoutDraft, complaints: &mut Vec<Diagnostic>) {
        let begins = |other: &LayoutDraft| other.steps.first().map(|step| step.span);
        let is_same = |other: &LayoutDraft| other.name == layout.name && begins(other) == begins(layout);
        if layout.is_defined() && !self.layouts.iter().any(is_same) {
            let root = layout.kind() == Some(tree::LayoutKind::Root);
            let place = self
                .layouts
                .iter()
                .position(|other| other.name == layout.name || root && other.kind() == Some(tree::LayoutKind::Root));
            match place.and_then(|place| self.layouts.get_mut(place)) {
                Some(other) => other.clone_from(layout),
                None => self.layouts.push(layout.clone()),
            }
            return;
        }
        match self.layouts.iter_mut().find(|other| other.name == layout.name) {
            None => self.layouts.push(layout.clone()),
            Some(other) => {
                for step in &layout.steps {
                    if other.steps.iter().all(|before| before.span != step.span) {
                        same_kind(other, &step.node, complaints);
                        other.steps.push(step.clone());
                    }
                }
            }
        }
    }
}

/// `leaf x with` amends a leaf.
fn same_kind(before: &LayoutDraft, step: &tree::Layout, complaints: &mut Vec<Diagnostic>) {
    let Some(first) = before.steps.first() else { return };
    if first.node.kind.value != step.kind.value {
        let (was, now) = (kind_word(first.node.kind.value), kind_word(step.kind.value));
        let name = &step.name.value;
        complaints.push(
            Diagnostic::new(Code::KindsDiffer, format!("`{name}` is amended as `{now}` and defined as `{was}`"))
                .label(head(step), format!("amends a `{now}`"))
                .label(head(&first.node), format!("`{name}` is a `{was}`"))
                .help(format!("write `{was} {name} with`, or give the new layout a name of its own")),
        );
    }
}

/// The keyword of a kind of layout.
pub(super) fn kind_word(kind: tree::LayoutKind) -> &'static str {
    match kind {
        tree::LayoutKind::Absent => "absent",
        tree::LayoutKind::Table => "table",
        tree::LayoutKind::Leaf => "leaf",
        tree::LayoutKind::Root => "root",
    }
}

/// The keyword and the name of a layout.
pub(super) fn head(layout: &tree::Layout) -> Span {
    layout.kind.span.to(layout.name.span)
}

/// Rules with those of an `update with`: a kind of change follows its last rule, any other rule replaces its namesakes.
fn amended(before: &[tree::Rule], with: &[tree::Rule]) -> Vec<tree::Rule> {
    let replaced = |rule: &tree::Rule| {
        let same = |other: &tree::Rule| core::mem::discriminant(&rule.kind) == core::mem::discriminant(&other.kind);
        !matches!(rule.kind, RuleKind::Way { .. }) && with.iter().any(same)
    };
    let kept = before.iter().filter(|rule| !replaced(rule)).cloned();
    kept.chain(with.iter().cloned()).collect()
}

/// An item with its docs.
fn documented<T: Clone>(item: &tree::Item, node: &T) -> Documented<T> {
    Documented { node: node.clone(), docs: texts(&item.docs), span: item.span }
}

/// Adds an item of which a block has at most one.
fn single<T: Clone>(
    place: &mut Option<Documented<T>>,
    item: &tree::Item,
    node: &T,
    what: &str,
    complaints: &mut Vec<Diagnostic>,
) {
    match place {
        Some(before) => complaints.push(duplicate(what, before.span, item.span)),
        None => *place = Some(documented(item, node)),
    }
}

/// Adds an item of which a block has at most one by that name.
fn named<T: Clone>(
    list: &mut Vec<Documented<T>>,
    item: &tree::Item,
    node: T,
    name: impl Fn(&T) -> &tree::Name,
    what: &str,
    complaints: &mut Vec<Diagnostic>,
) {
    match list.iter().find(|other| name(&other.node) == name(&node)) {
        Some(before) => {
            let (first, again) = (name(&before.node), name(&node));
            complaints.push(duplicate(&title(what, Some(again)), first.span, again.span));
        }
        None => list.push(documented(item, &node)),
    }
}

/// Puts the items of `top` in the places of their namesakes, or at the end.
fn replace<T: Clone>(list: &mut Vec<Documented<T>>, top: &[Documented<T>], name: impl Fn(&T) -> &tree::Name) {
    for item in top {
        match list.iter_mut().find(|other| name(&other.node) == name(&item.node)) {
            Some(other) => other.clone_from(item),
            None => list.push(item.clone()),
        }
    }
}

/// An item in words.
fn title(what: &str, name: Option<&tree::Name>) -> String {
    name.map_or_else(|| format!("{what} without a name"), |name| format!("{what} `{}`", name.value))
}

/// The same item twice in one block.
pub(super) fn duplicate(what: &str, first: Span, again: Span) -> Diagnostic {
    Diagnostic::new(Code::DuplicateItem, format!("{what} is given twice"))
        .label(again, "given again here")
        .label(first, "first given here")
        .help("a description says each thing once; remove one, or give it another name")
}
