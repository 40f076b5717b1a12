//! K1: three maps, one inside the other.

use ptgen::{LocalMaps, PageTable};
use ptgen_simulator::Machine;

use super::unmap;
use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, data};
use crate::window::{Window, step, with_slots};

/// Every format has leaves.
#[must_use]
pub const fn applies(_facts: &Facts) -> Applies {
    Applies::Yes
}

/// Three pages are mapped and taken away, the last first: three stores, three more, a flush of one page each on this
/// processor alone, nothing else.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let window = Window::new(machine, facts, 4);
    let data = data::<P>();
    with_slots(machine, &window, |slots, judge| {
        let oa = |number| window.oa(number);
        let mapped = |number| vec![window.mapped::<P>(number, oa(number))];
        let fills = window.flushes_to_fill();
        let maps = LocalMaps::<P::Format, 3>::new();
        let mut nest = maps.nest();

        let mut one = step(judge, mapped(0), || nest.map(slots, oa(0), &data).expect("it is the first"));
        window.assert_local(judge, (1, 0), fills, 1);
        let mut two = step(judge, mapped(1), || one.map(oa(1), &data).expect("it is the second"));
        window.assert_local(judge, (1, 0), fills, 1);
        let three = step(judge, mapped(2), || two.map(oa(2), &data).expect("it is the third"));
        window.assert_local(judge, (1, 0), fills, 1);
        assert_eq!((three.va(), maps.depth()), (window.page(2).start(), 3));

        unmap(judge, &window, 2, three);
        assert_eq!(two.va(), window.page(1).start());
        unmap(judge, &window, 1, two);
        assert_eq!(one.va(), window.page(0).start());
        unmap(judge, &window, 0, one);
        assert_eq!(maps.depth(), 0);

        // The same at once: as many stores and flushes.
        step(judge, vec![ptgen_simulator::Expect::anything(window.range())], || {
            let mut one = nest.map(slots, oa(0), &data).expect("nothing is mapped");
            let mut two = one.map(oa(1), &data).expect("it is the second");
            drop(two.map(oa(2), &data).expect("it is the third"));
        });
        window.assert_local(judge, (3, 3), 3 * (fills + window.flushes_to_clear()), 1);
    })
}
