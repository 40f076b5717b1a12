//! Operations on live tables whose entries an instruction replaces, and whose walkers do not look into caches.

#![allow(unsafe_code, reason = "implements an unsafe trait over an arena")]

mod support;

use std::cell::RefCell;
use std::convert::Infallible;

use ptgen::{
    Applied, Apply, Arena, Attributes as _, Cause, ChangeKind, Context, Error, Exchange, FlushRequest, Harvest, Join,
    Leaves, Memory, MemoryError, NoTlb, Oa, Pin, Protect, Tlb, Tree, Unmap, Word,
};
use support::oracle::{Dump, Known};
use support::three_level::{Attributes, Change, Format};

const BASE: u64 = 0x10_0000;
const PAGE: u64 = 0x1000;
const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;
const DIRTY: u64 = 0x80;

fn exchanging() -> Format {
    Format { exchanges: true, ..Format::default() }
}

fn dump(f: Format, tree: &Tree<Format>, arena: &Arena<'_, u64>) -> Dump<Attributes> {
    f.dump(&|address| arena.read(address).expect("a table in the arena"), tree.root().get())
}

/// Replaces entries, and is told late about what the machine has recorded, as often as there is something to record.
struct Instruction<'a> {
    arena: &'a Arena<'a, u64>,
    exchanges: Vec<Exchange>,
    /// Set in a leaf before the first exchange of it.
    records: u64,
}

impl Tlb for Instruction<'_> {
    const EXCHANGES: bool = true;

    fn flush(&mut self, request: &FlushRequest) {
        assert!(request.tables, "only what walk caches hold of a table that is gone: {request:?}");
    }

    fn exchange(&mut self, exchange: &Exchange) -> Result<(), u64> {
        let now = self.arena.read(exchange.slot).unwrap();
        assert_eq!(now & 1, 1, "only live entries are exchanged");
        if now & 0xe != 0 && now & self.records != self.records {
            self.arena.write(exchange.slot, now | self.records);
            return Err(now | self.records);
        }
        assert_eq!(now, exchange.old);
        self.arena.write(exchange.slot, exchange.new);
        self.exchanges.push(*exchange);
        Ok(())
    }
}

fn clean() -> Attributes {
    Attributes { accessed: true, dirty: false, ..Attributes::kernel_data() }
}

/// 2 MiB in leaves of this size.
fn mapped<'a>(arena: &'a Arena<'a, u64>, f: Format, size: u32) -> Tree<Format> {
    let mut cx = Context::new(arena, arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).unwrap();
    tree.map(&mut cx, 0..2 * MIB, 2 * MIB, &clean(), Leaves::Exactly(size)).unwrap().flush(&mut cx);
    tree
}

/// Without the instruction nothing is touched.
#[test]
fn no_instruction() {
    let refused = |error: Error, expected| {
        assert!(matches!(error, Error::NeedsInstruction { kind, .. } if kind == expected), "{error}");
    };
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    for size in [12, 21] {
        let mut tree = mapped(&arena, exchanging(), size);
        let change = Change { dirty: Some(true), ..Change::default() };
        let before = dump(exchanging(), &tree, &arena);
        if size == 12 {
            refused(tree.join(&mut cx, 0..PAGE, Join::default()).unwrap_err(), ChangeKind::Size);
            let applied = |_: &_| Ok::<_, Infallible>(Applied::Change(change));
            let stopped = tree.apply(&mut cx, 0..PAGE, Apply::existing(12), applied).unwrap_err();
            let Cause::Refused(error) = stopped.cause;
            refused(error, ChangeKind::Other);
            assert!(stopped.unflushed.is_empty());
        } else {
            refused(tree.split(&mut cx, 0..PAGE, 12).unwrap_err(), ChangeKind::Size);
        }
        for (change, kind) in [
            (Change::write(false), ChangeKind::Restrict),
            (Change { execute: Some(true), ..Change::default() }, ChangeKind::Relax),
            (Change { page_type: Some(1), ..Change::default() }, ChangeKind::MemoryType),
        ] {
            refused(tree.protect(&mut cx, 0..2 * MIB, &change, Protect::mapped()).unwrap_err(), kind);
        }
        refused(tree.harvest(&mut cx, 0..PAGE, Harvest::accessed(), |_, _| ()).unwrap_err(), ChangeKind::Other);
        assert_eq!(dump(exchanging(), &tree, &arena), before);
    }
}

