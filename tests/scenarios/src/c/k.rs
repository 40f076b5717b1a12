//! C-K: a run is taken apart before one of its slots says something else.

use ptgen::{ChangeKind, Error, PageTable, Protect, Use, Way};
use ptgen_simulator::{Event, Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_words, change, data};

/// Runs.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.levels.iter().any(|level| !level.runs().is_empty()), "there are no runs"),
        (facts.says("write"), "leaves cannot be read-only"),
        (facts.way(ChangeKind::Size) != Way::Instruction, "live entries are replaced by an instruction (C-M)"),
    ])
}

/// One slot of a run of each size is made read-only: first all slots become leaves of their own, then, after a flush, the
/// one is changed. Where that goes through absent, all slots are absent at the flush, and then what they are to be.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let read_only = change::<P>(&[("write", 0)]);
    for level in &facts.levels {
        for lg2 in level.runs() {
            let area = Area::new(machine, facts, lg2, 2);
            let slots = 1 << (lg2 - level.shift);
            let number = 3.min(slots - 1);
            let slot = area.part(level.shift, number, 1);
            machine.set_use(Use::Live);
            machine.map_leaf(&area, &data::<P>())?;
            if !facts.splits_live() {
                let words = machine.words();
                let result =
                    machine.run(Vec::new(), |table, cx| table.protect(cx, slot, &read_only, Protect::mapped()));
                let refused = matches!(result, Err(Error::BreakBeforeMake { kind: ChangeKind::Size, .. }));
                assert!(refused, "expected a refusal, found {result:?}");
                assert_words(machine, &words);
                machine.set_use(Use::Elsewhere);
            }
            machine.protect(slot, &read_only)?;
            machine.log(|log| {
                log.assert_count(Kind::Alloc, 0);
                // Every slot of the run has been written before the first flush.
                let first = log.events().iter().position(|event| event.kind() == Kind::Flush).expect("it is flushed");
                for number in 0..slots {
                    let at = area.va + (number << level.shift);
                    let written = |event: &Event| matches!(event, Event::Set { va, .. } if *va == at);
                    assert!(log.events()[..first].iter().any(written), "slot {number} is no part of a run:\n{log}");
                }
                if facts.splits_live() {
                    log.assert_order(&[Kind::Flush, Kind::Set, Kind::Flush]);
                } else {
                    // What comes after absent is as it is to be: no TLB holds anything that differs.
                    log.assert_order(&[Kind::Set, Kind::Flush, Kind::Set]);
                    log.assert_count(Kind::Flush, 1);
                    log.assert_count(Kind::Set, 2 << (lg2 - level.shift));
                }
            });
            assert_eq!(machine.leaf(area.va + (number << level.shift)).size_lg2, level.shift);
            machine.unmap(area.range())?;
        }
    }
    Ok(())
}
