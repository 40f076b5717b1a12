//! Sources of frames: who pays, fragments of pages, owners of shared tables, and what a context without allocation needs.

mod support;

use ptgen::{
    Accounted, Arena, Context, Error, FragmentPage, Fragments, Frame, Frames, Leaves, NoFrames, NoTlb, Oa, Protect,
    Quota, Shared, Stack, TableShape, Tally, Tree, Unmap, Use,
};
use support::memory::Checked;
use support::oracle::Known;
use support::random::Random;
use support::{four_level, odd, small, three_level};

/// Random changes, as many as it takes to have made and given back tables of every level. Returns how many were refused
/// for want of frames.
fn storm<F: Known, A: Frames>(
    tree: &mut Tree<F>,
    cx: &mut Context<&Arena<'_, F::Word>, A, NoTlb>,
    random: &mut Random,
    rounds: usize,
) -> usize {
    let mut refused = 0;
    for _ in 0..rounds {
        let unit = random.pick(F::SIZES);
        let start = random.below(1 << (28 - unit.min(28))) << unit;
        let range = start..start + ((1 + random.below(3)) << unit);
        let result = match random.below(3) {
            0 => tree.map(
                cx,
                range,
                random.below(1 << 6) << unit & 0x3fff_ffff,
                &F::some_attributes(random.next()),
                Leaves::Largest,
            ),
            1 => tree.unmap(
                cx,
                range,
                if random.chance(3) { Unmap::everything().keep_tables() } else { Unmap::everything() },
            ),
            _ => tree.protect(cx, range, &F::some_change(random.next()), Protect::everything()),
        };
        match result {
            Ok(unflushed) => unflushed.flush(cx),
            Err(Error::OutOfFrames) => refused += 1,
            Err(_) => {}
        }
    }
    refused
}

/// M1: after any number of changes, every frame has been taken once and given back once, level by level.
fn counters_are_zero_at_the_end<F: Known>(f: F, base: u64) {
    let mut words = vec![F::Word::default(); 1 << 21];
    let arena = Arena::new(base, &mut words);
    let checked = Checked::new(&arena);
    let mut tally = Tally::new();
    let mut cx = Context::new(&arena, Accounted::new(&checked, &mut tally), NoTlb);
    let mut random = Random::new(7);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    assert_eq!(storm(&mut tree, &mut cx, &mut random, 600), 0);
    let dump = f.dump(&|address| arena.read(address).expect("a table in the arena").into(), tree.root().get());
    let out: u64 = (0..8).map(|level| cx.frames.owner().out(level)).sum();
    assert_eq!((out as usize, checked.out()), (dump.tables, dump.tables));
    tree.free(&mut cx).expect("the arena has every table");
    assert!(tally.is_balanced() && checked.out() == 0);
    assert!(tally.taken(0) > 50, "too few tables were made for the test to mean something: {tally:?}");
}

#[test]
fn m1_counters_are_zero_at_the_end() {
    counters_are_zero_at_the_end(four_level::Format {}, 1 << 24);
    counters_are_zero_at_the_end(three_level::Format::default(), 1 << 24);
    counters_are_zero_at_the_end(odd::Format::default(), 1 << 24);
    counters_are_zero_at_the_end(small::Format::default(), 1 << 24);
}