#[test]
fn live_entries_are_exchanged() {
    for records in [0, DIRTY] {
        let mut words = vec![0_u64; 32 * 512];
        let arena = Arena::new(BASE, &mut words);
        let mut tree = mapped(&arena, exchanging(), 21);
        let tlb = Instruction { arena: &arena, exchanges: Vec::new(), records };
        let mut cx = Context::new(&arena, &arena, tlb);
        let expected = Attributes { dirty: records != 0, ..clean() };

        let unflushed = tree.split(&mut cx, 0..PAGE, 12).unwrap();
        assert!(unflushed.is_empty(), "the instruction has purged");
        assert_eq!(cx.tlb.exchanges.len(), 1);
        let found = dump(exchanging(), &tree, &arena);
        assert_eq!((found.segments.len(), found.segments[0].attributes), (1, expected));
        assert_eq!(found.leaves.len(), 16 + 31);

        cx.tlb.exchanges.clear();
        tree.join(&mut cx, 0..PAGE, Join::default()).unwrap().flush(&mut cx);
        assert_eq!(cx.tlb.exchanges.len(), 1);
        let leaf = tree.lookup(&arena, 0).unwrap();
        assert_eq!((leaf.size_lg2, leaf.attributes(), arena.frames()), (21, expected, 2));

        cx.tlb.exchanges.clear();
        let mut seen = Vec::new();
        let unflushed = tree.harvest(&mut cx, 0..PAGE, Harvest::accessed(), |leaf, _| seen.push(leaf.va.get()));
        unflushed.unwrap().issue(&mut NoTlb).retire(&mut cx);
        assert_eq!((seen, cx.tlb.exchanges.len()), (vec![0], 1));
        assert_eq!(tree.lookup(&arena, 0).unwrap().attributes(), Attributes { accessed: false, ..expected });

        let applied = |_: &_| Ok::<_, Infallible>(Applied::Change(Change::write(false)));
        let unflushed = tree.apply(&mut cx, 0..2 * MIB, Apply::existing(21), applied).unwrap();
        assert!(unflushed.is_empty());
        assert_eq!(cx.tlb.exchanges.len(), 2);
        let expected = Attributes { accessed: false, write: false, ..expected };
        assert_eq!(tree.lookup(&arena, 0).unwrap().attributes(), expected);
    }
}

/// Memory whose caches a walker does not look into: it sees what was cleaned.
struct Uncached<'a> {
    arena: &'a Arena<'a, u64>,
    seen: RefCell<Vec<u64>>,
}

// SAFETY: the words are the arena's.
unsafe impl Memory for Uncached<'_> {
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
        assert!(address.is_aligned(3) && bytes.is_multiple_of(8) && bytes > 0);
        for at in (address.get()..address.get() + bytes).step_by(8) {
            let word = self.arena.read(at).unwrap();
            self.seen.borrow_mut()[((at - BASE) / 8) as usize] = word;
        }
    }
}

