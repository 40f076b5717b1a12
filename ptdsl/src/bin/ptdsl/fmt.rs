//! `ptdsl fmt`: format files in canonical form.

use std::path::Path;
use std::process::ExitCode;

use ptdsl::diagnostic::render;

use crate::args::{Color, Fmt};
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::source;

/// Rewrites the files, or says which ones it would rewrite.
pub fn run(request: &Fmt, color: Color) -> Outcome<ExitCode> {
    let mut broken = false;
    let mut changed = Vec::new();
    for path in &request.files {
        let text = source::read(path)?;
        let name = path.display().to_string();
        let file = match ptdsl::parse(&text) {
            Ok(file) => file,
            Err(problems) => {
                output::message(&render(&name, &text, &problems, color.of_messages()));
                broken = true;
                continue;
            }
        };
        let printed = ptdsl::print(&file);
        if printed == text {
            continue;
        }
        if !request.check {
            write(path, &printed)?;
        }
        changed.push(name);
    }
    report(&changed, request.check)?;
    let failed = broken || (request.check && !changed.is_empty());
    Ok(if failed { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn report(changed: &[String], check: bool) -> Outcome {
    let verb = if check { "not in canonical form" } else { "rewritten" };
    let lines: Vec<String> = changed.iter().map(|name| format!("{name}: {verb}\n")).collect();
    output::print(&lines.concat())
}

/// Replaces a file by way of a new one beside it, so that it is never half written.
fn write(path: &Path, text: &str) -> Outcome {
    let unwritable = |error: std::io::Error| Failure::found(format!("cannot write {}: {error}", path.display()));
    let target = std::fs::canonicalize(path).map_err(unwritable)?;
    let mut beside = target.clone().into_os_string();
    beside.push(".new");
    let permissions = std::fs::metadata(&target).map_err(unwritable)?.permissions();
    let replaced = std::fs::write(&beside, text)
        .and_then(|()| std::fs::set_permissions(&beside, permissions))
        .and_then(|()| std::fs::rename(&beside, &target));
    if replaced.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    replaced.map_err(unwritable)
}
