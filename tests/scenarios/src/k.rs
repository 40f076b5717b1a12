//! Single pages that a task maps for a moment, on its processor: the last one goes first.

pub mod five;
pub mod four;
pub mod one;
pub mod six;
pub mod three;
pub mod two;

use ptgen_simulator::Judge;

use crate::window::{Window, step};

/// Takes a map away: one store and one flush of one page, here.
#[track_caller]
fn unmap<M>(judge: &Judge, window: &Window, number: u64, map: M) {
    step(judge, vec![window.unmapped(number)], || drop(map));
    window.assert_local(judge, (0, 1), window.flushes_to_clear(), 1);
    assert_eq!(judge.stale(), 0, "no TLB holds it any more");
}
