//! The operations of random runs.

use std::convert::Infallible;

use ptgen::{
    Applied, Apply, Error, Harvest, Hide, Holes, Join, Leaves, PageTable, Partial, Protect, Tables, Unmap, Use, VaRange,
};
use ptgen_simulator::Expect;
use rand::RngExt;

use super::{Runner, attributes};

/// Whether leaves and runs may be taken apart. Off as long as the engine makes parts of a leaf say something else while TLBs
/// may still hold the whole (I5), and takes runs apart by plain stores when a part of them is unmapped (records).
const SPLITS: bool = false;

/// Whether mapping over an empty table that was kept works. As long as it does not, such a range may be occupied.
const OVER_KEPT: bool = false;

/// One of the operations.
pub(super) struct Operation<P: PageTable> {
    /// Its name, for messages.
    pub(super) name: &'static str,
    /// How often it is wanted.
    pub(super) weight: u32,
    /// Does it somewhere.
    pub(super) act: fn(&mut Runner<'_, P>),
}

impl<P: PageTable> Clone for Operation<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: PageTable> Copy for Operation<P> {}

/// All of them.
pub(super) fn table<P: PageTable>() -> Vec<Operation<P>> {
    vec![
        Operation { name: "map", weight: 40, act: map },
        Operation { name: "unmap", weight: 25, act: unmap },
        Operation { name: "protect", weight: 25, act: protect },
        Operation { name: "hide and show", weight: 8, act: hide },
        Operation { name: "split", weight: 6, act: split },
        Operation { name: "join", weight: 6, act: join },
        Operation { name: "harvest", weight: 6, act: harvest },
        Operation { name: "apply", weight: 6, act: apply },
        Operation { name: "touch", weight: 15, act: touch },
        Operation { name: "use", weight: 1, act: |runner| runner.reuse() },
    ]
}

fn map<P: PageTable>(runner: &mut Runner<'_, P>) {
    let (range, unit) = runner.range();
    let oa = runner.oa(range);
    let attributes = runner.attributes.clone();
    let attributes = runner.one_of(&attributes);
    let leaves = if runner.chance(70) { Leaves::Largest } else { Leaves::Exactly(unit) };
    let is_free = runner.machine.is_free(range);
    starve(runner);
    let expects = vec![runner.machine.mapped(range, oa, &attributes)];
    let result = runner.machine.run(expects, |table, cx| table.map(cx, range, oa, &attributes, leaves));
    runner.machine.limit_allocations(None);
    match result {
        Ok(()) => assert!(is_free, "{range:?} was mapped twice"),
        Err(Error::OutOfFrames) => {}
        Err(Error::Occupied { .. }) => {
            assert!(!is_free || !OVER_KEPT, "{range:?} is free, but said to be occupied");
        }
        Err(Error::Misaligned { .. }) if matches!(leaves, Leaves::Exactly(_)) => {}
        // A part of what is in the way may be a leaf.
        Err(Error::PartialLeaf { .. }) if !is_free => {}
        // Only as long as the engine does not use the instruction that it is offered.
        Err(Error::NeedsInstruction { .. }) => {}
        Err(error) => panic!("map {range:?} to {oa:#x} with {leaves:?}: {error:?}"),
    }
    runner.count(result);
}

fn unmap<P: PageTable>(runner: &mut Runner<'_, P>) {
    let (range, _) = runner.range();
    let policy = Unmap {
        holes: if runner.chance(10) { Holes::Refuse } else { Holes::Skip },
        partial: if !SPLITS || runner.chance(10) { Partial::Refuse } else { Partial::Split },
        tables: if runner.chance(30) { Tables::Keep } else { Tables::Free },
    };
    starve(runner);
    let expects = vec![runner.machine.unmapped(range)];
    let result = runner.machine.run(expects, |table, cx| table.unmap(cx, range, policy));
    runner.machine.limit_allocations(None);
    match result {
        Ok(())
        | Err(
            Error::OutOfFrames
            | Error::PartialLeaf { .. }
            | Error::BreakBeforeMake { .. }
            | Error::NeedsInstruction { .. },
        ) => {}
        Err(Error::Hole { .. }) if policy.holes == Holes::Refuse => {}
        Err(error) => panic!("unmap {range:?} with {policy:?}: {error:?}"),
    }
    runner.count(result);
}

fn protect<P: PageTable>(runner: &mut Runner<'_, P>) {
    let (range, _) = runner.range();
    let changes = attributes::changes::<P::Format>();
    let change = runner.one_of(&changes);
    let policy = Protect {
        holes: if runner.chance(10) { Holes::Refuse } else { Holes::Skip },
        partial: if !SPLITS || runner.chance(10) { Partial::Refuse } else { Partial::Split },
    };
    starve(runner);
    let expects = vec![runner.machine.protected(range, &change)];
    let result = runner.machine.run(expects, |table, cx| table.protect(cx, range, &change, policy));
    runner.machine.limit_allocations(None);
    match result {
        Ok(())
        | Err(
            Error::OutOfFrames
            | Error::PartialLeaf { .. }
            | Error::BreakBeforeMake { .. }
            | Error::NeedsInstruction { .. }
            | Error::Unencodable(_)
            | Error::Forbidden { .. },
        ) => {}
        Err(Error::Hole { .. }) if policy.holes == Holes::Refuse => {}
        Err(error) => panic!("protect {range:?} with {change:?} and {policy:?}: {error:?}"),
    }
    runner.count(result);
}

/// What is there is hidden, and shown again in two parts.
fn hide<P: PageTable>(runner: &mut Runner<'_, P>) {
    let (range, _) = runner.range();
    if runner.machine.is_free(range) {
        return;
    }
    let before = runner.machine.snapshot(range);
    let policy = if SPLITS { Hide::everything() } else { Hide::everything().no_split() };
    starve(runner);
    let result = runner.machine.run(vec![Expect::hidden(range)], |table, cx| table.tree_mut().hide(cx, range, policy));
    runner.machine.limit_allocations(None);
    if let Err(error) = result {
        let is_known = matches!(
            error,
            Error::OutOfFrames
                | Error::PartialLeaf { .. }
                | Error::BreakBeforeMake { .. }
                | Error::NeedsInstruction { .. }
                | Error::Unencodable(_)
        );
        assert!(is_known, "hide {range:?}: {error:?}");
        return runner.count(result);
    }
    let smallest = runner.machine.smallest();
    let middle = range.start().get() + (range.last().get() - range.start().get()) / 2 / smallest * smallest;
    let halves = [VaRange::inclusive(range.start(), middle + (smallest - 1)), range];
    for part in halves {
        let shown = vec![Expect::restored(part, &before)];
        let result = runner.machine.run(shown, |table, cx| table.tree_mut().show(cx, part, Hide::everything()));
        match result {
            Ok(()) | Err(Error::PartialLeaf { .. }) if part != range => {}
            Ok(()) => {}
            Err(error) => panic!("show {part:?}: {error:?}"),
        }
        runner.count(result);
    }
}

fn split<P: PageTable>(runner: &mut Runner<'_, P>) {
    let (range, _) = runner.range();
    let sizes = runner.machine.sizes().to_vec();
    let size = runner.one_of(&sizes);
    starve(runner);
    // What was recorded in one slot of a run is said by all of its parts.
    let expects = vec![Expect::recorded(runner.machine.around(range))];
    let result = runner.machine.run(expects, |table, cx| table.tree_mut().split(cx, range, size));
    runner.machine.limit_allocations(None);
    match result {
        Ok(())
        | Err(
            Error::OutOfFrames
            | Error::PartialLeaf { .. }
            | Error::Unencodable(_)
            | Error::BreakBeforeMake { .. }
            | Error::NeedsInstruction { .. },
        ) => {}
        Err(error) => panic!("split {range:?} to {size}: {error:?}"),
    }
    runner.count(result);
}

/// Leaves are joined, beyond the range, too.
fn join<P: PageTable>(runner: &mut Runner<'_, P>) {
    let (range, _) = runner.range();
    let sizes = runner.machine.sizes().to_vec();
    let policy = Join::up_to(runner.one_of(&sizes));
    let everything = runner.machine.whole();
    let (policy, expect) = match runner.chance(50) {
        true => (policy.exactly(), Expect::same(everything)),
        false => (policy, Expect::recorded(everything)),
    };
    let asks = runner.chance(25) && runner.machine.in_use() != Use::Live;
    let veto = runner.chance(50);
    let result = if asks {
        let expects = vec![expect.breaking()];
        runner.machine.run(expects, |table, cx| table.tree_mut().join_with(cx, range, policy, |_| veto))
    } else {
        runner.machine.run(vec![expect], |table, cx| table.tree_mut().join(cx, range, policy))
    };
    match result {
        Ok(()) | Err(Error::BreakBeforeMake { .. } | Error::NeedsInstruction { .. }) => {}
        Err(error) => panic!("join {range:?} by {policy:?}: {error:?}"),
    }
    runner.count(result);
}

/// What the machine has recorded is looked at, and perhaps cleared. A leaf has its records as a whole.
fn harvest<P: PageTable>(runner: &mut Runner<'_, P>) {
    let (range, _) = runner.range();
    let policy = runner.one_of(&[Harvest::accessed(), Harvest::dirty(), Harvest::all(), Harvest::all().only_look()]);
    let around = runner.machine.around(range);
    let expects = vec![Expect::changed(around, |before, now| {
        now.same_but_for(before, &["accessed", "dirty"]) && now.records_no_more_than(before)
    })];
    let result = runner.machine.run(expects, |table, cx| table.tree_mut().harvest(cx, range, policy, |_, _| ()));
    match result {
        Ok(()) | Err(Error::Unencodable(_) | Error::BreakBeforeMake { .. } | Error::NeedsInstruction { .. }) => {}
        Err(error) => panic!("harvest {range:?} by {policy:?}: {error:?}"),
    }
    runner.count(result);
}

/// Every page of a range is kept, changed or taken out, as the dice say.
fn apply<P: PageTable>(runner: &mut Runner<'_, P>) {
    let (range, unit) = runner.range();
    let policy = if SPLITS { Apply::existing(unit).split_larger() } else { Apply::existing(unit) };
    let changes = attributes::changes::<P::Format>();
    let change = runner.one_of(&changes);
    let mut dice = runner.rng.random::<u64>();
    runner.machine.begin(vec![Expect::anything(range)]);
    let (table, cx) = runner.machine.parts();
    let applied = table.tree_mut().apply(cx, range, policy, |_| {
        dice = dice.rotate_left(3);
        Ok::<_, Infallible>(match dice & 7 {
            0 => Applied::Clear,
            1 | 2 => Applied::Change(change),
            _ => Applied::Keep,
        })
    });
    match applied {
        Ok(unflushed) => {
            unflushed.flush(cx);
            runner.tally.done += 1;
        }
        Err(stopped) => {
            stopped.unflushed.flush(cx);
            runner.tally.refused += 1;
        }
    }
    runner.machine.flushed();
    runner.machine.end();
}

/// The machine uses a page.
fn touch<P: PageTable>(runner: &mut Runner<'_, P>) {
    let (range, _) = runner.range();
    let write = runner.chance(50);
    if runner.machine.touch(range.start().get(), write) {
        runner.tally.touched += 1;
    }
}

/// Sometimes, there are few frames.
fn starve<P: PageTable>(runner: &mut Runner<'_, P>) {
    if runner.chance(5) {
        let left = usize::from(runner.chance(50)) + usize::from(runner.chance(30));
        runner.machine.limit_allocations(Some(left));
    }
}

/// Everything is unmapped, and no table but the root is left.
pub(super) fn empty<P: PageTable>(runner: &mut Runner<'_, P>) {
    let before = runner.machine.in_use();
    if before == Use::Live {
        runner.machine.set_use(Use::Elsewhere);
    }
    let ranges: Vec<VaRange> = runner.machine.table().ranges().collect();
    for range in ranges {
        let expects = vec![runner.machine.unmapped(range)];
        let mut result = runner.machine.run(expects, |table, cx| table.unmap(cx, range, Unmap::everything()));
        // Only as long as the engine does not use the instruction that it is offered.
        if let Err(Error::NeedsInstruction { .. }) = result {
            runner.machine.set_use(Use::Offline);
            let expects = vec![runner.machine.unmapped(range)];
            result = runner.machine.run(expects, |table, cx| table.unmap(cx, range, Unmap::everything()));
        }
        assert_eq!(result, Ok(()), "everything can be unmapped");
    }
    runner.machine.set_use(before);
}
