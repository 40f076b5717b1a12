//! Reservations: enough for whatever is done in the range, never more than that can take, and nothing lost.

#![allow(unsafe_code, reason = "a window is a raw address")]

mod support;

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::ptr::NonNull;

use ptgen::{
    Arena, Change as _, Context, Error, Frames, Leaves, NoFrames, NoTlb, Oa, Prepare, Protect, Reservation, TableShape,
    Tree, Unmap, Va, Window,
};
use support::memory::Checked;
use support::oracle::{Dump, Known};
use support::random::Random;
use support::{four_level, odd, small, three_level};

/// The part of the address space that the tests use: what one or more of the largest leaves translate.
const ALL: u64 = 1 << 30;

/// The part of it where small leaves are treated one by one.
const FEW: u64 = 32 << 20;

/// Leaves of all sizes here and there, all with the same attributes, and tables with nothing in them.
fn scatter<F: Known, A: Frames>(
    tree: &mut Tree<F>,
    cx: &mut Context<&Arena<'_, F::Word>, A, NoTlb>,
    random: &mut Random,
) {
    let last = random.pick(&[FEW, ALL]) - 1;
    for _ in 0..random.below(24) {
        let unit = random.pick(F::SIZES);
        let start = random.below(last + 1) >> unit << unit;
        let Some(range) = start.checked_add((1 + random.below(2)) << unit).map(|end| start..end) else { continue };
        if range.end > last + 1 {
            continue;
        }
        let oa = if random.chance(4) { start + 0x1000 } else { start };
        if let Ok(unflushed) = tree.map(cx, range.clone(), oa, &F::some_attributes(0), Leaves::Largest) {
            unflushed.flush(cx);
        }
        if random.chance(3) {
            tree.unmap(cx, range, Unmap::everything().keep_tables()).expect("nothing forbids it").flush(cx);
        }
    }
}

/// A range of not too many units, and lg2 of the size of these.
fn somewhere<F: Known>(random: &mut Random) -> (u64, u64, u32) {
    let leaves = random.pick(F::SIZES);
    let units = if leaves < 21 { FEW >> leaves } else { ALL >> leaves };
    let count = 1 + random.below(units.min(1500));
    let start = random.below(units - count + 1);
    (start << leaves, ((start + count) << leaves) - 1, leaves)
}

fn dump<F: Known>(f: F, arena: &Arena<'_, F::Word>, root: Oa) -> Dump<F::Attributes> {
    f.dump(&|address| arena.read(address).expect("a table in the arena").into(), root.get())
}

type Prepared<'r, 'a, F> = Context<
    &'a Arena<'a, <F as ptgen::Format>::Word>,
    &'r mut Reservation<F, &'a Arena<'a, <F as ptgen::Format>::Word>>,
    NoTlb,
>;

/// Random changes in parts of the range, none of which may want for frames.
fn change_at_will<F: Known>(
    f: F,
    tree: &mut Tree<F>,
    cx: &mut Prepared<'_, '_, F>,
    (start, last, leaves): (u64, u64, u32),
    holes: bool,
    random: &mut Random,
) {
    let units = (last - start + 1) >> leaves;
    for _ in 0..40 {
        let count = 1 + random.below(units);
        let first = start + (random.below(units - count + 1) << leaves);
        let range = first..first + (count << leaves);
        let range = ptgen::VaRange::inclusive(f.extend(range.start), f.extend(range.end - 1));
        let result = match random.below(if holes { 4 } else { 3 }) {
            0 => tree.unmap(
                cx,
                range,
                if random.chance(2) { Unmap::everything().keep_tables() } else { Unmap::everything() },
            ),
            1 | 2 => tree.protect(cx, range, &F::some_change(random.next()), Protect::everything()),
            _ => tree.map(cx, range, first, &F::some_attributes(random.next()), Leaves::Largest),
        };
        match result {
            Ok(unflushed) => unflushed.flush(cx),
            Err(error) => assert_ne!(error, Error::OutOfFrames),
        }
    }
}

