//! Temporary maps: nothing is allocated, what is flushed is counted, and nothing stale is ever seen through what is mapped.

#![allow(unused_variables, reason = "not every test looks at all that it is given")]

mod support;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use ptgen::{
    Arena, Attributes as _, Callback, ChangeKind, Context, Error, FlushRequest, Flushed, Format, Hide, Leaves,
    LocalMaps, LocalSlots, NoTlb, Oa, RingMaps, Scope, Tlb, Tree, Unmap, Va, VaRange, Way,
};
use support::memory::Checked;
use support::random::Random;
use support::{four_level, three_level};

const BASE: u64 = 0x10_0000;
const PAGE: u64 = 4096;
/// Where temporary maps are: across two tables.
const AREA: u64 = (1 << 21) - 4 * PAGE;

/// What a TLB may hold: everything it has seen since the last flush that covers it. And how often it was flushed.
#[derive(Default)]
struct Cache {
    held: RefCell<BTreeMap<u64, BTreeSet<u64>>>,
    flushes: RefCell<Vec<FlushRequest>>,
}

impl Cache {
    fn tlb(&self) -> impl Tlb + Clone + '_ {
        Callback(|request: &FlushRequest| {
            self.held.borrow_mut().retain(|&va, _| !request.range.contains(va));
            self.flushes.borrow_mut().push(*request);
        })
    }

    /// The processor has looked at all of `range`. All that it may hold for each page is what is there now.
    fn see<F: Format>(&self, tree: &Tree<F>, arena: &Arena<'_, F::Word>, range: VaRange) {
        for va in (range.start().get()..=range.last().get()).step_by(PAGE as usize) {
            let mut held = self.held.borrow_mut();
            let held = held.entry(va).or_default();
            if let Ok(oa) = tree.translate(arena, va) {
                held.insert(oa.get());
                assert_eq!(held.len(), 1, "{va:#x} may be translated to {held:x?}");
            }
        }
    }

    fn count(&self) -> usize {
        self.flushes.borrow().len()
    }

    /// The requests since the last time.
    fn take(&self) -> Vec<FlushRequest> {
        self.flushes.take()
    }
}

fn data<F: Format>() -> F::Attributes {
    F::Attributes::kernel_data()
}

/// Makes a tree, and slots of `pages` pages with what `body` does not get: the frames.
macro_rules! with_slots {
    ($f:expr, $word:ty, $pages:expr, |$tree:ident, $arena:ident, $cache:ident, $frames:ident, $range:ident| $body:block) => {{
        let mut words = vec![<$word>::default(); 128 * 512];
        let $arena = Arena::new(BASE, &mut words);
        let $frames = Checked::new(&$arena);
        let $cache = Cache::default();
        let mut tree = Tree::new(&mut Context::new(&$arena, &$frames, NoTlb), $f).unwrap();
        // For looking at it beside: the arena checks addresses.
        #[expect(unsafe_code, reason = "a second look at the same tables")]
        // SAFETY: only for reading, of an arena.
        let $tree = unsafe { Tree::from_root(tree.format(), tree.root()) };
        let (_, rest) = tree.range_mut().split_at(AREA).unwrap();
        let ($range, _) = rest.split_at(AREA + $pages * PAGE).unwrap();
        $body
    }};
}

