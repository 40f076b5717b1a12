//! Tables that two roots have.

use ptgen::{Context, Error, PageTable, Protect, Request, Unmap, VaRange};
use ptgen_simulator::Expect;
use rand::RngExt;

use super::super::runner::{Cx, Runner};

/// A table is shared with the other tree, looked at from both, and given up by one and then the other.
pub(super) fn share<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    let levels = runner.machine.levels();
    let number = runner.rng.random_range(1..levels.len().max(2));
    let Some((shift, bits)) = levels.get(number).copied() else { return Ok(false) };
    let level = u8::try_from(levels.len() - 1 - number).expect("levels are few");
    let (range, _) = runner.mapped_range();
    runner.flush_all();
    let mask = (1_u64 << (shift + bits)) - 1;
    let position = range.start().get() & runner.shape.last & !mask;
    let slot = VaRange::inclusive(runner.machine.va(position), runner.machine.va(position | mask));
    // What is pinned would stay when it is given up.
    super::unpin_all(runner, slot);
    runner.machine.begin(Vec::new());
    let (table, cx) = runner.machine.parts();
    let shared = match table.tree_mut().range_mut().share(cx, slot.start(), level) {
        Ok(shared) => shared,
        Err(error) => {
            let known = matches!(
                error,
                Error::Hole { .. } | Error::Occupied { .. } | Error::Unencodable(_) | Error::NeedsInstruction { .. }
            );
            assert!(known, "share level {level} at {slot:?}: {error:?}");
            runner.machine.failed();
            runner.machine.check();
            return Err(error);
        }
    };
    runner.machine.end();
    runner.has_pinned = true;
    let seen = runner.machine.snapshot(slot);
    let starves = runner.starve();
    let root = runner.other.root();
    runner.machine.begin(vec![Expect::restored(slot, &seen).under(root)]);
    let adopted = runner.other.range_mut().adopt(runner.machine.cx(), slot.start(), shared);
    runner.machine.limit_allocations(None);
    match adopted {
        Ok(unflushed) => {
            unflushed.flush(runner.machine.cx());
            runner.machine.flushed();
            runner.machine.end();
        }
        Err((error, shared)) => {
            assert!(starves && error == Error::OutOfFrames, "adopt {shared:?} at {slot:?}: {error:?}");
            runner.machine.failed();
            runner.machine.check();
            shared.give_up(runner.machine.cx()).expect("tables can be reached");
            reclaim(runner, slot, level);
            return Err(error);
        }
    }
    refuse(runner, slot);
    if runner.chance(50) {
        // The other one gives it up first.
        leave(runner, slot);
        reclaim(runner, slot, level);
    } else {
        // What the other one still has stays.
        let expects = vec![runner.machine.unmapped(slot)];
        let result = runner.perform(expects, None, &mut |table, cx| {
            table.tree_mut().range_mut().commit(cx, slot, &Request::Unmap(Unmap::everything()))
        });
        assert!(result.is_ok(), "unmap all of the shared {slot:?}: {result:?}");
        runner.flush_all();
        leave(runner, slot);
    }
    Ok(true)
}

/// Nothing below a shared table can be changed.
fn refuse<P: PageTable>(runner: &mut Runner<'_, P>, slot: VaRange) {
    let page = runner.shape.sizes[0];
    let part = runner.part(slot, page);
    let change = runner.some_change(part);
    let result = runner.perform(Vec::new(), None, &mut |table, cx| {
        table.tree_mut().range_mut().commit(cx, part, &Request::Protect(&change, Protect::everything()))
    });
    let refused = matches!(result, Err(Error::Borrowed { .. } | Error::Unencodable(_) | Error::BreakBeforeMake { .. }));
    assert!(refused, "protect {part:?} in the shared {slot:?}: {result:?}");
}

/// The other tree has it no more.
fn leave<P: PageTable>(runner: &mut Runner<'_, P>, slot: VaRange) {
    let root = runner.other.root();
    runner.machine.begin(vec![Expect::unmapped(slot).under(root)]);
    unmap_other(runner, slot);
    // The tables above it were pinned.
    runner.machine.begin(Vec::new());
    let ranges: Vec<VaRange> = runner.other.ranges().collect();
    for range in ranges {
        runner.other.range_mut().unpin(runner.machine.cx(), range).expect("tables can be reached");
        unmap_other(runner, range);
    }
}

/// Nothing is left in the other tree.
fn unmap_other<P: PageTable>(runner: &mut Runner<'_, P>, range: VaRange) {
    let simulator = runner.machine.cx().memory.clone();
    let (mut own, tlb) = (simulator.clone(), simulator.clone());
    let mut cx: Cx<'_, '_, _> = Context::new(simulator, &mut own, tlb);
    let left = runner.other.range_mut().commit(&mut cx, range, &Request::Unmap(Unmap::everything()));
    left.expect("all can be unmapped").flush(&mut cx);
    runner.machine.flushed();
    runner.machine.end();
}

/// The first tree has it alone.
fn reclaim<P: PageTable>(runner: &mut Runner<'_, P>, slot: VaRange, level: u8) {
    runner.machine.begin(Vec::new());
    let (table, cx) = runner.machine.parts();
    let reclaimed = table.tree_mut().range_mut().reclaim(cx, slot.start(), level);
    assert_eq!(reclaimed, Ok(true), "reclaim level {level} at {slot:?}");
    runner.machine.end();
}
