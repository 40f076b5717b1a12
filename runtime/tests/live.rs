//! What is in the tables whenever a flush is asked for, and how many flushes are: the protocol of live changes.

mod support;

use std::cell::{Cell, RefCell};

use ptgen::{
    Arena, Attributes as _, Callback, ChangeKind, Context, Error, Exchange, FlushRequest, Leaves, NoTlb, Oa, Protect,
    Sizes, Tlb, Tree, Unmap, Use, VaRange, pagetable,
};
use support::memory::Checked;
use support::model::Segment;
use support::oracle::{Dump, Known};
use support::{four_level, odd, three_level};

const BASE: u64 = 0x8000_0000;
const PAGE: u64 = 0x1000;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What a flush was asked for, and what the tables were then.
struct Seen<A> {
    request: FlushRequest,
    dump: Dump<A>,
}

/// Tells somebody of flushes.
struct Told<'a>(&'a dyn Fn(&FlushRequest));

impl Tlb for Told<'_> {
    fn flush(&mut self, request: &FlushRequest) {
        (self.0)(request);
    }
}

fn dump<F: Known>(f: F, arena: &Arena<'_, F::Word>, root: Oa) -> Dump<F::Attributes> {
    f.dump(&|address| arena.read(address).expect("a table in the arena").into(), root.get())
}

/// Does `work` on live tables with `map`ped in them at an OA of as much. Returns what was there before, at each flush, in
/// the end before anything is flushed, and what is left to be flushed. Whatever happens, frames balance; and without
/// enough frames, nothing is changed and nothing is flushed.
#[expect(clippy::type_complexity, reason = "four things")]
fn watch<F: Known<Word = u64>>(
    f: F,
    used: Use,
    map: &[(u64, u64, Leaves)],
    attributes: F::Attributes,
    work: impl for<'c, 'a> Fn(
        &mut Tree<F>,
        &mut Context<&'a Arena<'a, u64>, &'c Checked<'a, u64>, Told<'c>>,
    ) -> Result<ptgen::Unflushed<F>, Error>,
) -> (Dump<F::Attributes>, Vec<Seen<F::Attributes>>, Dump<F::Attributes>, Option<FlushRequest>) {
    for allowed in 0.. {
        let mut words = vec![0_u64; 64 * 512];
        let arena = Arena::new(BASE, &mut words);
        let frames = Checked::new(&arena);
        let mut cx = Context::new(&arena, &frames, NoTlb);
        let mut tree = Tree::new(&mut cx, f).unwrap();
        for &(start, bytes, leaves) in map {
            tree.map(&mut cx, VaRange::new(start, bytes), start, &attributes, leaves).unwrap().flush(&mut cx);
        }
        tree.set_use(used);
        let root = tree.root();
        let before = dump(f, &arena, root);
        let out = frames.out();
        let seen = RefCell::new(Vec::new());
        let tell = |request: &FlushRequest| {
            seen.borrow_mut().push(Seen { request: *request, dump: dump(f, &arena, root) });
        };
        frames.left.set(allowed);
        let mut cx = Context::new(&arena, &frames, Told(&tell));
        let result = work(&mut tree, &mut cx);
        frames.left.set(usize::MAX);
        let after = dump(f, &arena, root);
        match result {
            Err(Error::OutOfFrames) => {
                assert_eq!((&before, out), (&after, frames.out()), "changed without frames");
                assert!(seen.borrow().is_empty(), "flushed for nothing");
            }
            Err(error) => panic!("{error}"),
            Ok(unflushed) => {
                let request = unflushed.request().copied();
                unflushed.flush(&mut Context::new(&arena, &frames, NoTlb));
                assert_eq!(frames.out(), after.tables, "frames lost");
                tree.free(&mut Context::new(&arena, &frames, NoTlb)).unwrap();
                assert_eq!(frames.out(), 0);
                return (before, seen.into_inner(), after, request);
            }
        }
    }
    unreachable!("there are enough frames at last")
}

fn leaves_of<A>(dump: &Dump<A>, lg2: u32) -> usize {
    dump.leaves.iter().filter(|leaf| leaf.1 == lg2).count()
}