/// K1 and K5: three nested maps are three stores, three more, and a local flush of one page each.
#[test]
fn three_nested_maps() {
    with_slots!(four_level::Format::default(), u64, 8, |tree, arena, cache, frames, range| {
        let slots = LocalSlots::prepare(range, &arena, &mut &frames, cache.tlb()).unwrap();
        assert_eq!(slots.count(), 8);
        frames.left.set(0);
        cache.take();
        let out = frames.out();
        let maps = LocalMaps::<_, 4>::new();
        let mut nest = maps.nest();
        let mut one = nest.map(&slots, 0x1_0000, &data::<four_level::Format>()).unwrap();
        let mut two = one.map(0x2_0000, &data::<four_level::Format>()).unwrap();
        let three = two.map(0x3_0000, &data::<four_level::Format>()).unwrap();
        assert_eq!(maps.depth(), 3);
        assert_eq!(three.va(), Va::new(AREA + 2 * PAGE));
        for n in 0..3 {
            assert_eq!(tree.translate(&arena, AREA + n * PAGE), Ok(Oa::new((n + 1) * 0x1_0000)));
        }
        assert_eq!(cache.count(), 0);
        drop(three);
        drop(two);
        assert_eq!(one.va(), Va::new(AREA));
        drop(one);
        assert_eq!(maps.depth(), 0);
        let flushes = cache.take();
        assert_eq!(flushes.len(), 3);
        for (n, request) in flushes.iter().enumerate() {
            assert_eq!(request.range, VaRange::new(AREA + (2 - n as u64) * PAGE, PAGE));
            assert_eq!((request.scope, request.tables), (Scope::Local, false));
        }
        assert!((0..8).all(|n| tree.translate(&arena, AREA + n * PAGE).is_err()));
        for n in 0..1_000_000_u64 {
            let map = nest.map(&slots, n % 64 * PAGE, &data::<four_level::Format>()).unwrap();
            assert_eq!(map.va(), Va::new(AREA));
        }
        assert_eq!((frames.out(), cache.count()), (out, 1_000_000));
    });
}

/// K2: whoever takes maps away in another order, with two nests side by side, does no damage.
#[test]
fn another_order_does_no_damage() {
    with_slots!(four_level::Format::default(), u64, 4, |tree, arena, cache, frames, range| {
        let slots = LocalSlots::prepare(range, &arena, &mut &frames, cache.tlb()).unwrap();
        let maps = LocalMaps::<_, 4>::new();
        let (mut task, mut interrupt) = (maps.nest(), maps.nest());
        let below = task.map(&slots, 0x1_0000, &data::<four_level::Format>()).unwrap();
        let above = interrupt.map(&slots, 0x2_0000, &data::<four_level::Format>()).unwrap();
        drop(below);
        assert!(tree.translate(&arena, AREA).is_err());
        assert_eq!(tree.translate(&arena, above.va()), Ok(Oa::new(0x2_0000)));
        // The slot below comes free only with the one above.
        assert_eq!(maps.depth(), 2);
        let top = task.map(&slots, 0x3_0000, &data::<four_level::Format>()).unwrap();
        assert_eq!(top.va(), Va::new(AREA + 2 * PAGE));
        assert_eq!(tree.translate(&arena, above.va()), Ok(Oa::new(0x2_0000)));
        drop(top);
        drop(above);
        assert_eq!(maps.depth(), 0);
        assert_eq!(task.map(&slots, 0, &data::<four_level::Format>()).unwrap().va(), Va::new(AREA));
    });
}

/// K3, and a map that is refused: nothing is left of it.
#[test]
fn too_many_maps_are_refused() {
    with_slots!(four_level::Format::default(), u64, 2, |tree, arena, cache, frames, range| {
        let slots = LocalSlots::prepare(range, &arena, &mut &frames, cache.tlb()).unwrap();
        let maps = LocalMaps::<_, 8>::new();
        let few = LocalMaps::<_, 1>::new();
        let mut nest = maps.nest();
        let mut one = nest.map(&slots, 0, &data::<four_level::Format>()).unwrap();
        assert!(matches!(one.map(1 << 50, &data::<four_level::Format>()), Err(Error::OutOfRange { .. })));
        assert!(matches!(one.map(0x123, &data::<four_level::Format>()), Err(Error::Misaligned { .. })));
        assert_eq!(maps.depth(), 1);
        let mut two = one.map(0x1000, &data::<four_level::Format>()).unwrap();
        assert_eq!(two.va(), Va::new(AREA + PAGE));
        assert!(matches!(two.map(0, &data::<four_level::Format>()), Err(Error::Exhausted)));
        assert_eq!(tree.translate(&arena, two.va()), Ok(Oa::new(0x1000)));
        drop(two);
        drop(one);
        let mut nest = few.nest();
        let mut one = nest.map(&slots, 0, &data::<four_level::Format>()).unwrap();
        assert!(matches!(one.map(0, &data::<four_level::Format>()), Err(Error::Exhausted)));
    });
}

