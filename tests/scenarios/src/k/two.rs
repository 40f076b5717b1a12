//! K2: taken away in another order.

use ptgen::{Error, LocalMaps, PageTable};
use ptgen_simulator::{Expect, Machine};

use super::unmap;
use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, data};
use crate::window::{Window, step, with_slots};

/// Every format has leaves.
#[must_use]
pub const fn applies(_facts: &Facts) -> Applies {
    Applies::Yes
}

/// Within a nest another order does not compile (K6). With two nests side by side it does: the map below goes, the one above
/// stays what it is, and the slot below is not handed out before the one above is free, also if the task is switched out
/// and in meanwhile. A map that is forgotten keeps its slot, and what is mapped above it comes and goes as ever.
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
        let mapped = |slot, number| vec![window.mapped::<P>(slot, oa(number))];
        let maps = LocalMaps::<P::Format, 4>::new();
        let (mut task, mut interrupt) = (maps.nest(), maps.nest());
        let below = step(judge, mapped(0, 0), || task.map(slots, oa(0), &data).expect("it is the first"));
        let above = step(judge, mapped(1, 1), || interrupt.map(slots, oa(1), &data).expect("it is the second"));
        // The machine sees to it that the one above stays as it is.
        unmap(judge, &window, 0, below);
        assert_eq!(maps.depth(), 2, "the slot below is not free yet");
        let top = step(judge, mapped(2, 2), || task.map(slots, oa(2), &data).expect("it is the third"));
        assert_eq!(top.va(), window.page(2).start(), "a slot that is free is above");

        // Only what is still mapped comes back.
        let before = judge.snapshot(window.range());
        step(judge, vec![Expect::unmapped(window.range())], || slots.switch_out(&maps).expect("tables are there"));
        assert!(judge.is_free(window.range()));
        step(judge, vec![Expect::restored(window.range(), &before)], || {
            slots.switch_in(&maps).expect("nobody else is there");
        });
        unmap(judge, &window, 1, above);
        assert_eq!(maps.depth(), 3);
        unmap(judge, &window, 2, top);
        assert_eq!(maps.depth(), 0, "all are free");
        let again = step(judge, mapped(0, 3), || task.map(slots, oa(3), &data).expect("all are free"));
        assert_eq!(again.va(), window.page(0).start());

        // Forgotten: the map stays, and its slot with it.
        std::mem::forget(again);
        for _ in 0..3 {
            let mut one = step(judge, mapped(1, 4), || task.map(slots, oa(4), &data).expect("there are three"));
            let mut two = step(judge, mapped(2, 5), || one.map(oa(5), &data).expect("there are two"));
            let three = step(judge, mapped(3, 6), || two.map(oa(6), &data).expect("there is one"));
            judge.begin(Vec::new());
            assert!(matches!(interrupt.map(slots, oa(7), &data), Err(Error::Exhausted)));
            judge.failed();
            judge.check();
            unmap(judge, &window, 3, three);
            unmap(judge, &window, 2, two);
            unmap(judge, &window, 1, one);
        }
        assert_eq!(maps.depth(), 1);
        step(judge, vec![window.unmapped(0)], || slots.switch_out(&maps).expect("tables are there"));
    })
}
