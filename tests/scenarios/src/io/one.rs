//! IO1: something is there already.

use ptgen::{Applied, Apply, Cause, Error, Leaves, Oa, PageTable, Va, VaRange};
use ptgen_simulator::Machine;

use crate::a::apply;
use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_words, data};

/// How many pages are to be mapped.
const PAGES: u64 = 24;

/// Leaves of one slot.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    let has_leaf = facts.levels.iter().any(|level| level.has_leaf() && level.shift == facts.smallest());
    Applies::if_all([(has_leaf, "the smallest leaf is more than one slot")])
}

/// Pages are to be mapped, but one of them is mapped already, or a larger leaf is. All or nothing: nothing is, and it is said
/// where the first that is there begins; so many bytes before it can be mapped, no byte more. Or as much as can be: exactly
/// these bytes are, and it is said that they are.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let page = facts.smallest();
    let level = facts.levels.iter().find(|level| level.shift == page).expect("it applies");
    // Where there are several tables, on both sides of the end of one.
    let start = (1_u64 << (level.shift + level.index_bits)) - ((PAGES / 2) << page);
    let wanted = Area { va: machine.va(start), oa: 64 << page, lg2: page };
    let pages = VaRange::new(wanted.va, PAGES << page);
    for number in [0, 1, PAGES / 2 - 1, PAGES / 2, PAGES - 1] {
        let there = Area { oa: 1 << page, ..wanted.sub(page, number) };
        machine.map_leaf(&there, &data::<P>())?;
        overlap(machine, &wanted, pages, &there)?;
        machine.unmap(there.range())?;
    }
    if let Some(large) = facts.levels.iter().find(|level| level.has_leaf() && level.shift > page) {
        let there = Area::new(machine, facts, large.shift, 2);
        let start = Area { va: there.va - (3 << page), oa: 64 << page, lg2: page };
        machine.map_leaf(&there, &data::<P>())?;
        overlap(machine, &start, VaRange::new(start.va, 5 << page), &there)?;
    }
    Ok(())
}

/// `range` is to be mapped to what `wanted` begins at, but something is there.
fn overlap<P: PageTable>(machine: &mut Machine<'_, P>, wanted: &Area, range: VaRange, there: &Area) -> Outcome {
    let page = wanted.lg2;
    let prefix = VaRange::new(range.start(), there.va - range.start().get());
    let (data, words, frames) = (data::<P>(), machine.words(), machine.frames());
    // All or nothing.
    for leaves in [Leaves::Largest, Leaves::Exactly(page)] {
        let expects = vec![machine.mapped(range, wanted.oa, &data)];
        let refused = machine.run(expects, |table, cx| table.map(cx, range, wanted.oa, &data, leaves));
        assert_eq!(refused, Err(Error::Occupied { va: Va::new(there.va) }));
        assert_words(machine, &words);
        assert_eq!(machine.frames(), frames);
        let expects = vec![machine.mapped(prefix, wanted.oa, &data)];
        machine.run(expects, |table, cx| table.map(cx, prefix, wanted.oa, &data, leaves))?;
        machine.unmap(prefix)?;
        assert_eq!(machine.frames(), frames);
    }
    // As much as can be.
    let expects = vec![machine.mapped(prefix, wanted.oa, &data)];
    let ended = apply(machine, expects, (range, Apply::create(page)), |slot| match slot.leaf() {
        Some(_) => Err(()),
        None => Ok(Applied::Set { oa: Oa::new(wanted.oa + (slot.va - range.start())), attributes: data }),
    });
    ended.frames(machine, |machine, at| {
        let done = VaRange::new(range.start(), at - range.start().get());
        vec![machine.mapped(done, wanted.oa, &data)]
    })?;
    machine.end();
    let (done, cause) = ended.early.expect("something is in the way");
    assert_eq!(done - range.start().get(), there.va - range.start().get(), "so many bytes are mapped");
    let larger = Error::PartialLeaf { va: Va::new(there.va), size_lg2: there.lg2 };
    assert_eq!(cause, if there.lg2 == page { Cause::Function(()) } else { Cause::Refused(larger) });
    assert_eq!(machine.leaf(there.va).oa.get(), there.oa, "what is there is what it was");
    machine.unmap(prefix)
}
