//! One more level above the root, with readers and a machine below the old one.

#![allow(unsafe_code, reason = "a reader of a root that it is told of")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ptgen::{Arena, Attributes as _, Bump, Context, DirectMap, Error, Leaves, NoFrames, NoTlb, Oa, Tree, VaRange};
use support::memory::Checked;
use support::oracle::{Dump, Known};
use support::{four_level, three_level};

const BASE: u64 = 0x10_0000;
const PAGE: u64 = 0x1000;
const GIB: u64 = 1 << 30;

fn small() -> three_level::Format {
    three_level::Format { unsigned: true, ..three_level::Format::default() }
}

fn large() -> three_level::Format {
    three_level::Format { four: true, ..small() }
}

fn dump(f: three_level::Format, root: Oa, arena: &Arena<'_, u64>) -> Dump<three_level::Attributes> {
    f.dump(&|address| arena.read(address).expect("a table in the arena"), root.get())
}

#[test]
fn what_was_there_stays() {
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut cx = Context::new(&arena, &frames, NoTlb);
    let mut tree = Tree::new(&mut cx, small()).unwrap();
    let data = three_level::Attributes::kernel_data();
    let top = (1_u64 << 39) - PAGE;
    for (va, oa) in [(5 * PAGE, 0), (top, PAGE), (7 * GIB, 0)] {
        let bytes = if va == 7 * GIB { GIB } else { PAGE };
        tree.map(&mut cx, VaRange::new(va, bytes), oa, &data, Leaves::Largest).unwrap().flush(&mut cx);
    }
    let (old, before) = (tree.root(), dump(small(), tree.root(), &arena));
    let out = frames.out();
    assert!(tree.map(&mut cx, VaRange::new(1_u64 << 39, PAGE), 0, &data, Leaves::Largest).is_err());
    tree.grow(&mut cx, large()).unwrap();
    assert_eq!((tree.format(), frames.out()), (large(), out + 1));
    assert_ne!(tree.root(), old);
    assert_eq!(tree.range(), VaRange::new(0, 1 << 48));
    // The old root is as it was, and the new one says the same.
    assert_eq!(dump(small(), old, &arena), before);
    let after = dump(large(), tree.root(), &arena);
    assert_eq!((&after.segments, &after.leaves, after.tables), (&before.segments, &before.leaves, before.tables + 1));
    // What is new is above.
    tree.map(&mut cx, VaRange::new(1_u64 << 39, PAGE), 0, &data, Leaves::Largest).unwrap().flush(&mut cx);
    assert_eq!(dump(small(), old, &arena), before);
    assert_eq!(tree.translate(&arena, top), Ok(Oa::new(PAGE)));
    tree.free(&mut cx).unwrap();
    assert_eq!(frames.out(), 0);
}

#[test]
fn what_cannot_grow() {
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, small()).unwrap();
    let root = tree.root();
    let mut none = Context::new(&arena, NoFrames, NoTlb);
    assert_eq!(tree.grow(&mut none, large()).unwrap_err(), Error::OutOfFrames);
    assert_eq!(tree.grow(&mut cx, small()).unwrap_err(), Error::NotOneLevelMore);
    // Signs are extended: the upper half would be elsewhere.
    let signed = three_level::Format { unsigned: false, ..large() };
    tree.grow(&mut cx, signed).unwrap();
    let mut tree = Tree::new(&mut cx, three_level::Format::default()).unwrap();
    let va = (!0_u64 << 38).into();
    assert_eq!(tree.grow(&mut cx, signed).unwrap_err(), Error::NotCanonical { va });
    assert_eq!((tree.format(), arena.frames()), (three_level::Format::default(), 3));
    assert_ne!(tree.root(), root);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    assert_eq!(tree.grow(&mut cx, four_level::Format::default()).unwrap_err(), Error::NotOneLevelMore);
    assert_eq!(arena.frames(), 4);
}

/// Who reads from the old root meanwhile finds what is there at any time.
#[test]
fn readers_go_on() {
    let memory: Vec<AtomicU64> = (0..32 * 512).map(|_| AtomicU64::new(u64::MAX)).collect();
    let start = memory.as_ptr().expose_provenance();
    // SAFETY: tables are in the words, from `BASE` on, which others access through atomics only.
    let direct = unsafe { DirectMap::new(start.wrapping_sub(BASE as usize)) };
    for _ in 0..50 {
        // SAFETY: the frames are unused words of that memory.
        let frames = unsafe { Bump::new(Oa::new(BASE), 32 * 4096) };
        let mut cx = Context::new(direct, frames, NoTlb);
        let mut tree = Tree::new(&mut cx, small()).unwrap();
        let data = three_level::Attributes::kernel_data();
        tree.map(&mut cx, 0..64 * PAGE, GIB, &data, Leaves::Exactly(12)).unwrap().flush(&mut cx);
        let (old, done, walks) = (tree.root(), AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            // SAFETY: the tables are there until the end of the scope, and this only reads.
            let reader = unsafe { Tree::from_root(small(), old) };
            let (done, walks) = (&done, &walks);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    for page in 0..64 {
                        assert_eq!(reader.translate(&direct, page * PAGE), Ok(Oa::new(GIB + page * PAGE)));
                    }
                    walks.fetch_add(1, Ordering::Relaxed);
                }
            });
            while walks.load(Ordering::Relaxed) < 2 {
                std::thread::yield_now();
            }
            tree.grow(&mut cx, large()).unwrap();
            tree.map(&mut cx, VaRange::new(1_u64 << 39, PAGE), 0, &data, Leaves::Largest).unwrap().flush(&mut cx);
            let seen = walks.load(Ordering::Relaxed);
            while walks.load(Ordering::Relaxed) < seen + 2 {
                std::thread::yield_now();
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}
