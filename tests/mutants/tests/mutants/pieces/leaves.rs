//! What is done to leaves.

use ptgen::{Attributes, Error, Harvest, Hide, Leaves, PageTable, Protect, Use};
use ptgen_scenarios::{Area, AttributesOf, Facts, Steps, assert_words, change, data};
use ptgen_simulator::{Expect, Machine};

use super::{Done, unused};

/// How often something is done while the machine records now and then.
const ROUNDS: u64 = 12;

/// Whether the machine records in leaves.
fn records(facts: &Facts) -> Option<()> {
    (facts.levels[0].records && facts.says("accessed") && facts.says("dirty")).then_some(())
}

/// The machine records accesses while leaves are split, changed and joined.
pub fn recording<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Done {
    records(facts)?;
    let top = facts.three().map(|levels| levels[2]).or(facts.large())?;
    let (page, area) = (facts.smallest(), Area::new(machine, facts, top.shift, 1));
    let part = area.part(page, 5, 3);
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    let mut round = |seed| -> Result<(), Error> {
        machine.interfere(seed);
        machine.map_leaf(&area, &unused::<P>(facts))?;
        machine.protect(part, &change::<P>(&[("write", 0)]))?;
        machine.protect(part, &change::<P>(&[("write", 1)]))?;
        machine.join(area.range(), area.lg2)?;
        machine.assert_balanced();
        machine.unmap(area.range())
    };
    Some((1..=ROUNDS).try_for_each(&mut round))
}

/// The machine records accesses while leaves are hidden, and nothing of it is lost.
pub fn hiding<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Done {
    records(facts)?;
    let area = Area::new(machine, facts, facts.smallest() + 3, 1);
    let range = area.range();
    if !facts.hides() {
        return None;
    }
    let mut round = |seed| -> Result<(), Error> {
        machine.interfere(seed);
        machine.map(&area, &unused::<P>(facts), Leaves::Exactly(facts.smallest()))?;
        machine.run(vec![Expect::hidden(range)], |table, cx| table.tree_mut().hide(cx, range, Hide::mapped()))?;
        machine.run(vec![Expect::anything(range)], |table, cx| table.tree_mut().show(cx, range, Hide::mapped()))?;
        machine.unmap(range)
    };
    Some((1..=ROUNDS).try_for_each(&mut round))
}

/// Pages that have been read are found, and forgotten, while the machine goes on recording.
pub fn harvest<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Done {
    records(facts)?;
    let area = Area::new(machine, facts, facts.smallest() + 3, 1);
    let forgotten = change::<P>(&[("accessed", 0)]);
    let mut round = |seed| -> Result<(), Error> {
        machine.interfere(seed);
        machine.map(&area, &unused::<P>(facts), Leaves::Exactly(facts.smallest()))?;
        for page in 0..8 {
            machine.touch(area.va + (page << facts.smallest()), false);
        }
        let expects = vec![machine.protected(area.range(), &forgotten)];
        let what = Harvest::accessed();
        machine.run(expects, |table, cx| table.tree_mut().harvest(cx, area.range(), what, |_, _| ()))?;
        machine.unmap(area.range())
    };
    Some((1..=ROUNDS).try_for_each(&mut round))
}

/// The machine has recorded in one word of a run that any of its pages has been written to. When it is taken apart, each of
/// them may be the one.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Done {
    records(facts)?;
    let (page, lg2) = (facts.smallest(), *facts.levels[0].runs().first()?);
    let area = Area::new(machine, facts, lg2, 1);
    let index = AttributesOf::<P>::index("dirty")?;
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    let mut work = || -> Result<(), Error> {
        machine.map_leaf(&area, &unused::<P>(facts))?;
        assert!(machine.touch(area.va + (3 << page), true), "there is something to record");
        machine.protect(area.part(page, 7, 1), &change::<P>(&[("write", 0)]))?;
        for number in 0..1 << (lg2 - page) {
            let leaf = machine.leaf(area.va + (number << page));
            assert_eq!(leaf.attributes().get(index), 1, "page {number} may have been written to");
        }
        Ok(())
    };
    Some(work())
}

/// Pages become one leaf while somebody reads the tables without a lock, and the machine records accesses, also through
/// walk caches that hold the old table still.
pub fn joining<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Done {
    let area = Area::new(machine, facts, facts.large()?.shift, 2);
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    machine.set_readers(1);
    let mut round = |seed| -> Result<(), Error> {
        machine.interfere(seed);
        machine.map(&area, &unused::<P>(facts), Leaves::Exactly(facts.smallest()))?;
        machine.join(area.range(), area.lg2)?;
        assert_eq!(machine.leaf(area.va).size_lg2, area.lg2);
        machine.unmap(area.range())
    };
    Some((1..=ROUNDS).try_for_each(&mut round))
}

/// One of many pages says something else: they stay pages.
pub fn differing<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Done {
    let area = Area::new(machine, facts, facts.large()?.shift, 2);
    if !facts.says("write") {
        return None;
    }
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    let mut work = || -> Result<(), Error> {
        machine.map(&area, &data::<P>(), Leaves::Exactly(facts.smallest()))?;
        machine.protect(area.part(facts.smallest(), 5, 1), &change::<P>(&[("write", 0)]))?;
        machine.join(area.range(), area.lg2)
    };
    Some(work())
}

/// Two halves are translated to OA that are not adjacent: they do not become one leaf.
pub fn scattered<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Done {
    let area = Area::new(machine, facts, facts.large()?.shift, 2);
    let (low, high) = (area.sub(area.lg2 - 1, 0), area.sub(area.lg2 - 1, 1));
    let high = Area { oa: high.oa + (4 << area.lg2), ..high };
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    let mut work = || -> Result<(), Error> {
        machine.map(&low, &data::<P>(), Leaves::Exactly(facts.smallest()))?;
        machine.map(&high, &data::<P>(), Leaves::Exactly(facts.smallest()))?;
        machine.join(area.range(), area.lg2)
    };
    Some(work())
}

/// A page is to be written but not read, which some formats forbid: it is refused, and nothing changes, or it is done.
pub fn forbidden<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Done {
    AttributesOf::<P>::index("read").and(AttributesOf::<P>::index("write"))?;
    let range = Area::new(machine, facts, facts.smallest(), 5);
    let write_only = change::<P>(&[("read", 0), ("write", 1)]);
    let mut work = || -> Result<(), Error> {
        machine.map_leaf(&range, &data::<P>())?;
        let words = machine.words();
        let range = range.range();
        let expects = vec![machine.protected(range, &write_only)];
        let changed = machine.run(expects, |table, cx| table.protect(cx, range, &write_only, Protect::mapped()));
        if changed.is_err() {
            assert_words(machine, &words);
        }
        Ok(())
    };
    Some(work())
}
