//! Changing attributes.

use crate::address::VaRange;
use crate::alarm::Place;
use crate::context::Context;
use crate::edit::{Edit, Job};
use crate::error::Error;
use crate::flush::{Tlb, Unflushed};
use crate::format::{ChangeKind, Format, Level, RootVisitor, Unencodable, Way, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::range_mut::{RangeMut, Target};
use crate::span::{all_sizes, check_aligned};
use crate::table::{Slot, Slots, Table};
use crate::unmap::{Holes, Partial};
use crate::word::Word;

/// How to change attributes.
///
/// ```
/// use ptgen::{Holes, Partial, Protect};
///
/// assert_eq!(Protect::everything(), Protect { holes: Holes::Skip, partial: Partial::Split });
/// assert_eq!(Protect::mapped().no_split(), Protect { holes: Holes::Refuse, partial: Partial::Refuse });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protect {
    /// What holes mean.
    pub holes: Holes,
    /// What leaves mean that are partly in the range.
    pub partial: Partial,
}

impl Protect {
    /// Whatever is there: holes do not matter, leaves are split.
    #[must_use]
    pub const fn everything() -> Self {
        Self { holes: Holes::Skip, partial: Partial::Split }
    }

    /// What is mapped without a hole: a hole is an error, leaves are split.
    #[must_use]
    pub const fn mapped() -> Self {
        Self { holes: Holes::Refuse, ..Self::everything() }
    }

    /// But no leaf is split.
    #[must_use]
    pub const fn no_split(self) -> Self {
        Self { partial: Partial::Refuse, ..self }
    }
}

impl Default for Protect {
    /// [`Protect::everything`].
    fn default() -> Self {
        Self::everything()
    }
}

/// Leaves get other attributes.
#[derive(Clone, Copy)]
struct Patch<'a, F: Format>(&'a F::Change);

impl<F: Format> Edit<F> for Patch<'_, F> {
    const CLEARS: bool = false;

    #[inline]
    fn change<L: Level<Format = F>>(&self, f: F, w: WordOf<L>) -> Result<WordOf<L>, Unencodable> {
        Ok(L::apply(f, &L::patch(f, self.0)?, w))
    }

    #[inline]
    fn can_say<L: Level<Format = F>>(&self, f: F) -> bool {
        L::patch(f, self.0).is_ok()
    }

    #[inline]
    fn misfit<L: Level<Format = F>>(&self, f: F, slots: &Slots<'_, L>) -> Result<Option<usize>, Unencodable> {
        if L::changes_fit(f) {
            return Ok(None);
        }
        let patch = L::patch(f, self.0)?;
        Ok(slots.find(|w| L::is_leaf(f, w) & !L::is_leaf(f, L::apply(f, &patch, w))))
    }

    #[inline]
    fn change_one<L: Level<Format = F>>(&self, f: F, slot: &Slot<'_, L>, live: bool) -> Result<bool, Error> {
        let w = slot.get();
        if !L::is_leaf(f, w) {
            return Ok(false);
        }
        let patch = L::patch(f, self.0)?;
        slot.change(w, live, |w| L::apply(f, &patch, w));
        Ok(true)
    }

    #[inline]
    fn change_all<L: Level<Format = F>>(
        &self,
        f: F,
        slots: &Slots<'_, L>,
        live: bool,
        all: bool,
    ) -> Result<bool, Error> {
        let first = if all { Some(0) } else { slots.find(|w| L::is_leaf(f, w)) };
        let Some(first) = first else { return Ok(false) };
        let patch = L::patch(f, self.0)?;
        let slots = slots.stretch(first, slots.len() - 1);
        let (is_leaf, apply) = (|w| L::is_leaf(f, w), |w| L::apply(f, &patch, w));
        match (live && L::hardware(f) != F::Word::ZERO, all) {
            (false, true) => slots.change_all::<false>(|_| true, apply),
            (false, false) => slots.change_all::<false>(is_leaf, apply),
            (true, true) => slots.change_all::<true>(|_| true, apply),
            (true, false) => slots.change_all::<true>(is_leaf, apply),
        }
        Ok(true)
    }
}

impl<F: Format> RangeMut<'_, F> {
    /// Changes what the leaves in `range` say.
    ///
    /// # Errors
    ///
    /// [`Error`] says what `policy` or the format forbids; nothing has been changed then.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn protect<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        change: &F::Change,
        policy: Protect,
    ) -> Result<Unflushed<F>, Error> {
        let (target, place) = (self.target, Place::of_caller());
        target.f.root(ProtectAt { target, place, cx, range: range.into(), change, policy })
    }
}

/// `protect` below a root.
struct ProtectAt<'a, F: Format, M, A, T> {
    target: Target<F>,
    place: Place,
    cx: &'a mut Context<M, A, T>,
    range: VaRange,
    change: &'a F::Change,
    policy: Protect,
}

impl<F: Format, M: Memory, A: Frames, T: Tlb> RootVisitor<F> for ProtectAt<'_, F, M, A, T> {
    type Output = Result<Unflushed<F>, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let Self { target, place, cx, range, change, policy } = self;
        let Target { f, reach, .. } = target;
        let Context { memory, frames, .. } = cx;
        let (memory, live) = (&*memory, reach.is_live());
        let Some(span) = target.span::<L>(range)? else { return Ok(Unflushed::nothing(f)) };
        let sizes = all_sizes::<L>(f);
        check_aligned(f, span, sizes.smallest().unwrap_or(0))?;
        let way = f.way_of(change);
        let job = Job {
            f,
            memory,
            edit: Patch::<F>(change),
            live,
            refuse_holes: policy.holes == Holes::Refuse,
            refuse_partial: policy.partial == Partial::Refuse,
            unlink: false,
            look_at_all: live && way >= Way::Instruction,
            can_misfit: !changes_fit::<L>(f),
            kind: ChangeKind::Other,
            way,
        };
        let progress = job.run(Table::<L>::at(target.root), span, frames)?;
        let flush = live && (progress.tables || progress.leaves && way != Way::Lazy);
        let request = flush.then(|| reach.request(f, range, sizes, progress.tables));
        Ok(Unflushed::new(f, request, progress.garbage, place))
    }
}

/// Whether a change makes leaves of leaves at all levels.
fn changes_fit<L: Level>(f: L::Format) -> bool {
    if L::IS_FLOOR {
        return true;
    }
    let here = L::leaf_sizes(f).is_empty() || L::changes_fit(f);
    here && (!L::HAS_TABLES || changes_fit::<L::Below>(f))
}