/// After every operation the walker sees what is in memory, and at every cleaning it sees all translations.
/// To pin a table that is there is to change a live entry.
#[test]
fn tables_are_pinned() {
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut tree = mapped(&arena, exchanging(), 12);
    let before = dump(exchanging(), &tree, &arena);
    let mut without = Context::new(&arena, &arena, NoTlb);
    let refused = tree.populate(&mut without, 0..PAGE, 12, Pin::Pinned).unwrap_err();
    assert!(matches!(refused, Error::NeedsInstruction { kind: ChangeKind::Other, .. }), "{refused}");
    assert_eq!((dump(exchanging(), &tree, &arena), arena.frames()), (before, 3));

    let tlb = Instruction { arena: &arena, exchanges: Vec::new(), records: 0 };
    let mut cx = Context::new(&arena, &arena, tlb);
    for _ in 0..2 {
        tree.populate(&mut cx, 0..PAGE, 12, Pin::Pinned).unwrap().flush(&mut cx);
        // The two tables below the root, once each.
        let levels: Vec<_> = cx.tlb.exchanges.iter().map(|exchange| exchange.level).collect();
        assert_eq!(levels, [2, 1]);
    }
    tree.unmap(&mut cx, 0..2 * MIB, Unmap::everything()).unwrap().flush(&mut cx);
    assert_eq!(arena.frames(), 3, "what is pinned stays");

    let mut without = Context::new(&arena, &arena, NoTlb);
    let refused = tree.range_mut().unpin(&mut without, 0..GIB).unwrap_err();
    assert!(matches!(refused, Error::NeedsInstruction { kind: ChangeKind::Other, .. }), "{refused}");
    let tlb = Instruction { arena: &arena, exchanges: Vec::new(), records: 0 };
    let mut cx = Context::new(&arena, &arena, tlb);
    tree.range_mut().unpin(&mut cx, 0..GIB).unwrap();
    let levels: Vec<_> = cx.tlb.exchanges.iter().map(|exchange| exchange.level).collect();
    assert_eq!(levels, [1, 2], "what is below is unpinned first");
    tree.unmap(&mut cx, 0..GIB, Unmap::everything()).unwrap().flush(&mut cx);
    assert_eq!(arena.frames(), 1, "what is pinned no more goes");
}

#[test]
fn what_is_stored_is_cleaned() {
    let f = Format { cleans: true, ..Format::default() };
    let mut words = vec![0_u64; 32 * 512];
    let arena = Arena::new(BASE, &mut words);
    let memory = Uncached { arena: &arena, seen: RefCell::new(vec![0; 32 * 512]) };
    let mut cx = Context::new(&memory, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).unwrap();
    memory.clean(tree.root(), 4096);
    tree.map(&mut cx, 0..2 * MIB, 2 * MIB, &clean(), Leaves::Exactly(21)).unwrap().flush(&mut cx);
    // Map's own cleaning is not what is tested here.
    memory.clean(Oa::new(BASE), 32 * 4096);
    let root = tree.root().get();
    let check = |what: &str, pages: usize| {
        let walker = f.dump(&|at| memory.seen.borrow()[((at - BASE) / 8) as usize], root);
        assert_eq!(walker, f.dump(&|at| arena.read(at).unwrap(), root), "{what}");
        let mapped: u64 = walker.segments.iter().map(|segment| (segment.last + 1 - segment.start) / PAGE).sum();
        assert_eq!(mapped, pages as u64, "{what}");
    };
    tree.split(&mut cx, 0..PAGE, 16).unwrap().flush(&mut cx);
    check("split to runs", 512);
    tree.split(&mut cx, 0..PAGE, 12).unwrap().flush(&mut cx);
    check("split to pages", 512);
    let clear = |_: &_| Ok::<_, Infallible>(Applied::Clear);
    tree.apply(&mut cx, 0..PAGE, Apply::existing(12), clear).unwrap().flush(&mut cx);
    check("apply", 511);
    let set = |_: &_| Ok::<_, Infallible>(Applied::Set { oa: Oa::new(2 * MIB), attributes: clean() });
    tree.apply(&mut cx, 0..PAGE, Apply::create(12), set).unwrap().flush(&mut cx);
    check("apply again", 512);
    tree.harvest(&mut cx, 0..2 * MIB, Harvest::accessed(), |_, _| ()).unwrap().flush(&mut cx);
    check("harvest", 512);
    tree.join(&mut cx, 0..PAGE, Join::up_to(16)).unwrap().flush(&mut cx);
    check("join to a run", 512);
    tree.join(&mut cx, 0..PAGE, Join::default()).unwrap().flush(&mut cx);
    check("join", 512);
    assert_eq!(tree.lookup(&arena, 0).unwrap().size_lg2, 21);
    let set = |occupant: &ptgen::Occupant<Format>| {
        Ok::<_, Infallible>(Applied::Set { oa: Oa::new(occupant.va.get()), attributes: clean() })
    };
    tree.apply(&mut cx, 8 * MIB..8 * MIB + 4 * PAGE, Apply::create(12), set).unwrap().flush(&mut cx);
    check("apply to new tables", 516);
}
