//! Leaves in place of tables that hold nothing, tables that stay or are another root's, and stores that are cleaned.

#![allow(unsafe_code, reason = "a memory that notes what is cleaned")]

mod support;

use std::cell::RefCell;

use ptgen::{
    Arena, Attributes as _, Callback, Context, Error, FlushRequest, Leaves, Memory, MemoryError, NoTlb, Oa, Protect,
    Tree, Unmap, Use, Va, VaRange, Word,
};
use support::memory::Checked;
use support::oracle::Known;
use support::{four_level, three_level};

const BASE: u64 = 0x8000_0000;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Scenario V2: what was mapped in pages and unmapped with its tables kept can be mapped in one leaf.
#[test]
fn an_empty_table_gives_way_to_a_leaf() {
    for (breaks, used) in [(false, Use::Live), (true, Use::Live), (true, Use::Elsewhere), (false, Use::Offline)] {
        for (bytes, leaves, tables) in [
            (2 * MIB, Leaves::Largest, 1),
            (2 * MIB, Leaves::Exactly(21), 1),
            // Tables below tables go with them.
            (GIB, Leaves::Exactly(30), 513),
        ] {
            let f = three_level::Format { breaks, ..three_level::Format::default() };
            let mut words = vec![0_u64; 600 * 512];
            let arena = Arena::new(BASE, &mut words);
            let frames = Checked::new(&arena);
            let log = RefCell::new(Vec::new());
            let root = RefCell::new(Oa::new(0));
            let tlb = Callback(|request: &FlushRequest| {
                let dump = f.dump(&|address| arena.read(address).unwrap(), root.borrow().get());
                log.borrow_mut().push((request.range, request.tables, dump.segments.len(), frames.out()));
            });
            let mut cx = Context::new(&arena, &frames, tlb);
            let mut tree = Tree::new(&mut cx, f).unwrap();
            *root.borrow_mut() = tree.root();
            let attributes = three_level::Attributes::kernel_data();
            let range = VaRange::new(GIB, bytes);
            tree.map(&mut cx, range, 0, &attributes, Leaves::Exactly(12)).unwrap().flush(&mut cx);
            // One page is still there: nothing may be replaced, and what is asked for does not fit.
            let page = VaRange::new(GIB + bytes - 4 * KIB, 4 * KIB);
            tree.unmap(&mut cx, VaRange::new(GIB, bytes - 4 * KIB), Unmap::mapped().keep_tables())
                .unwrap()
                .flush(&mut cx);
            let out = frames.out();
            let error = tree.map(&mut cx, range, 0, &attributes, leaves).unwrap_err();
            assert!(matches!(error, Error::Occupied { .. }), "scenario V3: {error}");
            tree.unmap(&mut cx, page, Unmap::mapped().keep_tables()).unwrap().flush(&mut cx);
            assert_eq!(frames.out(), out, "the tables are kept");
            tree.set_use(used);
            log.borrow_mut().clear();
            frames.left.set(0);
            let unflushed = tree.map(&mut cx, range, 0, &attributes, leaves).unwrap();
            frames.left.set(usize::MAX);
            // The tables are there until they have been flushed.
            assert_eq!(frames.out(), out);
            let found = tree.lookup(&arena, GIB).unwrap();
            assert_eq!(1 << found.size_lg2, bytes);
            let before = log.take();
            match (breaks, used) {
                (_, Use::Offline) => assert!(before.is_empty() && unflushed.request().is_none()),
                (true, _) => {
                    assert_eq!(before, [(range, true, 0, out)], "flushed while nothing was there");
                }
                (false, _) => {
                    assert!(before.is_empty());
                    let request = unflushed.request().unwrap();
                    assert_eq!((request.range, request.tables), (range, true));
                }
            }
            unflushed.flush(&mut cx);
            assert_eq!(frames.out(), out - tables);
            tree.set_use(Use::Live);
            tree.unmap(&mut cx, range, Unmap::mapped()).unwrap().flush(&mut cx);
            tree.free(&mut cx).unwrap();
            assert_eq!(frames.out(), 0);
        }
    }
}

