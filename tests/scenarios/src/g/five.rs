//! G5: a page may go to somebody else only after the flush.

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ptgen::{Batch, ChangeKind, Error, Hide, PageTable, Va, Way};
use ptgen_simulator::{Invariant, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, data};

/// Absent words with room for a leaf, and a flush that can come later.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.hides(), "an absent word has no room for all that a leaf says"),
        (facts.way(ChangeKind::Clear) == Way::Live, "what is taken away is purged at once, by the instruction"),
    ])
}

/// A page is taken away, and the flush waits in a batch. Its VA is not to be had meanwhile, and the page may not be used for
/// something else: the machine would notice. After the flush, the proof in hand, both may be.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let page = Area::new(machine, facts, facts.smallest(), 5);
    machine.map_leaf(&page, &data::<P>())?;
    let expects = vec![machine.unmapped(page.range())];
    let unflushed = machine.deferred(expects, |table, cx| table.tree_mut().hide(cx, page.range(), Hide::mapped()))?;
    // What is dropped while a panic unwinds may say nothing.
    let mut batch = ManuallyDrop::new(Batch::<P::Format>::new());
    batch.push(unflushed, &machine.cx().memory);
    assert_eq!(batch.claim(page.range()), Err(Error::Stale { va: Va::new(page.va) }));
    let too_early = catch_unwind(AssertUnwindSafe(|| machine.free_data(page.oa, 1 << page.lg2)));
    assert!(too_early.is_err(), "a TLB may still translate to the page");
    machine.assert_broken(Invariant::I2DataLifetime);
    let cx = machine.cx();
    let flushed = batch.issue(&mut cx.tlb).expect("there is something to flush");
    flushed.retire(cx);
    machine.free_data(page.oa, 1 << page.lg2);
    assert_eq!(batch.claim(page.range()), Ok(()));
    Ok(())
}
