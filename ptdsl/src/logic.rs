//! Reasoning over many conditions at once, instead of trying bindings and words one by one.

mod bdd;

pub use bdd::{Bdd, Bdds, Cube, Var};
