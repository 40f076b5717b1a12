//! The front half of the compiler, in one place: text → tree → descriptions → proofs.

use crate::check::check_resolved;
use crate::diagnostic::{Diagnostic, render};
use crate::parse::parse;
use crate::resolve::{Description, Resolved, resolve_all};
use crate::tree::{File, FormatKind};

/// What becomes of the text of a format file.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What stands where a path is expected when something is wrong.
    pub name: String,
    /// The text.
    pub text: String,
    /// The file as it was written, if it follows the grammar.
    pub file: Option<File>,
    /// Its descriptions, as far as they are whole. Nothing may be made of them unless there are no diagnostics.
    pub descriptions: Vec<Description>,
    /// Everything that is wrong, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles the text of a format file up to descriptions that are ready to be bound.
///
/// As much is reported at once as can be told apart: a text that does not follow the grammar is looked at no further; of
/// a description in which a name or an item is missing, everything is checked that does not depend on that.
#[must_use]
pub fn compile(name: &str, text: &str) -> Compiled {
    let (mut compiled, resolved) = resolved(name, text);
    compiled.diagnostics.extend(check_resolved(&resolved));
    compiled.diagnostics.sort_by_key(|diagnostic| (diagnostic.span(), diagnostic.code));
    compiled.descriptions = resolved.whole;
    compiled
}

/// As [`compile`], without the proofs: for texts that ship, which tests have proven. Saves most of the time.
#[must_use]
pub fn compile_proven(name: &str, text: &str) -> Compiled {
    let (mut compiled, resolved) = resolved(name, text);
    compiled.descriptions = resolved.whole;
    compiled
}

/// What both have in common: the tree and what is wrong so far, and the descriptions.
fn resolved(name: &str, text: &str) -> (Compiled, Resolved) {
    let mut compiled = Compiled {
        name: name.to_owned(),
        text: text.to_owned(),
        file: None,
        descriptions: Vec::new(),
        diagnostics: Vec::new(),
    };
    let mut resolved = Resolved::default();
    match parse(text) {
        Ok(file) => {
            resolved = resolve_all(compiled.file.insert(file));
            compiled.diagnostics = core::mem::take(&mut resolved.diagnostics);
        }
        Err(diagnostics) => compiled.diagnostics = diagnostics,
    }
    (compiled, resolved)
}

impl Compiled {
    /// The formats that a client can name, unless something is wrong.
    pub fn formats(&self) -> impl Iterator<Item = &Description> {
        let formats = self.descriptions.iter().filter(|it| it.kind == FormatKind::Format);
        formats.filter(|_| self.diagnostics.is_empty())
    }

    /// Everything that is wrong, for a person; empty if nothing is.
    #[must_use]
    pub fn rendered(&self, color: bool) -> String {
        render(&self.name, &self.text, &self.diagnostics, color)
    }
}
