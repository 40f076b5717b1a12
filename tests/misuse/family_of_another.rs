//! A method of a family for an attribute that the format does not have.
#[ptgen::pagetable(format = "riscv_sv39")]
pub mod kernel {}

fn share(mut table: kernel::PageTable, arena: &ptgen::Arena<'_, u64>) {
    let mut cx = ptgen::Context::new(arena, arena, ptgen::NoTlb);
    let _ = table.set_memory_decrypted(&mut cx, 0x1000, 1);
}

fn main() {}
