//! Joining: what splitting took apart comes back bit for bit, nothing that the machine records is lost, and no
//! translation changes at any time.

mod support;

use std::cell::{Cell, RefCell};

use ptgen::{
    Arena, Attributes as _, Callback, ChangeKind, Context, Error, FlushRequest, Format, Join, Leaves, NoTlb, Oa,
    Protect, Tree, Use, VaRange, Word,
};
use support::memory::{Checked, Watched};
use support::oracle::{Dump, Known};
use support::random::Random;
use support::{four_level, odd, three_level};

const BASE: u64 = 0x10_0000;
const PAGE: u64 = 0x1000;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const DIRTY: u64 = 0x40;

fn dump<F: Known>(f: F, tree: &Tree<F>, arena: &Arena<'_, F::Word>) -> Dump<F::Attributes> {
    f.dump(&|address| arena.read(address).expect("a table in the arena").into(), tree.root().get())
}

/// Write-through: the bit that moves with the level is set.
fn write_through() -> four_level::Attributes {
    let memory_type = four_level::MemoryType::WriteThrough;
    four_level::Attributes { memory_type, software: 1 << 9, ..four_level::Attributes::kernel_data() }
}

#[test]
fn a_gigabyte_comes_back() {
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut cx = Context::new(&arena, &frames, NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    tree.map(&mut cx, 0..GIB, GIB, &write_through(), Leaves::Largest).unwrap().flush(&mut cx);
    let original = tree.lookup(&arena, 0).unwrap().word;
    assert_eq!(original, GIB | (1 << 63) | (1 << 12) | 0x3fb);
    let pages = 5 * PAGE..8 * PAGE;
    // As Linux does: what is made read-only is not dirty any more.
    let change = four_level::Change { dirty: Some(false), ..four_level::Change::write(false) };
    tree.protect(&mut cx, pages.clone(), &change, Protect::mapped()).unwrap().flush(&mut cx);
    assert_eq!(frames.out(), 4);
    let change = four_level::Change::write(true);
    tree.protect(&mut cx, pages.clone(), &change, Protect::mapped()).unwrap().flush(&mut cx);

    // They differ in dirty, so only if that may be there is anything to do.
    let before = dump(four_level::Format::default(), &tree, &arena);
    let unflushed = tree.join(&mut cx, pages.clone(), Join::default().exactly()).unwrap();
    assert!(unflushed.is_empty());
    assert_eq!(dump(four_level::Format::default(), &tree, &arena), before);

    let flushes = RefCell::new(Vec::new());
    // At every look that the engine takes at a table, everything is translated as before.
    let reader = four_level::Format::default();
    let root = tree.root();
    let check = || {
        let found = dump_of(reader, root, &arena);
        let mapped: Vec<_> = found.segments.iter().map(|segment| (segment.start, segment.last, segment.oa)).collect();
        let ends = (mapped[0].0, mapped[mapped.len() - 1].1, mapped[0].2);
        assert_eq!(ends, (0, GIB - 1, GIB));
        assert!(mapped.windows(2).all(|two| two[0].1 + 1 == two[1].0 && two[1].2 == GIB + two[1].0));
    };
    let watched = Watched::new(&arena, |_| check());
    // When it is flushed, a walker may still be in the tables: their words are as they were.
    let [directory, table] = [1, 0].map(|level| table_of(&arena, root, 0, level));
    let words_before: Vec<_> = [directory, table].map(|table| words_of(&arena, table)).to_vec();
    let tlb = Callback(|request: &FlushRequest| {
        check();
        assert_eq!([directory, table].map(|table| words_of(&arena, table)).to_vec(), words_before);
        assert_eq!(arena.read(table_of(&arena, root, 0, 2)), Some(original), "linked before the flush");
        flushes.borrow_mut().push(*request);
    });
    let mut cx = Context::new(&watched, &frames, tlb);
    let unflushed = tree.join(&mut cx, pages, Join::up_to(30)).unwrap();
    assert!(unflushed.request().is_none(), "it has been flushed already");
    assert_eq!(frames.out(), 4, "tables stay until readers are gone");
    unflushed.flush(&mut cx);
    assert_eq!(frames.out(), 2);
    assert_eq!(tree.lookup(&arena, 0).unwrap().word, original);
    let flushes = flushes.into_inner();
    assert_eq!(flushes.len(), 1);
    assert_eq!((flushes[0].range, flushes[0].tables), (VaRange::from(0..GIB), true));
    assert!(flushes[0].leaf_sizes.has(12) && flushes[0].leaf_sizes.has(21) && flushes[0].leaf_sizes.has(30));
}

fn dump_of<F: Known<Word = u64>>(f: F, root: Oa, arena: &Arena<'_, u64>) -> Dump<F::Attributes> {
    f.dump(&|address| arena.read(address).expect("a table in the arena"), root.get())
}

/// The table of level `level` for `va` in the four-level format.
fn table_of(arena: &Arena<'_, u64>, root: Oa, va: u64, level: u32) -> Oa {
    (level + 1..4).rev().fold(root, |table, above| {
        let w = arena.read(table + 8 * (va >> (12 + 9 * above) & 511)).unwrap();
        Oa::new(w & 0x3fff_ffff_f000)
    })
}

fn words_of(arena: &Arena<'_, u64>, table: Oa) -> Vec<u64> {
    (0..512).map(|slot| arena.read(table + 8 * slot).unwrap()).collect()
}

fn clean() -> four_level::Attributes {
    four_level::Attributes { accessed: false, dirty: false, ..four_level::Attributes::kernel_data() }
}

/// 2 MiB of pages that make a leaf together.
fn pages<'a, F: Format<Word = u64>>(arena: &'a Arena<'a, u64>, f: F, attributes: &F::Attributes) -> Tree<F> {
    let mut cx = Context::new(arena, arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).unwrap();
    tree.map(&mut cx, 0..2 * MIB, 4 * MIB, attributes, Leaves::Exactly(12)).unwrap().flush(&mut cx);
    tree
}

