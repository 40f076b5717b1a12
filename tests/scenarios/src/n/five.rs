//! N5: one page always works.

use ptgen::{Error, PageTable};
use ptgen_simulator::{Judge, Machine};

use super::{get, put};
use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, data};
use crate::window::{ReservedOf, RingOf, Window, with_ring};

/// So many pages are in the ring; one more is reserved.
const PAGES: u64 = 5;

/// Every format has leaves.
#[must_use]
pub const fn applies(_facts: &Facts) -> Applies {
    Applies::Yes
}

/// Everything is mapped, and no more can be: whoever has the reserved page maps it all the same, as often as it likes, with
/// a flush of one page each, also while others are refused. The ring does not use its VA.
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
    with_ring::<P, 1>(machine, &window, |ring, mut reserved, judge| {
        let with = (judge, &window);
        always::<P>(with, &ring, &mut reserved, false);
        let part = get::<P>(with, &ring, (1, 0, 3), 0);
        always::<P>(with, &ring, &mut reserved, false);
        let rest = get::<P>(with, &ring, (4, 3, 2), 0);
        always::<P>(with, &ring, &mut reserved, true);
        put::<P>(with, part);
        always::<P>(with, &ring, &mut reserved, false);
        put::<P>(with, rest);
    })
}

/// The reserved page is mapped, and others are refused meanwhile.
#[track_caller]
fn always<P: PageTable>(
    (judge, window): (&Judge, &Window),
    ring: &RingOf<'_, '_, P, 1>,
    reserved: &mut ReservedOf<'_, '_, P>,
    is_full: bool,
) {
    for number in 100..103 {
        let oa = window.oa(number);
        let stale = judge.stale();
        judge.begin(vec![window.mapped::<P>(PAGES, oa)]);
        let map = reserved.map(oa, &data::<P>()).expect("it always works");
        judge.end();
        window.assert_local(judge, (1, 0), window.flushes_to_fill(), 1);
        assert_eq!(map.va(), window.page(PAGES).start());
        let refused = if is_full { window.oa(0) } else { window.oa(0) + 1 };
        judge.begin(Vec::new());
        let error = ring.get(refused, 1, &data::<P>()).map(drop).expect_err("it is refused");
        judge.failed();
        judge.check();
        assert!(if is_full { error == Error::Exhausted } else { matches!(error, Error::Misaligned { .. }) });
        assert_eq!(judge.translate(map.va()), Some(oa));
        judge.begin(vec![window.unmapped(PAGES)]);
        drop(map);
        judge.end();
        window.assert_local(judge, (0, 1), window.flushes_to_clear(), 1);
        assert!(judge.stale() <= stale, "nothing of it is held any more");
    }
}
