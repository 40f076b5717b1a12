//! What is declared, and whether it is what happens.

use ptgen::{Oa, VaRange};

use super::{Declared, Purpose, State};
use crate::expect::{Aim, Expect, Snapshot};
use crate::piece::{Map, Piece, To, compare};
use crate::violation::Invariant;

use super::frames::Place;

impl State {
    /// An operation begins that does what `expects` says.
    pub(crate) fn begin(&mut self, mut expects: Vec<Expect>) {
        self.breaking = self.elsewhere && self.oracle.breaks();
        if self.breaking {
            // What is around a leaf that is broken may be absent meanwhile, too, and is the same again when it is done.
            expects.push(Expect::same(VaRange::inclusive(self.oracle.va(0), self.oracle.va(self.oracle.last()))));
        }
        self.log.clear();
        self.journal.clear();
        self.late.clear();
        self.expects = expects.into_iter().filter_map(|expect| self.declared(expect)).collect();
        self.out_before = self.pool.out;
    }

    /// It has been done: everything is as declared.
    pub(crate) fn done(&mut self) {
        let expects = std::mem::take(&mut self.expects);
        for Declared { expect, root, span } in expects {
            // Where everything is to stay, nothing has to be looked at that no store has changed.
            let changed = self.roots[root].changed;
            let span = match (&expect.aim, changed) {
                (Aim::Same | Aim::Recorded, None) => continue,
                (Aim::Same | Aim::Recorded, Some((first, last))) => (span.0.max(first), span.1.min(last)),
                _ => span,
            };
            if span.0 > span.1 {
                continue;
            }
            let now = self.translations(root, span);
            self.check_done(root, &expect, span, &now);
            let settled = &mut self.roots[root].settled;
            settled.clear(span.0, span.1);
            for piece in &now {
                settled.put(piece.first, piece.last, piece.to);
            }
        }
        self.check_runs();
        self.check_late();
        self.check_cleaned("when the operation has ended");
    }

    /// It has failed: everything is as it was.
    pub(crate) fn failed(&mut self) {
        self.expects.clear();
        let mut first = std::collections::HashMap::new();
        for &(word, old) in &self.journal {
            first.entry(word).or_insert(old);
        }
        let mut changed: Vec<_> = first.into_iter().filter(|(word, old)| self.mirror[*word] != *old).collect();
        changed.sort_unstable();
        if let Some((word, old)) = changed.first() {
            let address = self.base + ((*word as u64) << self.word_lg2);
            let now = self.mirror[*word];
            self.report(
                Invariant::I7Failure,
                format!("the operation failed, and the word at {address:#x} is {now:#x}, not {old:#x} as before ({} such words)", changed.len()),
            );
        }
        if self.pool.out != self.out_before {
            let (now, before) = (self.pool.out, self.out_before);
            self.report(
                Invariant::I7Failure,
                format!(
                    "the operation failed, and there are {now:?} frames handed out by level, not {before:?} as before"
                ),
            );
        }
    }

    /// What was owed has been flushed.
    pub(crate) fn check_flushed(&mut self) {
        if let Some(leaf) = self.processors.leaves.iter().find(|leaf| leaf.owed) {
            let (va, size) = (self.oracle.va(leaf.piece.first), leaf.piece.size_lg2);
            let what = if leaf.absent { "that there is nothing" } else { "what was there" };
            let text = format!(
                "after the flush, a TLB may still hold {what} for {va:#x} (2^{size} bytes, processors {:#b})",
                leaf.cpus
            );
            self.report(Invariant::I13Flush, text);
        }
        if let Some(table) = self.processors.tables.iter().find(|table| table.owed && table.cpus != 0) {
            let va = self.oracle.va(table.first);
            self.report(
                Invariant::I13Flush,
                format!("after the flush, a walk cache may still hold a table for {va:#x}"),
            );
        }
    }

