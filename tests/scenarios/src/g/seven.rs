//! G7: a page that was taken away is reached for a moment elsewhere.

use ptgen::{Error, PageTable, RingMaps, Scope, VaRange};
use ptgen_simulator::{Expect, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, CxOf, Outcome, Steps, data};

/// Absent words with room for a leaf.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.hides(), "an absent word has no room for all that a leaf says")])
}

/// A page is taken out of the direct map. Its VA there faults; a temporary map of it, which takes no memory, works.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    machine.set_scope(Scope::Local);
    let page = facts.smallest();
    let direct = Area::new(machine, facts, page, 5);
    machine.map_leaf(&direct, &data::<P>())?;
    machine.hide(direct.range())?;
    let window = Area::new(machine, facts, page, 64).part(page, 0, 8);
    machine.begin(vec![Expect::anything(window)]);
    let (table, cx) = machine.parts();
    let mapped = map_for_good(table, cx, window, direct.oa);
    // Tables may have been made, even if there were not enough.
    machine.end();
    let va = mapped?;
    assert!(window.contains(va));
    assert_eq!(machine.leaf(va).translate(va).get(), direct.oa, "the temporary map works");
    assert!(machine.is_free(direct.range()), "the direct map does not translate it");
    machine.unmap(window)?;
    machine.free_data(direct.oa, 1 << page);
    Ok(())
}

/// Maps a page in a ring and leaves it there. Returns where.
fn map_for_good<'m, P: PageTable>(table: &mut P, cx: &mut CxOf<'m, P>, window: VaRange, oa: u64) -> Result<u64, Error> {
    let (memory, tlb) = (cx.memory.clone(), cx.tlb.clone());
    let range = table.tree_mut().range_mut().split_at(window.start())?.1;
    let range = range.split_at(window.last() + 1)?.0;
    let (ring, reserved) = RingMaps::<_, _, _, 1>::prepare(range, memory, &mut cx.frames, tlb)?;
    let map = match ring.get(oa, 1, &data::<P>()) {
        Err(Error::OutOfFrames) => panic!("a temporary map takes no frames"),
        map => map?,
    };
    let va = map.va().get();
    // The window is one of the tables' as long as there is a ring: it is forgotten, and so the map stays.
    std::mem::forget(map);
    std::mem::forget((ring, reserved));
    Ok(va)
}
