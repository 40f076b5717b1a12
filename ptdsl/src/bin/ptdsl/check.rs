//! `ptdsl check`: everything that is wrong with format files.

use std::process::ExitCode;

use crate::args::{Check, Color};
use crate::failure::Outcome;
use crate::{output, source};

/// Checks every file, then sums up.
pub fn run(request: &Check, color: Color) -> Outcome<ExitCode> {
    let mut problems = 0;
    let mut broken = 0;
    let mut unreadable = 0;
    for path in &request.files {
        let text = match source::read(path) {
            Ok(text) => text,
            Err(failure) => {
                output::message(&failure.to_string());
                unreadable += 1;
                continue;
            }
        };
        let compiled = ptdsl::compile(&path.display().to_string(), &text);
        if !compiled.diagnostics.is_empty() {
            output::message(&(compiled.rendered(color.of_messages()) + "\n"));
            problems += compiled.diagnostics.len();
            broken += 1;
        }
    }
    output::print(&summary(request.files.len(), problems, broken, unreadable))?;
    Ok(match (unreadable, broken) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(1),
        _ => ExitCode::from(2),
    })
}

fn summary(files: usize, problems: usize, broken: usize, unreadable: usize) -> String {
    let many = |number: usize, one: &str, more: &str| format!("{number} {}", if number == 1 { one } else { more });
    let checked = many(files, "file", "files");
    let mut text = match problems {
        0 => format!("{checked}: no problems"),
        _ => format!("{checked}: {} in {broken}", many(problems, "problem", "problems")),
    };
    if unreadable > 0 {
        text.push_str(&format!(", {unreadable} could not be read"));
    }
    text + "\n"
}
