//! Runs the `ptdsl` command as a person does, on every subcommand, and looks at what it writes and returns.

mod check;
mod decode;
mod expand;
mod fmt;
mod image;
mod requests;
mod show;
mod support;
mod walk;
mod walk_agrees;
mod walk_hostile;