/// Where the leaves are as large as can be, what is under a table that is in use is mapped under it.
#[test]
fn a_table_in_use_stays() {
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    let data = four_level::Attributes::kernel_data();
    tree.map(&mut cx, 0..4 * KIB, 0, &data, Leaves::Largest).unwrap().flush(&mut cx);
    tree.map(&mut cx, 2 * MIB..2 * MIB + 4 * KIB, 0, &data, Leaves::Largest).unwrap().flush(&mut cx);
    tree.unmap(&mut cx, 2 * MIB..2 * MIB + 4 * KIB, Unmap::mapped().keep_tables()).unwrap().flush(&mut cx);
    // 4 KiB and up does not begin with a block; 2 MiB does, where an empty table is.
    tree.map(&mut cx, 4 * KIB..4 * MIB, 4 * KIB, &data, Leaves::Largest).unwrap().flush(&mut cx);
    assert_eq!(tree.lookup(&arena, 4 * KIB).unwrap().size_lg2, 12);
    assert_eq!(tree.lookup(&arena, 2 * MIB).unwrap().size_lg2, 21);
    let error = tree.map(&mut cx, 0..2 * MIB, 0, &data, Leaves::Exactly(21)).unwrap_err();
    assert_eq!(error, Error::Occupied { va: Va::new(0) });
}

/// Software's bits in the words that point to tables.
const PINNED: u64 = 1 << 8;
const FOREIGN: u64 = 1 << 9;

/// The slot of `level` for `va`, and its word.
fn slot(arena: &Arena<'_, u64>, root: Oa, va: u64, level: u32) -> (Oa, u64) {
    let mut table = root;
    for above in (level..3).rev() {
        let slot = table + 8 * (va >> (12 + 9 * above) & 511);
        let w = arena.read(slot).unwrap();
        if above == level {
            return (slot, w);
        }
        table = Oa::new((w >> 10) << 12 & 0x00ff_ffff_ffff_f000);
    }
    unreachable!("a level below the root's")
}

#[test]
fn pinned_tables_stay_and_foreign_ones_are_left_alone() {
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let flushed = RefCell::new(Vec::new());
    let tlb = Callback(|request: &FlushRequest| flushed.borrow_mut().push(request.range));
    let mut cx = Context::new(&arena, &frames, tlb);
    let f = three_level::Format::default();
    let mut tree = Tree::new(&mut cx, f).unwrap();
    let data = three_level::Attributes::kernel_data();
    tree.map(&mut cx, 0..6 * MIB, 0, &data, Leaves::Exactly(12)).unwrap().flush(&mut cx);
    assert_eq!(frames.out(), 5);
    let mark = |va, level, bits| {
        let (at, w) = slot(&arena, tree.root(), va, level);
        arena.write(at, w | bits);
    };
    mark(0, 2, PINNED);
    mark(2 * MIB, 1, PINNED);
    mark(4 * MIB, 1, FOREIGN);
    let (foreign_slot, foreign) = slot(&arena, tree.root(), 4 * MIB, 1);
    let page = Oa::new((foreign >> 10) << 12 & 0x00ff_ffff_ffff_f000);
    let inside = arena.read(page).unwrap();

    // Nothing is changed through a link to what is another root's.
    let read_only = three_level::Change::write(false);
    let borrowed = |va| Error::Borrowed { va: Va::new(va) };
    for range in [VaRange::new(4 * MIB, 4 * KIB), VaRange::new(0, 6 * MIB), VaRange::new(0, GIB)] {
        for policy in [Protect::everything(), Protect::everything().no_split()] {
            assert_eq!(tree.protect(&mut cx, range, &read_only, policy).unwrap_err(), borrowed(4 * MIB));
        }
        let keep = Unmap::everything().keep_tables();
        assert_eq!(tree.unmap(&mut cx, range, keep).unwrap_err(), borrowed(4 * MIB));
    }
    let part = VaRange::new(4 * MIB, MIB);
    assert_eq!(tree.unmap(&mut cx, part, Unmap::everything()).unwrap_err(), borrowed(4 * MIB));
    assert_eq!(tree.map(&mut cx, part, 0, &data, Leaves::Largest).unwrap_err(), borrowed(4 * MIB));
    assert!(tree.lookup(&arena, 0_u64).unwrap().attributes().write);

    // The link goes when all of it is unmapped, after a flush of its own; the table does not.
    flushed.borrow_mut().clear();
    let unflushed = tree.unmap(&mut cx, 0..6 * MIB, Unmap::mapped()).unwrap();
    assert_eq!(*flushed.borrow(), [VaRange::new(4 * MIB, 2 * MIB)]);
    assert_eq!((arena.read(foreign_slot), arena.read(page)), (Some(0), Some(inside)));
    unflushed.flush(&mut cx);
    // The root, two pinned ones, and the foreign one are left.
    assert_eq!(frames.out(), 4);
    assert_eq!(slot(&arena, tree.root(), 2 * MIB, 1).1 & PINNED, PINNED);
    // A pinned table does not give way.
    let error = tree.map(&mut cx, 2 * MIB..4 * MIB, 0, &data, Leaves::Exactly(21)).unwrap_err();
    assert_eq!(error, Error::Occupied { va: Va::new(2 * MIB) });
    tree.free(&mut cx).unwrap();
    assert_eq!(frames.out(), 1, "the foreign one");
}

