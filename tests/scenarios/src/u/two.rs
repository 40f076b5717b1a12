//! U2: a table goes with the last thing in it, at the ends of the address space too.

use ptgen::PageTable;
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_flushed_before_free, data};

/// Tables below the root.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.levels.len() > 1, "the root is the only table"),
        (facts.levels[0].index_bits > 2, "a table has no room for two neighbours"),
    ])
}

/// Two neighbours in one table: when one is unmapped, no table goes; when the other is, all of them do, but the root. In the
/// middle, at the lowest address, and at the highest.
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
    let half = page.max(facts.levels[0].shift) + facts.levels[0].index_bits - 1;
    let halves = (machine.last() >> half) + 1;
    let tables = facts.levels.len() - 1;
    for lower in [0, halves / 4 * 2, halves - 2] {
        let [lower, upper] =
            [0, 1].map(|number| Area { va: machine.va((lower + number) << half), oa: number << half, lg2: half });
        // Some at the end of the one, and at the start of the other.
        let pages = 1 << (half - page).min(2);
        for area in [&lower, &upper] {
            let (first, last) = (area.sub(page, 0), area.sub(page, (1 << (half - page)) - 1));
            machine.map_leaf(&first, &data::<P>())?;
            if pages > 1 {
                machine.map_leaf(&last, &data::<P>())?;
            }
        }
        machine.unmap(lower.range())?;
        machine.log(|log| {
            log.assert_count(Kind::Unlink, 0);
            log.assert_count(Kind::Free, 0);
        });
        assert!(machine.is_free(lower.range()) && !machine.is_free(upper.range()));
        machine.unmap(upper.range())?;
        machine.log(|log| {
            log.assert_count(Kind::Free, tables);
            log.assert_count(Kind::Unlink, tables);
            assert_flushed_before_free(log, facts);
        });
        machine.assert_balanced();
    }
    Ok(())
}
