//! A3: a larger leaf on the way.

use ptgen::{Applied, Apply, Cause, Error, Leaves, PageTable, Use, Va, VaRange};
use ptgen_simulator::{Kind, Machine};

use super::{apply, at};
use crate::facts::{Applies, Facts, LevelFacts};
use crate::steps::{Outcome, Steps, assert_words, data};

/// Pages, and leaves of a table's worth of them.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.large().is_some(), "no leaf is a table's worth of others")])
}

/// The level below one.
fn below<'f>(facts: &'f Facts, level: &LevelFacts) -> &'f LevelFacts {
    &facts.levels[usize::from(level.number) - 1]
}

/// Four pages, then a large leaf. It ends the operation, which names it, and the four pages are done, nothing else. If it is
/// to be split, the function is called for every part of it.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let large = facts.large().expect("it applies");
    let page = below(facts, large).shift;
    let slots = 1_u64 << (large.shift - page);
    let leaf = at(machine, 4 << large.shift, 4 << large.shift, large.shift);
    let before = at(machine, leaf.va - (4 << page), leaf.oa - (4 << page), page + 2);
    machine.map_leaf(&leaf, &data::<P>())?;
    machine.map(&before, &data::<P>(), Leaves::Exactly(page))?;
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }

    let all = VaRange::inclusive(before.va, leaf.range().last());
    let mut called = 0;
    let expects = vec![machine.unmapped(before.range())];
    let ended = apply::<P, ()>(machine, expects, (all, Apply::existing(page)), |_| {
        called += 1;
        Ok(Applied::Clear)
    });
    machine.end();
    let error = Error::PartialLeaf { va: Va::new(leaf.va), size_lg2: leaf.lg2 };
    assert_eq!(ended.early, Some((leaf.va, Cause::Refused(error))), "where it ended, and why");
    assert_eq!(called, 4);
    machine.log(|log| log.assert_count(Kind::Alloc, 0));
    assert_eq!(machine.leaf(leaf.va).size_lg2, leaf.lg2);

    let words = machine.words();
    let gone = leaf.sub(page, 3);
    let mut called = 0;
    let expects = vec![machine.unmapped(gone.range())];
    let ended = apply::<P, ()>(machine, expects, (all, Apply::existing(page).split_larger()), |slot| {
        assert_eq!(slot.va.get(), leaf.va + (called << page), "in order");
        called += 1;
        Ok(if slot.va.get() == gone.va { Applied::Clear } else { Applied::Keep })
    });
    if ended.early.is_some() {
        assert_words(machine, &words);
        assert_eq!(called, 0);
    }
    ended.frames(machine, |_, _| Vec::new())?;
    machine.end();
    assert!(ended.early.is_none(), "{ended:?}");
    assert_eq!(called, slots);
    machine.log(|log| log.assert_count(Kind::Alloc, 1));
    assert_eq!(machine.leaf(leaf.va + (4 << page)).size_lg2, page);
    Ok(())
}
