//! Plans: they change nothing, say what stops an operation, and count exactly what it takes.

mod support;

use std::collections::HashSet;
use std::fmt::Debug;

use ptgen::{
    Arena, Context, Error, Hide, Holes, Join, Leaves, NoFrames, NoTlb, Oa, Partial, Pin, Plan, Protect, Request,
    Tables, Tree, Unmap, Use, Va, VaRange,
};
use support::memory::Checked;
use support::oracle::{Dump, Known};
use support::random::Random;
use support::{four_level, odd, small, three_level};

fn dump<F: Known>(f: F, arena: &Arena<'_, F::Word>, root: Oa) -> Dump<F::Attributes> {
    f.dump(&|address| arena.read(address).expect("a table in the arena").into(), root.get())
}

/// A range of positions of the lowest GiB.
fn somewhere<F: Known>(random: &mut Random) -> (u64, u64) {
    let unit = random.pick(F::SIZES);
    let start = (random.below(1 << 30) >> unit << unit) + random.pick(&[0, 0, 0x1000, 0x3000]);
    let bytes = (1 + random.below(12)) << unit.min(21);
    let bytes = if unit == 30 && random.chance(2) { 1 << 30 } else { bytes };
    (start, start + bytes - 1)
}

fn request<'a, F: Known>(random: &mut Random, words: &'a (F::Attributes, F::Change), start: u64) -> Request<'a, F> {
    let holes = random.pick(&[Holes::Skip, Holes::Skip, Holes::Refuse]);
    let partial = random.pick(&[Partial::Split, Partial::Split, Partial::Refuse]);
    let tables = random.pick(&[Tables::Free, Tables::Keep]);
    match random.below(10) {
        0..3 => {
            let leaves = if random.chance(2) { Leaves::Exactly(random.pick(F::SIZES)) } else { Leaves::Largest };
            let oa = if random.chance(4) { start ^ 0x1000 } else { start };
            Request::Map { oa: oa.into(), attributes: &words.0, leaves }
        }
        3 => Request::Unmap(Unmap { holes, partial, tables }),
        4 | 5 => Request::Protect(&words.1, Protect { holes, partial }),
        6 => {
            let hide = Hide { holes, partial };
            if random.chance(2) { Request::Hide(hide) } else { Request::Show(hide) }
        }
        7 => Request::Join(Join::default()),
        8 => Request::Split(random.pick(F::SIZES)),
        _ => Request::Populate { lg2: random.pick(F::SIZES), pin: Pin::Plain },
    }
}

/// How many leaves that are partly in the range are there no more.
fn split<A>(before: &Dump<A>, after: &Dump<A>, (first, last): (u64, u64)) -> usize {
    let is_split = |&(start, lg2): &(u64, u32)| {
        let end = start + ((1 << lg2) - 1);
        let is_partly_in = start <= last && end >= first && (start < first || end > last);
        is_partly_in && !after.leaves.contains(&(start, lg2))
    };
    before.leaves.iter().filter(|leaf| is_split(leaf)).count()
}

