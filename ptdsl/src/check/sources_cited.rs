//! Something cites a source: the `//!` lines of the file are not empty. What they say is for readers, who can look it up.

use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::Description;

/// What is wrong with a file whose formats cite nothing; told once, at the first of them.
pub(super) fn in_file<'a>(formats: impl IntoIterator<Item = &'a Description>) -> Option<Diagnostic> {
    let silent = |it: &&Description| it.sources.iter().all(|line| line.trim().is_empty());
    let first = formats.into_iter().filter(silent).min_by_key(|it| it.span)?;
    let text = format!("nothing says where `{}` comes from", first.name.value);
    let diagnostic = Diagnostic::new(Code::NoSource, text)
        .label(first.span, "described without a source")
        .note("expected `//!` lines at the top of the file")
        .help("write `//! Name of the manual, its volume and chapter.` as the first line");
    Some(diagnostic)
}
