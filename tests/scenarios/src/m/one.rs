//! M1: accounts balance.

use ptgen::{Error, Join, Leaves, PageTable, Protect, Tally, Unmap, Use, VaRange};
use ptgen_simulator::{Expect, Kind, Machine};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::run_paid;
use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, change, data};

/// How many operations there are.
const OPERATIONS: u64 = 150;

/// Tables below the root.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.levels.len() > 1 && facts.levels[0].has_leaf(), "the root is the only table of pages")])
}

/// Random operations, some of which run out of frames. After each, as many frames are charged at every level as the machine
/// has handed out; when everything is unmapped, none, and every charge has been given back once.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let (page, table_lg2) = (facts.smallest(), facts.levels[0].shift + facts.levels[0].index_bits);
    let all = Area::new(machine, facts, table_lg2 + 2, 1);
    let pages = 1_u64 << (all.lg2 - page);
    let root = machine.frames();
    if !facts.changes_live() {
        machine.set_use(Use::Elsewhere);
    }
    let (mut tally, mut rng) = (Tally::new(), StdRng::seed_from_u64(0x6d31));
    // What is not to be had has not been charged.
    let mut taken = 0;
    for _ in 0..OPERATIONS {
        let first = rng.random_range(0..pages);
        let mut count =
            1 + rng.random_range(0..pages - first) / if rng.random_range(0..3) == 0 { 1 } else { pages / 16 };
        if rng.random_range(0..4) == 0 {
            count = pages - first;
        }
        let range = all.part(page, first, count);
        machine.limit_allocations((rng.random_range(0..3) == 0).then(|| rng.random_range(0..3)));
        operation(machine, facts, &mut tally, &mut rng, (range, all.oa + (first << page)));
        machine.limit_allocations(None);
        taken += machine.log(|log| log.count(Kind::Alloc));
        balanced(machine, facts, &tally, root);
    }
    let expects = vec![machine.unmapped(all.range())];
    run_paid(machine, &mut tally, expects, |table, cx| table.unmap(cx, all.range(), Unmap::everything()))?;
    taken += machine.log(|log| log.count(Kind::Alloc));
    balanced(machine, facts, &tally, root);
    assert!(tally.is_balanced() && tally.bytes() == 0, "{tally:?}");
    assert_eq!(machine.frames(), root);
    let sum = |count: &dyn Fn(u8) -> u64| facts.levels.iter().map(|level| count(level.number)).sum::<u64>();
    assert!(sum(&|level| tally.taken(level)) > 0, "something was charged");
    assert_eq!(sum(&|level| tally.taken(level)), taken as u64, "each is charged once");
    assert_eq!(sum(&|level| tally.returned(level)), taken as u64, "and given back once");
    Ok(())
}

/// Does something or other to a range. It may be refused, but for reasons that it may have.
fn operation<P: PageTable>(
    machine: &mut Machine<'_, P>,
    facts: &Facts,
    tally: &mut Tally,
    rng: &mut StdRng,
    (range, oa): (VaRange, u64),
) {
    let leaves = if rng.random_range(0..2) == 0 { Leaves::Largest } else { Leaves::Exactly(facts.smallest()) };
    let result = match rng.random_range(0..8) {
        0..4 => {
            let expects = vec![machine.mapped(range, oa, &data::<P>())];
            run_paid(machine, tally, expects, |table, cx| table.map(cx, range, oa, &data::<P>(), leaves))
        }
        4 | 5 => {
            let expects = vec![machine.unmapped(range)];
            let policy =
                if rng.random_range(0..3) == 0 { Unmap::everything().keep_tables() } else { Unmap::everything() };
            run_paid(machine, tally, expects, |table, cx| table.unmap(cx, range, policy))
        }
        6 if facts.says("write") => {
            let change = change::<P>(&[("write", rng.random_range(0..2))]);
            let expects = vec![machine.protected(range, &change)];
            run_paid(machine, tally, expects, |table, cx| table.protect(cx, range, &change, Protect::everything()))
        }
        _ => {
            let lg2 = facts.sizes.iter().max().expect("there are leaves");
            let expects = vec![Expect::same(range)];
            run_paid(machine, tally, expects, |table, cx| table.tree_mut().join(cx, range, Join::up_to(lg2)))
        }
    };
    match result {
        Ok(()) | Err(Error::OutOfFrames | Error::Occupied { .. }) => {}
        Err(error) => panic!("{range:?}: {error}"),
    }
}

/// As many frames are charged as the machine has handed out since `root`, at every level.
fn balanced<P: PageTable>(machine: &Machine<'_, P>, facts: &Facts, tally: &Tally, root: [usize; 8]) {
    let out = machine.frames();
    for level in &facts.levels {
        let number = usize::from(level.number);
        assert_eq!(tally.out(level.number), (out[number] - root[number]) as u64, "level {number}");
    }
    machine.assert_balanced();
}