/// K4: two tasks and an interrupt on one processor see their own maps, and never each other's.
#[test]
fn maps_follow_their_task() {
    with_slots!(four_level::Format::default(), u64, 8, |tree, arena, cache, frames, range| {
        let slots = LocalSlots::prepare(range, &arena, &mut &frames, cache.tlb()).unwrap();
        frames.left.set(0);
        let all = VaRange::new(AREA, 8 * PAGE);
        let look = |expected: &[u64]| {
            cache.see(&tree, &arena, all);
            for n in 0..8 {
                let found = tree.translate(&arena, AREA + n * PAGE).ok().map(Oa::get);
                assert_eq!(found, expected.get(n as usize).copied(), "slot {n}");
                let held = cache.held.borrow().get(&(AREA + n * PAGE)).cloned().unwrap_or_default();
                assert_eq!(held.into_iter().collect::<Vec<_>>(), Vec::from_iter(found), "slot {n}");
            }
        };
        let (a, b) = (LocalMaps::<_, 4>::new(), LocalMaps::<_, 4>::new());
        let (mut in_a, mut in_b) = (a.nest(), b.nest());
        let data = data::<four_level::Format>();
        let mut first = in_a.map(&slots, 0xa000, &data).unwrap();
        let second = first.map(0xb000, &data).unwrap();
        look(&[0xa000, 0xb000]);
        cache.take();
        slots.switch_out(&a).unwrap();
        assert_eq!(cache.count(), 1);
        look(&[]);
        slots.switch_in(&b).unwrap();
        let other = in_b.map(&slots, 0xc000, &data).unwrap();
        look(&[0xc000]);
        {
            let mut interrupt = b.nest();
            let map = interrupt.map(&slots, 0xd000, &data).unwrap();
            assert_eq!(map.va(), Va::new(AREA + PAGE));
            look(&[0xc000, 0xd000]);
        }
        look(&[0xc000]);
        slots.switch_out(&b).unwrap();
        slots.switch_in(&a).unwrap();
        look(&[0xa000, 0xb000]);
        assert_eq!(second.va(), Va::new(AREA + PAGE));
        drop(second);
        look(&[0xa000]);
        slots.switch_out(&a).unwrap();
        slots.switch_in(&b).unwrap();
        look(&[0xc000]);
        drop(other);
        look(&[]);
        slots.switch_in(&a).unwrap();
        drop(first);
        look(&[]);
        assert!(cache.take().iter().all(|request| request.scope == Scope::Local));
    });
}

/// In a format where absent entries may be held, a map is flushed as well; with a word of 32 bits, too.
#[test]
fn in_other_formats() {
    with_slots!(three_level::Format::default(), u64, 4, |tree, arena, cache, frames, range| {
        let slots = LocalSlots::prepare(range, &arena, &mut &frames, cache.tlb()).unwrap();
        frames.left.set(0);
        cache.take();
        let maps = LocalMaps::<_, 4>::new();
        let mut nest = maps.nest();
        let map = nest.map(&slots, 0x5000, &data::<three_level::Format>()).unwrap();
        let fills = tree.format().way(ChangeKind::Fill) != Way::Lazy;
        assert_eq!(cache.count(), usize::from(fills));
        assert_eq!(tree.translate(&arena, map.va()), Ok(Oa::new(0x5000)));
        drop(map);
        assert_eq!(cache.count(), usize::from(fills) + 1);
    });
}

