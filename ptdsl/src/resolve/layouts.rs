//! Layouts made whole: every statement that defines or amends one applied, in order, after the layout it derives from.

use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::span::Span;
use crate::tree::{self, FormatKind, LayoutKind, Origin, PartKind};

use super::description::{ClauseKind, Documented, Layout};
use super::draft::{Draft, LayoutDraft, duplicate, head, kind_word};
use super::{rows, texts};

/// Every layout of a description, in order of first mention. In a `base` a layout may lack its definition; it then holds
/// what amends it.
pub(super) fn resolve(
    format: &tree::Format,
    draft: &Draft,
    complaints: &mut Vec<Diagnostic>,
) -> Vec<Documented<Layout>> {
    let complete = format.kind.value == FormatKind::Format;
    let mut maker = Maker { draft, complete, states: vec![State::New; draft.layouts.len()], complaints };
    for index in 0..draft.layouts.len() {
        maker.visit(index, &mut Vec::new());
    }
    let states = maker.states;
    states
        .into_iter()
        .filter_map(|state| if let State::Done(layout) = state { layout.map(|layout| *layout) } else { None })
        .collect()
}

#[derive(Clone)]
enum State {
    New,
    Open,
    Done(Option<Box<Documented<Layout>>>),
}

struct Maker<'a> {
    draft: &'a Draft,
    /// Whether everything that is amended or derived from must be there.
    complete: bool,
    states: Vec<State>,
    complaints: &'a mut Vec<Diagnostic>,
}

impl Maker<'_> {
    /// The layout at `index`, made if it is not yet. `path` holds the layouts that led here.
    fn visit(&mut self, index: usize, path: &mut Vec<usize>) -> Option<Documented<Layout>> {
        match self.states.get(index)? {
            State::Done(layout) => return layout.as_deref().cloned(),
            State::Open => {
                self.cycle(index, path);
                return None;
            }
            State::New => {}
        }
        self.states[index] = State::Open;
        path.push(index);
        let layout = self.make(index, path);
        path.pop();
        self.states[index] = State::Done(layout.clone().map(Box::new));
        layout
    }

    fn make(&mut self, index: usize, path: &mut Vec<usize>) -> Option<Documented<Layout>> {
        let draft = self.draft.layouts.get(index)?;
        let first = draft.steps.first()?;
        let mut layout = match &first.node.origin {
            Origin::New => empty(draft, first),
            Origin::Amended => {
                if self.complete {
                    self.unknown(&first.node.name, "amends");
                    return None;
                }
                empty(draft, first)
            }
            Origin::From(name) => {
                let found = self.draft.layouts.iter().position(|other| other.name == *name);
                let Some(found) = found else {
                    if self.complete {
                        self.unknown(name, "is made from");
                    }
                    return None;
                };
                derived(self.visit(found, path)?, first)
            }
        };
        for step in &draft.steps {
            apply(&mut layout, step, self.complaints);
        }
        Some(layout)
    }

    fn unknown(&mut self, name: &tree::Name, how: &str) {
        let known = self.draft.layouts.iter().filter(|layout| layout.is_defined());
        let near = nearest(&name.value, known.map(|layout| layout.name.value.as_str()));
        let complaint = Diagnostic::new(Code::UnknownName, format!("no layout is called `{}`", name.value))
            .label(name.span, format!("this {how} a layout that is not there"));
        self.complaints.push(match near {
            Some(near) => complaint.help(format!("did you mean `{near}`?")),
            None => complaint,
        });
    }

    fn cycle(&mut self, index: usize, path: &[usize]) {
        let start = path.iter().position(|step| *step == index).unwrap_or(0);
        let mut complaint = Diagnostic::new(Code::Cycle, "layouts that are made from each other");
        for layout in path.iter().skip(start).filter_map(|step| self.draft.layouts.get(*step)) {
            complaint = complaint.label(layout.name.span, format!("`{}` needs itself", layout.name.value));
        }
        self.complaints.push(complaint.help("`leaf x with { … }` amends `x` itself"));
    }
}

/// A layout of which nothing has been said but its head.
fn empty(draft: &LayoutDraft, first: &Documented<tree::Layout>) -> Documented<Layout> {
    let node = Layout {
        kind: first.node.kind.value,
        name: draft.name.clone(),
        word: None,
        rows: Vec::new(),
        identity: None,
        forbid: Vec::new(),
        output: None,
        lacks: Vec::new(),
        defer: false,
        run: None,
        clauses: Vec::new(),
    };
    Documented { node, docs: Vec::new(), span: head(&first.node) }
}

