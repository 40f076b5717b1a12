//! A file with mistakes: all of them are shown, with the lines of the file.
#[ptgen::pagetable(format = "misuse/broken.ptf")]
pub mod kernel {}

fn make(cx: &mut ptgen::Context<&ptgen::Arena<'_, u64>, &ptgen::Arena<'_, u64>, ptgen::NoTlb>) {
    let mut table = kernel::PageTable::new(cx).unwrap();
    let _ = table.set_memory_ro(cx, 0x1000, 1);
}

fn main() {}
