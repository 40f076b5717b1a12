//! Splitting: smaller leaves that say the same, and no more of them than wanted.

mod support;

use std::cell::{Cell, RefCell};

use ptgen::{
    Arena, Attributes as _, Callback, ChangeKind, Context, Error, FlushRequest, Join, Leaves, NoTlb, Oa, Protect, Tree,
    Use, VaRange, Word,
};
use support::memory::{Checked, Watched};
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

fn write_through() -> four_level::Attributes {
    let memory_type = four_level::MemoryType::WriteThrough;
    four_level::Attributes { memory_type, software: 1 << 9, ..four_level::Attributes::kernel_data() }
}

#[test]
fn three_pages_of_a_gigabyte() {
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut cx = Context::new(&arena, &frames, Callback(|_: &FlushRequest| panic!("not before it is returned")));
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    assert!(tree.map(&mut cx, 0..GIB, GIB, &write_through(), Leaves::Largest).unwrap().is_empty());
    let unflushed = tree.split(&mut cx, 4 * MIB + PAGE..4 * MIB + 4 * PAGE, 12).unwrap();
    let request = *unflushed.request().unwrap();
    assert_eq!((request.range, request.tables), (VaRange::from(0..GIB), true));
    assert_eq!(frames.out(), 4);
    // The manual's words: the bit that moves with the level has moved.
    assert_eq!(tree.lookup(&arena, 2 * MIB).unwrap().word, (GIB + 2 * MIB) | (1 << 63) | (1 << 12) | 0x3fb);
    assert_eq!(tree.lookup(&arena, 4 * MIB).unwrap().word, (GIB + 4 * MIB) | (1 << 63) | 0x3fb);
    let found = dump(four_level::Format::default(), &tree, &arena);
    assert_eq!(found.leaves.len(), 511 + 512);
    assert_eq!((found.segments.len(), found.segments[0].attributes), (1, write_through()));
    let mut cx = Context::new(&arena, &frames, NoTlb);
    unflushed.flush(&mut cx);
    // Small enough already.
    assert!(tree.split(&mut cx, 4 * MIB..6 * MIB, 12).unwrap().is_empty());
    assert!(tree.split(&mut cx, 0..GIB, 21).unwrap().is_empty());
    assert_eq!(tree.split(&mut cx, 0..PAGE, 11).unwrap_err(), Error::NoSuchSize { lg2: 11 });
    // A size that there is none of: the next smaller one.
    tree.split(&mut cx, 6 * MIB..7 * MIB, 20).unwrap().flush(&mut cx);
    assert_eq!(tree.lookup(&arena, 8 * MIB - 1).unwrap().size_lg2, 12);
    tree.join(&mut cx, 0..PAGE, Join::default().exactly()).unwrap().flush(&mut cx);
    assert_eq!((tree.lookup(&arena, 0).unwrap().size_lg2, frames.out()), (30, 2));
}

#[test]
fn no_more_than_wanted() {
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let f = three_level::Format::default();
    let mut tree = Tree::new(&mut cx, f).unwrap();
    tree.map(&mut cx, 0..GIB, 0, &three_level::Attributes::user_data(), Leaves::Largest).unwrap().flush(&mut cx);
    // To 2 MiB: a table of them, for whatever page.
    tree.split(&mut cx, 5 * PAGE..6 * PAGE, 21).unwrap().flush(&mut cx);
    assert_eq!((dump(f, &tree, &arena).leaves.len(), arena.frames()), (512, 2));
    // To runs.
    tree.split(&mut cx, 5 * PAGE..6 * PAGE, 16).unwrap().flush(&mut cx);
    assert_eq!((dump(f, &tree, &arena).leaves.len(), arena.frames()), (511 + 32, 3));
    // To pages: one run is taken apart.
    let unflushed = tree.split(&mut cx, 0x1f000..0x21000, 12).unwrap();
    assert_eq!(unflushed.request().unwrap().range, VaRange::from(0x10000..0x30000));
    assert!(!unflushed.request().unwrap().tables);
    unflushed.flush(&mut cx);
    assert_eq!((dump(f, &tree, &arena).leaves.len(), arena.frames()), (511 + 30 + 32, 3));
    // From 2 MiB to pages: the rest in runs.
    tree.split(&mut cx, 2 * MIB..2 * MIB + PAGE, 12).unwrap().flush(&mut cx);
    let leaves = dump(f, &tree, &arena).leaves;
    assert_eq!(leaves.iter().filter(|leaf| (2 * MIB..4 * MIB).contains(&leaf.0)).count(), 16 + 31);
    assert_eq!(dump(f, &tree, &arena).segments.len(), 1);
}

