//! Changing or clearing the leaves of a range: what `unmap` and `protect` share.
//!
//! The plan looks for everything that could stop the change, the commit makes it. Where nothing within a covered table
//! could stop it, the plan does not look there.

use crate::error::Error;
use crate::format::{ChangeKind, Format, Level, Unencodable, Way, WordOf};
use crate::frames::Frames;
use crate::garbage::Garbage;
use crate::memory::Memory;
use crate::plan::{Plan, can_say_all};
use crate::reserve::{Need, Reserve};
use crate::span::{Span, index, low, slot_last};
use crate::table::{Slot, Slots, Table};

/// What is done to leaves.
pub(crate) trait Edit<F: Format>: Copy {
    /// Whether leaves go, and with them all else that is in the range.
    const CLEARS: bool;

    /// The leaf word `w` (or template), changed; what an emptied slot holds if it goes.
    fn change<L: Level<Format = F>>(&self, f: F, w: WordOf<L>) -> Result<WordOf<L>, Unencodable>;

    /// Whether every leaf at level `L` can say what it is to be changed to.
    fn can_say<L: Level<Format = F>>(&self, f: F) -> bool;

    /// The number of the first leaf among `slots` of which the change would make a word that the format forbids.
    fn misfit<L: Level<Format = F>>(&self, f: F, slots: &Slots<'_, L>) -> Result<Option<usize>, Unencodable>;

    /// Changes what is in `slot`, which is whole. `live` if a machine may record something in it meanwhile. Returns
    /// whether there was anything.
    fn change_one<L: Level<Format = F>>(&self, f: F, slot: &Slot<'_, L>, live: bool) -> Result<bool, Error>;

    /// Changes what is in `slots`, which are whole, likewise. `all` if all of them are known to be leaves.
    fn change_all<L: Level<Format = F>>(
        &self,
        f: F,
        slots: &Slots<'_, L>,
        live: bool,
        all: bool,
    ) -> Result<bool, Error>;
}

/// What is the same for the whole operation.
pub(crate) struct Job<'a, F, M, E> {
    pub(crate) f: F,
    pub(crate) memory: &'a M,
    pub(crate) edit: E,
    pub(crate) live: bool,
    /// Whether a hole is an error.
    pub(crate) refuse_holes: bool,
    /// Whether a leaf of which only a part is in the range is an error.
    pub(crate) refuse_partial: bool,
    /// Whether tables that hold nothing any more are unlinked.
    pub(crate) unlink: bool,
    /// Whether every leaf has to be looked at before anything is changed, one by one.
    pub(crate) look_at_all: bool,
    /// Whether the change may make words that the format forbids.
    pub(crate) can_misfit: bool,
    /// The kind of change, and how it is made in a live table.
    pub(crate) kind: ChangeKind,
    pub(crate) way: Way,
}

/// What a commit leaves.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) garbage: Garbage,
    /// Whether leaves were changed.
    pub(crate) leaves: bool,
    /// Whether words that point to tables were.
    pub(crate) tables: bool,
}

/// A leaf in the tables: its word and what it covers.
#[derive(Clone, Copy)]
pub(crate) struct Leaf<W> {
    pub(crate) word: W,
    pub(crate) span: Span,
    pub(crate) size_lg2: u32,
}

impl<W: Copy> Leaf<W> {
    /// The leaf of word `w` at level `L`, in a slot of `at`.
    #[inline(always)]
    pub(crate) fn of<L: Level>(f: L::Format, w: W, at: u64) -> Self
    where
        L::Format: Format<Word = W>,
    {
        let size_lg2 = L::leaf_lg2(f, w);
        Self { word: w, span: Span { first: at & !low(size_lg2), last: at | low(size_lg2) }, size_lg2 }
    }

    /// Whether all of it is in `span`.
    #[inline(always)]
    pub(crate) const fn is_within(&self, span: Span) -> bool {
        self.span.first >= span.first && self.span.last <= span.last
    }

    /// Its part in `span`.
    pub(crate) fn part(&self, span: Span) -> Span {
        Span { first: self.span.first.max(span.first), last: self.span.last.min(span.last) }
    }
}

/// Why a commit leaves a table's slots.
enum Turn<L: Level> {
    /// A table below has to be changed.
    Below(Table<L::Below>),
    /// A table below is covered and goes.
    Unlink(Table<L::Below>),
    /// A part of the leaf has to be changed.
    Split(Leaf<WordOf<L>>),
}

