//! C-J: splitting where that goes through an absent word, and only where it has to be.

use ptgen::{ChangeKind, Error, PageTable, Protect, Use, VaRange, Way};
use ptgen_simulator::{Event, Kind, Log, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, ChangeOf, Outcome, Steps, assert_words, change, data};

/// Leaves that can be split.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([
        (facts.large().is_some(), "all leaves have one size"),
        (facts.says("write"), "leaves cannot be read-only"),
    ])
}

/// A stretch from the middle of one leaf to the middle of the third one after it is made read-only: only the two at its
/// ends are split, by a store and a flush or by the instruction. Where that goes through an absent word, it is refused while the
/// tables are live here, and done by absent, flush, table where they are live elsewhere.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let large = facts.large().expect("it applies").shift;
    let page = facts.smallest();
    let read_only = change::<P>(&[("write", 0)]);
    let first = Area::new(machine, facts, large, 4);
    for number in 0..4 {
        machine.map_leaf(&first.sub(large, number), &data::<P>())?;
    }
    let slots = 1 << (large - page);
    let range = first.part(page, slots / 2 + 1, 3 * slots);
    if !facts.splits_live() {
        refuse(machine, range, &read_only);
        machine.set_use(Use::Elsewhere);
    }
    machine.protect(range, &read_only)?;
    machine.log(|log| {
        log.assert_count(Kind::Alloc, 2);
        log.assert_count(Kind::Link, 2);
        for number in [0, 3] {
            let va = first.va + (number << large);
            let at = |kind: fn(&Event, u64) -> bool| log.events().iter().position(|event| kind(event, va));
            let linked = at(|event, at| matches!(event, Event::Link { va, .. } if *va == at)).expect("it is split");
            let changed = at(|event, at| matches!(event, Event::Set { va, .. } if *va == at));
            replaced_in_order(log, facts, first.sub(large, number).range(), (changed, linked));
        }
    });
    for (number, size) in [(0, page), (1, large), (2, large), (3, page)] {
        let middle = first.va + (number << large) + (1 << (large - 1)) + (1 << page);
        assert!(machine.leaf(middle).size_lg2 <= large);
        assert_eq!(machine.leaf(middle).size_lg2 == large, size == large, "leaf {number}");
    }
    Ok(())
}

/// The table that was linked at `linked` took the place of a leaf as the format has it: in one store that is followed by a
/// flush; by the instruction; or after the leaf went, at `changed`, and was flushed.
fn replaced_in_order(log: &Log, facts: &Facts, leaf: VaRange, (changed, linked): (Option<usize>, usize)) {
    let events = log.events();
    match facts.way(ChangeKind::Size) {
        Way::Lazy | Way::Live => {
            let flushed = events.iter().position(|event| event.kind() == Kind::Flush);
            assert!(flushed.is_some_and(|flushed| linked < flushed), "the table takes the place of the leaf:\n{log}");
        }
        Way::Instruction => {
            let replaced = &events[..linked].last();
            let is_replaced = matches!(replaced, Some(Event::Replace { range, .. }) if *range == leaf);
            assert!(is_replaced && changed.is_none(), "the instruction replaces the leaf by the table:\n{log}");
            log.assert_count(Kind::Flush, 0);
        }
        Way::Break => {
            let broken = changed.filter(|broken| *broken < linked).expect("the leaf goes first");
            // All of this leaf is flushed while it is absent, whatever is flushed for others.
            let is_flushed = events[broken..linked].iter().any(|event| {
                matches!(event, Event::Flush(flush) if flush.range.contains(leaf.start())
                    && flush.range.contains(leaf.last()) && flush.leaf_sizes.has(leaf.bytes().unwrap_or(0).trailing_zeros()))
            });
            assert!(is_flushed, "absent, flush, table:\n{log}");
        }
    }
}

/// While this processor may need what would be absent, the change is refused, and nothing has been touched.
fn refuse<P: PageTable>(machine: &mut Machine<'_, P>, range: VaRange, change: &ChangeOf<P>) {
    let (words, frames) = (machine.words(), machine.frames());
    let result = machine.run(Vec::new(), |table, cx| table.protect(cx, range, change, Protect::mapped()));
    assert!(
        matches!(result, Err(Error::BreakBeforeMake { kind: ChangeKind::Size, .. })),
        "expected a refusal, found {result:?}"
    );
    machine.log(|log| {
        assert_eq!(log.stores(), 0, "{log}");
        log.assert_count(Kind::Flush, 0);
    });
    assert_words(machine, &words);
    assert_eq!(machine.frames(), frames);
}
