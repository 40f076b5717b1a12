//! The compiler of page-table format files.
//!
//! A format file goes through these stages, each a module and a type: text → [`tree`] (as written) → model (resolved and
//! proven) → reference walker, documentation and Rust tokens. What is wrong at any stage is a
//! [`diagnostic::Diagnostic`].

pub mod bind;
pub mod binding;
pub mod check;
pub mod compile;
pub mod diagnostic;
pub mod document;
pub mod emit;
mod logic;
pub mod model;
pub mod parse;
pub mod print;
pub mod resolve;
mod rust_name;
pub mod span;
pub mod tree;
mod vocabulary;
pub mod walk;

pub use bind::bind;
pub use compile::{Compiled, compile, compile_proven};
pub use parse::parse;
pub use print::print;
pub use resolve::resolve;
