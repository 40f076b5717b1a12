//! The operations of random runs.

use ptgen::{Error, Holes, Leaves, PageTable, Partial, Protect, Tables, Unmap, Use, VaRange};

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
        let result = runner.machine.run(expects, |table, cx| table.unmap(cx, range, Unmap::everything()));
        assert_eq!(result, Ok(()), "everything can be unmapped");
    }
    runner.machine.set_use(before);
}
