//! Rust tokens of a family of models.

mod cube;
mod expr;
mod merge;
mod scatter;
mod show;
