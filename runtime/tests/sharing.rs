//! Tables that several roots have: walked through by all, changed through none, given back by the last.

#![allow(unsafe_code, reason = "a table is borrowed by its address")]

mod support;

use ptgen::{Arena, Context, Error, Frames, Leaves, NoTlb, Oa, Pin, Shared, SharedTable, Tree, Unencodable, Va};
use support::memory::Checked;
use support::small::{self, Attributes, FOREIGN, Format, PINNED};

type Frameworks<'c, 'a> = Shared<'c, &'c Checked<'a>>;
type Cx<'c, 'a> = Context<&'c Arena<'a, u64>, Frameworks<'c, 'a>, NoTlb>;

/// A tree with the pages of the first 256 KiB mapped to `oa` and up.
fn tree_at(cx: &mut Cx<'_, '_>, oa: u64) -> Tree<Format> {
    let mut tree = Tree::new(cx, Format::default()).expect("a root");
    tree.map(cx, 0..2_u64 << 17, oa, &Attributes::default(), Leaves::Exactly(12)).expect("room").flush(cx);
    tree
}

fn with_arena(test: impl Fn(&mut Cx<'_, '_>, &Checked<'_>)) {
    let mut words = vec![0_u64; 1 << 16];
    let arena = Arena::new(1 << 24, &mut words);
    let checked = Checked::new(&arena);
    let mut owners = [None; 4];
    let mut cx = Context::new(&arena, Shared::new(&mut owners, &checked), NoTlb);
    test(&mut cx, &checked);
    assert_eq!(checked.out(), 0, "frames are lost");
    assert_eq!(cx.frames.left(), 4, "owners are counted still");
}

fn share(tree: &mut Tree<Format>, cx: &mut Cx<'_, '_>, va: u64, level: u8) -> Result<SharedTable<Format>, Error> {
    tree.range_mut().share(cx, va, level)
}

/// Both roots walk through it, and whoever goes last gives it back.
#[test]
fn the_last_owner_gives_the_table_back() {
    for first_goes_first in [true, false] {
        with_arena(|cx, checked| {
            let mut one = tree_at(cx, 0x10_0000);
            let mut other = Tree::new(cx, Format::default()).expect("a root");
            let table = share(&mut one, cx, 1 << 17, 0).expect("there is one");
            let address = table.address();
            assert_eq!((cx.frames.owners(address), table.level()), (2, 0));
            other.range_mut().adopt(cx, 5_u64 << 23, table).expect("nothing is there").flush(cx);
            assert_eq!(other.translate(&cx.memory, (5 << 23) + 0x3004), Ok(Oa::new(0x12_3004)));
            assert_eq!(one.translate(&cx.memory, (1 << 17) + 0x3004), Ok(Oa::new(0x12_3004)));
            // One root with a middle and two lower tables; another one with a middle one of its own.
            assert_eq!(checked.out(), 6);
            let (first, last) = if first_goes_first { (one, other) } else { (other, one) };
            let own = if first_goes_first { 3 } else { 2 };
            first.free(cx).expect("the arena has every table");
            assert_eq!((checked.out(), cx.frames.owners(address)), (6 - own, 1));
            let va = if first_goes_first { 5 << 23 } else { 1 << 17 };
            assert_eq!(last.translate(&cx.memory, va), Ok(Oa::new(0x12_0000)));
            last.free(cx).expect("the arena has every table");
        });
    }
}

/// The words say whose it is, and all above stay.
#[test]
fn links_say_that_the_table_is_foreign_and_those_above_are_pinned() {
    with_arena(|cx, _| {
        let mut one = tree_at(cx, 0);
        let mut other = Tree::new(cx, Format::default()).expect("a root");
        let table = share(&mut one, cx, 0, 0).expect("there is one");
        other.range_mut().adopt(cx, 0, table).expect("nothing is there").flush(cx);
        for tree in [&one, &other] {
            let upper = cx.memory.read(tree.root()).expect("the root");
            let middle = cx.memory.read(upper & small::ADDRESS).expect("the middle one");
            assert_eq!((upper & (PINNED | FOREIGN), middle & (PINNED | FOREIGN)), (PINNED, FOREIGN));
        }
        one.free(cx).expect("the arena has every table");
        other.free(cx).expect("the arena has every table");
    });
}

/// A table with tables below goes with all of them.
#[test]
fn a_table_is_shared_with_all_below_it() {
    with_arena(|cx, checked| {
        let mut one = tree_at(cx, 0x20_0000);
        let mut other = Tree::new(cx, Format::default()).expect("a root");
        let third = Tree::new(cx, Format::default()).expect("a root");
        let table = share(&mut one, cx, 0, 1).expect("there is one");
        other.range_mut().adopt(cx, 1_u64 << 23, table).expect("nothing is there").flush(cx);
        assert_eq!(other.translate(&cx.memory, (1 << 23) + 0x2_1000), Ok(Oa::new(0x22_1000)));
        // The one that has adopted it shares it further.
        let table = share(&mut other, cx, 1 << 23, 1).expect("it is shared already");
        assert_eq!(cx.frames.owners(table.address()), 3);
        one.free(cx).expect("the arena has every table");
        other.free(cx).expect("the arena has every table");
        assert_eq!(checked.out(), 1 + 3);
        // Nobody links it any more; the share itself was the last owner.
        table.give_up(cx).expect("the arena has every table");
        assert_eq!(checked.out(), 1);
        third.free(cx).expect("the arena has every table");
    });
}

/// What is not shared any more can be made one's own, and changed again.
#[test]
fn what_nobody_else_has_can_be_reclaimed() {
    with_arena(|cx, _| {
        let mut one = tree_at(cx, 0);
        let table = share(&mut one, cx, 0, 0).expect("there is one");
        assert_eq!(one.range_mut().reclaim(cx, 0, 0), Ok(false));
        table.give_up(cx).expect("the arena has every table");
        assert_eq!(one.range_mut().reclaim(cx, 0, 0), Ok(true));
        assert_eq!(one.range_mut().reclaim(cx, 0, 0), Ok(false));
        let upper = cx.memory.read(one.root()).expect("the root");
        let middle = cx.memory.read(upper & small::ADDRESS).expect("the middle one");
        assert_eq!(middle & FOREIGN, 0);
        one.free(cx).expect("the arena has every table");
    });
}

/// A table that is borrowed is never given back through the borrower, and not shared by it either.
#[test]
fn a_borrowed_table_stays_the_other_roots() {
    with_arena(|cx, checked| {
        let one = tree_at(cx, 0x30_0000);
        let middle = cx.memory.read(one.root()).expect("the root") & small::ADDRESS;
        let mut other = Tree::new(cx, Format::default()).expect("a root");
        // SAFETY: `one` has such a table there, and goes after `other`.
        let linked = unsafe { other.range_mut().borrow(cx, 7_u64 << 23, 1, Oa::new(middle)) };
        linked.expect("nothing is there").flush(cx);
        assert_eq!(other.translate(&cx.memory, (7 << 23) + 0x1000), Ok(Oa::new(0x30_1000)));
        let refused = share(&mut other, cx, 7 << 23, 1).map(drop).expect_err("it is not counted");
        assert_eq!(refused, Error::Borrowed { va: Va::new(7 << 23) });
        let below = share(&mut other, cx, 7 << 23, 0).map(drop).expect_err("it is the other root's");
        assert_eq!(below, Error::Borrowed { va: Va::new(7 << 23) });
        let inside = other.populate(cx, 7 << 23..8_u64 << 23, 12, Pin::Plain).map(drop).expect_err("likewise");
        assert_eq!(inside, Error::Borrowed { va: Va::new(7 << 23) });
        other.free(cx).expect("the arena has every table");
        assert_eq!(checked.out(), 4);
        one.free(cx).expect("the arena has every table");
    });
}

#[test]
fn what_cannot_be_shared_or_adopted_is_refused() {
    with_arena(|cx, checked| {
        let mut one = tree_at(cx, 0);
        one.map(cx, 1 << 23..2_u64 << 23, 0, &Attributes::default(), Leaves::Exactly(23)).expect("room").flush(cx);
        let mut refused = |va: u64, level: u8| share(&mut one, cx, va, level).map(drop).expect_err("it makes no sense");
        assert_eq!(refused(0, 2), Error::NoSuchLevel { level: 2 });
        assert_eq!(refused(0, 9), Error::NoSuchLevel { level: 9 });
        assert_eq!(refused(0x1000, 0), Error::Misaligned { address: 0x1000, lg2: 17 });
        assert_eq!(refused(1 << 17, 1), Error::Misaligned { address: 1 << 17, lg2: 23 });
        assert_eq!(refused(2 << 17, 0), Error::Hole { va: Va::new(2 << 17) });
        assert_eq!(refused(2 << 23, 0), Error::Hole { va: Va::new(2 << 23) });
        assert_eq!(refused(1 << 23, 1), Error::Occupied { va: Va::new(1 << 23) });
        assert_eq!(refused(1 << 30, 1), Error::NotCanonical { va: Va::new(1 << 30) });
        assert_eq!(checked.out(), 4);

        let mut other = Tree::new(cx, Format::default()).expect("a root");
        let table = share(&mut one, cx, 0, 0).expect("there is one");
        let place = table.address();
        let (error, table) = one.range_mut().adopt(cx, 1_u64 << 17, table).map(drop).expect_err("a table is there");
        assert_eq!(error, Error::Occupied { va: Va::new(1 << 17) });
        // Without a frame for the tables above, the share comes back as well.
        checked.left.set(0);
        let (error, table) = other.range_mut().adopt(cx, 0, table).map(drop).expect_err("there are no frames");
        assert_eq!((error, cx.frames.owners(place)), (Error::OutOfFrames, 2));
        assert_eq!(cx.memory.read(other.root()), Some(0));
        checked.left.set(usize::MAX);
        let (_, mut upper) = other.range_mut().split_at((1_u64 << 17) + 0x1000).expect("in the middle");
        let (error, table) = upper.adopt(cx, 1_u64 << 17, table).map(drop).expect_err("a part is the other's");
        assert_eq!(error, Error::NotInRange { range: (1 << 17..2_u64 << 17).into() });
        table.give_up(cx).expect("the arena has every table");
        one.free(cx).expect("the arena has every table");
        other.free(cx).expect("the arena has every table");
    });
}

/// A source that counts no owners, or no more of them, shares nothing; a format without bits for it neither.
#[test]
fn sharing_takes_a_source_that_counts_and_a_bit() {
    let mut words = vec![0_u64; 1 << 14];
    let arena = Arena::new(1 << 24, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    for (plain, expected) in [
        (false, Error::Unshareable { va: Va::new(0) }),
        (true, Error::Unencodable(Unencodable { attribute: "foreign" })),
    ] {
        let mut tree = Tree::new(&mut cx, Format { plain }).expect("a root");
        tree.populate(&mut cx, 0..0x1000_u64, 12, Pin::Plain).expect("room").flush(&mut cx);
        let before = cx.memory.read(tree.root());
        let refused = tree.range_mut().share(&mut cx, 0, 0).map(drop).expect_err("nobody counts");
        assert_eq!((refused, cx.memory.read(tree.root())), (expected, before));
        tree.free(&mut cx).expect("the arena has every table");
    }
    assert_eq!(arena.frames(), 0);
}

#[test]
#[cfg(debug_assertions)]
fn shares_are_not_dropped_silently() {
    with_arena(|cx, _| {
        let mut tree = tree_at(cx, 0);
        let table = tree.range_mut().share(cx, 0, 0).expect("there is one");
        let address = table.address();
        let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(table))).expect_err("it is an owner");
        let said = said.downcast_ref::<String>().expect("a message");
        assert!(said.contains("tests/sharing.rs:"), "{said}");
        assert!(!cx.frames.unshare(address));
        tree.free(cx).expect("the arena has every table");
    });
}
