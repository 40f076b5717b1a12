//! C-L: a part of a large leaf, with everything around it untouched.

use ptgen::{PageTable, Use};
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, change, data};

/// Leaves that can be split.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.large().is_some(), "all leaves have one size"),
        (facts.says("write"), "leaves cannot be read-only"),
    ])
}

/// A page of a large leaf is made read-only: the leaf is split, and all other pages say what they said. A stretch with
/// pages missing is made read-only: what was missing is the very word that it was.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let (large, page) = (facts.large().expect("it applies").shift, facts.smallest());
    let read_only = change::<P>(&[("write", 0)]);
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    let area = Area::new(machine, facts, large, 3);
    machine.map_leaf(&area, &data::<P>())?;
    machine.protect(area.part(page, 9, 1), &read_only)?;
    machine.log(|log| log.assert_count(Kind::Alloc, 1));
    for (number, leaf) in (0..1 << (large - page)).map(|number| (number, machine.leaf(area.va + (number << page)))) {
        let expected = if number == 9 { change_of::<P>(&read_only) } else { data::<P>() };
        assert_eq!(leaf.attributes(), expected, "page {number}");
        assert_eq!(leaf.translate(area.va + (number << page)).get(), area.oa + (number << page), "page {number}");
    }
    // Every other page of the next table, with empty slots between.
    let next = area.sub(large, 1);
    for number in [0, 2, 5] {
        machine.map_leaf(&next.sub(page, number), &data::<P>())?;
    }
    let before = machine.words();
    machine.protect_what_is_there(next.range(), &read_only)?;
    let after = machine.words();
    let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    assert_eq!((before.len(), changed), (after.len(), 3), "what was empty holds what it held");
    Ok(())
}

/// What data says after a change.
fn change_of<P: PageTable>(change: &crate::steps::ChangeOf<P>) -> crate::steps::AttributesOf<P> {
    ptgen::Change::revise(change, &data::<P>())
}
