//! C-C: a whole leaf is changed where it is.

use ptgen::{ChangeKind, PageTable, Way};
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, change, data};

/// Leaves with rights that may be taken away from a live leaf.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.says("write"), "leaves cannot be read-only"),
        (facts.way(ChangeKind::Restrict) < Way::Break, "rights are not taken away from a live leaf"),
    ])
}

/// A leaf of each size is made read-only: one word changes, and one flush follows.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let read_only = change::<P>(&[("write", 0)]);
    for level in facts.levels.iter().filter(|level| level.has_leaf()) {
        let area = Area::new(machine, facts, level.shift, 1);
        machine.map_leaf(&area, &data::<P>())?;
        machine.protect(area.range(), &read_only)?;
        let by_instruction = facts.way(ChangeKind::Restrict) == Way::Instruction;
        machine.log(|log| {
            log.assert_count(Kind::Alloc, 0);
            log.assert_count(Kind::Replace, usize::from(by_instruction));
            log.assert_count(Kind::Set, 1);
            assert_eq!(log.stores(), 1, "{log}");
            if !by_instruction {
                log.assert_count(Kind::Flush, 1);
                log.assert_order(&[Kind::Set, Kind::Flush]);
            }
            assert!(log.flushes().all(|request| !request.tables), "no table has been touched:\n{log}");
        });
        assert_eq!(machine.leaf(area.va).size_lg2, level.shift);
        machine.unmap(area.range())?;
    }
    Ok(())
}
