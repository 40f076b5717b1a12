//! Walks through tables whose entries become something else between two looks at them: absent, a table, a leaf, and
//! back. Every VA is visited once, and nothing but a table is ever opened as one.

#![allow(unsafe_code, reason = "implements unsafe traits over an arena")]

mod support;

use std::cell::Cell;

use ptgen::{
    Arena, Attributes as _, Context, FaultKind, Flow, Format, Leaves, Memory, MemoryError, MemoryReason, NoTlb, Oa,
    Tree, VaRange, Visit, Word,
};
use support::random::Random;
use support::{four_level, three_level};

const BASE: u64 = 0x10_0000;
const PAGE: u64 = 0x1000;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// What is added to a VA by whatever translates it.
const OFFSET: u64 = 64 * GIB;
/// Mapped all the time, behind what changes.
const STAYS: u64 = 2 * GIB;
const END: u64 = STAYS + 2 * MIB;

/// A slot and what it may hold.
struct Changing {
    slot: Oa,
    /// Absent, a table, a leaf.
    words: [u64; 3],
}

/// Memory that changes slots before each table it opens, and knows which addresses are tables.
struct Restless<'a> {
    arena: &'a Arena<'a, u64>,
    tables: &'a [Oa],
    changing: &'a [Changing],
    /// For each slot, which word it gets at which opening; the last one stays.
    schedule: &'a [Vec<usize>],
    opened: Cell<usize>,
    /// How often something was opened that is not a table.
    strays: Cell<usize>,
}

impl Restless<'_> {
    fn settle(&self, moment: usize) {
        for (changing, states) in self.changing.iter().zip(self.schedule) {
            let state = states[moment.min(states.len() - 1)];
            assert!(self.arena.write(changing.slot, changing.words[state]));
        }
    }
}

// SAFETY: the words are the arena's.
unsafe impl Memory for Restless<'_> {
    unsafe fn with<W: Word, R>(
        &self,
        address: Oa,
        count_lg2: u32,
        use_words: impl FnOnce(&[W::Atomic]) -> R,
    ) -> Result<R, MemoryError> {
        self.settle(self.opened.get());
        self.opened.set(self.opened.get() + 1);
        if !self.tables.contains(&address) {
            self.strays.set(self.strays.get() + 1);
            return Err(MemoryError { address, reason: MemoryReason::Outside });
        }
        // SAFETY: the caller's promise.
        unsafe { self.arena.with::<W, R>(address, count_lg2, use_words) }
    }
}

/// The tables of a tree and the slot of level `level` for VA 0 or 1 GiB, with its words.
struct Scene<F: Format> {
    tree: Tree<F>,
    tables: Vec<Oa>,
    changing: Vec<Changing>,
}

/// The tables below which `va` is, from the root, with the words that point to them.
fn path<F: Format>(tree: &Tree<F>, arena: &Arena<'_, u64>, va: u64) -> Vec<Oa> {
    let mut tables = vec![tree.root()];
    let mut visitor = |visit: Visit<F>| {
        if let Visit::Table { address, .. } = visit {
            tables.push(address);
        }
        Flow::Continue
    };
    tree.walk(arena, VaRange::new(va, PAGE), &mut visitor).unwrap();
    tables
}

fn scene<F: Format>(arena: &Arena<'_, u64>, f: F) -> Scene<F> {
    let mut cx = Context::new(arena, arena, NoTlb);
    let mut tree = Tree::new(&mut cx, f).unwrap();
    let attributes = F::Attributes::kernel_data();
    let mut map = |tree: &mut Tree<F>, range: std::ops::Range<u64>, leaves| {
        tree.map(&mut cx, range.clone(), range.start + OFFSET, &attributes, leaves).unwrap().flush(&mut cx);
    };
    map(&mut tree, STAYS..STAYS + 2 * MIB, Leaves::Exactly(21));
    let mut changing = Vec::new();
    let mut tables = Vec::new();
    for (va, shift) in [(0, 21), (GIB, 30)] {
        let size = 1 << shift;
        map(&mut tree, va + PAGE..va + 4 * PAGE, Leaves::Exactly(12));
        map(&mut tree, va + size - PAGE..va + size, Leaves::Exactly(12));
        let below = path(&tree, arena, va + PAGE);
        tables.extend_from_slice(&below);
        tables.extend(path(&tree, arena, va + size - PAGE));
        // The table in which the slot is: as many levels above the last one.
        let holder = below[below.len() - 1 - (shift - 12) / 9];
        let slot = holder + 8 * (va >> shift & 511);
        let table = arena.read(slot).unwrap();
        assert!(arena.write(slot, 0));
        map(&mut tree, va..va + size, Leaves::Exactly(u32::try_from(shift).unwrap()));
        let leaf = arena.read(slot).unwrap();
        assert!(leaf != 0 && table != 0 && leaf != table);
        changing.push(Changing { slot, words: [0, table, leaf] });
    }
    tables.extend(path(&tree, arena, STAYS));
    Scene { tree, tables, changing }
}

