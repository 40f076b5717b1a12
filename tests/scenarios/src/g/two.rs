//! G2: as large as what is taken away.

use ptgen::{PageTable, Use};
use ptgen_simulator::{Event, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, data};

/// Three sizes of leaves, and absent words with room for those of the middle one.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.three().is_some(), "no leaf is two levels above another"),
        (facts.three().is_some_and(|[_, large, _]| large.hides), "an absent word has no room for all that a leaf says"),
    ])
}

/// A part of a huge leaf that is as large as a leaf of the level below is taken away: one table of such leaves, none of
/// pages.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let [_, large, huge] = facts.three().expect("it applies");
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    let area = Area::new(machine, facts, huge.shift, 1);
    machine.map_leaf(&area, &data::<P>())?;
    machine.hide(area.part(large.shift, 3, 1))?;
    machine.log(|log| {
        let allocated: Vec<u8> = log
            .events()
            .iter()
            .filter_map(|event| if let Event::Alloc { level, .. } = event { Some(*level) } else { None })
            .collect();
        assert_eq!(allocated, [large.number], "{log}");
    });
    assert_eq!(machine.leaf(area.sub(large.shift, 4).va).level, large.number);
    Ok(())
}