/// Memory that notes what is cleaned, and what walkers that do not look into caches see.
struct Cached<'a> {
    arena: &'a Arena<'a, u64>,
    /// What has been cleaned, word by word.
    seen: RefCell<Vec<u64>>,
    words: u64,
}

impl Cached<'_> {
    fn read(&self, address: u64) -> u64 {
        self.seen.borrow()[((address - BASE) / 8) as usize]
    }
}

// SAFETY: the words are the arena's.
unsafe impl Memory for Cached<'_> {
    unsafe fn with<W: Word, R>(
        &self,
        address: Oa,
        count_lg2: u32,
        use_words: impl FnOnce(&[W::Atomic]) -> R,
    ) -> Result<R, MemoryError> {
        // SAFETY: the caller's promise.
        unsafe { self.arena.with::<W, R>(address, count_lg2, use_words) }
    }

    fn clean(&self, address: Oa, bytes: u64) {
        for at in (address.get()..address.get() + bytes).step_by(8) {
            assert!(at - BASE < 8 * self.words);
            self.seen.borrow_mut()[((at - BASE) / 8) as usize] = self.arena.read(Oa::new(at)).unwrap();
        }
        // Whatever is seen at any time leads to tables that are complete: the judge panics at words that are not.
        let root = Oa::new(BASE);
        three_level::Format::default().dump(&|address| self.read(address), root.get());
    }
}

/// Scenario IO3: what a walker sees that does not look into caches is complete at any time, and all of it in the end.
#[test]
fn stores_are_cleaned() {
    for (breaks, used) in [(false, Use::Live), (true, Use::Elsewhere)] {
        let f = three_level::Format { cleans: true, breaks, ..three_level::Format::default() };
        let mut words = vec![0xfd_u64; 64 * 512];
        let arena = Arena::new(BASE, &mut words);
        let cached = Cached { arena: &arena, seen: RefCell::new(vec![0; 64 * 512]), words: 64 * 512 };
        let frames = Checked::new(&arena);
        let mut cx = Context::new(&cached, &frames, NoTlb);
        let mut tree = Tree::new(&mut cx, f).unwrap();
        assert_eq!(tree.root(), Oa::new(BASE));
        tree.set_use(used);
        let same = |tree: &Tree<three_level::Format>| {
            let root = tree.root().get();
            let seen = f.dump(&|address| cached.read(address), root);
            assert_eq!(seen, f.dump(&|address| arena.read(address).unwrap(), root));
        };
        let data = three_level::Attributes::kernel_data();
        tree.map(&mut cx, 0..2 * MIB + 68 * KIB, 0, &data, Leaves::Largest).unwrap().flush(&mut cx);
        same(&tree);
        tree.map(&mut cx, 3 * MIB..3 * MIB + 4 * KIB, 0, &data, Leaves::Largest).unwrap().flush(&mut cx);
        same(&tree);
        let read_only = three_level::Change::write(false);
        for range in
            [VaRange::new(MIB, 4 * KIB), VaRange::new(2 * MIB + 8 * KIB, 8 * KIB), VaRange::new(3 * MIB, 4 * KIB)]
        {
            tree.protect(&mut cx, range, &read_only, Protect::mapped()).unwrap().flush(&mut cx);
            same(&tree);
        }
        let device = three_level::Change { page_type: Some(2), ..Default::default() };
        tree.protect(&mut cx, 0..4 * MIB, &device, Protect::everything()).unwrap().flush(&mut cx);
        same(&tree);
        let keep = Unmap::mapped().keep_tables();
        tree.unmap(&mut cx, 4 * KIB..MIB, keep).unwrap().flush(&mut cx);
        same(&tree);
        tree.unmap(&mut cx, 0..2 * MIB, Unmap::everything().keep_tables()).unwrap().flush(&mut cx);
        same(&tree);
        tree.map(&mut cx, 0..2 * MIB, 0, &data, Leaves::Exactly(21)).unwrap().flush(&mut cx);
        same(&tree);
        tree.unmap(&mut cx, 0..4 * MIB, Unmap::everything()).unwrap().flush(&mut cx);
        same(&tree);
        tree.free(&mut cx).unwrap();
    }
}
