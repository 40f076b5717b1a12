//! Attributes changed in several places by one operation: all or nothing, and all of it flushed.

mod support;

use std::cell::RefCell;

use ptgen::{
    Arena, Attributes as _, Callback, ChangeKind, Context, Error, FlushRequest, Leaves, NoTlb, Oa, Protect, Tree, Use,
    Va, VaRange, Verdict,
};
use support::four_level::{Change, Format};
use support::memory::Checked;
use support::oracle::{Dump, Known};
use support::{four_level, three_level};

const BASE: u64 = 0x10_0000;
const PAGE: u64 = 0x1000;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const DIRECT: u64 = 0xffff_8880_0000_0000;
const VMALLOC: u64 = 0xffff_c900_0000_0000;

fn dump<F: Known<Word = u64>>(f: F, tree: &Tree<F>, arena: &Arena<'_, u64>) -> Dump<F::Attributes> {
    f.dump(&|address| arena.read(address).expect("a table in the arena"), tree.root().get())
}

fn data() -> four_level::Attributes {
    four_level::Attributes::kernel_data()
}

/// 4 MiB of the direct map in large leaves, and two pages of it somewhere else.
fn aliased<'a>(arena: &'a Arena<'a, u64>, frames: &Checked<'a>) -> Tree<Format> {
    let mut cx = Context::new(arena, frames, NoTlb);
    let mut tree = Tree::new(&mut cx, Format::default()).unwrap();
    tree.map(&mut cx, DIRECT..DIRECT + 4 * MIB, 0, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    tree.map(&mut cx, VMALLOC..VMALLOC + 2 * PAGE, 2 * MIB + 5 * PAGE, &data(), Leaves::Largest)
        .unwrap()
        .flush(&mut cx);
    tree
}

const ALIAS: u64 = DIRECT + 2 * MIB + 5 * PAGE;

/// Only the alias changes, or only the mapping itself: what has changed is flushed, whichever it is.
#[test]
fn what_has_changed_is_flushed() {
    for primary_is_done in [true, false] {
        let mut words = vec![0_u64; 32 * 512];
        let arena = Arena::new(BASE, &mut words);
        let frames = Checked::new(&arena);
        let mut tree = aliased(&arena, &frames);
        let mut cx = Context::new(&arena, &frames, NoTlb);
        let done = if primary_is_done { VMALLOC } else { ALIAS };
        let range = VaRange::new(done, 2 * PAGE);
        tree.protect(&mut cx, range, &Change::write(false), Protect::mapped()).unwrap().flush(&mut cx);

        let flushes = RefCell::new(Vec::new());
        let mut cx =
            Context::new(&arena, &frames, Callback(|request: &FlushRequest| flushes.borrow_mut().push(*request)));
        let ranges = [VMALLOC, ALIAS].map(|va| VaRange::new(va, 2 * PAGE));
        // The right to execute goes at the one place only.
        let changes =
            [(ranges[0], Change { execute: Some(false), ..Change::write(false) }), (ranges[1], Change::write(false))];
        let unflushed = tree.protect_each(&mut cx, &changes, Protect::mapped()).unwrap();
        let changed = if primary_is_done { ranges[1] } else { ranges[0] };
        assert_eq!(unflushed.request().unwrap().range, changed);
        unflushed.flush(&mut cx);
        for range in ranges {
            for page in 0..2 {
                let leaf = tree.lookup(&arena, range.start() + page * PAGE).unwrap();
                assert!(!leaf.attributes().write && leaf.size_lg2 == 12);
            }
        }
        // The alias was in a large leaf, which was split, and nothing else of it has changed.
        let found = dump(Format::default(), &tree, &arena);
        assert_eq!(found.leaves.len(), 1 + 512 + 2);
        let writable: u64 = found.segments.iter().filter(|s| s.attributes.write).map(|s| s.last + 1 - s.start).sum();
        assert_eq!(writable, 4 * MIB - 2 * PAGE);
        assert!(tree.protect_each(&mut cx, &changes, Protect::mapped()).unwrap().is_empty());
    }
}

#[test]
fn all_or_nothing() {
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut tree = aliased(&arena, &frames);
    let before = dump(Format::default(), &tree, &arena);
    let out = frames.out();
    let mut cx = Context::new(&arena, &frames, Callback(|_: &FlushRequest| panic!("nothing was done")));
    let change = Change::write(false);
    let first = (VaRange::new(VMALLOC, 2 * PAGE), change);
    let cases: [(VaRange, Error); 5] = [
        (VaRange::new(VMALLOC + 2 * PAGE, PAGE), Error::Hole { va: Va::new(VMALLOC + 2 * PAGE) }),
        (VaRange::new(VMALLOC + PAGE, 2 * PAGE), Error::Overlap { va: Va::new(VMALLOC + PAGE) }),
        (VaRange::new(VMALLOC, PAGE), Error::Overlap { va: Va::new(VMALLOC) }),
        (VaRange::new(ALIAS + 8, PAGE), Error::Misaligned { address: ALIAS + 8, lg2: 12 }),
        (VaRange::new(1_u64 << 50, PAGE), Error::NotCanonical { va: Va::new(1 << 50) }),
    ];
    for (second, expected) in cases {
        let error = tree.protect_each(&mut cx, &[first, (second, change)], Protect::mapped()).unwrap_err();
        assert_eq!(error, expected);
        assert_eq!(dump(Format::default(), &tree, &arena), before, "{expected}");
    }
    let alias = (VaRange::new(ALIAS, 2 * PAGE), change);
    let error = tree.protect_each(&mut cx, &[first, alias], Protect::mapped().no_split()).unwrap_err();
    assert_eq!(error, Error::PartialLeaf { va: Va::new(DIRECT + 2 * MIB), size_lg2: 21 });
    frames.left.set(0);
    assert_eq!(tree.protect_each(&mut cx, &[first, alias], Protect::mapped()).unwrap_err(), Error::OutOfFrames);
    assert_eq!((dump(Format::default(), &tree, &arena), frames.out()), (before.clone(), out));
    // Two parts of one leaf take one table.
    frames.left.set(1);
    let mut cx = Context::new(&arena, &frames, NoTlb);
    let parts = [3, 9].map(|page| (VaRange::new(DIRECT + page * PAGE, PAGE), change));
    tree.protect_each(&mut cx, &parts, Protect::mapped()).unwrap().flush(&mut cx);
    assert_eq!(frames.out(), out + 1);
    let found = dump(Format::default(), &tree, &arena);
    assert_eq!(found.segments.iter().filter(|s| !s.attributes.write).count(), 2);
    assert!(tree.protect_each(&mut cx, &[], Protect::mapped()).unwrap().is_empty());
}

/// Parts of one leaf take the tables that it is split into once, whichever levels these are of.
#[test]
fn tables_are_taken_once() {
    let parts = |pages: &[u64]| -> Vec<(VaRange, Change)> {
        pages.iter().map(|page| (VaRange::new(GIB + page * PAGE, PAGE), Change::write(false))).collect()
    };
    for (pages, tables) in [(&[7, 8][..], 2), (&[9, 7, 8], 2), (&[511, 512], 3), (&[1, 600, 601, 3, 70_000], 4)] {
        let mut words = vec![0_u64; 32 * 512];
        let arena = Arena::new(BASE, &mut words);
        let frames = Checked::new(&arena);
        let mut cx = Context::new(&arena, &frames, NoTlb);
        let mut tree = Tree::new(&mut cx, Format::default()).unwrap();
        tree.map(&mut cx, GIB..2 * GIB, GIB, &data(), Leaves::Largest).unwrap().flush(&mut cx);
        frames.left.set(tables - 1);
        assert_eq!(tree.protect_each(&mut cx, &parts(pages), Protect::mapped()).unwrap_err(), Error::OutOfFrames);
        assert_eq!(frames.out(), 2);
        frames.left.set(tables);
        tree.protect_each(&mut cx, &parts(pages), Protect::mapped()).unwrap().flush(&mut cx);
        assert_eq!((frames.left.get(), frames.out()), (0, 2 + tables));
        let found = dump(Format::default(), &tree, &arena);
        let read_only = found.segments.iter().filter(|s| !s.attributes.write).map(|s| (s.last + 1 - s.start) / PAGE);
        assert_eq!(read_only.sum::<u64>(), pages.len() as u64);
    }
}

/// What a rule forbids is left alone and reported, and leaves are split where it changes its mind.
#[test]
fn where_a_rule_allows_it() {
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut tree = aliased(&arena, &frames);
    let read_only = four_level::Attributes { write: false, ..data() };
    let mut cx = Context::new(&arena, &frames, NoTlb);
    tree.protect(&mut cx, DIRECT..DIRECT + 4 * MIB, &Change::write(false), Protect::mapped()).unwrap().flush(&mut cx);
    let rodata = DIRECT + 2 * MIB + 7 * PAGE..DIRECT + 2 * MIB + 9 * PAGE;
    let rule = |va: Va| {
        let va = va.get();
        let (allowed, until) = if va < rodata.start {
            (true, rodata.start)
        } else if va < rodata.end {
            (false, rodata.end)
        } else {
            (true, 0)
        };
        Verdict { allowed, until: Va::new(until) }
    };
    let before = dump(Format::default(), &tree, &arena);
    let mut denied = Vec::new();
    let change = Change::write(true);
    // No frame for the split: nothing is done, and nothing reported.
    frames.left.set(0);
    let range = DIRECT + MIB..DIRECT + 3 * MIB;
    let error = tree
        .protect_where(&mut cx, range.clone(), &change, Protect::mapped(), rule, |part| denied.push(part))
        .unwrap_err();
    assert_eq!((error, denied.len()), (Error::OutOfFrames, 0));
    assert_eq!(dump(Format::default(), &tree, &arena), before);
    frames.left.set(usize::MAX);
    tree.protect_where(&mut cx, range.clone(), &change, Protect::mapped(), rule, |part| denied.push(part))
        .unwrap()
        .flush(&mut cx);
    assert_eq!(denied, [VaRange::from(rodata.clone())]);
    for va in (DIRECT..DIRECT + 4 * MIB).step_by(PAGE as usize) {
        let expected = if range.contains(&va) && !rodata.contains(&va) { data() } else { read_only };
        assert_eq!(tree.lookup(&arena, va).unwrap().attributes(), expected, "{va:#x}");
    }
    // All of it, none of it, and within a page.
    let mut ask = |allowed, until: u64| {
        let mut denied = Vec::new();
        let rule = |_| Verdict { allowed, until: Va::new(until) };
        let range = DIRECT..DIRECT + MIB;
        let done = tree.protect_where(&mut cx, range, &change, Protect::mapped(), rule, |part| denied.push(part));
        let done = done.map(|unflushed| {
            let request = unflushed.request().map(|request| request.range);
            unflushed.flush(&mut cx);
            request
        });
        (done, denied)
    };
    let all = VaRange::from(DIRECT..DIRECT + MIB);
    assert_eq!(ask(false, 0), (Ok(None), vec![all]));
    assert_eq!(ask(false, DIRECT + GIB), (Ok(None), vec![all]));
    let address = DIRECT + 0x800;
    assert_eq!(ask(true, address), (Err(Error::Misaligned { address, lg2: 12 }), vec![]));
    assert_eq!(ask(true, DIRECT + GIB).1, vec![]);
    assert!(tree.lookup(&arena, DIRECT).unwrap().attributes().write);
}

/// What the rules of the format forbid is found before the first store, wherever it is.
#[test]
fn live_leaves() {
    let f = three_level::Format { breaks: true, ..three_level::Format::default() };
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).unwrap();
    let data = three_level::Attributes::kernel_data();
    tree.map(&mut cx, 0..PAGE, 0, &data, Leaves::Largest).unwrap().flush(&mut cx);
    tree.map(&mut cx, 2 * MIB..4 * MIB, 2 * MIB, &data, Leaves::Largest).unwrap().flush(&mut cx);
    let before = dump(f, &tree, &arena);
    let change = three_level::Change::write(false);
    let changes = [(VaRange::from(0..PAGE), change), (VaRange::from(3 * MIB..3 * MIB + PAGE), change)];
    let error = tree.protect_each(&mut cx, &changes, Protect::mapped()).unwrap_err();
    assert_eq!(error, Error::BreakBeforeMake { va: (2 * MIB).into(), kind: ChangeKind::Size });
    assert_eq!(dump(f, &tree, &arena), before);
    tree.set_use(Use::Elsewhere);
    tree.protect_each(&mut cx, &changes, Protect::mapped()).unwrap().flush(&mut cx);
    assert!(!tree.lookup(&arena, 3 * MIB).unwrap().attributes().write);
    assert_eq!(tree.translate(&arena, 3 * MIB + PAGE), Ok(Oa::new(3 * MIB + PAGE)));
}
