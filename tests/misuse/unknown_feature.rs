//! A feature that the format does not have.
#[ptgen::pagetable(format = "riscv_sv39", features(svnapt = on))]
pub mod kernel {}

fn main() {}
