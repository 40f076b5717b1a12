//! A range that the format does not have.
#[ptgen::pagetable(format = "aarch64_stage1_4k", range = middle)]
pub mod kernel {}

fn main() {}
