//! Break before make, with others about: a machine that records in the leaf that goes, and faults on what is gone for a
//! moment (scenario KV1).

use loom::thread;
use ptgen_loom::{Error, Leaves, Protect, Tree, Use, Va};
use ptgen_loom_atomics::Weakness;

use crate::memory::Tables;
use crate::tiny::{Attributes, Change, DIRTY, Format, LARGE, PAGE};
use crate::{context, explore, fails, leaves, machine, reader, shared_tree};

const OA: u64 = 0x40_0000;
/// What a fault handler maps to.
const OTHER: u64 = 0x80_0000;
const WRITE: Attributes = Attributes { write: true, accessed: false, dirty: false };
const READ: Attributes = Attributes { write: false, ..WRITE };
const STRICT: Format = Format { breaks: true };
const LOST: &str = "a change is lost";

/// One leaf in tables that somebody else walks, and whose leaves may change their size only by way of absent.
fn one_leaf(frames: usize) -> (std::sync::Arc<Tables>, crate::Cx, &'static mut Tree<Format>) {
    let tables = Tables::new(frames);
    let mut cx = context(&tables, 0..3);
    let tree = shared_tree(&mut cx, STRICT);
    tree.set_use(Use::Elsewhere);
    tree.map(&mut cx, 0..LARGE, OA, &WRITE, Leaves::Largest).expect("nothing is there").flush(&mut cx);
    assert_eq!(tables.out(), 2);
    (tables, cx, tree)
}

/// Half of the leaf is changed while a machine writes to the other half.
fn break_beside_machine() {
    let (tables, mut cx, tree) = one_leaf(3);
    let (root, shared) = (tree.root(), tables.clone());
    let writing = thread::spawn(move || machine::write(&shared, STRICT, root, PAGE, DIRTY));
    tree.protect(&mut cx, 0..PAGE, &Change::write(false), Protect::mapped()).expect("it is mapped").flush(&mut cx);
    let wrote = writing.join().expect("the machine ends");
    let found = leaves(&reader(STRICT, root), &cx.memory);
    let read = found[0].2;
    assert_eq!(found.len(), 2, "{LOST}");
    // Of a leaf that is one the machine has written to all.
    assert_eq!((found[0].1, read.write), (OA, false), "{LOST}");
    assert_eq!(found[1], (PAGE, OA + PAGE, Attributes { dirty: wrote, ..WRITE }), "{LOST}");
    assert_eq!(tables.out(), 3);
}

/// Half of the leaf is changed while an access to the other half faults, and is tried again until it does not.
fn break_beside_retries() {
    let (tables, mut cx, tree) = one_leaf(3);
    let root = tree.root();
    let (mut lower, upper) = tree.range_mut().split_at(PAGE).expect("it is inside");
    let memory = cx.memory.clone();
    let faulting = thread::spawn(move || {
        while let Err(fault) = upper.translate(&memory, PAGE) {
            assert_eq!(fault.kind, ptgen_loom::FaultKind::Absent, "a reader saw a slot before it was written");
            thread::yield_now();
        }
    });
    lower.protect(&mut cx, 0..PAGE, &Change::write(false), Protect::mapped()).expect("it is mapped").flush(&mut cx);
    faulting.join().expect("the access succeeds in the end");
    assert_eq!(leaves(&reader(STRICT, root), &cx.memory), [(0, OA, READ), (PAGE, OA + PAGE, WRITE)], "{LOST}");
    assert_eq!(tables.out(), 3);
}

/// Half of the leaf is changed while the owner of the other half finds nothing there, and maps something else.
fn break_beside_fault() {
    let (tables, mut cx, tree) = one_leaf(6);
    let root = tree.root();
    let (mut lower, mut upper) = tree.range_mut().split_at(PAGE).expect("it is inside");
    let shared = tables.clone();
    let faulting = thread::spawn(move || {
        let mut cx = context(&shared, 3..6);
        match upper.map(&mut cx, PAGE..LARGE, OTHER, &WRITE, Leaves::Largest) {
            Ok(unflushed) => {
                unflushed.flush(&mut cx);
                true
            }
            Err(error) => {
                assert_eq!(error, Error::Occupied { va: Va::new(PAGE) });
                false
            }
        }
    });
    lower.protect(&mut cx, 0..PAGE, &Change::write(false), Protect::mapped()).expect("it is mapped").flush(&mut cx);
    let mapped = faulting.join().expect("it ends");
    let oa = if mapped { OTHER } else { OA + PAGE };
    assert_eq!(leaves(&reader(STRICT, root), &cx.memory), [(0, OA, READ), (PAGE, oa, WRITE)], "{LOST}");
    assert_eq!(tables.out(), 3, "a table was installed twice");
}

#[test]
fn break_keeps_what_a_machine_records() {
    explore(break_beside_machine);
}

#[test]
fn break_needs_exchanges_of_one_step() {
    // Or the leaf that the machine has written to comes back, and is split until there are no frames.
    fails(Weakness::Exchanges, &[LOST, "OutOfFrames"], break_beside_machine);
}

#[test]
fn an_access_to_what_is_gone_for_a_moment_succeeds_in_the_end() {
    explore(break_beside_retries);
}

#[test]
fn a_fault_on_what_is_gone_for_a_moment_installs_no_second_table() {
    explore(break_beside_fault);
}
