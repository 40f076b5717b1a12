//! The attribute without its argument.
#[ptgen::pagetable]
pub mod kernel {}

fn main() {}
