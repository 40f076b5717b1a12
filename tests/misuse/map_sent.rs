//! A temporary map that is sent to another processor, which does not have it.

use ptgen::{Arena, Context, LocalMaps, LocalSlots, NoTlb};

#[ptgen::pagetable(format = "riscv_sv39")]
pub mod kernel {}

fn main() {
    let mut words = [0_u64; 4096];
    let arena = Arena::new(0x10_0000, &mut words);
    let mut table = kernel::PageTable::new(&mut Context::new(&arena, &arena, NoTlb)).unwrap();
    let range = table.range_mut().split_at(0x4000).unwrap().0;
    let slots = LocalSlots::prepare(range, &arena, &mut &arena, NoTlb).unwrap();
    let data = kernel::Attributes::kernel_data();
    let maps = LocalMaps::<kernel::Format, 4>::new();
    let mut nest = maps.nest();
    let map = nest.map(&slots, 0x1000, &data).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || println!("{}", map.va()));
    });
}
