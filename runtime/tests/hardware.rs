//! Bits that a machine sets while a leaf is being changed are never lost.

#![allow(unsafe_code, reason = "a second thread plays the machine, on memory of its own")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ptgen::{
    Arena, Attributes as _, Bump, Context, DirectMap, Leaves, NoTlb, Oa, Protect, Tree, Unmap, Use, VaRange, Word,
};
use support::memory::{Checked, Watched};
use support::random::Random;
use support::{four_level, odd, three_level};

const BASE: u64 = 0x10_0000;
const MIB: u64 = 1 << 20;
const ACCESSED_DIRTY: u64 = 0x60;

fn clean() -> four_level::Attributes {
    four_level::Attributes { accessed: false, dirty: false, ..four_level::Attributes::kernel_data() }
}

/// Slot of the first table of 2 MiB slots, in an arena whose frames are handed out in order.
fn large_leaf_slot(tree: &Tree<four_level::Format>, arena: &Arena<'_, u64>) -> Oa {
    let mut table = tree.root();
    for _ in 0..2 {
        table = Oa::new(arena.read(table).unwrap() & 0x3fff_ffff_f000);
    }
    table
}

#[test]
fn a_leaf_that_is_being_split() {
    let mut noticed = 0;
    for moment in 0..40 {
        let mut words = vec![0_u64; 64 * 512];
        let arena = Arena::new(BASE, &mut words);
        let frames = Checked::new(&arena);
        let mut cx = Context::new(&arena, &frames, NoTlb);
        let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
        tree.map(&mut cx, 0..2 * MIB, 0, &clean(), Leaves::Largest).unwrap().flush(&mut cx);
        let slot = large_leaf_slot(&tree, &arena);
        let set = std::cell::Cell::new(false);
        let watched = Watched::new(&arena, |opened| {
            let w = arena.read(slot).unwrap();
            if opened == moment && w & 0x81 == 0x81 {
                arena.write(slot, w | ACCESSED_DIRTY);
                set.set(true);
            }
        });
        let mut cx = Context::new(&watched, &frames, NoTlb);
        let change = four_level::Change::write(false);
        tree.protect(&mut cx, 0x5000..0x7000, &change, Protect::mapped()).unwrap().flush(&mut cx);
        noticed += usize::from(set.get());
        for va in (0..2 * MIB).step_by(4096) {
            let attributes = tree.lookup(&arena, va).unwrap().attributes();
            let write = !(0x5000..0x7000).contains(&va);
            let expected = four_level::Attributes { write, accessed: set.get(), dirty: set.get(), ..clean() };
            assert_eq!(attributes, expected, "{va:#x}, set at {moment}");
        }
        assert_eq!(frames.out(), 4);
    }
    assert!(noticed > 5, "the machine came too late: {noticed}");
}

#[test]
fn a_leaf_that_is_split_twice() {
    for moment in 0..60 {
        let mut words = vec![0_u64; 64 * 512];
        let arena = Arena::new(BASE, &mut words);
        let frames = Checked::new(&arena);
        let mut cx = Context::new(&arena, &frames, NoTlb);
        let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
        tree.map(&mut cx, 0..512 * MIB * 2, 0, &clean(), Leaves::Largest).unwrap().flush(&mut cx);
        let slot = Oa::new(arena.read(tree.root()).unwrap() & 0x3fff_ffff_f000);
        let set = std::cell::Cell::new(false);
        let watched = Watched::new(&arena, |opened| {
            let w = arena.read(slot).unwrap();
            if opened == moment && w & 0x81 == 0x81 {
                arena.write(slot, w | ACCESSED_DIRTY);
                set.set(true);
            }
        });
        let mut cx = Context::new(&watched, &frames, NoTlb);
        // Both ends are within pages' tables of their own.
        tree.unmap(&mut cx, 0x5000..4 * MIB + 0x1000, Unmap::mapped()).unwrap().flush(&mut cx);
        for va in [0, 0x4000, 4 * MIB + 0x1000, 6 * MIB, 1023 * MIB] {
            let attributes = tree.lookup(&arena, va).unwrap().attributes();
            assert_eq!(attributes.dirty, set.get(), "{va:#x}, set at {moment}");
        }
        assert!(tree.translate(&arena, 4 * MIB).is_err());
        assert_eq!(frames.out(), 2 + 1 + 2);
    }
}

