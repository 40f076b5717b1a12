//! C-H: prepared in one place, done in another where nothing may be allocated.

use std::mem::ManuallyDrop;

use ptgen::{Hide, PageTable, Prepare, Use};
use ptgen_simulator::{Expect, Kind, Machine, Snapshot};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, data};

/// Leaves that can be split, and absent words with room for what a leaf says.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.large().is_some(), "all leaves have one size"),
        (facts.hides(), "an absent word has no room for all that a leaf says"),
    ])
}

/// Frames are reserved for a stretch of large leaves; then, with allocation forbidden, parts of it are hidden and shown in
/// whatever order; what was not needed goes back.
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
    let page = facts.smallest();
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    // Three leaves; what is reserved is for all of them.
    let first = Area::new(machine, facts, large.shift, 4);
    for number in 0..3 {
        machine.map_leaf(&first.sub(large.shift, number), &data::<P>())?;
    }
    let all = first.part(large.shift, 0, 3);
    let before = machine.snapshot(all);
    machine.begin(Vec::new());
    let (table, cx) = machine.parts();
    let prepared = table.tree_mut().prepare(cx, all, Prepare::changes(page));
    if prepared.is_err() {
        machine.failed();
    }
    // What is dropped while a panic unwinds may say nothing.
    let mut reservation = ManuallyDrop::new(prepared?);
    assert_eq!(machine.log(|log| log.stores()), 0, "a reservation changes nothing");
    let held = machine.log(|log| log.count(Kind::Alloc));
    assert_eq!(reservation.total(), held as u64);
    let slots = 1 << (large.shift - page);
    let parts = [(5, 1), (slots - 1, 2), (6, 3), (slots + 1, 1), (0, 5)];
    machine.without_allocation(|machine| {
        for hide in [true, false] {
            for (place, count) in parts {
                reserved(machine, &mut *reservation, first.part(page, place, count), hide.then_some(()), &before);
            }
        }
    });
    // One leaf has been split, and its neighbour; the third one's tables are left.
    assert!(!reservation.is_empty(), "the third leaf's tables have not been needed");
    let (_, cx) = machine.parts();
    ManuallyDrop::into_inner(reservation).release(&mut cx.frames);
    machine.check();
    machine.assert_balanced();
    Ok(())
}

/// Hides a part, or shows it, with frames of the reservation.
fn reserved<P: PageTable, A: ptgen::Frames>(
    machine: &mut Machine<'_, P>,
    frames: &mut A,
    range: ptgen::VaRange,
    hide: Option<()>,
    before: &Snapshot,
) {
    let expect = if hide.is_some() { machine.unmapped(range) } else { Expect::restored(range, before) };
    machine.begin(vec![expect]);
    let (table, cx) = machine.parts();
    let mut cx = cx.with_frames(frames);
    let unflushed = match hide {
        Some(()) => table.tree_mut().hide(&mut cx, range, Hide::everything()),
        None => table.tree_mut().show(&mut cx, range, Hide::everything()),
    };
    unflushed.expect("a reserved change does not fail").flush(&mut cx);
    machine.assert_flushed();
    machine.end();
}
