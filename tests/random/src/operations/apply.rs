//! A function applied to slots.

use ptgen::{Applied, Apply, Cause, Error, Holds, PageTable, VaRange, Visited};
use ptgen_simulator::Expect;
use rand::RngExt;

use super::super::runner::{AttributesOf, ChangeOf, Runner};
use super::is_of_the_format;

/// No more slots than this.
const SLOTS: u64 = 24;

/// What the function says of a slot.
#[derive(Clone, Copy, Debug)]
enum Decision<P: PageTable> {
    Keep,
    Clear,
    Change(ChangeOf<P>),
    Set(u64, AttributesOf<P>),
    /// It fails.
    Stop,
}

/// The slots, what is to become of each, and what was in each.
struct Slots<P: PageTable> {
    ranges: Vec<VaRange>,
    decisions: Vec<Decision<P>>,
    free: Vec<bool>,
}

/// Every slot of a range is kept, changed, filled or taken out, as the dice have said before.
pub(super) fn apply<P: PageTable>(runner: &mut Runner<'_, P>) -> Result<bool, Error> {
    let Some((slots, lg2)) = choose(runner) else { return Ok(false) };
    let range = VaRange::inclusive(slots.ranges[0].start(), slots.ranges[slots.ranges.len() - 1].last());
    let policy = runner.one_of(&[Apply::create(lg2), Apply::existing(lg2), Apply::existing_and_empty(lg2)]);
    let policy = if runner.chance(80) { policy.split_larger() } else { policy };
    runner.claim(range);
    let before: Vec<_> = slots.ranges.iter().map(|slot| runner.machine.snapshot(*slot)).collect();
    let expects = expects(runner, &slots).into_iter().map(Expect::or_nothing).collect();
    let (mut visited, mut stopped) = (vec![false; slots.ranges.len()], None);
    let number = |va: u64| usize::try_from((va - range.start().get()) >> lg2).expect("slots are few");
    let starves = runner.starve();
    let result = runner.perform(expects, None, &mut |table, cx| {
        let applied = table.tree_mut().apply(cx, range, policy, |occupant| {
            let number = number(occupant.va.get());
            assert!(!visited[number], "slot {number} is shown twice");
            assert_eq!(matches!(occupant.holds, Holds::Leaf(_)), !slots.free[number], "slot {number}: {occupant:?}");
            visited[number] = true;
            Ok(match slots.decisions[number] {
                Decision::Keep => Applied::Keep,
                Decision::Clear => Applied::Clear,
                Decision::Change(change) => Applied::Change(change),
                Decision::Set(oa, attributes) => Applied::Set { oa: oa.into(), attributes },
                Decision::Stop => return Err(()),
            })
        });
        applied.or_else(|stop| {
            stopped = Some((stop.done, stop.cause));
            Ok(stop.unflushed)
        })
    });
    runner.machine.limit_allocations(None);
    let changed = result?;
    let done = stopped.map_or(slots.ranges.len(), |(done, _)| number(done.get()));
    for (number, slot) in slots.ranges.iter().enumerate() {
        let skips = match policy.visited {
            Visited::All => false,
            Visited::Occupied => slots.free[number],
            Visited::Existing => slots.free[number] && !visited[number],
        };
        assert!(number >= done || visited[number] != skips, "slot {number} of {range:?}, {policy:?}");
        let is_same = number >= done || !visited[number] || matches!(slots.decisions[number], Decision::Keep);
        if is_same && !runner.interferes {
            let now = runner.machine.snapshot(*slot);
            assert!(runner.machine.is_like(&now, &before[number]), "slot {number} is not to be changed by {policy:?}");
        }
    }
    // What was said of the others has been done.
    let strict = expects_done(runner, &slots, &visited, done);
    runner.machine.begin(strict);
    runner.machine.end();
    judge(stopped.map(|(_, cause)| cause), starves, changed, policy)
}

