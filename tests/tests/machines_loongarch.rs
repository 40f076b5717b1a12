//! Tables of LoongArch64 built by emitted code, walked by an MMU that nobody here wrote: QEMU.
//!
//! The TLB is refilled by software. The handler is a few instructions that the machine has for this: LDDIR and LDPTE take
//! the tables apart, and what they find goes into the TLB, empty entries as well. So the machine decides what an entry
//! means. The handler decides in which order the directories come, and it puts right what QEMU 7.2 does wrong: LDPTE cuts the
//! highest bits, and knows huge pages of one size only.
//!
//! QEMU 7.2 has no pages of less than 16 KiB; the geometry is that of Linux for 16 KiB.

use ptgen::PageTable;
use ptgen_machines::{machines_for_tests, names};
use ptgen_tests::machine::{LoongArch, Reference, Subject, judge_all};

#[ptgen::pagetable(
    format = "loongarch64",
    range = low,
    parameters(page_lg2 = 14, pt_bits = 11, dir1_bits = 11, dir2_bits = 0, dir3_bits = 11)
)]
mod low_16k {}

#[ptgen::pagetable(
    format = "loongarch64",
    range = high,
    parameters(page_lg2 = 14, pt_bits = 11, dir1_bits = 11, dir2_bits = 0, dir3_bits = 11)
)]
mod high_16k {}

/// Memory that neither the machine nor the tests use for anything else.
const SHARED: [u64; 2] = [0xb000_0000, 0xb100_0000];

/// Bits of a VA below the one that chooses the half.
const BITS: u32 = 47;

/// lg2 of the bytes of a page, and of the slots of the tables: of pages, of directories 1 and 3.
type Geometry = (u32, [u32; 3]);

const K16: Geometry = (14, [11, 11, 11]);

#[test]
fn pages_of_16_kib_in_the_lower_half() {
    let format = low_16k::Format::new(SHARED[1], SHARED[0]).expect("the shared tables are aligned");
    loongarch::<low_16k::PageTable>("low", K16, format);
}

#[test]
fn pages_of_16_kib_in_the_higher_half() {
    let format = high_16k::Format::new(SHARED[1], SHARED[0]).expect("the shared tables are aligned");
    loongarch::<high_16k::PageTable>("high", K16, format);
}

fn loongarch<P: PageTable>(range: &str, (page_lg2, [pt, dir1, dir3]): Geometry, format: P::Format) {
    let parameters = [
        ("page_lg2", page_lg2.into()),
        ("pt_bits", pt.into()),
        ("dir1_bits", dir1.into()),
        ("dir2_bits", 0),
        ("dir3_bits", dir3.into()),
        ("empty_table.dir1", SHARED[0]),
        ("empty_table.dir3", SHARED[1]),
    ];
    for machine in machines_for_tests(&[names::QEMU_LOONGARCH]) {
        let subject = Subject {
            name: format!("loongarch64, {range}, pages of {} KiB", 1 << page_lg2 >> 10),
            format,
            processor: LoongArch {
                page_lg2,
                table_bits: pt,
                // A root is indexed by what is left of the VA.
                directory_bits: [dir1, 0, BITS - page_lg2 - pt - dir1, 0],
                high: range == "high",
                shared: SHARED,
            },
            reference: Reference::new("loongarch64", &[], &parameters, Some(range)),
        };
        judge_all::<P, _>(&subject, machine.as_ref());
    }
}
