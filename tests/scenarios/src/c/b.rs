//! C-B: what changes nothing does nothing.

use ptgen::PageTable;
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_words, change, data};

/// Leaves that are larger than the smallest, and rights.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.large().is_some(), "all leaves have one size"),
        (facts.says("write"), "leaves cannot be read-only"),
    ])
}

/// A page of a writable leaf is made writable; the largest leaf likewise, whole.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let large = facts.large().expect("it applies").shift;
    let area = Area::new(machine, facts, large, 3);
    machine.map_leaf(&area, &data::<P>())?;
    let writable = change::<P>(&[("write", 1)]);
    let before = machine.words();
    for range in [area.part(facts.smallest(), 5, 1), area.range()] {
        machine.protect(range, &writable)?;
        assert_eq!(machine.log(|log| log.stores()), 0);
        for kind in [Kind::Alloc, Kind::Replace, Kind::Flush] {
            machine.log(|log| log.assert_count(kind, 0));
        }
        assert_words(machine, &before);
    }
    Ok(())
}
