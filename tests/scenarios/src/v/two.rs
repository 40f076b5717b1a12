//! V2: a table that is empty makes room for a leaf.

use ptgen::{ChangeKind, Leaves, PageTable, Unmap, Way};
use ptgen_simulator::{Kind, Machine};

use super::below;
use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_flushed_before_free, data};

/// Pages, and leaves of a table's worth of them.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.large().is_some(), "no leaf is a table's worth of others")])
}

/// A table full of pages is emptied and kept; then a large leaf is mapped there, while somebody reads the tables without a
/// lock. The table is out before the flush, walk caches included; it goes back after that, when no reader is left.
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
    let area = Area::new(machine, facts, large.shift, 3);
    // A neighbour keeps the tables above.
    machine.map_leaf(&Area::new(machine, facts, large.shift, 4).sub(page, 1), &data::<P>())?;
    machine.set_readers(1);
    for leaves in [Leaves::Exactly(large.shift), Leaves::Largest] {
        machine.map(&area, &data::<P>(), Leaves::Exactly(page))?;
        let expects = vec![machine.unmapped(area.range())];
        machine.run(expects, |table, cx| table.unmap(cx, area.range(), Unmap::mapped().keep_tables()))?;
        machine.log(|log| {
            log.assert_count(Kind::Unlink, 0);
            log.assert_count(Kind::Free, 0);
            // What the instruction takes away is purged by it.
            log.assert_count(Kind::Flush, usize::from(facts.way(ChangeKind::Clear) != Way::Instruction));
        });
        let is_exact = leaves != Leaves::Largest;
        machine.without_allocation(|machine| {
            assert_eq!(machine.map(&area, &data::<P>(), leaves), Ok(()), "to map takes no frames");
        });
        if is_exact || machine.leaf(area.va).size_lg2 == large.shift {
            machine.log(|log| {
                log.assert_count(Kind::Alloc, 0);
                log.assert_count(Kind::Unlink, 1);
                log.assert_before(Kind::Wait, Kind::Free);
                if facts.way(ChangeKind::Unlink) == Way::Instruction {
                    assert_flushed_before_free(log, facts);
                    log.assert_before(Kind::Unlink, Kind::Wait);
                } else {
                    log.assert_order(&[Kind::Unlink, Kind::Flush, Kind::Wait, Kind::Free]);
                    assert!(log.flushes().any(|request| request.tables && request.range.contains(area.va)), "{log}");
                }
            });
            assert_eq!(machine.leaf(area.va).size_lg2, large.shift);
        }
        machine.unmap(area.range())?;
        machine.assert_balanced();
    }
    Ok(())
}
