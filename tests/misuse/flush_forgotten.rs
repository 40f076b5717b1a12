//! A change whose flush is forgotten.
#![deny(unused_must_use)]

#[ptgen::pagetable(format = "riscv_sv39")]
pub mod kernel {}

fn main() {
    let mut words = [0_u64; 2048];
    let arena = ptgen::Arena::new(0x10_0000, &mut words);
    let mut cx = ptgen::Context::new(&arena, &arena, ptgen::NoTlb);
    let mut table = kernel::PageTable::new(&mut cx).unwrap();
    table.unmap(&mut cx, 0x1000..0x2000, ptgen::Unmap::everything()).unwrap();
}
