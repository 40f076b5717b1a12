//! Reading which leaves have been used, and starting over.
//!
//! A record that is cleared is cleared by compare-and-exchange from the word in which it was seen, so that what the
//! machine records meanwhile is either seen or stays. The rest of the word is kept. What is reported to the visitor has
//! been in the tables, and what has been in the tables and was cleared is reported.

use super::later;
use crate::address::VaRange;
use crate::alarm::Place;
use crate::context::Context;
use crate::engine::clean::clean_slots;
use crate::engine::edit::Leaf;
use crate::engine::garbage::Garbage;
use crate::engine::lock::read_unlocked;
use crate::engine::ownership::is_foreign;
use crate::engine::records::{change_records, recorded};
use crate::error::Error;
use crate::flush::{Exchange, FlushRequest, Tlb, Unflushed};
use crate::format::{ChangeKind, Format, Level, RootVisitor, Sizes, Unencodable, Way, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::range_mut::{RangeMut, Target};
use crate::reading::translate::Mapping;
use crate::tables::span::{Span, index, low, slot_last, va, va_range};
use crate::tables::table::{Slots, Table};
use crate::tables::word::Word;

/// Which records are read, and whether they are cleared.
///
/// ```
/// use ptgen::Harvest;
///
/// assert_eq!(Harvest::dirty(), Harvest { accessed: false, dirty: true, clear: true });
/// assert_eq!(Harvest::all().only_look(), Harvest { accessed: true, dirty: true, clear: false });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Harvest {
    /// Whether leaves are looked for that have been accessed.
    pub accessed: bool,
    /// Whether leaves are looked for that have been written to.
    pub dirty: bool,
    /// Whether what is found is cleared.
    pub clear: bool,
}

impl Harvest {
    /// What has been accessed, to be cleared.
    #[must_use]
    pub const fn accessed() -> Self {
        Self { accessed: true, dirty: false, clear: true }
    }

    /// What has been written to, to be cleared.
    #[must_use]
    pub const fn dirty() -> Self {
        Self { accessed: false, dirty: true, clear: true }
    }

    /// Both, to be cleared.
    #[must_use]
    pub const fn all() -> Self {
        Self { accessed: true, dirty: true, clear: true }
    }

    /// But nothing is cleared.
    #[must_use]
    pub const fn only_look(self) -> Self {
        Self { clear: false, ..self }
    }
}

/// What was recorded in a leaf, of what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Records {
    /// It has been accessed.
    pub accessed: bool,
    /// It has been written to.
    pub dirty: bool,
}

impl Records {
    const fn is_nothing(self) -> bool {
        !self.accessed && !self.dirty
    }

    const fn or(self, other: Self) -> Self {
        Self { accessed: self.accessed || other.accessed, dirty: self.dirty || other.dirty }
    }
}

impl<F: Format> RangeMut<'_, F> {
    /// Shows `visitor` the leaves in `range` that have been used since the last time, in order, and what was recorded. A
    /// leaf is shown once and as a whole, a run too, even if only a part is in `range`, for a record is of all of it.
    ///
    /// Until what is returned has been flushed, the machine may use a leaf without recording it again, because a TLB says
    /// that it has been recorded.
    ///
    /// # Errors
    ///
    /// [`Error::Unencodable`] if the format has no such attribute, or none that can be cleared; [`Error::Borrowed`] if
    /// something is to be cleared in a table of another root; [`Error::BreakBeforeMake`] and
    /// [`Error::NeedsInstruction`] if a live leaf cannot be cleared with a store; what is wrong with `range`. Nothing has
    /// been changed then. [`Error::Memory`] if a table cannot be reached: what the visitor was shown has been cleared and
    /// flushed.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn harvest<M: Memory, A: Frames, T: Tlb, V: FnMut(&Mapping<F>, Records)>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        policy: Harvest,
        visitor: V,
    ) -> Result<Unflushed<F>, Error> {
        let (target, place) = (self.target, Place::of_caller());
        target.f.root(HarvestAt { target, place, cx, range: range.into(), policy, visitor })
    }
}

/// `harvest` below a root.
struct HarvestAt<'a, F, M, A, T, V> {
    target: Target<F>,
    place: Place,
    cx: &'a mut Context<M, A, T>,
    range: VaRange,
    policy: Harvest,
    visitor: V,
}