#[test]
fn where_leaves_must_not_change_their_size() {
    let f = three_level::Format { breaks: true, ..three_level::Format::default() };
    for (lg2, from) in [(16, Leaves::Exactly(21)), (12, Leaves::Exactly(16))] {
        let mut words = vec![0_u64; 32 * 512];
        let arena = Arena::new(BASE, &mut words);
        let mut cx = Context::new(&arena, &arena, NoTlb);
        let mut tree = Tree::new(&mut cx, f).unwrap();
        let clean = three_level::Attributes { dirty: false, ..three_level::Attributes::user_data() };
        tree.map(&mut cx, 0..2 * MIB, 2 * MIB, &clean, from).unwrap().flush(&mut cx);
        let before = dump(f, &tree, &arena);
        let error = tree.split(&mut cx, PAGE..2 * PAGE, lg2).unwrap_err();
        assert_eq!(error, Error::BreakBeforeMake { va: 0.into(), kind: ChangeKind::Size });
        assert_eq!(dump(f, &tree, &arena), before);
        tree.set_use(Use::Elsewhere);
        // Before the slot is emptied the machine writes to it, and it is empty when it is flushed.
        let slot = (0..32 * 512).map(|n| Oa::new(BASE + 8 * n)).find(|at| arena.read(*at).unwrap() & 6 == 6).unwrap();
        let word = arena.read(slot).unwrap();
        assert!(arena.write(slot, word | 0x80));
        let flushes = Cell::new(0);
        let tlb = Callback(|request: &FlushRequest| {
            flushes.set(flushes.get() + 1);
            assert_eq!(arena.read(slot).map(|w| w & 1), Some(0));
            assert_eq!(request.range, VaRange::new(0, if lg2 == 16 { 2 * MIB } else { 0x10000 }));
        });
        let mut cx = Context::new(&arena, &arena, tlb);
        let unflushed = tree.split(&mut cx, PAGE..2 * PAGE, lg2).unwrap();
        assert_eq!(flushes.get(), 1);
        let mut cx = Context::new(&arena, &arena, NoTlb);
        unflushed.flush(&mut cx);
        let found = tree.lookup(&arena, PAGE).unwrap();
        assert_eq!((found.size_lg2, found.attributes().dirty), (lg2, true));
        assert_eq!(tree.lookup(&arena, 2 * MIB - 1).unwrap().size_lg2, 16);
        assert_eq!(tree.translate(&arena, 2 * MIB - 1), Ok(Oa::new(4 * MIB - 1)));
    }
}

/// What goes through absent does so for one flush a table, whether it becomes tables or smaller leaves of the same one.
#[test]
fn many_leaves_are_broken_with_one_flush() {
    let f = three_level::Format { breaks: true, ..three_level::Format::default() };
    for (lg2, from, flushes) in [(12, Leaves::Exactly(21), 1), (12, Leaves::Exactly(16), 4), (16, Leaves::Largest, 2)] {
        let mut words = vec![0_u64; 64 * 512];
        let arena = Arena::new(BASE, &mut words);
        let frames = Checked::new(&arena);
        let mut cx = Context::new(&arena, &frames, NoTlb);
        let mut tree = Tree::new(&mut cx, f).unwrap();
        let attributes = three_level::Attributes::user_data();
        let range = VaRange::new(GIB - 4 * MIB, 8 * MIB);
        let (start, bytes) = if from == Leaves::Exactly(21) { (0, 8 * MIB) } else { (GIB - 4 * MIB, 8 * MIB) };
        let range = if start == 0 { VaRange::new(0, 8 * MIB) } else { range };
        tree.map(&mut cx, VaRange::new(start, bytes), 0, &attributes, from).unwrap().flush(&mut cx);
        tree.set_use(Use::Elsewhere);
        let before = dump(f, &tree, &arena);
        let root = tree.root();
        let (seen, unknown) = (Cell::new(0), Cell::new(0));
        let tlb = Callback(|request: &FlushRequest| {
            seen.set(seen.get() + 1);
            let now = f.dump(&|at| arena.read(at).unwrap(), root.get());
            let (first, last) = (request.range.start().get(), request.range.last().get());
            unknown.set(unknown.get() + now.leaves.iter().filter(|leaf| leaf.0 >= first && leaf.0 <= last).count());
        });
        let mut cx = Context::new(&arena, &frames, tlb);
        let unflushed = tree.split(&mut cx, range, lg2).unwrap();
        assert_eq!((seen.get(), unknown.get()), (flushes, 0), "{from:?} to 2^{lg2}");
        let after = dump(f, &tree, &arena);
        assert_eq!(after.segments, before.segments);
        assert!(after.leaves.iter().all(|leaf| leaf.1 == lg2));
        unflushed.flush(&mut Context::new(&arena, &frames, NoTlb));
        assert_eq!(frames.out(), after.tables);
    }
}

