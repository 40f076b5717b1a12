//! Ways to reach tables: hostile memory, one window, a direct map.

#![allow(unsafe_code, reason = "claims about roots, and a window over a buffer")]

mod support;

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use ptgen::{
    Arena, Attributes as _, Bump, Context, Error, FaultKind, Flow, Format, Frame, Frames, Guest, Leaves, MemoryError,
    MemoryReason, NoTlb, Oa, Protect, Stack, TableShape, Tree, Unflushed, Unmap, Va, VaRange, Visit, Window,
};
use support::random::Random;
use support::{four_level, three_level};

fn four(root: u64) -> Tree<four_level::Format> {
    // SAFETY: used with memory that checks every address, and only to read, or in one that is lost anyway.
    unsafe { Tree::from_root(four_level::Format::default(), Oa::new(root)) }
}

fn guest<'a>(ram: &'a [AtomicU64], tables: usize) -> Guest<u64, impl Fn(Oa, usize) -> Option<&'a [AtomicU64]>> {
    Guest::new(
        move |address, count| {
            let first = usize::try_from(address.get() / 8).ok()?;
            ram.get(first..first.checked_add(count)?)
        },
        tables,
    )
}

#[test]
fn tables_that_point_to_themselves() {
    let ram: Vec<AtomicU64> = (0..1024).map(|_| AtomicU64::new(0x1000 | 7)).collect();
    let guest = guest(&ram, 10_000);
    let tree = four(0x1000);
    let mut shown = 0_u64;
    let mut visitor = |_: Visit<four_level::Format>| {
        shown += 1;
        Flow::Continue
    };
    let fault = tree.walk(&guest, 0..1 << 47, &mut visitor).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Memory);
    assert!((10_000 / 2..10_000 * 513).contains(&shown), "{shown}");
    // A single translation ends at a leaf that is the table itself, again and again.
    for _ in 0..20_000 {
        assert_eq!(tree.translate(&guest, 0x1234_5678), Ok(Oa::new(0x1678)));
    }
}

#[test]
fn tables_that_are_not_there() {
    let ram: Vec<AtomicU64> = (0..1024).map(|_| AtomicU64::new(0)).collect();
    let guest = guest(&ram, 100);
    for (root, at) in [(0x2000, 3), (!0xfff, 3), (0x1800, 3)] {
        let fault = four(root).translate(&guest, 0_u64).unwrap_err();
        assert_eq!((fault.kind, fault.level), (FaultKind::Memory, at), "{root:#x}");
    }
    ram[3].store(0x3fff_ffff_f000 | 1, std::sync::atomic::Ordering::Relaxed);
    let tree = four(0);
    let fault = tree.lookup(&guest, 3 << 39_u64).unwrap_err();
    assert_eq!((fault.kind, fault.level), (FaultKind::Memory, 2));
    let mut cx = Context::new(&guest, ptgen::NoFrames, NoTlb);
    let mut tree = tree;
    let error = tree.unmap(&mut cx, VaRange::new(3_u64 << 39, 0x1000), Unmap::everything()).unwrap_err();
    let address = Oa::new(0x3fff_ffff_f000);
    assert_eq!(error, Error::Memory(MemoryError { address, reason: MemoryReason::Outside }));
}

