//! A function for every slot: which slots it sees, what becomes of them, and how far it got.

mod support;

use std::cell::{Cell, RefCell};
use std::convert::Infallible;

use ptgen::{
    Applied, Apply, Arena, Attributes as _, Callback, Cause, ChangeKind, Context, Error, FlushRequest, Hide, Holds,
    Leaves, NoFrames, NoTlb, Oa, Occupant, Stopped, Tree, Unencodable, Use, VaRange, pagetable,
};
use support::memory::{Checked, Watched};
use support::oracle::{Dump, Known};
use support::{four_level, odd, three_level};

const BASE: u64 = 0x10_0000;
const PAGE: u64 = 0x1000;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

type Four = four_level::Format;

fn dump<F: Known>(f: F, tree: &Tree<F>, arena: &Arena<'_, F::Word>) -> Dump<F::Attributes> {
    f.dump(&|address| arena.read(address).expect("a table in the arena").into(), tree.root().get())
}

fn data() -> four_level::Attributes {
    four_level::Attributes { software: 1 << 10, ..four_level::Attributes::kernel_data() }
}

fn set(occupant: &Occupant<Four>) -> Result<Applied<Four>, Infallible> {
    Ok(Applied::Set { oa: Oa::new(occupant.va.get() + GIB), attributes: data() })
}

/// [hole of 2 MiB] [2 MiB of pages] [hole of more than 1 GiB] [one page], and nothing else is seen.
#[test]
fn what_is_there() {
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, Four::default()).unwrap();
    tree.map(&mut cx, 2 * MIB..4 * MIB, 0, &data(), Leaves::Exactly(12)).unwrap().flush(&mut cx);
    let far = 2 * GIB + 5 * PAGE;
    tree.map(&mut cx, far..far + PAGE, 64 * MIB, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    // Something of the client's is there, too.
    tree.hide(&mut cx, 3 * MIB..3 * MIB + PAGE, Hide::mapped()).unwrap().flush(&mut cx);
    let before = dump(Four::default(), &tree, &arena);
    let mut none = Context::new(&arena, NoFrames, NoTlb);
    let mut seen = Vec::new();
    let done = tree.apply(&mut none, 0..3 * GIB, Apply::existing(12), |occupant| {
        let va = occupant.va.get();
        seen.push(va);
        assert_eq!((occupant.size_lg2, occupant.level), (12, 0));
        match occupant.holds {
            Holds::Leaf(leaf) => {
                let oa = if va == far { 64 * MIB } else { va - 2 * MIB };
                assert_eq!((leaf.oa.get(), leaf.size_lg2, leaf.attributes()), (oa, 12, data()));
            }
            Holds::Payload(payload) => assert_eq!((va, payload), (3 * MIB, occupant.word >> 1)),
            Holds::Nothing => panic!("nothing at {va:#x}"),
        }
        Ok::<_, Infallible>(Applied::Keep)
    });
    assert!(done.unwrap().is_empty());
    let expected: Vec<u64> = (0..512).map(|page| 2 * MIB + page * PAGE).chain([far]).collect();
    assert_eq!(seen, expected);
    assert_eq!(dump(Four::default(), &tree, &arena), before);
    // With the empty ones of the two tables.
    let mut count = [0; 3];
    let done = tree.apply(&mut none, 0..3 * GIB, Apply::existing_and_empty(12), |occupant| {
        count[match occupant.holds {
            Holds::Nothing => 0,
            Holds::Payload(_) => 1,
            Holds::Leaf(_) => 2,
        }] += 1;
        Ok::<_, Infallible>(Applied::Keep)
    });
    assert!(done.unwrap().is_empty());
    assert_eq!(count, [511, 1, 512]);
}

