//! A1: only what is there.

use ptgen::{Applied, Apply, ChangeKind, Leaves, PageTable, Way};
use ptgen_simulator::{Kind, Machine};

use super::{apply_all, at, pages, table_lg2};
use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, Steps, data};

/// Tables of pages.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(pages(facts).is_some(), "the root is the only table of pages")])
}

/// A hole, a table full of pages, a much larger hole, a page: the function is called for every page, in order, once, and a
/// hole ends nothing.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let level = pages(facts).expect("it applies");
    let (page, table) = (level.shift, table_lg2(level));
    let above = &facts.levels[usize::from(level.number) + 1];
    // The large hole is as much as the next table translates, unless that is the root.
    let is_root = facts.levels.last() == Some(above);
    let hole = if is_root { 1 << table } else { 1 << table_lg2(above) };
    let full = at(machine, 1 << table, 0, table);
    let single = at(machine, (2 << table) + hole, 1 << table, page);
    machine.map(&full, &data::<P>(), Leaves::Exactly(page))?;
    machine.map_leaf(&single, &data::<P>())?;

    let all = ptgen::VaRange::inclusive(machine.va(0), single.va + (1 << page) - 1);
    let slots = 1_u64 << level.index_bits;
    let mut expected: Vec<_> =
        (0..slots).map(|number| (full.va + (number << page), full.oa + (number << page))).collect();
    expected.push((single.va, single.oa));
    let mut seen = Vec::new();
    apply_all(machine, Vec::new(), (all, Apply::existing(page)), |slot| {
        seen.push((slot.va.get(), slot.leaf().expect("only leaves are there").oa.get()));
        Applied::Keep
    });
    assert!(seen == expected, "every page, in order, once: {seen:x?}");
    machine.log(|log| {
        assert_eq!(log.stores(), 0, "{log}");
        log.assert_count(Kind::Alloc, 0);
        log.assert_count(Kind::Flush, 0);
    });

    let mut cleared = 0;
    let expects = vec![machine.unmapped(full.range()), machine.unmapped(single.range())];
    apply_all(machine, expects, (all, Apply::existing(page)), |_| {
        cleared += 1;
        Applied::Clear
    });
    assert_eq!(cleared, expected.len());
    machine.log(|log| {
        log.assert_count(Kind::Unlink, 0);
        if facts.way(ChangeKind::Clear) == Way::Live {
            log.assert_count(Kind::Set, expected.len());
            log.assert_count(Kind::Flush, 1);
        }
    });
    apply_all(machine, Vec::new(), (all, Apply::existing(page)), |slot| panic!("{slot:?} is empty"));
    Ok(())
}
