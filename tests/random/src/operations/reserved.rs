//! Operations with frames that were taken before.

use ptgen::{Error, Hide, Holes, Leaves, PageTable, Partial, Prepare, Protect, Request, Tables, Unmap, VaRange};
use ptgen_simulator::Expect;
use rand::RngExt;

use super::super::runner::Runner;
use super::is_of_the_format;

/// A range is prepared, and then changed several times where nothing may be allocated.
pub(super) fn prepare<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    let (range, mut unit) = if runner.chance(60) { runner.mapped_range() } else { runner.range() };
    if !is_made_of(runner, range, unit) {
        unit = runner.shape.sizes.iter().copied().find(|lg2| is_made_of(runner, range, *lg2)).unwrap_or(unit);
    }
    if !is_made_of(runner, range, unit) {
        return Ok(false);
    }
    runner.flush_all();
    let maps = runner.chance(60);
    let what = if maps { Prepare::changes(unit).and_maps() } else { Prepare::changes(unit) };
    let starves = runner.starve();
    let (table, cx) = runner.machine.parts();
    let prepared = table.tree_mut().prepare(cx, range, what);
    runner.machine.limit_allocations(None);
    let mut reservation = match prepared {
        Ok(reservation) => reservation,
        Err(Error::OutOfFrames) => return Err(Error::OutOfFrames),
        Err(error) => panic!("prepare {range:?} for {what:?}: {error:?} ({starves})"),
    };
    let mut changed = false;
    for _ in 0..runner.rng.random_range(1..=6) {
        let part = runner.part(range, unit);
        let before = reservation.total();
        let result = one(runner, part, unit, maps, &mut reservation);
        match result {
            Ok(has_changed) => changed |= has_changed,
            Err(error) => {
                assert_ne!(error, Error::OutOfFrames, "{part:?} of {range:?}, prepared for {what:?}");
                assert_eq!(reservation.total(), before, "who fails takes no frames");
            }
        }
    }
    reservation.release(&mut runner.machine.cx().frames);
    Ok(changed)
}

/// Whether a range begins and ends with leaves of `2^lg2` bytes, and has not too many of them.
fn is_made_of<P: PageTable>(runner: &Runner<'_, P>, range: VaRange, lg2: u32) -> bool {
    let mask = (1_u64 << lg2) - 1;
    range.start().get() & mask == 0 && range.last().get() & mask == mask && runner.is_few(range, lg2)
}

/// One change of a part of it.
fn one<P: PageTable>(
    runner: &mut Runner<'_, P>,
    part: VaRange,
    unit: u32,
    maps: bool,
    frames: &mut dyn ptgen::Frames,
) -> Result<bool, Error> {
    let is_free = runner.machine.is_free(part);
    let (holes, partial) = (Holes::Skip, Partial::Split);
    let mut commit = |runner: &mut Runner<'_, P>, expects, request: &Request<'_, P::Format>| {
        runner.reserved(expects, frames, &mut |table, cx| table.tree_mut().range_mut().commit(cx, part, request))
    };
    if is_free && maps {
        let mask = (1_u64 << unit) - 1;
        let oa = runner.oa(part) & !mask;
        let attributes = runner.some_attributes();
        let leaves = if runner.chance(70) { Leaves::Largest } else { Leaves::Exactly(unit) };
        let expects = vec![runner.machine.mapped(part, oa, &attributes)];
        let result = commit(runner, expects, &Request::Map { oa: oa.into(), attributes: &attributes, leaves });
        let stays = runner.has_pinned && matches!(leaves, Leaves::Exactly(_));
        if let (true, Err(Error::Occupied { .. })) = (stays, &result) {
            return result;
        }
        assert!(result.is_ok(), "map {part:?} to {oa:#x}, {leaves:?}: {result:?}");
        runner.known.add(part);
        return result;
    }
    let result = match runner.rng.random_range(0..10) {
        0..3 => {
            let tables = if runner.chance(50) { Tables::Keep } else { Tables::Free };
            let expects = vec![runner.machine.unmapped(part)];
            commit(runner, expects, &Request::Unmap(Unmap { holes, partial, tables }))
        }
        3..7 => {
            let change = runner.some_change(part);
            let expects = vec![runner.machine.protected(part, &change)];
            commit(runner, expects, &Request::Protect(&change, Protect { holes, partial }))
        }
        7 => {
            let expects = vec![Expect::recorded(runner.machine.around(part))];
            commit(runner, expects, &Request::Split(unit))
        }
        _ => {
            let before = runner.machine.snapshot(part);
            let hidden = commit(runner, vec![Expect::hidden(part)], &Request::Hide(Hide { holes, partial }));
            if hidden.is_err() {
                hidden
            } else {
                let shown = Expect::restored(part, &before);
                let expects = vec![if runner.interferes { shown.or_recorded() } else { shown }];
                let shown = commit(runner, expects, &Request::Show(Hide::everything()));
                assert!(shown.is_ok(), "show {part:?}: {shown:?}");
                hidden
            }
        }
    };
    match &result {
        Err(Error::Forbidden { .. }) | Ok(_) => {}
        Err(error) => assert!(is_of_the_format(error), "{part:?}: {error:?}"),
    }
    result
}
