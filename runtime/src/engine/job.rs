//! The run of an edit: plan, frames, commit.

use crate::engine::clean::clean_runs;
use crate::engine::edit::Leaf;
use crate::engine::edit::{Edit, Policy};
use crate::engine::garbage::can_unlink;
use crate::engine::ownership::is_foreign;
use crate::engine::plan::{Plan, can_say_all};
use crate::engine::progress::Progress;
use crate::engine::reserve::{Counted, Need, Reserve};
use crate::error::Error;
use crate::flush::Tlb;
use crate::format::{ChangeKind, Format, Level, Way};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::operations::unmap::{Holes, Partial, Tables};
use crate::range_mut::Target;
use crate::tables::span::{Span, index, low, slot_last};
use crate::tables::table::{Slots, Table};

/// What is the same for the whole operation.
pub(crate) struct Job<'a, F, M, E> {
    pub(crate) f: F,
    pub(crate) target: Target<F>,
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
    /// Whether there is an instruction for what takes one.
    pub(crate) has_instruction: bool,
    /// How the change is made in a live table.
    pub(crate) way: Way,
    /// How leaves of which only a part is in the range are split.
    pub(crate) ends: Ends,
}

/// How a leaf of which a part has to be changed is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// The parts are linked as they are to be: no TLB holds the leaf, or the part that is changed comes from absent or
    /// becomes absent.
    AtOnce,
    /// The parts are linked as they were, and the leaf is flushed before a part is changed. Otherwise a TLB could hold
    /// the leaf, and beside it the part with something else in it.
    Before,
    /// The leaf goes through absent.
    Break,
    /// An instruction links the parts as they are to be.
    Instruction,
}

/// The leaves that have been planned to be split: those that stick out at the ends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Split {
    spans: [Option<Span>; 2],
}

impl Split {
    /// One more.
    pub(crate) const fn add(&mut self, leaf: Span) {
        let number = self.spans[0].is_some() as usize;
        self.spans[number] = Some(leaf);
    }

    /// Whether there are any.
    pub(crate) const fn is_any(&self) -> bool {
        self.spans[0].is_some()
    }

    /// Whether `leaf` is one, or what has become of one.
    pub(crate) fn has(&self, leaf: Span) -> bool {
        self.spans.iter().flatten().any(|split| leaf.first >= split.first && leaf.last <= split.last)
    }
}

/// What a commit works with, beside the tables.
pub(crate) struct Env<'a, A, T> {
    pub(crate) frames: &'a mut A,
    pub(crate) tlb: &'a mut T,
    pub(crate) reserve: Reserve,
    pub(crate) split: Split,
    pub(crate) progress: &'a mut Progress,
}

impl<'a, F: Format, M: Memory, E: Edit<F>> Job<'a, F, M, E> {
    /// The job to make `edit` below a root of level `L`, where there is an instruction for what takes one.
    pub(crate) fn new<L: Level<Format = F>>(target: &Target<F>, memory: &'a M, edit: E, policy: Policy) -> Self {
        let target = *target;
        let f = target.f;
        let (live, way) = (target.reach.is_live(), edit.way(f));
        Self {
            f,
            target,
            memory,
            edit,
            live,
            refuse_holes: policy.holes == Holes::Refuse,
            refuse_partial: policy.partial == Partial::Refuse,
            unlink: E::CLEARS && policy.tables == Tables::Free && can_unlink::<L::Below>(f),
            look_at_all: live && is_special::<E, F>(way) || edit.most().is_some(),
            can_misfit: !fits_all::<L, E>(f),
            has_instruction: true,
            way,
            ends: ends::<E, F>(f, live),
        }
    }

    /// The same, told whether there is an instruction.
    pub(crate) fn with_instruction(self, has_instruction: bool) -> Self {
        let kept = self.live && !has_instruction && self.f.way(ChangeKind::Unlink) == Way::Instruction;
        Self { has_instruction, unlink: self.unlink && !kept, ..self }
    }

    /// Plans only: says what `run` would refuse, and counts what it would need. Nothing is changed.
    pub(crate) fn plan_only<L: Level<Format = F>>(
        &self,
        root: Table<L>,
        span: Span,
        need: &mut Need,
    ) -> Result<(), Error> {
        self.plan_splits(root, span, (need, None)).map(drop)
    }

    /// As `plan_only`. Returns the leaves that have to be split.
    pub(crate) fn plan_splits<L: Level<Format = F>>(
        &self,
        root: Table<L>,
        span: Span,
        (need, counted): (&mut Need, Option<&mut Counted>),
    ) -> Result<Split, Error> {
        let look_at_all = self.look_at_all || !can_say_all::<L, E>(&self.edit, self.f);
        let mut split = Split::default();
        self.memory.begin();
        Self { look_at_all, ..*self }.plan(root, &mut Plan::new(span, (need, counted), &mut split))?;
        Ok(split)
    }