#[test]
fn memory_with_other_words() {
    let mut words = vec![0_u32; 4096];
    let arena = Arena::new(0, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let error = Tree::new(&mut cx, four_level::Format::default()).unwrap_err();
    let reason = MemoryReason::WordWidth;
    assert_eq!(error, Error::Memory(MemoryError { address: Oa::new(0), reason }));
    assert_eq!(arena.frames(), 0);
}

#[test]
fn words_of_all_kinds() {
    // Words that look like something, at any level, with any bit wrong.
    let mut random = Random::new(7);
    for round in 0..30 {
        let tables = 12;
        let mut word = || {
            let any = random.next();
            let points = random.below(tables) << 12;
            let kind = random.pick(&[0, 1, 3, 0x81, 0xe3, 0x63, 0xcf, 0x8000_0000_0000_2001]);
            match random.below(5) {
                0 => 0,
                1 => any,
                2 => points | kind,
                3 => points >> 2 | kind & 0xff,
                _ => points << 21 | kind | 1 << random.below(64),
            }
        };
        let ram: Vec<AtomicU64> = (0..tables * 512).map(|_| AtomicU64::new(word())).collect();
        let guest = guest(&ram, 300);
        let tree = four(0x1000);
        // SAFETY: as above.
        let other = unsafe { Tree::from_root(three_level::Format::default(), Oa::new(0x1000)) };
        for _ in 0..2000 {
            let va = random.next() >> random.below(64);
            let found = tree.lookup(&guest, va);
            assert_eq!(tree.translate(&guest, va).is_ok(), found.is_ok());
            assert_eq!(other.translate(&guest, va).is_ok(), other.lookup(&guest, va).is_ok());
        }
        let mut next = Some(0_u64);
        let mut visitor = |visit: Visit<three_level::Format>| {
            let (start, last) = match visit {
                Visit::Leaf(leaf) => (leaf.va.get(), leaf.last().get()),
                Visit::Hole(range) => (range.start().get(), range.last().get()),
                Visit::Reserved { va, level, .. } => (va.get(), va.get() + ((1_u64 << (12 + 9 * level)) - 1)),
                Visit::Table { .. } => return Flow::Continue,
            };
            // In order, without a gap, and never twice. A run may be one only in part.
            assert!(next.is_none_or(|next| start <= next && last >= next), "{visit:?} at {next:x?} of {round}");
            next = Some(last + 1);
            Flow::Continue
        };
        let _ = other.walk(&guest, 0..1 << 38, &mut visitor);

        // Changes may be refused or not, but they end.
        let mut copy: Vec<u64> = ram.iter().map(|cell| cell.load(std::sync::atomic::Ordering::Relaxed)).collect();
        copy.resize(256 * 512, 0);
        let arena = Arena::new(0, &mut copy);
        let mut source = &arena;
        for _ in 0..tables {
            source.allocate(shape(12, 12)).expect("room");
        }
        let mut cx = Context::new(&arena, &arena, NoTlb);
        let (mut tree, mut other) = (tree, other);
        for _ in 0..60 {
            let start = random.below(1 << 38) & !0xfff;
            let range = VaRange::new(start, (random.below(1 << 30) & !0xfff).max(0x1000));
            let data = four_level::Attributes::kernel_data();
            flush(tree.map(&mut cx, range, 0, &data, Leaves::Largest), &mut cx);
            flush(tree.protect(&mut cx, range, &four_level::Change::write(false), Protect::everything()), &mut cx);
            flush(tree.unmap(&mut cx, range, Unmap::everything().keep_tables()), &mut cx);
            flush(other.protect(&mut cx, range, &three_level::Change::write(false), Protect::everything()), &mut cx);
            flush(other.unmap(&mut cx, range, Unmap::mapped().keep_tables()), &mut cx);
        }
    }
}

/// What succeeds is flushed; what is refused is refused.
fn flush<F: Format>(done: Result<Unflushed<F>, Error>, cx: &mut Context<&Arena<'_, u64>, &Arena<'_, u64>, NoTlb>) {
    if let Ok(unflushed) = done {
        unflushed.flush(cx);
    }
}

#[test]
fn one_window() {
    // Physical memory that can only be seen a page at a time: moving the window writes the page back and reads another.
    let memory = RefCell::new(vec![[0xa5_u8; 4096]; 64]);
    let layout = std::alloc::Layout::from_size_align(4096, 4096).unwrap();
    // SAFETY: the size is not zero.
    let window = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) }).unwrap();
    let (shown, moves) = (Cell::new(None), Cell::new(0));
    let show = |address: Oa| {
        let page = (address.get() >> 12) as usize;
        if page >= memory.borrow().len() {
            return false;
        }
        moves.set(moves.get() + 1);
        let mut memory = memory.borrow_mut();
        // SAFETY: nobody uses the words of the window while it is moved.
        let bytes = unsafe { window.cast::<[u8; 4096]>().as_mut() };
        if let Some(before) = shown.replace(Some(page)) {
            memory[before] = *bytes;
        }
        *bytes = memory[page];
        true
    };
    // SAFETY: the window is a page, and the callback makes it show what it is asked for.
    let reach = unsafe { Window::new(window, 12, show) };
    let mut kept = [const { None }; 8];
    // SAFETY: these pages are used for nothing else.
    let bump = unsafe { Bump::new(Oa::new(0x2000), 62 << 12) };
    let mut cx = Context::new(&reach, Stack::new(&mut kept, 12, bump), NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    let data = four_level::Attributes::kernel_data();
    tree.map(&mut cx, 0x3000..0x80_0000, 0x10_0000, &data, Leaves::Largest).unwrap().flush(&mut cx);
    for va in (0x3000..0x80_0000).step_by(0x3_1111) {
        assert_eq!(tree.translate(&cx, va), Ok(Oa::new(va - 0x3000 + 0x10_0000)));
    }
    let before = moves.get();
    let _ = tree.translate(&cx, 0x3000_u64).unwrap();
    let _ = tree.translate(&cx, 0x3000_u64).unwrap();
    assert_eq!(moves.get() - before, 8, "one move for each level");
    let change = four_level::Change::write(false);
    tree.protect(&mut cx, 0x5000..0x6000, &change, Protect::mapped()).unwrap().flush(&mut cx);
    assert!(!tree.lookup(&cx, 0x5000_u64).unwrap().attributes().write);
    tree.unmap(&mut cx, 0x3000..0x70_0000, Unmap::mapped()).unwrap().flush(&mut cx);
    assert_eq!(tree.translate(&cx, Va::new(0x70_0000)), Ok(Oa::new(0x70_0000 - 0x3000 + 0x10_0000)));
    assert_eq!(cx.frames.kept(), 3);
    tree.free(&mut cx).unwrap();
    assert_eq!(cx.frames.kept(), 7);
    // A table that is not there.
    assert_eq!(four(0x100_0000).translate(&cx, 0_u64).unwrap_err().kind, FaultKind::Memory);
    // SAFETY: allocated above with this layout, and not used any more.
    unsafe { std::alloc::dealloc(window.as_ptr(), layout) };
}

