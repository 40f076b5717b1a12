//! G3: putting back takes no memory.

use ptgen::{PageTable, Use};
use ptgen_simulator::Machine;

use crate::facts::{Applies, Facts, LevelFacts};
use crate::steps::{Area, Outcome, Steps, data};

/// Absent words with room for a leaf.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.hides(), "an absent word has no room for all that a leaf says")])
}

/// What has been taken away, a page or a large leaf or some pages of one, is put back where nothing may be allocated.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    let page = facts.smallest();
    let has_room = |level: &&LevelFacts| facts.has_stretches(level.shift, 3);
    for level in facts.levels.iter().filter(|level| level.has_leaf() && level.hides).filter(has_room) {
        let area = Area::new(machine, facts, level.shift, 2);
        machine.map_leaf(&area, &data::<P>())?;
        let before = machine.snapshot(area.range());
        let mut parts = vec![area.range()];
        if level.shift > page {
            parts.extend([area.part(page, 6, 2), area.part(page, 1, 1), area.part(page, 7, 4)]);
        }
        for part in parts {
            machine.hide(part)?;
            machine.without_allocation(|machine| machine.show(part, &before))?;
        }
        machine.unmap(area.range())?;
    }
    Ok(())
}
