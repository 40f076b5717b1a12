//! C-A: split, change, join.

use ptgen::{Attributes, ChangeKind, PageTable, Way};
use ptgen_simulator::{Event, Kind, Log, Machine};

use crate::facts::{Applies, Facts, LevelFacts};
use crate::steps::{Area, AttributesOf, ChangeOf, Outcome, Steps, assert_words, change, data, memory_types};

/// Three sizes of leaves, each a table's worth of the next smaller, which may be exchanged for each other while they are
/// live.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.three().is_some(), "no leaf is two levels above another"),
        (facts.says("write"), "leaves cannot be read-only"),
        (facts.way(ChangeKind::Size) != Way::Break, "a live leaf is not split: that goes through an absent word (C-J)"),
        (facts.way(ChangeKind::Size) != Way::Instruction, "live entries are replaced by an instruction (C-M)"),
        (facts.changes_live(), "rights are given by way of an absent word"),
        (facts.way(ChangeKind::Restrict) == Way::Live, "rights are not taken away by a store and a flush"),
    ])
}

/// Three pages of a leaf two levels above are made read-only, within one table and across two; with each memory type. The leaf
/// comes back, software's bits and all, unless one of software's says of a page that it stays by itself.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let [page, large, huge] = facts.three().expect("it applies");
    let area = Area::new(machine, facts, huge.shift, 1);
    let slots = 1_u64 << (large.shift - page.shift);
    let mut types = memory_types(facts);
    if types.is_empty() {
        types.push(0);
    }
    for memory_type in types {
        let mut attributes = data::<P>();
        if let Some(index) = AttributesOf::<P>::index("memory_type") {
            assert!(attributes.set(index, memory_type));
        }
        // Within one table of pages, and across two of them.
        for (first, tables) in [(3 * slots + 5, 1), (4 * slots - 2, 2)] {
            machine.map_leaf(&area, &attributes)?;
            // Software's bits are its own, and come back like all others.
            let software = machine.software();
            let (veto, others) = (software & software.wrapping_neg(), software & software.wrapping_sub(1));
            machine.mark(area.va, others);
            let before = machine.words();
            split_and_change(machine, [page, large, huge], &area, (first, tables), &read_only::<P>(facts))?;
            machine.protect(area.part(page.shift, first, 3), &change::<P>(&[("write", 1)]))?;
            if tables == 1 && veto != 0 {
                vetoed(machine, &area, area.va + (first << page.shift), (veto, others))?;
            }
            join_again(machine, &area, tables)?;
            assert_words(machine, &before);
            machine.unmap(area.range())?;
        }
    }
    Ok(())
}

/// Read-only, and where leaves can say that, not dirty.
fn read_only<P: PageTable>(facts: &Facts) -> ChangeOf<P> {
    if facts.says("dirty") { change::<P>(&[("write", 0), ("dirty", 0)]) } else { change::<P>(&[("write", 0)]) }
}

/// Changes three pages from number `first` of the leaf at `area`, which takes so many tables of pages.
fn split_and_change<P: PageTable>(
    machine: &mut Machine<'_, P>,
    [page, large, huge]: [&LevelFacts; 3],
    area: &Area,
    (first, tables): (u64, usize),
    read_only: &ChangeOf<P>,
) -> Outcome {
    let range = area.part(page.shift, first, 3);
    machine.protect(range, read_only)?;
    machine.log(|log| {
        assert_eq!(allocated(log, large.number), 1, "tables under the leaf:\n{log}");
        assert_eq!(allocated(log, page.number), tables, "tables of pages:\n{log}");
        log.assert_count(Kind::Alloc, 1 + tables);
        // All frames are there before anything that a walker sees.
        log.assert_before(Kind::Alloc, Kind::Link);
        log.assert_count(Kind::Link, 1);
        log.assert_count(Kind::Set, 3);
        log.assert_count(Kind::Unlink, 0);
        log.assert_count(Kind::Free, 0);
        log.assert_count(Kind::Flush, 2);
        log.assert_order(&[Kind::Link, Kind::Flush, Kind::Set, Kind::Set, Kind::Set, Kind::Flush]);
        let flushes: Vec<_> = log.flushes().collect();
        assert!(flushes[0].leaf_sizes.has(huge.shift), "the first flush reaches the leaf that was split:\n{log}");
        let (start, last) = (range.start(), range.last());
        for flush in flushes {
            assert!(flush.range.contains(start) && flush.range.contains(last), "{log}");
        }
    });
    for number in [first, first + 1, first + 2] {
        // Two of the pages may be a run.
        let leaf = machine.leaf(area.va + (number << page.shift));
        assert!(range.contains(leaf.va) && range.contains(leaf.last()), "{leaf:?} is more than what changes");
    }
    Ok(())
}

/// A page that has one of software's bits which the others do not have stays by itself, and so do those above it.
fn vetoed<P: PageTable>(machine: &mut Machine<'_, P>, area: &Area, va: u64, (veto, others): (u64, u64)) -> Outcome {
    let size = machine.leaf(va).size_lg2;
    machine.mark(va, veto | others);
    machine.join_unless(area.range(), area.lg2, veto)?;
    machine.log(|log| log.assert_count(Kind::Unlink, 0));
    assert_eq!(machine.leaf(va).size_lg2, size);
    machine.mark(va, others);
    Ok(())
}

/// Joins the leaf at `area` again, of which so many tables of pages have been made. Its tables are given back after a flush.
fn join_again<P: PageTable>(machine: &mut Machine<'_, P>, area: &Area, tables: usize) -> Outcome {
    machine.join(area.range(), area.lg2)?;
    machine.log(|log| {
        log.assert_count(Kind::Alloc, 0);
        log.assert_count(Kind::Free, 1 + tables);
        log.assert_before(Kind::Unlink, Kind::Free);
        log.assert_before(Kind::Flush, Kind::Free);
        assert!(log.count(Kind::Flush) <= 2, "one flush for each level, at most:\n{log}");
    });
    assert_eq!(machine.leaf(area.va).size_lg2, area.lg2);
    machine.assert_balanced();
    Ok(())
}

/// How many tables of a level have been allocated.
fn allocated(log: &Log, number: u8) -> usize {
    log.events().iter().filter(|event| matches!(event, Event::Alloc { level, .. } if *level == number)).count()
}
