//! Changing attributes.

use crate::address::VaRange;
use crate::alarm::Place;
use crate::context::Context;
use crate::engine::edit::{Edit, EditAt, Policy};
use crate::error::Error;
use crate::flush::{Tlb, Unflushed};
use crate::format::{Access, Attributes, Change, ChangeKind, Format, Level, Unencodable, Way, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::operations::unmap::{Holes, Partial, Tables};
use crate::range_mut::RangeMut;
use crate::tables::table::{Slot, Slots};
use crate::tables::word::Word;

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

    pub(crate) const fn policy(self) -> Policy {
        Policy { holes: self.holes, partial: self.partial, tables: Tables::Keep }
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
pub(crate) struct Patch<'a, F: Format>(pub(crate) &'a F::Change);

impl<F: Format> Edit<F> for Patch<'_, F> {
    const KIND: ChangeKind = ChangeKind::Other;

    #[inline]
    fn way(&self, f: F) -> Way {
        f.way_of(self.0)
    }

    fn kind(&self, f: F) -> ChangeKind {
        kind_of(f, self.0)
    }

    #[inline]
    fn change<L: Level<Format = F>>(&self, f: F, w: WordOf<L>) -> Result<WordOf<L>, Unencodable> {
        Ok(L::apply(f, &L::patch(f, self.0)?, w))
    }

    #[inline]
    fn check_below<L: Level<Format = F>>(&self, f: F, w: WordOf<L>) -> Result<(), Unencodable> {
        L::changes_below(f, w, self.0).map(drop)
    }

    #[inline]
    fn can_say<L: Level<Format = F>>(&self, f: F) -> bool {
        L::patch(f, self.0).is_ok()
    }

    #[inline]
    fn misfit<L: Level<Format = F>>(
        &self,
        f: F,
        slots: &Slots<'_, L>,
        _live: bool,
    ) -> Result<Option<usize>, Unencodable> {
        if L::changes_fit(f) {
            return Ok(None);
        }
        let patch = match L::patch(f, self.0) {
            Ok(patch) => patch,
            // Who is not there need not say anything.
            Err(_) if slots.find(|w| L::is_leaf(f, w)).is_none() => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(slots.find(|w| L::is_leaf(f, w) & !L::is_leaf(f, L::apply(f, &patch, w))))
    }

    #[inline]
    fn change_one<L: Level<Format = F>>(&self, f: F, slot: &Slot<'_, L>, live: bool) -> Result<bool, Error> {
        let w = slot.get();
        if !L::is_leaf(f, w) {
            return Ok(false);
        }
        let patch = L::patch(f, self.0)?;
        if L::apply(f, &patch, w) == w {
            return Ok(false);
        }
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
    ) -> Result<Option<(usize, usize)>, Error> {
        let patch = match L::patch(f, self.0) {
            Ok(patch) => patch,
            // Who is not there need not say anything.
            Err(_) if slots.find(|w| L::is_leaf(f, w)).is_none() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (is_leaf, apply) = (|w| L::is_leaf(f, w), |w| L::apply(f, &patch, w));
        let differs = |w| (all || is_leaf(w)) & (apply(w) != w);
        let Some(first) = slots.find(differs) else { return Ok(None) };
        let last = slots.find_last(differs).unwrap_or(first);
        let slots = slots.stretch(first, last);
        match (live && L::hardware(f) != F::Word::ZERO, all) {
            (false, true) => slots.change_all::<false>(|_| true, apply),
            (false, false) => slots.change_all::<false>(is_leaf, apply),
            (true, true) => slots.change_all::<true>(|_| true, apply),
            (true, false) => slots.change_all::<true>(is_leaf, apply),
        }
        Ok(Some((first, last)))
    }
}

/// Of what `change` does, the first thing that is as strict as all of it. If that cannot be told by names, what it would
/// have to be.
#[cold]
fn kind_of<F: Format>(f: F, change: &F::Change) -> ChangeKind {
    let way = f.way_of(change);
    let named = (0..F::Attributes::FIELDS.len()).filter_map(|index| kind_of_attribute::<F>(change, index));
    let others =
        [ChangeKind::MemoryType, ChangeKind::Global, ChangeKind::Output, ChangeKind::Restrict, ChangeKind::Relax];
    named.chain(others).find(|&kind| f.way(kind) == way).unwrap_or(ChangeKind::Other)
}

/// What `change` does to an attribute, if anything.
fn kind_of_attribute<F: Format>(change: &F::Change, index: usize) -> Option<ChangeKind> {
    let with = |value| {
        let mut attributes = F::Attributes::preset(true, true, true);
        attributes.set(index, value);
        attributes
    };
    let to = change.revise(&with(0)).get(index);
    if change.revise(&with(1)).get(index) != to {
        return None;
    }
    let rights = |attributes: F::Attributes| {
        let accesses = [Access::Read, Access::Write, Access::Execute];
        let allowed = |user| accesses.into_iter().filter(|&access| attributes.permits(access, user)).count();
        allowed(false) + allowed(true)
    };
    Some(match (F::Attributes::FIELDS[index].name, rights(with(to)), rights(with(1 - to.min(1)))) {
        ("secure", ..) => ChangeKind::Output,
        ("memory_type", ..) => ChangeKind::MemoryType,
        ("global", ..) => ChangeKind::Global,
        (_, to, from) if to > from => ChangeKind::Relax,
        (_, to, from) if to < from => ChangeKind::Restrict,
        _ => ChangeKind::Other,
    })
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
        let (target, place, policy) = (self.target, Place::of_caller(), policy.policy());
        target.f.root(EditAt { target, place, cx, range: range.into(), edit: Patch::<F>(change), policy })
    }
}
