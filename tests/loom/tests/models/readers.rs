//! Readers beside a writer.

use loom::thread;
use ptgen_loom::{Leaves, Oa};
use ptgen_loom_atomics::Weakness;

use crate::memory::Reach;
use crate::tiny::{Attributes, Format, LARGE, PAGE, WHOLE};
use crate::{NOT_ORDERED, explore_all, fails, reader, start, translates_or_not, walk_everything};

const OA: u64 = 0x40_0000;

/// A page is mapped, which takes two tables.
fn map_beside_translate() {
    let (tables, mut cx, mut tree) = start(3, 3, Format::default());
    let root = tree.root();
    let memory = Reach(tables.clone());
    let reading = thread::spawn(move || {
        let tree = reader(Format::default(), root);
        let neighbour = translates_or_not(tree.translate(&memory, 0), 0);
        assert!(!neighbour, "a reader saw something that nobody has mapped");
        let first = translates_or_not(tree.translate(&memory, PAGE), OA);
        let second = translates_or_not(tree.translate(&memory, PAGE), OA);
        assert!(second || !first, "what was there is gone");
    });
    let attributes = Attributes { write: true, ..Attributes::default() };
    let unflushed = tree.map(&mut cx, PAGE..2 * PAGE, OA, &attributes, Leaves::Largest).expect("nothing is in the way");
    unflushed.flush(&mut cx);
    reading.join().expect("the reader ends");
    assert_eq!(tree.translate(&cx.memory, PAGE), Ok(Oa::new(OA)));
    assert_eq!(tables.out(), 3);
}

/// Leaves of two sizes are mapped while somebody walks over everything.
fn map_beside_walk() {
    let (tables, mut cx, mut tree) = start(4, 4, Format::default());
    let root = tree.root();
    let memory = Reach(tables.clone());
    let reading = thread::spawn(move || {
        walk_everything(OA, |visitor| reader(Format::default(), root).walk(&memory, 0..WHOLE, visitor));
    });
    let attributes = Attributes { write: true, ..Attributes::default() };
    let range = LARGE..2 * LARGE + PAGE;
    let unflushed = tree.map(&mut cx, range, OA + LARGE, &attributes, Leaves::Largest);
    unflushed.expect("nothing is in the way").flush(&mut cx);
    reading.join().expect("the reader ends");
}

const TOO_EARLY: [&str; 2] = [NOT_ORDERED, "a reader saw a slot before it was written"];

#[test]
fn a_reader_sees_tables_whole_or_not_at_all() {
    explore_all(map_beside_translate);
}

#[test]
fn a_reader_needs_stores_that_release() {
    fails(Weakness::Stores, &TOO_EARLY, map_beside_translate);
}

#[test]
fn a_reader_needs_loads_that_acquire() {
    fails(Weakness::Loads, &TOO_EARLY, map_beside_translate);
}

#[test]
fn a_walk_sees_tables_whole_or_not_at_all() {
    explore_all(map_beside_walk);
}

#[test]
fn a_walk_needs_stores_that_release() {
    fails(Weakness::Stores, &TOO_EARLY, map_beside_walk);
}

#[test]
fn a_walk_needs_loads_that_acquire() {
    fails(Weakness::Loads, &TOO_EARLY, map_beside_walk);
}
