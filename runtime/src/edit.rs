//! Changing or clearing the leaves of a range: what `unmap` and `protect` share.
//!
//! The plan looks for everything that could stop the change, the commit makes it. Where nothing within a covered table
//! could stop it, the plan does not look there.

use crate::address::VaRange;
use crate::alarm::Place;
use crate::context::Context;
use crate::error::Error;
use crate::flush::{Tlb, Unflushed};
use crate::format::{ChangeKind, Format, Level, RootVisitor, Unencodable, Way, WordOf};
use crate::frames::Frames;
use crate::garbage::{Garbage, can_unlink};
use crate::memory::Memory;
use crate::plan::{Plan, can_say_all};
use crate::range_mut::Target;
use crate::reserve::{Need, Reserve};
use crate::span::{Span, all_sizes, check_aligned, index, low, slot_last};
use crate::table::{Slot, Slots, Table};
use crate::unmap::{Holes, Partial, Tables};

/// What is done to leaves.
///
/// An edit is of the leaves that it [sees](Self::sees), which are those of the tables for most. A leaf word is
/// [changed](Self::change) into another leaf word, and then [put](Self::put) into its slot. What has to be cut off from
/// it, because it is not in the range, is [kept](Self::keep).
pub(crate) trait Edit<F: Format>: Copy {
    /// The kind of change that is made to leaves.
    const KIND: ChangeKind;
    /// Whether leaves go, and with them all else that is in the range.
    const CLEARS: bool = false;
    /// Whether the leaves that it sees are absent words for the machine.
    const SEES_ABSENT: bool = false;
    /// Whether what it puts are absent words for the machine.
    const PUTS_ABSENT: bool = Self::CLEARS;

    /// How the change is made in a live table.
    fn way(&self, f: F) -> Way {
        f.way(Self::KIND)
    }

    /// The leaf word that the edit finds in `w`, the word of a slot, if it is of a leaf that the edit is about.
    #[inline(always)]
    fn sees<L: Level<Format = F>>(f: F, w: WordOf<L>) -> Option<WordOf<L>> {
        L::is_leaf(f, w).then_some(w)
    }

    /// What a slot holds for the leaf word `w` that stays as it is: the word in which [`sees`](Self::sees) finds `w`.
    #[inline(always)]
    fn keep<L: Level<Format = F>>(f: F, w: WordOf<L>) -> WordOf<L> {
        let _ = f;
        w
    }

    /// What a slot holds for the changed leaf word `w`.
    #[inline(always)]
    fn put<L: Level<Format = F>>(f: F, w: WordOf<L>) -> WordOf<L> {
        let _ = f;
        w
    }

    /// The leaf word `w` (or template), changed, with the same OA. Not asked where leaves go.
    fn change<L: Level<Format = F>>(&self, f: F, w: WordOf<L>) -> Result<WordOf<L>, Unencodable>;

    /// Whether every leaf at level `L` can say what it is to be changed to. If not, every leaf is looked at before
    /// anything is changed.
    fn can_say<L: Level<Format = F>>(&self, f: F) -> bool;

    /// Whether every leaf at level `L` is one still once it is changed.
    #[inline(always)]
    fn fits<L: Level<Format = F>>(f: F) -> bool {
        Self::CLEARS || L::changes_fit(f)
    }

    /// The number of the first leaf among `slots` of which the change would make a word that the format forbids.
    #[inline]
    fn misfit<L: Level<Format = F>>(&self, f: F, slots: &Slots<'_, L>) -> Result<Option<usize>, Unencodable> {
        if Self::fits::<L>(f) {
            return Ok(None);
        }
        for (number, slot) in slots.iter().enumerate() {
            if let Some(w) = Self::sees::<L>(f, slot.get())
                && !L::is_leaf(f, self.change::<L>(f, w)?)
            {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Changes what is in `slot`, which is whole. `live` if a machine may record something in it meanwhile. Returns
    /// whether anything was changed that a TLB may hold, or if the edit sees what is absent, anything.
    #[inline]
    fn change_one<L: Level<Format = F>>(&self, f: F, slot: &Slot<'_, L>, live: bool) -> Result<bool, Error> {
        let mut w = slot.get();
        loop {
            let Some(leaf) = Self::sees::<L>(f, w) else { return Ok(false) };
            let new = Self::put::<L>(f, self.change::<L>(f, leaf)?);
            if new == w {
                return Ok(false);
            }
            match slot.replace(w, new, live && !Self::SEES_ABSENT) {
                Ok(()) => return Ok(true),
                Err(now) => w = now,
            }
        }
    }

    /// Changes what is in `slots`, which are whole, likewise. `all` if all of them are known to be leaves that it sees.
    /// Returns the numbers of the first and the last slot changed, if any.
    #[inline]
    fn change_all<L: Level<Format = F>>(
        &self,
        f: F,
        slots: &Slots<'_, L>,
        live: bool,
        all: bool,
    ) -> Result<Option<(usize, usize)>, Error> {
        let _ = all;
        let mut changed = None;
        for (number, slot) in slots.iter().enumerate() {
            if self.change_one(f, &slot, live)? {
                let (first, _) = *changed.get_or_insert((number, number));
                changed = Some((first, number));
            }
        }
        Ok(changed)
    }
}

/// What an edit makes of what it meets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// What holes mean: slots in which the edit sees nothing.
    pub(crate) holes: Holes,
    /// What leaves mean that are partly in the range.
    pub(crate) partial: Partial,
    /// What happens to tables that hold nothing any more.
    pub(crate) tables: Tables,
}

/// An edit of what is below a root: all that operations on leaves have in common.
pub(crate) struct EditAt<'a, F, M, A, T, E> {
    pub(crate) target: Target<F>,
    pub(crate) place: Place,
    pub(crate) cx: &'a mut Context<M, A, T>,
    pub(crate) range: VaRange,
    pub(crate) edit: E,
    pub(crate) policy: Policy,
}

impl<F: Format, M: Memory, A: Frames, T: Tlb, E: Edit<F>> RootVisitor<F> for EditAt<'_, F, M, A, T, E> {
    type Output = Result<Unflushed<F>, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let Self { target, place, cx, range, edit, policy } = self;
        let Target { f, reach, .. } = target;
        let Context { memory, frames, .. } = cx;
        let (memory, live) = (&*memory, reach.is_live());
        let Some(span) = target.span::<L>(range)? else { return Ok(Unflushed::nothing(f)) };
        let sizes = all_sizes::<L>(f);
        check_aligned(f, span, sizes.smallest().unwrap_or(0))?;
        let job = Job::new::<L>(&target, memory, edit, policy);
        let way = job.way;
        let progress = job.run(Table::<L>::at(target.root), span, frames)?;
        let flush = live && (progress.tables || progress.leaves && way != Way::Lazy);
        let request = flush.then(|| reach.request(f, range, sizes, progress.tables));
        Ok(Unflushed::new(f, request, progress.garbage, place))
    }
}

