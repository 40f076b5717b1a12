//! Changes in several places at once.

use ptgen::{Error, Holes, PageTable, Protect, Va, VaRange, Verdict};
use ptgen_simulator::Expect;
use rand::RngExt;

use super::super::runner::{ChangeOf, Runner};
use super::{is_of_the_format, plain};

/// Up to three ranges are changed, each in its own way; now and then they overlap.
pub(super) fn protect_each<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    let mut changes: Vec<(VaRange, ChangeOf<P>)> = Vec::new();
    let overlaps = runner.chance(3);
    for _ in 0..runner.rng.random_range(1..=3) {
        let (range, _) = runner.mapped_range();
        let apart = changes.iter().all(|(known, _)| range.last() < known.start() || range.start() > known.last());
        if apart || overlaps {
            let change = runner.some_change(range);
            changes.push((range, change));
        }
    }
    let apart = |(number, (range, _)): (usize, &(VaRange, _))| {
        changes[..number].iter().all(|(known, _)| range.last() < known.start() || range.start() > known.last())
    };
    let are_apart = changes.iter().enumerate().all(apart);
    let policy = Protect { holes: plain::holes(runner), partial: plain::partial(runner) };
    changes.iter().for_each(|(range, _)| runner.claim(*range));
    let expects = changes.iter().map(|(range, change)| runner.machine.protected(*range, change)).collect();
    let starves = runner.starve();
    let result =
        runner.perform(expects, None, &mut |table, cx| table.tree_mut().range_mut().protect_each(cx, &changes, policy));
    runner.machine.limit_allocations(None);
    match &result {
        Err(Error::OutOfFrames) => assert!(starves, "{changes:?}: there are frames"),
        Err(Error::Overlap { .. }) => assert!(!are_apart, "{changes:?} do not overlap"),
        Err(Error::Hole { .. }) if policy.holes == Holes::Refuse => {}
        Err(Error::Forbidden { .. }) => {}
        Err(error) if !is_of_the_format(error) => panic!("protect {changes:?} with {policy:?}: {error:?}"),
        Ok(_) => assert!(are_apart, "{changes:?} overlap"),
        Err(_) => {}
    }
    result
}

/// Stretches of a range are changed and others are left alone, as a rule says.
pub(super) fn protect_where<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    let (range, unit) = runner.mapped_range();
    let change = runner.some_change(range);
    let policy = Protect { holes: Holes::Skip, partial: plain::partial(runner) };
    // The rule changes its mind at a few places.
    let mut places = Vec::new();
    for _ in 0..runner.rng.random_range(1..4) {
        let size = if runner.chance(50) { unit } else { runner.shape.sizes[0] };
        places.push(runner.part(range, size).start().get());
    }
    places.sort_unstable();
    places.dedup();
    places.retain(|place| *place > range.start().get());
    let first = runner.chance(75);
    let rule = |va: Va| {
        let passed = places.iter().filter(|place| **place <= va.get()).count();
        let until = places.get(passed).copied().unwrap_or(0);
        Verdict { allowed: first == (passed % 2 == 0), until: Va::new(until) }
    };
    let mut parts = Vec::new();
    let mut at = range.start().get();
    for place in places.iter().copied().map(Some).chain([None]) {
        let last = place.map_or(range.last().get(), |place| place - 1);
        parts.push((VaRange::inclusive(at, last), rule(Va::new(at)).allowed));
        at = last.wrapping_add(1);
    }
    runner.claim(range);
    let expect = |(part, allowed): &(VaRange, bool)| {
        if *allowed { runner.machine.protected(*part, &change) } else { Expect::recorded(*part) }
    };
    let expects = parts.iter().map(expect).collect();
    let mut denied = Vec::new();
    let starves = runner.starve();
    let result = runner.perform(expects, None, &mut |table, cx| {
        table.tree_mut().range_mut().protect_where(cx, range, &change, policy, rule, |part| denied.push(part))
    });
    runner.machine.limit_allocations(None);
    match &result {
        Ok(_) => {
            let expected: Vec<VaRange> = parts.iter().filter(|(_, allowed)| !allowed).map(|(part, _)| *part).collect();
            assert_eq!(denied, expected, "what was denied is shown");
        }
        Err(Error::OutOfFrames) => assert!(starves, "{range:?}: there are frames"),
        Err(Error::Forbidden { .. }) => {}
        Err(error) => assert!(is_of_the_format(error), "protect {range:?} where {parts:?}: {error:?}"),
    }
    assert!(result.is_ok() || denied.is_empty(), "who fails shows nothing");
    result
}