impl<F: Format, M: Memory, A: Frames, T: Tlb, V: FnMut(&Mapping<F>, Records)> RootVisitor<F>
    for HarvestAt<'_, F, M, A, T, V>
{
    type Output = Result<Unflushed<F>, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let Self { target, place, cx, range, policy, visitor } = self;
        let f = target.f;
        let Some(span) = target.span_to_change::<L, M>(&cx.memory, range)? else { return Ok(Unflushed::nothing(f)) };
        let Harvest { accessed, dirty, .. } = policy;
        let (change, does) = change_records::<L>(0, accessed, dirty);
        for (wanted, done, attribute) in [(accessed, does.0, "accessed"), (dirty, does.1, "dirty")] {
            if wanted && !done {
                return Err(Unencodable { attribute }.into());
            }
        }
        let way = f.way_of(&change);
        let (memory, tlb) = (&cx.memory, &mut cx.tlb);
        let mut job = Job { target, memory, tlb, policy, change, way, visitor, request: None };
        let root = Table::<L>::at(target.root);
        memory.begin();
        if policy.clear {
            job.plan(root, span)?;
            memory.begin();
        }
        let result = job.table(root, span, f.no_limits());
        let unflushed = Unflushed::new(f, job.request, Garbage::NONE, place);
        match result {
            Ok(()) => Ok(unflushed),
            Err(error) => {
                unflushed.flush(cx);
                Err(error)
            }
        }
    }
}

/// A harvest under way.
struct Job<'a, F: Format, M, T, V> {
    target: Target<F>,
    memory: &'a M,
    tlb: &'a mut T,
    policy: Harvest,
    /// Clears what is asked for.
    change: F::Change,
    way: Way,
    visitor: V,
    request: Option<FlushRequest>,
}

/// What a look through a table's slots ended at.
enum Found<F: Format> {
    /// A leaf that was used.
    Leaf(Mapping<F>, Records),
    /// A word that points to a table.
    Table(F::Word),
}