fn enough_for_whatever_is_done<F: Known>(f: F, rounds: u64)
where
    F::Attributes: Debug,
{
    for seed in 0..rounds {
        let mut random = Random::new(seed);
        let mut words = vec![F::Word::default(); 1 << 19];
        let arena = Arena::new(1 << 24, &mut words);
        let checked = Checked::new(&arena);
        let mut cx = Context::new(&arena, &checked, NoTlb);
        let mut tree = Tree::new(&mut cx, f).expect("a root");
        scatter(&mut tree, &mut cx, &mut random);
        let part @ (start, last, leaves) = somewhere::<F>(&mut random);
        let holes = random.chance(2);
        let what = Prepare { leaves, holes };
        let range = ptgen::VaRange::inclusive(f.extend(start), f.extend(last));
        let mut reservation = tree.prepare(&mut cx, range, what).expect("enough frames");
        for _ in 0..3 {
            let prepared = cx.with_frames(&mut reservation);
            let mut prepared = Context::new(*prepared.memory, &mut *prepared.frames, NoTlb);
            change_at_will(f, &mut tree, &mut prepared, part, holes, &mut random);
            let found = dump(f, &arena, tree.root()).tables as u64 + reservation.total();
            assert_eq!(checked.out() as u64, found, "seed {seed}: frames were lost or made");
        }
        reservation.release(&mut cx.frames);
        tree.free(&mut cx).expect("the arena has every table");
        assert_eq!(checked.out(), 0, "seed {seed}");
    }
}

#[test]
fn c_h_a_reservation_is_enough_for_whatever_is_done() {
    enough_for_whatever_is_done(four_level::Format {}, 60);
    enough_for_whatever_is_done(three_level::Format::default(), 40);
    enough_for_whatever_is_done(odd::Format::default(), 40);
    enough_for_whatever_is_done(small::Format::default(), 100);
}

/// Where each smallest leaf is treated differently, every frame is used.
fn all_of_it_can_be_used<F: Known>(f: F, rounds: u64) {
    let mut used = 0;
    for seed in 0..rounds {
        let mut random = Random::new(seed);
        let mut words = vec![F::Word::default(); 1 << 19];
        let arena = Arena::new(1 << 24, &mut words);
        let checked = Checked::new(&arena);
        let mut cx = Context::new(&arena, &checked, NoTlb);
        let mut tree = Tree::new(&mut cx, f).expect("a root");
        scatter(&mut tree, &mut cx, &mut random);
        let (start, last, leaves) = somewhere::<F>(&mut random);
        let what = Prepare { leaves, holes: random.chance(2) };
        let mut reservation = tree.prepare(&mut cx, start..last + 1, what).expect("enough frames");
        used += reservation.total();
        let mut prepared = cx.with_frames(&mut reservation);
        // Empty tables that leaves take the place of are not given back to what was reserved.
        let mut elsewhere = Context::new(&arena, &checked, NoTlb);
        let mut change = F::Change::default();
        let write = <F::Attributes as ptgen::Attributes>::index("write").expect("formats have it");
        for at in (start..=last).step_by(1 << leaves) {
            let unit = at..at + (1 << leaves);
            if what.holes {
                // Nothing happens where something is.
                if let Ok(unflushed) =
                    tree.map(&mut prepared, unit.clone(), at, &F::some_attributes(0), Leaves::Exactly(leaves))
                {
                    unflushed.flush(&mut elsewhere);
                }
            }
            for value in [1, 0] {
                assert!(change.set(write, value));
                tree.protect(&mut prepared, unit.clone(), &change, Protect::everything())
                    .expect("enough frames")
                    .flush(&mut elsewhere);
            }
        }
        assert!(reservation.is_empty(), "seed {seed}: {reservation:?} is left of {what:?} in {start:#x}..={last:#x}");
        reservation.release(&mut cx.frames);
        tree.free(&mut cx).expect("the arena has every table");
        assert_eq!(checked.out(), 0);
    }
    assert!(used > rounds / 4, "{}: too few tables for the test to mean something: {used}", F::NAME);
}

#[test]
fn a_reservation_is_never_more_than_can_be_used() {
    all_of_it_can_be_used(four_level::Format {}, 40);
    all_of_it_can_be_used(three_level::Format::default(), 20);
    all_of_it_can_be_used(odd::Format::default(), 20);
    all_of_it_can_be_used(small::Format::default(), 60);
}

