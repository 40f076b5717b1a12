//! V4: nothing is mapped over what is there.

use ptgen::{Error, Leaves, PageTable, Va, VaRange};
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_words, data};

/// Everything that maps.
#[must_use]
pub const fn applies(_facts: &Facts) -> Applies {
    Applies::Yes
}

/// Over a leaf of each size, runs included, nothing is mapped: neither the same again, nor a page within, nor a range that
/// begins before it. The first address that is there already is named, and nothing has changed.
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
    for lg2 in facts.sizes.iter() {
        let area = Area::new(machine, facts, lg2, 1);
        machine.map_leaf(&area, &data::<P>())?;
        let words = machine.words();
        refused(machine, area.range(), area.oa, Leaves::Exactly(lg2), area.va);
        refused(machine, area.range(), area.oa, Leaves::Largest, area.va);
        let last = area.sub(page, (1 << (lg2 - page)) - 1);
        refused(machine, last.range(), last.oa, Leaves::Largest, last.va);
        let start = area.va - (1 << page);
        refused(machine, VaRange::new(start, 2 << page), area.oa - (1 << page), Leaves::Largest, area.va);
        assert_words(machine, &words);
        assert_eq!(machine.leaf(last.va).size_lg2, lg2);
        machine.unmap(area.range())?;
    }
    Ok(())
}

/// It is not mapped because there is something at `va`. Frames that were taken are back.
#[track_caller]
fn refused<P: PageTable>(machine: &mut Machine<'_, P>, range: VaRange, oa: u64, leaves: Leaves, va: u64) {
    let frames = machine.frames();
    let expects = vec![machine.mapped(range, oa, &data::<P>())];
    let refused = machine.run(expects, |table, cx| table.map(cx, range, oa, &data::<P>(), leaves));
    assert_eq!(refused, Err(Error::Occupied { va: Va::new(va) }), "{range:?}");
    assert_eq!(machine.frames(), frames);
    machine.log(|log| {
        log.assert_count(Kind::Alloc, log.count(Kind::Free));
        log.assert_count(Kind::Flush, 0);
    });
}
