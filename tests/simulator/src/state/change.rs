//! One store, judged.

use ptdsl::model::{Change, Way};

use super::processors::StaleLeaf;
use super::{Purpose, State};
use crate::log::Event;
use crate::oracle::{Seen, low};
use crate::piece::{Piece, To, compare};
use crate::violation::Invariant;

use ptgen::Oa;
use ptgen_cells::StoreKind;

/// A stretch of one slot with what it was and is translated to.
type Difference = (u64, u64, Option<Piece>, Option<Piece>);

impl State {
    /// A word of a table that walkers get to has been written.
    pub(super) fn changed(&mut self, id: usize, slot: usize, (old, new): (u64, u64), kind: StoreKind) {
        let frame = self.pool.frame(id);
        let (level, count) = (frame.level, frame.places.len());
        let shift = self.oracle.levels[level].shift;
        if kind == StoreKind::Private {
            let what = format!("a word of the linked table at {:#x} is written by a plain store", frame.address);
            self.report(Invariant::I3Publish, what);
        }
        for number in 0..count {
            let place = self.pool.frame(id).places[number];
            let position = place.position + ((slot as u64) << shift);
            let (before, after) = (self.oracle.see(level, old, position), self.oracle.see(level, new, position));
            if number == 0 {
                self.note(level, position, (old, new), (before, after), kind);
            }
            if old == new || (before == Seen::Absent && after == Seen::Absent) {
                continue;
            }
            if after == Seen::Reserved && (number == 0 || before != Seen::Reserved) {
                self.illegal(id, slot, position);
            }
            self.check_records(place.root, level, position, before, kind);
            let (mut removed, mut added) = (Vec::new(), Vec::new());
            if !self.same_table(level, (old, new), before, after) {
                match before {
                    Seen::Leaf(leaf) => removed.push(self.piece(id, place, position, leaf)),
                    Seen::Table { layout, own } => {
                        if let Some((child, below)) = self.child(level, old, place, position, layout, own) {
                            self.unlink(child, below, &mut removed);
                        }
                    }
                    Seen::Absent | Seen::Reserved => {}
                }
                match after {
                    Seen::Leaf(leaf) => added.push(self.piece(id, place, position, leaf)),
                    Seen::Table { layout, own } => {
                        if matches!(kind, StoreKind::Plain { release: false }) {
                            let va = self.oracle.va(position);
                            self.report(
                                Invariant::I3Publish,
                                format!("a table is linked for {va:#x} by a store that is not ordered after those to the table"),
                            );
                        }
                        if let Some((child, below)) = self.child(level, new, place, position, layout, own) {
                            self.link(child, below, &mut added);
                        }
                    }
                    Seen::Absent | Seen::Reserved => {}
                }
                self.judge(place.root, (position, position | low(shift)), &removed, &added);
                if let (Seen::Leaf(_), Some(run)) = (after, self.oracle.levels[level].run_lg2) {
                    self.check_neighbours(id, slot, place, run);
                }
            }
        }
    }

    /// Whether both words point to the same table and limit the same.
    fn same_table(&self, level: usize, (old, new): (u64, u64), before: Seen, after: Seen) -> bool {
        let (Seen::Table { layout: one, own: a }, Seen::Table { layout: other, own: b }) = (before, after) else {
            return false;
        };
        let (a_said, b_said) = (self.oracle.said(a), self.oracle.said(b));
        self.oracle.target(level, one, old) == self.oracle.target(level, other, new)
            && (a == b || a_said.same_in_tlb(b_said))
    }

    fn note(
        &mut self,
        level: usize,
        position: u64,
        (old, new): (u64, u64),
        (before, after): (Seen, Seen),
        kind: StoreKind,
    ) {
        let number = self.oracle.levels[level].number;
        let va = self.oracle.va(position);
        let exchange = kind == StoreKind::Exchange;
        if !self.same_table(level, (old, new), before, after) {
            let mut tables = [None; 2];
            for (place, (seen, raw)) in tables.iter_mut().zip([(before, old), (after, new)]) {
                if let Seen::Table { layout, .. } = seen {
                    *place = self.oracle.target(level, layout, raw).map(|(_, address)| Oa::new(address));
                }
            }
            if let Some(child) = tables[0] {
                self.log.add(Event::Unlink { level: number, va, child });
            }
            if let Some(child) = tables[1] {
                self.log.add(Event::Link { level: number, va, child, exchange });
            }
            if tables != [None; 2] {
                return;
            }
        }
        let (old, new) = (self.oracle.in_order(level, old), self.oracle.in_order(level, new));
        self.log.add(Event::Set { level: number, va, old, new, exchange });
    }