impl<F: Format, M: Memory, T: Tlb, V: FnMut(&Mapping<F>, Records)> Job<'_, F, M, T, V> {
    /// Looks for what keeps records from being cleared.
    fn plan<L: Level<Format = F>>(&self, table: Table<L>, span: Span) -> Result<(), Error> {
        if L::IS_FLOOR {
            return Ok(());
        }
        let f = self.target.f;
        if !L::leaf_sizes(f).is_empty() {
            L::patch(f, &self.change)?;
        }
        let mut at = span.first;
        while let Some((found, w)) = table.open(f, self.memory, |slots| self.plan_slots(&slots, at, span.last))?? {
            if is_foreign::<L>(f, w) {
                return Err(Error::Borrowed { va: va(f, found & !low(L::shift(f))) });
            }
            let end = slot_last::<L>(f, found);
            self.plan(Table::below::<L>(f, w), Span { first: found, last: end.min(span.last) })?;
            if end >= span.last {
                break;
            }
            at = end + 1;
        }
        Ok(())
    }

    /// Looks at slots from `at` to the next table.
    fn plan_slots<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        mut at: u64,
        last: u64,
    ) -> Result<Option<(u64, F::Word)>, Error> {
        let f = self.target.f;
        let live = self.target.reach.is_live();
        // Where every change fits and is a store, a leaf cannot be in the way.
        let is_special = live && self.way >= Way::Instruction;
        if !L::HAS_TABLES && !is_special && L::changes_fit(f) {
            return Ok(None);
        }
        let patch = L::patch(f, &self.change);
        loop {
            let w = read_unlocked::<L>(&self.target, slots, at);
            if L::is_table(f, w) {
                return Ok(Some((at, w)));
            }
            if L::is_leaf(f, w) && !self.records::<L>(w).is_nothing() {
                let va = va(f, at & !low(L::shift(f)));
                let changed = patch.map_or(w, |patch| L::apply(f, &patch, w));
                if !L::is_leaf(f, changed) {
                    return Err(Error::Forbidden { va, level: L::NUMBER, word: changed.into() });
                }
                if live && self.way == Way::Break {
                    return Err(Error::BreakBeforeMake { va, kind: ChangeKind::Other });
                }
                if live && self.way == Way::Instruction && !T::EXCHANGES {
                    return Err(Error::NeedsInstruction { va, kind: ChangeKind::Other });
                }
            }
            let end = slot_last::<L>(f, at);
            if end >= last {
                return Ok(None);
            }
            at = end + 1;
        }
    }

    /// What the leaf word `w` records, of what is asked for.
    fn records<L: Level<Format = F>>(&self, w: WordOf<L>) -> Records {
        let (accessed, dirty) = recorded::<L>(self.target.f, w);
        Records { accessed: accessed && self.policy.accessed, dirty: dirty && self.policy.dirty }
    }

    /// Harvests `span` of a table and of what is below.
    fn table<L: Level<Format = F>>(&mut self, table: Table<L>, span: Span, limits: F::Word) -> Result<(), Error> {
        if L::IS_FLOOR {
            return Ok(());
        }
        let (f, memory) = (self.target.f, self.memory);
        let mut at = span.first;
        loop {
            let found = table.open(f, memory, |slots| self.slots(table, &slots, &mut at, span.last, limits))?;
            let Some(found) = found else { return Ok(()) };
            let end = match found {
                Found::Leaf(leaf, records) => {
                    let span = Span { first: at & !low(leaf.size_lg2), last: at | low(leaf.size_lg2) };
                    if self.policy.clear {
                        clean_slots(f, memory, table, span);
                    }
                    (self.visitor)(&leaf, records);
                    span.last
                }
                Found::Table(w) => {
                    let below = Span { first: at, last: slot_last::<L>(f, at).min(span.last) };
                    self.table(Table::below::<L>(f, w), below, L::limit(f, limits, w))?;
                    below.last
                }
            };
            if end >= span.last {
                return Ok(());
            }
            at = end + 1;
        }
    }

    /// Harvests slots from `at` to the next that has something to show.
    fn slots<L: Level<Format = F>>(
        &mut self,
        table: Table<L>,
        slots: &Slots<'_, L>,
        at: &mut u64,
        last: u64,
        limits: F::Word,
    ) -> Option<Found<F>> {
        let f = self.target.f;
        loop {
            let w = read_unlocked::<L>(&self.target, slots, *at);
            let mut end = slot_last::<L>(f, *at);
            if L::is_table(f, w) {
                return Some(Found::Table(w));
            }
            if L::is_leaf(f, w) {
                let leaf = Leaf::of::<L>(f, w, *at);
                let records = self.leaf(table, slots, &leaf);
                if !records.is_nothing() {
                    return Some(Found::Leaf(Mapping::of::<L>(f, w, limits, *at), records));
                }
                end = leaf.span.last;
            }
            if end >= last {
                return None;
            }
            *at = end + 1;
        }
    }

    /// Harvests all slots of one leaf.
    fn leaf<L: Level<Format = F>>(&mut self, table: Table<L>, slots: &Slots<'_, L>, leaf: &Leaf<WordOf<L>>) -> Records {
        let f = self.target.f;
        let (first, last) = (index::<L>(f, leaf.span.first), index::<L>(f, leaf.span.last));
        let slots_of_leaf = first..=last.min(slots.len() - 1);
        let records =
            slots_of_leaf.fold(Records::default(), |records, number| records.or(self.slot(table, slots, number, leaf)));
        let Target { f, reach, .. } = self.target;
        if self.policy.clear && !records.is_nothing() && reach.is_live() && self.way != Way::Lazy {
            let range = va_range(f, leaf.span.first, leaf.span.last);
            later(&mut self.request, reach.request(f, range, L::leaf_sizes(f), false));
        }
        records
    }

    /// Harvests one slot of a leaf. What cannot be cleared stays and is not reported, and what is not of the leaf any more
    /// is left alone: whoever changes a neighbouring range may have taken a run apart.
    fn slot<L: Level<Format = F>>(
        &mut self,
        table: Table<L>,
        slots: &Slots<'_, L>,
        number: usize,
        leaf: &Leaf<WordOf<L>>,
    ) -> Records {
        let Target { f, reach, .. } = self.target;
        let mut w = slots.get(number);
        loop {
            let is_of_leaf = L::is_leaf(f, w) && L::leaf_lg2(f, w) == leaf.size_lg2;
            let records = if is_of_leaf { self.records::<L>(w) } else { Records::default() };
            if records.is_nothing() || !self.policy.clear {
                return records;
            }
            let Ok(patch) = L::patch(f, &self.change) else { return Records::default() };
            let new = L::apply(f, &patch, w);
            if !L::is_leaf(f, new) {
                return Records::default();
            }
            let done = if reach.is_live() && self.way == Way::Instruction {
                let slot = table.address() + ((number as u64) << WordOf::<L>::BYTES_LG2);
                let range = va_range(f, leaf.span.first, leaf.span.last);
                let (old, new, leaf_sizes) = (w.into(), new.into(), Sizes::one(leaf.size_lg2));
                let exchange = Exchange { slot, level: L::NUMBER, range, old, new, leaf_sizes, tables: false };
                self.tlb.exchange(&exchange).map_err(WordOf::<L>::truncate)
            } else {
                slots.exchange(number, w, new)
            };
            match done {
                Ok(()) => return records,
                Err(now) if now == w => return Records::default(),
                Err(now) => w = now,
            }
        }
    }
}
