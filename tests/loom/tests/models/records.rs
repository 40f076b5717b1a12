//! What a machine records in leaves while they are being changed.

use loom::thread;
use ptgen_loom::{Harvest, Hide, Leaves, Mapping, Protect, Records};
use ptgen_loom_atomics::Weakness;

use crate::tiny::{ACCESSED, Attributes, Change, DIRTY, Format, LARGE, PAGE};
use crate::{explore, explore_all, fails, machine, start};

const WRITE: Attributes = Attributes { write: true, accessed: false, dirty: false };
const LOST: &str = "what the machine recorded is lost";
const UNDONE: &str = "what was changed has been undone";
/// The leaf is back when the other end of the range is looked at, and is split once more than was planned.
const BACK: &str = "it is mapped: OutOfFrames";

/// A page is made read-only while a machine writes to it.
fn protect_beside_machine() {
    let (tables, mut cx, mut tree) = start(3, 3, Format::default());
    tree.map(&mut cx, 0..LARGE, 0, &WRITE, Leaves::Exactly(12)).expect("nothing is there").flush(&mut cx);
    let (root, shared) = (tree.root(), tables.clone());
    let writing = thread::spawn(move || machine::write(&shared, Format::default(), root, PAGE, ACCESSED | DIRTY));
    tree.protect(&mut cx, 0..LARGE, &Change::write(false), Protect::mapped()).expect("it is mapped").flush(&mut cx);
    let wrote = writing.join().expect("the machine ends");
    for va in [0, PAGE] {
        let attributes = tree.lookup(&cx.memory, va).expect("it is mapped").attributes();
        let recorded = wrote && va == PAGE;
        assert_eq!(attributes, Attributes { write: false, accessed: recorded, dirty: recorded }, "{LOST}");
    }
}

/// A large leaf is split to make a part of it read-only while a machine writes to the other part.
fn split_beside_machine() {
    let (tables, mut cx, mut tree) = start(3, 3, Format::default());
    tree.map(&mut cx, 0..LARGE, 0, &WRITE, Leaves::Largest).expect("nothing is there").flush(&mut cx);
    assert_eq!(tables.out(), 2);
    let (root, shared) = (tree.root(), tables.clone());
    let writing = thread::spawn(move || machine::write(&shared, Format::default(), root, PAGE, DIRTY));
    tree.protect(&mut cx, 0..PAGE, &Change::write(false), Protect::mapped()).expect("it is mapped").flush(&mut cx);
    let wrote = writing.join().expect("the machine ends");
    // The machine may have written before or after the split; in the page that it wrote to, it is known either way.
    let attributes = |va| tree.lookup(&cx.memory, va).expect("it is mapped").attributes();
    assert_eq!(attributes(PAGE), Attributes { dirty: wrote, ..WRITE }, "{LOST}");
    assert!(!attributes(0).write, "{UNDONE}");
    assert_eq!(tables.out(), 3);
}

/// Leaves are hidden and shown again while a machine writes to one of them.
fn hide_beside_machine(leaves: Leaves, hidden: std::ops::Range<u64>) {
    let (tables, mut cx, mut tree) = start(3, 3, Format::default());
    tree.map(&mut cx, 0..LARGE, 0, &WRITE, leaves).expect("nothing is there").flush(&mut cx);
    let (root, shared) = (tree.root(), tables.clone());
    let writing = thread::spawn(move || machine::write(&shared, Format::default(), root, PAGE, ACCESSED | DIRTY));
    tree.hide(&mut cx, hidden.clone(), Hide::mapped()).expect("it is mapped").flush(&mut cx);
    assert!(tree.translate(&cx.memory, hidden.start).is_err(), "{UNDONE}");
    tree.show(&mut cx, hidden, Hide::mapped()).expect("it is hidden").flush(&mut cx);
    let wrote = writing.join().expect("the machine ends");
    let attributes = tree.lookup(&cx.memory, PAGE).expect("it is mapped").attributes();
    assert_eq!(attributes, Attributes { write: true, accessed: wrote, dirty: wrote }, "{LOST}");
}

/// What has been written to is asked for while a machine reads and writes.
fn harvest_beside_machine() {
    let (tables, mut cx, mut tree) = start(3, 3, Format::default());
    tree.map(&mut cx, 0..LARGE, 0, &WRITE, Leaves::Exactly(12)).expect("nothing is there").flush(&mut cx);
    let (root, shared) = (tree.root(), tables.clone());
    let record = move |bits| machine::record_if_clear(&shared, Format::default(), root, PAGE, bits);
    let using = thread::spawn(move || {
        let (wrote, read) = (record(DIRTY), record(ACCESSED));
        (usize::from(wrote) + usize::from(record(DIRTY)), read)
    });
    let mut seen = 0;
    let mut harvest = || {
        let count = |leaf: &Mapping<Format>, records: Records| {
            assert!(leaf.va.get() == PAGE && records.dirty && !records.accessed, "{LOST}");
            seen += 1;
        };
        tree.harvest(&mut cx, 0..LARGE, Harvest::dirty(), count).expect("there are records").flush(&mut cx);
    };
    harvest();
    let (wrote, read) = using.join().expect("the machine ends");
    harvest();
    assert_eq!(seen, wrote, "{LOST}");
    let attributes = tree.lookup(&cx.memory, PAGE).expect("it is mapped").attributes();
    assert_eq!(attributes, Attributes { accessed: read, ..WRITE }, "{LOST}");
}

#[test]
fn protect_keeps_what_a_machine_records() {
    explore_all(protect_beside_machine);
}

#[test]
fn protect_needs_exchanges_of_one_step() {
    fails(Weakness::Exchanges, &[LOST], protect_beside_machine);
}

#[test]
fn split_keeps_what_a_machine_records() {
    explore_all(split_beside_machine);
}

#[test]
fn split_needs_exchanges_of_one_step() {
    fails(Weakness::Exchanges, &[LOST, UNDONE, BACK], split_beside_machine);
}

#[test]
fn hide_keeps_what_a_machine_records() {
    explore(|| hide_beside_machine(Leaves::Exactly(12), 0..LARGE));
    explore(|| hide_beside_machine(Leaves::Exactly(12), PAGE..LARGE));
    explore(|| hide_beside_machine(Leaves::Largest, 0..LARGE));
    explore(|| hide_beside_machine(Leaves::Largest, PAGE..LARGE));
    explore(|| hide_beside_machine(Leaves::Largest, 0..PAGE));
}

#[test]
fn hide_needs_exchanges_of_one_step() {
    fails(Weakness::Exchanges, &[LOST, UNDONE, "it is hidden: Hole"], || {
        hide_beside_machine(Leaves::Exactly(12), 0..LARGE)
    });
    fails(Weakness::Exchanges, &[LOST, UNDONE, "it is hidden: Hole"], || {
        hide_beside_machine(Leaves::Largest, 0..LARGE)
    });
}

#[test]
fn each_record_is_harvested_once() {
    explore(harvest_beside_machine);
}

#[test]
fn harvest_needs_exchanges_of_one_step() {
    fails(Weakness::Exchanges, &[LOST], harvest_beside_machine);
}
