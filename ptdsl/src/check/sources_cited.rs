//! Something cites a source: the `//!` lines of the file are not empty.

use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::Description;
use crate::tree::FormatKind;

/// What is wrong with a file whose formats cite nothing; told once, at the first of them.
pub(super) fn in_file(descriptions: &[Description]) -> Option<Diagnostic> {
    let silent =
        |it: &&Description| it.kind == FormatKind::Format && it.sources.iter().all(|line| line.trim().is_empty());
    let first = descriptions.iter().find(silent)?;
    let text = format!("nothing says where `{}` comes from", first.name.value);
    let diagnostic = Diagnostic::new(Code::NoSource, text)
        .label(first.span, "described without a source")
        .note("expected `//!` lines at the top of the file")
        .help("write `//! Name of the manual, its volume and chapter.` as the first line");
    Some(diagnostic)
}