/// What `first` takes over from the layout that it is made from: everything but what only the other kind can say.
fn derived(from: Documented<Layout>, first: &Documented<tree::Layout>) -> Documented<Layout> {
    let mut layout = from.node;
    layout.kind = first.node.kind.value;
    layout.name = first.node.name.clone();
    if layout.kind != LayoutKind::Leaf {
        layout.output = None;
        layout.run = None;
        layout.lacks.clear();
    }
    if layout.kind != LayoutKind::Absent {
        layout.defer = false;
    }
    layout.clauses.retain(|(clause, _)| match clause {
        ClauseKind::Output | ClauseKind::Lacks | ClauseKind::Run => layout.kind == LayoutKind::Leaf,
        ClauseKind::Defer => layout.kind == LayoutKind::Absent,
        ClauseKind::Where | ClauseKind::Forbid => true,
    });
    Documented { node: layout, docs: Vec::new(), span: head(&first.node) }
}

/// Applies one statement.
fn apply(layout: &mut Documented<Layout>, step: &Documented<tree::Layout>, complaints: &mut Vec<Diagnostic>) {
    if !step.docs.is_empty() {
        layout.docs.clone_from(&step.docs);
    }
    if step.node.word.is_some() {
        layout.node.word = step.node.word;
    }
    let new: Vec<Documented<tree::Row>> = step
        .node
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::Row(row) => Some(Documented { node: row.clone(), docs: texts(&part.docs), span: part.span }),
            _ => None,
        })
        .collect();
    // What the layout could not say before it can say now.
    layout.node.lacks.retain(|name| !new.iter().any(|row| says(&row.node, &name.value)));
    let old = core::mem::take(&mut layout.node.rows);
    layout.node.rows = rows::replaced(&layout.node.name.value, old, &new, complaints);
    layout.node.rows.extend(new);
    rows::sort(&mut layout.node.rows);
    clauses(&mut layout.node, step, complaints);
}

/// Whether some alternative of a row is this field.
fn says(row: &tree::Row, field: &str) -> bool {
    row.content.cases.iter().any(|case| match &case.value.value {
        tree::Content::Field { name, value: None, .. } => name.value == field,
        _ => false,
    })
}

/// Applies the clauses of one statement: each replaces its namesake, `forbid` and `lacks` add.
fn clauses(layout: &mut Layout, step: &Documented<tree::Layout>, complaints: &mut Vec<Diagnostic>) {
    let mut given: Vec<(ClauseKind, Span)> = Vec::new();
    for part in &step.node.parts {
        let kind = match &part.kind {
            PartKind::Row(_) => continue,
            PartKind::Where(cond) => {
                layout.identity = Some(cond.clone());
                ClauseKind::Where
            }
            PartKind::Output(output) => {
                layout.output = Some(output.clone());
                ClauseKind::Output
            }
            PartKind::Run(run) => {
                layout.run = Some(run.clone());
                ClauseKind::Run
            }
            PartKind::Defer => {
                layout.defer = true;
                ClauseKind::Defer
            }
            PartKind::Forbid(cond) => {
                layout.forbid.push(cond.clone());
                ClauseKind::Forbid
            }
            PartKind::Lacks(names) => {
                layout.lacks.extend(names.iter().cloned());
                ClauseKind::Lacks
            }
        };
        if !matches!(kind, ClauseKind::Forbid | ClauseKind::Lacks) {
            if let Some((_, first)) = given.iter().find(|(other, _)| *other == kind) {
                complaints.push(duplicate(&format!("a clause of `{}`", layout.name.value), *first, part.span));
            }
            layout.clauses.retain(|(other, _)| *other != kind);
        }
        given.push((kind, part.span));
        layout.clauses.push((kind, part.span));
        misplaced(layout, kind, part.span, complaints);
    }
}

/// A clause that layouts of this kind do not have.
fn misplaced(layout: &Layout, clause: ClauseKind, span: Span, complaints: &mut Vec<Diagnostic>) {
    let fits = match clause {
        ClauseKind::Where | ClauseKind::Forbid => layout.kind != LayoutKind::Root,
        ClauseKind::Output | ClauseKind::Lacks | ClauseKind::Run => layout.kind == LayoutKind::Leaf,
        ClauseKind::Defer => layout.kind == LayoutKind::Absent,
    };
    if !fits {
        let (kind, name) = (kind_word(layout.kind), &layout.name.value);
        complaints.push(
            Diagnostic::new(Code::KindsDiffer, format!("a clause that `{kind}` layouts do not have"))
                .label(span, format!("`{name}` is a `{kind}`"))
                .note("`output`, `run` and `lacks` belong to a `leaf`, `defer` to an `absent`, conditions to all but a `root`"),
        );
    }
}
