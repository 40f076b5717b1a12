//! A name that no format has: the nearest and all known ones are listed.
#[ptgen::pagetable(format = "x86_64_5levels")]
pub mod kernel {}

// The names exist all the same: no second wave of errors.
fn root(table: &kernel::PageTable, _: kernel::Attributes) -> ptgen::Oa {
    table.root()
}

fn main() {}
