//! What a machine records in pages while they are joined into one leaf.

use loom::thread;
use ptgen_loom::{Join, Leaves, Oa, Tlb, Use};
use ptgen_loom_atomics::Weakness;

use crate::flushes::{Flushes, Walks};
use crate::memory::Reach;
use crate::retiring::{Slots, reader_at, slots, waiting};
use crate::tiny::{Attributes, DIRTY, Format, LARGE, PAGE};
use crate::{NOT_ORDERED, explore, fails, leaves, machine, start_with, translates_or_not};

const OA: u64 = 0x40_0000;
const WRITE: Attributes = Attributes { write: true, accessed: false, dirty: false };
const GONE: &str = "what is mapped was gone for a reader";
const LOST: &str = "what the machine recorded is lost";
const STRICT: Format = Format { breaks: true };

/// Two pages become one leaf, while a machine writes to one of them.
fn join_beside_machine<T: Tlb>(f: Format, tlb: impl FnOnce(Walks) -> T) {
    let walks = Walks::new();
    let (tables, mut cx, mut tree) = start_with(3, 3, f, tlb(walks.clone()));
    tree.map(&mut cx, 0..LARGE, OA, &WRITE, Leaves::Exactly(12)).expect("nothing is there").flush(&mut cx);
    tree.set_use(if f.breaks { Use::Elsewhere } else { Use::Live });
    let (root, shared) = (tree.root(), tables.clone());
    let writing = thread::spawn(move || machine::write_between_flushes(&shared, f, root, PAGE, DIRTY, &walks));
    tree.join(&mut cx, 0..LARGE, Join::up_to(13)).expect("it can be joined").flush(&mut cx);
    let wrote = writing.join().expect("the machine ends");
    let found = leaves(&tree, &cx.memory);
    assert_eq!(found, [(0, OA, Attributes { dirty: wrote, ..WRITE })], "{LOST}");
    assert_eq!(tables.out(), 2);
}

/// Two pages become one leaf and are translated all the time.
fn join_beside_reader<T: Tlb>(tlb: impl FnOnce(&'static Slots) -> T) {
    let slots = slots();
    let (tables, mut cx, mut tree) = start_with(3, 3, Format::default(), tlb(slots));
    tree.map(&mut cx, 0..LARGE, OA, &WRITE, Leaves::Exactly(12)).expect("nothing is there").flush(&mut cx);
    let (reads, memory) = (reader_at(&tree, slots), Reach(tables.clone()));
    let reading = thread::spawn(move || {
        for va in [PAGE, 0] {
            let reading = reads.enter(0).expect("there is a slot");
            assert!(translates_or_not(reading.translate(&memory, va), OA + va), "{GONE}");
        }
    });
    tree.join(&mut cx, 0..LARGE, Join::up_to(13)).expect("it can be joined").flush(&mut cx);
    reading.join().expect("the reader ends");
    assert_eq!(tree.translate(&cx.memory, PAGE), Ok(Oa::new(OA + PAGE)));
    assert_eq!(tables.out(), 2);
}

/// The answer is no: everything is as it was, and what the machine has recorded before or after is there.
fn veto_beside_machine() {
    let walks = Walks::new();
    let (tables, mut cx, mut tree) = start_with(3, 3, STRICT, Flushes(walks.clone()));
    tree.map(&mut cx, 0..LARGE, OA, &WRITE, Leaves::Exactly(12)).expect("nothing is there").flush(&mut cx);
    tree.set_use(Use::Elsewhere);
    let (root, shared) = (tree.root(), tables.clone());
    let writing = thread::spawn(move || machine::write_between_flushes(&shared, STRICT, root, PAGE, DIRTY, &walks));
    tree.join_with(&mut cx, 0..LARGE, Join::up_to(13), |_| false).expect("it can be joined").flush(&mut cx);
    let wrote = writing.join().expect("the machine ends");
    let found = leaves(&tree, &cx.memory);
    assert_eq!(found, [(0, OA, WRITE), (PAGE, OA + PAGE, Attributes { dirty: wrote, ..WRITE })], "{LOST}");
    assert_eq!(tables.out(), 3);
}

#[test]
fn join_keeps_what_a_machine_records() {
    explore(|| join_beside_machine(Format::default(), Flushes));
    explore(|| join_beside_machine(STRICT, Flushes));
}

#[test]
fn join_needs_a_flush_that_waits() {
    fails(Weakness::Nothing, &[LOST, NOT_ORDERED], || join_beside_machine(Format::default(), |_| ptgen_loom::NoTlb));
    fails(Weakness::Nothing, &[LOST, NOT_ORDERED], || join_beside_machine(STRICT, |_| ptgen_loom::NoTlb));
}

#[test]
fn join_needs_exchanges_of_one_step() {
    fails(Weakness::Exchanges, &[LOST], || join_beside_machine(Format::default(), Flushes));
}

#[test]
fn join_is_no_moment_for_readers() {
    explore(|| join_beside_reader(waiting));
}

#[test]
fn join_needs_a_wait_for_readers() {
    fails(Weakness::Nothing, &[GONE, NOT_ORDERED], || join_beside_reader(|_| ptgen_loom::NoTlb));
}

#[test]
fn a_veto_keeps_what_a_machine_records() {
    explore(veto_beside_machine);
}