/// The machine writes to page 77 at every moment there is, by way of the table or of the leaf.
#[test]
fn a_machine_that_writes_while_leaves_are_joined() {
    let (mut before, mut during) = (0, 0);
    for moment in 0..24 {
        let mut words = vec![0_u64; 16 * 512];
        let arena = Arena::new(BASE, &mut words);
        let mut tree = pages(&arena, four_level::Format::default(), &clean());
        let table = table_of(&arena, tree.root(), 0, 0);
        let slot = table_of(&arena, tree.root(), 0, 1);
        let set = Cell::new(false);
        // Until the flush has returned, a walk may start from the table; after it, from the slot.
        let flushed = Cell::new(false);
        let write = |opened: usize| {
            if opened != moment {
                return;
            }
            let cell = if flushed.get() { slot } else { table + 8 * 77 };
            let w = arena.read(cell).unwrap();
            if w & 1 != 0 && (!flushed.get() || w & 0x80 != 0) {
                arena.write(cell, w | DIRTY);
                set.set(true);
                let joined = arena.read(slot).unwrap() & 0x80 != 0;
                before += usize::from(!joined);
                during += usize::from(joined);
            }
        };
        let mut opened = 0;
        let count = RefCell::new((write, &mut opened));
        let tick = || {
            let (write, opened) = &mut *count.borrow_mut();
            write(**opened);
            **opened += 1;
        };
        let watched = Watched::new(&arena, |_| tick());
        let tlb = Callback(|_: &FlushRequest| {
            tick();
            flushed.set(true);
        });
        let mut cx = Context::new(&watched, &arena, tlb);
        tree.join(&mut cx, 0..PAGE, Join::default()).unwrap().flush(&mut cx);
        let leaf = tree.lookup(&arena, 0).unwrap();
        assert_eq!((leaf.size_lg2, leaf.oa), (21, Oa::new(4 * MIB)));
        assert_eq!(leaf.attributes(), four_level::Attributes { dirty: set.get(), ..clean() }, "written at {moment}");
        assert_eq!(arena.frames(), 3);
    }
    assert!(before > 1 && during > 2, "the machine missed it: {before}, {during}");
}

