//! U1: leaves first, then tables, one flush, and only then pages and tables go back.

use ptgen::{ChangeKind, Leaves, PageTable, Unmap, VaRange, Way};
use ptgen_simulator::{Event, Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_flushed_before_free, data};

/// Several tables of the lowest level.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.levels.len() > 1 && facts.levels[0].has_leaf(), "there is one table of pages")])
}

/// Pages in three tables are unmapped, with no frame to be had: every leaf and table is out before the one flush, and
/// everything is given back after it. Where the instruction takes them out, it purges each, and there is no flush.
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
    let table_lg2 = facts.levels[0].shift + facts.levels[0].index_bits;
    let slots = 1_u64 << (table_lg2 - page);
    // A neighbour keeps the tables above.
    let around = Area::new(machine, facts, table_lg2, 4);
    machine.map_leaf(&around.sub(page, 4 * slots), &data::<P>())?;
    // The end of one table, a whole one, and most of a third.
    let (first, count) = (slots - slots / 4, slots / 4 + slots + slots / 2);
    let range = around.part(page, first, count);
    let oa = around.oa + (first << page);
    let expects = vec![machine.mapped(range, oa, &data::<P>())];
    machine.run(expects, |table, cx| table.map(cx, range, oa, &data::<P>(), Leaves::Exactly(page)))?;
    machine.log(|log| log.assert_count(Kind::Link, 3));

    machine.without_allocation(|machine| unmap(machine, facts, (range, count)));
    machine.free_data(oa, count << page);
    machine.assert_balanced();
    machine.unmap(around.part(page, 4 * slots, 1))
}

fn unmap<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts, (range, count): (VaRange, u64)) {
    let expects = vec![machine.unmapped(range)];
    let unmapped = machine.run(expects, |table, cx| table.unmap(cx, range, Unmap::mapped()));
    assert_eq!(unmapped, Ok(()), "to unmap takes no frames");
    machine.log(|log| {
        log.assert_count(Kind::Unlink, 3);
        log.assert_count(Kind::Free, 3);
        assert_flushed_before_free(log, facts);
        if facts.way(ChangeKind::Clear) == Way::Instruction {
            log.assert_count(Kind::Flush, 0);
            assert!(log.count(Kind::Replace) >= 3, "{log}");
            assert!(log.count(Kind::Replace) as u64 <= 3 + count, "each once at most:\n{log}");
            return;
        }
        log.assert_count(Kind::Flush, 1);
        let flush = log.events().iter().position(|event| event.kind() == Kind::Flush).expect("there is one");
        let late =
            log.events()[flush..].iter().find(|event| matches!(event, Event::Set { new, old, .. } if new != old));
        assert!(late.is_none(), "{late:?} after the flush:\n{log}");
        let request = log.flushes().next().expect("there is one");
        assert!(request.tables && request.range.start() <= range.start() && request.range.last() >= range.last());
    });
}
