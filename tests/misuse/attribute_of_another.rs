//! An attribute that the format does not have.
#[ptgen::pagetable(format = "riscv_sv39")]
pub mod kernel {}

fn main() {
    let _ = kernel::Attributes::kernel_data().with_encrypted(true);
}
