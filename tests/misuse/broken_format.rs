//! A file with mistakes: all of them are shown, with the lines of the file.
#[ptgen::pagetable(format = "misuse/broken.ptf")]
pub mod kernel {}

fn make(cx: &mut ptgen::Context<&ptgen::Arena<'_, u64>, &ptgen::Arena<'_, u64>, ptgen::NoTlb>) {
    let _ = kernel::PageTable::new(cx);
}

fn main() {}
