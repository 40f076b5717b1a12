//! C-I: what a hole means is the caller's to say.

use ptgen::{Applied, Apply, Cause, Change, Error, PageTable, Protect, Unmap, Use, Va, VaRange};
use ptgen_simulator::Machine;

use crate::facts::{Applies, Facts};
use crate::steps::{Area, ChangeOf, Outcome, Steps, assert_words, change, data};

/// Rights.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.says("write"), "leaves cannot be read-only")])
}

/// Three pages the first, middle or last of which is missing: an error that says where and changes nothing, or skipped and
/// still missing, or the end, with what was before it done, or filled on the way.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    if !facts.changes_live() {
        machine.set_use(Use::Elsewhere);
    }
    let page = facts.smallest();
    let (read_only, writable) = (change::<P>(&[("write", 0)]), change::<P>(&[("write", 1)]));
    let base = Area::new(machine, facts, page, 16);
    let all = base.part(page, 0, 3);
    for hole in 0..3 {
        for number in (0..3).filter(|number| *number != hole) {
            machine.map_leaf(&base.sub(page, number), &data::<P>())?;
        }
        let missing = base.sub(page, hole);
        // An error, from every operation that is told so.
        let words = machine.words();
        let expected = Err(Error::Hole { va: Va::new(missing.va) });
        assert_eq!(machine.protect(all, &read_only), expected);
        let unmapped = machine.run(Vec::new(), |table, cx| table.unmap(cx, all, Unmap::mapped()));
        assert_eq!(unmapped, expected);
        assert_words(machine, &words);
        // Skipped.
        machine.run(vec![machine.protected(all, &read_only)], |table, cx| {
            table.protect(cx, all, &read_only, Protect::everything())
        })?;
        assert!(machine.is_free(missing.range()), "a hole stays one");
        // The end of it: what was done until there is done, nothing else, and it is said where that is.
        machine.protect_what_is_there(all, &writable)?;
        let done = until_hole(machine, &base, facts, hole, &read_only);
        assert_eq!(done, missing.va, "the progress");
        // Filled.
        fill(machine, &missing, all, &read_only);
        machine.protect(all, &writable)?;
        machine.unmap(all)?;
    }
    Ok(())
}

/// Changes pages until there is a hole. Returns where that is, as it was told.
fn until_hole<P: PageTable>(
    machine: &mut Machine<'_, P>,
    base: &Area,
    facts: &Facts,
    hole: u64,
    change: &ChangeOf<P>,
) -> u64 {
    let page = facts.smallest();
    let mut expects = Vec::new();
    if hole > 0 {
        expects.push(machine.protected(base.part(page, 0, hole), change));
    }
    machine.begin(expects);
    let (table, cx) = machine.parts();
    let all = base.part(page, 0, 3);
    let result = table.tree_mut().apply(cx, all, Apply::existing_and_empty(page), |slot| match slot.leaf() {
        Some(_) => Ok(Applied::Change(*change)),
        None => Err("a hole"),
    });
    let stopped = result.expect_err("there is a hole");
    let (done, cause) = (stopped.done.get(), stopped.cause);
    stopped.unflushed.flush(cx);
    machine.assert_flushed();
    machine.end();
    assert_eq!(cause, Cause::Function("a hole"));
    done
}

/// Changes pages, and maps the one that is missing with the change done to it.
fn fill<P: PageTable>(machine: &mut Machine<'_, P>, missing: &Area, all: VaRange, change: &ChangeOf<P>) {
    let changed = change.revise(&data::<P>());
    let mut expects = vec![machine.mapped(missing.range(), missing.oa, &changed)];
    let (before, behind) = (missing.va.wrapping_sub(1), missing.va + (1 << missing.lg2));
    if all.contains(before) {
        expects.push(machine.protected(VaRange::inclusive(all.start(), before), change));
    }
    if all.contains(behind) {
        expects.push(machine.protected(VaRange::inclusive(behind, all.last()), change));
    }
    let oa = missing.oa;
    let filled = machine.run(expects, |table, cx| {
        let result = table.tree_mut().apply(cx, all, Apply::create(missing.lg2), |slot| {
            Ok::<_, ()>(match slot.leaf() {
                Some(_) => Applied::Change(*change),
                None => Applied::Set { oa: oa.into(), attributes: changed },
            })
        });
        result.map_err(|stopped| stopped.cause)
    });
    assert_eq!(filled, Ok(()));
}