fn leaves_of<A>(dump: &Dump<A>, lg2: u32) -> usize {
    dump.leaves.iter().filter(|leaf| leaf.1 == lg2).count()
}

/// The attributes at `at`, if anything is there.
fn at<A: Copy>(dump: &Dump<A>, at: u64) -> Option<A> {
    dump.segments.iter().find(|segment| segment.start <= at && at <= segment.last).map(|segment| segment.attributes)
}

/// Scenario C-J where the format has a word for a leaf that no TLB holds: nothing is ever gone, one flush is enough for all
/// of a table, and what the machine records meanwhile is kept.
#[test]
fn leaves_that_change_their_size_are_held() {
    let f = three_level::Format { breaks: true, holds: true, ..three_level::Format::default() };
    let clean = three_level::Attributes { accessed: false, dirty: false, ..three_level::Attributes::kernel_data() };
    let used = three_level::Attributes { accessed: true, dirty: true, ..clean };
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut cx = Context::new(&arena, &frames, NoTlb);
    let mut tree = Tree::new(&mut cx, f).unwrap();
    tree.map(&mut cx, 0..8 * MIB, 0, &clean, Leaves::Exactly(21)).unwrap().flush(&mut cx);
    tree.set_use(Use::Elsewhere);
    let (root, before) = (tree.root(), dump(f, &tree, &arena));
    let is_held = |slot: Oa| arena.read(slot).unwrap() & three_level::HELD != 0;
    let table = Oa::new((arena.read(root).unwrap() >> 10) << 12);
    let (flushes, records) = (RefCell::new(Vec::new()), Cell::new(0));
    let tlb = Callback(|request: &FlushRequest| {
        flushes.borrow_mut().push(request.range);
        let now = f.dump(&|at| arena.read(at).unwrap(), root.get());
        assert_eq!((leaves_of(&now, 21), now.segments.len(), at(&now, 0)), (4, 1, Some(clean)));
        assert!((0..4).all(|slot| is_held(table + 8 * slot)));
        let slot = table + 8 * records.get();
        arena.write(slot, arena.read(slot).unwrap() | 0xc0);
    });
    let mut cx = Context::new(&arena, &frames, tlb);
    let expect = |size: u32, slot: u64| {
        assert_eq!(flushes.take(), [VaRange::new(0, 8 * MIB)]);
        let now = f.dump(&|at| arena.read(at).unwrap(), root.get());
        assert_eq!(leaves_of(&now, size), ((8 * MIB) >> size) as usize);
        assert!((0..4).all(|slot| !is_held(table + 8 * slot)));
        for va in (0..8 * MIB).step_by(PAGE as usize) {
            assert_eq!(at(&now, va), Some(if va / (2 * MIB) == slot { used } else { clean }), "{va:#x}");
        }
    };
    records.set(2);
    let unflushed = tree.split(&mut cx, 0..8 * MIB, 12).unwrap();
    expect(12, 2);
    unflushed.flush(&mut Context::new(&arena, &frames, NoTlb));
    // What is not recorded any more is forgotten first.
    let forget = three_level::Change { accessed: Some(false), dirty: Some(false), ..Default::default() };
    let forgotten = tree.protect(&mut cx, 0..8 * MIB, &forget, Protect::mapped()).unwrap();
    forgotten.flush(&mut Context::new(&arena, &frames, NoTlb));
    records.set(1);
    let unflushed = tree.join(&mut cx, 0..8 * MIB, Join::up_to(21)).unwrap();
    expect(21, 1);
    unflushed.flush(&mut Context::new(&arena, &frames, NoTlb));
    assert_eq!(frames.out(), before.tables);
}

#[test]
fn what_the_machine_records_meanwhile() {
    let mut noticed = 0;
    for moment in 0..30 {
        let mut words = vec![0_u64; 64 * 512];
        let arena = Arena::new(BASE, &mut words);
        let frames = Checked::new(&arena);
        let mut cx = Context::new(&arena, &frames, NoTlb);
        let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
        let clean = four_level::Attributes { accessed: false, dirty: false, ..write_through() };
        tree.map(&mut cx, 0..GIB, 0, &clean, Leaves::Largest).unwrap().flush(&mut cx);
        let slot = Oa::new(arena.read(tree.root()).unwrap() & 0x3fff_ffff_f000);
        let set = Cell::new(false);
        let watched = Watched::new(&arena, |opened| {
            let w = arena.read(slot).unwrap();
            if opened == moment && w & 0x81 == 0x81 {
                arena.write(slot, w | 0x60);
                set.set(true);
            }
        });
        let mut cx = Context::new(&watched, &frames, NoTlb);
        tree.split(&mut cx, 0..2 * MIB + PAGE, 12).unwrap().flush(&mut cx);
        noticed += usize::from(set.get());
        let found = dump(four_level::Format::default(), &tree, &arena);
        let attributes = four_level::Attributes { accessed: set.get(), dirty: set.get(), ..clean };
        assert_eq!((found.segments.len(), found.segments[0].attributes), (1, attributes), "set at {moment}");
        assert_eq!((frames.out(), found.tables), (5, 5));
    }
    assert!(noticed > 5, "the machine came too late: {noticed}");
}