/// The attributes at `at`, if anything is there.
fn at<A: Copy>(dump: &Dump<A>, at: u64) -> Option<A> {
    dump.segments.iter().find(|segment| segment.start <= at && at <= segment.last).map(|segment| segment.attributes)
}

/// Scenario C-A: a leaf of 1 GiB with the memory type that moves its bit, three pages of which become read-only.
#[test]
fn a_split_is_flushed_before_a_part_changes() {
    let f = four_level::Format::default();
    let attributes = four_level::Attributes {
        memory_type: four_level::MemoryType::WriteThrough,
        accessed: true,
        dirty: true,
        global: true,
        ..four_level::Attributes::kernel_data()
    };
    // Within one block of 2 MiB, and over the boundary of two.
    for (start, tables) in [(5 * MIB + 8 * KIB, 2), (6 * MIB - 4 * KIB, 3)] {
        let pages = VaRange::new(GIB + start, 12 * KIB);
        let change = four_level::Change { write: Some(false), dirty: Some(false), ..Default::default() };
        let map = [(GIB, GIB, Leaves::Largest)];
        let (before, seen, after, left) =
            watch(f, Use::Live, &map, attributes, |tree, cx| tree.protect(cx, pages, &change, Protect::mapped()));
        assert_eq!(seen.len(), 1, "one flush for the split, one for what is returned");
        let split = &seen[0];
        assert_eq!(split.request.range, VaRange::new(GIB, GIB));
        assert!(split.request.tables && split.request.leaf_sizes.has(30) && !split.request.leaf_sizes.has(12));
        // Every leaf says what it said, in smaller ones.
        assert_eq!(split.dump.segments, before.segments);
        assert_eq!(split.dump.tables, before.tables + tables);
        assert_eq!(leaves_of(&split.dump, 21), 513 - tables);
        assert_eq!(leaves_of(&split.dump, 12), 512 * (tables - 1));
        // Then three pages changed, and nothing else.
        let left = left.expect("the pages are to be flushed");
        assert_eq!((left.range, left.tables, left.leaf_sizes), (pages, false, Sizes::one(12)));
        assert_eq!((after.tables, &after.leaves), (split.dump.tables, &split.dump.leaves));
        let changed = four_level::Attributes { write: false, dirty: false, ..attributes };
        for page in (GIB..2 * GIB).step_by(4 * KIB as usize) {
            let expected = if pages.contains(ptgen::Va::new(page)) { changed } else { attributes };
            assert_eq!(at(&after, page), Some(expected), "{page:#x}");
        }
    }
}

/// Two leaves are split, one at each end, for one flush.
#[test]
fn both_ends_are_flushed_at_once() {
    let f = four_level::Format::default();
    let attributes = four_level::Attributes::kernel_data();
    let range = VaRange::new(MIB, 8 * MIB);
    let map = [(0, 16 * MIB, Leaves::Exactly(21))];
    let change = four_level::Change::write(false);
    let (before, seen, after, left) =
        watch(f, Use::Live, &map, attributes, |tree, cx| tree.protect(cx, range, &change, Protect::mapped()));
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].request.range, VaRange::new(0, 10 * MIB));
    assert_eq!(seen[0].dump.segments, before.segments);
    assert_eq!(leaves_of(&after, 21), 6, "the blocks between stay");
    let left = left.expect("the range is to be flushed");
    assert_eq!((left.range, left.tables), (range, false));
    assert_eq!(left.leaf_sizes, Sizes::one(12).or(Sizes::one(21)));
    assert!(at(&after, 0).unwrap().write && !at(&after, MIB).unwrap().write);
    assert!(!at(&after, 9 * MIB - 1).unwrap().write && at(&after, 9 * MIB).unwrap().write);
}

/// Scenario C-B: what changes nothing stores nothing, splits nothing, flushes nothing.
#[test]
fn what_changes_nothing_does_nothing() {
    let f = four_level::Format::default();
    let attributes = four_level::Attributes::kernel_data();
    let map = [(0, 4 * MIB, Leaves::Largest), (4 * MIB, MIB, Leaves::Exactly(12))];
    for range in [VaRange::new(4 * KIB, 4 * KIB), VaRange::new(0, 5 * MIB), VaRange::new(4 * MIB + 4 * KIB, 8 * KIB)] {
        for policy in [Protect::mapped(), Protect::everything()] {
            let change = four_level::Change::write(true);
            let (before, seen, after, left) =
                watch(f, Use::Live, &map, attributes, |tree, cx| tree.protect(cx, range, &change, policy));
            assert_eq!(before, after);
            assert!(seen.is_empty() && left.is_none());
        }
    }
}