#[test]
fn tables_are_made() {
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut cx = Context::new(&arena, &frames, NoTlb);
    let mut tree = Tree::new(&mut cx, Four::default()).unwrap();
    let range = MIB..4 * MIB;
    for round in 0..2 {
        let mut count = 0;
        let done = tree.apply(&mut cx, range.clone(), Apply::create(12), |occupant| {
            count += 1;
            assert_eq!(occupant.leaf().is_some(), round == 1);
            set(occupant)
        });
        done.unwrap().flush(&mut cx);
        // The root, two below, two of pages.
        assert_eq!((count, frames.out()), (768, 5));
        frames.left.set(0);
    }
    let found = dump(Four::default(), &tree, &arena);
    assert_eq!((found.segments.len(), found.leaves.len()), (1, 768));
    let only = found.segments[0];
    assert_eq!((only.start, only.last, only.oa, only.attributes), (MIB, 4 * MIB - 1, GIB + MIB, data()));
    // Clearing them leaves the tables, and a function that wants nothing makes them, too.
    let unflushed = tree.apply(&mut cx, range.clone(), Apply::existing(12), |_| Ok::<_, Infallible>(Applied::Clear));
    let unflushed = unflushed.unwrap();
    assert_eq!(unflushed.request().unwrap().range, VaRange::from(range.clone()));
    unflushed.flush(&mut cx);
    assert_eq!((dump(Four::default(), &tree, &arena).leaves.len(), frames.out()), (0, 5));
    frames.left.set(usize::MAX);
    let keep = |_: &Occupant<Four>| Ok::<_, Infallible>(Applied::Keep);
    tree.apply(&mut cx, GIB..GIB + PAGE, Apply::create(12), keep).unwrap().flush(&mut cx);
    assert_eq!(frames.out(), 7);
    let mut seen = 0;
    let count = |_: &Occupant<Four>| {
        seen += 1;
        Ok::<_, Infallible>(Applied::Keep)
    };
    tree.apply(&mut cx, GIB..GIB + 2 * MIB, Apply::existing_and_empty(12), count).unwrap().flush(&mut cx);
    assert_eq!(seen, 512);
}

