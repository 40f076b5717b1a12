//! What is done through walk caches to tables that are linked nowhere any more.

use super::{Purpose, State};
use crate::oracle::{Seen, low};
use crate::violation::Invariant;

/// The machine has recorded something for a position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Late {
    position: u64,
    /// A bit for each attribute that the machine records and that holds.
    records: u32,
}

impl State {
    /// If the machine records by itself, it does so in every table that a walk cache may still hold and that has been
    /// replaced: for a page of it that is still translated. Returns the numbers of the words, and what each holds then.
    pub(crate) fn record_late(&mut self) -> Vec<(usize, u64)> {
        if self.chance.is_none() {
            return Vec::new();
        }
        let held = self.processors.tables.iter().filter(|table| table.cpus != 0);
        let held: Vec<_> = held.filter_map(|table| Some((table.frame?, table.first))).collect();
        let mut recorded = Vec::new();
        for (id, start) in held {
            let frame = self.pool.frame(id);
            if !frame.places.is_empty() {
                continue;
            }
            let (level, first, slots) = (frame.level, frame.first, frame.slots());
            let shift = self.oracle.levels[level].shift;
            let found = (0..slots).find_map(|slot| {
                let position = start + ((slot as u64) << shift);
                let new = self.oracle.recorded(level, self.mirror[first + slot], true)?;
                self.is_kept(position).then_some((position, first + slot, new))
            });
            let Some((position, word, new)) = found else { continue };
            self.mirror[word] = new;
            if let Seen::Leaf(leaf) = self.oracle.see(level, new, position) {
                let records = self.oracle.said(leaf.own).records;
                self.late.push(Late { position, records });
            }
            recorded.push((word, new));
        }
        recorded
    }

    /// What has been recorded so stands in the leaves that have taken the place of these tables.
    pub(super) fn check_late(&mut self) {
        for Late { position, records } in std::mem::take(&mut self.late) {
            let now = self.translations(0, (position, position | low(0)));
            let kept = now.first().is_some_and(|piece| records & !self.oracle.said(piece.to.set).records == 0);
            if !kept {
                let va = self.oracle.va(position);
                let what = format!("what the machine has recorded for {va:#x} through a walk cache is not in the leaf");
                self.report(Invariant::Records, what);
            }
        }
    }

    /// Whether a position was translated when the operation began, and is to be when it is done.
    pub(super) fn is_kept(&self, position: u64) -> bool {
        self.purpose(0, position) == Purpose::Keeps && self.roots[0].settled.at(position).is_some()
    }
}