/// C-G, G4: whichever frame is missing, nothing is taken and nothing is changed.
#[test]
fn c_g_without_one_of_its_frames_nothing_is_taken() {
    let f = small::Format::default();
    let mut words = vec![0_u64; 1 << 16];
    let arena = Arena::new(1 << 24, &mut words);
    let checked = Checked::new(&arena);
    let mut cx = Context::new(&arena, &checked, NoTlb);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    tree.map(&mut cx, 0..3_u64 << 23, 0, &small::Attributes::default(), Leaves::Largest).expect("room").flush(&mut cx);
    let before = dump(f, &arena, tree.root());
    let what = Prepare::changes(12);
    let range = (1_u64 << 23) - 0x1000..(2 << 23) + 0x3000;
    // Three slots of 8 MiB, and one of 128 KiB, 64 and one of them in these.
    for left in 0..69 {
        checked.left.set(left);
        let result = tree.prepare(&mut cx, range.clone(), what);
        assert_eq!(result.map(|_| ()).expect_err("a frame is missing"), Error::OutOfFrames);
        assert_eq!((checked.out(), checked.left.get()), (1, left));
        assert_eq!(dump(f, &arena, tree.root()), before);
    }
    checked.left.set(69);
    let reservation = tree.prepare(&mut cx, range, what).expect("just enough");
    assert_eq!([0, 1, 2, 3, 200].map(|level| reservation.count(level)), [66, 3, 0, 0, 0]);
    reservation.release(&mut cx.frames);
    tree.free(&mut cx).expect("the arena has every table");
    assert_eq!(checked.out(), 0);
}

