//! C-M: live entries that only an instruction may replace.

use ptgen::{ChangeKind, PageTable, Way};
use ptgen_simulator::{Event, Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, assert_words, change, data};

/// A rule that asks for an instruction.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    let kinds = [ChangeKind::Size, ChangeKind::Restrict, ChangeKind::Clear];
    Applies::if_all([
        (
            kinds.into_iter().all(|kind| facts.way(kind) == Way::Instruction),
            "live entries are changed by stores, not by an instruction",
        ),
        (facts.large().is_some(), "all leaves have one size"),
        (facts.says("write"), "leaves cannot be read-only"),
    ])
}

/// A leaf is changed, split for a page, hidden, shown and unmapped: whatever is there is replaced by the instruction, never
/// by a store.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let (large, page) = (facts.large().expect("it applies").shift, facts.smallest());
    let (read_only, writable) = (change::<P>(&[("write", 0)]), change::<P>(&[("write", 1)]));
    let area = Area::new(machine, facts, large, 3);
    machine.map_leaf(&area, &data::<P>())?;
    let words = machine.words();
    machine.protect(area.range(), &read_only)?;
    only_by_instruction(machine);
    machine.protect(area.range(), &writable)?;
    only_by_instruction(machine);
    machine.protect(area.part(page, 5, 3), &read_only)?;
    only_by_instruction(machine);
    machine.protect(area.part(page, 5, 3), &writable)?;
    only_by_instruction(machine);
    if facts.hides() {
        let before = machine.snapshot(area.range());
        machine.hide(area.part(page, 8, 2))?;
        only_by_instruction(machine);
        machine.show(area.part(page, 8, 2), &before)?;
    }
    machine.join(area.range(), large)?;
    only_by_instruction(machine);
    assert_words(machine, &words);
    machine.unmap(area.range())?;
    only_by_instruction(machine);
    Ok(())
}

/// Whatever was there has been replaced by the instruction.
fn only_by_instruction<P: PageTable>(machine: &Machine<'_, P>) {
    machine.log(|log| {
        let mut replaced = false;
        for event in log.events() {
            match event {
                Event::Replace { .. } => replaced = true,
                Event::Set { .. } | Event::Link { .. } | Event::Unlink { .. } => {
                    assert!(replaced, "a live entry is stored to: {event}\n{log}");
                    replaced = matches!(event, Event::Unlink { .. });
                }
                _ => replaced = false,
            }
        }
        assert!(log.count(Kind::Replace) > 0, "{log}");
    });
}
