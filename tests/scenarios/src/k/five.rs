//! K5: nothing is allocated.

use ptgen::{LocalMaps, PageTable};
use ptgen_simulator::{Expect, Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, data};
use crate::window::{Window, with_slots};

/// So often a page is mapped and taken away, for each value of a format. (A test of the runtime does it a million times.)
const TIMES: u64 = 4_000;

/// So often between two looks at the log.
const AT_ONCE: u64 = 100;

/// Every format has leaves.
#[must_use]
pub const fn applies(_facts: &Facts) -> Applies {
    Applies::Yes
}

/// The tables are made; from then on, no frame is to be had. Pages are mapped and taken away, again and again.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    // One page in each of two tables.
    let window = Window::new(machine, facts, 2);
    let data = data::<P>();
    // Once is enough where it is only about the allocations before.
    let times = if machine.limits_allocations() { AT_ONCE } else { TIMES };
    with_slots(machine, &window, |slots, judge| {
        let maps = LocalMaps::<P::Format, 4>::new();
        let mut nest = maps.nest();
        for round in 0..times / AT_ONCE {
            judge.begin(vec![Expect::anything(window.range())]);
            for time in 0..AT_ONCE / 2 {
                let mut map = nest.map(slots, window.oa(time), &data).expect("no frame is needed");
                drop(map.map(window.oa(round), &data).expect("no frame is needed"));
            }
            judge.assert_flushed();
            judge.end();
            judge.log(|log| {
                log.assert_count(Kind::Alloc, 0);
                log.assert_count(Kind::AllocFailed, 0);
                log.assert_count(Kind::Free, 0);
            });
            assert!(judge.is_free(window.range()));
        }
    })
}
