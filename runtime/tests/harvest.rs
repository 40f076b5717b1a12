//! Harvesting: what the machine records is seen once, and never lost.

#![allow(unsafe_code, reason = "a second thread plays the machine, on memory of its own")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use ptgen::{
    Arena, Attributes as _, Bump, Context, DirectMap, Error, Harvest, Leaves, NoTlb, Oa, Records, Sizes, Tree,
    Unencodable, Use, VaRange,
};
use support::memory::Watched;
use support::random::Random;
use support::{four_level, odd, three_level};

const BASE: u64 = 0x10_0000;
const PAGE: u64 = 0x1000;
const MIB: u64 = 1 << 20;
const ACCESSED: u64 = 0x20;
const DIRTY: u64 = 0x40;

const NEITHER: Records = Records { accessed: false, dirty: false };

fn clean() -> four_level::Attributes {
    four_level::Attributes { accessed: false, dirty: false, software: 3 << 9, ..four_level::Attributes::kernel_data() }
}

/// The lowest table for `va` in the four-level format.
fn table_of(arena: &Arena<'_, u64>, root: Oa, va: u64, level: u32) -> Oa {
    (level + 1..4).rev().fold(root, |table, above| {
        let w = arena.read(table + 8 * (va >> (12 + 9 * above) & 511)).unwrap();
        Oa::new(w & 0x3fff_ffff_f000)
    })
}

#[test]
fn what_was_used() {
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    // 2 MiB of pages, a hole, and two leaves of 2 MiB.
    tree.map(&mut cx, 0..2 * MIB, 0, &clean(), Leaves::Exactly(12)).unwrap().flush(&mut cx);
    tree.map(&mut cx, 4 * MIB..8 * MIB, 0, &clean(), Leaves::Largest).unwrap().flush(&mut cx);
    let [pages, large] = [0, 1].map(|level| table_of(&arena, tree.root(), 0, level));
    let (page, leaf) = (|number: u64| pages + 8 * number, |number: u64| large + 8 * number);
    let used = [(page(3), ACCESSED), (page(4), ACCESSED | DIRTY), (page(511), DIRTY), (leaf(3), ACCESSED)];
    let mark = || {
        for (slot, bits) in used {
            assert!(arena.write(slot, arena.read(slot).unwrap() | bits));
        }
    };
    let before: Vec<u64> = used.iter().map(|(slot, _)| arena.read(*slot).unwrap()).collect();
    mark();
    let mut harvest = |range: std::ops::Range<u64>, policy| {
        let mut seen = Vec::new();
        let unflushed = tree.harvest(&mut cx, range, policy, |leaf, records| {
            assert_eq!(leaf.attributes().software, 3 << 9);
            seen.push((leaf.va.get(), leaf.size_lg2, records.accessed, records.dirty));
        });
        let unflushed = unflushed.unwrap();
        let request = unflushed.request().copied();
        unflushed.flush(&mut cx);
        (seen, request)
    };
    let words = || used.iter().map(|(slot, _)| arena.read(*slot).unwrap()).collect::<Vec<_>>();
    let marked = words();
    // Looking changes nothing.
    let (seen, request) = harvest(0..8 * MIB, Harvest::accessed().only_look());
    assert_eq!(seen, [(3 * PAGE, 12, true, false), (4 * PAGE, 12, true, false), (6 * MIB, 21, true, false)]);
    assert!(request.is_none() && words() == marked);
    // What was not asked for stays.
    let (seen, request) = harvest(0..MIB, Harvest::dirty());
    assert_eq!(seen, [(4 * PAGE, 12, false, true)]);
    let request = request.unwrap();
    assert_eq!((request.range, request.tables), (VaRange::from(4 * PAGE..5 * PAGE), false));
    assert_eq!(request.leaf_sizes, Sizes::one(12));
    assert_eq!(words(), [marked[0], before[1] | ACCESSED, marked[2], marked[3]]);
    // Both; of a large leaf any part will do.
    let (seen, request) = harvest(4 * PAGE..6 * MIB + PAGE, Harvest::all());
    let expected = [(4 * PAGE, 12, true, false), (511 * PAGE, 12, false, true), (6 * MIB, 21, true, false)];
    assert_eq!(seen, expected);
    assert_eq!(request.unwrap().range, VaRange::from(4 * PAGE..8 * MIB));
    assert_eq!(words(), [marked[0], before[1], before[2], before[3]]);
    let (seen, _) = harvest(0..8 * MIB, Harvest::all());
    assert_eq!(seen, [(3 * PAGE, 12, true, false)]);
    assert_eq!(harvest(0..8 * MIB, Harvest::all()), (vec![], None));
    assert_eq!(words(), before);
}

