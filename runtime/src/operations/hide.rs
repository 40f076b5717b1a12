//! Taking leaves away from the machine so that they can come back as they were.
//!
//! A hidden leaf is an absent word that keeps what the leaf said: what absent words have for the client is the leaf's,
//! the rest is as in an empty slot. So to show it again takes nothing but the word: no memory, and no knowledge of what it
//! was. All of it comes back, what the machine had recorded and software's bits included.

use crate::address::VaRange;
use crate::alarm::Place;
use crate::context::Context;
use crate::engine::edit::{Edit, EditAt, Policy};
use crate::error::Error;
use crate::flush::{Tlb, Unflushed};
use crate::format::{Attributes, AttributesOf, ChangeKind, Format, Level, Unencodable, WordOf};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::operations::unmap::{Holes, Partial, Tables};
use crate::range_mut::RangeMut;
use crate::tables::table::Slots;
use crate::tables::word::Word;

/// How to hide leaves and to show them again.
///
/// ```
/// use ptgen::{Hide, Holes, Partial};
///
/// assert_eq!(Hide::everything(), Hide { holes: Holes::Skip, partial: Partial::Split });
/// assert_eq!(Hide::mapped().no_split(), Hide { holes: Holes::Refuse, partial: Partial::Refuse });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hide {
    /// What holes mean: where nothing is mapped that can be hidden, or nothing is hidden that can be shown.
    pub holes: Holes,
    /// What leaves mean that are partly in the range.
    pub partial: Partial,
}

impl Hide {
    /// Whatever is there: holes do not matter, leaves are split.
    #[must_use]
    pub const fn everything() -> Self {
        Self { holes: Holes::Skip, partial: Partial::Split }
    }

    /// What is there without a hole: a hole is an error, leaves are split.
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

impl Default for Hide {
    /// [`Hide::everything`].
    fn default() -> Self {
        Self::everything()
    }
}

impl<F: Format> RangeMut<'_, F> {
    /// Hides the leaves in `range`: they translate nothing any more, and [`show`](Self::show) brings them back with every
    /// bit they had. For whoever looks at the tables meanwhile there is a hole. A leaf that is partly in `range` is split,
    /// if the policy lets it be; hide a large leaf as a whole, and nothing is split.
    ///
    /// An absent word of the client's is a hole here, and stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Hole`] if nothing is mapped somewhere and the policy refuses that; [`Error::Unencodable`] if absent words
    /// of the format have no room for all that a leaf says; otherwise [`Error`] says what the policy or the format
    /// forbids. Nothing has been changed then.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn hide<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        policy: Hide,
    ) -> Result<Unflushed<F>, Error> {
        let (target, place, policy) = (self.target, Place::of_caller(), policy.policy());
        target.f.root(EditAt { target, place, cx, range: range.into(), edit: Hiding, policy })
    }

    /// Shows the leaves in `range` that [`hide`](Self::hide) has hidden: every word is what it was. Takes a frame only
    /// where a part of a large leaf is shown that was hidden as a whole.
    ///
    /// Every absent word is taken for a hidden leaf that keeps what a leaf would say: a client that keeps something of
    /// its own in absent words must not call this for them.
    ///
    /// # Errors
    ///
    /// [`Error::Hole`] if nothing is hidden somewhere and the policy refuses that, otherwise [`Error`] says what the
    /// policy or the format forbids. Nothing has been changed then.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn show<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        policy: Hide,
    ) -> Result<Unflushed<F>, Error> {
        let (target, place, policy) = (self.target, Place::of_caller(), policy.policy());
        target.f.root(EditAt { target, place, cx, range: range.into(), edit: Showing, policy })
    }
}

/// The absent word that keeps the leaf word `w`.
#[inline(always)]
fn hidden<L: Level>(f: L::Format, w: WordOf<L>) -> WordOf<L> {
    let kept = L::payload_mask(f);
    w & kept | L::vacant(f) & !kept
}

