//! Two fragments never give the same item or the same bits: there is no order among them to say which one counts.

use crate::diagnostic::{Code, Diagnostic};
use crate::span::Span;
use crate::tree::{self, PartKind};

use super::description::Documented;
use super::draft::{Draft, LayoutDraft, head};
use super::rows;

/// Reports what both fragments of one description give. What both took from a common ancestor is no conflict.
pub(super) fn between(
    first_name: &tree::Name,
    first: &Draft,
    second_name: &tree::Name,
    second: &Draft,
    complaints: &mut Vec<Diagnostic>,
) {
    let mut clash = |what: String, first: Span, second: Span| {
        if first != second {
            let (one, other) = (&first_name.value, &second_name.value);
            complaints.push(
                Diagnostic::new(Code::FragmentsOverlap, format!("`{one}` and `{other}` both give {what}"))
                    .label(second, format!("by `{other}`"))
                    .label(first, format!("by `{one}`"))
                    .label(second_name.span, "joined here")
                    .help("say it in one of them, or in the block that joins them"),
            );
        }
    };
    single(&first.word, &second.word, "`word`", &mut clash);
    single(&first.output, &second.output, "`output`", &mut clash);
    if let (Some(one), Some(other)) = (first.ranges.first(), second.ranges.first()) {
        clash("the ranges of the VA".into(), one.span, other.span);
    }
    named(&first.features, &second.features, |node| &node.name, "feature", &mut clash);
    named(&first.parameters, &second.parameters, |node| &node.name, "parameter", &mut clash);
    named(&first.levels, &second.levels, |node| &node.name, "level", &mut clash);
    for one in &first.attributes {
        for other in &second.attributes {
            let shared = one.node.names.iter().find(|name| other.node.names.contains(name));
            if let Some(name) = shared {
                clash(format!("attribute `{}`", name.value), one.span, other.span);
            }
        }
    }
    if let (Some(one), Some(other)) = (&first.update, &second.update)
        && !(one.with || other.with)
    {
        clash("`update`".into(), one.span, other.span);
    }
    for one in &first.layouts {
        for other in second.layouts.iter().filter(|other| other.name == one.name) {
            layout(one, other, &mut clash);
        }
    }
}

fn single<T>(
    first: &Option<Documented<T>>,
    second: &Option<Documented<T>>,
    what: &str,
    clash: &mut impl FnMut(String, Span, Span),
) {
    if let (Some(one), Some(other)) = (first, second) {
        clash(what.into(), one.span, other.span);
    }
}

fn named<T>(
    first: &[Documented<T>],
    second: &[Documented<T>],
    name: impl Fn(&T) -> &tree::Name,
    what: &str,
    clash: &mut impl FnMut(String, Span, Span),
) {
    for one in first {
        for other in second.iter().filter(|other| name(&other.node) == name(&one.node)) {
            let text = format!("{what} `{}`", name(&one.node).value);
            clash(text, name(&one.node).span, name(&other.node).span);
        }
    }
}

/// Two layouts of one name: both defined, or amended in the same bits or the same clause.
fn layout(first: &LayoutDraft, second: &LayoutDraft, clash: &mut impl FnMut(String, Span, Span)) {
    let own = |one: &LayoutDraft, other: &LayoutDraft| -> Vec<Documented<tree::Layout>> {
        let shared = |step: &Documented<tree::Layout>| other.steps.iter().any(|before| before.span == step.span);
        one.steps.iter().filter(|step| !shared(step)).cloned().collect()
    };
    let (ours, theirs) = (own(first, second), own(second, first));
    let name = &first.name.value;
    let defines = |steps: &[Documented<tree::Layout>]| {
        steps.first().filter(|step| step.node.origin != tree::Origin::Amended).map(|step| head(&step.node))
    };
    if let (Some(one), Some(other)) = (defines(&ours), defines(&theirs)) {
        clash(format!("layout `{name}`"), one, other);
        return;
    }
    for one in ours.iter().flat_map(|step| &step.node.parts) {
        for other in theirs.iter().flat_map(|step| &step.node.parts) {
            match (&one.kind, &other.kind) {
                (PartKind::Row(a), PartKind::Row(b)) if rows::meet(&a.place, &b.place) => {
                    clash(format!("the same bits of `{name}`"), one.span, other.span);
                }
                (PartKind::Row(_), _) => {}
                (PartKind::Forbid(_), _) | (PartKind::Lacks(_), _) => {}
                (a, b) if core::mem::discriminant(a) == core::mem::discriminant(b) => {
                    clash(format!("the same clause of `{name}`"), one.span, other.span);
                }
                _ => {}
            }
        }
    }
}