impl<F: Format, M: Memory, E: Edit<F>> Job<'_, F, M, E> {
    /// Plans, takes the frames, and commits.
    pub(crate) fn run<L: Level<Format = F>, A: Frames>(
        &self,
        root: Table<L>,
        span: Span,
        frames: &mut A,
    ) -> Result<Progress, Error> {
        let memory = self.memory;
        let mut progress = Progress { garbage: Garbage::NONE, leaves: false, tables: false };
        memory.begin();
        if !self.at_once(root, span, &mut progress)? {
            self.in_two_steps(root, span, frames, &mut progress)?;
        }
        Ok(progress)
    }

    /// Plans, takes the frames, and commits, on two ways down. Not inlined, for small changes do without.
    #[inline(never)]
    fn in_two_steps<L: Level<Format = F>, A: Frames>(
        &self,
        root: Table<L>,
        span: Span,
        frames: &mut A,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let (f, memory) = (self.f, self.memory);
        let look_at_all = self.look_at_all || !can_say_all::<L, E>(&self.edit, f);
        let mut need = Need::default();
        memory.begin();
        Self { look_at_all, ..*self }.plan(root, span, &mut need)?;
        let mut reserve = Reserve::take_all(f, memory, frames, &need)?;
        memory.commit();
        let committed = self.commit(root, span, &mut reserve, progress);
        reserve.give_back(f, memory, frames);
        committed
    }

    /// Plans and commits on one way down, where the whole span is in one table that can only have leaves: most changes
    /// are small. Returns whether it is; if not, nothing was done.
    #[inline]
    fn at_once<L: Level<Format = F>>(
        &self,
        table: Table<L>,
        span: Span,
        progress: &mut Progress,
    ) -> Result<bool, Error> {
        let (f, memory) = (self.f, self.memory);
        if L::IS_FLOOR {
            return Ok(false);
        }
        if !L::HAS_TABLES {
            if !self.edit.can_say::<L>(f) {
                return Ok(false);
            }
            memory.commit();
            return table.open(f, memory, |slots| {
                if self.is_one_leaf::<L>(&slots, span) {
                    let slot = slots.slot(index::<L>(f, span.first));
                    progress.leaves |= self.edit.change_one(f, &slot, self.live)?;
                    return Ok(true);
                }
                // Without tables below, no change takes any.
                self.plan_leaves(&slots, &mut Plan::new(span, &mut Need::default()))?;
                self.commit_leaves(&slots, span, progress).map(|()| true)
            })?;
        }
        let slot = Span { first: span.first & !low(L::shift(f)), last: slot_last::<L>(f, span.first) };
        if span.last > slot.last || (self.unlink && span == slot) {
            return Ok(false);
        }
        let w = table.read(f, memory, span.first)?;
        if !L::is_table(f, w) {
            return Ok(false);
        }
        let child = Table::below::<L>(f, w);
        if !self.at_once(child, span, progress)? {
            return Ok(false);
        }
        self.unlink_emptied::<L>(table, child, span, progress)?;
        Ok(true)
    }

    /// Whether `span` is one slot with a leaf that nothing keeps from being changed.
    #[inline]
    fn is_one_leaf<L: Level<Format = F>>(&self, slots: &Slots<'_, L>, span: Span) -> bool {
        let (f, number) = (self.f, index::<L>(self.f, span.first));
        number == index::<L>(f, span.last)
            && !self.look_at_all
            && (E::CLEARS || L::changes_fit(f))
            && L::leaf_sizes(f) == crate::Sizes::one(L::shift(f))
            && L::is_leaf(f, slots.get(number))
    }

    /// Makes the change.
    pub(crate) fn commit<L: Level<Format = F>>(
        &self,
        table: Table<L>,
        span: Span,
        reserve: &mut Reserve,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        if L::IS_FLOOR {
            return Ok(());
        }
        let (f, memory) = (self.f, self.memory);
        if !L::HAS_TABLES {
            return table.open(f, memory, |slots| self.commit_leaves(&slots, span, progress))?;
        }
        let mut at = span.first;
        loop {
            let turn = table.open(f, memory, |slots| self.commit_slots(&slots, &mut at, span, progress))??;
            let Some(turn) = turn else { return Ok(()) };
            let below = Span { first: at, last: slot_last::<L>(f, at).min(span.last) };
            match turn {
                Turn::Below(child) => {
                    self.commit(child, below, reserve, progress)?;
                    self.unlink_emptied::<L>(table, child, below, progress)?;
                }
                Turn::Unlink(child) => self.unlink_slot::<L>(table, child, at, progress)?,
                Turn::Split(leaf) => {
                    self.split_slot::<L>(table, leaf, below, reserve)?;
                    progress.leaves = true;
                    progress.tables = true;
                }
            }
            if below.last == span.last {
                return Ok(());
            }
            at = below.last + 1;
        }
    }

    /// Commits in a table that can only have leaves.
    #[inline]
    fn commit_leaves<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        span: Span,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let f = self.f;
        if L::leaf_sizes(f) != crate::Sizes::one(L::shift(f)) {
            for at in [span.first, span.last & !low(L::shift(f))] {
                let w = slots.get(index::<L>(f, at));
                if L::is_leaf(f, w) && !Leaf::of::<L>(f, w, at).is_within(span) {
                    progress.leaves |= self.take_apart::<L>(slots, Leaf::of::<L>(f, w, at), span)?;
                }
            }
        }
        let stretch = slots.stretch(index::<L>(f, span.first), index::<L>(f, span.last));
        // The plan has seen that there are no holes, and only in shared memory may somebody have made one.
        let all = self.refuse_holes && !M::SHARED;
        progress.leaves |= self.edit.change_all(f, &stretch, self.live, all)?;
        Ok(())
    }

    /// Commits in a table that can have tables below, from `at` to the next slot that has to do with another table.
    fn commit_slots<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        at: &mut u64,
        span: Span,
        progress: &mut Progress,
    ) -> Result<Option<Turn<L>>, Error> {
        let f = self.f;
        loop {
            let number = index::<L>(f, *at);
            let end = slot_last::<L>(f, *at);
            let is_covered = *at & low(L::shift(f)) == 0 && end <= span.last;
            let mut w = slots.get_acquire(number);
            if L::is_leaf(f, w) {
                let leaf = Leaf::of::<L>(f, w, *at);
                if !leaf.is_within(span) && leaf.size_lg2 > L::shift(f) {
                    progress.leaves |= self.take_apart::<L>(slots, leaf, span)?;
                    w = slots.get_acquire(number);
                }
            }
            if L::is_leaf(f, w) && !is_covered {
                if E::CLEARS || self.edit.change::<L>(f, w)? != w {
                    return Ok(Some(Turn::Split(Leaf { word: w, ..Leaf::of_slot::<L>(f, w, *at) })));
                }
            } else if L::is_table(f, w) {
                let child = Table::below::<L>(f, w);
                return Ok(Some(if is_covered && self.unlink { Turn::Unlink(child) } else { Turn::Below(child) }));
            } else if is_covered {
                progress.leaves |= self.edit.change_one(f, &slots.slot(number), self.live)?;
            }
            if end >= span.last {
                return Ok(None);
            }
            *at = end + 1;
        }
    }

    /// Unlinks the table `child` if it holds nothing any more, where that is wanted. `span` of it was changed.
    #[inline]
    fn unlink_emptied<L: Level<Format = F>>(
        &self,
        table: Table<L>,
        child: Table<L::Below>,
        span: Span,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let f = self.f;
        if self.unlink && child.open(f, self.memory, |slots| is_emptied(f, &slots, span))? {
            return self.unlink_slot::<L>(table, child, span.first, progress);
        }
        Ok(())
    }

    /// Unlinks the table below the slot of `at`.
    fn unlink_slot<L: Level<Format = F>>(
        &self,
        table: Table<L>,
        child: Table<L::Below>,
        at: u64,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let f = self.f;
        table.open(f, self.memory, |slots| slots.set(index::<L>(f, at), L::empty(f)))?;
        progress.tables = true;
        Ok(progress.garbage.add(f, self.memory, child)?)
    }
}

impl<W: Copy> Leaf<W> {
    /// The part of a leaf in the slot of `at`.
    pub(crate) fn of_slot<L: Level>(f: L::Format, w: W, at: u64) -> Self
    where
        L::Format: Format<Word = W>,
    {
        let size_lg2 = L::shift(f);
        Self { word: w, span: Span { first: at & !low(size_lg2), last: at | low(size_lg2) }, size_lg2 }
    }
}

/// Whether all slots are empty, those for `span` last.
#[inline]
fn is_emptied<L: Level>(f: L::Format, slots: &Slots<'_, L>, span: Span) -> bool {
    let (first, last) = (index::<L>(f, span.first), index::<L>(f, span.last));
    let is_empty = |slot: usize| slot >= slots.len() || L::is_empty(f, slots.get(slot));
    // Neighbours are the likeliest to be left: ranges are often unmapped piece by piece.
    is_empty(last + 1) && (first == 0 || is_empty(first - 1)) && slots.find(|w| !L::is_empty(f, w)).is_none()
}
