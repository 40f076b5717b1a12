//! N3: nothing stale behind what is mapped.

use ptgen::PageTable;
use ptgen_simulator::Machine;

use super::{get, put};
use crate::facts::{Applies, Facts};
use crate::steps::Outcome;
use crate::window::{Window, with_ring};

/// So many pages are in the ring; one more is reserved.
const PAGES: u64 = 7;

/// Every format has leaves.
#[must_use]
pub const fn applies(_facts: &Facts) -> Applies {
    Applies::Yes
}

/// TLBs hold all that was ever mapped until a flush covers it. A VA that one may still hold is not handed out: so it cannot
/// be translated to what was there before. What is mapped while the VA come round is held as what it is.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let window = Window::new(machine, facts, PAGES + 1);
    with_ring::<P, 1>(machine, &window, |ring, _reserved, judge| {
        let with = (judge, &window);
        let is_held = window.flushes_to_clear() > 0;
        let stays = get::<P>(with, &ring, (1, 0, 1), 0);
        // Each round other pages, at the same VA. Whether a TLB holds two translations of one VA, the machine judges at each
        // store.
        for round in 0..5 {
            for page in 1..PAGES {
                let rounds = usize::from(round > 0 && page == 1);
                let map = get::<P>(with, &ring, (100 * (round + 1) + page, page, 1), rounds);
                if rounds > 0 {
                    assert_eq!(judge.stale(), 0, "when the first VA is used again, nothing is held any more");
                }
                assert_eq!(judge.translate(stays.va()), Some(window.oa(1)));
                put::<P>(with, map);
                assert_eq!(judge.stale() > 0, is_held, "what was taken away may still be held");
            }
        }
        put::<P>(with, stays);
        drop(ring);
        assert_eq!(judge.stale(), 0, "nothing is left behind");
    })
}
