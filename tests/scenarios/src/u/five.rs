//! U5: a huge page is split where no frame is to be had, with tables that were put aside when it was mapped.

use std::mem::ManuallyDrop;

use ptgen::{PageTable, Prepare, Use};
use ptgen_simulator::{Expect, Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, data};

/// Leaves that can be split.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.large().is_some(), "all leaves have one size")])
}

/// A large leaf that the machine has used is split to pages with allocation forbidden: translations stay, and what was
/// recorded in it is recorded in each of them.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let large = facts.large().expect("it applies");
    let page = facts.levels[usize::from(large.number) - 1].shift;
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    let area = Area::new(machine, facts, large.shift, 2);
    machine.map_leaf(&area, &data::<P>())?;
    let range = area.range();
    machine.begin(Vec::new());
    let (table, cx) = machine.parts();
    let prepared = table.tree_mut().prepare(cx, range, Prepare::changes(page));
    if prepared.is_err() {
        machine.failed();
    }
    // What is dropped while a panic unwinds may say nothing.
    let mut deposit = ManuallyDrop::new(prepared?);
    assert_eq!(deposit.total(), 1, "one table is put aside");
    machine.touch(area.va, true);
    let was = machine.leaf(area.va).attributes();

    machine.without_allocation(|machine| {
        machine.begin(vec![Expect::same(range)]);
        let (table, cx) = machine.parts();
        let mut cx = cx.with_frames(&mut *deposit);
        let split = table.tree_mut().split(&mut cx, range, page);
        split.expect("what has been prepared does not fail").flush(&mut cx);
        machine.assert_flushed();
        machine.end();
    });
    machine.log(|log| log.assert_count(Kind::Link, 1));
    for number in [0, 1, (1 << (large.shift - page)) - 1] {
        let leaf = machine.leaf(area.va + (number << page));
        assert!(leaf.size_lg2 < large.shift, "it has been split");
        assert_eq!(leaf.attributes(), was, "part {number}");
    }
    let (_, cx) = machine.parts();
    ManuallyDrop::into_inner(deposit).release(&mut cx.frames);
    machine.assert_balanced();
    machine.unmap(range)
}
