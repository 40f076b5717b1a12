//! Which description is made from which, and their items merged in that order.

use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::tree;

use super::conflict;
use super::draft::{Draft, duplicate};

/// The merged items of each description of the file; `None` for those that are made from something that is not there.
pub(super) fn drafts(file: &tree::File, complaints: &mut Vec<Diagnostic>) -> Vec<Option<Draft>> {
    let mut family = Family { file, states: vec![State::New; file.formats.len()], complaints };
    for index in 0..file.formats.len() {
        family.repeated(index);
        family.visit(index, &mut Vec::new());
    }
    let states = family.states;
    states
        .into_iter()
        .map(|state| if let State::Done(draft) = state { draft.map(|draft| *draft) } else { None })
        .collect()
}

#[derive(Clone)]
enum State {
    New,
    Open,
    Done(Option<Box<Draft>>),
}

struct Family<'a> {
    file: &'a tree::File,
    states: Vec<State>,
    complaints: &'a mut Vec<Diagnostic>,
}

impl Family<'_> {
    /// Reports a description whose name an earlier one has.
    fn repeated(&mut self, index: usize) {
        let Some(format) = self.file.formats.get(index) else { return };
        let before = self.file.formats.iter().take(index).find(|other| other.name == format.name);
        if let Some(before) = before {
            let what = format!("the description `{}`", format.name.value);
            self.complaints.push(duplicate(&what, before.name.span, format.name.span));
        }
    }

    /// Merges one description, after those that it is made from. `path` holds the descriptions that led here.
    fn visit(&mut self, index: usize, path: &mut Vec<usize>) -> Option<Draft> {
        match self.states.get(index)? {
            State::Done(draft) => return draft.as_deref().cloned(),
            State::Open => {
                self.cycle(index, path);
                return None;
            }
            State::New => {}
        }
        self.states[index] = State::Open;
        path.push(index);
        let draft = self.merge(index, path);
        path.pop();
        self.states[index] = State::Done(draft.clone().map(Box::new));
        draft
    }

    fn merge(&mut self, index: usize, path: &mut Vec<usize>) -> Option<Draft> {
        let format = self.file.formats.get(index)?;
        let mut own = Vec::new();
        let block = Draft::of(format, &mut own);
        let mut whole = true;
        let mut draft = Draft::default();
        let mut parent = Draft::default();
        if let Some(with) = &format.with {
            let mut fragments: Vec<(&tree::Name, Draft)> = Vec::new();
            for (place, name) in core::iter::once(&with.parent).chain(&with.fragments).enumerate() {
                let Some(part) = self.find(name).and_then(|part| self.visit(part, path)) else {
                    whole = false;
                    continue;
                };
                if place > 0 {
                    draft.flawed |= part.flawed;
                    let part = part.without(&parent);
                    for (other, before) in &fragments {
                        conflict::between(other, before, name, &part, &mut own);
                    }
                    draft.overlay(&part, &mut own);
                    fragments.push((name, part));
                } else {
                    draft = part.clone();
                    parent = part;
                }
            }
        }
        draft.overlay(&block, &mut own);
        draft.flawed |= !own.is_empty();
        self.complaints.append(&mut own);
        whole.then_some(draft)
    }

    /// The description of that name; reports if there is none.
    fn find(&mut self, name: &tree::Name) -> Option<usize> {
        let found = self.file.formats.iter().position(|format| format.name == *name);
        if found.is_none() {
            let known = self.file.formats.iter().map(|format| format.name.value.as_str());
            let complaint = Diagnostic::new(Code::UnknownName, format!("no description is called `{}`", name.value))
                .label(name.span, "not in this file");
            self.complaints.push(match nearest(&name.value, known) {
                Some(near) => complaint.help(format!("did you mean `{near}`?")),
                None => complaint,
            });
        }
        found
    }

    /// Reports that the descriptions from `index` to the end of `path` are made from each other.
    fn cycle(&mut self, index: usize, path: &[usize]) {
        let start = path.iter().position(|step| *step == index).unwrap_or(0);
        let formats = path.iter().skip(start).filter_map(|step| self.file.formats.get(*step));
        let mut complaint = Diagnostic::new(Code::Cycle, "descriptions that are made from each other");
        for format in formats {
            complaint = complaint.label(format.name.span, format!("`{}` needs itself", format.name.value));
        }
        self.complaints.push(complaint.help("put what they share into a `base` of its own"));
    }
}