/// N1, N2, N3: any sizes in any order; no frames; a flush a round; nothing stale through what is mapped; refused only when
/// there is no room.
#[test]
fn a_ring_of_random_maps() {
    with_slots!(four_level::Format::default(), u64, 65, |tree, arena, cache, frames, range| {
        let (ring, _reserved) = RingMaps::<_, _, _, 1>::prepare(range, &arena, &mut &frames, cache.tlb()).unwrap();
        assert_eq!(ring.count(), 64);
        frames.left.set(0);
        cache.take();
        let out = frames.out();
        let mut random = Random::new(3);
        let mut maps = vec![];
        let (mut gets, mut refused) = (0_u64, 0_u64);
        while gets < 20_000 {
            if maps.is_empty() || random.chance(2) && maps.len() < 12 {
                let most = if random.chance(20) { 40 } else { 6 };
                let pages = 1 + random.below(most) as usize;
                let oa = random.below(1 << 20) * PAGE;
                gets += 1;
                match ring.get(oa, pages, &data::<four_level::Format>()) {
                    Ok(map) => {
                        assert_eq!(map.range().bytes(), Some(pages as u64 * PAGE));
                        for page in 0..pages as u64 {
                            let found = tree.translate(&arena, map.va() + page * PAGE);
                            assert_eq!(found, Ok(Oa::new(oa + page * PAGE)));
                        }
                        cache.see(&tree, &arena, map.range());
                        maps.push(map);
                    }
                    Err(error) => {
                        assert_eq!(error, Error::Exhausted);
                        refused += 1;
                        let mut free = [true; 64];
                        for map in &maps {
                            for va in (map.va().get()..=map.range().last().get()).step_by(PAGE as usize) {
                                free[((va - AREA) / PAGE) as usize] = false;
                            }
                        }
                        assert!(free.windows(pages).all(|pages| pages.contains(&false)), "there was room");
                    }
                }
            } else {
                let gone = maps.swap_remove(random.below(maps.len() as u64) as usize);
                let range = gone.range();
                drop(gone);
                assert!(tree.translate(&arena, range.start()).is_err());
            }
            assert_eq!(cache.count() as u64, ring.rounds());
        }
        assert!(refused > 10 && refused < gets / 4, "{refused} of {gets} were refused");
        assert!(ring.rounds() > 100 && ring.rounds() < gets / 4, "{} flushes", ring.rounds());
        assert_eq!(frames.out(), out);
        drop(maps);
        drop(ring);
        assert!(cache.take().iter().all(|request| request.scope == Scope::Local && !request.tables));
    });
}

/// N2: exactly one flush when the VA come round again, and none before.
#[test]
fn one_flush_a_round() {
    with_slots!(four_level::Format::default(), u64, 9, |tree, arena, cache, frames, range| {
        let (ring, _reserved) = RingMaps::<_, _, _, 2>::prepare(range, &arena, &mut &frames, cache.tlb()).unwrap();
        cache.take();
        let data = data::<four_level::Format>();
        assert!(ring.get(0, 8, &data).is_ok());
        assert_eq!(cache.count(), 0);
        assert!(matches!(ring.get(0, 9, &data), Err(Error::Exhausted)));
        assert_eq!(cache.count(), 0, "a flush would not have helped");
        for round in 1..5 {
            for n in 0..8 {
                let map = ring.get(n * PAGE, 1, &data).unwrap();
                assert_eq!(map.va(), Va::new(AREA + n * PAGE));
                assert_eq!(tree.translate(&arena, map.va()), Ok(Oa::new(n * PAGE)));
                assert_eq!(cache.count(), round);
            }
        }
        // What is mapped when the round ends is passed by, and what is taken away in the round is not used before the next.
        let stays = ring.get(0, 2, &data).unwrap();
        let first = stays.va();
        assert_eq!((first, cache.count()), (Va::new(AREA), 5));
        assert_eq!(ring.get(0, 6, &data).unwrap().va(), Va::new(AREA + 2 * PAGE));
        let next = ring.get(0, 3, &data).unwrap();
        assert_eq!((next.va(), cache.count()), (Va::new(AREA + 2 * PAGE), 6));
        drop(stays);
        drop(next);
        assert_eq!(ring.get(0, 3, &data).unwrap().va(), Va::new(AREA + 5 * PAGE));
        assert_eq!(cache.count(), 6);
        assert_eq!(ring.get(0, 1, &data).unwrap().va(), Va::new(AREA));
        assert_eq!(cache.count(), 7);
        // A refused attribute or address leaves nothing behind.
        let before = ring.rounds();
        assert!(matches!(ring.get(1 << 50, 1, &data), Err(Error::OutOfRange { .. })));
        assert_eq!(ring.get(0, 1, &data).unwrap().va(), Va::new(AREA + PAGE));
        assert_eq!(ring.rounds(), before);
    });
}

