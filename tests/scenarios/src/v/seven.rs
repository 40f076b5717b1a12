//! V7: flushing later, and once.

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ptgen::{Batch, ChangeKind, Error, PageTable, Unmap, Va, Way};
use ptgen_simulator::{Invariant, Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, data};

/// How many pages are unmapped.
const PAGES: u64 = 100;

/// Changes that may be flushed later.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(
        facts.way(ChangeKind::Clear) == Way::Live,
        "what is taken away is purged at once, by the instruction",
    )])
}

/// A hundred pages are unmapped one by one, and nothing is flushed. Until it is, their VA is not to be had, and a page that
/// were used for something else would still be reached. One flush, and both may be used.
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
    let lg2 = page + PAGES.next_power_of_two().ilog2() + 1;
    let area = Area::new(machine, facts, lg2, 1);
    let all = area.part(page, 0, 2 * PAGES);
    // Every other page.
    for number in 0..PAGES {
        machine.map_leaf(&area.sub(page, 2 * number), &data::<P>())?;
    }
    // What is dropped while a panic unwinds may say nothing.
    let mut batch = ManuallyDrop::new(Batch::<P::Format>::new());
    for number in 0..PAGES {
        let gone = area.part(page, 2 * number, 1);
        let expects = vec![machine.unmapped(gone)];
        let unflushed = machine.deferred(expects, |table, cx| table.unmap(cx, gone, Unmap::mapped()))?;
        machine.log(|log| {
            log.assert_count(Kind::Flush, 0);
            log.assert_count(Kind::Free, 0);
        });
        batch.push(unflushed, &machine.cx().memory);
        assert_eq!(batch.claim(gone), Err(Error::Stale { va: gone.start() }));
    }
    assert_eq!(batch.claim(all), Err(Error::Stale { va: Va::new(area.va) }));
    assert_eq!(batch.claim(area.part(page, 2 * PAGES, 1)), Ok(()), "nothing was there");
    let too_early = catch_unwind(AssertUnwindSafe(|| machine.free_data(area.oa, 1 << page)));
    assert!(too_early.is_err(), "a TLB may still translate to the page");
    machine.assert_broken(Invariant::I2DataLifetime);

    machine.begin(Vec::new());
    batch.flush(machine.cx());
    machine.assert_flushed();
    machine.end();
    machine.log(|log| log.assert_count(Kind::Flush, 1));
    assert_eq!(batch.claim(all), Ok(()));
    for number in 0..PAGES {
        machine.free_data(area.oa + ((2 * number) << page), 1 << page);
    }
    machine.assert_balanced();
    Ok(())
}
