//! IO4: a part of what many equal slots say goes.

use ptgen::{ChangeKind, Error, Leaves, PageTable, Unmap, Use, Va, Way};
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts, LevelFacts};
use crate::steps::{Area, Outcome, Steps, assert_words, data};

/// Runs.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.levels.iter().any(|level| !level.runs().is_empty()), "there are no runs"),
        (facts.way(ChangeKind::Size) != Way::Instruction, "live entries are replaced by an instruction (C-M)"),
    ])
}

/// A run takes as many words as it has slots. One slot of it is to go: refused, if leaves are not to be split, and the run is
/// named, so that the caller may take out all of it; or split, and what is left are smaller leaves that translate what they
/// did. Put back and joined, every word is what it was.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    for level in &facts.levels {
        for lg2 in level.runs() {
            let area = Area::new(machine, facts, lg2, 3);
            machine.set_use(Use::Live);
            whole(machine, level, &area)?;
            for number in [0, 1, (1 << (lg2 - level.shift)) - 1] {
                machine.set_use(Use::Live);
                split(machine, facts, level, &area, number)?;
            }
        }
    }
    Ok(())
}

/// Refused, with the run; all of it goes.
fn whole<P: PageTable>(machine: &mut Machine<'_, P>, level: &LevelFacts, area: &Area) -> Outcome {
    let slots = 1_usize << (area.lg2 - level.shift);
    machine.map_leaf(area, &data::<P>())?;
    let (words, written) = (machine.words(), machine.log(|log| log.count(Kind::Set)));
    // Those of a table that was there; a new table is written as a whole.
    machine.log(|log| assert!(written == slots || log.count(Kind::Link) == 1, "a word for each slot:\n{log}"));
    let one = area.part(level.shift, 1, 1);
    let expects = vec![machine.unmapped(one)];
    let refused = machine.run(expects, |table, cx| table.unmap(cx, one, Unmap::mapped().no_split()));
    let named = Error::PartialLeaf { va: Va::new(area.va), size_lg2: area.lg2 };
    assert_eq!(refused, Err(named), "the run is named");
    assert_words(machine, &words);
    machine.log(|log| assert_eq!(log.stores(), 0));
    let all = area.range();
    let expects = vec![machine.unmapped(all)];
    machine.run(expects, |table, cx| table.unmap(cx, all, Unmap::mapped().no_split().keep_tables()))?;
    machine.log(|log| {
        log.assert_count(Kind::Set, slots);
        log.assert_count(Kind::Flush, 1);
        let request = log.flushes().next().expect("there is one");
        assert!(request.range == all && request.leaf_sizes.has(area.lg2), "all of the run is flushed:\n{log}");
    });
    machine.map_leaf(area, &data::<P>())?;
    machine.log(|log| log.assert_count(Kind::Set, slots));
    assert_words(machine, &words);
    machine.unmap(all)
}

/// Split: one slot goes, the others stay.
fn split<P: PageTable>(
    machine: &mut Machine<'_, P>,
    facts: &Facts,
    level: &LevelFacts,
    area: &Area,
    number: u64,
) -> Outcome {
    let slots = 1_u64 << (area.lg2 - level.shift);
    machine.map_leaf(area, &data::<P>())?;
    let words = machine.words();
    let one = area.sub(level.shift, number);
    if !facts.splits_live() {
        let expects = vec![machine.unmapped(one.range())];
        let refused = machine.run(expects, |table, cx| table.unmap(cx, one.range(), Unmap::mapped()));
        assert!(matches!(refused, Err(Error::BreakBeforeMake { kind: ChangeKind::Size, .. })), "{refused:?}");
        assert_words(machine, &words);
        machine.set_use(Use::Elsewhere);
    }
    let expects = vec![machine.unmapped(one.range())];
    machine.run(expects, |table, cx| table.unmap(cx, one.range(), Unmap::mapped()))?;
    machine.log(|log| {
        log.assert_count(Kind::Alloc, 0);
        let sizes = |lg2| log.flushes().any(|request| request.leaf_sizes.has(lg2));
        assert!(sizes(area.lg2), "the run is flushed:\n{log}");
    });
    assert!(machine.is_free(one.range()));
    for other in (0..slots).filter(|other| *other != number) {
        let left = area.sub(level.shift, other);
        // It may be part of a smaller run.
        let (leaf, va) = (machine.leaf(left.va), Va::new(left.va));
        let is_left =
            leaf.size_lg2 < area.lg2 && !(leaf.va <= one.range().start() && leaf.last() >= one.range().start());
        assert!(is_left && leaf.translate(va).get() == left.oa, "{leaf:?} is not what was there");
    }
    machine.map(&one, &data::<P>(), Leaves::Exactly(level.shift))?;
    machine.join(area.range(), area.lg2)?;
    assert_words(machine, &words);
    machine.unmap(area.range())
}