/// Only what was changed is flushed, not the whole range.
#[test]
fn requests_are_no_larger_than_the_change() {
    let f = four_level::Format::default();
    let attributes = four_level::Attributes::kernel_data();
    let map = [(2 * MIB + 8 * KIB, 16 * KIB, Leaves::Largest), (GIB, 4 * MIB, Leaves::Exactly(21))];
    let change = four_level::Change::write(false);
    let unmap = |range| {
        watch(f, Use::Live, &map, attributes, move |tree, cx| tree.unmap(cx, range, Unmap::everything().keep_tables()))
    };
    let (_, _, _, left) = watch(f, Use::Live, &map, attributes, |tree, cx| {
        tree.protect(cx, VaRange::new(0, 512 * MIB), &change, Protect::everything())
    });
    let left = left.unwrap();
    assert_eq!(
        (left.range, left.leaf_sizes, left.tables),
        (VaRange::new(2 * MIB + 8 * KIB, 16 * KIB), Sizes::one(12), false)
    );
    let (_, _, _, left) = unmap(VaRange::new(0, 512 * MIB));
    let left = left.unwrap();
    assert_eq!(
        (left.range, left.leaf_sizes, left.tables),
        (VaRange::new(2 * MIB + 8 * KIB, 16 * KIB), Sizes::one(12), false)
    );
    let (_, _, _, left) = unmap(VaRange::new(0, 4 * GIB));
    let left = left.unwrap();
    let hull = VaRange::inclusive(2 * MIB + 8 * KIB, GIB + 4 * MIB - 1);
    assert_eq!((left.range, left.leaf_sizes, left.tables), (hull, Sizes::one(12).or(Sizes::one(21)), false));
}

/// Scenario C-K: a group is taken apart before one of its pages changes.
#[test]
fn a_run_is_taken_apart_and_flushed_first() {
    let attributes = three_level::Attributes { accessed: true, ..three_level::Attributes::kernel_data() };
    let map = [(0, 128 * KIB, Leaves::Exactly(16))];
    let page = VaRange::new(64 * KIB + 12 * KIB, 4 * KIB);
    let change = three_level::Change::write(false);
    let f = three_level::Format::default();
    let (before, seen, after, left) =
        watch(f, Use::Live, &map, attributes, |tree, cx| tree.protect(cx, page, &change, Protect::mapped()));
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].request.range, VaRange::new(64 * KIB, 64 * KIB));
    assert_eq!(seen[0].dump.segments, before.segments);
    assert_eq!((leaves_of(&seen[0].dump, 16), leaves_of(&seen[0].dump, 12)), (1, 16));
    assert_eq!(left.unwrap().range, page);
    assert!(!at(&after, 76 * KIB).unwrap().write && at(&after, 80 * KIB).unwrap().write);

    // Where that has to go through absent, all of the group does.
    let f = three_level::Format { breaks: true, ..f };
    let (_, seen, after, left) =
        watch(f, Use::Elsewhere, &map, attributes, |tree, cx| tree.protect(cx, page, &change, Protect::mapped()));
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].request.range, VaRange::new(64 * KIB, 64 * KIB));
    assert_eq!((leaves_of(&seen[0].dump, 16), leaves_of(&seen[0].dump, 12)), (1, 0));
    assert_eq!((leaves_of(&after, 16), leaves_of(&after, 12)), (1, 16));
    assert_eq!(left.unwrap().range, VaRange::new(64 * KIB, 64 * KIB), "a TLB may hold that it was absent");
    for kib in (64..128).step_by(4) {
        let expected = three_level::Attributes { write: kib != 76, ..attributes };
        assert_eq!(at(&after, kib * KIB), Some(expected), "{kib} KiB");
    }
    let (_, seen, after, _) =
        watch(f, Use::Elsewhere, &map, attributes, |tree, cx| tree.unmap(cx, page, Unmap::mapped()));
    assert_eq!((seen.len(), leaves_of(&seen[0].dump, 12)), (1, 0));
    assert_eq!((leaves_of(&after, 16), leaves_of(&after, 12), at(&after, 76 * KIB)), (1, 15, None));
}

