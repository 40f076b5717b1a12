//! What becomes of subtrees that are linked and unlinked.

use super::State;
use super::frames::Place;
use super::processors::StaleTable;
use crate::oracle::{Seen, low};
use crate::piece::{Piece, To, push};
use crate::violation::Invariant;

impl State {
    /// The frame of a table of `level` (an index) at an address.
    pub(super) fn table_at(&self, level: usize, address: u64) -> Option<usize> {
        let id = self.pool.at(address.checked_sub(self.base)?)?;
        let frame = self.pool.frame(id);
        (frame.address == address && frame.level == level).then_some(id)
    }

    /// The table that a word points to has become reachable: it and all below is looked at. What is translated now is added
    /// to `added`.
    pub(super) fn link(&mut self, id: usize, place: Place, added: &mut Vec<Piece>) {
        let is_first = self.pool.frame(id).places.is_empty();
        if is_first {
            self.check_complete(id, place);
        }
        self.pool.frame_mut(id).places.push(place);
        self.each_slot(id, place, &mut |state, slot, position, seen| match seen {
            Seen::Absent => {}
            Seen::Leaf(leaf) => {
                let piece = state.piece(id, place, position, leaf);
                push(added, piece);
            }
            Seen::Reserved => {
                if is_first {
                    state.illegal(id, slot, position);
                }
            }
            Seen::Table { layout, own } => {
                if let Some((child, place)) = state.below(id, slot, place, position, layout, own) {
                    state.link(child, place, added);
                }
            }
        });
    }

    /// The other way round: what is no longer translated is added to `removed`, and walk caches may hold what led there.
    pub(super) fn unlink(&mut self, id: usize, place: Place, removed: &mut Vec<Piece>) {
        let frame = self.pool.frame_mut(id);
        let known = |known: &Place| (known.root, known.position) == (place.root, place.position);
        let Some(number) = frame.places.iter().position(known) else { return };
        let place = frame.places.swap_remove(number);
        let root = &self.roots[place.root];
        if root.live && !self.purging {
            let level = &self.oracle.levels[frame.level];
            let bits = frame.slots().trailing_zeros();
            let held = StaleTable {
                frame: Some(id),
                first: place.position,
                last: place.position | low(level.shift + bits),
                cpus: root.cpus,
                space: root.space,
                readers: self.readers > 0,
                owed: self.oracle.way(ptdsl::model::Change::Unlink) != ptdsl::model::Way::Lazy,
            };
            self.processors.tables.push(held);
        }
        self.each_slot(id, place, &mut |state, slot, position, seen| match seen {
            Seen::Absent | Seen::Reserved => {}
            Seen::Leaf(leaf) => {
                let piece = state.piece(id, place, position, leaf);
                push(removed, piece);
            }
            Seen::Table { layout, own } => {
                if let Some((child, place)) = state.below(id, slot, place, position, layout, own) {
                    state.unlink(child, place, removed);
                }
            }
        });
    }

    /// What `first..=last` is translated to, from a table on down.
    pub(super) fn survey(&mut self, id: usize, place: Place, (first, last): (u64, u64), found: &mut Vec<Piece>) {
        let frame = self.pool.frame(id);
        let (level, start, slots) = (frame.level, frame.first, frame.slots());
        let shift = self.oracle.levels[level].shift;
        let from = first.saturating_sub(place.position) >> shift;
        let to = (last.saturating_sub(place.position) >> shift).min(slots as u64 - 1);
        let mut absent = None;
        for slot in from..=to {
            let position = place.position + (slot << shift);
            let raw = self.mirror[start + usize::try_from(slot).expect("tables fit")];
            if absent == Some(raw) {
                continue;
            }
            match self.oracle.see(level, raw, position) {
                Seen::Absent => absent = Some(raw),
                Seen::Reserved => {}
                Seen::Leaf(leaf) => {
                    if let Some(piece) = self.piece(id, place, position, leaf).cut(first, last) {
                        push(found, piece);
                    }
                }
                Seen::Table { layout, own } => {
                    let slot = usize::try_from(slot).expect("tables fit");
                    if let Some((child, below)) = self.below(id, slot, place, position, layout, own) {
                        self.survey(child, below, (first.max(position), last.min(position | low(shift))), found);
                    }
                }
            }
        }
    }