/// N4: a page is freed against the proof that the ring has been flushed since, which takes a flush only if there was none.
#[test]
fn pages_are_freed_against_the_proof() {
    /// A client's pages.
    fn free_page<F: Format>(page: u64, proof: &Flushed<F>, free: &mut Vec<u64>) {
        assert!(proof.is_empty());
        free.push(page);
    }
    with_slots!(four_level::Format::default(), u64, 5, |tree, arena, cache, frames, range| {
        let (ring, _reserved) = RingMaps::<_, _, _, 1>::prepare(range, &arena, &mut &frames, cache.tlb()).unwrap();
        cache.take();
        let (data, mut free) = (data::<four_level::Format>(), vec![]);
        let map = ring.get(0x7000, 1, &data).unwrap();
        cache.see(&tree, &arena, map.range());
        let range = map.range();
        let stale = map.put();
        assert!(!stale.is_flushed());
        assert!(cache.held.borrow().contains_key(&AREA), "the TLB may hold the page");
        free_page(0x7000, &stale.settle(), &mut free);
        assert!(!cache.held.borrow().contains_key(&AREA));
        assert_eq!((cache.count(), cache.take()[0].range), (1, range));

        let stale = ring.get(0x8000, 3, &data).unwrap().put();
        drop(ring.get(0x9000, 4, &data).unwrap()); // Comes round again: a flush.
        assert!(stale.is_flushed());
        free_page(0x8000, &stale.settle(), &mut free);
        assert_eq!(cache.count(), 1, "there was a flush already");
        assert_eq!(free, [0x7000, 0x8000]);
    });
}

/// N5: the reserved page can always be mapped, also when the ring has refused.
#[test]
fn the_reserved_page_is_always_there() {
    with_slots!(four_level::Format::default(), u64, 4, |tree, arena, cache, frames, range| {
        let (ring, mut reserved) = RingMaps::<_, _, _, 1>::prepare(range, &arena, &mut &frames, cache.tlb()).unwrap();
        frames.left.set(0);
        let data = data::<four_level::Format>();
        let all = ring.get(0, 3, &data).unwrap();
        for n in 0..100_u64 {
            assert!(matches!(ring.get(0, 1, &data), Err(Error::Exhausted)));
            let page = reserved.map(n * PAGE, &data).unwrap();
            assert_eq!(page.va(), Va::new(AREA + 3 * PAGE));
            cache.see(&tree, &arena, VaRange::new(page.va(), PAGE));
            assert_eq!(tree.translate(&arena, page.va()), Ok(Oa::new(n * PAGE)));
        }
        assert_eq!(tree.translate(&arena, all.va()), Ok(Oa::new(0)));
        drop(all);
    });
}