/// The machine writes between the look at a word and its change.
#[test]
fn what_is_used_meanwhile() {
    let mut late = 0;
    for moment in 0..12 {
        let mut words = vec![0_u64; 16 * 512];
        let arena = Arena::new(BASE, &mut words);
        let mut cx = Context::new(&arena, &arena, NoTlb);
        let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
        tree.map(&mut cx, 0..4 * PAGE, 0, &clean(), Leaves::Largest).unwrap().flush(&mut cx);
        let slot = table_of(&arena, tree.root(), 0, 0) + 8;
        let set = std::cell::Cell::new(false);
        let watched = Watched::new(&arena, |opened| {
            if opened == moment {
                set.set(true);
                arena.write(slot, arena.read(slot).unwrap() | DIRTY);
            }
        });
        let mut cx = Context::new(&watched, &arena, NoTlb);
        let mut seen = NEITHER;
        tree.harvest(&mut cx, 0..4 * PAGE, Harvest::all(), |_, records| seen = records).unwrap().flush(&mut cx);
        let left = arena.read(slot).unwrap() & DIRTY != 0;
        assert_eq!(usize::from(set.get()), usize::from(seen.dirty) + usize::from(left), "at {moment}");
        late += usize::from(left);
    }
    assert!(late < 6);
}

#[test]
fn a_run_is_one_leaf() {
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, three_level::Format::default()).unwrap();
    let attributes = three_level::Attributes { accessed: false, dirty: false, ..three_level::Attributes::user_data() };
    tree.map(&mut cx, 0..0x20000, 0, &attributes, Leaves::Exactly(16)).unwrap().flush(&mut cx);
    let directory = Oa::new((arena.read(tree.root()).unwrap() >> 10) << 12);
    let table = Oa::new((arena.read(directory).unwrap() >> 10) << 12);
    let clean = arena.read(table).unwrap();
    // The machine records in whichever word it has walked to.
    for (slot, bits) in [(5, 0x40), (9, 0x80), (31, 0x40)] {
        assert!(arena.write(table + 8 * slot, arena.read(table + 8 * slot).unwrap() | bits));
    }
    let mut seen = Vec::new();
    let unflushed = tree.harvest(&mut cx, 0xf000..0x11000, Harvest::all(), |leaf, records| {
        seen.push((leaf.va.get(), leaf.size_lg2, records));
    });
    let unflushed = unflushed.unwrap();
    assert_eq!(unflushed.request().unwrap().range, VaRange::from(0..0x20000));
    unflushed.flush(&mut cx);
    let both = Records { accessed: true, dirty: true };
    assert_eq!(seen, [(0, 16, both), (0x10000, 16, Records { accessed: true, dirty: false })]);
    assert!((0..16).all(|slot| arena.read(table + 8 * slot) == Some(clean)));
}

