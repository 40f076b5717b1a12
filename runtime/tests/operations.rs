//! What operations do, and what they refuse, one case at a time.

#![allow(clippy::reversed_empty_ranges, reason = "they are what is refused")]

mod support;

use std::cell::RefCell;

use ptgen::{
    Arena, Attributes as _, Callback, ChangeKind, Context, Error, FaultKind, Flow, FlushRequest, Format as _,
    Frames as _, Holes, Leaves, NoFrames, NoTlb, Oa, Protect, Request, Sizes, TableShape, Tree, Unencodable, Unmap,
    Use, Va, VaRange, Visit, WithoutTables,
};
use support::memory::Checked;
use support::{four_level, odd, three_level};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const BASE: u64 = 0x10_0000;

fn words() -> Vec<u64> {
    vec![0; 128 * 512]
}

fn data() -> four_level::Attributes {
    four_level::Attributes::kernel_data()
}

type FourLevels = Tree<four_level::Format>;
type Plain<'a> = Context<&'a Arena<'a, u64>, &'a Arena<'a, u64>, NoTlb>;

fn four<'a>(arena: &'a Arena<'a, u64>) -> (FourLevels, Plain<'a>) {
    let mut cx = Context::new(arena, arena, NoTlb);
    let tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    (tree, cx)
}

fn sizes<F: ptgen::Format>(tree: &Tree<F>, arena: &Arena<'_, u64>, range: VaRange) -> Vec<(u64, u32)> {
    let mut leaves = Vec::new();
    let mut visitor = |visit: Visit<F>| {
        if let Visit::Leaf(leaf) = visit {
            leaves.push((leaf.va.get(), leaf.size_lg2));
        }
        Flow::Continue
    };
    tree.walk(arena, range, &mut visitor).unwrap();
    leaves
}

#[test]
fn largest_leaves() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let (mut tree, mut cx) = four(&arena);
    let start = 0xffff_8880_0000_0000;
    let range = start + GIB - 2 * MIB - 4 * KIB..start + 2 * GIB + 8 * KIB;
    let oa = 4 * GIB - 2 * MIB - 4 * KIB;
    let unflushed = tree.map(&mut cx, range.clone(), oa, &data(), Leaves::Largest).unwrap();
    assert!(unflushed.is_empty(), "the format fills without a flush");
    for (va, size) in [(range.start, 12), (start + GIB - 2 * MIB, 21), (start + GIB, 30), (start + 2 * GIB, 12)] {
        let mapping = tree.lookup(&arena, va).unwrap();
        assert_eq!((mapping.va, mapping.size_lg2), (Va::new(va), size));
        assert_eq!(mapping.oa, Oa::new(va - range.start + oa));
        assert_eq!(mapping.attributes(), data());
    }
    assert_eq!(tree.translate(&arena, range.end - 1), Ok(Oa::new(oa + (range.end - range.start) - 1)));
    assert_eq!(tree.translate(&arena, range.end).unwrap_err().kind, FaultKind::Absent);
    // The root, one table below, two of 2 MiB slots, two of pages.
    assert_eq!(arena.frames(), 6);
    let unflushed = tree.unmap(&mut cx, range, Unmap::mapped()).unwrap();
    assert!(!unflushed.is_empty());
    unflushed.flush(&mut cx);
    assert_eq!(arena.frames(), 1);
    tree.free(&mut cx).unwrap();
    assert_eq!(arena.frames(), 0);
}

#[test]
fn words_of_the_manual() {
    // Golden vectors of the format: pages and large leaves of kernel data at given addresses.
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let (mut tree, mut cx) = four(&arena);
    let cases = [(0, 12, 0x1234_5000, 0x8000_0000_1234_5163), (2 * MIB, 21, 0x4000_0000, 0x8000_0000_4000_01e3)];
    for (va, lg2, oa, word) in cases.into_iter().chain([(GIB, 30, 0x1_0000_0000, 0x8000_0001_0000_01e3)]) {
        let unflushed = tree.map(&mut cx, VaRange::new(va, 1 << lg2), oa, &data(), Leaves::Exactly(lg2)).unwrap();
        assert!(unflushed.is_empty());
        assert_eq!(tree.lookup(&arena, va).unwrap().word, word);
    }
}