/// N6: the tables are pinned or kept without a sentinel: an operation of the owner's on everything around does not take
/// them, and no frames are missing at the end.
#[test]
fn the_tables_stay_until_the_end() {
    let mut words = vec![0_u64; 128 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut cx = Context::new(&arena, &frames, NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    let data = data::<four_level::Format>();
    tree.map(&mut cx, AREA - PAGE..AREA, 0, &data, Leaves::Largest).unwrap().flush(&mut cx);
    {
        let (mut below, rest) = tree.range_mut().split_at(AREA).unwrap();
        let (range, mut above) = rest.split_at(AREA + 8 * PAGE).unwrap();
        let (ring, _reserved) = RingMaps::<_, _, _, 1>::prepare(range, &arena, &mut &frames, NoTlb).unwrap();
        let out = frames.out();
        let all = below.range();
        below.unmap(&mut cx, VaRange::inclusive(all.start(), all.last()), Unmap::everything()).unwrap().flush(&mut cx);
        above.unmap(&mut cx, AREA + 8 * PAGE..1_u64 << 30, Unmap::everything()).unwrap().flush(&mut cx);
        assert_eq!(frames.out(), out, "tables of the ring went");
        frames.left.set(0);
        for n in 0..20 {
            drop(ring.get(n * PAGE, 7, &data).unwrap());
        }
        frames.left.set(usize::MAX);
    }
    tree.free(&mut cx).unwrap();
    assert_eq!(frames.out(), 0);
}

/// G5 and G7: a page that is hidden from the direct map faults there, and is reached by a temporary map; whoever is given
/// it asks for the proof that the hiding has been flushed.
#[test]
fn a_hidden_page_is_reached_by_a_temporary_map() {
    fn give_to_guest<F: Format>(page: u64, proof: &Flushed<F>, guest: &mut Vec<u64>) {
        assert!(proof.is_empty());
        guest.push(page);
    }
    let direct_map = 1_u64 << 30;
    let mut words = vec![0_u64; 128 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let cache = Cache::default();
    let mut cx = Context::new(&arena, &frames, cache.tlb());
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    let data = data::<four_level::Format>();
    tree.map(&mut cx, direct_map..direct_map + 16 * PAGE, 0, &data, Leaves::Largest).unwrap().flush(&mut cx);
    #[expect(unsafe_code, reason = "a second look at the same tables")]
    // SAFETY: only for reading, of an arena.
    let look = unsafe { Tree::from_root(tree.format(), tree.root()) };
    let (low, mut high) = tree.range_mut().split_at(direct_map).unwrap();
    let (_, range) = low.split_at(AREA).unwrap();
    let (range, _) = range.split_at(AREA + 8 * PAGE).unwrap();
    let (ring, _reserved) = RingMaps::<_, _, _, 1>::prepare(range, &arena, &mut &frames, cache.tlb()).unwrap();

    let page = VaRange::new(direct_map + 5 * PAGE, PAGE);
    cache.see(&look, &arena, page);
    let hidden = high.hide(&mut cx, page, Hide::mapped()).unwrap();
    let mut guest = vec![];
    let proof = hidden.issue(&mut cx.tlb);
    give_to_guest(5 * PAGE, &proof, &mut guest);
    assert!(!cache.held.borrow().contains_key(&page.start().get()));
    assert!(look.translate(&arena, page.start()).is_err());
    assert_eq!(look.translate(&arena, direct_map + 4 * PAGE), Ok(Oa::new(4 * PAGE)));

    let map = ring.get(guest[0], 1, &data).unwrap();
    assert_eq!(look.translate(&arena, map.va()), Ok(Oa::new(5 * PAGE)));
    assert!(look.translate(&arena, page.start()).is_err());
    drop(map.put().settle());
    high.show(&mut cx, page, Hide::mapped()).unwrap().flush(&mut cx);
    assert_eq!(look.translate(&arena, page.start()), Ok(Oa::new(5 * PAGE)));
}

/// Making the slots fails at every frame: nothing is left behind that was not there.
#[test]
fn preparing_fails_without_a_trace() {
    for left in 0..5 {
        with_slots!(four_level::Format::default(), u64, 9, |_tree, arena, cache, frames, range| {
            let out = frames.out();
            frames.left.set(left);
            match LocalSlots::prepare(range, &arena, &mut &frames, cache.tlb()) {
                Ok(_) => assert_eq!(left, 4),
                Err(error) => {
                    assert_eq!((error, frames.out()), (Error::OutOfFrames, out));
                    assert!(left < 4);
                }
            }
        });
    }
    with_slots!(four_level::Format::default(), u64, 1, |_tree, arena, cache, frames, range| {
        let ring = RingMaps::<_, _, _, 1>::prepare(range, &arena, &mut &frames, cache.tlb());
        assert!(matches!(ring, Err(Error::Exhausted)));
    });
}
