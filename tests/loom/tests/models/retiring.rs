//! Readers beside a writer that unlinks tables and gives them back.

use loom::thread;
use ptgen_loom::{Leaves, Oa, Tlb, Tree, Unmap};
use ptgen_loom_atomics::Weakness;

use crate::epochs::{Reader, Waits};
use crate::memory::Reach;
use crate::tiny::{Attributes, Format, LARGE, PAGE};
use crate::{NOT_ORDERED, explore, fails, reader, start_with, translates_or_not, walk_everything};

const OA: u64 = 0x40_0000;
const WRITE: Attributes = Attributes { write: true, accessed: false, dirty: false };

/// A page is unmapped, and with it go two tables.
fn unmap_beside_reader<T: Tlb>(tlb: impl FnOnce(&Reader) -> T, read: fn(&Tree<Format>, &Reach)) {
    let reads = Reader::new();
    let (tables, mut cx, mut tree) = start_with(3, 3, Format::default(), tlb(&reads));
    tree.map(&mut cx, PAGE..2 * PAGE, OA, &WRITE, Leaves::Largest).expect("nothing is there").flush(&mut cx);
    assert_eq!(tables.out(), 3);
    let (root, memory) = (tree.root(), Reach(tables.clone()));
    let reading = thread::spawn(move || reads.walking(|| read(&reader(Format::default(), root), &memory)));
    tree.unmap(&mut cx, PAGE..2 * PAGE, Unmap::mapped()).expect("it is mapped").flush(&mut cx);
    assert_eq!(tables.out(), 1);
    reading.join().expect("the reader ends");
}

fn translate(tree: &Tree<Format>, memory: &Reach) {
    let first = translates_or_not(tree, memory, PAGE, OA);
    let second = translates_or_not(tree, memory, PAGE, OA);
    assert!(first || !second, "what was gone is back");
}

fn walk(tree: &Tree<Format>, memory: &Reach) {
    walk_everything(tree, memory, OA.wrapping_sub(PAGE));
}

fn waiting(reads: &Reader) -> Waits {
    Waits(reads.clone())
}

/// What was a table becomes a leaf while somebody walks.
fn replace_beside_walk() {
    let reads = Reader::new();
    let (tables, mut cx, mut tree) = start_with(4, 4, Format::default(), Waits(reads.clone()));
    let (root, memory) = (tree.root(), Reach(tables.clone()));
    // The other half stays, and with it the table above.
    tree.map(&mut cx, LARGE..2 * LARGE, OA + LARGE, &WRITE, Leaves::Largest).expect("nothing is there").flush(&mut cx);
    let reading = thread::spawn(move || {
        reads.walking(|| {
            let tree = reader(Format::default(), root);
            walk_everything(&tree, &memory, OA);
            assert_eq!(tree.translate(&memory, LARGE), Ok(Oa::new(OA + LARGE)), "the neighbour is gone");
        });
    });
    tree.map(&mut cx, PAGE..LARGE, OA + PAGE, &WRITE, Leaves::Largest).expect("nothing is there").flush(&mut cx);
    tree.unmap(&mut cx, 0..LARGE, Unmap::everything()).expect("it is mapped").flush(&mut cx);
    tree.map(&mut cx, 0..LARGE, OA, &WRITE, Leaves::Largest).expect("nothing is there").flush(&mut cx);
    assert_eq!(tables.out(), 2);
    reading.join().expect("the reader ends");
}

#[test]
fn tables_are_given_back_when_no_translation_is_under_way() {
    explore(|| unmap_beside_reader(waiting, translate));
}

#[test]
fn tables_are_given_back_when_no_walk_is_under_way() {
    explore(|| unmap_beside_reader(waiting, walk));
}

#[test]
fn tables_are_given_back_too_early_without_a_wait() {
    let early = [NOT_ORDERED, "a reader saw"];
    fails(Weakness::Nothing, &early, || unmap_beside_reader(|_| ptgen_loom::NoTlb, translate));
    fails(Weakness::Nothing, &early, || unmap_beside_reader(|_| ptgen_loom::NoTlb, walk));
}

#[test]
fn a_wait_needs_fences() {
    fails(Weakness::Fences, &[NOT_ORDERED, "a reader saw"], || unmap_beside_reader(waiting, translate));
}

#[test]
fn a_walk_sees_an_entry_become_a_table_and_a_leaf() {
    explore(replace_beside_walk);
}

#[test]
fn a_walk_past_such_an_entry_needs_loads_that_acquire() {
    fails(Weakness::Loads, &[NOT_ORDERED, "a reader saw"], replace_beside_walk);
}
