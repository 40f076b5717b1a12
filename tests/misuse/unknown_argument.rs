//! An argument that there is not.
#[ptgen::pagetable(format = "riscv_sv39", level = 3)]
pub mod kernel {}

fn main() {}
