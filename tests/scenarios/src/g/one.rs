//! G1: page by page, in a batch, and as a whole.

use std::mem::ManuallyDrop;

use ptgen::{Batch, ChangeKind, Hide, PageTable, Use, Way};
use ptgen_simulator::{Kind, Machine, Snapshot};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_words, data};

/// Large leaves, and absent words with room for a leaf.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.large().is_some_and(|large| large.hides), "no leaf of a table's worth can be hidden"),
        (facts.hides(), "an absent word has no room for all that a leaf says"),
        (facts.way(ChangeKind::Clear) == Way::Live, "live entries are replaced by an instruction (C-M)"),
    ])
}

/// All pages of a large leaf are taken away one by one: one split, and a flush for each page and at most one for the split;
/// in a batch, one for all pages and at most one for each split; the leaf as a whole: no split, one flush. Back again, it is the
/// leaf that it was, software's bits and all.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let large = facts.large().expect("it applies").shift;
    let slots = 1_usize << (large - facts.smallest());
    let area = Area::new(machine, facts, large, 3);
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    machine.map_leaf(&area, &data::<P>())?;
    machine.mark(area.va, u64::MAX);
    let (words, before) = (machine.words(), machine.snapshot(area.range()));

    let (frames, flushes) = one_by_one(machine, facts, &area)?;
    assert_eq!(frames, 1, "one split");
    assert!((slots..=1 + slots).contains(&flushes), "{flushes} flushes, one by one");
    back(machine, &area, &before)?;
    assert_words(machine, &words);

    let (frames, flushes) = in_a_batch(machine, facts, &area)?;
    assert_eq!(frames, 1, "one split");
    assert!((1..=1 + splits(facts, large)).contains(&flushes), "{flushes} flushes, in a batch");
    back(machine, &area, &before)?;
    assert_words(machine, &words);

    machine.hide(area.range())?;
    machine.log(|log| {
        log.assert_count(Kind::Alloc, 0);
        log.assert_count(Kind::Set, 1);
        log.assert_count(Kind::Flush, 1);
    });
    machine.show(area.range(), &before)?;
    assert_words(machine, &words);
    Ok(())
}

/// How many leaves are split, and flushed for that, until all pages of a leaf of `2^large` bytes are by themselves. Where a
/// leaf has to be absent to be split, those are the runs among its parts, too: all but the first, which is not made.
fn splits(facts: &Facts, large: u32) -> usize {
    let run = facts.levels.first().and_then(|level| level.runs().last().copied());
    run.filter(|_| !facts.splits_live()).map_or(1, |run| 1 << (large - run))
}

/// Hides every page by itself. Returns how many frames and flushes that took.
fn one_by_one<P: PageTable>(
    machine: &mut Machine<'_, P>,
    facts: &Facts,
    area: &Area,
) -> Result<(usize, usize), ptgen::Error> {
    let (mut frames, mut flushes) = (0, 0);
    for number in 0..1 << (area.lg2 - facts.smallest()) {
        machine.hide(area.part(facts.smallest(), number, 1))?;
        frames += machine.log(|log| log.count(Kind::Alloc));
        flushes += machine.log(|log| log.count(Kind::Flush));
    }
    Ok((frames, flushes))
}

/// Hides every page by itself and flushes at the end. Returns how many frames and flushes that took.
fn in_a_batch<P: PageTable>(
    machine: &mut Machine<'_, P>,
    facts: &Facts,
    area: &Area,
) -> Result<(usize, usize), ptgen::Error> {
    let (mut frames, mut flushes) = (0, 0);
    // What is dropped while a panic unwinds may say nothing.
    let mut batch = ManuallyDrop::new(Batch::<P::Format>::new());
    for number in 0..1 << (area.lg2 - facts.smallest()) {
        let page = area.part(facts.smallest(), number, 1);
        let expects = vec![machine.unmapped(page)];
        let unflushed = machine.deferred(expects, |table, cx| table.tree_mut().hide(cx, page, Hide::mapped()))?;
        frames += machine.log(|log| log.count(Kind::Alloc));
        flushes += machine.log(|log| log.count(Kind::Flush));
        batch.push(unflushed, &machine.cx().memory);
    }
    machine.begin(Vec::new());
    batch.flush(machine.cx());
    machine.assert_flushed();
    machine.end();
    flushes += machine.log(|log| log.count(Kind::Flush));
    Ok((frames, flushes))
}

/// Shows all pages and joins them.
fn back<P: PageTable>(machine: &mut Machine<'_, P>, area: &Area, before: &Snapshot) -> Outcome {
    machine.show(area.range(), before)?;
    machine.join(area.range(), area.lg2)?;
    machine.assert_balanced();
    Ok(())
}
