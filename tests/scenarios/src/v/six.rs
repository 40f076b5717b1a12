//! V6: no frames.

use ptgen::{Error, Leaves, PageTable};
use ptgen_simulator::Machine;

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_words, data};

/// Tables below the root.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.levels.len() > 1 && facts.levels[0].has_leaf(), "the root is the only table of pages")])
}

/// Pages in three tables are mapped with no frames, with one, with two, and so on: until there are enough, the operation says
/// that there are none, nothing is mapped, and every frame is back.
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
    let around = Area::new(machine, facts, table_lg2, 2);
    let (first, count) = (slots - 1, slots + 2);
    let (range, oa) = (around.part(page, first, count), around.oa + (first << page));
    let (words, frames) = (machine.words(), machine.frames());
    let mut failed = 0;
    for allocations in 0.. {
        machine.limit_allocations(Some(allocations));
        let expects = vec![machine.mapped(range, oa, &data::<P>())];
        let mapped = machine.run(expects, |table, cx| table.map(cx, range, oa, &data::<P>(), Leaves::Exactly(page)));
        machine.limit_allocations(None);
        if mapped.is_ok() {
            break;
        }
        assert_eq!(mapped, Err(Error::OutOfFrames), "the error says what happened");
        failed += 1;
        assert!(machine.is_free(range));
        assert_eq!(machine.frames(), frames);
        assert_words(machine, &words);
    }
    assert!(failed >= 3, "there are three tables of pages at least, and each can fail");
    machine.unmap(range)?;
    machine.assert_balanced();
    Ok(())
}
