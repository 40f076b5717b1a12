//! Splitting leaves into smaller ones that say the same.

use super::Unused;
use crate::address::VaRange;
use crate::alarm::Place;
use crate::context::Context;
use crate::engine::edit::{Edit, Policy};
use crate::engine::job::{Env, Job};
use crate::engine::progress::Progress;
use crate::engine::reserve::{Need, Reserve};
use crate::error::Error;
use crate::flush::{Tlb, Unflushed};
use crate::format::{ChangeKind, Format, Level, RootVisitor, Unencodable, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::operations::unmap::{Holes, Partial, Tables};
use crate::range_mut::{RangeMut, Target};
use crate::tables::span::{Span, all_sizes, check_aligned};
use crate::tables::table::Table;

impl<F: Format> RangeMut<'_, F> {
    /// Splits leaves until none in `range` is larger than `2^lg2` bytes. They say what they said, in every bit. What is
    /// not in `range` stays in leaves as large as can be.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchSize`] if the format has no leaves so small; [`Error::OutOfFrames`];
    /// [`Error::PartialLeaf`] or [`Error::Unencodable`] if a leaf says what smaller ones cannot;
    /// [`Error::BreakBeforeMake`] and [`Error::NeedsInstruction`] if a live leaf cannot change its size here;
    /// [`Error::Borrowed`] if `range` has tables of another root. Nothing has been changed then.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn split<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        lg2: u32,
    ) -> Result<Unflushed<F>, Error> {
        let (target, place) = (self.target, Place::of_caller());
        target.f.root(SplitAt { target, place, cx, range: range.into(), lg2 })
    }
}

/// `split` below a root.
struct SplitAt<'a, F, M, A, T> {
    target: Target<F>,
    place: Place,
    cx: &'a mut Context<M, A, T>,
    range: VaRange,
    lg2: u32,
}

impl<F: Format, M: Memory, A: Frames, T: Tlb> RootVisitor<F> for SplitAt<'_, F, M, A, T> {
    type Output = Result<Unflushed<F>, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let Self { target, place, cx, range, lg2 } = self;
        let Some(span) = target.span_to_change::<L, M>(&cx.memory, range)? else {
            return Ok(Unflushed::nothing(target.f));
        };
        check_aligned(target.f, span, all_sizes::<L>(target.f).smallest().unwrap_or(0))?;
        split_span::<L, _, _, _>(target, cx, span, lg2, place)
    }
}

/// Leaves become smaller.
#[derive(Clone, Copy)]
struct Finer {
    /// They are to have at most `2^lg2` bytes.
    lg2: u32,
}

impl<F: Format> Edit<F> for Finer {
    const KIND: ChangeKind = ChangeKind::Size;

    fn most(&self) -> Option<u32> {
        Some(self.lg2)
    }

    #[inline(always)]
    fn change<L: Level<Format = F>>(&self, _f: F, w: WordOf<L>) -> Result<WordOf<L>, Unencodable> {
        Ok(w)
    }

    #[inline(always)]
    fn can_say<L: Level<Format = F>>(&self, _f: F) -> bool {
        true
    }

    #[inline(always)]
    fn fits<L: Level<Format = F>>(_f: F) -> bool {
        true
    }
}

/// The job to split the leaves below a root of level `L`.
fn job<L: Level, M: Memory, T: Tlb>(
    target: Target<L::Format>,
    memory: &M,
    lg2: u32,
) -> Result<Job<'_, L::Format, M, Finer>, Error> {
    if all_sizes::<L>(target.f).up_to(lg2).is_empty() {
        return Err(Error::NoSuchSize { lg2 });
    }
    let policy = Policy { holes: Holes::Skip, partial: Partial::Split, tables: Tables::Keep };
    Ok(Job::new::<L>(&target, memory, Finer { lg2 }, policy).with_instruction(T::EXCHANGES))
}

/// Splits the leaves in `span` below a root of level `L`.
pub(super) fn split_span<L: Level, M: Memory, A: Frames, T: Tlb>(
    target: Target<L::Format>,
    cx: &mut Context<M, A, T>,
    span: Span,
    lg2: u32,
    place: Place,
) -> Result<Unflushed<L::Format>, Error> {
    let f = target.f;
    let Context { memory, frames, tlb } = cx;
    let (job, root) = (job::<L, M, T>(target, memory, lg2)?, Table::<L>::at(target.root));
    let (mut need, mut progress) = (Need::default(), Progress::NOTHING);
    let split = job.plan_splits(root, span, (&mut need, None))?;
    let reserve = Reserve::take_all(f, &*memory, frames, &need)?;
    memory.commit();
    let mut env = Env { frames, tlb, reserve, split, progress: &mut progress };
    let committed = job.split_leaves(root, span, span, &mut env);
    env.reserve.give_back(f, &*memory, env.frames);
    let unflushed = Unflushed::new(f, progress.touched.request(f, target.reach, false), progress.garbage, place);
    match committed {
        Ok(()) => Ok(unflushed),
        Err(error) => {
            unflushed.flush(cx);
            Err(error)
        }
    }
}

/// Says what `split` would refuse in `range` below a root of level `L`, and counts what it would need. Nothing is
/// changed.
pub(crate) fn plan_split<L: Level, M: Memory>(
    target: Target<L::Format>,
    memory: &M,
    range: VaRange,
    lg2: u32,
    need: &mut Need,
) -> Result<(), Error> {
    let f = target.f;
    let Some(span) = target.span_to_change::<L, M>(memory, range)? else { return Ok(()) };
    check_aligned(f, span, all_sizes::<L>(f).smallest().unwrap_or(0))?;
    job::<L, M, Unused>(target, memory, lg2)?.plan_only(Table::<L>::at(target.root), span, need)
}
