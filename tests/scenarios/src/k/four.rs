//! K4: two tasks and an interrupt on one processor.

use ptgen::{LocalMaps, PageTable};
use ptgen_simulator::{Expect, Judge, Machine};

use super::unmap;
use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, data};
use crate::window::{SlotsOf, Window, step, with_slots};

/// Every format has leaves.
#[must_use]
pub const fn applies(_facts: &Facts) -> Applies {
    Applies::Yes
}

/// Task A has mapped two pages, task B runs instead and has mapped one, an interrupt maps one more on top and is gone, A
/// runs again. Each finds its own maps and nobody else's, neither in the tables nor in a TLB. An interrupt that comes
/// between any two accesses to the tables finds room, and leaves what it has found.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let window = Window::new(machine, facts, 6);
    with_slots(machine, &window, |slots, judge| {
        tasks::<P>(slots, judge, &window);
        interrupts::<P>(slots, judge, &window);
    })
}

fn tasks<P: PageTable>(slots: &SlotsOf<'_, '_, P>, judge: &Judge, window: &Window) {
    let data = data::<P>();
    let oa = |number| window.oa(number);
    let mapped = |slot, number| vec![window.mapped::<P>(slot, oa(number))];
    let (a, b) = (LocalMaps::<P::Format, 4>::new(), LocalMaps::<P::Format, 4>::new());
    let (mut in_a, mut in_b) = (a.nest(), b.nest());
    let mut first = step(judge, mapped(0, 0), || in_a.map(slots, oa(0), &data).expect("it is the first"));
    let second = step(judge, mapped(1, 1), || first.map(oa(1), &data).expect("it is the second"));

    switch::<P>(judge, window, slots, (&a, &[0, 1]), (&b, &[]));
    let other = step(judge, mapped(0, 10), || in_b.map(slots, oa(10), &data).expect("it is B's first"));
    {
        let mut interrupt = b.nest();
        let map = step(judge, mapped(1, 20), || interrupt.map(slots, oa(20), &data).expect("it is on top"));
        assert_eq!(map.va(), window.page(1).start());
        unmap(judge, window, 1, map);
    }
    switch::<P>(judge, window, slots, (&b, &[10]), (&a, &[0, 1]));
    assert_eq!(second.va(), window.page(1).start(), "A has what it had");
    unmap(judge, window, 1, second);
    switch::<P>(judge, window, slots, (&a, &[0]), (&b, &[10]));
    unmap(judge, window, 0, other);
    switch::<P>(judge, window, slots, (&b, &[]), (&a, &[0]));
    unmap(judge, window, 0, first);
}

/// One task goes, which has mapped these pages, and another one comes, which has mapped those.
#[track_caller]
fn switch<P: PageTable>(
    judge: &Judge,
    window: &Window,
    slots: &SlotsOf<'_, '_, P>,
    (out, had): (&LocalMaps<P::Format, 4>, &[u64]),
    (into, has): (&LocalMaps<P::Format, 4>, &[u64]),
) {
    let count = had.len() as u64;
    step(judge, vec![Expect::unmapped(window.part(0, count))], || slots.switch_out(out).expect("tables are there"));
    // However many there are, they are flushed at once.
    let flushes = if had.is_empty() { 0 } else { window.flushes_to_clear() };
    window.assert_local(judge, (0, had.len()), flushes, count);
    assert!(judge.is_free(window.range()), "nothing of the task is left in the tables");
    assert_eq!(judge.stale(), 0, "nor in the TLB");
    let expects = has.iter().zip(0..).map(|(number, slot)| window.mapped::<P>(slot, window.oa(*number))).collect();
    step(judge, expects, || slots.switch_in(into).expect("nobody else is there"));
    window.assert_local(judge, (has.len(), 0), has.len() * window.flushes_to_fill(), 1);
}

/// An interrupt comes just before the first access to a table, then just before the second, and so on, until none is left.
fn interrupts<P: PageTable>(slots: &SlotsOf<'_, '_, P>, judge: &Judge, window: &Window) {
    let data = data::<P>();
    let oa = |number| window.oa(number);
    for moment in 0_usize.. {
        let maps = LocalMaps::<P::Format, 6>::new();
        let mut nest = maps.nest();
        let (mut left, mut came) = (moment, false);
        let mut interrupt = |_| {
            if left == 0 && !came {
                came = true;
                let mut nest = maps.nest();
                let depth = maps.depth();
                let mut one = nest.map(slots, oa(20), &data).expect("there is room");
                drop(one.map(oa(21), &data).expect("there is room for two"));
                drop(one);
                assert_eq!(maps.depth(), depth, "it leaves what it has found");
            }
            left = left.saturating_sub(1);
        };
        let both = || [0, 1].map(|number| judge.translate(window.page(number).start()));
        judge.begin(vec![Expect::anything(window.range())]);
        judge.during(&mut interrupt, || {
            let mut one = nest.map(slots, oa(0), &data).expect("it is the first");
            let two = one.map(oa(1), &data).expect("it is the second");
            assert_eq!(both(), [Some(oa(0)), Some(oa(1))], "the interrupted task has its own");
            slots.switch_out(&maps).expect("tables are there");
            slots.switch_in(&maps).expect("nobody else is there");
            assert_eq!(both(), [Some(oa(0)), Some(oa(1))], "and again");
            drop(two);
            assert_eq!(both(), [Some(oa(0)), None]);
            drop(one);
        });
        judge.assert_flushed();
        judge.end();
        assert!(judge.is_free(window.range()));
        assert_eq!((maps.depth(), judge.stale()), (0, 0));
        if !came {
            assert!(moment > 8, "every map and every unmap looks into tables");
            return;
        }
    }
}