#[test]
fn a_bit_with_the_other_meaning() {
    let mut words = vec![0_u32; 16 * 1024];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, odd::Format::default()).unwrap();
    let clean = odd::Attributes { write: true, dirty: false };
    tree.map(&mut cx, 0..4 * PAGE, 0x1000, &clean, Leaves::Exactly(12)).unwrap().flush(&mut cx);
    tree.map(&mut cx, 4 * PAGE..5 * PAGE, 0x9000, &odd::Attributes::kernel_data(), Leaves::Largest)
        .unwrap()
        .flush(&mut cx);
    let mut seen = Vec::new();
    let unflushed = tree.harvest(&mut cx, 0..8 * PAGE, Harvest::dirty(), |leaf, _| seen.push(leaf.va.get()));
    unflushed.unwrap().flush(&mut cx);
    assert_eq!(seen, [4 * PAGE]);
    assert_eq!(tree.lookup(&arena, 4 * PAGE).unwrap().attributes(), clean);
    // What the format does not have.
    let refused = Error::Unencodable(Unencodable { attribute: "accessed" });
    for policy in [Harvest::all(), Harvest::accessed(), Harvest::accessed().only_look()] {
        assert_eq!(tree.harvest(&mut cx, 0..PAGE, policy, |_, _| {}).unwrap_err(), refused);
    }
}

/// Walks as the machine does, and counts how often it has set a bit that was not set.
fn touch(memory: &[AtomicU64], root: u64, va: u64, set: &[AtomicU32]) {
    let mut table = root;
    for shift in [39, 30, 21, 12] {
        let cell = &memory[((table - BASE) / 8 + (va >> shift & 511)) as usize];
        let w = cell.load(Ordering::Acquire);
        if w & 1 == 0 {
            return;
        }
        if shift == 12 {
            if w & DIRTY == 0 && cell.compare_exchange(w, w | DIRTY, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                set[(va >> 12) as usize].fetch_add(1, Ordering::Relaxed);
            }
            return;
        }
        table = w & 0x3fff_ffff_f000;
    }
}

/// Every write that was recorded is reported once, and nothing else is.
#[test]
fn a_machine_that_runs_beside() {
    const PAGES: u64 = 64;
    let mut reported_at_once = 0;
    for round in 0..20 {
        let memory: Vec<AtomicU64> = (0..8 * 512).map(|_| AtomicU64::new(u64::MAX)).collect();
        let start = memory.as_ptr().expose_provenance();
        // SAFETY: tables are in the words, from `BASE` on, which others access through atomics only.
        let direct = unsafe { DirectMap::new(start.wrapping_sub(BASE as usize)) };
        // SAFETY: the frames are unused words of that memory.
        let frames = unsafe { Bump::new(Oa::new(BASE), 8 * 4096) };
        let mut cx = Context::new(direct, frames, NoTlb);
        let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
        assert_eq!(tree.in_use(), Use::Live);
        tree.map(&mut cx, 0..PAGES << 12, 0, &clean(), Leaves::Largest).unwrap().flush(&mut cx);
        let set: Vec<AtomicU32> = (0..PAGES).map(|_| AtomicU32::new(0)).collect();
        let mut reported = vec![0; PAGES as usize];
        let (done, root) = (AtomicBool::new(false), tree.root().get());
        let mut count = |tree: &mut Tree<four_level::Format>, cx: &mut Context<_, _, _>, reported: &mut Vec<u32>| {
            let unflushed = tree.harvest(cx, 0..PAGES << 12, Harvest::dirty(), |leaf, records| {
                assert!(records.dirty && !records.accessed);
                reported[(leaf.va.get() >> 12) as usize] += 1;
                reported_at_once += 1;
            });
            unflushed.unwrap().flush(cx);
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = Random::new(round + 1);
                while !done.load(Ordering::Relaxed) {
                    touch(&memory, root, random.below(PAGES) << 12, &set);
                }
            });
            for _ in 0..300 {
                count(&mut tree, &mut cx, &mut reported);
            }
            done.store(true, Ordering::Relaxed);
        });
        count(&mut tree, &mut cx, &mut reported);
        let set: Vec<u32> = set.iter().map(|set| set.load(Ordering::Relaxed)).collect();
        assert_eq!(reported, set, "round {round}");
    }
    assert!(reported_at_once > 100, "the machine hardly ran: {reported_at_once}");
}
