//! U6: a collapse that is given up leaves the old table as it was.

use ptgen::{Join, Leaves, PageTable, Use};
use ptgen_simulator::{Expect, Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_words, data};

/// Leaves that can be joined to a larger one.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.large().is_some(), "all leaves have one size")])
}

/// A table's worth of leaves is about to be joined when the caller finds that it must not be: every word is what it was, and
/// at most one more flush has been made.
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
    let small = facts.levels[usize::from(large.number) - 1].shift;
    machine.set_use(Use::Elsewhere);
    let area = Area::new(machine, facts, large.shift, 3);
    machine.map(&area, &data::<P>(), Leaves::Exactly(small))?;
    let before = machine.words();
    let mut asked = 0;
    // The translations may be gone while the caller is asked, and are back afterwards.
    machine.run(vec![Expect::same(area.range()).breaking()], |table, cx| {
        table.tree_mut().join_with(cx, area.range(), Join::up_to(large.shift).exactly(), |_| {
            asked += 1;
            false
        })
    })?;
    assert!(asked > 0, "the caller is asked");
    assert_words(machine, &before);
    machine.log(|log| {
        log.assert_count(Kind::Free, 0);
        log.assert_count(Kind::Alloc, 0);
        assert!(log.count(Kind::Flush) <= asked + 1, "{asked} questions:\n{log}");
    });
    machine.assert_balanced();
    machine.unmap(area.range())
}
