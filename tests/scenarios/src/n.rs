//! Changes where nothing can be allocated: stretches of pages that are mapped for a moment, in VA that come round.

pub mod five;
pub mod four;
pub mod one;
pub mod reserve;
pub mod six;
pub mod three;
pub mod two;

use ptgen::{PageTable, RingMap};
use ptgen_simulator::{Expect, Judge, Kind};

use crate::steps::data;
use crate::window::{RingOf, SimOf, Window};

/// A map in a ring of at most 64 pages on a machine.
type Map<'r, 't, 'm, P> = RingMap<'r, 't, <P as PageTable>::Format, SimOf<'m, P>, SimOf<'m, P>, 1>;

/// Maps `pages` pages of data, from number `oa` on. They come to be at page `first`, and `rounds` flushes are made before,
/// because VA come round.
#[track_caller]
fn get<'r, 't, 'm, P: PageTable>(
    (judge, window): (&Judge, &Window),
    ring: &'r RingOf<'t, 'm, P, 1>,
    (oa, first, pages): (u64, u64, usize),
    rounds: usize,
) -> Map<'r, 't, 'm, P> {
    let (oa, range) = (window.oa(oa), window.part(first, pages as u64));
    judge.begin(vec![Expect::mapped_as::<P::Format>(range, oa, &data::<P>())]);
    let map = ring.get(oa, pages, &data::<P>()).expect("there is room");
    judge.end();
    assert_eq!(map.range(), range);
    let rounds = rounds * window.flushes_to_clear();
    window.assert_local(judge, (pages, 0), rounds + window.flushes_to_fill(), window.pages);
    if rounds > 0 {
        judge.log(|log| assert_eq!(log.events()[0].kind(), Kind::Flush, "before anything is mapped:\n{log}"));
    }
    map
}

/// Takes a map away, which flushes nothing.
#[track_caller]
fn put<P: PageTable>((judge, window): (&Judge, &Window), map: Map<'_, '_, '_, P>) {
    let range = map.range();
    judge.begin(vec![Expect::unmapped(range)]);
    drop(map);
    judge.end();
    let pages = usize::try_from(range.bytes().expect("it is small") / window.bytes()).expect("it is small");
    window.assert_local(judge, (0, pages), 0, 0);
}
