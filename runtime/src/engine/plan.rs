//! What could stop a change of leaves, looked for before anything is changed.

use crate::engine::edit::{Edit, Leaf};
use crate::engine::job::{Ends, Job, Split};
use crate::engine::lock::{locked, read_unlocked};
use crate::engine::ownership::{foreign_bit, is_foreign, is_pinned, pinned_bit};
use crate::engine::reserve::{Counted, Need};
use crate::error::Error;
use crate::format::{ChangeKind, Format, Level, Way, WordOf};
use crate::memory::Memory;
use crate::tables::skips::unfit;
use crate::tables::span::{Span, index, low, slot_last, va};
use crate::tables::table::{Slots, Table};

/// The state of a plan within one table.
pub(crate) struct Plan<'a> {
    span: Span,
    /// The leaf whose parts have been counted last.
    counted: Option<Span>,
    need: &'a mut Need,
    tables: Option<&'a mut Counted>,
    split: &'a mut Split,
}

impl<'a> Plan<'a> {
    /// Nothing counted yet for `span`, but what is in `need` and `tables`.
    pub(crate) const fn new(
        span: Span,
        (need, tables): (&'a mut Need, Option<&'a mut Counted>),
        split: &'a mut Split,
    ) -> Self {
        Self { span, counted: None, need, tables, split }
    }

    /// The same for a table below, which translates `span`.
    fn below(&mut self, span: Span) -> Plan<'_> {
        Plan { span, counted: None, need: self.need, tables: self.tables.as_deref_mut(), split: self.split }
    }
}

/// Where a plan leaves a table's slots for one of the tables below.
type Descent<L> = (Span, Table<<L as Level>::Below>);