    /// Shows each slot of a table, with its number, its first position and what its word is. Words that are absent and
    /// equal to the one before are left out.
    fn each_slot(&mut self, id: usize, place: Place, show: &mut dyn FnMut(&mut Self, usize, u64, Seen)) {
        let frame = self.pool.frame(id);
        let (level, first, slots) = (frame.level, frame.first, frame.slots());
        let shift = self.oracle.levels[level].shift;
        let mut absent = None;
        for slot in 0..slots {
            let raw = self.mirror[first + slot];
            if absent == Some(raw) {
                continue;
            }
            let position = place.position + ((slot as u64) << shift);
            let seen = self.oracle.see(level, raw, position);
            if seen == Seen::Absent {
                absent = Some(raw);
            } else {
                show(self, slot, position, seen);
            }
        }
    }

    /// The slot of a leaf as a piece.
    pub(super) fn piece(&mut self, id: usize, place: Place, position: u64, leaf: crate::oracle::Leaf) -> Piece {
        let shift = self.oracle.levels[self.pool.frame(id).level].shift;
        let set = self.oracle.effective(place.limits, leaf.own);
        Piece { first: position, last: position | low(shift), to: To { oa: leaf.oa, set }, size_lg2: leaf.size_lg2 }
    }

    /// The frame of the table that the word in a slot points to, and where that is.
    pub(super) fn below(
        &mut self,
        id: usize,
        slot: usize,
        place: Place,
        position: u64,
        layout: usize,
        own: crate::oracle::SetId,
    ) -> Option<(usize, Place)> {
        let frame = self.pool.frame(id);
        let (level, raw) = (frame.level, self.mirror[frame.first + slot]);
        self.child(level, raw, place, position, layout, own)
    }

    /// Likewise for a word of a table of `level`.
    pub(super) fn child(
        &mut self,
        level: usize,
        raw: u64,
        place: Place,
        position: u64,
        layout: usize,
        own: crate::oracle::SetId,
    ) -> Option<(usize, Place)> {
        let target = self.oracle.target(level, layout, raw);
        let found =
            target.filter(|(below, _)| *below > level).and_then(|(below, address)| self.table_at(below, address));
        let Some(child) = found else {
            let va = self.oracle.va(position);
            let what = match target {
                Some((below, address)) => {
                    format!(
                        "the word for {va:#x} points to {address:#x}, which is no table of level {}",
                        self.oracle.levels[below].number
                    )
                }
                None => format!("the word for {va:#x} points nowhere"),
            };
            self.report(Invariant::I1TableLifetime, what);
            return None;
        };
        Some((child, Place { root: place.root, position, limits: self.oracle.narrow(place.limits, own) }))
    }

    fn check_complete(&mut self, id: usize, place: Place) {
        let frame = self.pool.frame(id);
        let (unwritten, dirty, address) = (frame.first_unwritten(), frame.first_dirty(), frame.address);
        let va = self.oracle.va(place.position);
        if let Some(slot) = unwritten {
            self.report(
                Invariant::I3Publish,
                format!("the table at {address:#x} is linked for {va:#x}, but its slot {slot} has not been written"),
            );
        } else if let Some(slot) = dirty.filter(|_| self.roots[place.root].live) {
            self.report(
                Invariant::I3Publish,
                format!("the table at {address:#x} is linked for {va:#x}, but its slot {slot} has not been cleaned"),
            );
        }
    }

    /// A word that the format forbids can be seen.
    pub(super) fn illegal(&mut self, id: usize, slot: usize, position: u64) {
        let frame = self.pool.frame(id);
        let (level, raw) = (frame.level, self.mirror[frame.first + slot]);
        let va = self.oracle.va(position);
        let word = self.oracle.in_order(level, raw);
        let class = ptdsl::walk::classify(self.oracle.model(), level, word.into());
        let name = self.oracle.model().levels[level].name.clone();
        self.report(
            Invariant::I8Legality,
            format!("{word:#x} stands for {va:#x} in a table of level `{name}`: {class:?}"),
        );
    }
}
