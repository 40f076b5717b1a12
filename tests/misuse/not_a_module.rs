//! Something else than a module.
#[ptgen::pagetable(format = "riscv_sv39")]
pub struct Kernel;

fn main() {}
