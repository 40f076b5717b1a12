//! Tables without leaves, and tables that stay.

mod support;

use ptgen::{Arena, Context, Error, Leaves, NoFrames, NoTlb, Oa, Pin, Prepare, Protect, Tree, Unencodable, Unmap, Va};
use support::memory::Checked;
use support::oracle::{Dump, Known};
use support::random::Random;
use support::small::{self, PINNED};
use support::{four_level, odd, three_level};

fn dump<F: Known>(f: F, arena: &Arena<'_, F::Word>, root: Oa) -> Dump<F::Attributes> {
    f.dump(&|address| arena.read(address).expect("a table in the arena").into(), root.get())
}

/// All words of the tables below `table` of the small format that point to tables, with the level of their table.
fn links(arena: &Arena<'_, u64>, table: u64, level: usize, found: &mut Vec<(usize, u64)>) {
    for slot in 0..1 << [5, 6, 7][level] {
        let w = arena.read(table + 8 * slot).expect("a table in the arena");
        if level > 0 && w & 3 == 1 {
            found.push((level - 1, w));
            links(arena, w & 0xffff_ffff_ff00, level - 1, found);
        }
    }
}

fn words_of_links(arena: &Arena<'_, u64>, root: Oa) -> Vec<(usize, u64)> {
    let mut found = Vec::new();
    links(arena, root.get(), 2, &mut found);
    found
}

/// After it, maps of leaves of that size take nothing, however often (K5, A2), and before it they took just that.
fn maps_take_no_more_frames<F: Known>(f: F)
where
    F::Attributes: std::fmt::Debug,
{
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let mut words = vec![F::Word::default(); 1 << 18];
        let arena = Arena::new(1 << 24, &mut words);
        let checked = Checked::new(&arena);
        let mut cx = Context::new(&arena, &checked, NoTlb);
        let mut tree = Tree::new(&mut cx, f).expect("a root");
        let lg2 = random.pick(&F::SIZES[..2]);
        let units = (64 << 20) >> lg2;
        let start = random.below(units) << lg2;
        let range = start..start + ((1 + random.below(units.min(300))) << lg2);
        let needed = {
            let what = Prepare::changes(lg2).and_maps();
            let reservation = tree.prepare(&mut cx, range.clone(), what).expect("enough");
            let needed = reservation.total() as usize;
            reservation.release(&mut cx.frames);
            needed
        };
        tree.populate(&mut cx, range.clone(), lg2, Pin::Plain).expect("nothing is in the way").flush(&mut cx);
        assert_eq!(checked.out(), 1 + needed, "seed {seed}");
        let populated = dump(f, &arena, tree.root());
        assert_eq!((populated.leaves.len(), populated.tables), (0, 1 + needed));
        tree.populate(&mut cx, range.clone(), lg2, Pin::Plain).expect("nothing is in the way").flush(&mut cx);
        assert_eq!(dump(f, &arena, tree.root()), populated);

        let mut atomic = cx.with_frames(NoFrames);
        for _ in 0..200 {
            let count = (range.end - range.start) >> lg2;
            let first = range.start + (random.below(count) << lg2);
            let part = first..first + (1 << lg2);
            if tree.translate(&atomic, first).is_ok() {
                let gone = tree.unmap(&mut atomic, part, Unmap::mapped().keep_tables());
                gone.expect("tables stay").flush(&mut atomic);
            } else {
                let made = tree.map(&mut atomic, part, first, &F::some_attributes(seed), Leaves::Exactly(lg2));
                made.expect("every table is there").flush(&mut atomic);
            }
        }
        tree.free(&mut cx).expect("the arena has every table");
        assert_eq!(checked.out(), 0);
    }
}

#[test]
fn k5_maps_into_what_is_populated_take_no_frames() {
    maps_take_no_more_frames(four_level::Format {});
    maps_take_no_more_frames(three_level::Format::default());
    maps_take_no_more_frames(odd::Format::default());
    maps_take_no_more_frames(small::Format::default());
}

/// Around what is mapped already, as far as that is not in the way.
#[test]
fn what_is_there_stays_or_is_in_the_way() {
    let f = small::Format::default();
    let mut words = vec![0_u64; 1 << 16];
    let arena = Arena::new(1 << 24, &mut words);
    let checked = Checked::new(&arena);
    let mut cx = Context::new(&arena, &checked, NoTlb);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    let data = small::Attributes::default();
    tree.map(&mut cx, 0x1_f000..0x2_2000_u64, 0, &data, Leaves::Exactly(12)).expect("room").flush(&mut cx);
    tree.map(&mut cx, 1 << 23..2_u64 << 23, 0, &data, Leaves::Exactly(23)).expect("room").flush(&mut cx);
    let before = dump(f, &arena, tree.root());
    let occupied = tree.populate(&mut cx, 0..2_u64 << 23, 12, Pin::Plain).expect_err("a leaf is there");
    assert_eq!(occupied, Error::Occupied { va: Va::new(1 << 23) });
    assert_eq!((dump(f, &arena, tree.root()), checked.out()), (before.clone(), before.tables));
    // Where nothing smaller is wanted, the leaf is in nobody's way.
    tree.populate(&mut cx, 0..2_u64 << 23, 23, Pin::Pinned).expect("nothing to do").flush(&mut cx);
    assert_eq!(dump(f, &arena, tree.root()), before);
    tree.populate(&mut cx, 0..4_u64 << 17, 12, Pin::Plain).expect("room").flush(&mut cx);
    let after = dump(f, &arena, tree.root());
    assert_eq!((after.segments, after.tables), (before.segments, before.tables + 2));
    assert_eq!(tree.populate(&mut cx, 0..0x1000_u64, 13, Pin::Plain).err(), Some(Error::NoSuchSize { lg2: 13 }));
    tree.free(&mut cx).expect("the arena has every table");
    assert_eq!(checked.out(), 0);
}

