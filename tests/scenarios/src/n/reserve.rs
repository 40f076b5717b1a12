//! N-R: how much has to be reserved.

use std::mem::ManuallyDrop;

use ptgen::{PageTable, Protect, Request, Use, VaRange};
use ptgen_simulator::{Kind, Machine};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, change, data};

/// How many changes are made.
const TIMES: usize = 12;

/// Leaves that can be split.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.large().is_some(), "no leaf is a table's worth of others"),
        (facts.says("write"), "leaves cannot be read-only"),
    ])
}

/// Any pages of the largest leaves are changed: that takes at most two tables of each level, one at either end, however many
/// pages they are. The plan says how many exactly; with so many reserved, the change takes no others, and leaves none.
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
    let root = facts.levels.last().map_or(0, |level| level.shift + level.index_bits);
    let largest = facts.levels.iter().rev().find(|level| level.has_leaf() && level.shift + 2 <= root);
    let lg2 = largest.expect("it applies").shift;
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    let leaves = [2, 3].map(|number| Area::new(machine, facts, lg2, number));
    let all = leaves[0].part(lg2, 0, 2);
    let pages = 2_u64 << (lg2 - page);
    let mut random = StdRng::seed_from_u64(7);
    let times = if machine.limits_allocations() { 2 } else { TIMES };
    for _ in 0..times {
        for leaf in &leaves {
            machine.map_leaf(leaf, &data::<P>())?;
        }
        // From page to page, or only a few.
        let first = random.random_range(0..pages);
        let most = if random.random_bool(0.5) { pages } else { pages.min(first + 5) };
        let range = leaves[0].part(page, first, random.random_range(first + 1..=most) - first);
        reserved(machine, facts, range)?;
        machine.unmap(all)?;
        machine.assert_balanced();
    }
    Ok(())
}

/// Makes a range read-only, with what the plan says reserved.
fn reserved<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts, range: VaRange) -> Outcome {
    let read_only = change::<P>(&[("write", 0)]);
    machine.begin(Vec::new());
    let (table, cx) = machine.parts();
    let plan = table.tree_mut().plan(&*cx, range, &Request::Protect(&read_only, Protect::mapped()));
    let plan = plan.expect("it is mapped, and can be read-only");
    for level in &facts.levels {
        assert!(plan.tables(level.number) <= 2, "one table at either end: {plan:?}");
    }
    // What is dropped while a panic unwinds may say nothing.
    let taken = plan.reserve(cx).map(ManuallyDrop::new);
    machine.log(|log| assert_eq!(log.stores(), 0, "a plan changes nothing"));
    let mut reservation = match taken {
        Ok(reservation) => reservation,
        Err(error) => {
            machine.failed();
            machine.check();
            return Err(error);
        }
    };
    machine.log(|log| log.assert_count(Kind::Alloc, usize::try_from(plan.total()).expect("they are few")));
    let expects = vec![machine.protected(range, &read_only)];
    machine.begin(expects);
    machine.ban_allocations(true);
    let (table, cx) = machine.parts();
    let mut prepared = cx.with_frames(&mut *reservation);
    let made = table.protect(&mut prepared, range, &read_only, Protect::mapped());
    made.expect("what was reserved is enough").flush(&mut prepared);
    machine.ban_allocations(false);
    machine.assert_flushed();
    machine.end();
    machine.log(|log| log.assert_count(Kind::Alloc, 0));
    assert!(reservation.is_empty(), "{:?} is left of {plan:?}", *reservation);
    let (_, cx) = machine.parts();
    ManuallyDrop::into_inner(reservation).release(&mut cx.frames);
    Ok(())
}
