//! K6: the last one goes first.
//!
//! That a map is gone before the one below it, and is not sent to another processor, the compiler sees to: the cases
//! `map_taken_away_first` and `map_sent` of `tests/misuse` do not compile. Here is what this order gives: a map is at the VA
//! of its depth, and VA are used again at once.

use ptgen::{LocalMap, LocalMaps, PageTable};
use ptgen_simulator::{Judge, Machine};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::unmap;
use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, data};
use crate::window::{SimOf, Window, step, with_slots};

/// How deep maps are nested.
const DEPTH: usize = 5;

type Map<'n, 't, 'm, P> = LocalMap<'n, 't, <P as PageTable>::Format, SimOf<'m, P>, SimOf<'m, P>, DEPTH>;

/// Every format has leaves.
#[must_use]
pub const fn applies(_facts: &Facts) -> Applies {
    Applies::Yes
}

/// Maps inside maps, at random. Each is where its depth says, with the VA of the one that has gone from there before, and a
/// TLB that may hold anything it has seen translates it to nothing else.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let window = Window::new(machine, facts, 6);
    let mut random = StdRng::seed_from_u64(6);
    with_slots(machine, &window, |slots, judge| {
        let maps = LocalMaps::<P::Format, DEPTH>::new();
        let mut nest = maps.nest();
        for number in 0..20 {
            let oa = window.oa(number);
            let expects = vec![window.mapped::<P>(0, oa)];
            let map = step(judge, expects, || nest.map(slots, oa, &data::<P>()).expect("it is the first"));
            let map = inside::<P>(map, 0, judge, &window, &mut random);
            unmap(judge, &window, 0, map);
            assert_eq!(maps.depth(), 0);
        }
    })
}

/// Makes maps inside one.
fn inside<'n, 't, 'm, P: PageTable>(
    mut map: Map<'n, 't, 'm, P>,
    depth: u64,
    judge: &Judge,
    window: &Window,
    random: &mut StdRng,
) -> Map<'n, 't, 'm, P> {
    assert_eq!(map.va(), window.page(depth).start(), "the VA of its depth");
    if depth + 1 == DEPTH as u64 {
        return map;
    }
    for _ in 0..random.random_range(0..3) {
        let oa = window.oa(random.random_range(0..1000));
        let expects = vec![window.mapped::<P>(depth + 1, oa)];
        let next = step(judge, expects, || map.map(oa, &data::<P>()).expect("it is not too deep"));
        window.assert_local(judge, (1, 0), window.flushes_to_fill(), 1);
        let next = inside::<P>(next, depth + 1, judge, window, random);
        unmap(judge, window, depth + 1, next);
    }
    map
}