#[test]
fn larger_leaves() {
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let flushes = RefCell::new(Vec::new());
    let mut cx =
        Context::new(&arena, &arena, Callback(|request: &FlushRequest| flushes.borrow_mut().push(request.range)));
    let mut tree = Tree::new(&mut cx, Four::default()).unwrap();
    tree.map(&mut cx, 0..2 * MIB, 0, &data(), Leaves::Exactly(12)).unwrap().flush(&mut cx);
    tree.map(&mut cx, 2 * MIB..6 * MIB, 2 * MIB, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    let before = dump(Four::default(), &tree, &arena);
    let change = || Ok::<_, Infallible>(Applied::Change(four_level::Change::write(false)));
    // Refused, with what was before it done.
    let stopped = tree.apply(&mut cx, MIB..3 * MIB, Apply::existing(12), |_| change()).unwrap_err();
    let Stopped { done, unflushed, cause } = stopped;
    assert_eq!(done.get(), 2 * MIB);
    assert_eq!(cause, Cause::Refused(Error::PartialLeaf { va: (2 * MIB).into(), size_lg2: 21 }));
    assert_eq!(unflushed.request().unwrap().range, VaRange::from(MIB..2 * MIB));
    unflushed.flush(&mut cx);
    let found = dump(Four::default(), &tree, &arena);
    assert_eq!((found.leaves, found.tables), (before.leaves.clone(), before.tables));
    assert!(!found.segments[1].attributes.write && found.segments[1].start == MIB);
    // In slots of its size it is no larger leaf, but a table is in the way.
    let stopped = tree.apply(&mut cx, 2 * MIB..6 * MIB, Apply::existing(21), |_| change()).unwrap();
    stopped.flush(&mut cx);
    let stopped = tree.apply(&mut cx, 0..4 * MIB, Apply::existing(21), |_| change()).unwrap_err();
    assert_eq!((stopped.done.get(), stopped.cause), (0, Cause::Refused(Error::Occupied { va: 0.into() })));
    assert!(stopped.unflushed.is_empty());
    // Split: the flush for that is done before a part is shown.
    flushes.borrow_mut().clear();
    let mut first = true;
    let range = 3 * MIB..3 * MIB + 2 * PAGE;
    let done = tree.apply(&mut cx, range.clone(), Apply::existing(12).split_larger(), |occupant| {
        if first {
            assert_eq!(*flushes.borrow(), [VaRange::from(2 * MIB..4 * MIB)]);
            first = false;
        }
        assert!(!occupant.leaf().unwrap().attributes().write);
        Ok::<_, Infallible>(Applied::Change(four_level::Change::write(true)))
    });
    done.unwrap().flush(&mut cx);
    let found = dump(Four::default(), &tree, &arena);
    let writable: Vec<_> = found.segments.iter().filter(|segment| segment.attributes.write).collect();
    assert_eq!((writable.len(), writable[1].start, writable[1].last), (2, range.start, range.end - 1));
    assert_eq!(found.leaves.len(), 512 + 512 + 1);
}

#[test]
fn as_far_as_it_got() {
    for k in [0, 1, 300, 511, 512, 700] {
        let mut words = vec![0_u64; 32 * 512];
        let arena = Arena::new(BASE, &mut words);
        let mut cx = Context::new(&arena, &arena, NoTlb);
        let mut tree = Tree::new(&mut cx, Four::default()).unwrap();
        let mut calls = 0;
        let stopped = tree.apply(&mut cx, 2 * MIB..5 * MIB, Apply::create(12), |occupant| {
            calls += 1;
            if calls > k { Err("enough") } else { Ok(set(occupant).unwrap()) }
        });
        let Stopped { done, unflushed, cause } = stopped.unwrap_err();
        assert_eq!((done.get(), cause, calls), (2 * MIB + k * PAGE, Cause::Function("enough"), k + 1));
        unflushed.flush(&mut cx);
        let found = dump(Four::default(), &tree, &arena);
        let last = found.segments.last().map(|segment| (segment.start, segment.last));
        assert_eq!(last, (k > 0).then_some((2 * MIB, 2 * MIB + k * PAGE - 1)));
        assert_eq!(found.tables, arena.frames());
    }
    // Frames run out in the middle.
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut cx = Context::new(&arena, &frames, NoTlb);
    let mut tree = Tree::new(&mut cx, Four::default()).unwrap();
    frames.left.set(3);
    let stopped = tree.apply(&mut cx, MIB..5 * MIB, Apply::create(12), set).unwrap_err();
    assert_eq!((stopped.done.get(), stopped.cause), (2 * MIB, Cause::Refused(Error::OutOfFrames)));
    stopped.unflushed.flush(&mut cx);
    assert_eq!((dump(Four::default(), &tree, &arena).leaves.len(), frames.out()), (256, 4));
}

#[test]
fn what_is_refused() {
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, Four::default()).unwrap();
    let refuse = |tree: &mut Tree<Four>, cx: &mut Context<_, _, _>, range: std::ops::Range<u64>, lg2, applied| {
        let stopped = tree.apply(cx, range, Apply::create(lg2), |_| Ok::<_, Infallible>(applied)).unwrap_err();
        let Stopped { done, unflushed, cause } = stopped;
        assert!(unflushed.is_empty());
        let Cause::Refused(error) = cause;
        (done.get(), error)
    };
    let keep = Applied::Keep;
    let mut refuse = |range, lg2, applied| refuse(&mut tree, &mut cx, range, lg2, applied);
    assert_eq!(refuse(0..PAGE, 13, keep), (0, Error::NoSuchSize { lg2: 13 }));
    assert_eq!(refuse(0..PAGE, 39, keep), (0, Error::NoSuchSize { lg2: 39 }));
    assert_eq!(refuse(0x800..PAGE, 12, keep), (0x800, Error::Misaligned { address: 0x800, lg2: 12 }));
    let at = |oa: u64| Applied::Set { oa: Oa::new(oa), attributes: data() };
    assert_eq!(refuse(PAGE..2 * PAGE, 12, at(0x10)), (PAGE, Error::Misaligned { address: 0x10, lg2: 12 }));
    let last = Oa::new((1 << 46) - 1);
    let oa = Oa::new((1 << 46) + PAGE - 1);
    assert_eq!(refuse(0..PAGE, 12, at(1 << 46)), (0, Error::OutOfRange { oa, last }));
    let attributes = four_level::Attributes { software: 1, ..data() };
    let unencodable = Error::Unencodable(Unencodable { attribute: "software" });
    assert_eq!(refuse(0..PAGE, 12, Applied::Set { oa: Oa::new(0), attributes }), (0, unencodable));
    // Runs have no slots of their size.
    let mut tree = Tree::new(&mut cx, three_level::Format::default()).unwrap();
    let stopped = tree.apply(&mut cx, 0..0x10000, Apply::create(16), |_| Ok::<_, Infallible>(Applied::Keep));
    assert_eq!(stopped.unwrap_err().cause, Cause::Refused(Error::NoSuchSize { lg2: 16 }));
}

