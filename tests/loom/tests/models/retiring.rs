//! Readers beside a writer that unlinks tables and gives them back.

use loom::thread;
use ptgen_loom::{Leaves, NoTlb, Oa, Reader, ReaderSlot, Readers, Reading, Tlb, Tree, Unmap, WithReaders};
use ptgen_loom_atomics::Weakness;

use crate::memory::Reach;
use crate::tiny::{Attributes, Format, LARGE, PAGE, WHOLE};
use crate::{NOT_ORDERED, explore, fails, start_with, translates_or_not, walk_everything};

const OA: u64 = 0x40_0000;
const WRITE: Attributes = Attributes { write: true, accessed: false, dirty: false };
const EARLY: [&str; 2] = [NOT_ORDERED, "a reader saw"];

/// Where readers come in: one slot is enough, and all that share it.
pub type Slots = Readers<[ReaderSlot; 1]>;

/// Nobody is inside. Loom's threads do not end within a scope, so it lives on.
pub fn slots() -> &'static Slots {
    Box::leak(Box::new(Readers::new([ReaderSlot::new()])))
}

/// Waits for those who are inside.
pub fn waiting(slots: &'static Slots) -> WithReaders<'static, NoTlb, [ReaderSlot; 1], fn()> {
    WithReaders::pausing(NoTlb, slots, thread::yield_now)
}

/// Whoever comes in at `slots`.
#[expect(unsafe_code, reason = "a reader's claim that tables stay while somebody is inside")]
pub fn reader_at(tree: &Tree<Format>, slots: &'static Slots) -> Reader<'static, Format, [ReaderSlot; 1]> {
    // SAFETY: the memory checks addresses, and this is only used to read.
    unsafe { tree.reader(slots) }
}

/// A page is unmapped, and with it go two tables, while `readers` threads read.
fn unmap_beside_readers<T: Tlb>(
    readers: usize,
    tlb: impl FnOnce(&'static Slots) -> T,
    read: fn(&Reader<'static, Format, [ReaderSlot; 1]>, &Reach),
) {
    let slots = slots();
    let (tables, mut cx, mut tree) = start_with(3, 3, Format::default(), tlb(slots));
    tree.map(&mut cx, PAGE..2 * PAGE, OA, &WRITE, Leaves::Largest).expect("nothing is there").flush(&mut cx);
    assert_eq!(tables.out(), 3);
    let threads: Vec<_> = (0..readers)
        .map(|_| {
            let (reads, memory) = (reader_at(&tree, slots), Reach(tables.clone()));
            thread::spawn(move || read(&reads, &memory))
        })
        .collect();
    tree.unmap(&mut cx, PAGE..2 * PAGE, Unmap::mapped()).expect("it is mapped").flush(&mut cx);
    assert_eq!(tables.out(), 1);
    threads.into_iter().for_each(|thread| thread.join().expect("the reader ends"));
}

fn translated(reading: &Reading<'_, Format>, memory: &Reach) -> bool {
    translates_or_not(reading.translate(memory, PAGE), OA)
}

fn translate(reads: &Reader<'static, Format, [ReaderSlot; 1]>, memory: &Reach) {
    let reading = reads.enter(0).expect("there is a slot");
    translated(&reading, memory);
}

fn translate_twice(reads: &Reader<'static, Format, [ReaderSlot; 1]>, memory: &Reach) {
    let reading = reads.enter(0).expect("there is a slot");
    let first = translated(&reading, memory);
    drop(reading);
    let reading = reads.enter(0).expect("there is a slot");
    assert!(first || !translated(&reading, memory), "what was gone is back");
}

/// As when an interrupt reads where a task does.
fn translate_within(reads: &Reader<'static, Format, [ReaderSlot; 1]>, memory: &Reach) {
    let outer = reads.enter(0).expect("there is a slot");
    let inner = reads.enter(0).expect("there is a slot");
    drop(inner);
    translated(&outer, memory);
}

fn walk(reads: &Reader<'static, Format, [ReaderSlot; 1]>, memory: &Reach) {
    let reading = reads.enter(0).expect("there is a slot");
    walk_everything(OA.wrapping_sub(PAGE), |visitor| reading.walk(memory, 0..WHOLE, visitor));
}

/// What was a table becomes a leaf while somebody walks.
fn replace_beside_walk() {
    let slots = slots();
    let (tables, mut cx, mut tree) = start_with(4, 4, Format::default(), waiting(slots));
    let (reads, memory) = (reader_at(&tree, slots), Reach(tables.clone()));
    // The other half stays, and with it the table above.
    tree.map(&mut cx, LARGE..2 * LARGE, OA + LARGE, &WRITE, Leaves::Largest).expect("nothing is there").flush(&mut cx);
    let reading = thread::spawn(move || {
        let reading = reads.enter(0).expect("there is a slot");
        walk_everything(OA, |visitor| reading.walk(&memory, 0..WHOLE, visitor));
        assert_eq!(reading.translate(&memory, LARGE), Ok(Oa::new(OA + LARGE)), "the neighbour is gone");
    });
    tree.map(&mut cx, PAGE..LARGE, OA + PAGE, &WRITE, Leaves::Largest).expect("nothing is there").flush(&mut cx);
    tree.unmap(&mut cx, 0..LARGE, Unmap::everything()).expect("it is mapped").flush(&mut cx);
    tree.map(&mut cx, 0..LARGE, OA, &WRITE, Leaves::Largest).expect("nothing is there").flush(&mut cx);
    assert_eq!(tables.out(), 2);
    reading.join().expect("the reader ends");
}

#[test]
fn tables_are_given_back_when_no_translation_is_under_way() {
    explore(|| unmap_beside_readers(1, waiting, translate_twice));
}

#[test]
fn tables_are_given_back_when_no_walk_is_under_way() {
    explore(|| unmap_beside_readers(1, waiting, walk));
}

#[test]
fn who_comes_in_twice_is_inside_until_it_has_left_twice() {
    explore(|| unmap_beside_readers(1, waiting, translate_within));
}

#[test]
fn who_shares_a_slot_is_waited_for() {
    explore(|| unmap_beside_readers(2, waiting, translate));
}

#[test]
fn tables_are_given_back_too_early_without_a_wait() {
    fails(Weakness::Nothing, &EARLY, || unmap_beside_readers(1, |_| NoTlb, translate));
    fails(Weakness::Nothing, &EARLY, || unmap_beside_readers(1, |_| NoTlb, walk));
}

#[test]
fn a_wait_needs_fences() {
    fails(Weakness::Fences, &EARLY, || unmap_beside_readers(1, waiting, translate));
}

#[test]
fn a_wait_needs_stores_that_release() {
    fails(Weakness::Stores, &EARLY, || unmap_beside_readers(1, waiting, translate));
}

#[test]
fn a_shared_slot_needs_exchanges_of_one_step() {
    // Or a reader who is not counted is waited for without end.
    let reasons = [EARLY[0], EARLY[1], "exceeded maximum number of branches"];
    fails(Weakness::Exchanges, &reasons, || unmap_beside_readers(2, waiting, translate));
}

#[test]
fn a_walk_sees_an_entry_become_a_table_and_a_leaf() {
    explore(replace_beside_walk);
}

#[test]
fn a_walk_past_such_an_entry_needs_loads_that_acquire() {
    fails(Weakness::Loads, &EARLY, replace_beside_walk);
}
