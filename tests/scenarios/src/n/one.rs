//! N1: any sizes, in any order, without a frame.

use ptgen::{Error, PageTable};
use ptgen_simulator::{Expect, Kind, Machine};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, data};
use crate::window::{Window, with_ring};

/// So many pages are in the ring; one more is reserved.
const PAGES: u64 = 63;

/// So many maps are asked for, for each value of a format: a hundred thousand, all formats together.
const TIMES: u64 = 5_000;

/// Every format has leaves.
#[must_use]
pub const fn applies(_facts: &Facts) -> Applies {
    Applies::Yes
}

/// Maps of random sizes are made and taken away in random order. Nothing is allocated; a map is refused exactly if there are
/// not so many pages free in one piece, however many were free before the last flush; and what is mapped stays as it is.
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
    let times = if machine.limits_allocations() { 100 } else { TIMES };
    let mut random = StdRng::seed_from_u64(1);
    with_ring::<P, 1>(machine, &window, |ring, _reserved, judge| {
        assert_eq!(ring.count() as u64, PAGES);
        let mut maps = Vec::new();
        // What each page is translated to.
        let mut model = [None; PAGES as usize];
        let (mut asked, mut refused) = (0, 0);
        while asked < times {
            judge.begin(vec![Expect::anything(window.range())]);
            if maps.is_empty() || maps.len() < 12 && random.random_bool(0.5) {
                let most = if random.random_bool(0.1) { 40_usize } else { 6 };
                let pages = random.random_range(1..=most);
                let number = random.random_range(0..1000);
                asked += 1;
                let room = model.windows(pages).any(|pages| pages.iter().all(Option::is_none));
                match ring.get(window.oa(number), pages, &data::<P>()) {
                    Ok(map) => {
                        let first = usize::try_from(window.number(map.va().get())).expect("it is in the window");
                        assert_eq!(map.range(), window.part(first as u64, pages as u64));
                        for (page, number) in model[first..first + pages].iter_mut().zip(number..) {
                            assert_eq!(page.replace(window.oa(number)), None, "the VA was free");
                        }
                        maps.push(map);
                    }
                    Err(error) => {
                        assert_eq!(error, Error::Exhausted);
                        assert!(!room, "there is room for {pages} pages");
                        judge.log(|log| assert_eq!(log.stores(), 0));
                        refused += 1;
                    }
                }
            } else {
                let gone = maps.swap_remove(random.random_range(0..maps.len()));
                let first = usize::try_from(window.number(gone.va().get())).expect("it is in the window");
                let pages = usize::try_from(gone.range().bytes().expect("it is small") / window.bytes());
                model[first..first + pages.expect("it is small")].fill(None);
                drop(gone);
            }
            judge.end();
            judge.log(|log| {
                for kind in [Kind::Alloc, Kind::AllocFailed, Kind::Free, Kind::Link, Kind::Unlink] {
                    log.assert_count(kind, 0);
                }
            });
            if asked % 16 == 0 {
                let found: Vec<_> = (0..PAGES).map(|page| judge.translate(window.page(page).start())).collect();
                assert_eq!(found, model, "each page is what its map says");
            }
        }
        assert!(times < TIMES || refused > times / 100 && refused < times / 4, "{refused} of {times} are refused");
        judge.begin(vec![Expect::unmapped(window.range())]);
        drop(maps);
        drop(ring);
        judge.assert_flushed();
        judge.end();
    })
}