#[test]
fn one_word_of_a_run() {
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, three_level::Format::default()).unwrap();
    let attributes = three_level::Attributes { accessed: false, dirty: false, ..three_level::Attributes::user_data() };
    tree.map(&mut cx, 0..0x10000, 0x10000, &attributes, Leaves::Exactly(16)).unwrap().flush(&mut cx);
    let word = tree.lookup(&arena, 0).unwrap().word;
    let at = (0..64 * 512).map(|slot| Oa::new(BASE + 8 * slot)).find(|at| arena.read(*at) == Some(word)).unwrap();
    assert!(arena.write(at + 8 * 5, word | 1 << 7));
    let change = three_level::Change::write(false);
    tree.protect(&mut cx, 0xc000..0xe000, &change, Protect::mapped()).unwrap().flush(&mut cx);
    for page in 0..16 {
        let found = tree.lookup(&arena, page * 0x1000).unwrap();
        assert_eq!((found.size_lg2, found.oa.get()), (12, 0x10000 + page * 0x1000));
        let expected = three_level::Attributes { dirty: true, write: !(12..14).contains(&page), ..attributes };
        assert_eq!(found.attributes(), expected);
    }
}

#[test]
fn a_bit_that_the_machine_clears() {
    let mut words = vec![0_u32; 64 * 1024];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, odd::Format::default()).unwrap();
    let attributes = odd::Attributes { write: true, dirty: false };
    tree.map(&mut cx, 0..0x8000, 0x40000, &attributes, Leaves::Exactly(15)).unwrap().flush(&mut cx);
    let second = tree.lookup(&arena, 0x1000).unwrap().word;
    let at = (0..64 * 1024).map(|slot| Oa::new(BASE + 4 * slot));
    let at = at.into_iter().find(|at| arena.read(*at) == Some(second.swap_bytes())).unwrap();
    assert!(arena.write(at, (second & !odd::CLEAN).swap_bytes()));
    let change = odd::Change { write: Some(false), ..odd::Change::default() };
    tree.protect(&mut cx, 0x4000..0x5000, &change, Protect::mapped()).unwrap().flush(&mut cx);
    let mut seen = Vec::new();
    for va in (0..0x8000).step_by(4096) {
        let found = tree.lookup(&arena, va).unwrap();
        assert_eq!(found.attributes(), odd::Attributes { write: va != 0x4000, dirty: true }, "{va:#x}");
        assert_eq!(tree.translate(&arena, va), Ok(Oa::new(0x40000 + va)));
        seen.push(found.size_lg2);
    }
    // The parts are runs again, as large as they can be.
    assert_eq!(seen, [14, 14, 14, 14, 12, 12, 13, 13]);
}

/// Walks as the machine does and sets bits, as the machine does: only in the word that it has just read.
fn touch(memory: &[AtomicU64], root: u64, va: u64, touched: &[AtomicBool]) {
    let mut table = root;
    for shift in [39, 30, 21, 12] {
        let cell = &memory[((table - BASE) / 8 + (va >> shift & 511)) as usize];
        let w = cell.load(Ordering::Acquire);
        if w & 1 == 0 {
            return;
        }
        if shift == 12 || w & 0x80 != 0 {
            let set = cell.compare_exchange(w, w | ACCESSED_DIRTY, Ordering::AcqRel, Ordering::Relaxed);
            if set.is_ok() {
                let first = va >> shift << shift;
                for page in (first >> 12)..((first + (1 << shift)) >> 12) {
                    touched[page as usize].store(true, Ordering::Relaxed);
                }
            }
            return;
        }
        table = w & 0x3fff_ffff_f000;
    }
}