#[test]
fn what_does_not_go_together() {
    type Spoil = fn(&mut Vec<u64>);
    let cases: [(&str, Spoil); 8] = [
        ("another OA", |words| words[9] += 0x1000),
        ("another right", |words| words[511] ^= 2),
        ("another memory type", |words| words[0] |= 8),
        ("a software bit", |words| words[300] |= 1 << 10),
        ("a hole", |words| words[1] = 0),
        ("something of the client's", |words| words[1] = 0x1000),
        ("a reserved word", |words| words[511] |= 1 << 50),
        ("OA that are not aligned", |words| words.iter_mut().for_each(|w| *w += 0x1000)),
    ];
    for (what, spoil) in cases {
        let mut words = vec![0_u64; 16 * 512];
        let arena = Arena::new(BASE, &mut words);
        let mut tree = pages(&arena, four_level::Format::default(), &clean());
        let table = table_of(&arena, tree.root(), 0, 0);
        let mut spoiled = words_of(&arena, table);
        spoil(&mut spoiled);
        spoiled.iter().zip(0..).for_each(|(w, slot)| assert!(arena.write(table + 8 * slot, *w)));
        let mut cx = Context::new(&arena, &arena, Callback(|_: &FlushRequest| panic!("{what}")));
        let unflushed = tree.join(&mut cx, 0..2 * MIB, Join::default()).unwrap();
        assert!(unflushed.is_empty(), "{what}");
        assert_eq!(words_of(&arena, table), spoiled, "{what}");
        assert_eq!(arena.frames(), 4, "{what}");
    }
}

#[test]
fn vetoes_and_limits() {
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    // All have the software bit, so they go together, unless it forbids it.
    let attributes = four_level::Attributes { software: 1 << 11, ..clean() };
    let mut tree = pages(&arena, four_level::Format::default(), &attributes);
    let joins = |tree: &mut Tree<_>, cx: &mut Context<_, _, _>, policy| {
        let unflushed = tree.join(cx, 0..2 * MIB, policy).unwrap();
        let joins = !unflushed.is_empty();
        unflushed.flush(cx);
        joins
    };
    assert!(!joins(&mut tree, &mut cx, Join::default().unless(1 << 11)));
    assert!(!joins(&mut tree, &mut cx, Join::up_to(20)));
    // A range that ends within.
    let (mut lower, _) = tree.range_mut().split_at(MIB).unwrap();
    assert!(lower.join(&mut cx, 0..MIB, Join::default()).unwrap().is_empty());
    assert!(lower.join(&mut cx, 0..2 * MIB, Join::default()).is_err());
    // A table word that takes a right away.
    let slot = table_of(&arena, tree.root(), 0, 1);
    let w = arena.read(slot).unwrap();
    assert!(arena.write(slot, w & !2));
    assert!(!joins(&mut tree, &mut cx, Join::default()));
    assert!(arena.write(slot, w));
    assert!(joins(&mut tree, &mut cx, Join::default().unless(1 << 10)));
    assert_eq!(tree.lookup(&arena, 0).unwrap().attributes(), attributes);
}

/// A memory type that can be written in two ways keeps the one it has.
#[test]
fn bits_that_say_nothing_of_their_own_move_too() {
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = pages(&arena, four_level::Format::default(), &clean());
    let table = table_of(&arena, tree.root(), 0, 0);
    for slot in 0..512 {
        let w = arena.read(table + 8 * slot).unwrap();
        assert!(arena.write(table + 8 * slot, w | 0x80));
    }
    tree.join(&mut cx, 0..PAGE, Join::default()).unwrap().flush(&mut cx);
    assert_eq!(tree.lookup(&arena, 0).unwrap().word, (4 * MIB) | (1 << 63) | (1 << 12) | 0x183);
    // And back.
    let change = four_level::Change::write(false);
    tree.protect(&mut cx, 0..PAGE, &change, Protect::mapped()).unwrap().flush(&mut cx);
    assert_eq!(tree.lookup(&arena, PAGE).unwrap().word, (4 * MIB + PAGE) | (1 << 63) | 0x183);
}