#[test]
fn a_part_of_a_large_leaf() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let (mut tree, mut cx) = four(&arena);
    let through = four_level::Attributes { memory_type: four_level::MemoryType::WriteThrough, ..data() };
    tree.map(&mut cx, 0..GIB, 0, &through, Leaves::Largest).unwrap().flush(&mut cx);
    let page = 5 * MIB + 8 * KIB..5 * MIB + 12 * KIB;
    let refused = tree.protect(&mut cx, page.clone(), &four_level::Change::write(false), Protect::mapped().no_split());
    assert_eq!(refused.unwrap_err(), Error::PartialLeaf { va: Va::new(0), size_lg2: 30 });
    assert_eq!(arena.frames(), 2);

    // Nothing to change, nothing to split.
    let same = four_level::Change::write(true);
    assert!(tree.protect(&mut cx, page.clone(), &same, Protect::mapped().no_split()).unwrap().is_empty());

    let unflushed = tree.protect(&mut cx, page.clone(), &four_level::Change::write(false), Protect::mapped()).unwrap();
    let request = *unflushed.request().unwrap();
    // The leaf was flushed when it had been split, the tables with it; what is left is the page.
    assert_eq!((request.range, request.tables), (VaRange::from(page.clone()), false));
    unflushed.flush(&mut cx);
    assert_eq!(arena.frames(), 4);
    let leaves = sizes(&tree, &arena, VaRange::new(0, GIB));
    assert_eq!(leaves.len(), 511 + 512);
    for (va, _) in leaves {
        let mapping = tree.lookup(&arena, va).unwrap();
        assert_eq!(mapping.oa.get(), va);
        let expected = four_level::Attributes { write: !page.contains(&va), ..through };
        assert_eq!(mapping.attributes(), expected, "{va:#x}");
    }
}

#[test]
fn a_part_of_a_run() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, three_level::Format::default()).unwrap();
    let attributes = three_level::Attributes::user_data();
    let oa = 0x4000_0000;
    // A page, then runs up to the next 2 MiB.
    let map = tree.map(&mut cx, 60 * KIB..2 * MIB, oa + 60 * KIB, &attributes, Leaves::Largest).unwrap();
    assert!(map.request().is_some(), "the format's TLB may hold absent words");
    map.flush(&mut cx);
    let leaves = sizes(&tree, &arena, VaRange::new(0, 2 * MIB));
    assert_eq!(leaves[..2], [(60 * KIB, 12), (64 * KIB, 16)]);
    assert_eq!(leaves.len(), 1 + 31);
    // The golden word of a run: 64 KiB, the low bits of the address say so.
    let word = tree.lookup(&arena, 64 * KIB).unwrap().word;
    assert_eq!(word >> 63, 1);
    assert_eq!(word >> 10 & 0xfff_ffff_ffff, (oa + 64 * KIB) >> 12 | 8);
    assert_eq!(tree.translate(&arena, 70 * KIB), Ok(Oa::new(oa + 70 * KIB)));

    let unflushed = tree.unmap(&mut cx, 128 * KIB..136 * KIB, Unmap::mapped()).unwrap();
    unflushed.flush(&mut cx);
    let leaves = sizes(&tree, &arena, VaRange::new(0, 256 * KIB));
    let mut expected = vec![(60 * KIB, 12), (64 * KIB, 16)];
    expected.extend((136..192).step_by(4).map(|kib| (kib * KIB, 12)));
    expected.push((192 * KIB, 16));
    assert_eq!(leaves, expected);
    for va in (136 * KIB..192 * KIB).step_by(4096) {
        assert_eq!(tree.translate(&arena, va), Ok(Oa::new(oa + va)));
    }
}

#[test]
fn splits_use_runs() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, three_level::Format::default()).unwrap();
    tree.set_use(Use::Offline);
    let attributes = three_level::Attributes::user_data();
    tree.map(&mut cx, 0..2 * MIB, 0, &attributes, Leaves::Largest).unwrap().flush(&mut cx);
    let change = three_level::Change::write(false);
    tree.protect(&mut cx, 64 * KIB..136 * KIB, &change, Protect::mapped()).unwrap().flush(&mut cx);
    let leaves = sizes(&tree, &arena, VaRange::new(0, 2 * MIB));
    let mut expected = vec![(0, 16), (64 * KIB, 16)];
    expected.extend((128..192).step_by(4).map(|kib| (kib * KIB, 12)));
    expected.extend((192..2048).step_by(64).map(|kib| (kib * KIB, 16)));
    assert_eq!(leaves, expected);
}

