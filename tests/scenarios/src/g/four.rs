//! G4: without a frame for the split, the page stays.

use ptgen::{Error, PageTable, Use};
use ptgen_simulator::Machine;

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_words, data};

/// Large leaves, and absent words with room for a leaf.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.large().is_some(), "all leaves have one size"),
        (facts.hides(), "an absent word has no room for all that a leaf says"),
    ])
}

/// A page of a large leaf is to be taken away and there is no frame: an error, and everything is mapped as before.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    let area = Area::new(machine, facts, facts.large().expect("it applies").shift, 3);
    machine.map_leaf(&area, &data::<P>())?;
    let words = machine.words();
    let page = area.sub(facts.smallest(), 5);
    machine.limit_allocations(Some(0));
    let result = machine.hide(page.range());
    machine.limit_allocations(None);
    assert_eq!(result, Err(Error::OutOfFrames));
    assert_words(machine, &words);
    assert_eq!(machine.leaf(page.va).translate(page.va).get(), page.oa, "the page is still mapped");
    machine.assert_balanced();
    Ok(())
}
