//! Attributes of one format for the tables of another.
#[ptgen::pagetable(format = "riscv_sv39")]
pub mod three {}
#[ptgen::pagetable(format = "riscv_sv48")]
pub mod four {}

fn main() {
    let mut words = [0_u64; 2048];
    let arena = ptgen::Arena::new(0x10_0000, &mut words);
    let mut cx = ptgen::Context::new(&arena, &arena, ptgen::NoTlb);
    let mut table = three::PageTable::new(&mut cx).unwrap();
    let data = four::Attributes::kernel_data();
    let _ = table.map(&mut cx, 0x1000..0x2000, 0, &data, ptgen::Leaves::Largest);
}
