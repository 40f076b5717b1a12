//! Ranges of one tree that threads change at once, under tables that they share.

use loom::thread;
use ptgen_loom::{Leaves, Protect, RangeMut, Unmap};
use ptgen_loom_atomics::Weakness;

use crate::memory::{Reach, Tables};
use crate::tiny::{Attributes, Change, Format, LARGE, PAGE};
use crate::{Cx, NOT_ORDERED, context, explore, fails, leaves, reader, shared_tree, translates_or_not};

const OA: u64 = 0x40_0000;
const WRITE: Attributes = Attributes { write: true, accessed: false, dirty: false };
const LOST: &str = "a mapping is lost";

fn map(range: &mut RangeMut<'_, Format>, cx: &mut Cx, va: std::ops::Range<u64>) {
    range.map(cx, va.clone(), OA + va.start, &WRITE, Leaves::Largest).expect("it is the thread's own").flush(cx);
}

/// Two threads map pages that are in the same two tables, which are not there yet.
fn map_beside_map() {
    let tables = Tables::new(5);
    let mut cx = context(&tables, 0..3);
    let tree = shared_tree(&mut cx, Format::default());
    let root = tree.root();
    let (mut lower, mut upper) = tree.range_mut().split_at(PAGE).expect("it is inside");
    let shared = tables.clone();
    let other = thread::spawn(move || map(&mut upper, &mut context(&shared, 3..5), PAGE..LARGE));
    map(&mut lower, &mut cx, 0..PAGE);
    other.join().expect("it ends");
    let found = leaves(&reader(Format::default(), root), &cx.memory);
    assert_eq!(found, [(0, OA, WRITE), (PAGE, OA + PAGE, WRITE)], "{LOST}");
    assert_eq!(tables.out(), 3, "a table was installed twice");
}

/// As above, with somebody who reads meanwhile.
fn map_beside_map_and_reader() {
    let tables = Tables::new(5);
    let mut cx = context(&tables, 0..3);
    let tree = shared_tree(&mut cx, Format::default());
    let root = tree.root();
    let (mut lower, mut upper) = tree.range_mut().split_at(PAGE).expect("it is inside");
    let shared = tables.clone();
    let other = thread::spawn(move || map(&mut upper, &mut context(&shared, 3..5), PAGE..LARGE));
    let memory = Reach(tables.clone());
    let reading = thread::spawn(move || {
        let tree = reader(Format::default(), root);
        translates_or_not(tree.translate(&memory, 0), OA);
        translates_or_not(tree.translate(&memory, PAGE), OA + PAGE);
    });
    map(&mut lower, &mut cx, 0..PAGE);
    other.join().expect("it ends");
    reading.join().expect("it ends");
    let found = leaves(&reader(Format::default(), root), &cx.memory);
    assert_eq!(found, [(0, OA, WRITE), (PAGE, OA + PAGE, WRITE)], "{LOST}");
    assert_eq!(tables.out(), 3, "a table was installed twice");
}

/// Two threads change their half of one leaf.
fn split_beside_split() {
    let tables = Tables::new(5);
    let mut cx = context(&tables, 0..3);
    let tree = shared_tree(&mut cx, Format::default());
    let root = tree.root();
    map(&mut tree.range_mut(), &mut cx, 0..LARGE);
    assert_eq!(tables.out(), 2);
    let (mut lower, mut upper) = tree.range_mut().split_at(PAGE).expect("it is inside");
    let shared = tables.clone();
    let other = thread::spawn(move || {
        let mut cx = context(&shared, 3..5);
        upper.unmap(&mut cx, PAGE..LARGE, Unmap::mapped()).expect("it is mapped").flush(&mut cx);
    });
    let change = Change::write(false);
    lower.protect(&mut cx, 0..PAGE, &change, Protect::mapped()).expect("it is mapped").flush(&mut cx);
    other.join().expect("it ends");
    let found = leaves(&reader(Format::default(), root), &cx.memory);
    assert_eq!(found, [(0, OA, Attributes::default())], "{LOST}");
    assert_eq!(tables.out(), 3, "a table was installed twice");
}

/// Two threads unmap the two pages of a table, and one of them something else: the table stays, for it is nobody's.
fn unmap_beside_unmap() {
    let tables = Tables::new(5);
    let mut cx = context(&tables, 0..3);
    let tree = shared_tree(&mut cx, Format::default());
    let root = tree.root();
    map(&mut tree.range_mut(), &mut cx, 0..PAGE);
    map(&mut tree.range_mut(), &mut cx, PAGE..2 * LARGE);
    let (mut lower, mut upper) = tree.range_mut().split_at(PAGE).expect("it is inside");
    let shared = tables.clone();
    let other = thread::spawn(move || {
        let mut cx = context(&shared, 3..5);
        upper.unmap(&mut cx, PAGE..2 * LARGE, Unmap::mapped()).expect("it is mapped").flush(&mut cx);
        map(&mut upper, &mut cx, PAGE..LARGE);
    });
    let memory = Reach(tables.clone());
    let reading = thread::spawn(move || {
        let tree = reader(Format::default(), root);
        translates_or_not(tree.translate(&memory, 0), OA);
        translates_or_not(tree.translate(&memory, PAGE), OA + PAGE);
    });
    lower.unmap(&mut cx, 0..PAGE, Unmap::mapped()).expect("it is mapped").flush(&mut cx);
    other.join().expect("it ends");
    reading.join().expect("it ends");
    let found = leaves(&reader(Format::default(), root), &cx.memory);
    assert_eq!(found, [(PAGE, OA + PAGE, WRITE)], "{LOST}");
    assert_eq!(tables.out(), 3);
}

#[test]
fn a_table_is_installed_once() {
    explore(map_beside_map);
}

#[test]
fn a_table_is_installed_once_beside_a_reader() {
    explore(map_beside_map_and_reader);
}

#[test]
fn installing_needs_exchanges_of_one_step() {
    fails(Weakness::Exchanges, &[LOST, "installed twice", NOT_ORDERED], map_beside_map);
}

#[test]
fn a_leaf_of_two_ranges_is_split_once() {
    explore(split_beside_split);
}

#[test]
fn splitting_needs_exchanges_of_one_step() {
    fails(Weakness::Exchanges, &[LOST, "installed twice", NOT_ORDERED], split_beside_split);
}

#[test]
fn a_table_of_two_ranges_stays() {
    explore(unmap_beside_unmap);
}
