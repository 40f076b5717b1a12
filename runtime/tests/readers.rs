//! Readers beside a writer: tables that a reader may see are not given back.

#![allow(unsafe_code, reason = "claims that tables are kept for readers")]

mod support;

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ptgen::{
    Arena, Attributes as _, Context, DirectMap, Flow, Frame, Frames, Leaves, NoTlb, Oa, ReaderSlot, Readers,
    TableShape, Tree, Unmap, Visit, WithReaders,
};
use support::four_level;
use support::memory::{Checked, POISON};

const BASE: u64 = 0x10_0000;
const PAGE: u64 = 4096;

fn readers<const N: usize>() -> Readers<[ReaderSlot; N]> {
    Readers::new([const { ReaderSlot::new() }; N])
}

#[test]
fn a_writer_waits_for_who_is_inside_and_not_for_who_comes_later() {
    let readers = readers::<3>();
    readers.wait();
    let first = RefCell::new(readers.enter(0));
    let second = RefCell::new(readers.enter(2));
    let (later, pauses) = (RefCell::new(None), Cell::new(0));
    readers.wait_with(|| {
        pauses.set(pauses.get() + 1);
        match pauses.get() {
            3 => drop(first.take()),
            // Somebody else at the same slot, who finds what is there now.
            4 => drop(later.replace(readers.enter(0))),
            7 => drop(second.take()),
            _ => {}
        }
    });
    assert_eq!(pauses.get(), 7);
    assert!(later.borrow().is_some());
    // Who leaves and comes in again between two looks has left.
    let inside = RefCell::new(later.take());
    let pauses = Cell::new(0);
    readers.wait_with(|| {
        pauses.set(pauses.get() + 1);
        drop(inside.take());
        inside.replace(readers.enter(0));
    });
    assert_eq!(pauses.get(), 1);
}

#[test]
fn an_interrupt_reads_where_a_task_does() {
    let readers = readers::<1>();
    let task = RefCell::new(readers.enter(0));
    let interrupt = RefCell::new(readers.enter(0));
    let pauses = Cell::new(0);
    readers.wait_with(|| {
        pauses.set(pauses.get() + 1);
        match pauses.get() {
            2 => drop(interrupt.take()),
            5 => drop(task.take()),
            _ => {}
        }
    });
    assert_eq!(pauses.get(), 5, "all of them have to leave");
    assert!(readers.enter(1).is_none());
}

#[test]
fn slots_may_be_a_slice() {
    let slots: Vec<ReaderSlot> = (0..5).map(|_| ReaderSlot::new()).collect();
    let readers = Readers::new(&slots[..]);
    assert!(readers.enter(4).is_some() && readers.enter(5).is_none());
    readers.wait();
}