/// What a machine records between the look at a slot and its change is kept where the leaf stays.
#[test]
fn records_of_the_last_moment() {
    let oa = Oa::new(7 * PAGE);
    let clean = four_level::Attributes { accessed: false, dirty: false, ..data() };
    let read_only = four_level::Attributes { write: false, ..clean };
    let elsewhere = Applied::Set { oa: Oa::new(9 * PAGE), attributes: clean };
    let cases = [
        (Applied::Change(four_level::Change::write(false)), read_only, oa, true),
        (Applied::Set { oa, attributes: read_only }, read_only, oa, true),
        (elsewhere, clean, Oa::new(9 * PAGE), false),
        (Applied::Keep, clean, oa, true),
    ];
    for (applied, expected, oa_after, kept) in cases {
        let mut words = vec![0_u64; 32 * 512];
        let arena = Arena::new(BASE, &mut words);
        let mut cx = Context::new(&arena, &arena, NoTlb);
        let mut tree = Tree::new(&mut cx, Four::default()).unwrap();
        tree.map(&mut cx, 0..PAGE, oa, &clean, Leaves::Largest).unwrap().flush(&mut cx);
        let word = tree.lookup(&arena, 0).unwrap().word;
        let slot = (0..32 * 512).map(|n| Oa::new(BASE + 8 * n)).find(|at| arena.read(*at) == Some(word)).unwrap();
        let watched = Watched::new(&arena, |_| ());
        let mut cx = Context::new(&watched, &arena, NoTlb);
        let done = tree.apply(&mut cx, 0..PAGE, Apply::existing(12), |occupant| {
            assert_eq!(occupant.word, word);
            assert!(arena.write(slot, word | 0x60));
            Ok::<_, Infallible>(applied)
        });
        done.unwrap().flush(&mut cx);
        let leaf = tree.lookup(&arena, 0).unwrap();
        let expected = four_level::Attributes { accessed: kept, dirty: kept, ..expected };
        assert_eq!((leaf.attributes(), leaf.oa), (expected, oa_after));
    }
}