#[test]
fn runs_and_beyond() {
    let f = three_level::Format::default();
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let attributes = three_level::Attributes { accessed: false, dirty: false, ..three_level::Attributes::user_data() };
    let mut tree = pages(&arena, f, &attributes);
    let before = dump(f, &tree, &arena);
    // Only runs.
    let unflushed = tree.join(&mut cx, 0x12000..0x13000, Join::up_to(16)).unwrap();
    let request = *unflushed.request().unwrap();
    assert_eq!((request.range, request.tables), (VaRange::from(0x10000..0x20000), false));
    assert!(request.leaf_sizes.has(12) && request.leaf_sizes.has(16) && !request.leaf_sizes.has(21));
    unflushed.flush(&mut cx);
    let after = dump(f, &tree, &arena);
    assert_eq!(after.segments, before.segments);
    assert_eq!(after.leaves.len(), 512 - 15);
    assert_eq!(tree.lookup(&arena, 0x1f000).unwrap().size_lg2, 16);
    assert!(tree.join(&mut cx, 0x12000..0x13000, Join::up_to(16)).unwrap().is_empty(), "there is nothing left to do");
    // A run and pages make a leaf, and what the machine recorded in one word of the run is kept.
    let table = Oa::new((arena.read(Oa::new((arena.read(tree.root()).unwrap() >> 10) << 12)).unwrap() >> 10) << 12);
    let w = arena.read(table + 8 * 20).unwrap();
    assert!(w >> 63 != 0 && arena.write(table + 8 * 20, w | 0x80));
    tree.join(&mut cx, 0..PAGE, Join::default()).unwrap().flush(&mut cx);
    let leaf = tree.lookup(&arena, 0).unwrap();
    assert_eq!((leaf.size_lg2, leaf.oa.get(), arena.frames()), (21, 4 * MIB, 2));
    assert_eq!(leaf.attributes(), three_level::Attributes { dirty: true, ..attributes });
}

fn breaking() -> three_level::Format {
    three_level::Format { breaks: true, ..three_level::Format::default() }
}

/// By way of absent where the format demands it, and only where that may be.
#[test]
fn break_before_make() {
    for (up_to, policy_name) in [(30, "table"), (16, "run")] {
        let mut words = vec![0_u64; 16 * 512];
        let arena = Arena::new(BASE, &mut words);
        let attributes =
            three_level::Attributes { accessed: true, dirty: false, ..three_level::Attributes::user_data() };
        let mut tree = pages(&arena, breaking(), &attributes);
        let directory = Oa::new((arena.read(tree.root()).unwrap() >> 10) << 12);
        let table = Oa::new((arena.read(directory).unwrap() >> 10) << 12);
        let (before, old) = (dump(breaking(), &tree, &arena), arena.read(directory).unwrap());
        let mut cx = Context::new(&arena, &arena, Callback(|_: &FlushRequest| panic!("{policy_name}")));
        let error = tree.join(&mut cx, 0..0x10000, Join::up_to(up_to)).unwrap_err();
        assert_eq!(error, Error::BreakBeforeMake { va: 0.into(), kind: ChangeKind::Size }, "{policy_name}");
        assert_eq!(dump(breaking(), &tree, &arena), before);

        tree.set_use(Use::Elsewhere);
        let flushes = Cell::new(0);
        let tlb = Callback(|request: &FlushRequest| {
            flushes.set(flushes.get() + 1);
            assert_eq!(request.tables, up_to == 30);
            if up_to == 30 {
                assert_eq!(arena.read(directory), Some(0), "absent when it is flushed");
                // A walker that is still in the table.
                let w = arena.read(table + 8 * 5).unwrap();
                arena.write(table + 8 * 5, w | 0x80);
            } else {
                let is_absent = |slot: u64| arena.read(table + 8 * slot).unwrap() & 1 == 0;
                assert!((0..16).all(is_absent) && !is_absent(16));
            }
        });
        let mut cx = Context::new(&arena, &arena, tlb);
        let unflushed = tree.join(&mut cx, 0..0x10000, Join::up_to(up_to)).unwrap();
        assert!(unflushed.request().is_some(), "the format fills with a flush");
        assert_eq!(flushes.get(), 1);
        let leaf = tree.lookup(&arena, 0x5000).unwrap();
        assert_eq!((u32::min(up_to, 21), leaf.oa.get()), (leaf.size_lg2, 4 * MIB));
        assert_eq!(leaf.attributes().dirty, up_to == 30, "{policy_name}");
        let mut cx = Context::new(&arena, &arena, NoTlb);
        unflushed.flush(&mut cx);
        assert_eq!(arena.frames(), if up_to == 30 { 2 } else { 3 });
        assert_ne!(arena.read(directory).unwrap() == old, up_to == 30);
    }
}

