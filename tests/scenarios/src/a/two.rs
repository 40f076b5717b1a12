//! A2: every slot, with the tables that takes.

use ptgen::{Applied, Apply, Holds, Oa, PageTable};
use ptgen_simulator::{Event, Kind, Machine};

use super::{apply, apply_all, at, pages, table_lg2};
use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, Steps, data};

/// Tables of pages.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(pages(facts).is_some_and(|level| level.index_bits > 1), "the root is the only table of pages")])
}

/// One and a half tables' worth of pages, which begins within a table: two tables are made, the function is called for every
/// slot and fills it; the second time, it is called for the same slots, and nothing is allocated.
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
    let slots = 1_u64 << level.index_bits;
    let count = slots + slots / 2;
    let area = at(machine, (4 << table) + ((slots / 4) << page), (4 << table) + ((slots / 4) << page), table);
    let range = area.part(page, 0, count);
    let attributes = data::<P>();

    let mut called = 0_u64;
    let expects = vec![machine.mapped(range, area.oa, &attributes)];
    let ended = apply::<P, ()>(machine, expects, (range, Apply::create(page)), |slot| {
        assert_eq!(slot.va.get(), area.va + (called << page), "in order");
        assert_eq!(slot.holds, Holds::Nothing);
        called += 1;
        Ok(Applied::Set { oa: Oa::new(area.oa + (slot.va.get() - area.va)), attributes })
    });
    ended.frames(machine, |machine, done| {
        assert_eq!(done, area.va + (called << page), "the progress");
        if called == 0 {
            return Vec::new();
        }
        vec![machine.mapped(area.part(page, 0, called), area.oa, &attributes)]
    })?;
    assert!(ended.early.is_none(), "{ended:?}");
    machine.end();
    assert_eq!(called, count);
    machine.log(|log| {
        let tables =
            log.events().iter().filter(|event| matches!(event, Event::Alloc { level: of, .. } if *of == level.number));
        assert_eq!(tables.count(), 2, "tables of pages:\n{log}");
        log.assert_count(Kind::Free, 0);
    });

    let mut called = 0_u64;
    machine.without_allocation(|machine| {
        apply_all(machine, Vec::new(), (range, Apply::create(page)), |slot| {
            assert_eq!(slot.leaf().map(|leaf| leaf.oa.get()), Some(area.oa + (called << page)));
            called += 1;
            Applied::Keep
        });
    });
    assert_eq!(called, count);
    machine.log(|log| log.assert_count(Kind::Alloc, 0));
    machine.unmap(range)?;
    machine.assert_balanced();
    Ok(())
}