impl<F: Format, M: Memory, E: Edit<F>> Job<'_, F, M, E> {
    /// Looks for what stops the change, and counts the tables that splits take.
    pub(crate) fn plan<L: Level<Format = F>>(&self, table: Table<L>, plan: &mut Plan<'_>) -> Result<(), Error> {
        if L::IS_FLOOR || self.is_small_enough::<L>() {
            return Ok(());
        }
        if !L::HAS_TABLES {
            return table.open(self.f, self.memory, |slots| self.plan_leaves(&slots, plan))?;
        }
        let span = plan.span;
        let mut at = span.first;
        loop {
            let descent = table.open(self.f, self.memory, |slots| self.plan_slots(&slots, at, plan))??;
            let Some((below, child)) = descent else { return Ok(()) };
            self.plan(child, &mut plan.below(below))?;
            if below.last == span.last {
                return Ok(());
            }
            at = below.last + 1;
        }
    }

    /// Plans in a table that can only have leaves.
    #[inline]
    pub(crate) fn plan_leaves<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        plan: &mut Plan<'_>,
    ) -> Result<(), Error> {
        let (f, Span { first, last }) = (self.f, plan.span);
        let stretch = slots.stretch(index::<L>(f, first), index::<L>(f, last));
        // One that does not fit as it is may do when it is split, and then others are to be looked at, too.
        let has_misfit = self.can_misfit && self.edit.misfit(f, &stretch, self.live)?.is_some();
        if self.look_at_all || has_misfit {
            for at in (first..=last).step_by(1 << L::shift(f)) {
                let w = slots.get(index::<L>(f, at));
                if let Some(word) = E::sees::<L>(f, w) {
                    self.plan_leaf::<L>(word, at, plan)?;
                } else if self.refuse_holes {
                    return Err(hole::<L>(f, w, at));
                }
            }
            return Ok(());
        }
        if self.refuse_holes
            && let Some(number) = stretch.find(|w| E::sees::<L>(f, w).is_none())
        {
            let at = first + ((number as u64) << L::shift(f));
            return Err(hole::<L>(f, slots.get(index::<L>(f, at)), at));
        }
        // A leaf that is larger than its slot can stick out at either end.
        if L::leaf_sizes(f) == crate::Sizes::one(L::shift(f)) {
            return Ok(());
        }
        for at in [first, last & !low(L::shift(f))] {
            if let Some(w) = E::sees::<L>(f, slots.get(index::<L>(f, at))) {
                self.plan_leaf::<L>(w, at, plan)?;
            }
        }
        Ok(())
    }

    /// Plans in a table that can have tables below, from `at` to the next one.
    fn plan_slots<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        mut at: u64,
        plan: &mut Plan<'_>,
    ) -> Result<Option<Descent<L>>, Error> {
        let (f, last) = (self.f, plan.span.last);
        let slot_mask = low(L::shift(f));
        let look_at_all = self.look_at_all || self.can_misfit || self.refuse_holes;
        loop {
            let end = slot_last::<L>(f, at);
            let is_covered = at & slot_mask == 0 && end <= last;
            let w = read_unlocked::<L>(&self.target, slots, at);
            if let Some(word) = E::sees::<L>(f, w) {
                self.plan_leaf::<L>(word, at, plan)?;
            } else if L::is_table(f, w) {
                let goes = is_covered && self.unlink && !is_pinned::<L>(f, w);
                if is_foreign::<L>(f, w) && !goes {
                    return Err(Error::Borrowed { va: va(f, at & !slot_mask) });
                }
                self.edit.check_below::<L>(f, w)?;
                // Below what is foreign, nothing is changed; below what is pinned, something may be foreign.
                if !is_foreign::<L>(f, w) && (look_at_all || !is_covered || is_pinned::<L>(f, w)) {
                    return Ok(Some((Span { first: at, last: end.min(last) }, Table::below::<L>(f, w))));
                }
            } else if self.refuse_holes {
                return Err(hole::<L>(f, w, at));
            }
            if end >= last {
                return Ok(None);
            }
            at = if look_at_all { end + 1 } else { self.next_to_plan(slots, end + 1, last) };
        }
    }

    /// Where to go on from `at`, where a slot begins. Of covered slots there is nothing to know, unless all are looked at
    /// or they have tables that are pinned or foreign.
    #[inline]
    fn next_to_plan<L: Level<Format = F>>(&self, slots: &Slots<'_, L>, at: u64, last: u64) -> u64 {
        let (f, end) = (self.f, last & !low(L::shift(self.f)));
        let marks = pinned_bit::<L>(f) | foreign_bit::<L>(f);
        if end <= at || marks == F::Word::from(0) {
            return at.max(end);
        }
        let covered = slots.stretch(index::<L>(f, at), index::<L>(f, end - 1));
        let marked = covered.find(|w| (w & marks != F::Word::from(0)) & L::is_table(f, w));
        marked.map_or(end, |number| at + ((number as u64) << L::shift(f)))
    }

    /// Plans the change of one leaf.
    fn plan_leaf<L: Level<Format = F>>(&self, w: F::Word, at: u64, plan: &mut Plan<'_>) -> Result<(), Error> {
        let f = self.f;
        let leaf = Leaf::of::<L>(f, w, at);
        let va = va(f, leaf.span.first);
        // Of a leaf that is split for its part to become absent, only the parts' words have to say something.
        if !E::CLEARS && (!E::PUTS_ABSENT || leaf.is_within(plan.span)) {
            if !self.changes::<L>(w)? {
                return Ok(());
            }
            self.check_fit::<L>(va, self.edit.change::<L>(f, w)?)?;
            self.edit.check::<L>(f, w, self.live)?;
        }
        self.check_way(va, self.way, E::PUTS_ABSENT, || self.edit.kind(f))?;
        let is_changed_whole = self.edit.most().is_none() && leaf.is_within(plan.span);
        if is_changed_whole || plan.counted == Some(leaf.span) {
            return Ok(());
        }
        if self.refuse_partial {
            return Err(Error::PartialLeaf { va, size_lg2: leaf.size_lg2 });
        }
        plan.need.count_split();
        if !E::SEES_ABSENT {
            self.check_way(va, f.way(ChangeKind::Size), false, || ChangeKind::Size)?;
        }
        self.check_shared::<L>(va, &leaf)?;
        plan.counted = Some(leaf.span);
        if self.edit.most().is_none() {
            plan.split.add(leaf.span);
        }
        self.plan_split::<L>(&leaf, leaf.part(plan.span), (plan.need, plan.tables.as_deref_mut()))
    }

    /// Refuses a changed leaf word that is none any more.
    pub(crate) fn check_fit<L: Level<Format = F>>(&self, va: crate::Va, changed: F::Word) -> Result<(), Error> {
        if E::fits::<L>(self.f) || L::is_leaf(self.f, changed) {
            return Ok(());
        }
        Err(Error::Forbidden { va, level: L::NUMBER, word: changed.into() })
    }

    /// Refuses a change of `kind` that is made in a way that does not work here. What `goes` to absent is made absent and
    /// then flushed, whatever comes next.
    fn check_way(&self, va: crate::Va, way: Way, goes: bool, kind: impl FnOnce() -> ChangeKind) -> Result<(), Error> {
        match way {
            Way::Break if self.live && !self.target.reach.may_break() && !goes => {
                Err(Error::BreakBeforeMake { va, kind: kind() })
            }
            Way::Instruction if self.live && !self.has_instruction => Err(Error::NeedsInstruction { va, kind: kind() }),
            _ => Ok(()),
        }
    }

    /// Refuses to split a leaf in a way that does not work for it: a run by an instruction; by way of absent, a leaf that
    /// somebody else owns a part of, who could not be told.
    fn check_shared<L: Level<Format = F>>(&self, va: crate::Va, leaf: &Leaf<F::Word>) -> Result<(), Error> {
        let (f, kind) = (self.f, ChangeKind::Size);
        let is_run = leaf.size_lg2 > L::shift(f);
        match self.ends {
            Ends::Instruction if is_run => Err(Error::NeedsInstruction { va, kind }),
            Ends::Break if !self.target.owns(leaf.span) && (is_run || locked::<L>(f).is_none()) => {
                Err(Error::BreakBeforeMake { va, kind })
            }
            _ => Ok(()),
        }
    }
}

/// Whether every leaf can say what it is to be changed to.
pub(crate) fn can_say_all<L: Level, E: Edit<L::Format>>(edit: &E, f: L::Format) -> bool {
    if L::IS_FLOOR {
        return true;
    }
    let here = L::leaf_sizes(f).is_empty() || edit.can_say::<L>(f);
    here && (!L::HAS_TABLES || can_say_all::<L::Below, E>(edit, f))
}

/// The error for a word that is neither a leaf that the edit sees nor a table, where there should be no hole.
#[cold]
fn hole<L: Level>(f: L::Format, w: WordOf<L>, at: u64) -> Error {
    if L::is_absent(f, w) || L::is_leaf(f, w) { Error::Hole { va: va(f, at) } } else { unfit::<L>(f, w, at) }
}
