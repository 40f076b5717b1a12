//! A5: slots of tables that have been made ahead.

use ptgen::{Applied, Apply, Holds, Oa, PageTable, Pin, VaRange};
use ptgen_simulator::{Kind, Machine};

use super::{apply_all, at, pages, table_lg2};
use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, assert_words, data};

/// Tables of pages.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(pages(facts).is_some(), "the root is the only table of pages")])
}

/// Two tables are made ahead, between others that are not there. Their slots are visited though they are empty, all of them,
/// and nothing else; to fill one takes no frames. Nothing has to be written into a slot to mark it.
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
    let area = at(machine, 4 << table, 0, table + 1);
    let ahead = area.part(page, 0, slots + 1);
    machine.run(Vec::new(), |table, cx| table.tree_mut().populate(cx, ahead, page, Pin::Plain))?;
    let around = VaRange::inclusive(area.va - (1 << table), area.va + (3 << table) - 1);

    let words = machine.words();
    let mut seen = Vec::new();
    apply_all(machine, Vec::new(), (around, Apply::existing_and_empty(page)), |slot| {
        assert_eq!(slot.holds, Holds::Nothing);
        seen.push(slot.va.get());
        Applied::Keep
    });
    let expected: Vec<_> = (0..2 * slots).map(|number| area.va + (number << page)).collect();
    assert!(seen == expected, "every slot of the two tables: {seen:x?}");
    assert_words(machine, &words);
    machine.log(|log| log.assert_count(Kind::Alloc, 0));
    apply_all(machine, Vec::new(), (around, Apply::existing(page)), |slot| panic!("{slot:?} is empty"));

    let one = area.sub(page, slots - 1);
    let attributes = data::<P>();
    machine.without_allocation(|machine| {
        let expects = vec![machine.mapped(one.range(), one.oa, &attributes)];
        apply_all(machine, expects, (around, Apply::existing_and_empty(page)), |slot| {
            if slot.va.get() == one.va { Applied::Set { oa: Oa::new(one.oa), attributes } } else { Applied::Keep }
        });
    });
    let mut seen = Vec::new();
    apply_all(machine, Vec::new(), (around, Apply::existing(page)), |slot| {
        seen.push(slot.va.get());
        Applied::Keep
    });
    assert_eq!(seen, [one.va]);
    Ok(())
}