    /// Every word that walkers get to has been cleaned.
    pub(super) fn check_cleaned(&mut self, when: &str) {
        if !self.oracle.cleans() {
            return;
        }
        let dirty = self.pool.frames.iter().flatten().find_map(|frame| {
            let place = frame.places.first().filter(|place| self.roots[place.root].live)?;
            Some((frame.address, frame.first_dirty()?, place.position))
        });
        if let Some((address, slot, position)) = dirty {
            let va = self.oracle.va(position);
            self.report(
                Invariant::I3Publish,
                format!("slot {slot} of the table at {address:#x} (for {va:#x}) has not been cleaned {when}"),
            );
        }
    }

    fn declared(&self, expect: Expect) -> Option<Declared> {
        if expect.range.is_empty() {
            return None;
        }
        let root = match expect.root {
            None => 0,
            Some(address) => self.roots.iter().position(|root| root.address == address.get())?,
        };
        let span = self.oracle.positions(expect.range.start().get(), expect.range.last().get())?;
        Some(Declared { expect, root, span })
    }

    /// What a span is translated to under a root.
    pub(super) fn translations(&mut self, root: usize, span: (u64, u64)) -> Vec<Piece> {
        let mut found = Vec::new();
        let place = Place { root, position: 0, limits: 0 };
        if let Some(id) = self.table_at(self.roots[root].level, self.roots[root].address) {
            self.survey(id, place, span, &mut found);
        }
        found
    }

    /// What a VA is translated to.
    pub(crate) fn translate(&mut self, va: u64) -> Option<u64> {
        let span = self.oracle.positions(va, va)?;
        self.translations(0, span).first().map(|piece| piece.to.oa)
    }

    /// All translations of a range.
    pub(crate) fn snapshot(&mut self, root: usize, range: VaRange) -> Snapshot {
        let mut map = Map::default();
        if let Some(span) = self.oracle.positions(range.start().get(), range.last().get()) {
            for piece in self.translations(root, span) {
                map.put(piece.first, piece.last, piece.to);
            }
        }
        Snapshot(std::rc::Rc::new(map))
    }

    fn check_done(&mut self, root: usize, expect: &Expect, span: (u64, u64), now: &[Piece]) {
        let mut wrong = None;
        let settled = &self.roots[root].settled;
        let mut before = Vec::new();
        settled.each(span.0, span.1, |first, last, to| {
            if let Some(to) = to {
                before.push(Piece { first, last, to, size_lg2: 0 });
            }
        });
        let mut covered = span.0;
        let mut check = |first: u64, last: u64, old: Option<To>, new: Option<To>| {
            if wrong.is_none()
                && !expect.accepts(&self.oracle, (span.0, first, last), old, new)
                && !(expect.optional && (old == new || self.loose && self.oracle.gained(old, new)))
                && !(self.loose && self.oracle.gained(old, new) && matches!(expect.aim, Aim::Same))
            {
                wrong = Some((first, old, new));
            }
        };
        compare(span, &before, now, |first, last, old, new| {
            if first > covered {
                check(covered, first - 1, None, None);
            }
            check(first, last, old.map(|old| old.to), new.map(|new| new.to));
            covered = last.saturating_add(1);
        });
        if covered <= span.1 && (now.last().is_none_or(|piece| piece.last < span.1) || covered == 0) {
            check(covered, span.1, None, None);
        }
        if let Some((position, old, new)) = wrong {
            let va = self.oracle.va(position);
            let text = format!(
                "the operation is done, and {va:#x} is translated to {}, was {}, expected {expect:?}",
                self.show(new),
                self.show(old)
            );
            self.report(Invariant::I4Equivalence, text);
        }
    }