/// Whichever frame is missing, nothing has changed.
#[test]
fn without_one_of_its_frames_nothing_is_made() {
    let f = small::Format::default();
    let mut words = vec![0_u64; 1 << 16];
    let arena = Arena::new(1 << 24, &mut words);
    let checked = Checked::new(&arena);
    let mut cx = Context::new(&arena, &checked, NoTlb);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    let data = small::Attributes::default();
    tree.map(&mut cx, 0..0x1000_u64, 0, &data, Leaves::Exactly(12)).expect("room").flush(&mut cx);
    let before = dump(f, &arena, tree.root());
    let range = 0..(1_u64 << 23) + 1;
    // 63 more tables below the first of the middle ones, another one of these and the one below it.
    for left in 0..65 {
        checked.left.set(left);
        assert_eq!(tree.populate(&mut cx, range.clone(), 12, Pin::Pinned).err(), Some(Error::OutOfFrames));
        assert_eq!((dump(f, &arena, tree.root()), checked.out()), (before.clone(), before.tables));
    }
    checked.left.set(65);
    tree.populate(&mut cx, range, 12, Pin::Pinned).expect("just enough").flush(&mut cx);
    tree.free(&mut cx).expect("the arena has every table");
    assert_eq!(checked.out(), 0);
}

/// N6: tables are pinned by a bit of software's, on all the way; and let go again.
#[test]
fn n6_pinned_tables_say_so_on_all_the_way() {
    let f = small::Format::default();
    let mut words = vec![0_u64; 1 << 16];
    let arena = Arena::new(1 << 24, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    let data = small::Attributes::default();
    tree.map(&mut cx, 0..0x1000_u64, 0x1000, &data, Leaves::Exactly(12)).expect("room").flush(&mut cx);
    tree.map(&mut cx, 5 << 17..6_u64 << 17, 0, &data, Leaves::Exactly(12)).expect("room").flush(&mut cx);
    tree.populate(&mut cx, 0..2_u64 << 17, 12, Pin::Pinned).expect("room").flush(&mut cx);
    let pinned = |links: &[(usize, u64)]| -> Vec<(usize, bool)> {
        links.iter().map(|(level, w)| (*level, w & PINNED != 0)).collect()
    };
    let found = words_of_links(&arena, tree.root());
    assert_eq!(pinned(&found), [(1, true), (0, true), (0, true), (0, false)]);
    assert_eq!(tree.translate(&arena, 0), Ok(Oa::new(0x1000)));

    // Only what is wholly in the range is let go, and what is above only with what is below.
    tree.range_mut().unpin(&mut cx, 0x1000..2_u64 << 17).expect("nothing forbids it");
    let found = words_of_links(&arena, tree.root());
    assert_eq!(pinned(&found), [(1, true), (0, true), (0, false), (0, false)]);
    tree.range_mut().unpin(&mut cx, 0..1_u64 << 23).expect("nothing forbids it");
    assert_eq!(pinned(&words_of_links(&arena, tree.root())), [(1, false), (0, false), (0, false), (0, false)]);
    tree.free(&mut cx).expect("the arena has every table");
    assert_eq!(arena.frames(), 0);
}

#[test]
fn formats_without_bits_for_it_pin_nothing() {
    let f = small::Format { plain: true };
    let mut words = vec![0_u64; 1 << 14];
    let arena = Arena::new(1 << 24, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    let refused = tree.populate(&mut cx, 0..0x1000_u64, 12, Pin::Pinned).expect_err("it has none");
    assert_eq!(refused, Error::Unencodable(Unencodable { attribute: "pinned" }));
    assert_eq!(arena.frames(), 1);
    tree.populate(&mut cx, 0..0x1000_u64, 12, Pin::Plain).expect("room").flush(&mut cx);
    assert_eq!(arena.frames(), 3);
    tree.free(&mut cx).expect("the arena has every table");
}

/// A table above two ranges is made by one of those who have them, and used by both.
#[test]
fn two_ranges_use_one_table() {
    let f = small::Format::default();
    let mut words = vec![0_u64; 1 << 14];
    let arena = Arena::new(1 << 24, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    let (mut lower, mut upper) = tree.range_mut().split_at(1_u64 << 17).expect("in the middle");
    lower.populate(&mut cx, 0..1_u64 << 17, 12, Pin::Pinned).expect("room").flush(&mut cx);
    upper.populate(&mut cx, 1 << 17..2_u64 << 17, 12, Pin::Plain).expect("room").flush(&mut cx);
    let outside = upper.populate(&mut cx, 0..2_u64 << 17, 12, Pin::Plain).expect_err("a part is the other's");
    assert_eq!(outside, Error::NotInRange { range: (0..2_u64 << 17).into() });
    assert_eq!(arena.frames(), 4);
    let data = small::Attributes::default();
    tree.map(&mut cx, 0..2_u64 << 17, 0, &data, Leaves::Exactly(12)).expect("room").flush(&mut cx);
    let change = small::Change { write: Some(true) };
    tree.protect(&mut cx, 0..2_u64 << 17, &change, Protect::mapped()).expect("mapped").flush(&mut cx);
    assert_eq!(arena.frames(), 4);
    tree.free(&mut cx).expect("the arena has every table");
    assert_eq!(arena.frames(), 0);
}
