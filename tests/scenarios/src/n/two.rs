//! N2: one flush a round.

use ptgen::{Error, PageTable};
use ptgen_simulator::{Expect, Kind, Machine};

use super::{get, put};
use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, data};
use crate::window::{Window, with_ring};

/// So many pages are in the ring; one more is reserved.
const PAGES: usize = 9;

/// Every format has leaves.
#[must_use]
pub const fn applies(_facts: &Facts) -> Applies {
    Applies::Yes
}

/// VA are used from the lowest to the highest, and nothing is flushed when a map is taken away, but once when the VA come
/// round again: not before the first that was used has to be used again, and not at all where that would not help. What is
/// mapped then is passed by. (Where an instruction takes words out, it has purged each at once, and there is nothing left to
/// flush; where absent words are held, each map is flushed for itself.)
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let window = Window::new(machine, facts, PAGES as u64 + 1);
    with_ring::<P, 1>(machine, &window, |ring, _reserved, judge| {
        let with = (judge, &window);
        put::<P>(with, get::<P>(with, &ring, (0, 0, PAGES), 0));
        judge.begin(Vec::new());
        assert!(matches!(ring.get(0, PAGES + 1, &data::<P>()), Err(Error::Exhausted)));
        judge.failed();
        judge.check();
        judge.log(|log| assert_eq!(log.events(), [], "a flush would not have helped"));
        // One by one: each round has a flush before the first.
        for round in 0..4 {
            for page in 0..PAGES as u64 {
                put::<P>(with, get::<P>(with, &ring, (round + page, page, 1), usize::from(page == 0)));
            }
        }
        // What is mapped when the VA come round is passed by, and what was taken away since is not used before.
        let stays = get::<P>(with, &ring, (0, 0, 2), 1);
        put::<P>(with, get::<P>(with, &ring, (10, 2, 7), 0));
        let next = get::<P>(with, &ring, (20, 2, 3), 1);
        put::<P>(with, stays);
        put::<P>(with, next);
        put::<P>(with, get::<P>(with, &ring, (30, 5, 4), 0));
        put::<P>(with, get::<P>(with, &ring, (40, 0, 9), 1));
        assert_eq!(ring.rounds(), if window.flushes_to_clear() > 0 { 7 } else { 0 });
        // The rest is flushed when the ring goes.
        judge.begin(Vec::<Expect>::new());
        drop(ring);
        judge.assert_flushed();
        judge.end();
        judge.log(|log| log.assert_count(Kind::Flush, window.flushes_to_clear()));
    })
}
