//! A4: the function fails.

use ptgen::{Applied, Apply, Cause, ChangeKind, Oa, PageTable, Way};
use ptgen_simulator::Machine;

use super::{apply, at, pages, table_lg2};
use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, Steps, data};

/// Tables of pages.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(pages(facts).is_some_and(|level| level.index_bits > 3), "the root is the only table of pages")])
}

/// The function fails at a slot in the second of two tables: what is before it is done, nothing from it on, it is said where
/// that is, and what has to be flushed for the tables that have been linked.
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
    let start = (4 << table) + ((slots / 2) << page);
    let area = at(machine, start, start, table);
    let attributes = data::<P>();
    let fails = slots / 2 + 3;
    let fails_at = area.va + (fails << page);

    let mut called = 0_u64;
    let expects = vec![machine.mapped(area.part(page, 0, fails), area.oa, &attributes)];
    let ended = apply(machine, expects, (area.range(), Apply::create(page)), |slot| {
        called += 1;
        let va = slot.va.get();
        if va == fails_at { Err(va) } else { Ok(Applied::Set { oa: Oa::new(area.oa + (va - area.va)), attributes }) }
    });
    ended.frames(machine, |machine, done| match (done - area.va) >> page {
        0 => Vec::new(),
        count => vec![machine.mapped(area.part(page, 0, count), area.oa, &attributes)],
    })?;
    machine.end();
    assert_eq!(ended.early, Some((fails_at, Cause::Function(fails_at))), "where it ended, and why");
    assert_eq!(called, fails + 1);
    assert!(machine.is_free(area.part(page, fails, slots - fails)), "nothing is done from there on");
    machine.assert_balanced();
    match (facts.way(ChangeKind::Fill), ended.request) {
        (Way::Lazy, request) => assert_eq!(request, None, "no TLB holds that there is nothing"),
        (_, request) => {
            let request = request.expect("what has been linked is said");
            assert!(request.range.contains(area.va) && request.range.contains(fails_at - 1), "{request:?}");
            assert!(request.tables, "{request:?}");
        }
    }

    // The same where nothing has to be made: five are cleared.
    let fails_at = area.va + (5 << page);
    let expects = vec![machine.unmapped(area.part(page, 0, 5))];
    let ended = apply(machine, expects, (area.range(), Apply::existing(page)), |slot| {
        if slot.va.get() == fails_at { Err(()) } else { Ok(Applied::Clear) }
    });
    machine.end();
    assert_eq!(ended.early, Some((fails_at, Cause::Function(()))));
    if facts.way(ChangeKind::Clear) == Way::Live {
        let request = ended.request.expect("what has been cleared is said");
        assert!(request.range.contains(area.va) && request.range.contains(fails_at - 1), "{request:?}");
        assert!(!request.range.contains(fails_at), "{request:?}");
    }
    assert_eq!(machine.leaf(fails_at).oa.get(), area.oa + (5 << page));
    Ok(())
}
