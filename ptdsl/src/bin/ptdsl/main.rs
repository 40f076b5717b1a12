//! The `ptdsl` command: checks, expands, shows and formats page-table format files, decodes words and walks images of
//! memory with them.

mod args;
mod binding;
mod check;
mod decode;
mod expand;
mod failure;
mod fmt;
mod number;
mod output;
mod show;
mod source;
mod walk;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let color = arguments.color;
    let outcome = match &arguments.command {
        Command::Check(request) => check::run(request, color),
        Command::Expand(request) => expand::run(request, color),
        Command::Show(request) => show::run(request, color),
        Command::Decode(request) => decode::run(request, color),
        Command::Walk(request) => walk::run(request, color),
        Command::Fmt(request) => fmt::run(request, color),
    };
    outcome.unwrap_or_else(|failure| {
        output::message(&failure.to_string());
        ExitCode::from(failure.code())
    })
}