/// Whether it may have stopped for this.
fn judge(stopped: Option<Cause<()>>, starves: bool, changed: bool, policy: Apply) -> Result<bool, Error> {
    match stopped {
        None | Some(Cause::Function(())) => Ok(changed),
        Some(Cause::Refused(error)) => {
            match &error {
                Error::OutOfFrames => assert!(starves, "there are frames"),
                // Smaller leaves.
                Error::Occupied { .. } | Error::Forbidden { .. } => {}
                error => assert!(is_of_the_format(error), "apply by {policy:?}: {error:?}"),
            }
            if changed { Ok(true) } else { Err(error) }
        }
    }
}

/// Slots with something in them, most of the time, and the lg2 of their size.
fn choose<P: PageTable>(runner: &mut Runner<'_, P>) -> Option<(Slots<P>, u32)> {
    let (around, _) = runner.mapped_range();
    let levels = runner.machine.levels();
    let lg2s: Vec<u32> =
        levels.iter().map(|(shift, _)| *shift).filter(|shift| runner.shape.sizes.contains(shift)).collect();
    let length = around.last().get() - around.start().get();
    let fits: Vec<u32> = lg2s.iter().copied().filter(|lg2| length >> lg2 < 4 * SLOTS).collect();
    // Where leaves are smaller than slots, there is nothing to be done.
    let smallest = fits.iter().copied().min();
    let lg2 = if fits.is_empty() { *lg2s.first()? } else { runner.one_of(&fits) };
    let lg2 = smallest.filter(|_| runner.chance(75)).unwrap_or(lg2);
    let mask = (1_u64 << lg2) - 1;
    let first = around.start().get() & !mask;
    let most = (length >> lg2).clamp(1, SLOTS);
    let count = runner.rng.random_range(1..=most);
    let mut ranges = Vec::new();
    for number in 0..count {
        let Some(start) = first.checked_add(number << lg2) else { break };
        let canonical =
            runner.machine.table().ranges().any(|all| all.start().get() <= start && start <= all.last().get());
        if !canonical {
            break;
        }
        ranges.push(VaRange::inclusive(start, start | mask));
    }
    let stops = runner.chance(10);
    let decisions: Vec<_> = ranges.iter().map(|slot| decide(runner, *slot, mask, stops)).collect();
    let free = ranges.iter().map(|slot| runner.machine.is_free(*slot)).collect();
    (!ranges.is_empty()).then_some((Slots { ranges, decisions, free }, lg2))
}

fn decide<P: PageTable>(runner: &mut Runner<'_, P>, slot: VaRange, mask: u64, stops: bool) -> Decision<P> {
    match runner.rng.random_range(0..10) {
        0..2 => Decision::Clear,
        2..5 => Decision::Change(runner.some_change(slot)),
        5..7 => {
            let oa = runner.oa(slot) & !mask;
            Decision::Set(oa, runner.some_attributes())
        }
        7 if stops => Decision::Stop,
        _ => Decision::Keep,
    }
}

/// What becomes of each slot, if all goes well.
fn expects<P: PageTable>(runner: &Runner<'_, P>, slots: &Slots<P>) -> Vec<Expect> {
    let expect = |(slot, decision): (&VaRange, &Decision<P>)| match decision {
        Decision::Keep | Decision::Stop => Expect::recorded(*slot),
        Decision::Clear => runner.machine.unmapped(*slot),
        Decision::Change(change) => runner.machine.protected(*slot, change),
        Decision::Set(oa, attributes) => set(runner, *slot, *oa, attributes),
    };
    slots.ranges.iter().zip(&slots.decisions).map(expect).collect()
}

/// A leaf says these attributes; what the machine had recorded in one with the same OA may be kept.
fn set<P: PageTable>(runner: &Runner<'_, P>, slot: VaRange, oa: u64, attributes: &AttributesOf<P>) -> Expect {
    runner.machine.mapped_or_recorded(slot, oa, attributes)
}

/// What has become of each slot that was done: what is there already is what is to be there.
fn expects_done<P: PageTable>(runner: &Runner<'_, P>, slots: &Slots<P>, visited: &[bool], done: usize) -> Vec<Expect> {
    let all = expects(runner, slots);
    let was_done = |number: usize| number < done && visited[number];
    all.into_iter().enumerate().filter(|(number, _)| was_done(*number)).map(|(_, expect)| expect).collect()
}