/// Where a leaf may become another one only by way of absent.
#[test]
fn by_way_of_absent() {
    let f = three_level::Format { breaks: true, ..three_level::Format::default() };
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let flushes = Cell::new(0);
    let root = Cell::new(Oa::new(0));
    let tlb = Callback(|request: &FlushRequest| {
        flushes.set(flushes.get() + 1);
        if request.range == VaRange::from(PAGE..2 * PAGE) {
            let found = f.dump(&|address| arena.read(address).unwrap(), root.get().get());
            assert_eq!(found.leaves, [(0, 12), (2 * PAGE, 12)], "absent when it is flushed");
        }
    });
    let mut cx = Context::new(&arena, &arena, tlb);
    let mut tree = Tree::new(&mut cx, f).unwrap();
    root.set(tree.root());
    let data = three_level::Attributes::user_data();
    tree.map(&mut cx, 0..3 * PAGE, 0, &data, Leaves::Largest).unwrap().flush(&mut cx);
    let applied = Applied::Change(three_level::Change { page_type: Some(2), ..three_level::Change::default() });
    let stopped = tree.apply(&mut cx, PAGE..2 * PAGE, Apply::existing(12), |_| Ok::<_, Infallible>(applied));
    let stopped = stopped.unwrap_err();
    let error = Error::BreakBeforeMake { va: PAGE.into(), kind: ChangeKind::Other };
    assert_eq!((stopped.done.get(), stopped.cause), (PAGE, Cause::Refused(error)));
    assert!(stopped.unflushed.is_empty());
    tree.set_use(Use::Elsewhere);
    flushes.set(0);
    // The same as a whole leaf: only what differs counts.
    let attributes = three_level::Attributes { page_type: 2, ..data };
    for applied in [applied, Applied::Set { oa: Oa::new(PAGE), attributes }] {
        let done = tree.apply(&mut cx, PAGE..2 * PAGE, Apply::existing(12), |_| Ok::<_, Infallible>(applied));
        let unflushed = done.unwrap();
        let mut quiet = Context::new(&arena, &arena, NoTlb);
        unflushed.flush(&mut quiet);
        assert_eq!(flushes.get(), 1, "once, then there is nothing to change");
    }
    assert_eq!(tree.lookup(&arena, PAGE).unwrap().attributes(), attributes);
}

/// A run is a larger leaf; emptied slots hold what the format says; the upper level has slots of its own.
#[test]
fn an_odd_format() {
    let mut words = vec![0_u32; 16 * 1024];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, odd::Format::default()).unwrap();
    let attributes = odd::Attributes::kernel_data();
    tree.map(&mut cx, 0..8 * PAGE, 0x10_0000, &attributes, Leaves::Exactly(15)).unwrap().flush(&mut cx);
    let clear = |_: &Occupant<odd::Format>| Ok::<_, Infallible>(Applied::Clear);
    let stopped = tree.apply(&mut cx, 3 * PAGE..4 * PAGE, Apply::existing(12), clear).unwrap_err();
    assert_eq!(stopped.cause, Cause::Refused(Error::PartialLeaf { va: 0.into(), size_lg2: 15 }));
    tree.apply(&mut cx, 3 * PAGE..4 * PAGE, Apply::existing(12).split_larger(), clear).unwrap().flush(&mut cx);
    let found = dump(odd::Format::default(), &tree, &arena);
    assert_eq!(found.leaves, [(0, 13), (2 * PAGE, 12), (4 * PAGE, 14)]);
    let oa = Oa::new(0x80_0000);
    let set = |_: &Occupant<odd::Format>| Ok::<_, Infallible>(Applied::Set { oa, attributes });
    tree.apply(&mut cx, 4 * MIB..8 * MIB, Apply::create(22), set).unwrap().flush(&mut cx);
    assert_eq!(tree.translate(&arena, 5 * MIB), Ok(oa + MIB));
}

/// The machine says that a page was written to by making it writable.
#[pagetable(format = "aarch64_stage1_4k", features(hardware_accessed = on, hardware_dirty = on))]
mod by_right {}

/// A page that was written to stays dirty when it gets attributes anew, and is as read-only as they say.
#[test]
fn what_is_recorded_grants_no_right() {
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut table = by_right::PageTable::new(&mut cx).unwrap();
    let written = by_right::Attributes { dirty: true, ..by_right::Attributes::kernel_data() };
    table.map(&mut cx, 0..PAGE, 0, &written, Leaves::Largest).unwrap().flush(&mut cx);
    let attributes = by_right::Attributes { dirty: false, ..by_right::Attributes::kernel_rodata() };
    let set = Applied::Set { oa: Oa::new(0), attributes };
    table.apply(&mut cx, 0..PAGE, Apply::existing(12), |_| Ok::<_, Infallible>(set)).unwrap().flush(&mut cx);
    let found = table.lookup(&arena, 0).unwrap().attributes();
    assert_eq!(found, by_right::Attributes { dirty: true, ..attributes });
}