/// Walks once, and says what was opened although it was no table.
fn walk_once<F: Format>(scene: &Scene<F>, arena: &Arena<'_, u64>, schedule: &[Vec<usize>]) -> usize {
    let Scene { tree, tables, changing } = scene;
    let memory = Restless { arena, tables, changing, schedule, opened: Cell::new(0), strays: Cell::new(0) };
    let mut next = 0;
    let mut stays = false;
    let mut visitor = |visit: Visit<F>| {
        let (start, last) = match visit {
            Visit::Table { .. } => return Flow::Continue,
            Visit::Leaf(leaf) => {
                assert_eq!(leaf.oa.get(), leaf.va.get() + OFFSET, "{schedule:?}");
                assert_eq!(leaf.attributes(), F::Attributes::kernel_data());
                stays |= leaf.va.get() == STAYS;
                (leaf.va.get(), leaf.last().get())
            }
            Visit::Hole(range) => (range.start().get(), range.last().get()),
            Visit::Reserved { va, word, .. } => panic!("{word:#x} at {va} with {schedule:?}"),
        };
        assert_eq!(start, next, "every VA once, in order: {schedule:?}");
        next = last + 1;
        Flow::Continue
    };
    tree.walk(&memory, 0..END, &mut visitor).unwrap();
    assert!(next == END && stays, "{schedule:?}");
    memory.strays.get()
}

/// Translates addresses in the parts that change and in those that do not.
fn translate_some<F: Format>(scene: &Scene<F>, arena: &Arena<'_, u64>, schedule: &[Vec<usize>]) -> usize {
    let Scene { tree, tables, changing } = scene;
    let mut strays = 0;
    for va in [0, PAGE, 2 * MIB - 1, GIB, GIB + PAGE, 2 * GIB - 1, STAYS + 5] {
        let memory = Restless { arena, tables, changing, schedule, opened: Cell::new(0), strays: Cell::new(0) };
        match tree.translate(&memory, va) {
            Ok(oa) => assert_eq!(oa.get(), va + OFFSET, "{schedule:?}"),
            Err(fault) => assert!(fault.kind == FaultKind::Absent && va < STAYS, "{fault:?} at {va:#x}: {schedule:?}"),
        }
        memory.opened.set(0);
        match tree.lookup(&memory, va) {
            Ok(leaf) => assert_eq!(leaf.translate(va).get(), va + OFFSET, "{schedule:?}"),
            Err(fault) => assert!(fault.kind == FaultKind::Absent && va < STAYS, "{fault:?} at {va:#x}: {schedule:?}"),
        }
        strays += memory.strays.get();
    }
    strays
}

/// Every way in which the first slot changes at the first six openings, with the second one standing still; then both
/// at random.
fn schedules() -> impl Iterator<Item = Vec<Vec<usize>>> {
    let every = (0..3_usize.pow(6)).flat_map(|number| {
        let states: Vec<usize> = (0..6).map(|place| number / 3_usize.pow(place) % 3).collect();
        [vec![states.clone(), vec![1]], vec![vec![1], states]]
    });
    let mut random = Random::new(8);
    let mut state = move || usize::try_from(random.below(3)).unwrap();
    let some = (0..2000).map(move |_| (0..2).map(|_| (0..14).map(|_| state()).collect()).collect());
    every.chain(some)
}

fn check<F: Format>(f: F) {
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(BASE, &mut words);
    let scene = scene(&arena, f);
    for schedule in schedules() {
        assert_eq!(walk_once(&scene, &arena, &schedule), 0, "not a table: {schedule:?}");
        assert_eq!(translate_some(&scene, &arena, &schedule), 0, "not a table: {schedule:?}");
    }
}

#[test]
fn four_levels() {
    check(four_level::Format::default());
}

#[test]
fn three_levels() {
    check(three_level::Format::default());
}

/// A walk that looks at an entry once to see what it is and once more to see where it points. The memory above notices.
#[test]
fn who_looks_twice_goes_astray() {
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(BASE, &mut words);
    let scene = scene(&arena, four_level::Format::default());
    let look = |memory: &Restless<'_>, slot: Oa| {
        let table = Oa::new(slot.get() & !0xfff);
        // SAFETY: the address is looked up before it is used.
        unsafe {
            memory.with::<u64, u64>(table, 9, |words| {
                u64::load(&words[(slot.get() >> 3 & 511) as usize], std::sync::atomic::Ordering::Acquire)
            })
        }
    };
    let strays = schedules().filter(|schedule| {
        let Scene { tables, changing, .. } = &scene;
        let (opened, strays) = (Cell::new(0), Cell::new(0));
        let memory = Restless { arena: &arena, tables, changing, schedule, opened, strays };
        let slot = changing[0].slot;
        if look(&memory, slot).unwrap() == changing[0].words[1] {
            let word = look(&memory, slot).unwrap();
            let _ = look(&memory, Oa::new(word & 0x3fff_ffff_f000));
        }
        memory.strays.get() > 0
    });
    assert!(strays.count() > 100);
}