#[test]
fn the_top_of_the_address_space() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let (mut tree, mut cx) = four(&arena);
    let top = VaRange::new(u64::MAX - 0x1fff, 0x2000);
    for range in [top, VaRange::inclusive(u64::MAX - 0x1fff, u64::MAX)] {
        tree.map(&mut cx, range, 0x5000, &data(), Leaves::Largest).unwrap().flush(&mut cx);
        assert_eq!(tree.translate(&arena, u64::MAX), Ok(Oa::new(0x6fff)));
        let protect = tree.protect(&mut cx, range, &four_level::Change::write(false), Protect::mapped()).unwrap();
        protect.flush(&mut cx);
        assert!(!tree.lookup(&arena, u64::MAX).unwrap().attributes().write);
        tree.unmap(&mut cx, range, Unmap::mapped()).unwrap().flush(&mut cx);
        assert_eq!(arena.frames(), 1);
    }
    let upper = VaRange::inclusive(0xffff_8000_0000_0000_u64, u64::MAX);
    let oa = tree.map(&mut cx, upper, 0, &data(), Leaves::Largest).unwrap_err();
    assert_eq!(oa, Error::OutOfRange { oa: Oa::new((1 << 47) - 1), last: Oa::new((1 << 46) - 1) });
    // All but a page below the top, of the largest leaves, is 64 TiB here.
    let quarter = VaRange::inclusive(0xffff_c000_0000_0000_u64, u64::MAX);
    let _ = tree.map(&mut cx, quarter, 0, &data(), Leaves::Largest).unwrap_err();
    assert_eq!(arena.frames(), 1, "129 tables are not there, and none is kept");
}

#[test]
fn addresses_that_are_not_canonical() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let (mut tree, mut cx) = four(&arena);
    let half = 0x8000_0000_0000_u64;
    let upper = 0xffff_8000_0000_0000_u64;
    let cases = [
        (VaRange::new(half, 0x1000), half),
        (VaRange::new(half - 0x1000, 0x2000), half),
        (VaRange::new(upper - 0x1000, 0x2000), upper - 0x1000),
        (VaRange::inclusive(half - 0x1000, upper + 0xfff), half),
        (VaRange::inclusive(0_u64, u64::MAX), half),
        (VaRange::new(1_u64 << 60, 0x1000), 1 << 60),
    ];
    for (range, va) in cases {
        let refused = Error::NotCanonical { va: Va::new(va) };
        assert_eq!(tree.map(&mut cx, range, 0, &data(), Leaves::Largest).unwrap_err(), refused);
        assert_eq!(tree.unmap(&mut cx, range, Unmap::everything()).unwrap_err(), refused);
        let change = four_level::Change::write(true);
        assert_eq!(tree.protect(&mut cx, range, &change, Protect::everything()).unwrap_err(), refused);
    }
    let fault = tree.translate(&arena, half).unwrap_err();
    assert_eq!((fault.kind, fault.level), (FaultKind::NotCanonical, 3));
    tree.map(&mut cx, half - 0x1000..half, 0, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    tree.map(&mut cx, upper..upper + 0x1000, 0x1000, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    assert_eq!(tree.translate(&arena, half - 1), Ok(Oa::new(0xfff)));
    assert_eq!(tree.translate(&arena, upper), Ok(Oa::new(0x1000)));
}

#[test]
fn arguments_that_are_refused() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let (mut tree, mut cx) = four(&arena);
    let mut map = |range: VaRange, oa: u64, attributes: &four_level::Attributes, leaves| {
        tree.map(&mut cx, range, oa, attributes, leaves).map(|unflushed| unflushed.is_empty())
    };
    let large = Leaves::Largest;
    let page = VaRange::new(0x1000, 0x1000);
    assert_eq!(
        map(VaRange::from(0x2000..0x1000), 0, &data(), large),
        Err(Error::Reversed { range: (0x2000..0x1000).into() })
    );
    assert_eq!(map(VaRange::from(0x1000..0x1000), 1, &data(), large), Ok(true));
    assert_eq!(
        map(VaRange::new(0x1800, 0x1000), 0, &data(), large),
        Err(Error::Misaligned { address: 0x1800, lg2: 12 })
    );
    assert_eq!(
        map(VaRange::new(0x1000, 0x800), 0, &data(), large),
        Err(Error::Misaligned { address: 0x1800, lg2: 12 })
    );
    assert_eq!(map(page, 0x10, &data(), large), Err(Error::Misaligned { address: 0x10, lg2: 12 }));
    assert_eq!(map(page, 0, &data(), Leaves::Exactly(13)), Err(Error::NoSuchSize { lg2: 13 }));
    assert_eq!(map(page, 0, &data(), Leaves::Exactly(21)), Err(Error::Misaligned { address: 0x1000, lg2: 21 }));
    let last = Oa::new((1 << 46) - 1);
    assert_eq!(map(page, 1 << 46, &data(), large), Err(Error::OutOfRange { oa: Oa::new((1 << 46) + 0xfff), last }));
    assert_eq!(map(page, u64::MAX, &data(), large), Err(Error::OutOfRange { oa: Oa::new(u64::MAX), last }));
    let lost = four_level::Attributes { software: 1, ..data() };
    assert_eq!(map(page, 0, &lost, large), Err(Error::Unencodable(Unencodable { attribute: "software" })));
    assert_eq!(arena.frames(), 1);
}

