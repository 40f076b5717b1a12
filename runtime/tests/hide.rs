//! Hiding leaves and showing them again: every bit comes back.

mod support;

use std::cell::{Cell, RefCell};

use ptgen::{
    Arena, Attributes as _, Callback, ChangeKind, Context, Error, FlushRequest, Hide, Join, Leaves, NoFrames, NoTlb,
    Tree, Unencodable, Unmap, Use, VaRange, Word,
};
use support::memory::Checked;
use support::oracle::{Dump, Known};
use support::random::Random;
use support::{four_level, odd, three_level};

const BASE: u64 = 0x10_0000;
const PAGE: u64 = 0x1000;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

fn dump<F: Known>(f: F, tree: &Tree<F>, arena: &Arena<'_, F::Word>) -> Dump<F::Attributes> {
    f.dump(&|address| arena.read(address).expect("a table in the arena").into(), tree.root().get())
}

/// With every bit that could be lost: global, dirty, software's.
fn data() -> four_level::Attributes {
    let memory_type = four_level::MemoryType::WriteProtected;
    four_level::Attributes { memory_type, software: 5 << 9, ..four_level::Attributes::kernel_data() }
}

/// Page by page out of a large leaf, and back.
#[test]
fn pages_of_a_large_leaf() {
    for batched in [false, true] {
        let mut words = vec![0_u64; 16 * 512];
        let arena = Arena::new(BASE, &mut words);
        let frames = Checked::new(&arena);
        let flushes = Cell::new(0);
        let mut cx = Context::new(&arena, &frames, Callback(|_: &FlushRequest| flushes.set(flushes.get() + 1)));
        let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
        tree.map(&mut cx, 2 * MIB..4 * MIB, 0, &data(), Leaves::Largest).unwrap().flush(&mut cx);
        let original = tree.lookup(&arena, 2 * MIB).unwrap().word;
        let taken = || usize::MAX - frames.left.get();
        let before = taken();
        let mut pending = None;
        for page in 0..512 {
            let unflushed = tree.hide(&mut cx, VaRange::new(2 * MIB + page * PAGE, PAGE), Hide::mapped()).unwrap();
            if batched && page > 0 {
                pending = Some(match pending.take() {
                    Some(before) => unflushed.merge(before, &cx.memory),
                    None => unflushed,
                });
            } else {
                unflushed.flush(&mut cx);
            }
            assert!(tree.translate(&arena, 2 * MIB + page * PAGE).is_err());
            assert_eq!(tree.translate(&arena, 2 * MIB + 511 * PAGE).is_ok(), page < 511);
            assert_eq!(taken() - before, 1, "one split");
        }
        if let Some(pending) = pending {
            pending.flush(&mut cx);
        }
        assert!(flushes.get() <= if batched { 2 } else { 513 });
        // No frame is needed to show them, one by one.
        let mut none = Context::new(&arena, NoFrames, NoTlb);
        for page in (0..512).rev() {
            let unflushed = tree.show(&mut none, VaRange::new(2 * MIB + page * PAGE, PAGE), Hide::mapped()).unwrap();
            assert!(unflushed.is_empty(), "the format fills without a flush");
        }
        tree.join(&mut cx, 2 * MIB..3 * MIB, Join::default().exactly()).unwrap().flush(&mut cx);
        assert_eq!(tree.lookup(&arena, 2 * MIB).unwrap().word, original);
        assert_eq!(taken(), before);
    }
}

