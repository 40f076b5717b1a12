//! U4: a table is given back when nobody can be reading it any more.
//!
//! The package `ptgen-loom` has readers that really run beside; here it is the order that counts.

use ptgen::PageTable;
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_flushed_before_free, data};

/// Tables that can go.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.levels.len() > 1, "the root is the only table")])
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
        assert_flushed_before_free(log, facts);
        log.assert_order(&[Kind::Unlink, Kind::Wait, Kind::Free]);
        log.assert_before(Kind::Unlink, Kind::Wait);
        if log.count(Kind::Flush) > 0 {
            log.assert_before(Kind::Flush, Kind::Wait);
        }
        log.assert_before(Kind::Wait, Kind::Free);
        log.assert_count(Kind::Wait, 1);
    });
    machine.assert_balanced();
    Ok(())
}