/// Scenario C-J: a leaf goes through absent to become a table, if nothing here depends on it.
#[test]
fn a_leaf_is_broken_before_its_parts_are_made() {
    let f = three_level::Format { breaks: true, ..three_level::Format::default() };
    let attributes = three_level::Attributes::kernel_data();
    let map = [(0, 8 * MIB, Leaves::Exactly(21))];
    let part = VaRange::new(3 * MIB, 2 * MIB);
    let change = three_level::Change::write(false);
    let (before, seen, after, left) =
        watch(f, Use::Elsewhere, &map, attributes, |tree, cx| tree.protect(cx, part, &change, Protect::mapped()));
    assert_eq!(seen.len(), 1, "one for both ends");
    let Seen { request, dump } = &seen[0];
    assert_eq!(request.range, VaRange::new(2 * MIB, 4 * MIB));
    assert_eq!((at(dump, 2 * MIB), at(dump, 4 * MIB)), (None, None), "absent while they are flushed");
    assert_eq!((at(dump, 4 * MIB - 1), at(dump, 6 * MIB - 1)), (None, None));
    assert_eq!((dump.tables, at(dump, 0), at(dump, 6 * MIB)), (before.tables, Some(attributes), Some(attributes)));
    let left = left.expect("a TLB may hold that they were absent");
    assert_eq!((left.range, left.leaf_sizes.has(12)), (VaRange::new(2 * MIB, 4 * MIB), true));
    for va in (0..8 * MIB).step_by(4096) {
        let write = !(3 * MIB..5 * MIB).contains(&va);
        assert_eq!(at(&after, va), Some(three_level::Attributes { write, ..attributes }), "{va:#x}");
    }
    let (_, seen, after, _) =
        watch(f, Use::Elsewhere, &map, attributes, |tree, cx| tree.unmap(cx, part, Unmap::everything()));
    assert_eq!(seen.len(), 1);
    assert!(at(&after, 3 * MIB - 1).is_some() && at(&after, 5 * MIB).is_some());
    assert!(at(&after, 3 * MIB).is_none() && at(&after, 5 * MIB - 1).is_none());
}

/// What must not be changed in place goes through absent, a table of leaves for one flush.
#[test]
fn leaves_are_broken_a_table_at_a_time() {
    let f = three_level::Format { breaks: true, ..three_level::Format::default() };
    let attributes = three_level::Attributes { accessed: true, ..three_level::Attributes::kernel_data() };
    let map = [
        (0, 2 * MIB, Leaves::Exactly(12)),
        (2 * MIB, MIB, Leaves::Exactly(16)),
        (4 * MIB, 4 * MIB, Leaves::Exactly(21)),
    ];
    let range = VaRange::new(MIB, 7 * MIB);
    let change = three_level::Change { page_type: Some(2), ..Default::default() };
    let (before, seen, after, left) =
        watch(f, Use::Elsewhere, &map, attributes, |tree, cx| tree.protect(cx, range, &change, Protect::everything()));
    let ranges: Vec<VaRange> = seen.iter().map(|seen| seen.request.range).collect();
    assert_eq!(ranges, [VaRange::new(MIB, MIB), VaRange::new(2 * MIB, MIB), VaRange::new(4 * MIB, 4 * MIB)]);
    for Seen { request, dump } in &seen {
        assert!(
            !dump
                .segments
                .iter()
                .any(|s| s.last >= request.range.start().get() && s.start <= request.range.last().get())
        );
        assert_eq!((at(dump, 0), dump.tables), (Some(attributes), before.tables));
    }
    assert_eq!(left.expect("a TLB may hold that they were absent").range, range);
    assert_eq!(after.leaves, before.leaves);
    let changed = three_level::Attributes { page_type: 2, ..attributes };
    let expected = [
        Segment { start: 0, last: MIB - 1, oa: 0, attributes },
        Segment { start: MIB, last: 3 * MIB - 1, oa: MIB, attributes: changed },
        Segment { start: 4 * MIB, last: 8 * MIB - 1, oa: 4 * MIB, attributes: changed },
    ];
    assert_eq!(after.segments, expected);
    // Where this processor may depend on them, nothing is touched.
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).unwrap();
    tree.map(&mut cx, 0..2 * MIB, 0, &attributes, Leaves::Largest).unwrap().flush(&mut cx);
    let error = tree.protect(&mut cx, 0..2 * MIB, &change, Protect::mapped()).unwrap_err();
    assert!(matches!(error, Error::BreakBeforeMake { .. }));
}