/// All runs of a table go through absent together, and keep what the machine had recorded in any of their words.
#[test]
fn many_runs_with_one_flush() {
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let clean = three_level::Attributes { accessed: true, dirty: false, ..three_level::Attributes::user_data() };
    let mut tree = pages(&arena, breaking(), &clean);
    tree.set_use(Use::Elsewhere);
    let directory = Oa::new((arena.read(tree.root()).unwrap() >> 10) << 12);
    let table = Oa::new((arena.read(directory).unwrap() >> 10) << 12);
    // A page in the middle of the fourth run.
    let slot = table + 8 * (3 * 16 + 5);
    arena.write(slot, arena.read(slot).unwrap() | 0x80);
    let flushes = Cell::new(0);
    let root = tree.root();
    let tlb = Callback(|_: &FlushRequest| {
        flushes.set(flushes.get() + 1);
        assert_eq!(dump_of(breaking(), root, &arena).segments.len(), 0, "all of it is absent");
    });
    let mut cx = Context::new(&arena, &arena, tlb);
    let unflushed = tree.join(&mut cx, 0..2 * MIB, Join::up_to(16)).unwrap();
    unflushed.flush(&mut Context::new(&arena, &arena, NoTlb));
    assert_eq!(flushes.get(), 1);
    for run in 0..32 {
        let leaf = tree.lookup(&arena, run << 16).unwrap();
        assert_eq!((leaf.size_lg2, leaf.oa.get()), (16, 4 * MIB + (run << 16)));
        assert_eq!(leaf.attributes(), three_level::Attributes { dirty: run == 3, ..clean }, "{run}");
    }
}

#[test]
fn a_join_that_is_called_off() {
    for f in [breaking(), three_level::Format::default()] {
        let mut words = vec![0_u64; 16 * 512];
        let arena = Arena::new(BASE, &mut words);
        let mut tree = pages(&arena, f, &three_level::Attributes::user_data());
        let mut cx = Context::new(&arena, &arena, NoTlb);
        assert!(tree.join_with(&mut cx, 0..PAGE, Join::default(), |_| panic!("not while it is live")).is_err());
        tree.set_use(Use::Elsewhere);
        let before = dump(f, &tree, &arena);
        let flushes = Cell::new(0);
        let mut cx = Context::new(&arena, &arena, Callback(|_: &FlushRequest| flushes.set(flushes.get() + 1)));
        let reader = dump_of(f, tree.root(), &arena);
        let root = tree.root();
        let mut asked = 0;
        let unflushed = tree.join_with(&mut cx, 0..PAGE, Join::default(), |leaf| {
            asked += 1;
            assert_eq!((leaf.va.get(), leaf.oa.get(), leaf.size_lg2), (0, 4 * MIB, 21));
            assert_eq!((flushes.get(), dump_of(f, root, &arena).segments.len()), (1, 0), "absent and flushed");
            false
        });
        unflushed.unwrap().flush(&mut cx);
        assert_eq!((asked, flushes.get()), (1, 2), "one extra flush, since the format wants one for what appears");
        assert_eq!(dump(f, &tree, &arena), before);
        assert_eq!(reader, before);
        assert_eq!(arena.frames(), 3);
        let mut cx = Context::new(&arena, &arena, NoTlb);
        tree.join_with(&mut cx, 0..PAGE, Join::default(), |_| true).unwrap().flush(&mut cx);
        assert_eq!((tree.lookup(&arena, 0).unwrap().size_lg2, arena.frames()), (21, 2));
    }
}

