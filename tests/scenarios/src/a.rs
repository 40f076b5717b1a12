//! Calling a function for each slot of a range, with exact progress.

pub mod five;
pub mod four;
pub mod one;
pub mod seven;
pub mod six;
pub mod three;
pub mod two;

use ptgen::{Applied, Apply, Cause, Error, FlushRequest, Occupant, PageTable, VaRange};
use ptgen_simulator::{Expect, Machine};

use crate::facts::{Facts, LevelFacts};
use crate::steps::{Area, Outcome};

/// How an application ended.
#[derive(Debug)]
pub(crate) struct Ended<E> {
    /// If it ended early: where, and why.
    pub(crate) early: Option<(u64, Cause<E>)>,
    /// What was left to be flushed.
    request: Option<FlushRequest>,
}

impl<E> Ended<E> {
    /// The error, if there were no frames: what was done until then is judged to be `done`.
    pub(crate) fn frames<P: PageTable>(
        &self,
        machine: &mut Machine<'_, P>,
        done: impl Fn(&Machine<'_, P>, u64) -> Vec<Expect>,
    ) -> Outcome {
        match &self.early {
            Some((at, Cause::Refused(Error::OutOfFrames))) => {
                machine.begin(done(machine, *at));
                machine.end();
                Err(Error::OutOfFrames)
            }
            _ => Ok(()),
        }
    }
}

/// Applies a function, and flushes what that leaves behind. [`Machine::end`] is left to the caller, who knows better what
/// was done if it ended early.
#[track_caller]
pub(crate) fn apply<P: PageTable, E>(
    machine: &mut Machine<'_, P>,
    expects: Vec<Expect>,
    (range, policy): (VaRange, Apply),
    function: impl FnMut(&Occupant<P::Format>) -> Result<Applied<P::Format>, E>,
) -> Ended<E> {
    machine.begin(expects);
    let (table, cx) = machine.parts();
    let (early, unflushed) = match table.tree_mut().apply(cx, range, policy, function) {
        Ok(unflushed) => (None, unflushed),
        Err(stopped) => (Some((stopped.done.get(), stopped.cause)), stopped.unflushed),
    };
    let request = unflushed.request().copied();
    unflushed.flush(cx);
    machine.assert_flushed();
    Ended { early, request }
}

/// As [`apply`], for a function that fails never and nowhere: it ends where it should.
#[track_caller]
fn apply_all<P: PageTable>(
    machine: &mut Machine<'_, P>,
    expects: Vec<Expect>,
    what: (VaRange, Apply),
    function: impl FnMut(&Occupant<P::Format>) -> Applied<P::Format>,
) {
    let mut function = function;
    let ended = apply::<P, ()>(machine, expects, what, |slot| Ok(function(slot)));
    assert!(ended.early.is_none(), "{ended:?}");
    machine.end();
}

/// The lowest level where a slot can be a leaf, if there are tables of it: 4 KiB pages, usually.
fn pages(facts: &Facts) -> Option<&LevelFacts> {
    let below_root = facts.levels.split_last().map(|(_, below)| below)?;
    below_root.iter().find(|level| level.has_leaf())
}

/// lg2 of the bytes that a table of this level translates.
const fn table_lg2(level: &LevelFacts) -> u32 {
    level.shift + level.index_bits
}

/// The VA at a position, with an OA.
fn at<P: PageTable>(machine: &Machine<'_, P>, position: u64, oa: u64, lg2: u32) -> Area {
    Area { va: machine.va(position), oa, lg2 }
}
