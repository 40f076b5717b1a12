//! Changing or clearing the leaves of a range: what `unmap` and `protect` share.
//!
//! The plan looks for everything that could stop the change, the commit makes it. Where nothing within a covered table
//! could stop it, the plan does not look there.

use crate::address::VaRange;
use crate::alarm::Place;
use crate::context::Context;
use crate::engine::job::Job;
use crate::engine::progress::Progress;
use crate::error::Error;
use crate::flush::{Tlb, Unflushed};
use crate::format::{ChangeKind, Format, Level, RootVisitor, Unencodable, Way, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::operations::unmap::{Holes, Partial, Tables};
use crate::range_mut::Target;
use crate::tables::span::{Span, all_sizes, check_aligned, low};
use crate::tables::table::{Slot, Slots, Table};

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
    /// Whether it is not for every leaf word that can be changed: each is [checked](Self::check), OA and all.
    const CHECKS: bool = false;

    /// lg2 of the bytes of the largest leaf that may be left in the range, if that is what the edit is about: it splits,
    /// and changes nothing else.
    #[inline(always)]
    fn most(&self) -> Option<u32> {
        None
    }

    /// What the change is called when it is refused.
    fn kind(&self, f: F) -> ChangeKind {
        let _ = f;
        Self::KIND
    }

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

    /// Whether [`sees`](Self::sees) finds the leaf word `w` (or template) again in the slot that [keeps](Self::keep) it.
    #[inline(always)]
    fn can_keep<L: Level<Format = F>>(f: F, w: WordOf<L>) -> bool {
        let _ = (f, w);
        true
    }

    /// What a slot holds for the changed leaf word `w`.
    #[inline(always)]
    fn put<L: Level<Format = F>>(f: F, w: WordOf<L>) -> WordOf<L> {
        let _ = f;
        w
    }

    /// The leaf word `w` (or template), changed, with the same OA. Not asked where leaves go.
    fn change<L: Level<Format = F>>(&self, f: F, w: WordOf<L>) -> Result<WordOf<L>, Unencodable>;

    /// Says why the edit is not for the leaf word `w`, in which a machine may record something until it is changed if that
    /// is `live`.
    #[inline(always)]
    fn check<L: Level<Format = F>>(&self, f: F, w: WordOf<L>, live: bool) -> Result<(), Unencodable> {
        let _ = (f, w, live);
        Ok(())
    }

    /// Says why the edit is not for leaves below the table word `w`.
    #[inline(always)]
    fn check_below<L: Level<Format = F>>(&self, f: F, w: WordOf<L>) -> Result<(), Unencodable> {
        let _ = (f, w);
        Ok(())
    }

    /// Whether every leaf at level `L` can say what it is to be changed to. If not, every leaf is looked at before
    /// anything is changed.
    fn can_say<L: Level<Format = F>>(&self, f: F) -> bool;

    /// Whether every leaf at level `L` is one still once it is changed.
    #[inline(always)]
    fn fits<L: Level<Format = F>>(f: F) -> bool {
        Self::CLEARS || L::changes_fit(f)
    }

    /// The number of the first leaf among `slots` of which the change would make a word that the format forbids, or for
    /// which the edit is not. `live` as for [`check`](Self::check).
    #[inline]
    fn misfit<L: Level<Format = F>>(
        &self,
        f: F,
        slots: &Slots<'_, L>,
        live: bool,
    ) -> Result<Option<usize>, Unencodable> {
        let _ = live;
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

/// What an edit makes of what it meets: what the clients' policies come to. Those are types of their own, so that each
/// operation can be told just what it knows, and says in its own words what that means.
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
        let Context { memory, frames, tlb } = cx;
        let Target { f, reach, .. } = target;
        let Some(span) = target.span_to_change::<L, M>(memory, range)? else { return Ok(Unflushed::nothing(f)) };
        check_aligned(f, span, all_sizes::<L>(f).smallest().unwrap_or(0))?;
        let job = Job::new::<L>(&target, &*memory, edit, policy).with_instruction(T::EXCHANGES);
        let Progress { garbage, touched } = job.run(Table::<L>::at(target.root), span, frames, tlb)?;
        let request = touched.request(f, reach, job.way == Way::Lazy);
        Ok(Unflushed::new(f, request, garbage, place))
    }
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
