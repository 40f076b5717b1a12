//! `ptdsl show`: a format for people.

use std::process::ExitCode;

use ptdsl::document;

use crate::args::{Color, Show};
use crate::failure::Outcome;
use crate::source::Bound;
use crate::{output, source};

/// Prints tables, or a drawing.
pub fn run(request: &Show, color: Color) -> Outcome<ExitCode> {
    let bound = source::decided(&request.format, request.root.as_deref(), color)?;
    let text = if request.svg { document::drawing(bound.format(), bound.format()) } else { text(&bound) };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn text(bound: &Bound) -> String {
    let format = bound.format();
    let source = &bound.source;
    let mut text = document::heading(format);
    let sections = [
        ("Choices", document::choices(&source.compiled.text, &source.description, format)),
        ("Addresses", document::ranges(format)),
        ("Levels", document::levels(format)),
        ("Leaves", document::leaf_sizes(format)),
        ("Attributes", document::attributes(format)),
        ("Updates", document::updates(format)),
    ];
    for (title, section) in sections {
        if !section.is_empty() {
            text.push_str(&format!("\n{title}\n{}", section.text()));
        }
    }
    text.push_str(&format!("\nWords\n\n{}", document::layouts(format).text()));
    text
}
