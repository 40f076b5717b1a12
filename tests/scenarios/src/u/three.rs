//! U3: who comes second finds the table that the first has installed.
//!
//! Here the two take turns, under the eyes of the simulated machine; the package `ptgen-loom` explores every order in which
//! they can do so at once.

use ptgen::{Leaves, PageTable};
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, data};

/// Tables that two ranges can have in common.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.levels.len() > 1, "the root is the only table"),
        (facts.levels[0].has_leaf(), "the lowest level has no leaf of one slot"),
    ])
}

/// Two ranges that meet within one table: both are mapped, by turns. Each table above both is installed once.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let page = facts.smallest();
    let tables = facts.levels.len() - 1;
    let area = Area::new(machine, facts, page, 4);
    let [lower, upper] = [area, area.sub(page, 1)];
    let expects = vec![
        machine.mapped(lower.range(), lower.oa, &data::<P>()),
        machine.mapped(upper.range(), upper.oa, &data::<P>()),
    ];
    machine.begin(expects);
    let (table, cx) = machine.parts();
    let (mut below, mut above) =
        table.tree_mut().range_mut().split_at(upper.va).expect("the middle is a multiple of a page");
    let first = below.map(cx, lower.range(), lower.oa, &data::<P>(), Leaves::Exactly(page));
    let result = first.and_then(|first| {
        first.flush(cx);
        above.map(cx, upper.range(), upper.oa, &data::<P>(), Leaves::Exactly(page)).map(|second| second.flush(cx))
    });
    if let Err(error) = result {
        // The first may have been done: it is taken back, and all is as it was.
        let range = lower.range();
        let taken = below.unmap(cx, range, ptgen::Unmap::everything());
        taken.expect("to unmap takes no frames").flush(cx);
        let kept = table.tree_mut().unmap(cx, range, ptgen::Unmap::everything());
        kept.expect("to unmap takes no frames").flush(cx);
        machine.failed();
        machine.check();
        return Err(error);
    }
    machine.assert_flushed();
    machine.end();
    machine.log(|log| {
        log.assert_count(Kind::Link, 1);
        log.assert_count(Kind::Alloc, tables);
        log.assert_count(Kind::Free, 0);
    });
    machine.assert_balanced();
    // A table of both goes with neither of them, but with all.
    machine.begin(vec![machine.unmapped(lower.range())]);
    let (table, cx) = machine.parts();
    let (mut below, _) = table.tree_mut().range_mut().split_at(upper.va).expect("as before");
    below.unmap(cx, lower.range(), ptgen::Unmap::everything()).expect("to unmap takes no frames").flush(cx);
    machine.assert_flushed();
    machine.end();
    machine.log(|log| log.assert_count(Kind::Unlink, 0));
    machine.unmap(upper.range())?;
    machine.assert_balanced();
    Ok(())
}
