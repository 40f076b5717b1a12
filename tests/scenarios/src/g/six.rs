//! G6: what is not mapped is said to be so.

use ptgen::{Error, Hide, PageTable, Va};
use ptgen_simulator::Machine;

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_words, data};

/// Absent words with room for a leaf.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.hides(), "an absent word has no room for all that a leaf says")])
}

/// A page that is not mapped is to be taken away, alone, beside mapped ones, or where there are no tables: the error says
/// where, and nothing changes.
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
    let base = Area::new(machine, facts, page, 8);
    let missing = |number: u64| Err(Error::Hole { va: Va::new(base.sub(page, number).va) });
    assert_eq!(machine.hide(base.part(page, 0, 1)), missing(0), "where there are no tables");
    for number in [0, 1, 3] {
        machine.map_leaf(&base.sub(page, number), &data::<P>())?;
    }
    let words = machine.words();
    assert_eq!(machine.hide(base.part(page, 2, 1)), missing(2), "alone");
    assert_eq!(machine.hide(base.part(page, 0, 4)), missing(2), "between others");
    assert_eq!(machine.hide(base.part(page, 3, 2)), missing(4), "at the end");
    assert_words(machine, &words);
    // Who does not mind says so.
    let all = base.part(page, 0, 4);
    let before = machine.snapshot(all);
    machine.run(vec![machine.unmapped(all)], |table, cx| table.tree_mut().hide(cx, all, Hide::everything()))?;
    let restored = vec![ptgen_simulator::Expect::restored(all, &before)];
    machine.run(restored, |table, cx| table.tree_mut().show(cx, all, Hide::everything()))?;
    assert_words(machine, &words);
    Ok(())
}