#[test]
fn no_frames() {
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut cx = Context::new(&arena, &frames, NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    tree.map(&mut cx, 0..GIB, 0, &write_through(), Leaves::Largest).unwrap().flush(&mut cx);
    let before = dump(four_level::Format::default(), &tree, &arena);
    for left in 0..4 {
        frames.left.set(left);
        assert_eq!(tree.split(&mut cx, 2 * MIB - PAGE..4 * MIB + PAGE, 12).unwrap_err(), Error::OutOfFrames);
        assert_eq!((dump(four_level::Format::default(), &tree, &arena), frames.out()), (before.clone(), 2));
    }
    frames.left.set(4);
    tree.split(&mut cx, 2 * MIB - PAGE..4 * MIB + PAGE, 12).unwrap().flush(&mut cx);
    assert_eq!((frames.left.get(), frames.out()), (0, 6));
}

fn random<F: Known>(f: F, seed: u64, uses: &[Use]) {
    let mut random = Random::new(seed);
    let mut split = 0;
    for _ in 0..60 {
        let mut words = vec![F::Word::ZERO; (64 * 4096) >> F::Word::BYTES_LG2];
        let arena = Arena::new(BASE, &mut words);
        let frames = Checked::new(&arena);
        let mut cx = Context::new(&arena, &frames, NoTlb);
        let mut tree = Tree::new(&mut cx, f).unwrap();
        tree.set_use(random.pick(uses));
        let mapped = 32 * MIB;
        let mut at = 0;
        while at < mapped {
            let bytes = random.pick(&[2 * MIB, 4 * MIB, 16 * MIB, 0x10000, 0x23000, PAGE]).min(mapped - at);
            let attributes = F::some_attributes(random.below(64));
            let unflushed = tree.map(&mut cx, at..at + bytes, at + 32 * MIB, &attributes, Leaves::Largest);
            unflushed.unwrap().flush(&mut cx);
            at += bytes + random.pick(&[0, 0, 0, PAGE]);
        }
        tree.join(&mut cx, 0..mapped, Join::default().exactly()).unwrap().flush(&mut cx);
        let before = dump(f, &tree, &arena);
        let first = random.below(8191) * PAGE;
        let last = (first + random.pick(&[1, 2, 16, 100, 600]) * PAGE).min(mapped) - 1;
        let lg2 = random.pick(F::SIZES);
        tree.split(&mut cx, first..last + 1, lg2).unwrap().flush(&mut cx);
        let after = dump(f, &tree, &arena);
        assert_eq!(after.segments, before.segments);
        assert_eq!(after.tables, frames.out());
        for &(start, size) in &after.leaves {
            let overlaps = start <= last && start + (1 << size) > first;
            assert!(!overlaps || size <= lg2, "2^{size} at {start:#x}");
        }
        // Leaves that have nothing to do with the range are the same.
        let is_apart = |leaf: &&(u64, u32)| leaf.0 > last || leaf.0 + (1 << leaf.1) <= first;
        let apart: Vec<_> = before.leaves.iter().filter(is_apart).collect();
        assert!(apart.iter().all(|leaf| after.leaves.contains(leaf)));
        split += after.leaves.len() - before.leaves.len();
        tree.join(&mut cx, 0..mapped, Join::default().exactly()).unwrap().flush(&mut cx);
        assert_eq!(dump(f, &tree, &arena), before);
        tree.free(&mut cx).unwrap();
        assert_eq!(frames.out(), 0);
    }
    assert!(split > 500, "{split}");
}

#[test]
fn split_and_joined_again() {
    let all = [Use::Offline, Use::Live, Use::Elsewhere];
    random(four_level::Format::default(), 1, &all);
    random(three_level::Format::default(), 2, &all);
    let breaks = three_level::Format { breaks: true, ..three_level::Format::default() };
    random(breaks, 3, &[Use::Offline, Use::Elsewhere]);
    random(odd::Format::default(), 4, &all);
}
