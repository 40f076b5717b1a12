//! A parameter outside its set.
#[ptgen::pagetable(format = "x86_64_4level", parameters(width = 64))]
pub mod kernel {}

fn main() {}
