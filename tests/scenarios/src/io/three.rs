//! IO3: walkers that do not look into caches.

use ptgen::{ChangeKind, Format, Leaves, PageTable, Use, Way, Word};
use ptgen_simulator::{Event, Expect, Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, change, data};

/// Such walkers.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.cleans, "walkers look into the caches"),
        (facts.levels.len() > 1, "the root is the only table"),
    ])
}

/// A new table is cleaned as a whole and once, then linked, then the one word is cleaned that links it: no walker gets to what
/// has not been cleaned. Every other word is cleaned when it has been written, and before what it held is flushed.
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
    let tables = facts.levels.len() - 1;
    let area = Area::new(machine, facts, page, 5);
    // Tables, from the lowest up to the one that is linked.
    machine.map_leaf(&area, &data::<P>())?;
    assert_cleaned(machine, facts);
    machine.log(|log| {
        log.assert_count(Kind::Clean, tables + 1);
        log.assert_count(Kind::Link, 1);
        let words = |event: &Event| match event {
            Event::Clean { bytes, .. } => bytes / u64::from(<<P::Format as Format>::Word as Word>::BITS / 8),
            _ => 0,
        };
        let cleaned: Vec<u64> = log.events().iter().map(words).filter(|words| *words > 0).collect();
        let whole = facts.levels.iter().take(tables).map(|level| 1 << level.index_bits);
        assert_eq!(cleaned, whole.chain([1]).collect::<Vec<_>>(), "each table, then the one word:\n{log}");
        log.assert_order(&[Kind::Private, Kind::Clean, Kind::Link, Kind::Clean]);
        assert_eq!(log.events().last().map(Event::kind), Some(last(facts)), "nothing comes after:\n{log}");
    });
    // Words in a table that is there.
    let more = area.sub(page, 2);
    machine.map(&Area { lg2: page + 1, ..more }, &data::<P>(), Leaves::Exactly(page))?;
    assert_cleaned(machine, facts);
    machine.log(|log| log.assert_count(Kind::Clean, 1));
    if facts.says("write") {
        machine.protect(more.range(), &change::<P>(&[("write", 0)]))?;
        assert_cleaned(machine, facts);
        machine.log(|log| log.assert_order(&[Kind::Set, Kind::Clean, Kind::Flush]));
    }
    machine.unmap(more.part(page, 0, 2))?;
    assert_cleaned(machine, facts);
    machine.log(|log| log.assert_order(&[Kind::Set, Kind::Clean, Kind::Flush]));
    // A table goes: what linked it is cleaned before the flush.
    machine.unmap(area.range())?;
    assert_cleaned(machine, facts);
    machine.log(|log| log.assert_order(&[Kind::Unlink, Kind::Clean, Kind::Flush, Kind::Free]));

    // A leaf becomes a table, and one again.
    if let Some(large) = facts.large() {
        if !facts.splits_live() {
            machine.set_use(Use::Elsewhere);
        }
        let area = Area::new(machine, facts, large.shift, 2);
        machine.map_leaf(&area, &data::<P>())?;
        assert_cleaned(machine, facts);
        let part = area.part(large.shift - 1, 0, 1);
        machine.run(vec![Expect::same(area.range())], |table, cx| table.tree_mut().split(cx, part, page))?;
        assert_cleaned(machine, facts);
        machine.log(|log| log.assert_order(&[Kind::Private, Kind::Clean, Kind::Link, Kind::Clean, Kind::Flush]));
        machine.join(area.range(), large.shift)?;
        assert_cleaned(machine, facts);
        machine.log(|log| log.assert_order(&[Kind::Unlink, Kind::Clean, Kind::Flush, Kind::Free]));
        machine.unmap(area.range())?;
    }
    machine.assert_balanced();
    Ok(())
}

/// What ends an operation that fills what was empty.
fn last(facts: &Facts) -> Kind {
    if facts.way(ChangeKind::Fill) == Way::Lazy { Kind::Clean } else { Kind::Flush }
}

/// What has been cleaned is what has been written, or a word of the same run: no line is written back for nothing. That
/// nothing is left when a table is linked, when a flush is made and when the operation has ended, the machine judges.
#[track_caller]
fn assert_cleaned<P: PageTable>(machine: &Machine<'_, P>, facts: &Facts) {
    let run = facts.levels.iter().flat_map(|level| level.runs().into_iter().map(|lg2| 1 << (lg2 - level.shift))).max();
    let word = u64::from(<<P::Format as Format>::Word as Word>::BITS / 8);
    machine.log(|log| {
        let (mut written, mut cleaned, mut gone) = (0, 0, Vec::new());
        for event in log.events() {
            match event {
                Event::Set { .. } | Event::Link { .. } => written += 1,
                Event::Unlink { child, .. } => {
                    written += 1;
                    gone.push(*child);
                }
                // What is linked nowhere any more is in no walker's way.
                Event::Private { table, stores } if !gone.contains(table) => written += *stores as u64,
                Event::Clean { bytes, .. } => cleaned += bytes / word,
                _ => {}
            }
        }
        let most = written * run.unwrap_or(1);
        assert!((written..=most).contains(&cleaned), "{cleaned} words are cleaned, {written} were written:\n{log}");
    });
}
