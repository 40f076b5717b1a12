//! Mapping, unmapping, protecting, hiding.

use ptgen::{Error, Hide, Holes, Leaves, PageTable, Partial, Protect, Request, Tables, Unmap, VaRange};
use ptgen_simulator::Expect;

use super::super::runner::Runner;
use super::is_of_the_format;

/// Something is mapped, where nothing is most of the time.
pub(super) fn map<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    let (range, unit) = if runner.chance(90) { runner.free_range() } else { runner.range() };
    let oa = runner.oa(range);
    let attributes = runner.some_attributes();
    let leaves = if runner.chance(80) { Leaves::Largest } else { Leaves::Exactly(unit) };
    let is_free = runner.machine.is_free(range);
    let expects = vec![runner.machine.mapped(range, oa, &attributes)];
    let result = runner.request(expects, range, &Request::Map { oa: oa.into(), attributes: &attributes, leaves });
    match result {
        Ok(_) => {
            assert!(is_free, "{range:?} was mapped twice");
            runner.known.add(range);
        }
        Err(Error::OutOfFrames | Error::NotInRange { .. }) => {}
        // A pinned table does not go for a leaf that has to have its place.
        Err(Error::Occupied { .. }) if matches!(leaves, Leaves::Exactly(_)) && runner.has_pinned => {}
        Err(Error::Occupied { .. }) => assert!(!is_free, "{range:?} is free, but said to be occupied ({leaves:?})"),
        Err(Error::Misaligned { .. }) if matches!(leaves, Leaves::Exactly(_)) => {}
        Err(error) => panic!("map {range:?} to {oa:#x} with {leaves:?}: {error:?}"),
    }
    result
}

/// A policy that splits most of the time.
pub(super) fn partial<P: PageTable>(runner: &mut Runner<'_, P>) -> Partial {
    if runner.chance(10) { Partial::Refuse } else { Partial::Split }
}

/// A policy that does not mind holes most of the time.
pub(super) fn holes<P: PageTable>(runner: &mut Runner<'_, P>) -> Holes {
    if runner.chance(10) { Holes::Refuse } else { Holes::Skip }
}

/// Something is unmapped.
pub(super) fn unmap<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    let (range, _) = runner.mapped_range();
    let tables = if runner.chance(30) { Tables::Keep } else { Tables::Free };
    let policy = Unmap { holes: holes(runner), partial: partial(runner), tables };
    let expects = vec![runner.machine.unmapped(range)];
    let result = runner.request(expects, range, &Request::Unmap(policy));
    match &result {
        Err(Error::Hole { .. }) if policy.holes == Holes::Refuse => {}
        Err(error) if !is_of_the_format(error) => panic!("unmap {range:?} with {policy:?}: {error:?}"),
        _ => {}
    }
    result
}

/// Leaves get other attributes.
pub(super) fn protect<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    let (range, _) = runner.mapped_range();
    let change = runner.some_change(range);
    let policy = Protect { holes: holes(runner), partial: partial(runner) };
    let expects = vec![runner.machine.protected(range, &change)];
    let result = runner.request(expects, range, &Request::Protect(&change, policy));
    match &result {
        Err(Error::Hole { .. }) if policy.holes == Holes::Refuse => {}
        Err(Error::Forbidden { .. }) => {}
        Err(error) if !is_of_the_format(error) => panic!("protect {range:?} with {change:?} and {policy:?}: {error:?}"),
        _ => {}
    }
    result
}

/// What is there is hidden, and shown again in two parts.
pub(super) fn hide<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    let (range, _) = runner.mapped_range();
    let policy = Hide { holes: Holes::Skip, partial: partial(runner) };
    let before = runner.machine.snapshot(range);
    let result = runner.request(vec![Expect::hidden(range)], range, &Request::Hide(policy));
    if let Err(error) = &result {
        assert!(is_of_the_format(error), "hide {range:?}: {error:?}");
        return result;
    }
    runner.flush_all();
    let page = runner.page();
    let middle = range.start().get() + (range.last().get() - range.start().get()) / 2 / page * page;
    for part in [VaRange::inclusive(range.start(), middle + (page - 1)), range] {
        let policy = if part == range { Hide::everything() } else { Hide { holes: holes(runner), ..policy } };
        loop {
            let shown = Expect::restored(part, &before);
            let shown = if runner.interferes { shown.or_recorded() } else { shown };
            let part_shown = runner.request(vec![shown], part, &Request::Show(policy));
            match part_shown {
                Ok(_) => break,
                // It is tried until it works.
                Err(Error::OutOfFrames | Error::NotInRange { .. }) => {}
                Err(Error::PartialLeaf { .. } | Error::Hole { .. } | Error::Unencodable(_)) if part != range => break,
                Err(error) => panic!("show {part:?} with {policy:?}: {error:?}"),
            }
        }
    }
    result
}
