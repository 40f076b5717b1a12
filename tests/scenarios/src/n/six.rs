//! N6: the tables that were made ahead stay.

use ptgen::{Leaves, PageTable, RingMaps, Scope, Unmap, VaRange};
use ptgen_simulator::{Expect, Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, Steps, data};
use crate::window::{Window, step};

/// Every format has leaves.
#[must_use]
pub const fn applies(_facts: &Facts) -> Applies {
    Applies::Yes
}

/// Tables are made for a ring and hold nothing, not even a mark. What is around is unmapped to the last page, and nobody
/// takes them: the ring works, without a frame. If tables can be said to be pinned, these are: they stay when the ring is gone,
/// until they are let go.
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
    let window = Window::new(machine, facts, 8);
    let none = machine.frames();
    // The first pages on both sides, in the same tables.
    let neighbours = [window.before(), window.behind()];
    for (range, number) in neighbours.into_iter().zip(0..) {
        let oa = window.oa(500 + number);
        let expects = vec![machine.mapped(range, oa, &data::<P>())];
        machine.run(expects, |table, cx| table.map(cx, range, oa, &data::<P>(), Leaves::Exactly(window.lg2())))?;
    }
    let judge = machine.judge();
    // The lower half, where signs are extended.
    let all = VaRange::inclusive(machine.va(0), machine.va(machine.last() >> 1));
    let (below, above) =
        (VaRange::inclusive(all.start(), neighbours[0].last()), VaRange::inclusive(neighbours[1].start(), all.last()));
    judge.begin(Vec::new());
    let (table, cx) = machine.parts();
    let (memory, tlb) = (cx.memory.clone(), cx.tlb.clone());
    let whole = table.tree_mut().range_mut();
    let (mut low, rest) = whole.split_at(window.range().start()).expect("the window is inside");
    let (range, mut high) = rest.split_at(neighbours[1].start()).expect("the window is inside");
    let (ring, reserved) = match RingMaps::<_, _, _, 1>::prepare(range, memory, &mut cx.frames, tlb) {
        Ok(ring) => ring,
        Err(error) => {
            judge.failed();
            judge.check();
            return Err(error);
        }
    };
    judge.assert_flushed();
    judge.end();
    assert!(judge.is_free(window.range()), "there is no mark");
    let made = judge.frames();
    judge.ban_allocations(true);
    for (range, part) in [(&mut low, below), (&mut high, above)] {
        step(&judge, vec![Expect::unmapped(part)], || {
            range.unmap(cx, part, Unmap::everything()).expect("to unmap takes no frames").flush(cx);
        });
        judge.log(|log| log.assert_count(Kind::Free, 0));
    }
    assert_eq!(judge.frames(), made, "the tables are there");
    for number in 0..20 {
        judge.begin(vec![Expect::anything(window.range())]);
        drop(ring.get(window.oa(number), 7, &data::<P>()).expect("no frame is needed"));
        judge.end();
    }
    step(&judge, Vec::new(), || drop((ring, reserved)));
    judge.ban_allocations(false);
    judge.assert_balanced();

    // Who may change everything now finds tables that hold nothing.
    machine.unmap(all)?;
    let pinned = facts.levels.iter().skip(1).all(|level| level.table_software_bits > 0);
    assert_eq!(machine.frames() != none, pinned, "pinned tables stay");
    machine.begin(Vec::new());
    let (table, cx) = machine.parts();
    table.tree_mut().range_mut().unpin(cx, all).expect("nothing forbids it");
    machine.end();
    machine.unmap(all)?;
    assert_eq!(machine.frames(), none, "no table is left");
    Ok(())
}