/// M2: tables of a clone are charged to the one that it is made for, whoever exits; and charges can be moved.
#[test]
fn m2_the_named_owner_pays() {
    let f = four_level::Format {};
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(1 << 24, &mut words);
    let (mut parent, mut child, mut heir) = (Tally::new(), Tally::new(), Tally::up_to(2 * 4096));
    let data = four_level::Attributes::default();

    let mut cx = Context::new(&arena, Accounted::new(&arena, &mut parent), NoTlb);
    let mut old = Tree::new(&mut cx, f).expect("a root");
    old.map(&mut cx, 0..0x3000_u64, 0, &data, Leaves::Exactly(12)).expect("room").flush(&mut cx);
    let mut cx = Context::new(&arena, Accounted::new(&arena, &mut child), NoTlb);
    let mut new = Tree::new(&mut cx, f).expect("a root");
    new.map(&mut cx, 0..0x3000_u64, 0, &data, Leaves::Exactly(12)).expect("room").flush(&mut cx);
    assert_eq!((parent.bytes(), child.bytes()), (4 * 4096, 4 * 4096));

    // The child moves to another group, which must be able to pay for all of it.
    assert!(!child.move_to(&mut heir));
    assert_eq!((child.bytes(), heir.bytes()), (4 * 4096, 0));
    let mut heir = Tally::new();
    assert!(child.move_to(&mut heir));
    assert_eq!((child.bytes(), heir.bytes(), heir.out(0), heir.out(3)), (0, 4 * 4096, 1, 1));
    assert!(child.is_balanced());

    // Whoever exits first: each tree is given back to the account that is named.
    old.free(&mut Context::new(&arena, Accounted::new(&arena, &mut parent), NoTlb)).expect("the arena has every table");
    new.free(&mut Context::new(&arena, Accounted::new(&arena, &mut heir), NoTlb)).expect("the arena has every table");
    assert!(parent.is_balanced() && child.is_balanced() && heir.is_balanced());
    assert_eq!(arena.frames(), 0);
}

/// What is not handed out has never been taken: a source that has nothing left, and an operation that is refused for it.
#[test]
fn frames_that_there_were_none_of_are_not_counted() {
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(1 << 24, &mut words);
    let checked = Checked::new(&arena);
    let mut tally = Tally::new();
    let mut cx = Context::new(&arena, Accounted::new(&checked, &mut tally), NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format {}).expect("a root");
    checked.left.set(2);
    let data = four_level::Attributes::default();
    assert_eq!(tree.map(&mut cx, 0..0x1000_u64, 0, &data, Leaves::Largest).unwrap_err(), Error::OutOfFrames);
    // The two that it did get went back; the third one never was.
    let counts = |tally: &Tally| [3, 2, 1, 0].map(|level| (tally.taken(level), tally.returned(level)));
    assert_eq!(counts(cx.frames.owner()), [(1, 0), (1, 1), (1, 1), (0, 0)]);
    assert_eq!(cx.frames.owner().bytes(), 4096);
    tree.free(&mut cx).expect("the arena has every table");
    assert!(tally.is_balanced());
}

/// The charge is taken back when the frame goes back, and not when its table is unlinked.
#[test]
fn a_table_is_paid_for_until_it_is_flushed() {
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(1 << 24, &mut words);
    let mut tally = Tally::new();
    let mut cx = Context::new(&arena, Accounted::new(&arena, &mut tally), NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format {}).expect("a root");
    let data = four_level::Attributes::default();
    tree.map(&mut cx, 0..0x1000_u64, 0, &data, Leaves::Largest).expect("room").flush(&mut cx);
    assert_eq!(cx.frames.owner().bytes(), 4 * 4096);
    let unflushed = tree.unmap(&mut cx, 0..0x1000_u64, Unmap::everything()).expect("mapped");
    assert_eq!(cx.frames.owner().bytes(), 4 * 4096);
    unflushed.flush(&mut cx);
    assert_eq!(cx.frames.owner().bytes(), 4096);
    tree.free(&mut cx).expect("the arena has every table");
    assert!(tally.is_balanced());
}

/// An owner that may not have more refuses at each table in turn, and nothing has happened then.
fn refusal_at_every_table<F: Known>(f: F)
where
    F::Attributes: std::fmt::Debug,
{
    let mut words = vec![F::Word::default(); 1 << 20];
    let arena = Arena::new(1 << 24, &mut words);
    let mut most = 0;
    loop {
        let checked = Checked::new(&arena);
        let mut tally = Tally::up_to(most);
        let mut cx = Context::new(&arena, Accounted::new(&checked, &mut tally), NoTlb);
        let read = |address| arena.read(address).expect("a table in the arena").into();
        let Ok(mut tree) = Tree::new(&mut cx, f) else {
            assert_eq!(checked.out(), 0);
            assert!(cx.frames.owner().is_balanced());
            most += 256;
            continue;
        };
        let before = f.dump(&read, tree.root().get());
        let result = tree.map(&mut cx, 0x1000..0x20_5000_u64, 0x1000, &F::Attributes::default(), Leaves::Exactly(12));
        let fitted = result.is_ok();
        match result {
            Ok(unflushed) => unflushed.flush(&mut cx),
            Err(error) => {
                assert_eq!(error, Error::OutOfFrames);
                assert_eq!(f.dump(&read, tree.root().get()), before);
                assert_eq!(checked.out(), before.tables);
            }
        }
        tree.free(&mut cx).expect("the arena has every table");
        assert!(tally.is_balanced() && checked.out() == 0);
        if fitted {
            return;
        }
        most += 256;
    }
}