#[test]
fn what_is_in_the_way() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let (mut tree, mut cx) = four(&arena);
    let page = |number: u64| VaRange::new(number * 0x1000, 0x1000);
    tree.map(&mut cx, page(4), 0x9000, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    // As the published crates are probed: the fifth of eight pages is taken.
    let refused = tree.map(&mut cx, 0..0x8000, 0x5000, &data(), Leaves::Largest).unwrap_err();
    assert_eq!(refused, Error::Occupied { va: Va::new(0x4000) });
    assert_eq!(sizes(&tree, &arena, VaRange::new(0, GIB)), [(0x4000, 12)]);
    // Largest leaves go around a table that is there.
    // Where a table is in the way, what is in it is named, and only what is in the range.
    for leaves in [Leaves::Exactly(21), Leaves::Exactly(30)] {
        let refused = tree.map(&mut cx, 0..GIB, 0, &data(), leaves).unwrap_err();
        assert_eq!(refused, Error::Occupied { va: Va::new(0x4000) });
    }
    let request = Request::Map { oa: 0.into(), attributes: &data(), leaves: Leaves::Exactly(21) };
    assert_eq!(tree.plan(&arena, 0..2 * MIB, &request), Err(Error::Occupied { va: Va::new(0x4000) }));
    tree.map(&mut cx, 0..0x4000, 0, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    tree.map(&mut cx, 0x5000..4 * MIB, 0x5000, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    let leaves = sizes(&tree, &arena, VaRange::new(0, 4 * MIB));
    assert_eq!((leaves.len(), leaves[512]), (513, (2 * MIB, 21)));

    // Holes, in the middle of five pages.
    let (mut tree, mut cx) = four(&arena);
    for number in [0, 1, 3, 4] {
        tree.map(&mut cx, page(number), 0, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    }
    let change = four_level::Change::write(false);
    let hole = Error::Hole { va: Va::new(0x2000) };
    assert_eq!(tree.unmap(&mut cx, 0..0x5000, Unmap::mapped()).unwrap_err(), hole);
    assert_eq!(tree.protect(&mut cx, 0..0x5000, &change, Protect::mapped()).unwrap_err(), hole);
    assert!(tree.lookup(&arena, 0).unwrap().attributes().write);
    tree.protect(&mut cx, 0..0x5000, &change, Protect::everything()).unwrap().flush(&mut cx);
    assert_eq!(tree.translate(&arena, 0x2000).unwrap_err().kind, FaultKind::Absent);
    assert!(!tree.lookup(&arena, 0x4000).unwrap().attributes().write);
    tree.unmap(&mut cx, 0..0x5000, Unmap::everything()).unwrap().flush(&mut cx);
    assert_eq!(sizes(&tree, &arena, VaRange::new(0, GIB)), []);
}

#[test]
fn words_that_carry_something() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let (mut tree, mut cx) = four(&arena);
    tree.map(&mut cx, 0..0x3000, 0, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    let table = table_of(&tree, &arena, 0);
    // A word of the client's in the slot of page 3, a reserved one in that of page 4.
    assert!(arena.write(table + 24, 0xabc << 1));
    assert!(arena.write(table + 32, 1 << 50 | 1));
    let reserved = Error::Reserved { va: Va::new(0x4000), level: 0, word: 1 << 50 | 1 };
    let map = |tree: &mut FourLevels, cx: &mut Plain<'_>, page: u64| {
        tree.map(cx, VaRange::new(page * 0x1000, 0x1000), 0, &data(), Leaves::Largest).unwrap_err()
    };
    assert_eq!(map(&mut tree, &mut cx, 3), Error::Occupied { va: Va::new(0x3000) });
    assert_eq!(map(&mut tree, &mut cx, 4), reserved);
    assert_eq!(tree.unmap(&mut cx, 0x4000..0x5000, Unmap::mapped()).unwrap_err(), reserved);
    assert_eq!(tree.translate(&arena, 0x4000).unwrap_err().kind, FaultKind::Reserved);
    tree.unmap(&mut cx, 0..0x3000, Unmap::mapped()).unwrap().flush(&mut cx);
    assert_eq!(arena.frames(), 4, "the table is not empty");
    tree.protect(&mut cx, 0..0x5000, &four_level::Change::write(true), Protect::everything()).unwrap().flush(&mut cx);
    assert_eq!(arena.read(table + 24), Some(0xabc << 1));
    tree.unmap(&mut cx, 0..0x5000, Unmap::everything()).unwrap().flush(&mut cx);
    assert_eq!(arena.frames(), 1);
}

fn table_of(tree: &FourLevels, arena: &Arena<'_, u64>, va: u64) -> Oa {
    let mut table = None;
    let mut visitor = |visit: Visit<four_level::Format>| {
        if let Visit::Table { level: 1, address, .. } = visit {
            table = Some(address);
        }
        Flow::Continue
    };
    tree.walk(arena, VaRange::new(va, 0x1000), &mut visitor).unwrap();
    table.expect("a table of pages")
}

#[test]
fn a_walk_in_order() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let (mut tree, mut cx) = four(&arena);
    tree.map(&mut cx, 0x3000..0x5000, 0, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    tree.map(&mut cx, GIB..2 * GIB, 0, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    let table = table_of(&tree, &arena, 0x3000);
    assert!(arena.write(table + 8 * 6, 1 << 50 | 1));
    let all = VaRange::new(0x1000, 512 * GIB - 0x1000);
    let show = |visit: Visit<four_level::Format>| match visit {
        Visit::Leaf(leaf) => format!("leaf {} {}", leaf.va, leaf.size_lg2),
        Visit::Table { va, level, .. } => format!("table {va} {level}"),
        Visit::Hole(range) => format!("hole {range}"),
        Visit::Reserved { va, level, word } => format!("reserved {va} {level} {word:#x}"),
    };
    let seen = RefCell::new(Vec::new());
    let mut visitor = |visit| {
        seen.borrow_mut().push(show(visit));
        Flow::Continue
    };
    tree.walk(&arena, all, &mut visitor).unwrap();
    let expected = [
        "table 0x0 3",
        "table 0x0 2",
        "table 0x0 1",
        "hole 0x1000..=0x2fff",
        "leaf 0x3000 12",
        "leaf 0x4000 12",
        "hole 0x5000..=0x5fff",
        "reserved 0x6000 0 0x4000000000001",
        "hole 0x7000..=0x3fffffff",
        "leaf 0x40000000 30",
        "hole 0x80000000..=0x7fffffffff",
    ];
    assert_eq!(seen.take(), expected);

    tree.walk(
        &arena,
        all,
        &mut WithoutTables(|visit| {
            seen.borrow_mut().push(show(visit));
            Flow::Continue
        }),
    )
    .unwrap();
    let without: Vec<_> = expected.into_iter().filter(|line| !line.starts_with("table")).collect();
    assert_eq!(seen.take(), without);

    // Skips what is below, stops where it is told.
    let mut visitor = |visit| {
        seen.borrow_mut().push(show(visit));
        match visit {
            Visit::Table { level: 1, .. } => Flow::Skip,
            Visit::Leaf(_) => Flow::Stop,
            _ => Flow::Continue,
        }
    };
    tree.walk(&arena, all, &mut visitor).unwrap();
    let skipped = ["table 0x0 3", "table 0x0 2", "table 0x0 1", "hole 0x200000..=0x3fffffff", "leaf 0x40000000 30"];
    assert_eq!(seen.take(), skipped);
}

#[test]
fn flush_before_frames_go_back() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let flush = |request: &FlushRequest| frames.log.borrow_mut().push(format!("flush {}", request.range));
    let mut cx = Context::new(&arena, &frames, Callback(flush));
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    tree.map(&mut cx, 0..8 * MIB, 0x1000, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    let page_tables: Vec<Oa> = (0..4).map(|number| table_of(&tree, &arena, number * 2 * MIB)).collect();
    let one = tree.unmap(&mut cx, 0..4 * MIB, Unmap::everything()).unwrap();
    let other = tree.unmap(&mut cx, 4 * MIB..6 * MIB, Unmap::everything()).unwrap();
    assert_eq!(frames.out(), 7, "nothing goes back before the flush");
    // A walker that still has the tables sees leaves or nothing.
    for table in &page_tables[..3] {
        assert_eq!(arena.read(*table).unwrap() & 1, 0);
        assert_eq!(arena.read(*table + 8).unwrap() & 1, 1);
    }
    one.merge(other, &arena).flush(&mut cx);
    assert_eq!(frames.out(), 4);
    let log = frames.log.take();
    assert_eq!((log.len(), &*log[0]), (4, "flush 0x0..=0x5fffff"));

    let unflushed = tree.unmap(&mut cx, 6 * MIB..7 * MIB, Unmap::mapped()).unwrap();
    let request = *unflushed.request().unwrap();
    unflushed.flush(&mut cx);
    assert!(frames.log.take()[0].starts_with("flush"));
    assert_eq!(request.leaf_sizes, Sizes::one(12));
    assert!(!request.tables && request.global);
    tree.free(&mut cx).unwrap();
    let log = frames.log.take();
    assert!(log[0].starts_with("flush") && log.len() == 5);
    assert_eq!(frames.out(), 0);
}

#[test]
fn nothing_to_flush() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, Callback(|request: &FlushRequest| panic!("{request:?}")));
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    tree.map(&mut cx, 0..2 * MIB, 0x1000, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    let relax = four_level::Change { execute: Some(true), ..Default::default() };
    assert!(tree.protect(&mut cx, 0..MIB, &relax, Protect::mapped()).unwrap().is_empty());
    assert!(tree.unmap(&mut cx, 4 * MIB..8 * MIB, Unmap::everything()).unwrap().is_empty());
    tree.set_use(Use::Offline);
    let unflushed = tree.unmap(&mut cx, 0..2 * MIB, Unmap::mapped()).unwrap();
    assert!(unflushed.request().is_none() && !unflushed.is_empty());
    unflushed.flush(&mut cx);
    assert_eq!(arena.frames(), 1);
    tree.free(&mut cx).unwrap();
}

#[test]
fn break_before_make() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree =
        Tree::new(&mut cx, three_level::Format { four: true, breaks: true, ..three_level::Format::default() }).unwrap();
    let attributes = three_level::Attributes::kernel_data();
    tree.map(&mut cx, 0..4 * MIB + 64 * KIB, 0, &attributes, Leaves::Largest).unwrap().flush(&mut cx);
    let read_only = three_level::Change::write(false);
    let device = three_level::Change { page_type: Some(2), ..Default::default() };
    let (mib2, run) = (Va::new(2 * MIB), Va::new(4 * MIB));
    let size = |va| Error::BreakBeforeMake { va, kind: ChangeKind::Size };
    let part = 2 * MIB..3 * MIB;
    assert_eq!(tree.protect(&mut cx, part.clone(), &read_only, Protect::mapped()).unwrap_err(), size(mib2));
    assert_eq!(tree.unmap(&mut cx, part.clone(), Unmap::mapped()).unwrap_err(), size(mib2));
    assert_eq!(tree.unmap(&mut cx, 4 * MIB..4 * MIB + 4 * KIB, Unmap::mapped()).unwrap_err(), size(run));
    let all = 0..4 * MIB + 64 * KIB;
    let error = tree.protect(&mut cx, all.clone(), &device, Protect::mapped()).unwrap_err();
    assert_eq!(error, Error::BreakBeforeMake { va: Va::new(0), kind: ChangeKind::MemoryType });
    // Where nothing changes, nothing is broken.
    let cached = three_level::Change { page_type: Some(0), ..Default::default() };
    tree.protect(&mut cx, all.clone(), &cached, Protect::mapped()).unwrap().flush(&mut cx);
    // Whole leaves may change their rights, and go.
    tree.protect(&mut cx, all.clone(), &read_only, Protect::mapped()).unwrap().flush(&mut cx);
    tree.set_use(Use::Offline);
    tree.protect(&mut cx, part, &device, Protect::mapped()).unwrap().flush(&mut cx);
    assert_eq!(tree.lookup(&arena, 2 * MIB).unwrap().attributes().page_type, 2);
    tree.set_use(Use::Live);
    tree.unmap(&mut cx, all, Unmap::mapped()).unwrap().flush(&mut cx);
}

#[test]
fn no_frames_at_any_point() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut cx = Context::new(&arena, &frames, NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    tree.map(&mut cx, GIB..2 * GIB, 0, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    let before = sizes(&tree, &arena, VaRange::new(0, 4 * GIB));
    let mut attempts = 0;
    for allowed in 0.. {
        frames.left.set(allowed);
        // Two tables where there are none, with pages on both sides.
        let map = tree.map(&mut cx, GIB - 4 * MIB..GIB, 0x1000, &data(), Leaves::Largest);
        frames.left.set(usize::MAX);
        if map.is_ok() {
            break;
        }
        assert_eq!(map.unwrap_err(), Error::OutOfFrames);
        assert_eq!((frames.out(), sizes(&tree, &arena, VaRange::new(0, 4 * GIB))), (2, before.clone()));
        attempts += 1;
    }
    // A table of 2 MiB slots and two of pages.
    assert_eq!((attempts, frames.out()), (3, 5));

    let change = four_level::Change::write(false);
    let before = sizes(&tree, &arena, VaRange::new(0, 4 * GIB));
    for allowed in 0..2 {
        frames.left.set(allowed);
        let part = GIB + 8 * KIB..GIB + 16 * KIB;
        assert_eq!(tree.protect(&mut cx, part.clone(), &change, Protect::mapped()).unwrap_err(), Error::OutOfFrames);
        assert_eq!(tree.unmap(&mut cx, part, Unmap::mapped()).unwrap_err(), Error::OutOfFrames);
        assert_eq!((frames.out(), sizes(&tree, &arena, VaRange::new(0, 4 * GIB))), (5, before.clone()));
    }
    let mut never = Context::new(&arena, NoFrames, NoTlb);
    assert_eq!(
        tree.unmap(&mut never, GIB..GIB + 4 * KIB, Unmap::mapped()).unwrap_err(),
        Error::OutOfFrames,
        "this context has none"
    );
    tree.protect(&mut never, GIB..2 * GIB, &change, Protect::mapped()).unwrap().flush(&mut cx);
    frames.left.set(0);
    assert_eq!(Tree::new(&mut cx, four_level::Format::default()).unwrap_err(), Error::OutOfFrames);
}

#[test]
fn tables_can_stay() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let (mut tree, mut cx) = four(&arena);
    tree.map(&mut cx, 0..4 * MIB, 0x1000, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    assert_eq!(arena.frames(), 5);
    tree.unmap(&mut cx, 0..4 * MIB, Unmap::mapped().keep_tables()).unwrap().flush(&mut cx);
    assert_eq!(arena.frames(), 5);
    assert_eq!(sizes(&tree, &arena, VaRange::new(0, GIB)), []);
    let mut never = Context::new(&arena, NoFrames, NoTlb);
    tree.map(&mut never, 0..4 * MIB, 0x1000, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    // Unmapped page by page, the tables go with their last page.
    for va in (0..1024).rev().map(|page| page * 4 * KIB) {
        tree.unmap(&mut cx, VaRange::new(va, 0x1000), Unmap::mapped()).unwrap().flush(&mut cx);
    }
    assert_eq!(arena.frames(), 1);
    let mut source = &arena;
    assert_eq!(source.allocate(TableShape::of_size(0, 12)).map(|frame| frame.address().is_aligned(12)), Some(true));
}

#[test]
fn holes_do_not_matter_where_they_are_skipped() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let (mut tree, mut cx) = four(&arena);
    let policy = Unmap { holes: Holes::Skip, ..Unmap::mapped() };
    let everything: Vec<VaRange> = tree.ranges().collect();
    assert_eq!(everything.len(), 2);
    for range in everything {
        tree.map(&mut cx, range.start()..range.start() + 0x1000, 0, &data(), Leaves::Largest).unwrap().flush(&mut cx);
        tree.unmap(&mut cx, range, policy).unwrap().flush(&mut cx);
    }
    assert_eq!(arena.frames(), 1);
    assert!(tree.format().is_canonical(tree.range().start().get()));
}

#[test]
fn changes_that_make_no_leaf() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, three_level::Format::default()).unwrap();
    let text = three_level::Attributes::kernel_text();
    let hidden = three_level::Attributes { read: false, ..text };
    tree.map(&mut cx, 0..0x5000, 0, &text, Leaves::Largest).unwrap().flush(&mut cx);
    tree.map(&mut cx, 0x5000..0x6000, 0x5000, &hidden, Leaves::Largest).unwrap().flush(&mut cx);
    tree.map(&mut cx, 2 * MIB..4 * MIB, 0, &hidden, Leaves::Largest).unwrap().flush(&mut cx);
    let before = arena.frames();
    // A page that may only be executed: without that right it would be no leaf, writable it would be forbidden.
    let refused = |range: std::ops::Range<u64>, change, tree: &mut Tree<_>, cx: &mut Plain<'_>| match tree
        .protect(cx, range, &change, Protect::everything())
        .unwrap_err()
    {
        Error::Forbidden { va, level, .. } => (va.get(), level),
        error => panic!("{error}"),
    };
    let stop = three_level::Change { execute: Some(false), ..Default::default() };
    let write = three_level::Change::write(true);
    assert_eq!(refused(0..0x6000, stop, &mut tree, &mut cx), (0x5000, 0));
    assert_eq!(refused(0..0x6000, write, &mut tree, &mut cx), (0x5000, 0));
    assert_eq!(refused(0..4 * MIB, write, &mut tree, &mut cx), (0x5000, 0));
    assert_eq!(refused(2 * MIB..4 * MIB, stop, &mut tree, &mut cx), (2 * MIB, 1));
    assert_eq!(refused(3 * MIB..4 * MIB, write, &mut tree, &mut cx), (2 * MIB, 1));
    assert_eq!(arena.frames(), before);
    for (va, attributes) in [(0, text), (0x4000, text), (0x5000, hidden), (3 * MIB, hidden)] {
        assert_eq!(tree.lookup(&arena, va).unwrap().attributes(), attributes);
    }
    tree.protect(&mut cx, 0..0x5000, &write, Protect::mapped()).unwrap().flush(&mut cx);
    assert!(tree.lookup(&arena, 0x4000).unwrap().attributes().write);
}

