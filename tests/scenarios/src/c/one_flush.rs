//! One flush for a gigabyte of pages.

use ptgen::{ChangeKind, Leaves, PageTable, Way};
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, change, data};

/// 1 GiB, and pages.
const GIGABYTE: u32 = 30;
const PAGE: u32 = 12;

/// Pages of 4 KiB, and 2 GiB of VA.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    let top = facts.levels.last().map_or(0, |level| level.shift + level.index_bits);
    Applies::if_all([
        (facts.smallest() == PAGE, "pages are not of 4 KiB"),
        (top > GIGABYTE, "there is less than 2 GiB of VA"),
        (facts.says("write"), "leaves cannot be read-only"),
        (facts.way(ChangeKind::Restrict) == Way::Live, "rights are not taken away by a store and a flush"),
    ])
}

/// 1 GiB of pages of 4 KiB is made read-only: one store for each, one flush for all.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    // What happens without frames for a map is shown elsewhere, on fewer of them.
    machine.limit_allocations(None);
    let area = Area::new(machine, facts, GIGABYTE, 1);
    machine.map(&area, &data::<P>(), Leaves::Exactly(PAGE))?;
    machine.protect(area.range(), &change::<P>(&[("write", 0)]))?;
    machine.log(|log| {
        log.assert_count(Kind::Alloc, 0);
        log.assert_count(Kind::Set, 1 << (GIGABYTE - PAGE));
        log.assert_count(Kind::Flush, 1);
        log.assert_before(Kind::Set, Kind::Flush);
    });
    Ok(())
}
