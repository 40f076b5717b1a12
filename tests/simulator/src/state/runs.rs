//! Runs of which a part has gone.

use std::collections::BTreeSet;

use super::State;
use crate::oracle::{Leaf, Seen};
use crate::violation::Invariant;

impl State {
    /// Of a run that an operation has changed, either all slots say that they are the run or none does: a TLB may take any of
    /// them for the whole, at any time, also for what another slot translates otherwise or not at
    /// all.
    pub(super) fn check_runs(&mut self) {
        let mut groups = BTreeSet::new();
        for (word, _) in &self.journal {
            let Some(id) = self.pool.at((*word as u64) << self.word_lg2) else { continue };
            let frame = self.pool.frame(id);
            if let Some(run_lg2) = self.oracle.levels[frame.level].run_lg2 {
                groups.insert((id, (word - frame.first) >> run_lg2 << run_lg2, 1_usize << run_lg2));
            }
        }
        let broken = groups.into_iter().find_map(|group| self.broken_run(group));
        if let Some((position, other)) = broken {
            let (va, other) = (self.oracle.va(position), self.oracle.va(other));
            self.report(
                Invariant::I5Agreement,
                format!("the leaf for {va:#x} says that it is a run, and the slot for {other:#x} in it does not say the same"),
            );
        }
    }

    /// The position of a leaf that is a run, and that of a slot that the run covers and that says something else.
    fn broken_run(&mut self, (id, from, count): (usize, usize, usize)) -> Option<(u64, u64)> {
        let frame = self.pool.frame(id);
        let place = frame.places.first().copied().filter(|place| self.roots[place.root].live)?;
        let (level, first, until) = (frame.level, frame.first, (from + count).min(frame.slots()));
        let shift = self.oracle.levels[level].shift;
        let position = |slot: usize| place.position + ((slot as u64) << shift);
        let leaves =
            (from..until).map(|slot| match self.oracle.see(level, self.mirror[first + slot], position(slot)) {
                Seen::Leaf(leaf) => Some(leaf),
                _ => None,
            });
        let leaves: Vec<_> = leaves.collect();
        leaves.iter().enumerate().find_map(|(number, leaf)| {
            let leaf = (*leaf)?;
            let run = 1_usize << leaf.size_lg2.saturating_sub(shift);
            let start = number & !(run - 1);
            let says_it = |other: &Option<Leaf>| {
                other.is_some_and(|other| {
                    let (own, others) = (self.oracle.said(leaf.own), self.oracle.said(other.own));
                    other.size_lg2 == leaf.size_lg2 && own.same_in_tlb(others)
                })
            };
            let other = (start..start + run).find(|other| leaves.get(*other).is_some_and(|other| !says_it(other)))?;
            Some((position(from + number), position(from + other)))
        })
    }
}