#[test]
fn a_machine_that_runs_beside() {
    const PAGES: u64 = 4096;
    for round in 0..20 {
        let memory: Vec<AtomicU64> = (0..64 * 512).map(|_| AtomicU64::new(u64::MAX)).collect();
        let start = memory.as_ptr().expose_provenance();
        // SAFETY: tables are in the words, from `BASE` on, which others access through atomics only.
        let direct = unsafe { DirectMap::new(start.wrapping_sub(BASE as usize)) };
        // SAFETY: the frames are unused words of that memory.
        let frames = unsafe { Bump::new(Oa::new(BASE), 64 * 4096) };
        let mut cx = Context::new(direct, frames, NoTlb);
        let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
        assert_eq!(tree.in_use(), Use::Live);
        let attributes = four_level::Attributes { accessed: true, ..clean() };
        tree.map(&mut cx, 0..PAGES << 12, 0, &attributes, Leaves::Largest).unwrap().flush(&mut cx);
        let touched: Vec<AtomicBool> = (0..PAGES).map(|_| AtomicBool::new(false)).collect();
        let (done, root) = (AtomicBool::new(false), tree.root().get());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = Random::new(round + 100);
                while !done.load(Ordering::Relaxed) {
                    touch(&memory, root, random.below(PAGES) << 12, &touched);
                }
            });
            // SAFETY: the tables are there until the end of the scope, and this only reads.
            let reader = unsafe { Tree::from_root(four_level::Format::default(), Oa::new(root)) };
            let done = &done;
            scope.spawn(move || {
                let mut random = Random::new(round + 200);
                while !done.load(Ordering::Relaxed) {
                    let va = random.below(PAGES << 12);
                    assert_eq!(reader.translate(&direct, va), Ok(Oa::new(va)), "a translation was gone for a moment");
                }
            });
            let mut random = Random::new(round);
            for step in 0..400 {
                let first = random.below(PAGES);
                let count = random.below(if step % 8 == 0 { 600 } else { 20 }).min(PAGES - first);
                let change = four_level::Change::write(random.chance(2));
                let range = VaRange::new(first << 12, count << 12);
                tree.protect(&mut cx, range, &change, Protect::mapped()).unwrap().flush(&mut cx);
            }
            done.store(true, Ordering::Relaxed);
        });
        for page in 0..PAGES {
            let dirty = tree.lookup(&direct, page << 12).unwrap().attributes().dirty;
            let expected = touched[page as usize].load(Ordering::Relaxed);
            assert!(dirty || !expected, "page {page} of round {round} has lost its dirty bit");
        }
    }
}

/// Each page is clean once: many chances for the machine to come between a read and a write of it.
#[test]
fn a_machine_that_writes_every_page() {
    const PAGES: u64 = 511;
    let mut between = 0;
    for round in 0..300 {
        let memory: Vec<AtomicU64> = (0..8 * 512).map(|_| AtomicU64::new(u64::MAX)).collect();
        let start = memory.as_ptr().expose_provenance();
        // SAFETY: tables are in the words, from `BASE` on, which others access through atomics only.
        let direct = unsafe { DirectMap::new(start.wrapping_sub(BASE as usize)) };
        // SAFETY: the frames are unused words of that memory.
        let frames = unsafe { Bump::new(Oa::new(BASE), 8 * 4096) };
        let mut cx = Context::new(direct, frames, NoTlb);
        let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
        tree.map(&mut cx, 0..PAGES << 12, 0, &clean(), Leaves::Largest).unwrap().flush(&mut cx);
        let touched: Vec<AtomicBool> = (0..PAGES).map(|_| AtomicBool::new(false)).collect();
        let (ready, root) = (AtomicBool::new(false), tree.root().get());
        let order: Vec<u64> = if round % 2 == 0 { (0..PAGES).collect() } else { (0..PAGES).rev().collect() };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                ready.store(true, Ordering::Release);
                for page in &order {
                    touch(&memory, root, page << 12, &touched);
                }
            });
            while !ready.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            for step in 0..6 {
                let change = four_level::Change::write(step % 2 == 1);
                tree.protect(&mut cx, 0..PAGES << 12, &change, Protect::mapped()).unwrap().flush(&mut cx);
            }
        });
        for page in 0..PAGES {
            let attributes = tree.lookup(&direct, page << 12).unwrap().attributes();
            let expected = touched[page as usize].load(Ordering::Relaxed);
            between += usize::from(!expected);
            assert!(attributes.write);
            assert_eq!(attributes.dirty, expected, "page {page} of round {round}");
        }
    }
    // The machine's own exchange fails where ours came between: both were there at once.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    assert!(between > 0 || processors == 1, "the two never met");
}

#[test]
fn words_have_the_width_they_say() {
    assert_eq!((<u32 as Word>::BITS, <u64 as Word>::BITS), (32, 64));
    assert_eq!((<u32 as Word>::BYTES_LG2, <u64 as Word>::BYTES_LG2), (2, 3));
}
