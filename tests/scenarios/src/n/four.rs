//! N4: a page may be used for something else only after the flush.

use ptgen::{Flushed, PageTable, Stale};
use ptgen_simulator::{Expect, Invariant, Judge, Kind, Machine};

use super::{Map, get};
use crate::facts::{Applies, Facts};
use crate::steps::Outcome;
use crate::window::{SimOf, Window, with_ring};

/// Every format has leaves.
#[must_use]
pub const fn applies(_facts: &Facts) -> Applies {
    Applies::Yes
}

/// A map is taken away, and its page given back: too early, as the machine says. The token that is left of the map is
/// exchanged for a proof, by a flush if there was none since: then it may be. If the VA have come round, there was one.
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
    with_ring::<P, 1>(machine, &window, |ring, _reserved, judge| {
        let with = (judge, &window);
        let flushes = window.flushes_to_clear();
        let free = |number, proof: &Flushed<P::Format>| {
            assert!(proof.is_empty(), "no table goes");
            judge.free_data(window.oa(number), window.bytes());
        };

        let stale = put::<P>(judge, get::<P>(with, &ring, (1, 0, 1), 0));
        too_early(judge, &window, 1);
        judge.begin(Vec::new());
        free(1, &stale.settle());
        judge.log(|log| log.assert_count(Kind::Flush, flushes));
        judge.end();

        // Several tokens, one flush.
        let (one, two) = (get::<P>(with, &ring, (2, 1, 1), 0), get::<P>(with, &ring, (3, 2, 1), 0));
        let (one, two) = (put::<P>(judge, one), put::<P>(judge, two));
        too_early(judge, &window, 2);
        too_early(judge, &window, 3);
        judge.begin(Vec::new());
        free(3, &two.settle());
        assert!(one.is_flushed());
        free(2, &one.settle());
        judge.log(|log| log.assert_count(Kind::Flush, flushes));
        judge.end();

        // The VA come round.
        let first = put::<P>(judge, get::<P>(with, &ring, (4, 0, 1), 0));
        let second = put::<P>(judge, get::<P>(with, &ring, (5, 1, 2), 0));
        assert_eq!(first.is_flushed(), flushes == 0);
        let third = get::<P>(with, &ring, (6, 0, 1), 1);
        assert!(first.is_flushed() && second.is_flushed());
        judge.begin(Vec::new());
        free(4, &first.settle());
        free(5, &second.settle());
        judge.log(|log| log.assert_count(Kind::Flush, 0));
        judge.end();
        let third = put::<P>(judge, third);
        too_early(judge, &window, 6);
        judge.begin(Vec::new());
        free(6, &third.settle());
        judge.end();
    })
}

/// Takes a map away, and returns what is left of it.
fn put<'r, 't, 'm, P: PageTable>(
    judge: &Judge,
    map: Map<'r, 't, 'm, P>,
) -> Stale<'r, 't, P::Format, SimOf<'m, P>, SimOf<'m, P>, 1> {
    judge.begin(vec![Expect::unmapped(map.range())]);
    let stale = map.put();
    judge.end();
    judge.log(|log| log.assert_count(Kind::Flush, 0));
    stale
}

/// A page is given back, and a TLB may still translate to it, unless that was purged when it was taken away.
#[track_caller]
fn too_early(judge: &Judge, window: &Window, number: u64) {
    judge.data_freed(window.oa(number), window.bytes());
    if window.flushes_to_clear() > 0 {
        judge.assert_broken(Invariant::I2DataLifetime);
    }
    judge.check();
}