    /// A plain store over a leaf in which the machine could just have recorded something loses it.
    fn check_records(&mut self, root: usize, level: usize, position: u64, before: Seen, kind: StoreKind) {
        let Seen::Leaf(leaf) = before else { return };
        let is_plain = matches!(kind, StoreKind::Plain { .. } | StoreKind::Private);
        if !is_plain || !self.roots[root].live || !self.oracle.said(leaf.own).unsettled {
            return;
        }
        let last = position | low(self.oracle.levels[level].shift);
        let goes = [position, last].iter().all(|at| self.purpose(root, *at) == Purpose::Clears);
        if !goes {
            let va = self.oracle.va(position);
            self.report(
                Invariant::Records,
                format!("the leaf for {va:#x} is replaced by a plain store, and the machine may just have recorded something in it"),
            );
        }
    }

    /// A slot (or what is below it) is translated differently.
    fn judge(&mut self, root: usize, span: (u64, u64), removed: &[Piece], added: &[Piece]) {
        let mut differences: Vec<Difference> = Vec::new();
        compare(span, removed, added, |first, last, old, new| differences.push((first, last, old, new)));
        let is_live = self.roots[root].live;
        for &(first, last, old, new) in &differences {
            if old.map(|old| old.to) != new.map(|new| new.to) {
                let hull = &mut self.roots[root].changed;
                *hull = Some(hull.map_or((first, last), |(start, end)| (start.min(first), end.max(last))));
                self.check_allowed(root, (first, last), old.map(|old| old.to), new.map(|new| new.to));
            }
            if is_live && !self.purging {
                self.hold(root, old, new);
            }
            if let Some(new) = new
                && is_live
                && !self.processors.leaves.is_empty()
            {
                self.check_agreement(root, old, &new);
            }
        }
    }

    /// TLBs may hold what was there.
    fn hold(&mut self, root: usize, old: Option<Piece>, new: Option<Piece>) {
        let known = &self.roots[root];
        let (cpus, space) = (known.cpus, known.space);
        let way = match (old, new) {
            (Some(old), Some(new)) => {
                let (a, b) = (self.oracle.said(old.to.set), self.oracle.said(new.to.set));
                let mut way =
                    if a.same_in_tlb(b) { Way::Lazy } else { self.oracle.way_between(old.to.set, new.to.set) };
                // What a TLB holds as recorded it does not record again.
                let is_cleared = !a.records_no_more_than(b);
                if is_cleared {
                    way = way.max(self.oracle.way(Change::Other));
                }
                if old.to.oa != new.to.oa {
                    way = way.max(self.oracle.way(Change::Output));
                }
                if old.size_lg2 != new.size_lg2 {
                    way = way.max(self.oracle.way(Change::Size));
                } else if old.to.oa == new.to.oa && a.same_in_tlb(b) && !is_cleared {
                    return;
                }
                way
            }
            (Some(_), None) => self.oracle.way(Change::Clear),
            (None, _) => self.oracle.way(Change::Fill),
        };
        let (piece, absent) = match (old, new) {
            (Some(old), _) => (old, false),
            (None, Some(new)) if way != Way::Lazy => (new, true),
            _ => return,
        };
        let global = self.oracle.said(piece.to.set).global && !absent;
        let piece = piece.whole();
        self.processors.hold(StaleLeaf { piece, root, cpus, space, global, owed: way != Way::Lazy, absent });
    }