/// G3, G4: pages of a direct map go and come back, one by one, without a frame from elsewhere.
#[test]
fn g3_pages_come_back_without_allocation() {
    let f = four_level::Format {};
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(1 << 24, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    let data = four_level::Attributes::default();
    tree.map(&mut cx, 0..1_u64 << 30, 0, &data, Leaves::Largest).expect("room").flush(&mut cx);
    let range = 0x4000_0000_u64 - 0x20_0000..0x4000_0000;
    let mut reservation = tree.prepare(&mut cx, range.clone(), Prepare::changes(12).and_maps()).expect("enough");
    assert_eq!((reservation.count(0), reservation.count(1), reservation.total()), (1, 1, 2));
    let mut prepared = cx.with_frames(&mut reservation);
    for round in 0..2 {
        for page in range.clone().step_by(0x1000) {
            let gone = tree.unmap(&mut prepared, page..page + 0x1000, Unmap::mapped());
            gone.expect("two tables are enough").flush(&mut prepared);
            assert!(tree.translate(&prepared, Va::new(page)).is_err());
        }
        for page in range.clone().step_by(0x1000) {
            let back = tree.map(&mut prepared, page..page + 0x1000, page, &data, Leaves::Exactly(12));
            back.expect("the table that went is there again").flush(&mut prepared);
            assert_eq!(tree.translate(&prepared, Va::new(page)), Ok(Oa::new(page)), "round {round}");
        }
    }
    reservation.release(&mut cx.frames);
    tree.free(&mut cx).expect("the arena has every table");
    assert_eq!(arena.frames(), 0);
}

#[test]
fn ranges_and_sizes_that_make_no_sense_are_refused() {
    let f = four_level::Format {};
    let mut words = vec![0_u64; 8 * 512];
    let arena = Arena::new(1 << 24, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    let mut prepare = |range: std::ops::Range<u64>, leaves| {
        let result = tree.prepare(&mut cx, range, Prepare::changes(leaves));
        result.map(|reservation| assert!(reservation.is_empty())).err()
    };
    assert_eq!(prepare(0..0x1000, 13), Some(Error::NoSuchSize { lg2: 13 }));
    assert_eq!(prepare(0..0x1000, 21), Some(Error::Misaligned { address: 0x1000, lg2: 21 }));
    assert_eq!(prepare(0..0x1001, 12), Some(Error::Misaligned { address: 0x1001, lg2: 12 }));
    assert_eq!(prepare(1 << 47..(1 << 47) + 0x1000, 12), Some(Error::NotCanonical { va: Va::new(1 << 47) }));
    assert_eq!(prepare(0x1000..0x1000, 12), None);
    assert_eq!(prepare(0..1 << 40, 12), None);
    let (_, mut upper) = tree.range_mut().split_at(1_u64 << 30).expect("in the middle");
    let outside = upper.reborrow().prepare(&mut cx, 0..0x1000_u64, Prepare::changes(12)).map(|_| ());
    assert_eq!(outside, Err(Error::NotInRange { range: (0..0x1000_u64).into() }));
}

/// A frame of another shape than the tables have is not held.
#[test]
fn only_frames_of_the_shapes_of_tables_are_handed_out() {
    let f = small::Format::default();
    let mut words = vec![0_u64; 1 << 12];
    let arena = Arena::new(1 << 24, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    let mut first = tree.prepare(&mut cx, 0..1_u64 << 17, Prepare::changes(12).and_maps()).expect("enough");
    let second = tree.prepare(&mut cx, 1 << 23..2_u64 << 23, Prepare::changes(17).and_maps()).expect("enough");
    assert_eq!((first.count(0), first.count(1), second.count(0), second.count(1)), (1, 1, 0, 1));
    assert!(first.allocate(TableShape::of_size(0, 9)).is_none());
    assert!(first.allocate(TableShape::of_size(7, 8)).is_none());
    let frame = first.allocate(TableShape::of_size(0, 8)).expect("one");
    assert!(first.allocate(TableShape::of_size(0, 8)).is_none());
    first.free(frame);
    let both = first.merge(second);
    assert_eq!((both.count(0), both.count(1), both.count(2)), (1, 2, 0));
    both.release(&mut cx.frames);
    tree.free(&mut cx).expect("the arena has every table");
    assert_eq!(arena.frames(), 0);
}

#[test]
#[cfg(debug_assertions)]
fn frames_are_not_dropped_silently() {
    let mut words = vec![0_u64; 1 << 12];
    let arena = Arena::new(1 << 24, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, small::Format::default()).expect("a root");
    let line = line!() + 1;
    let made = tree.prepare(&mut cx, 0..1_u64 << 17, Prepare::changes(12).and_maps()).expect("enough");
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(made)));
    let said = dropped.expect_err("it holds frames");
    let said = said.downcast_ref::<String>().expect("a message");
    assert!(said.contains(&format!("tests/reserved.rs:{line}:")), "{said}");
}

/// One window, through which one table at a time is visible, is enough.
#[test]
fn a_window_of_one_table_is_enough() {
    let f = four_level::Format {};
    const PAGES: usize = 16;
    let ram = RefCell::new(vec![[0_u64; 512]; PAGES]);
    let mut seen = Box::new([0_u64; 512]);
    let at = NonNull::from(&mut *seen).cast::<u8>();
    let shown = Cell::new(None::<usize>);
    let show = |address: Oa| {
        let Some(page) = (address.get() as usize >> 12).checked_sub(0x100).filter(|page| *page < PAGES) else {
            return false;
        };
        let mut ram = ram.borrow_mut();
        // SAFETY: 512 words stand there, which nobody else reads or writes now.
        let window = unsafe { at.cast::<[u64; 512]>().as_mut() };
        if let Some(before) = shown.replace(Some(page)) {
            ram[before] = *window;
        }
        *window = ram[page];
        true
    };
    // SAFETY: when `show` returns, the words of the page are in the window, and they are copied back before it moves.
    let window = unsafe { Window::new(at, 12, show) };
    // SAFETY: the pages are used for nothing else.
    let mut frames = unsafe { ptgen::Bump::new(Oa::new(0x10_0000), (PAGES as u64) << 12) };
    let mut cx = Context::new(&window, &mut frames, NoTlb);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    let data = four_level::Attributes::default();
    tree.map(&mut cx, 0..0x60_0000_u64, 0, &data, Leaves::Largest).expect("room").flush(&mut cx);
    let mut reservation = tree.prepare(&mut cx, 0x20_0000..0x60_0000_u64, Prepare::changes(12)).expect("enough");
    assert_eq!(reservation.total(), 2);
    let mut prepared = cx.with_frames(&mut reservation);
    for page in (0x20_0000..0x60_0000_u64).step_by(0x5000) {
        let change = four_level::Change::write(true);
        tree.protect(&mut prepared, page..page + 0x1000, &change, Protect::mapped())
            .expect("enough")
            .flush(&mut prepared);
    }
    for page in (0..0x60_0000_u64).step_by(0x1000) {
        let mapping = tree.lookup(&prepared, page).expect("still mapped");
        assert_eq!(tree.translate(&prepared, page), Ok(Oa::new(page)));
        let is_changed = page >= 0x20_0000 && (page - 0x20_0000) % 0x5000 == 0;
        assert_eq!(mapping.attributes().write, is_changed, "{page:#x}");
    }
    assert!(reservation.is_empty());
    reservation.release(&mut NoFrames);
    let _ = tree;
}
