//! A path to nothing.
#[ptgen::pagetable(format = "formats/nothing.ptf")]
pub mod kernel {}

fn main() {}