/// Live entries that an instruction replaces. It notes what it is told, and what the tables hold meanwhile.
struct Instruction<'a> {
    arena: &'a Arena<'a, u64>,
    exchanges: Vec<Exchange>,
    flushes: usize,
    /// Sets this bit in the entry before the first exchange of each, as a machine may.
    records: u64,
}

impl Tlb for Instruction<'_> {
    const EXCHANGES: bool = true;

    fn flush(&mut self, _: &FlushRequest) {
        self.flushes += 1;
    }

    fn exchange(&mut self, exchange: &Exchange) -> Result<(), u64> {
        let now = self.arena.read(exchange.slot).unwrap();
        if exchange.old & 0xf != 1 && now & self.records != self.records {
            self.arena.write(exchange.slot, now | self.records);
            return Err(now | self.records);
        }
        assert_eq!(now, exchange.old);
        assert_eq!(now & 1, 1, "only live entries are exchanged");
        self.arena.write(exchange.slot, exchange.new);
        self.exchanges.push(*exchange);
        Ok(())
    }
}

/// Scenario C-M.
#[test]
fn live_entries_are_replaced_by_the_instruction() {
    let f = three_level::Format { exchanges: true, ..three_level::Format::default() };
    let attributes = three_level::Attributes { dirty: false, ..three_level::Attributes::kernel_data() };
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut cx = Context::new(&arena, &frames, NoTlb);
    let mut tree = Tree::new(&mut cx, f).unwrap();
    tree.map(&mut cx, 0..4 * MIB, 0, &attributes, Leaves::Exactly(21)).unwrap().flush(&mut cx);
    tree.map(&mut cx, 4 * MIB..6 * MIB, 0, &attributes, Leaves::Exactly(12)).unwrap().flush(&mut cx);
    let before = dump(f, &arena, tree.root());
    // Without the instruction, nothing is touched.
    let read_only = three_level::Change::write(false);
    for result in [
        tree.protect(&mut cx, MIB..5 * MIB, &read_only, Protect::mapped()),
        tree.unmap(&mut cx, 0..2 * MIB, Unmap::mapped()),
        tree.unmap(&mut cx, 4 * MIB..4 * MIB + 4 * KIB, Unmap::mapped()),
    ] {
        assert!(matches!(result.unwrap_err(), Error::NeedsInstruction { .. }));
    }
    assert_eq!(before, dump(f, &arena, tree.root()));

    let tlb = Instruction { arena: &arena, exchanges: Vec::new(), flushes: 0, records: 1 << 7 };
    let mut cx = Context::new(&arena, &frames, tlb);
    let unflushed = tree.protect(&mut cx, MIB..5 * MIB, &read_only, Protect::mapped()).unwrap();
    assert!(unflushed.is_empty(), "the instruction has purged what it replaced");
    // The block that is split, the block that is whole, and 256 pages.
    let levels: Vec<u8> = cx.tlb.exchanges.iter().map(|exchange| exchange.level).collect();
    assert_eq!((levels.len(), levels[0], levels[1], levels[2]), (258, 1, 1, 0));
    assert_eq!(cx.tlb.exchanges[0].range, VaRange::new(0, 2 * MIB));
    let after = dump(f, &arena, tree.root());
    for va in (0..6 * MIB).step_by(4096) {
        let found = at(&after, va).unwrap();
        assert_eq!(found.write, !(MIB..5 * MIB).contains(&va), "{va:#x}");
        assert!(found.dirty || va >= 5 * MIB, "what the machine recorded in {va:#x} is lost");
    }
    cx.tlb.exchanges.clear();
    let unflushed = tree.unmap(&mut cx, 4 * MIB..6 * MIB, Unmap::mapped()).unwrap();
    // The table goes as a whole, and is given back without a flush.
    assert_eq!((cx.tlb.exchanges.len(), cx.tlb.exchanges[0].level), (1, 1));
    assert!(unflushed.request().is_none() && !unflushed.is_empty());
    unflushed.flush(&mut cx);
    assert_eq!((cx.tlb.flushes, frames.out()), (0, after.tables - 1));
    tree.unmap(&mut cx, 0..4 * MIB, Unmap::mapped()).unwrap().flush(&mut cx);
    assert_eq!(frames.out(), 1);
    tree.free(&mut cx).unwrap();
    assert_eq!(frames.out(), 0);
}