fn plans_are_what_operations_take<F: Known>(f: F, rounds: u64)
where
    F::Attributes: Debug,
{
    let (mut done, mut refused, mut tables) = (0, 0, 0);
    for seed in 0..rounds {
        let mut random = Random::new(seed);
        let mut words = vec![F::Word::default(); 1 << 20];
        let arena = Arena::new(1 << 24, &mut words);
        let checked = Checked::new(&arena);
        let mut cx = Context::new(&arena, &checked, NoTlb);
        let mut tree = Tree::new(&mut cx, f).expect("a root");
        tree.set_use(random.pick(&[Use::Offline, Use::Live]));
        for _ in 0..30 {
            let (first, last) = somewhere::<F>(&mut random);
            let range = VaRange::inclusive(f.extend(first), f.extend(last));
            let said = (F::some_attributes(random.next()), F::some_change(random.next()));
            let request = request::<F>(&mut random, &said, first);
            let before = dump(f, &arena, tree.root());
            let planned = tree.plan(&cx, range, &request);
            assert_eq!(dump(f, &arena, tree.root()), before, "a plan has changed something");
            assert_eq!(checked.out(), before.tables);
            let plan = match planned {
                Ok(plan) => plan,
                Err(error) => {
                    let stopped = tree.commit(&mut cx, range, &request).map(drop);
                    assert_eq!(stopped, Err(error), "seed {seed}: {request:?}");
                    assert_eq!(dump(f, &arena, tree.root()), before);
                    refused += 1;
                    continue;
                }
            };
            let mut reservation = plan.reserve(&mut cx).expect("enough frames");
            assert_eq!(reservation.total(), plan.total());
            let mut prepared = cx.with_frames(&mut reservation);
            let unflushed = tree.commit(&mut prepared, range, &request);
            let unflushed =
                unflushed.unwrap_or_else(|error| panic!("seed {seed}: {error} though planned: {request:?}"));
            assert!(reservation.is_empty(), "seed {seed}: {reservation:?} is left of {plan:?} for {request:?}");
            reservation.release(&mut cx.frames);
            unflushed.flush(&mut cx);
            let after = dump(f, &arena, tree.root());
            assert_eq!(checked.out(), after.tables);
            match request {
                Request::Split(_) => {
                    let new: HashSet<_> = after.leaves.iter().collect();
                    let gone = before.leaves.iter().filter(|leaf| !new.contains(leaf)).count();
                    assert_eq!(plan.splits() as usize, gone, "{request:?}: {plan:?}");
                }
                Request::Unmap(_) | Request::Protect(..) | Request::Hide(_) => {
                    assert_eq!(plan.splits() as usize, split(&before, &after, (first, last)), "{request:?}: {plan:?}");
                }
                Request::Join(_) => {
                    let old: HashSet<_> = before.leaves.iter().collect();
                    let made = after.leaves.iter().filter(|leaf| !old.contains(leaf)).count();
                    assert!(plan.joins() as usize >= made && (made > 0 || plan.joins() == 0), "{plan:?}: {made}");
                    assert_eq!(after.segments, before.segments);
                }
                // What is hidden is split where no walker sees it.
                Request::Show(_) => assert!(plan.splits() <= 2 && plan.joins() == 0),
                _ => assert_eq!((plan.splits(), plan.joins()), (0, 0)),
            }
            done += 1;
            tables += plan.total();
        }
        tree.free(&mut cx).expect("the arena has every table");
        assert_eq!(checked.out(), 0);
    }
    assert!(
        done > 10 * rounds && refused > rounds && tables > rounds,
        "{done} done, {refused} refused, {tables} tables"
    );
}

#[test]
fn plans_are_what_operations_take_in_every_format() {
    plans_are_what_operations_take(four_level::Format {}, 8);
    plans_are_what_operations_take(three_level::Format::default(), 6);
    plans_are_what_operations_take(three_level::Format { breaks: true, ..three_level::Format::default() }, 6);
    plans_are_what_operations_take(odd::Format::default(), 8);
    plans_are_what_operations_take(small::Format::default(), 30);
}

type Cx<'a> = Context<&'a Arena<'a, u64>, &'a Arena<'a, u64>, NoTlb>;

fn plan_protect(
    tree: &mut Tree<four_level::Format>,
    cx: &Cx<'_>,
    range: std::ops::Range<u64>,
) -> Plan<four_level::Format> {
    let change = four_level::Change::write(true);
    tree.plan(cx, range, &Request::Protect(&change, Protect::mapped())).expect("mapped")
}

