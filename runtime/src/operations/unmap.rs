//! Removing translations.

use crate::address::VaRange;
use crate::alarm::Place;
use crate::context::Context;
use crate::engine::edit::{Edit, EditAt, Policy};
use crate::error::Error;
use crate::flush::{Tlb, Unflushed};
use crate::format::{ChangeKind, Format, Level, Unencodable, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::range_mut::RangeMut;
use crate::tables::table::{Slot, Slots};

/// What a hole in the range means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holes {
    /// Nothing.
    Skip,
    /// That the operation is refused.
    Refuse,
}

/// What a leaf means of which only a part is in the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Partial {
    /// It is split, and the part changed.
    Split,
    /// The operation is refused.
    Refuse,
}

/// What happens to tables that hold nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tables {
    /// They are unlinked, and given back after the flush.
    Free,
    /// They stay, for what is mapped there next.
    Keep,
}

/// How to unmap.
///
/// ```
/// use ptgen::{Holes, Partial, Tables, Unmap};
///
/// assert_eq!(Unmap::everything(), Unmap { holes: Holes::Skip, partial: Partial::Split, tables: Tables::Free });
/// assert_eq!(Unmap::mapped().no_split().keep_tables().partial, Partial::Refuse);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unmap {
    /// What holes mean.
    pub holes: Holes,
    /// What leaves mean that are partly in the range.
    pub partial: Partial,
    /// What happens to emptied tables.
    pub tables: Tables,
}

impl Unmap {
    /// Whatever is there: holes do not matter, leaves are split, emptied tables are given back.
    #[must_use]
    pub const fn everything() -> Self {
        Self { holes: Holes::Skip, partial: Partial::Split, tables: Tables::Free }
    }

    /// What is mapped without a hole: a hole is an error, leaves are split, emptied tables are given back.
    #[must_use]
    pub const fn mapped() -> Self {
        Self { holes: Holes::Refuse, ..Self::everything() }
    }

    /// But no leaf is split.
    #[must_use]
    pub const fn no_split(self) -> Self {
        Self { partial: Partial::Refuse, ..self }
    }

    /// But tables stay.
    #[must_use]
    pub const fn keep_tables(self) -> Self {
        Self { tables: Tables::Keep, ..self }
    }

    pub(crate) const fn policy(self) -> Policy {
        Policy { holes: self.holes, partial: self.partial, tables: self.tables }
    }
}

impl Default for Unmap {
    /// [`Unmap::everything`].
    fn default() -> Self {
        Self::everything()
    }
}

/// Leaves go.
#[derive(Clone, Copy)]
pub(crate) struct Clear;

impl<F: Format> Edit<F> for Clear {
    const KIND: ChangeKind = ChangeKind::Clear;
    const CLEARS: bool = true;

    #[inline(always)]
    fn can_say<L: Level<Format = F>>(&self, _f: F) -> bool {
        true
    }

    #[inline(always)]
    fn misfit<L: Level<Format = F>>(
        &self,
        _f: F,
        _slots: &Slots<'_, L>,
        _live: bool,
    ) -> Result<Option<usize>, Unencodable> {
        Ok(None)
    }

    #[inline(always)]
    fn change<L: Level<Format = F>>(&self, f: F, _w: WordOf<L>) -> Result<WordOf<L>, Unencodable> {
        Ok(L::empty(f))
    }

    #[inline(always)]
    fn change_one<L: Level<Format = F>>(&self, f: F, slot: &Slot<'_, L>, _live: bool) -> Result<bool, Error> {
        let w = slot.get();
        if L::is_empty(f, w) {
            return Ok(false);
        }
        slot.set(L::empty(f));
        // What was absent already is in no TLB.
        Ok(!L::is_absent(f, w))
    }

    #[inline]
    fn change_all<L: Level<Format = F>>(
        &self,
        f: F,
        slots: &Slots<'_, L>,
        _live: bool,
        _all: bool,
    ) -> Result<Option<(usize, usize)>, Error> {
        let Some(first) = slots.find(|w| !L::is_empty(f, w)) else { return Ok(None) };
        // What is absent already is in no TLB.
        let changed = slots.find(|w| !L::is_absent(f, w));
        let last = changed.and_then(|_| slots.find_last(|w| !L::is_absent(f, w)));
        let empty = L::empty(f);
        slots.stretch(first, slots.len() - 1).set_all(|_| empty);
        Ok(changed.zip(last))
    }
}

impl<F: Format> RangeMut<'_, F> {
    /// Empties `range`: leaves, and absent words that carry something of the client's.
    ///
    /// # Errors
    ///
    /// [`Error`] says what `policy` or the format forbids; nothing has been changed then.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn unmap<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        policy: Unmap,
    ) -> Result<Unflushed<F>, Error> {
        let (target, place, policy) = (self.target, Place::of_caller(), policy.policy());
        target.f.root(EditAt { target, place, cx, range: range.into(), edit: Clear, policy })
    }
}