/// Whether more than stores and a flush are needed. What goes to absent is made absent and then flushed, whatever comes
/// next.
fn is_special<E: Edit<F>, F: Format>(way: Way) -> bool {
    way == Way::Instruction || way == Way::Break && !E::PUTS_ABSENT
}

/// Whether a change makes leaves of leaves at all levels.
fn fits_all<L: Level, E: Edit<L::Format>>(f: L::Format) -> bool {
    if L::IS_FLOOR {
        return true;
    }
    let here = L::leaf_sizes(f).is_empty() || E::fits::<L>(f);
    here && (!L::HAS_TABLES || fits_all::<L::Below, E>(f))
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
    /// How the change is made in a live table.
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

impl<'a, F: Format, M: Memory, E: Edit<F>> Job<'a, F, M, E> {
    /// The job to make `edit` below a root of level `L`.
    pub(crate) fn new<L: Level<Format = F>>(target: &Target<F>, memory: &'a M, edit: E, policy: Policy) -> Self {
        let Target { f, reach, .. } = *target;
        let (live, way) = (reach.is_live(), edit.way(f));
        let can_unlink = || can_unlink::<L::Below>(f) && !(live && f.way(ChangeKind::Unlink) == Way::Instruction);
        Self {
            f,
            memory,
            edit,
            live,
            refuse_holes: policy.holes == Holes::Refuse,
            refuse_partial: policy.partial == Partial::Refuse,
            unlink: E::CLEARS && policy.tables == Tables::Free && can_unlink(),
            look_at_all: live && is_special::<E, F>(way),
            can_misfit: !fits_all::<L, E>(f),
            way,
        }
    }

    /// Plans only: says what `run` would refuse, and counts what it would need. Nothing is changed.
    pub(crate) fn plan_only<L: Level<Format = F>>(
        &self,
        root: Table<L>,
        span: Span,
        need: &mut Need,
    ) -> Result<(), Error> {
        let look_at_all = self.look_at_all || !can_say_all::<L, E>(&self.edit, self.f);
        self.memory.begin();
        Self { look_at_all, ..*self }.plan(root, span, need)
    }

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
        let mut need = Need::default();
        self.plan_only(root, span, &mut need)?;
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
            && E::fits::<L>(f)
            && L::leaf_sizes(f) == crate::Sizes::one(L::shift(f))
            && E::sees::<L>(f, slots.get(number)).is_some()
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
                if let Some(w) = E::sees::<L>(f, slots.get(index::<L>(f, at)))
                    && !Leaf::of::<L>(f, w, at).is_within(span)
                {
                    progress.leaves |= self.take_apart::<L>(slots, Leaf::of::<L>(f, w, at), span)?;
                }
            }
        }
        let stretch = slots.stretch(index::<L>(f, span.first), index::<L>(f, span.last));
        // The plan has seen that there are no holes, and only in shared memory may somebody have made one.
        let all = self.refuse_holes && !M::SHARED;
        progress.leaves |= self.edit.change_all(f, &stretch, self.live, all)?.is_some();
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
            let mut seen = E::sees::<L>(f, w);
            if let Some(word) = seen {
                let leaf = Leaf::of::<L>(f, word, *at);
                if !leaf.is_within(span) && leaf.size_lg2 > L::shift(f) {
                    progress.leaves |= self.take_apart::<L>(slots, leaf, span)?;
                    w = slots.get_acquire(number);
                    seen = E::sees::<L>(f, w);
                }
            }
            if let Some(word) = seen
                && !is_covered
            {
                if self.changes::<L>(word)? {
                    return Ok(Some(Turn::Split(Leaf::of_slot::<L>(f, word, *at))));
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

    /// Whether the leaf word `w` has to be changed.
    #[inline(always)]
    pub(crate) fn changes<L: Level<Format = F>>(&self, w: WordOf<L>) -> Result<bool, Error> {
        let f = self.f;
        Ok(E::CLEARS || E::put::<L>(f, self.edit.change::<L>(f, w)?) != E::keep::<L>(f, w))
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
