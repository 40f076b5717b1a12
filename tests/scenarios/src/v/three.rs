//! V3: a table that is not empty stays.

use ptgen::{Error, Leaves, PageTable, Va};
use ptgen_simulator::{Kind, Machine};

use super::below;
use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_words, data};

/// Pages, and leaves of a table's worth of them.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.large().is_some(), "no leaf is a table's worth of others")])
}

/// A large leaf is to be mapped where a table has one page, be it the first, one in between, or the last: refused, with where
/// that is, and nothing has changed.
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
    let page = below(facts, large).shift;
    let slots = 1 << (large.shift - page);
    let area = Area::new(machine, facts, large.shift, 3);
    for number in [0, slots / 2, slots - 1] {
        let there = area.sub(page, number);
        machine.map_leaf(&there, &data::<P>())?;
        let (words, frames) = (machine.words(), machine.frames());
        // One leaf; or smaller ones, which would go under the table, up to the page.
        for leaves in [Leaves::Exactly(large.shift), Leaves::Largest] {
            let refused = machine.map(&area, &data::<P>(), leaves);
            assert_eq!(refused, Err(Error::Occupied { va: Va::new(there.va) }));
            assert_words(machine, &words);
            assert_eq!(machine.frames(), frames);
            machine.log(|log| {
                log.assert_count(Kind::Flush, 0);
                assert_eq!(log.stores(), 0, "{log}");
            });
        }
        machine.unmap(there.range())?;
    }
    Ok(())
}
