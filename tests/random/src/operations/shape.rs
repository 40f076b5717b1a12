//! What changes no translation: splitting, joining, tables made before they are needed.

use ptgen::{Error, Join, Leaves, PageTable, Pin, Request, Use, VaRange};
use ptgen_simulator::Expect;
use rand::RngExt;

use super::super::runner::Runner;
use super::is_of_the_format;

/// Leaves are split.
pub(super) fn split<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    let (range, size) = if runner.chance(80) { large(runner) } else { runner.mapped_range() };
    let smaller = runner.smaller_size(range, size);
    let (range, size) = (if runner.chance(50) { range } else { runner.part(range, smaller) }, smaller);
    // What was recorded in one slot of a run is said by all of its parts.
    let expects = vec![Expect::recorded(runner.machine.around(range))];
    let result = runner.request(expects, range, &Request::Split(size));
    if let Err(error) = &result {
        assert!(is_of_the_format(error), "split {range:?} to {size}: {error:?}");
    }
    result
}

/// All of a leaf that is larger than the smallest, mapped just now if there was room, and the lg2 of its size.
fn large<P: PageTable>(runner: &mut Runner<'_, P>) -> (VaRange, u32) {
    let count = runner.shape.sizes.len();
    let number = runner.rng.random_range(0..count).min(runner.rng.random_range(0..count)) + 1;
    let size = runner.shape.sizes[number.min(count - 1)];
    let mask = (1 << size) - 1;
    let mut all = runner.range().0;
    for _ in 0..6 {
        let first = runner.range().0.start().get() & runner.shape.last & !mask;
        all = VaRange::inclusive(runner.machine.va(first), runner.machine.va(first | mask));
        if runner.machine.is_free(all) {
            let (oa, attributes) = (runner.oa(all) & !mask, runner.some_attributes());
            let expects = vec![runner.machine.mapped(all, oa, &attributes)];
            let request = Request::Map { oa: oa.into(), attributes: &attributes, leaves: Leaves::Largest };
            if runner.request(expects, all, &request).is_ok() {
                runner.known.add(all);
            }
            break;
        }
    }
    (all, size)
}

/// A range where leaves could be joined: of all of a large leaf that has been split, and perhaps used in some part.
fn joinable<P: PageTable>(runner: &mut Runner<'_, P>) -> (VaRange, u32) {
    let (all, size) = large(runner);
    let smaller = runner.smaller_size(all, size);
    let part = if runner.chance(50) { all } else { runner.part(all, smaller) };
    let expects = vec![Expect::recorded(runner.machine.around(part))];
    _ = runner.request(expects, part, &Request::Split(smaller));
    if runner.chance(20) {
        let page = runner.shape.sizes[0];
        let at = runner.part(all, page);
        let write = runner.chance(50);
        runner.machine.touch(at.start().get(), write);
    }
    (all, size)
}

/// Leaves are joined, beyond the range, too. Now and then, somebody is asked about each.
pub(super) fn join<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    let (range, size) = if runner.chance(85) { joinable(runner) } else { runner.mapped_range() };
    let size = if runner.chance(30) { 63 } else { size };
    runner.flush_all();
    let around = runner.machine.around(range);
    let policy = Join::up_to(size);
    let (policy, expect) = match runner.chance(50) {
        true => (policy.exactly(), Expect::same(around)),
        false => (policy, Expect::recorded(around)),
    };
    let result = if runner.chance(25) && runner.machine.in_use() != Use::Live {
        let veto = runner.chance(50);
        runner.perform(vec![expect.breaking()], None, &mut |table, cx| {
            table.tree_mut().range_mut().join_with(cx, range, policy, |_| veto)
        })
    } else {
        runner.request(vec![expect], range, &Request::Join(policy))
    };
    match result {
        Ok(_) | Err(Error::BreakBeforeMake { .. } | Error::NotInRange { .. }) => {}
        Err(error) => panic!("join {range:?} by {policy:?}: {error:?}"),
    }
    result
}

/// Tables are made, and perhaps pinned.
pub(super) fn populate<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    let (range, _) = runner.free_range();
    let lg2 = runner.some_size(range);
    let pin = if runner.chance(40) { Pin::Pinned } else { Pin::Plain };
    let result = runner.request(Vec::new(), range, &Request::Populate { lg2, pin });
    match result {
        Ok(_) => runner.has_pinned |= pin == Pin::Pinned,
        Err(Error::OutOfFrames | Error::Occupied { .. } | Error::NotInRange { .. }) => {}
        Err(Error::Unencodable(_)) if pin == Pin::Pinned => {}
        Err(error) => panic!("populate {range:?} for {lg2}, {pin:?}: {error:?}"),
    }
    result
}

/// Tables are pinned no more.
pub(super) fn unpin<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    let ranges: Vec<VaRange> = runner.machine.table().ranges().collect();
    let range = runner.one_of(&ranges);
    unpin_all(runner, range);
    Ok(true)
}

/// No table of a range is pinned any more.
pub(crate) fn unpin_all<P: PageTable>(runner: &mut Runner<'_, P>, range: VaRange) {
    runner.machine.begin(Vec::new());
    let (table, cx) = runner.machine.parts();
    let result = table.tree_mut().range_mut().unpin(cx, range);
    assert_eq!(result, Ok(()), "unpin {range:?}");
    runner.machine.end();
}
