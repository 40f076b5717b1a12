//! The engine on formats written by hand: what operations do, and what they refuse.

#[allow(missing_docs, reason = "tests")]
mod support;

use ptgen::{Arena, Attributes as _, Context, Error, FaultKind, Leaves, NoTlb, Oa, Protect, Tree, Unmap, Use, Va};
use support::{four_level, three_level};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

#[test]
fn largest_leaves() {
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(0x10_0000, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    let data = four_level::Attributes::kernel_data();
    let start = 0xffff_8880_0000_0000;
    let range = start + GIB - 2 * MIB - 4 * KIB..start + 2 * GIB + 8 * KIB;
    let oa = 4 * GIB - 2 * MIB - 4 * KIB;
    let unflushed = tree.map(&mut cx, range.clone(), oa, &data, Leaves::Largest).unwrap();
    assert!(unflushed.is_empty());
    for (va, size) in [(range.start, 12), (start + GIB - 2 * MIB, 21), (start + GIB, 30), (start + 2 * GIB, 12)] {
        let mapping = tree.lookup(&arena, va).unwrap();
        assert_eq!((mapping.va, mapping.size_lg2), (Va::new(va), size));
        assert_eq!(mapping.oa, Oa::new(va - range.start + oa));
        assert_eq!(mapping.attributes(), data);
    }
    assert_eq!(tree.translate(&arena, range.end - 1), Ok(Oa::new(oa + (range.end - range.start) - 1)));
    assert_eq!(tree.translate(&arena, range.end).unwrap_err().kind, FaultKind::Absent);
    // Root, one table below, two of 2 MiB slots, two of pages.
    assert_eq!(arena.frames(), 6);
    let unflushed = tree.unmap(&mut cx, range, Unmap::mapped()).unwrap();
    assert!(!unflushed.is_empty());
    unflushed.flush(&mut cx);
    assert_eq!(arena.frames(), 1);
    tree.free(&mut cx).unwrap();
    assert_eq!(arena.frames(), 0);
}