    /// Whether a stretch may be translated so now.
    pub(super) fn check_allowed(&mut self, root: usize, (first, last): (u64, u64), old: Option<To>, now: Option<To>) {
        let (mut wrong, mut gained) = (None, Vec::new());
        let touches = |known: &&Declared| known.root == root && known.span.0 <= last && known.span.1 >= first;
        let near = || self.expects.iter().filter(touches);
        self.roots[root].settled.each(first, last, |start, end, before| {
            if wrong.is_some() {
                return;
            }
            let here = |to: Option<To>, at: u64| to.map(|to| to.further(at - first));
            let was = |at: u64| before.map(|to| to.further(at - start));
            let mut at = start;
            while at <= end {
                let inside = near().find(|known| known.span.0 <= at && at <= known.span.1);
                let next = near().map(|known| known.span.0).filter(|from| *from > at).min();
                let until = match inside {
                    Some(known) => known.span.1.min(end),
                    None => next.map_or(end, |next| (next - 1).min(end)),
                };
                let (was, now) = (was(at), here(now, at));
                let has_gained = was != now && self.loose && self.oracle.gained(was, now);
                if let (true, None, Some(now)) = (has_gained, inside, now) {
                    gained.push((at, until, now));
                }
                if was != now && !has_gained {
                    match inside {
                        None => wrong = Some((Invariant::I6Confinement, at, was, now)),
                        Some(known) => {
                            let broken = now.is_none() && (self.breaking || known.expect.breaking);
                            let accepted = || known.expect.accepts(&self.oracle, (known.span.0, at, until), was, now);
                            if !broken && !accepted() {
                                wrong = Some((Invariant::I4Equivalence, at, was, now));
                            }
                        }
                    }
                }
                if wrong.is_some() || until == u64::MAX {
                    return;
                }
                at = until + 1;
            }
        });
        // Nobody looks again at what no declaration covers.
        for (first, last, to) in gained {
            let settled = &mut self.roots[root].settled;
            settled.clear(first, last);
            settled.put(first, last, to);
        }
        if let Some((invariant, position, was, now)) = wrong {
            let invariant = if self.only_records_lost(old, now) { Invariant::Records } else { invariant };
            let va = self.oracle.va(position);
            let (now, was) = (self.show(now), self.show(was));
            let declared = if invariant == Invariant::I6Confinement {
                "outside what was declared"
            } else {
                "neither as before nor as after"
            };
            self.report(invariant, format!("{va:#x} is translated to {now}, was {was}: {declared}"));
        }
    }

    fn only_records_lost(&self, old: Option<To>, new: Option<To>) -> bool {
        let (Some(old), Some(new)) = (old, new) else { return false };
        let (a, b) = (self.oracle.said(old.set), self.oracle.said(new.set));
        old.oa == new.oa && a.same_in_tlb(b) && a.records & !b.records != 0
    }

    fn show(&self, to: Option<To>) -> String {
        match to {
            None => "nothing".to_owned(),
            Some(to) => format!("{:#x} ({:?})", to.oa, self.oracle.said(to.set).attributes),
        }
    }

    /// What is going to become of a position.
    pub(super) fn purpose(&self, root: usize, position: u64) -> Purpose {
        let inside = |known: &&Declared| known.root == root && known.span.0 <= position && position <= known.span.1;
        match self.expects.iter().find(inside).map(|known| &known.expect.aim) {
            Some(Aim::Nothing | Aim::Anything) => Purpose::Clears,
            _ => Purpose::Keeps,
        }
    }

    /// Pages are given back: nothing may translate to them.
    pub(crate) fn free_data(&mut self, oa: u64, bytes: u64) {
        self.log.add(crate::log::Event::FreeData { oa: Oa::new(oa), bytes });
        let last = oa.saturating_add(bytes - 1);
        let hits = |piece: &Piece| piece.to.oa <= last && piece.to.oa + (piece.last - piece.first) >= oa;
        let held = self.processors.leaves.iter().find(|leaf| !leaf.absent && hits(&leaf.piece));
        if let Some(leaf) = held {
            let va = self.oracle.va(leaf.piece.first);
            self.report(
                Invariant::I2DataLifetime,
                format!("pages at {oa:#x} are freed while a TLB may translate {va:#x} and up to them"),
            );
            return;
        }
        for root in 0..self.roots.len() {
            let all = self.translations(root, (0, self.oracle.last()));
            if let Some(piece) = all.iter().find(|piece| hits(piece)) {
                let va = self.oracle.va(piece.first);
                self.report(
                    Invariant::I2DataLifetime,
                    format!("pages at {oa:#x} are freed while {va:#x} and up is translated to them"),
                );
                return;
            }
        }
    }
}