#[test]
fn an_owner_refuses_at_every_table() {
    refusal_at_every_table(four_level::Format {});
    refusal_at_every_table(odd::Format::default());
    refusal_at_every_table(small::Format::default());
}

/// M3: tables of 256 bytes and up; a page goes back when its last fragment is given back, after the flush.
#[test]
fn m3_a_page_goes_back_with_its_last_fragment() {
    let f = small::Format::default();
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(1 << 24, &mut words);
    let checked = Checked::new(&arena);
    let mut pages = [const { FragmentPage::NONE }; 16];
    let mut cx = Context::new(&arena, Fragments::new(&mut pages, 12, &checked), NoTlb);
    let mut tree = Tree::new(&mut cx, f).expect("a root");
    tree.set_use(Use::Live);
    let data = small::Attributes::default();
    // 17 tables of 256 bytes below one of 512: two pages of the small ones.
    let range = 0..17_u64 << 17;
    tree.map(&mut cx, range.clone(), 0x1000, &data, Leaves::Exactly(12)).expect("room").flush(&mut cx);
    assert_eq!((checked.out(), cx.frames.pages()), (4, 4));
    let dump = f.dump(&|address| arena.read(address).expect("a table in the arena"), tree.root().get());
    assert_eq!(dump.tables, 19);

    // The one in the second page goes, but its page only after the flush.
    let unflushed = tree.unmap(&mut cx, 16 << 17..17_u64 << 17, Unmap::everything()).expect("mapped");
    assert_eq!(checked.out(), 4);
    unflushed.flush(&mut cx);
    assert_eq!(checked.out(), 3);
    // Of the first page's, all but one go.
    tree.unmap(&mut cx, 0..15_u64 << 17, Unmap::everything()).expect("mapped").flush(&mut cx);
    assert_eq!(checked.out(), 3);
    tree.unmap(&mut cx, 15 << 17..16_u64 << 17, Unmap::everything()).expect("mapped").flush(&mut cx);
    assert_eq!(checked.out(), 1);
    tree.free(&mut cx).expect("the arena has every table");
    assert_eq!((checked.out(), cx.frames.pages()), (0, 0));
}

#[test]
fn fragments_survive_a_storm_and_running_out() {
    let f = small::Format::default();
    let mut words = vec![0_u64; 1 << 20];
    let arena = Arena::new(1 << 24, &mut words);
    for few in [1, 2, 3, 5, 9, 40, 200] {
        let checked = Checked::new(&arena);
        let mut pages: Vec<FragmentPage> = (0..few).map(|_| FragmentPage::NONE).collect();
        let mut tally = Tally::new();
        let fragments = Fragments::new(&mut pages, 12, &checked);
        let mut cx = Context::new(&arena, Accounted::new(fragments, &mut tally), NoTlb);
        let mut tree = Tree::new(&mut cx, f).expect("a root");
        let refused = storm(&mut tree, &mut cx, &mut Random::new(few as u64), 400);
        assert_eq!(refused > 0, few < 9, "{few} pages");
        assert!(checked.out() <= few);
        tree.free(&mut cx).expect("the arena has every table");
        assert!(tally.is_balanced() && checked.out() == 0, "{few} pages");
    }
}

