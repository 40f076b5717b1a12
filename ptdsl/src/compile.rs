//! The front half of the compiler, in one place: text → tree → descriptions → proofs.

use crate::check::check_file;
use crate::diagnostic::{Diagnostic, render};
use crate::parse::parse;
use crate::resolve::{Description, resolve};
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
/// All problems are reported at once: descriptions that resolve are checked even where others do not.
#[must_use]
pub fn compile(name: &str, text: &str) -> Compiled {
    let mut compiled = compile_proven(name, text);
    compiled.diagnostics.extend(check_file(&compiled.descriptions));
    compiled.diagnostics.sort_by_key(|diagnostic| (diagnostic.span(), diagnostic.code));
    compiled
}

/// As [`compile`], without the proofs: for texts that ship, which tests have proven. Saves most of the time.
#[must_use]
pub fn compile_proven(name: &str, text: &str) -> Compiled {
    let mut compiled = Compiled {
        name: name.to_owned(),
        text: text.to_owned(),
        file: None,
        descriptions: Vec::new(),
        diagnostics: Vec::new(),
    };
    match parse(text) {
        Ok(file) => (compiled.descriptions, compiled.diagnostics) = resolve(compiled.file.insert(file)),
        Err(diagnostics) => compiled.diagnostics = diagnostics,
    }
    compiled
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