/// More tables than one batch takes; offline and live.
#[test]
fn many_tables() {
    for used in [Use::Offline, Use::Live, Use::Elsewhere] {
        let mut words = vec![0_u64; 256 * 512];
        let arena = Arena::new(BASE, &mut words);
        let frames = Checked::new(&arena);
        let flushes = Cell::new(0_u64);
        let mut cx = Context::new(&arena, &frames, Callback(|_: &FlushRequest| flushes.set(flushes.get() + 1)));
        let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
        tree.set_use(used);
        // A page at either end keeps it from becoming larger still.
        let range = 2 * MIB..2 * MIB + 200 * MIB;
        tree.map(&mut cx, range.clone(), 2 * MIB, &clean(), Leaves::Exactly(12)).unwrap().flush(&mut cx);
        assert_eq!(frames.out(), 103);
        flushes.set(0);
        let unflushed = tree.join(&mut cx, range.clone(), Join::default()).unwrap();
        assert_eq!(flushes.get(), if used == Use::Offline { 0 } else { 4 });
        unflushed.flush(&mut cx);
        assert_eq!(frames.out(), 3);
        let found = dump(four_level::Format::default(), &tree, &arena);
        assert_eq!(found.leaves, (1..101).map(|n| (n * 2 * MIB, 21)).collect::<Vec<_>>());
        assert_eq!(found.segments.len(), 1);
        assert_eq!(found.segments[0].attributes, clean());
    }
}

/// After a join, what can be a leaf is one: of every segment, each aligned block is in a leaf at least as large.
fn check_joined<F: Known>(dump: &Dump<F::Attributes>, up_to: u32) {
    for segment in &dump.segments {
        for &size in F::SIZES.iter().filter(|&&size| size <= up_to) {
            let mask = (1 << size) - 1;
            if (segment.start ^ segment.oa) & mask != 0 {
                continue;
            }
            let mut block = (segment.start + mask) & !mask;
            while block.checked_add(mask).is_some_and(|last| last <= segment.last) {
                let place = dump.leaves.partition_point(|leaf| leaf.0 <= block) - 1;
                let (start, lg2) = dump.leaves[place];
                assert!(lg2 >= size && start + (1 << lg2) > block, "{block:#x} is in a leaf of 2^{lg2} bytes");
                block += mask + 1;
            }
        }
    }
}

fn random<F: Known>(f: F, seed: u64, uses: &[Use])
where
    F::Change: Default,
{
    let mut random = Random::new(seed);
    let mut joined = 0;
    for _ in 0..60 {
        let mut words = vec![F::Word::ZERO; (32 * 4096) >> F::Word::BYTES_LG2];
        let arena = Arena::new(BASE, &mut words);
        let frames = Checked::new(&arena);
        let mut cx = Context::new(&arena, &frames, NoTlb);
        let mut tree = Tree::new(&mut cx, f).unwrap();
        tree.set_use(random.pick(uses));
        let mapped = 8 * MIB;
        let some = [3, 0x3f].map(F::some_attributes);
        let mut at = 0;
        while at < mapped {
            let bytes = random.pick(&[2 * MIB, 4 * MIB, 2 * MIB + PAGE, 0x10000, 0x23000, PAGE]).min(mapped - at);
            let attributes = some[usize::from(random.chance(6))];
            let oa = at + if random.chance(6) { 0x3000 } else { 8 * MIB };
            let leaves = if random.chance(3) { Leaves::Largest } else { Leaves::Exactly(12) };
            tree.map(&mut cx, at..at + bytes, oa, &attributes, leaves).unwrap().flush(&mut cx);
            at += bytes;
        }
        let before = dump(f, &tree, &arena);
        let up_to = random.pick(F::SIZES);
        tree.join(&mut cx, 0..mapped, Join::up_to(up_to).exactly()).unwrap().flush(&mut cx);
        let after = dump(f, &tree, &arena);
        assert_eq!(after.segments, before.segments);
        assert_eq!(after.tables, frames.out());
        check_joined::<F>(&after, up_to);
        joined += before.leaves.len() - after.leaves.len();
        assert!(tree.join(&mut cx, 0..mapped, Join::up_to(up_to).exactly()).unwrap().is_empty());
        assert_eq!(dump(f, &tree, &arena), after);
        tree.free(&mut cx).unwrap();
        assert_eq!(frames.out(), 0);
    }
    assert!(joined > 10_000, "{joined}");
}

#[test]
fn everything_that_can_be_joined_is() {
    let all = [Use::Offline, Use::Live, Use::Elsewhere];
    random(four_level::Format::default(), 1, &all);
    random(three_level::Format::default(), 2, &all);
    random(breaking(), 3, &[Use::Offline, Use::Elsewhere]);
    random(odd::Format::default(), 4, &all);
}