    /// Plans, takes the frames, and commits.
    pub(crate) fn run<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        root: Table<L>,
        span: Span,
        frames: &mut A,
        tlb: &mut T,
    ) -> Result<Progress, Error> {
        let mut progress = Progress::NOTHING;
        self.memory.begin();
        if self.is_careful() || !self.at_once(root, span, &mut progress)? {
            self.in_two_steps(root, span, (frames, tlb), &mut progress)?;
        }
        Ok(progress)
    }

    /// Whether leaves cannot just be written and then flushed.
    #[inline(always)]
    pub(crate) fn is_careful(&self) -> bool {
        self.live && is_special::<E, F>(self.way)
    }

    /// Plans, takes the frames, and commits, on two ways down. Not inlined, for small changes do without.
    #[inline(never)]
    fn in_two_steps<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        root: Table<L>,
        span: Span,
        (frames, tlb): (&mut A, &mut T),
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let (f, memory) = (self.f, self.memory);
        let mut need = Need::default();
        let split = self.plan_splits(root, span, (&mut need, None))?;
        let reserve = Reserve::take_all(f, memory, frames, &need)?;
        memory.commit();
        let mut env = Env { frames, tlb, reserve, split, progress };
        let committed = self.commit_all(root, span, &mut env);
        env.reserve.give_back(f, memory, env.frames);
        committed
    }

    fn commit_all<L: Level<Format = F>, A: Frames, T: Tlb>(
        &self,
        root: Table<L>,
        span: Span,
        env: &mut Env<'_, A, T>,
    ) -> Result<(), Error> {
        if env.split.is_any() {
            self.split_ends(root, span, env)?;
        }
        if self.is_careful() { self.commit_carefully(root, span, env) } else { self.commit(root, span, env) }
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
            let done = table.open(f, memory, |slots| self.leaves_at_once(&slots, span, progress))??;
            clean_runs(f, memory, table, span);
            return Ok(done);
        }
        let slot = Span { first: span.first & !low(L::shift(f)), last: slot_last::<L>(f, span.first) };
        if span.last > slot.last || (self.unlink && span == slot) {
            return Ok(false);
        }
        let w = table.read(f, memory, span.first)?;
        if !L::is_table(f, w) || is_foreign::<L>(f, w) {
            return Ok(false);
        }
        let child = Table::below::<L>(f, w);
        if !self.at_once(child, span, progress)? {
            return Ok(false);
        }
        if self.unlink && self.has_to_be_unlinked::<L>(w, child, span)? {
            if self.live && f.way(ChangeKind::Unlink) == Way::Instruction {
                // What is emptied is found once more.
                return Ok(false);
            }
            self.unlink_by_store::<L>(table, child, span, progress)?;
        }
        Ok(true)
    }

    /// Plans and commits in a table that can only have leaves. Returns whether it did.
    #[inline]
    fn leaves_at_once<L: Level<Format = F>>(
        &self,
        slots: &Slots<'_, L>,
        span: Span,
        progress: &mut Progress,
    ) -> Result<bool, Error> {
        let f = self.f;
        if self.is_one_leaf::<L>(slots, span) {
            let slot = slots.slot(index::<L>(f, span.first));
            if self.edit.change_one(f, &slot, self.live)? {
                progress.touched.leaves::<L>(f, span);
            }
            return Ok(true);
        }
        if L::leaf_sizes(f) != crate::Sizes::one(L::shift(f)) && self.sticks_out::<L>(slots, span) {
            return Ok(false);
        }
        // Without tables below, no change takes any.
        let (mut need, mut split) = (Need::default(), Split::default());
        self.plan_leaves(slots, &mut Plan::new(span, (&mut need, None), &mut split))?;
        self.commit_leaves(slots, span, progress)?;
        Ok(true)
    }

    /// Whether a leaf is partly in `span`.
    fn sticks_out<L: Level<Format = F>>(&self, slots: &Slots<'_, L>, span: Span) -> bool {
        let f = self.f;
        [span.first, span.last].into_iter().any(|at| {
            let seen = E::sees::<L>(f, slots.get(index::<L>(f, at)));
            seen.is_some_and(|w| !Leaf::of::<L>(f, w, at).is_within(span))
        })
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
}

/// Whether more than stores and a flush are needed. What goes to absent is made absent and then flushed, whatever comes
/// next.
fn is_special<E: Edit<F>, F: Format>(way: Way) -> bool {
    way == Way::Instruction || way == Way::Break && !E::PUTS_ABSENT
}

/// How leaves are split.
fn ends<E: Edit<F>, F: Format>(f: F, live: bool) -> Ends {
    if !live || E::SEES_ABSENT {
        return Ends::AtOnce;
    }
    match f.way(ChangeKind::Size) {
        Way::Instruction => Ends::Instruction,
        Way::Break => Ends::Break,
        Way::Lazy | Way::Live if E::PUTS_ABSENT => Ends::AtOnce,
        Way::Lazy | Way::Live => Ends::Before,
    }
}

/// Whether a change makes leaves of leaves at all levels.
fn fits_all<L: Level, E: Edit<L::Format>>(f: L::Format) -> bool {
    if L::IS_FLOOR {
        return true;
    }
    let here = L::leaf_sizes(f).is_empty() || E::fits::<L>(f);
    here && (!L::HAS_TABLES || fits_all::<L::Below, E>(f))
}
