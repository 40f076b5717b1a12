//! K3: more maps than there is room for.

use ptgen::{Error, LocalMaps, Oa, PageTable};
use ptgen_simulator::{Judge, Machine};

use super::unmap;
use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, data};
use crate::window::{Window, step, with_slots};

/// Every format has leaves.
#[must_use]
pub const fn applies(_facts: &Facts) -> Applies {
    Applies::Yes
}

/// The map that is one too many is refused, whether it is the task that has no more or the processor; so is one that the
/// format cannot say. Nothing changes, and the next one works.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let window = Window::new(machine, facts, 2);
    let data = data::<P>();
    let beyond = Oa::new(facts.output_last & !(window.bytes() - 1)).get().checked_add(window.bytes());
    with_slots(machine, &window, |slots, judge| {
        let oa = |number| window.oa(number);
        let mapped = |slot| vec![window.mapped::<P>(slot, oa(slot))];
        // The processor has two slots.
        let maps = LocalMaps::<P::Format, 8>::new();
        let mut nest = maps.nest();
        let mut one = step(judge, mapped(0), || nest.map(slots, oa(0), &data).expect("it is the first"));
        refused(judge, || one.map(oa(1) + 1, &data).map(drop), |error| matches!(error, Error::Misaligned { .. }));
        if let Some(beyond) = beyond {
            refused(judge, || one.map(beyond, &data).map(drop), |error| matches!(error, Error::OutOfRange { .. }));
        }
        assert_eq!(maps.depth(), 1);
        let mut two = step(judge, mapped(1), || one.map(oa(1), &data).expect("it is the second"));
        for _ in 0..3 {
            refused(judge, || two.map(oa(2), &data).map(drop), |error| *error == Error::Exhausted);
        }
        assert_eq!(maps.depth(), 2);
        unmap(judge, &window, 1, two);
        let two = step(judge, mapped(1), || one.map(oa(1), &data).expect("there is room again"));
        unmap(judge, &window, 1, two);
        unmap(judge, &window, 0, one);

        // The task has one.
        let few = LocalMaps::<P::Format, 1>::new();
        let mut nest = few.nest();
        let mut one = step(judge, mapped(0), || nest.map(slots, oa(0), &data).expect("it is the first"));
        refused(judge, || one.map(oa(1), &data).map(drop), |error| *error == Error::Exhausted);
        unmap(judge, &window, 0, one);
        let none = LocalMaps::<P::Format, 0>::new();
        refused(judge, || none.nest().map(slots, oa(0), &data).map(drop), |error| *error == Error::Exhausted);
    })
}

/// Something is refused for this reason, and nothing has changed.
#[track_caller]
fn refused(judge: &Judge, map: impl FnOnce() -> Outcome, why: impl FnOnce(&Error) -> bool) {
    judge.begin(Vec::new());
    let error = map().expect_err("it is refused");
    judge.failed();
    judge.check();
    assert!(why(&error), "{error:?}");
    judge.log(|log| assert_eq!(log.events(), [], "nothing has been touched"));
}
