//! Automation of the repository: `cargo xtask tidy`, `cargo xtask lines`, `cargo xtask formats` and
//! `cargo xtask targets`.
//!
//! What has to hold is also a test of this package, so that `cargo test` alone tells.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod formats;
mod lines;
mod targets;
mod tidy;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tidy     say where the sources break a rule of CONTRIBUTING.md that a machine can check
  lines    count the lines of each format, of the runtime and of the compiler
  formats  write docs/formats: a page and a drawing of each format that ships
  targets  compile the runtime for the machines whose instructions it has, and look for these in what comes out";

fn main() -> ExitCode {
    let root = workspace();
    let command = std::env::args().nth(1);
    match command.as_deref() {
        Some("tidy") => {
            let problems = tidy::problems(&root);
            for problem in &problems {
                println!("{problem}");
            }
            println!("{} problems", problems.len());
            ExitCode::from(u8::from(!problems.is_empty()))
        }
        Some("lines") => {
            print!("{}", lines::report(&root));
            ExitCode::SUCCESS
        }
        Some("formats") => match formats::write(&root) {
            Ok(written) => {
                println!("{} files written", written.len());
                ExitCode::SUCCESS
            }
            Err(wrong) => {
                eprintln!("{wrong}");
                ExitCode::from(1)
            }
        },
        Some("targets") => {
            let outcomes = targets::check(&root);
            for (target, outcome) in &outcomes {
                println!("{target}: {outcome}");
            }
            ExitCode::from(u8::from(outcomes.iter().any(|(_, outcome)| outcome.is_failure())))
        }
        other => {
            if let Some(other) = other {
                eprintln!("there is no command `{other}`");
            }
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// The top folder of the repository.
fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Every file under `folder` whose name ends in `suffix`, sorted, build output left out.
fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                found.extend(files(&path, suffix));
            }
        } else if name.ends_with(suffix) {
            found.push(path);
        }
    }
    found.sort();
    found
}
