//! U4: a table is given back when nobody can be reading it any more.
//!
//! The package `ptgen-loom` has readers that really run beside; here it is the order that counts.

use ptgen::{ChangeKind, PageTable, Way};
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, data};

/// Tables that can go.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.levels.len() > 1, "the root is the only table"),
        (
            facts.way(ChangeKind::Unlink) < Way::Instruction,
            "live entries are replaced by an instruction, which purges each (C-M)",
        ),
    ])
}

/// A page and its tables go while somebody reads them without a lock: out of the tables, flush, wait for readers, give back.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    machine.set_readers(1);
    let area = Area::new(machine, facts, facts.smallest(), 5);
    machine.map_leaf(&area, &data::<P>())?;
    machine.log(|log| log.assert_count(Kind::Wait, 0));
    machine.unmap(area.range())?;
    machine.log(|log| {
        log.assert_order(&[Kind::Unlink, Kind::Flush, Kind::Wait, Kind::Free]);
        log.assert_before(Kind::Wait, Kind::Free);
        log.assert_count(Kind::Wait, 1);
    });
    machine.assert_balanced();
    Ok(())
}