#[test]
fn frames_that_words_cannot_point_to() {
    // OA have 46 bits in this format.
    let mut words = vec![0_u64; 8 * 512];
    let arena = Arena::new((1_u64 << 46) - 3 * 4096, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    let data = four_level::Attributes::kernel_data();
    let error = tree.map(&mut cx, 0..0x1000, 0, &data, Leaves::Largest).unwrap_err();
    let last = Oa::new((1 << 46) - 1);
    assert_eq!(error, Error::OutOfRange { oa: Oa::new((1 << 46) + 0xfff), last });
    assert_eq!(arena.frames(), 1);
    tree.map(&mut cx, 0..1 << 30, 0, &data, Leaves::Largest).unwrap().flush(&mut cx);
    assert_eq!(arena.frames(), 2);
}

const fn shape(bytes_lg2: u32, align_lg2: u32) -> TableShape {
    TableShape { level: 0, bytes_lg2, align_lg2 }
}

/// Takes a frame that has to be at `address`.
fn take_at(source: &mut impl Frames, bytes_lg2: u32, align_lg2: u32, address: u64) -> Frame {
    let frame = source.allocate(shape(bytes_lg2, align_lg2)).expect("there is a frame");
    assert_eq!(frame.address(), Oa::new(address));
    frame
}

#[test]
fn frames_come_in_the_size_asked_for() {
    // SAFETY: nobody uses these addresses.
    let mut bump = unsafe { Bump::new(Oa::new(0x1100), 0x6000) };
    take_at(&mut bump, 12, 12, 0x2000);
    take_at(&mut bump, 5, 5, 0x3000);
    let last = take_at(&mut bump, 13, 13, 0x4000);
    assert_eq!(bump.bytes_left(), 0x1100);
    assert_eq!(bump.allocate(shape(13, 13)), None);
    bump.free(last);
    assert_eq!(bump.bytes_left(), 0x3100);

    let mut kept = [const { None }; 1];
    let mut stack = Stack::new(&mut kept, 12, bump);
    assert!(stack.fill(1) && !stack.fill(2));
    assert_eq!(stack.kept(), 1);
    let first = take_at(&mut stack, 12, 12, 0x4000);
    take_at(&mut stack, 12, 12, 0x5000);
    stack.free(first);
    take_at(&mut stack, 12, 10, 0x4000);
    assert_eq!(stack.kept(), 0);

    let mut words = [0_u64; 1024];
    let arena = Arena::new(0x1800, &mut words);
    let mut source = &arena;
    let page = take_at(&mut source, 12, 12, 0x2000);
    take_at(&mut source, 4, 4, 0x3000);
    assert_eq!(source.allocate(shape(12, 12)), None);
    source.free(page);
    take_at(&mut source, 4, 4, 0x3010);
    take_at(&mut source, 12, 12, 0x2000);
}

#[test]
fn a_bound_for_one_operation() {
    // Frames of an arena, reached as a guest's memory that lets an operation look at six tables.
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(0, &mut words);
    struct Ram<'a>(Vec<AtomicU64>, &'a Arena<'a, u64>);
    let ram = Ram((0..64 * 512).map(|_| AtomicU64::new(u64::MAX)).collect(), &arena);
    let guest = guest(&ram.0, 6);
    let mut cx = Context::new(&guest, ram.1, NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    let data = four_level::Attributes::kernel_data();
    // A change takes what it takes once it has been planned.
    tree.map(&mut cx, 0x1000..0x80_0000, 0, &data, Leaves::Largest).unwrap().flush(&mut cx);
    assert_eq!(arena.frames(), 7);
    let error = tree.protect(&mut cx, 0x1000..0x80_0000, &four_level::Change::write(false), Protect::mapped());
    let Error::Memory(error) = error.unwrap_err() else { panic!("not the memory") };
    assert_eq!(error.reason, MemoryReason::TooManyTables);
    assert!(tree.lookup(&guest, 0x1000_u64).unwrap().attributes().write);
    let one = tree.unmap(&mut cx, 0x1000..0x20_0000, Unmap::everything()).unwrap();
    let other = tree.unmap(&mut cx, 0x20_0000..0x60_0000, Unmap::everything()).unwrap();
    // A walk looks once for each of the 512 leaves that are left, and twice for each of 3 tables.
    let walk = |most: usize| {
        let mut visitor = |_: Visit<four_level::Format>| Flow::Continue;
        tree.walk(&self::guest(&ram.0, most), 0..1 << 39, &mut visitor)
    };
    assert_eq!(walk(512).unwrap_err().kind, FaultKind::Memory);
    walk(512 + 6 + 2).unwrap();
    one.merge(other, &guest).flush(&mut cx);
    assert_eq!(arena.frames(), 4);
}
