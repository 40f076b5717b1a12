//! C-D: what is hidden comes back with every bit it had.

use ptgen::{PageTable, Use};
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_words, data};

/// Absent words with room for what a leaf says.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.hides(), "an absent word has no room for all that a leaf says")])
}

/// A leaf of each size is hidden and shown; then one page of a large leaf is, and the leaf is joined again.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    for level in facts.levels.iter().filter(|level| level.has_leaf() && level.hides) {
        let area = Area::new(machine, facts, level.shift, 1);
        machine.map_leaf(&area, &data::<P>())?;
        let (words, before) = (machine.words(), machine.snapshot(area.range()));
        machine.hide(area.range())?;
        machine.log(|log| {
            log.assert_count(Kind::Alloc, 0);
            assert_eq!(log.stores(), 1, "{log}");
        });
        assert!(machine.is_free(area.range()), "what is hidden is a hole");
        machine.show(area.range(), &before)?;
        assert_eq!(machine.log(|log| log.stores()), 1);
        assert_words(machine, &words);
        machine.unmap(area.range())?;
    }
    let Some(large) = facts.large() else { return Ok(()) };
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    let area = Area::new(machine, facts, large.shift, 3);
    machine.map_leaf(&area, &data::<P>())?;
    let (words, before) = (machine.words(), machine.snapshot(area.range()));
    let page = area.part(facts.smallest(), 7, 1);
    machine.hide(page)?;
    assert!(machine.is_free(page), "what is hidden is a hole");
    machine.show(page, &before)?;
    machine.join(area.range(), area.lg2)?;
    assert_words(machine, &words);
    machine.assert_balanced();
    Ok(())
}