#[test]
fn fragments_are_aligned_and_apart() {
    let mut words = vec![0_u64; 1 << 14];
    let arena = Arena::new(0x1000, &mut words);
    let mut pages = [const { FragmentPage::NONE }; 3];
    let mut frames = Fragments::new(&mut pages, 12, &arena);
    let mut random = Random::new(3);
    let mut out: Vec<Frame> = Vec::new();
    for _ in 0..4000 {
        if random.chance(2) && !out.is_empty() {
            let at = random.below(out.len() as u64) as usize;
            frames.free(out.swap_remove(at));
            continue;
        }
        let bytes_lg2 = 3 + random.below(10) as u32;
        let align_lg2 = random.below(13) as u32;
        let Some(frame) = frames.allocate(TableShape { level: 0, bytes_lg2, align_lg2 }) else { continue };
        let start = frame.address().get();
        assert_eq!(start % (1 << align_lg2), 0);
        for other in &out {
            let (first, bytes) = (other.address().get(), 1 << other.shape().bytes_lg2);
            assert!(start >= first + bytes || first >= start + (1 << bytes_lg2), "{frame:?} overlaps {other:?}");
        }
        out.push(frame);
    }
    assert!(frames.pages() > 0);
    out.into_iter().for_each(|frame| frames.free(frame));
    assert_eq!((frames.pages(), arena.frames()), (0, 0));
}

/// A context that may neither sleep nor wait: what is not there is said before anything is changed.
#[test]
fn an_atomic_context_is_refilled_where_one_may_sleep() {
    let f = four_level::Format {};
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(1 << 24, &mut words);
    let mut sleeping = Context::new(&arena, Quota::new(&arena, 16), NoTlb);
    let mut tree = Tree::new(&mut sleeping, f).expect("a root");
    let mut kept = [const { None }; 8];
    let mut stack = Stack::new(&mut kept, 12, NoFrames);
    let data = four_level::Attributes::default();
    for start in [0_u64, 1 << 39, 2 << 39] {
        let page = start..start + 0x1000;
        let mut atomic = sleeping.with_frames(&mut stack);
        let refused = tree.map(&mut atomic, page.clone(), 0, &data, Leaves::Largest).expect_err("three are needed");
        assert_eq!(refused, Error::OutOfFrames);
        // Nothing was lost of what there was.
        assert_eq!(stack.kept(), 0);
        assert!(stack.refill(&mut sleeping.frames, 3));
        let mut atomic = sleeping.with_frames(&mut stack);
        tree.map(&mut atomic, page, 0, &data, Leaves::Largest).expect("three are there").flush(&mut atomic);
        assert_eq!(stack.kept(), 0);
    }
    let mut atomic = sleeping.with_frames(&mut stack);
    tree.unmap(&mut atomic, 0..0x1000_u64, Unmap::everything()).expect("mapped").flush(&mut atomic);
    assert_eq!(stack.kept(), 3);
    stack.drain_to(&mut sleeping.frames);
    tree.free(&mut sleeping).expect("the arena has every table");
    assert_eq!((arena.frames(), sleeping.frames.left()), (0, 16));
}

#[test]
fn owners_are_counted() {
    let mut owners = [None; 2];
    let mut frames = Shared::new(&mut owners, NoFrames);
    let (one, other, third) = (Oa::new(0x1000), Oa::new(0x2000), Oa::new(0x3000));
    assert!(!frames.unshare(one), "not ours");
    assert!(frames.share(one) && frames.share(one) && frames.share(other));
    assert_eq!((frames.owners(one), frames.owners(other), frames.owners(third)), (3, 2, 0));
    assert!(!frames.share(third));
    assert_eq!(
        (frames.unshare(one), frames.unshare(one), frames.unshare(one), frames.unshare(one)),
        (false, false, true, false)
    );
    assert_eq!(frames.left(), 1);
    assert!(frames.share(third));
}

/// An owner that several trees have charges to, moved one frame at a time.
#[test]
fn charges_can_be_moved_one_by_one() {
    let (mut from, mut to) = (Tally::new(), Tally::up_to(4096));
    let shape = TableShape::of_size(1, 12);
    assert!(!from.move_one(shape, &mut to));
    let mut frames = Accounted::new(Quota::new(NoFrames, 0), &mut from);
    assert!(frames.allocate(shape).is_none());
    assert!(from.is_balanced());
    for expected in [true, false] {
        assert!(ptgen::Charge::charge(&mut from, shape));
        assert_eq!(from.move_one(shape, &mut to), expected);
    }
    assert_eq!((from.bytes(), to.bytes(), to.out(1)), (4096, 4096, 1));
}