/// The leaf word that the absent word `w` keeps, if it does.
#[inline]
fn shown<L: Level>(f: L::Format, w: WordOf<L>) -> Option<WordOf<L>> {
    if !L::is_absent(f, w) || L::is_empty(f, w) {
        return None;
    }
    let kept = L::payload_mask(f);
    let leaf = w & kept | fixed::<L>(f)? & !kept;
    (L::is_leaf(f, leaf) && hidden::<L>(f, leaf) == w).then_some(leaf)
}

/// What leaf words have where absent words have nothing for the client.
#[inline]
fn fixed<L: Level>(f: L::Format) -> Option<WordOf<L>> {
    let others = !L::payload_mask(f);
    let number: u64 = others.into();
    if number.count_ones() == 1 {
        // The one bit by which a leaf differs from an absent word.
        return Some(!L::vacant(f) & others);
    }
    let smallest = L::leaf_sizes(f).smallest()?;
    [AttributesOf::<L>::kernel_data(), AttributesOf::<L>::default()]
        .iter()
        .find_map(|attributes| L::template(f, attributes, smallest).ok())
}

/// Whether the leaf word `w` comes back when it has been hidden.
#[inline]
fn comes_back<L: Level>(f: L::Format, w: WordOf<L>) -> bool {
    shown::<L>(f, hidden::<L>(f, w)) == Some(w)
}

/// Whether the leaf word `w` comes back when it has been hidden, whatever the machine records in it until then if that is
/// `live`.
#[inline]
fn is_kept<L: Level>(f: L::Format, w: WordOf<L>, live: bool) -> bool {
    let recorded = w ^ (w ^ L::hardware_done(f)) & L::hardware(f);
    comes_back::<L>(f, w) && (!live || comes_back::<L>(f, recorded))
}

/// Leaves become absent words that keep them.
#[derive(Clone, Copy)]
pub(crate) struct Hiding;

impl<F: Format> Edit<F> for Hiding {
    const KIND: ChangeKind = ChangeKind::Clear;
    const PUTS_ABSENT: bool = true;
    const CHECKS: bool = true;

    #[inline(always)]
    fn put<L: Level<Format = F>>(f: F, w: WordOf<L>) -> WordOf<L> {
        hidden::<L>(f, w)
    }

    #[inline(always)]
    fn change<L: Level<Format = F>>(&self, _f: F, w: WordOf<L>) -> Result<WordOf<L>, Unencodable> {
        Ok(w)
    }

    #[inline]
    fn check<L: Level<Format = F>>(&self, f: F, w: WordOf<L>, live: bool) -> Result<(), Unencodable> {
        if is_kept::<L>(f, w, live) { Ok(()) } else { Err(Unencodable { attribute: "absence" }) }
    }

    #[inline]
    fn can_say<L: Level<Format = F>>(&self, f: F) -> bool {
        L::payload_mask(f) != WordOf::<L>::ZERO
    }

    #[inline(always)]
    fn fits<L: Level<Format = F>>(_f: F) -> bool {
        // A leaf may say what an empty slot says.
        false
    }

    #[inline]
    fn misfit<L: Level<Format = F>>(
        &self,
        f: F,
        slots: &Slots<'_, L>,
        live: bool,
    ) -> Result<Option<usize>, Unencodable> {
        Ok(slots.find(|w| L::is_leaf(f, w) && !is_kept::<L>(f, w, live)))
    }
}

/// Absent words that keep leaves become these leaves.
#[derive(Clone, Copy)]
pub(crate) struct Showing;

impl<F: Format> Edit<F> for Showing {
    const KIND: ChangeKind = ChangeKind::Fill;
    const SEES_ABSENT: bool = true;

    #[inline(always)]
    fn sees<L: Level<Format = F>>(f: F, w: WordOf<L>) -> Option<WordOf<L>> {
        shown::<L>(f, w)
    }

    #[inline(always)]
    fn keep<L: Level<Format = F>>(f: F, w: WordOf<L>) -> WordOf<L> {
        hidden::<L>(f, w)
    }

    #[inline(always)]
    fn can_keep<L: Level<Format = F>>(f: F, w: WordOf<L>) -> bool {
        comes_back::<L>(f, w)
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