#[test]
fn a_large_leaf_as_a_whole() {
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let flushes = Cell::new(0);
    let mut cx = Context::new(&arena, &arena, Callback(|_: &FlushRequest| flushes.set(flushes.get() + 1)));
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    tree.map(&mut cx, 0..2 * GIB, 0, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    let before = dump(four_level::Format::default(), &tree, &arena);
    assert_eq!(arena.frames(), 2);
    tree.hide(&mut cx, 0..GIB, Hide::mapped().no_split()).unwrap().flush(&mut cx);
    assert_eq!((flushes.get(), arena.frames()), (1, 2));
    assert!(tree.translate(&arena, 0).is_err() && tree.translate(&arena, GIB).is_ok());
    // A part of what is hidden: a split to 2 MiB, of which one is there.
    tree.show(&mut cx, 4 * MIB..6 * MIB, Hide::mapped()).unwrap().flush(&mut cx);
    assert_eq!(arena.frames(), 3);
    let found = dump(four_level::Format::default(), &tree, &arena);
    assert_eq!(found.leaves, [(4 * MIB, 21), (GIB, 30)]);
    assert_eq!(found.segments[0].attributes, data());
    // What is hidden already, and what is not there at all, is not there.
    let hole = |va: u64| Error::Hole { va: va.into() };
    assert_eq!(tree.hide(&mut cx, 4 * MIB..8 * MIB, Hide::mapped()).unwrap_err(), hole(6 * MIB));
    assert_eq!(tree.hide(&mut cx, 2 * GIB..2 * GIB + PAGE, Hide::mapped()).unwrap_err(), hole(2 * GIB));
    assert_eq!(tree.show(&mut cx, 2 * MIB..6 * MIB, Hide::mapped()).unwrap_err(), hole(4 * MIB));
    assert_eq!(tree.show(&mut cx, 2 * GIB..2 * GIB + PAGE, Hide::mapped()).unwrap_err(), hole(2 * GIB));
    assert_eq!(dump(four_level::Format::default(), &tree, &arena), found);
    assert!(tree.hide(&mut cx, 2 * GIB..3 * GIB, Hide::everything()).unwrap().is_empty());
    // All of the rest, and it is as if nothing had been.
    tree.show(&mut cx, 0..GIB, Hide::everything()).unwrap().flush(&mut cx);
    tree.join(&mut cx, 0..PAGE, Join::default().exactly()).unwrap().flush(&mut cx);
    assert_eq!(dump(four_level::Format::default(), &tree, &arena), before);
}

#[test]
fn no_frame_for_a_split() {
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    tree.map(&mut cx, 0..GIB, 0, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    let before = dump(four_level::Format::default(), &tree, &arena);
    let mut none = Context::new(&arena, NoFrames, NoTlb);
    assert_eq!(tree.hide(&mut none, 0..PAGE, Hide::mapped()).unwrap_err(), Error::OutOfFrames);
    let error = tree.hide(&mut cx, 0..PAGE, Hide::mapped().no_split()).unwrap_err();
    assert_eq!(error, Error::PartialLeaf { va: 0.into(), size_lg2: 30 });
    assert_eq!(dump(four_level::Format::default(), &tree, &arena), before);
}

/// What the machine records until the leaf is hidden is kept.
#[test]
fn records_of_the_last_moment() {
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let clean = four_level::Attributes { accessed: false, dirty: false, ..data() };
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    tree.map(&mut cx, 0..16 * PAGE, 0, &clean, Leaves::Largest).unwrap().flush(&mut cx);
    let mut slot = tree.root();
    for _ in 0..3 {
        slot = ptgen::Oa::new(arena.read(slot).unwrap() & 0x3fff_ffff_f000);
    }
    for moment in 0..4 {
        let watched = support::memory::Watched::new(&arena, |opened| {
            let w = arena.read(slot + 8 * moment as u64).unwrap();
            if opened == moment && w & 1 != 0 {
                arena.write(slot + 8 * moment as u64, w | 0x60);
            }
        });
        let mut cx = Context::new(&watched, NoFrames, NoTlb);
        let range = VaRange::new(moment as u64 * PAGE, PAGE);
        tree.hide(&mut cx, range, Hide::mapped()).unwrap().flush(&mut cx);
        assert_eq!(arena.read(slot + 8 * moment as u64).unwrap() & 0x61, 0x60, "{moment}");
        tree.show(&mut cx, range, Hide::mapped()).unwrap().flush(&mut cx);
        let attributes = tree.lookup(&arena, moment as u64 * PAGE).unwrap().attributes();
        assert_eq!(attributes, four_level::Attributes { accessed: true, dirty: true, ..clean }, "{moment}");
    }
}

#[test]
fn what_would_not_come_back() {
    // Absent words that have room for the OA only.
    let mut words = vec![0_u32; 16 * 1024];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, odd::Format::default()).unwrap();
    let refused = Error::Unencodable(Unencodable { attribute: "absence" });
    for (va, attributes) in [(0, odd::Attributes::kernel_rodata()), (PAGE, odd::Attributes::kernel_data())] {
        tree.map(&mut cx, va..va + PAGE, 0x40_0000 + va, &attributes, Leaves::Exactly(12)).unwrap().flush(&mut cx);
    }
    let before = dump(odd::Format::default(), &tree, &arena);
    assert_eq!(tree.hide(&mut cx, 0..2 * PAGE, Hide::mapped()).unwrap_err(), refused);
    assert_eq!(tree.hide(&mut cx, 0..PAGE, Hide::mapped()).unwrap_err(), refused);
    assert_eq!(dump(odd::Format::default(), &tree, &arena), before);
    // What all of them say need not be kept.
    tree.hide(&mut cx, PAGE..2 * PAGE, Hide::mapped()).unwrap().flush(&mut cx);
    assert!(tree.translate(&arena, PAGE).is_err());
    tree.show(&mut cx, PAGE..2 * PAGE, Hide::mapped()).unwrap().flush(&mut cx);
    assert_eq!(dump(odd::Format::default(), &tree, &arena), before);

    // A leaf of which nothing is left but that it is there.
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    let nothing = four_level::Attributes { execute: true, ..four_level::Attributes::default() };
    tree.map(&mut cx, 0..2 * PAGE, 0, &nothing, Leaves::Largest).unwrap().flush(&mut cx);
    assert_eq!(tree.lookup(&arena, 0).unwrap().word, 1);
    assert_eq!(tree.hide(&mut cx, 0..2 * PAGE, Hide::mapped()).unwrap_err(), refused);
    assert_eq!(dump(four_level::Format::default(), &tree, &arena).leaves.len(), 2);
    tree.hide(&mut cx, PAGE..2 * PAGE, Hide::mapped()).unwrap().flush(&mut cx);
    tree.show(&mut cx, PAGE..2 * PAGE, Hide::mapped()).unwrap().flush(&mut cx);
    assert_eq!(tree.lookup(&arena, PAGE).unwrap().word, 0x1001);
}

/// It is the words of the parts that have to come back, each with its OA, not what they have in common.
#[test]
fn parts_of_which_little_is_left() {
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut cx = Context::new(&arena, &frames, NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    let nothing = four_level::Attributes { execute: true, ..four_level::Attributes::default() };
    tree.map(&mut cx, 0..4 * MIB, 0, &nothing, Leaves::Exactly(21)).unwrap().flush(&mut cx);
    let before = dump(four_level::Format::default(), &tree, &arena);
    let left = frames.left.get();
    let tables = arena.frames();
    // The first page is at OA 0.
    let refused = Error::Unencodable(Unencodable { attribute: "absence" });
    for range in [0..PAGE, 0..3 * PAGE] {
        assert_eq!(tree.hide(&mut cx, range, Hide::mapped()).unwrap_err(), refused);
        assert_eq!(dump(four_level::Format::default(), &tree, &arena), before);
        assert_eq!(frames.left.get(), left);
    }
    for range in [PAGE..3 * PAGE, 2 * MIB..2 * MIB + PAGE] {
        let range = VaRange::new(range.start, range.end - range.start);
        tree.hide(&mut cx, range, Hide::mapped()).unwrap().flush(&mut cx);
        assert!(tree.translate(&arena, range.start()).is_err());
        assert_eq!(
            tree.translate(&arena, range.start().get() + 4 * PAGE).unwrap().get(),
            range.start().get() + 4 * PAGE
        );
        tree.show(&mut cx, range, Hide::mapped()).unwrap().flush(&mut cx);
    }
    tree.join(&mut cx, 0..4 * MIB, Join::up_to(21).exactly()).unwrap().flush(&mut cx);
    assert_eq!(dump(four_level::Format::default(), &tree, &arena), before);
    assert_eq!((frames.left.get(), arena.frames()), (left, tables), "both tables are back");
}

/// Random ranges are hidden and shown in any order; in the end all is as it was, and joined.
fn random<F: Known>(f: F, seed: u64, used: Use) {
    let mut random = Random::new(seed);
    let (mut hidden, mut splits) = (0, 0);
    for _ in 0..8 {
        let mut words = vec![F::Word::ZERO; (64 * 4096) >> F::Word::BYTES_LG2];
        let arena = Arena::new(BASE, &mut words);
        let frames = Checked::new(&arena);
        let mut cx = Context::new(&arena, &frames, NoTlb);
        let mut tree = Tree::new(&mut cx, f).unwrap();
        tree.set_use(used);
        let mut at = 0;
        let mapped = 8 * MIB;
        while at < mapped {
            let bytes = random.pick(&[2 * MIB, 4 * MIB, 0x10000, 0x23000, PAGE]).min(mapped - at);
            let attributes = F::some_attributes(0x38 + random.below(2));
            tree.map(&mut cx, at..at + bytes, at + 16 * MIB, &attributes, Leaves::Largest).unwrap().flush(&mut cx);
            at += bytes;
        }
        // What is mapped in runs and large leaves already, wherever it can be.
        tree.join(&mut cx, 0..mapped, Join::default().exactly()).unwrap().flush(&mut cx);
        let before = dump(f, &tree, &arena);
        let tables = frames.out();
        let mut absent = vec![false; 2048];
        for _ in 0..30 {
            let first = random.below(2048);
            let count = random.pick(&[1, 2, 16, 512, 700]).min(2048 - first);
            let range = VaRange::new(first * PAGE, count * PAGE);
            let hides = random.chance(2);
            let unflushed = if hides {
                tree.hide(&mut cx, range, Hide::everything())
            } else {
                tree.show(&mut cx, range, Hide::everything())
            };
            unflushed.unwrap().flush(&mut cx);
            absent[first as usize..(first + count) as usize].fill(hides);
            let found = dump(f, &tree, &arena);
            for (page, absent) in (0..).zip(&absent) {
                let va = page * PAGE;
                let mapping = tree.lookup(&arena, va).ok().map(|leaf| (leaf.translate(va).get(), leaf.attributes()));
                let segment = before.segments.iter().find(|segment| segment.last > va).unwrap();
                let expected = (segment.oa + (va - segment.start), segment.attributes);
                assert_eq!(mapping, (!absent).then_some(expected), "{va:#x}");
            }
            let pages: u64 = found.segments.iter().map(|segment| (segment.last + 1 - segment.start) / PAGE).sum();
            assert_eq!(pages, absent.iter().filter(|absent| !**absent).count() as u64);
            hidden += usize::from(hides);
        }
        tree.show(&mut cx, 0..mapped, Hide::everything()).unwrap().flush(&mut cx);
        assert_eq!(dump(f, &tree, &arena).segments, before.segments);
        splits += frames.out() - tables;
        tree.join(&mut cx, 0..mapped, Join::default().exactly()).unwrap().flush(&mut cx);
        assert_eq!(dump(f, &tree, &arena), before);
        assert_eq!(frames.out(), tables);
        tree.unmap(&mut cx, 0..mapped, Unmap::mapped()).unwrap().flush(&mut cx);
        assert_eq!(frames.out(), 1);
    }
    assert!(hidden > 60 && splits > 8, "{hidden} {splits}");
}

#[test]
fn hidden_and_shown_at_random() {
    random(four_level::Format::default(), 1, Use::Live);
    random(four_level::Format::default(), 2, Use::Offline);
    random(three_level::Format::default(), 3, Use::Live);
    random(three_level::Format { breaks: true, ..three_level::Format::default() }, 4, Use::Offline);
}

/// A part of a leaf cannot be hidden where a live leaf must not change its size.
#[test]
fn a_part_where_leaves_must_not_be_split() {
    let f = three_level::Format { breaks: true, ..three_level::Format::default() };
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).unwrap();
    let data = three_level::Attributes::kernel_data();
    tree.map(&mut cx, 0..2 * MIB, 0, &data, Leaves::Largest).unwrap().flush(&mut cx);
    let before = dump(f, &tree, &arena);
    let error = tree.hide(&mut cx, 0..PAGE, Hide::mapped()).unwrap_err();
    assert_eq!(error, Error::BreakBeforeMake { va: 0.into(), kind: ChangeKind::Size });
    assert_eq!(dump(f, &tree, &arena), before);
    tree.hide(&mut cx, 0..2 * MIB, Hide::mapped()).unwrap().flush(&mut cx);
    // Nobody has what is absent in a TLB, so it may be split.
    tree.show(&mut cx, 0..PAGE, Hide::mapped()).unwrap().flush(&mut cx);
    assert_eq!(dump(f, &tree, &arena).leaves, [(0, 12)]);
}

/// Where a walker may remember that there was nothing, the pages that appear are flushed, not the leaf that was hidden.
#[test]
fn parts_that_are_shown_are_flushed_by_their_own_size() {
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let requests = RefCell::new(Vec::new());
    let mut cx = Context::new(&arena, &arena, Callback(|request: &FlushRequest| requests.borrow_mut().push(*request)));
    let mut tree = Tree::new(&mut cx, three_level::Format::default()).unwrap();
    let data = three_level::Attributes::kernel_data();
    tree.map(&mut cx, 2 * MIB..4 * MIB, 2 * MIB, &data, Leaves::Largest).unwrap().flush(&mut cx);
    tree.hide(&mut cx, 2 * MIB..4 * MIB, Hide::mapped()).unwrap().flush(&mut cx);
    requests.borrow_mut().clear();
    tree.show(&mut cx, 2 * MIB..3 * MIB, Hide::mapped()).unwrap().flush(&mut cx);
    let requests = requests.borrow();
    let [request] = requests.as_slice() else { panic!("one flush, not {requests:?}") };
    assert!(request.leaf_sizes.has(12), "{request:?}");
}
