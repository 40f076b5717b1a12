//! What software keeps beside the slots of a table: where it is, that tables take the room for it, and that nothing but the
//! client writes it.

use ptgen::{Accounted, Arena, Context, Leaves, NoTlb, Oa, Protect, Tally, Unmap, VaRange};

/// Hazel: 16 bits for each slot of the lower tables.
#[ptgen::pagetable(format = "kept/hazel.ptf")]
mod hazel {}

/// Where the memory of the tables begins.
const BASE: u64 = 0x10_0000;
const PAGE: u64 = 0x1000;

#[test]
fn companions_follow_their_table_and_are_the_clients() {
    let mut words = vec![0_u32; 0x4000];
    let arena = Arena::new(BASE, &mut words);
    let mut tally = Tally::new();
    let mut cx = Context::new(&arena, Accounted::new(&arena, &mut tally), NoTlb);
    let mut table = hazel::PageTable::new(&mut cx).expect("there is a frame");
    let data = hazel::Attributes::kernel_data();
    table
        .map(&mut cx, VaRange::new(0x4_3000, 3 * PAGE), 0x5000, &data, Leaves::Largest)
        .expect("nothing is there")
        .flush(&mut cx);

    let at = |table: &hazel::PageTable, va: u64| table.companion(&arena, va).expect("the tables are in the arena");
    assert_eq!(at(&table, 0x8_0000), None, "the upper tables have none");
    let first = at(&table, 0x4_0000).expect("the lower tables have some");
    // A lower table has 64 slots of 4 bytes; 2 bytes for each follow.
    let lower = first.get() - 64 * 4;
    assert_eq!(lower % 256, 0, "tables are aligned to themselves, whatever follows");
    for slot in 0..64 {
        assert_eq!(at(&table, 0x4_0000 + slot * PAGE), Some(Oa::new(first.get() + 2 * slot)));
    }

    // 256 bytes of words and 128 of companions take a frame of 512.
    table
        .map(&mut cx, VaRange::new(0xc_0000, PAGE), 0x9000, &data, Leaves::Largest)
        .expect("nothing is there")
        .flush(&mut cx);
    let other = at(&table, 0xc_0000).expect("the lower tables have some").get() - 64 * 4;
    assert!(other.abs_diff(lower) >= 512, "{other:#x} is in the frame of {lower:#x}");

    for word in 0..32 {
        assert!(arena.write(first.get() + 4 * word, 0xaaaa_0000 | word as u32), "companions are memory of the arena");
    }
    let whole = VaRange::new(0x4_0000, 64 * PAGE);
    table.map(&mut cx, VaRange::new(0x4_0000, 3 * PAGE), 0x2000, &data, Leaves::Largest).expect("free").flush(&mut cx);
    let change = hazel::Change::new().write(false);
    table.protect(&mut cx, whole, &change, Protect::everything()).expect("the change can be said").flush(&mut cx);
    table.unmap(&mut cx, whole, Unmap::everything().keep_tables()).expect("it is mapped").flush(&mut cx);
    for word in 0..32 {
        assert_eq!(arena.read(first.get() + 4 * word), Some(0xaaaa_0000 | word as u32), "companion {word}");
    }

    table.free(&mut cx).expect("the arena has all of it");
    assert!(tally.is_balanced(), "{tally:?}");
}