#[test]
fn both_ends_in_one_run_above_tables() {
    let mut words = vec![0_u32; 64 * 1024];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut cx = Context::new(&arena, &frames, NoTlb);
    let mut tree = Tree::new(&mut cx, odd::Format::default()).unwrap();
    let attributes = odd::Attributes { write: true, dirty: true };
    tree.map(&mut cx, 0..32 * MIB, 64 * MIB, &attributes, Leaves::Exactly(25)).unwrap().flush(&mut cx);
    let change = odd::Change { write: Some(false), ..odd::Change::default() };
    let part = 6 * MIB..22 * MIB;
    frames.left.set(1);
    assert_eq!(tree.protect(&mut cx, part.clone(), &change, Protect::mapped()).unwrap_err(), Error::OutOfFrames);
    assert_eq!(tree.lookup(&arena, part.start).unwrap().size_lg2, 25);
    // One table for each end, and not one more.
    frames.left.set(2);
    tree.protect(&mut cx, part.clone(), &change, Protect::mapped()).unwrap().flush(&mut cx);
    let mut leaves = Vec::new();
    let mut visitor = WithoutTables(|visit: Visit<odd::Format>| {
        let Visit::Leaf(leaf) = visit else { panic!("{visit:?}") };
        leaves.push((
            leaf.va.get() / MIB,
            leaf.size_lg2,
            leaf.oa == Oa::new(leaf.va.get() + 64 * MIB),
            leaf.attributes(),
        ));
        Flow::Continue
    });
    tree.walk(&arena, 0..32 * MIB, &mut visitor).unwrap();
    let found: Vec<_> = leaves.iter().map(|leaf| (leaf.0, leaf.1)).collect();
    // The ends in leaves of 2 MiB, which are the largest of the lower level; between them the largest that fit.
    assert_eq!(found, [(0, 22), (4, 21), (6, 21), (8, 23), (16, 22), (20, 21), (22, 21), (24, 23)]);
    for (mib, _, is_in_place, attributes) in leaves {
        assert!(is_in_place);
        assert_eq!(attributes.write, !part.contains(&(mib * MIB)));
    }
}

#[test]
fn parts_of_pages() {
    let mut words = words();
    let arena = Arena::new(BASE, &mut words);
    let (mut tree, mut cx) = four(&arena);
    tree.map(&mut cx, 0..0x4000, 0, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    let change = four_level::Change::write(false);
    for (start, bytes, address) in [(0x1800, 0x1000, 0x1800), (0x1000, 0x800, 0x1800), (0x1001, 0x1fff, 0x1001)] {
        let range = VaRange::new(start, bytes);
        let refused = Error::Misaligned { address, lg2: 12 };
        for policy in [Unmap::everything(), Unmap::mapped()] {
            assert_eq!(tree.unmap(&mut cx, range, policy).unwrap_err(), refused);
        }
        for policy in [Protect::everything(), Protect::mapped()] {
            assert_eq!(tree.protect(&mut cx, range, &change, policy).unwrap_err(), refused);
        }
    }
    for page in 0..4 {
        assert!(tree.lookup(&arena, page * 0x1000).unwrap().attributes().write);
    }
}