/// A format whose absent words carry little: what is broken waits on the stack.
#[test]
fn what_absent_words_cannot_carry_is_kept_elsewhere() {
    let f = odd::Format { breaks: true };
    let attributes = odd::Attributes { write: true, dirty: false };
    let mut words = vec![0_u32; 64 * 1024];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut cx = Context::new(&arena, &frames, NoTlb);
    let mut tree = Tree::new(&mut cx, f).unwrap();
    tree.map(&mut cx, 0..4 * MIB, 0x10_0000, &attributes, Leaves::Exactly(12)).unwrap().flush(&mut cx);
    tree.set_use(Use::Elsewhere);
    let root = tree.root();
    let flushes = RefCell::new(Vec::new());
    let tlb = Callback(|request: &FlushRequest| {
        let dump = dump(f, &arena, root);
        let range = request.range;
        assert!(!dump.segments.iter().any(|s| s.last >= range.start().get() && s.start <= range.last().get()));
        flushes.borrow_mut().push(range);
    });
    let mut cx = Context::new(&arena, &frames, tlb);
    let range = VaRange::new(8 * KIB, MIB);
    let change = odd::Change { write: Some(false), ..Default::default() };
    let unflushed = tree.protect(&mut cx, range, &change, Protect::mapped()).unwrap();
    assert_eq!(flushes.take().len(), 256 / 64);
    // A TLB of this format may hold that something was absent.
    assert_eq!(unflushed.request().map(|request| request.range), Some(range));
    unflushed.flush(&mut Context::new(&arena, &frames, NoTlb));
    let after = dump(f, &arena, root);
    for va in (0..4 * MIB).step_by(4096) {
        let expected = odd::Attributes { write: !range.contains(ptgen::Va::new(va)), ..attributes };
        assert_eq!(at(&after, va), Some(expected), "{va:#x}");
    }
}

/// Leaves say in which space the OA is.
#[pagetable(format = "aarch64_stage1_4k", features(secure_state = on))]
mod in_spaces {}

/// The same OA in another space is another page: no matter of rights, which may be granted without a flush.
#[test]
fn another_space_is_another_page() {
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut table = in_spaces::PageTable::new(&mut cx).unwrap();
    let data = in_spaces::Attributes { secure: false, ..in_spaces::Attributes::kernel_data() };
    table.map(&mut cx, 0..PAGE, 0, &data, Leaves::Largest).unwrap().flush(&mut cx);
    let secure = in_spaces::Change::default().secure(true);
    let refused = table.protect(&mut cx, 0..PAGE, &secure, Protect::everything()).unwrap_err();
    assert_eq!(refused, Error::BreakBeforeMake { va: 0.into(), kind: ChangeKind::Output });
    let device = in_spaces::Change::default().memory_type(in_spaces::MemoryType::Device);
    let refused = table.protect(&mut cx, 0..PAGE, &device, Protect::everything()).unwrap_err();
    assert!(matches!(refused, Error::BreakBeforeMake { kind: ChangeKind::MemoryType, .. }), "{refused:?}");
    table.set_use(Use::Elsewhere);
    let flushes = Cell::new(0);
    let mut cx = Context::new(&arena, &arena, Callback(|_: &FlushRequest| flushes.set(flushes.get() + 1)));
    table.protect(&mut cx, 0..PAGE, &secure, Protect::everything()).unwrap().flush(&mut cx);
    assert!(flushes.get() > 0);
    assert!(table.lookup(&arena, 0).unwrap().attributes().secure);
}
