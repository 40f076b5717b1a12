//! Something cites a source: the `//!` lines of the file are not empty.

use super::facts::{Facts, Subject};
use crate::diagnostic::{Code, Diagnostic};

pub(super) fn check(facts: &mut Facts<'_>) {
    let description = facts.description;
    if description.sources.iter().any(|line| !line.trim().is_empty()) {
        return;
    }
    let diagnostic =
        Diagnostic::new(Code::NoSource, format!("nothing says where `{}` comes from", description.name.value))
            .label(description.span, "described without a source")
            .note("expected `//!` lines at the top of the file")
            .help("write `//! Name of the manual, its volume and chapter.` as the first line");
    facts.report(Subject::Format, diagnostic);
}
