//! A6: a function is shown values, never memory.

use std::collections::BTreeSet;

use ptgen::{Applied, Apply, Attributes, Leaves, Oa, PageTable};
use ptgen_simulator::{Expect, Machine};

use super::{apply_all, at, pages, table_lg2};
use crate::facts::{Applies, Facts};
use crate::steps::{AttributesOf, Outcome, Steps, change, data};

/// Tables of pages, and a record in them.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (pages(facts).is_some(), "the root is the only table of pages"),
        (facts.says("accessed"), "leaves do not say whether they have been accessed"),
        (facts.says("write"), "leaves cannot be read-only"),
    ])
}

/// Pages some of which have been accessed are changed, or written anew with what they said. The function is shown what its
/// slot held when it was read. Where it is the machine that records accesses, it does so just before each store, and what it
/// records is not lost.
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
    let area = at(machine, 4 << table, 4 << table, table);
    let accessed = AttributesOf::<P>::index("accessed").expect("it is one");
    let mut attributes = data::<P>();
    assert!(attributes.set(accessed, 0));
    let touched: BTreeSet<_> = (0..slots).step_by(5).map(|number| area.va + (number << page)).collect();
    if level.records {
        machine.map(&area, &attributes, Leaves::Exactly(page))?;
        for va in &touched {
            assert!(machine.touch(*va, false), "the machine records something");
        }
        machine.interfere(7);
    } else {
        for number in 0..slots {
            let one = area.sub(page, number);
            let mut attributes = attributes;
            assert!(attributes.set(accessed, u64::from(touched.contains(&one.va))));
            machine.map_leaf(&one, &attributes)?;
        }
    }
    let read_only = change::<P>(&[("write", 0)]);
    let mut number = 0_u64;
    let expects = (0..slots).map(|number| {
        let slot = area.part(page, number, 1);
        if number % 2 == 0 { machine.protected(slot, &read_only) } else { Expect::same(slot) }
    });
    let expects = expects.collect();
    apply_all(machine, expects, (area.range(), Apply::existing(page)), |slot| {
        let va = slot.va.get();
        assert_eq!(va, area.va + (number << page), "each is shown once");
        let leaf = slot.leaf().expect("only leaves are there");
        let shown = leaf.attributes().get(accessed) != 0;
        assert_eq!(shown, touched.contains(&va), "{va:#x} is shown as it was when it was read");
        number += 1;
        if va >> page & 1 == 0 {
            Applied::Change(read_only)
        } else {
            // What the machine records is kept, whatever is said of it.
            let attributes = if level.records { attributes } else { leaf.attributes() };
            Applied::Set { oa: Oa::new(area.oa + (va - area.va)), attributes }
        }
    });
    assert_eq!(number, slots);
    for va in touched {
        assert_ne!(machine.leaf(va).attributes().get(accessed), 0, "the record of {va:#x} is kept");
    }
    Ok(())
}