    /// No stale translation may stand beside a new one that the format does not let stand there. `old` is what the new
    /// one replaces in one store: where the format lets a leaf get another OA so, what TLBs hold of the old page is what
    /// they may use until the flush.
    fn check_agreement(&mut self, root: usize, old: Option<Piece>, new: &Piece) {
        let may_move = self.oracle.way(Change::Output) <= Way::Live;
        let moved = old.filter(|old| may_move && old.size_lg2 == new.size_lg2);
        for held in self.processors.beside(root, new) {
            let Some(part) = held.cut(new.first, new.last) else { continue };
            let moved = moved.is_some_and(|old| old.size_lg2 == part.size_lg2 && old.at(part.first).oa == part.to.oa);
            let now = new.at(part.first);
            let beside = if moved { To { oa: now.oa, ..part.to } } else { part.to };
            if let Some(what) = self.conflict(beside, part.size_lg2, now, new.size_lg2) {
                self.disagree(&part, &Piece { first: part.first, to: now, ..*new }, what);
                return;
            }
        }
    }

    /// Says what a TLB may still hold beside what is there now.
    fn disagree(&mut self, old: &Piece, new: &Piece, what: &str) {
        let va = self.oracle.va(new.first);
        let show = |to: To, size: u32| {
            format!("{:#x} ({} KiB, {:?})", to.oa, 1_u64 << size >> 10, self.oracle.said(to.set).attributes)
        };
        let text = format!(
            "{va:#x} is translated to {} now, and a TLB may still hold {}: {what} may not differ so",
            show(new.to, new.size_lg2),
            show(old.to, old.size_lg2)
        );
        self.report(Invariant::I5Agreement, text);
    }

    /// Leaves of the same run must not contradict a new leaf, for a TLB may take any of them for the whole run.
    fn check_neighbours(&mut self, id: usize, slot: usize, place: super::frames::Place, run_lg2: u32) {
        if !self.roots[place.root].live {
            return;
        }
        let frame = self.pool.frame(id);
        let (level, first, slots) = (frame.level, frame.first, frame.slots());
        let shift = self.oracle.levels[level].shift;
        let position = |slot: usize| place.position + ((slot as u64) << shift);
        let Seen::Leaf(leaf) = self.oracle.see(level, self.mirror[first + slot], position(slot)) else { return };
        let own = self.piece(id, place, position(slot), leaf);
        let group = slot & !((1 << run_lg2) - 1);
        for other in group..(group + (1 << run_lg2)).min(slots) {
            let (here, there) = (self.mirror[first + slot], self.mirror[first + other]);
            if own.size_lg2 == shift && self.oracle.are_alike(level, here, there) {
                continue;
            }
            let Seen::Leaf(leaf) = self.oracle.see(level, self.mirror[first + other], position(other)) else {
                continue;
            };
            if other == slot || leaf.size_lg2 == shift && own.size_lg2 == shift {
                continue;
            }
            let (one, two) = (own.whole(), self.piece(id, place, position(other), leaf).whole());
            let Some(part) = two.cut(one.first, one.last) else { continue };
            let Some(what) = self.conflict(one.at(part.first), one.size_lg2, part.to, part.size_lg2) else { continue };
            let va = self.oracle.va(position(slot));
            self.report(
                Invariant::I5Agreement,
                format!("the leaf for {va:#x} and slot {other} of its run translate the same addresses: {what} may not differ so"),
            );
            return;
        }
    }

    /// What of two translations of one address may not differ at once, if anything.
    fn conflict(&self, old: To, old_size: u32, new: To, new_size: u32) -> Option<&'static str> {
        let (a, b) = (self.oracle.said(old.set), self.oracle.said(new.set));
        let same_size = old_size == new_size;
        let strict = |kind| self.oracle.way(kind) >= Way::Instruction;
        if old.oa != new.oa {
            return Some("OAs");
        }
        if a.memory != b.memory && (!same_size || strict(Change::MemoryType)) {
            return Some("memory types");
        }
        if !same_size && strict(Change::Size) {
            return Some("sizes");
        }
        // A stale copy with fewer rights is harmless where more rights need no flush, whatever its size: the machine may use
        // either of the two, and both are translations that it was given (SDM volume 3A, "Details of TLB Use"; RISC-V
        // Privileged Architecture, "Supervisor Memory-Management Fence Instruction").
        match self.oracle.way_beside(old.set, new.set) {
            Way::Lazy => None,
            Way::Live if same_size => None,
            Way::Live => Some("sizes and attributes together"),
            Way::Instruction | Way::Break => Some("attributes"),
        }
    }
}
