//! C-G: no frame, at each allocation of a split.

use ptgen::{Error, PageTable, Use};
use ptgen_simulator::Machine;

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_words, change, data};

/// Leaves that can be split for what a part of them says.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.large().is_some(), "all leaves have one size"),
        (facts.says("write"), "leaves cannot be read-only"),
    ])
}

/// Three pages of the largest leaf that can be split down to pages are made read-only with no frame left, then with one
/// frame, and so on: until there are enough, nothing changes, and with all frames a second try works.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let large = facts.three().map_or_else(|| facts.large().expect("it applies"), |[_, _, huge]| huge);
    let area = Area::new(machine, facts, large.shift, 1);
    let range = area.part(facts.smallest(), 5, 3);
    let read_only = change::<P>(&[("write", 0)]);
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    for allocations in 0.. {
        machine.map_leaf(&area, &data::<P>())?;
        let (words, frames) = (machine.words(), machine.frames());
        machine.limit_allocations(Some(allocations));
        let first = machine.protect(range, &read_only);
        machine.limit_allocations(None);
        match first {
            Ok(()) => {
                let tables = usize::from(large.number);
                assert_eq!(allocations, tables, "a table for each level under the leaf");
                break;
            }
            Err(Error::OutOfFrames) => {
                assert_words(machine, &words);
                assert_eq!(machine.frames(), frames, "all frames are back");
                machine.protect(range, &read_only)?;
            }
            Err(error) => panic!("expected no frames, found: {error}"),
        }
        machine.unmap(area.range())?;
        machine.assert_balanced();
    }
    Ok(())
}