/// C-A: pages of a leaf of 1 GiB take a table of each level below; across a boundary, two of those at the boundary.
#[test]
fn c_a_counts_the_tables_of_splits() {
    let f = four_level::Format {};
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(1 << 24, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    let data = four_level::Attributes::default();
    tree.map(&mut cx, 0..4_u64 << 30, 0, &data, Leaves::Largest).expect("room").flush(&mut cx);
    let counts = |plan: &Plan<four_level::Format>| ([0, 1, 2, 3].map(|level| plan.tables(level)), plan.splits());
    let one = plan_protect(&mut tree, &cx, 0x20_1000..0x20_4000);
    assert_eq!(counts(&one), ([1, 1, 0, 0], 1));
    let across = plan_protect(&mut tree, &cx, 0x3f_f000..0x40_2000);
    assert_eq!(counts(&across), ([2, 1, 0, 0], 1));
    let large = plan_protect(&mut tree, &cx, 0x20_0000..0x60_0000);
    assert_eq!(counts(&large), ([0, 1, 0, 0], 1));
    let both = plan_protect(&mut tree, &cx, 0x1000..(3 << 30) + 0x1000);
    assert_eq!(counts(&both), ([2, 2, 0, 0], 2));
    let none = plan_protect(&mut tree, &cx, 0..2 << 30);
    assert_eq!((counts(&none), none.total()), (([0; 4], 0), 0));
    // Whatever the range, no more than two of each level but the root's.
    let mut random = Random::new(1);
    for _ in 0..2000 {
        let (a, b) = (random.below(4 << 18), random.below(4 << 18));
        let plan = plan_protect(&mut tree, &cx, a.min(b) << 12..(a.max(b) + 1) << 12);
        assert!((0..3).all(|level| plan.tables(level) <= 2) && plan.tables(3) == 0, "{plan:?}");
        assert!(plan.splits() <= 2);
    }
    assert_eq!(arena.frames(), 2);
    tree.free(&mut cx).expect("the arena has every table");
}

/// C-B: what changes nothing takes nothing.
#[test]
fn c_b_what_changes_nothing_takes_nothing() {
    let f = four_level::Format {};
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(1 << 24, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    let data = four_level::Attributes { write: true, ..four_level::Attributes::default() };
    tree.map(&mut cx, 0..1_u64 << 30, 0, &data, Leaves::Largest).expect("room").flush(&mut cx);
    let plan = plan_protect(&mut tree, &cx, 0x1000..0x2000);
    assert_eq!((plan.total(), plan.splits(), plan.joins()), (0, 0, 0));
    tree.free(&mut cx).expect("the arena has every table");
}

/// C-G: a plan of which a frame is missing takes nothing.
#[test]
fn c_g_a_plan_without_its_frames_takes_nothing() {
    let f = small::Format::default();
    let mut words = vec![0_u64; 1 << 14];
    let arena = Arena::new(1 << 24, &mut words);
    let checked = Checked::new(&arena);
    let mut cx = Context::new(&arena, &checked, NoTlb);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    let data = small::Attributes::default();
    let request = Request::Map { oa: Oa::new(0), attributes: &data, leaves: Leaves::Exactly(12) };
    let plan = tree.plan(&cx, 0..3_u64 << 17, &request).expect("nothing is there");
    assert_eq!([0, 1, 2, 9].map(|level| plan.tables(level)), [3, 1, 0, 0]);
    for left in 0..4 {
        checked.left.set(left);
        assert_eq!(plan.reserve(&mut cx).map(|_| ()), Err(Error::OutOfFrames));
        assert_eq!((checked.out(), checked.left.get()), (1, left));
    }
    checked.left.set(usize::MAX);
    // Without frames, the operation says so before it changes anything.
    let mut without = cx.with_frames(NoFrames);
    let refused = tree.commit(&mut without, 0..3_u64 << 17, &request).map(drop);
    assert_eq!(refused, Err(Error::OutOfFrames));
    assert!(tree.translate(&cx, 0_u64).is_err());
    tree.free(&mut cx).expect("the arena has every table");
    assert_eq!(checked.out(), 0);
}

/// A range that was divided plans within its part.
#[test]
fn plans_keep_to_their_range() {
    let f = small::Format::default();
    let mut words = vec![0_u64; 1 << 14];
    let arena = Arena::new(1 << 24, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    let (lower, upper) = tree.range_mut().split_at(1_u64 << 23).expect("in the middle");
    let request = Request::Populate { lg2: 12, pin: Pin::Pinned };
    assert_eq!(lower.plan(&cx, 0..1_u64 << 17, &request).map(|plan| plan.total()), Ok(2));
    let outside = upper.plan(&cx, 0..1_u64 << 17, &request).map(|plan| plan.total());
    assert_eq!(outside, Err(Error::NotInRange { range: (0..1_u64 << 17).into() }));
    let unmap = Request::Unmap(Unmap::mapped());
    assert_eq!(lower.plan(&cx, 0..0x1000_u64, &unmap).map(drop), Err(Error::Hole { va: Va::new(0) }));
    tree.free(&mut cx).expect("the arena has every table");
}
