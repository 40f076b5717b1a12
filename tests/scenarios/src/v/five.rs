//! V5: a part of a leaf goes.

use ptgen::{ChangeKind, Error, Oa, PageTable, Unmap, Use, Va, VaRange};
use ptgen_simulator::{Kind, Machine};

use super::below;
use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_words, data};

/// Pages, and leaves of a table's worth of them.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.large().is_some(), "no leaf is a table's worth of others")])
}

/// Three pages of a large leaf are unmapped. Refused, if leaves are not to be split, with the leaf, so that the caller may
/// unmap all of it; split, if they may be, and everything else stays. Where a live leaf cannot be split, that is said.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let large = facts.large().expect("it applies");
    let page = below(facts, large).shift;
    let slots = 1 << (large.shift - page);
    let area = Area::new(machine, facts, large.shift, 3);
    for first in [0, 3, slots - 3] {
        let part = area.part(page, first, 3);
        machine.map_leaf(&area, &data::<P>())?;
        let words = machine.words();
        // Refused, and nothing changes.
        let Err(Error::PartialLeaf { va, size_lg2 }) = unmap(machine, part, Unmap::mapped().no_split()) else {
            panic!("only a part of the leaf is in the range");
        };
        assert_words(machine, &words);
        // All of it, which the error has named.
        assert_eq!((va, size_lg2), (Va::new(area.va), area.lg2));
        unmap(machine, VaRange::new(va, 1 << size_lg2), Unmap::mapped().no_split())?;
        machine.assert_balanced();
        // Split.
        machine.map_leaf(&area, &data::<P>())?;
        let words = machine.words();
        if !facts.splits_live() {
            let refused = unmap(machine, part, Unmap::mapped());
            assert!(matches!(refused, Err(Error::BreakBeforeMake { kind: ChangeKind::Size, .. })), "{refused:?}");
            assert_words(machine, &words);
            machine.set_use(Use::Elsewhere);
        }
        unmap(machine, part, Unmap::mapped())?;
        machine.log(|log| log.assert_count(Kind::Alloc, 1));
        assert!(machine.is_free(part));
        let stays = if first == 0 { slots - 1 } else { 0 };
        let (table, cx) = machine.parts();
        let oa = table.translate(&cx.memory, area.va + (stays << page)).map(Oa::get);
        assert_eq!(oa, Ok(area.oa + (stays << page)));
        machine.unmap(area.range())?;
        machine.assert_balanced();
        machine.set_use(Use::Live);
    }
    Ok(())
}

#[track_caller]
fn unmap<P: PageTable>(machine: &mut Machine<'_, P>, range: VaRange, policy: Unmap) -> Outcome {
    let expects = vec![machine.unmapped(range)];
    machine.run(expects, |table, cx| table.unmap(cx, range, policy))
}