/// While a reader is inside, tables that were unlinked keep standing; when it has left, they go.
#[test]
fn tables_go_when_the_reader_has_left() {
    let mut words = vec![0_u64; 64 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let readers = readers::<2>();
    let inside = RefCell::new(None);
    let pauses = Cell::new(0);
    let pause = || {
        pauses.set(pauses.get() + 1);
        assert_eq!(frames.out(), 4, "a table went while somebody was inside");
        if pauses.get() == 3 {
            drop(inside.take());
        }
    };
    let mut cx = Context::new(&arena, &frames, WithReaders::pausing(NoTlb, &readers, pause));
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    tree.map(&mut cx, 0..PAGE, 0x7000, &four_level::Attributes::kernel_data(), Leaves::Largest).unwrap().flush(&mut cx);
    // SAFETY: the context waits for `readers`, the root is kept, and the arena checks addresses.
    let reader = unsafe { tree.reader(&readers) };
    let reading = reader.enter(1).unwrap();
    assert_eq!(reading.translate(&arena, 0x123), Ok(Oa::new(0x7123)));
    assert_eq!(reading.lookup(&arena, 0).unwrap().size_lg2, 12);
    assert!(reader.enter(2).is_none());
    let mut leaves = 0;
    let mut count = |visit: Visit<_>| {
        leaves += usize::from(matches!(visit, Visit::Leaf(_)));
        Flow::Continue
    };
    reading.walk(&arena, 0..PAGE, &mut count).unwrap();
    assert_eq!(leaves, 1);
    inside.replace(Some(reading));
    let unflushed = tree.unmap(&mut cx, 0..PAGE, Unmap::mapped()).unwrap();
    assert!(inside.borrow().as_ref().unwrap().translate(&arena, 0).is_err());
    unflushed.flush(&mut cx);
    assert_eq!(pauses.get(), 3);
    assert_eq!(frames.out(), 1);
}

/// A machine's worth of memory for threads, and frames of it that are poisoned when they come back.
struct Memory {
    words: Vec<AtomicU64>,
    next: usize,
    free: Vec<u64>,
}

impl Memory {
    fn new(tables: usize) -> Self {
        Self { words: (0..tables * 512 + 512).map(|_| AtomicU64::new(POISON)).collect(), next: 0, free: vec![] }
    }

    /// What has to be added to the address of a frame for the pointer to it: frames start at [`BASE`].
    fn offset(&self) -> u64 {
        (self.words.as_ptr() as u64).next_multiple_of(PAGE) - BASE
    }
}

// SAFETY: frames are pages of the vector, each handed out once until it comes back.
unsafe impl Frames for Memory {
    fn allocate(&mut self, shape: TableShape) -> Option<Frame> {
        let address = self.free.pop().or_else(|| {
            self.next += 1;
            (self.next < self.words.len() / 512).then(|| BASE + (self.next as u64 - 1) * PAGE)
        })?;
        // SAFETY: see above.
        Some(unsafe { Frame::new(Oa::new(address), shape) })
    }

    fn free(&mut self, frame: Frame) {
        let first = (frame.address().get() + self.offset() - self.words.as_ptr() as u64) as usize / 8;
        for word in &self.words[first..first + 512] {
            word.store(POISON, Ordering::Relaxed);
        }
        self.free.push(frame.address().get());
    }
}

/// U4 on threads: readers look at what a writer maps and unmaps, tables and all. They find the right page or none, and
/// never a word of a table that was given back, which is no absent one.
#[test]
fn readers_on_threads_never_see_a_table_that_was_given_back() {
    let mut memory = Memory::new(32);
    let readers = readers::<2>();
    let stop = AtomicBool::new(false);
    // SAFETY: the memory's frames are there, and nobody else accesses them but as atomics.
    let direct = unsafe { DirectMap::new(memory.offset() as usize) };
    let mut cx = Context::new(direct, &mut memory, WithReaders::pausing(NoTlb, &readers, std::thread::yield_now));
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    // SAFETY: the only context there is waits for `readers`, the root is kept until the threads have ended, and the memory
    // is the same.
    let reader = unsafe { tree.reader(&readers) };
    let data = four_level::Attributes::kernel_data();
    let found = AtomicU64::new(0);
    // Of two tables.
    let pages = (1 << 21) - 16 * PAGE..(1 << 21) + 16 * PAGE;
    std::thread::scope(|scope| {
        for slot in 0..2 {
            let (stop, found, pages) = (&stop, &found, &pages);
            scope.spawn(move || {
                let mut looks = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    let reading = reader.enter(slot).unwrap();
                    for _ in 0..64 {
                        looks += 1;
                        let va = pages.start + looks * 0x5_1000 % (pages.end - pages.start);
                        match reading.lookup(&direct, va) {
                            Ok(mapping) => {
                                assert_eq!(mapping.translate(va).get(), va + 0x4000_0000);
                                found.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(fault) => assert_eq!(fault.kind, ptgen::FaultKind::Absent),
                        }
                    }
                }
            });
        }
        let mut rounds = 0;
        while rounds < 50 || rounds < 100_000 && found.load(Ordering::Relaxed) < 1000 {
            rounds += 1;
            let oa = pages.start + 0x4000_0000;
            tree.map(&mut cx, pages.clone(), oa, &data, Leaves::Exactly(12)).unwrap().flush(&mut cx);
            std::thread::yield_now();
            tree.unmap(&mut cx, pages.clone(), Unmap::mapped()).unwrap().flush(&mut cx);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(found.into_inner() > 0, "the readers came too late to see anything");
    tree.free(&mut cx).unwrap();
    assert!(cx.frames.free.len() >= 5);
}
