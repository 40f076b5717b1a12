//! How many frames any operations in a range can need.

use crate::address::VaRange;
use crate::alarm::Place;
use crate::context::Context;
use crate::engine::ownership::is_foreign;
use crate::engine::reserve::{Need, Reserve};
use crate::error::{Error, MemoryError};
use crate::format::{Format, Level, RootVisitor};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::operations::reservation::Reservation;
use crate::range_mut::{RangeMut, Target};
use crate::tables::span::{Span, all_sizes, check_aligned, index, slot_last};
use crate::tables::table::{Slots, Table};
use crate::tree::Tree;

/// What operations to be ready for.
///
/// ```
/// use ptgen::Prepare;
///
/// assert_eq!(Prepare::changes(12), Prepare { leaves: 12, holes: false });
/// assert_eq!(Prepare::changes(21).and_maps(), Prepare { leaves: 21, holes: true });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prepare {
    /// lg2 of the size of the smallest leaves that operations may make, in bytes; their ranges start and end at multiples
    /// of it.
    pub leaves: u32,
    /// Whether operations may map what is not mapped.
    pub holes: bool,
}

impl Prepare {
    /// Changes of what is mapped (protect, unmap, hide, show, split) down to leaves of `2^leaves` bytes.
    #[must_use]
    pub const fn changes(leaves: u32) -> Self {
        Self { leaves, holes: false }
    }

    /// And maps of leaves of such sizes into what is not mapped.
    #[must_use]
    pub const fn and_maps(self) -> Self {
        Self { holes: true, ..self }
    }
}

impl<F: Format> RangeMut<'_, F> {
    /// Takes the frames that any operations in `range` can need, however many and wherever in it: for where nothing may
    /// be allocated. `what` says which operations.
    ///
    /// The operations are given a context [with the reservation](Context::with_frames) instead of frames, and flush with
    /// it as well, so that tables that went are at hand again. Then none of them fails for want of frames, as long as no
    /// other context is used in the range: what is taken is just what the range, as it stands, takes at most, a table for
    /// each slot in it that is larger than the smallest leaf and has none. That is what happens if each smallest leaf is
    /// treated differently; splitting off one stretch takes two tables of each level but the root's, or less.
    ///
    /// ```
    /// use ptgen::{Arena, Attributes, Context, Error, Format, Leaves, NoTlb, Prepare, Protect, Tree};
    ///
    /// fn example<F: Format<Word = u64>>(f: F, change: &F::Change) -> Result<(), Error> {
    ///     let mut words = vec![0_u64; 64 * 512];
    ///     let arena = Arena::new(0x10_0000, &mut words);
    ///     let mut cx = Context::new(&arena, &arena, NoTlb);
    ///     let mut tree = Tree::new(&mut cx, f)?;
    ///     let attributes = F::Attributes::kernel_data();
    ///     tree.map(&mut cx, 0..0x40_0000_u64, 0, &attributes, Leaves::Largest)?.flush(&mut cx);
    ///
    ///     // Here one may sleep, or fail.
    ///     let mut reservation = tree.prepare(&mut cx, 0..0x20_0000_u64, Prepare::changes(12))?;
    ///     // Here one may not.
    ///     let mut prepared = cx.with_frames(&mut reservation);
    ///     tree.protect(&mut prepared, 0x1000..0x3000_u64, change, Protect::everything())?.flush(&mut prepared);
    ///     // Here, again, one may.
    ///     reservation.release(&mut cx.frames);
    ///     tree.free(&mut cx)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchSize`] if the format has no leaves of `what.leaves`, [`Error::Misaligned`] if the range does not
    /// start and end at multiples of it, [`Error::OutOfFrames`], [`Error::Memory`], and what is wrong with the range.
    /// Nothing is taken then.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn prepare<M: Memory + Clone, A: Frames, T>(
        &self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        what: Prepare,
    ) -> Result<Reservation<F, M>, Error> {
        let f = self.target.f;
        let place = Place::of_caller();
        let need = f.root(Count { target: &self.target, memory: &cx.memory, range: range.into(), what })?;
        let reserve = Reserve::take_all(f, &cx.memory, &mut cx.frames, &need)?;
        Ok(Reservation::new(f, cx.memory.clone(), reserve, place))
    }
}

impl<F: Format> Tree<F> {
    /// [`RangeMut::prepare`] in all that the tables can translate, which says what it does.
    ///
    /// # Errors
    ///
    /// As there; nothing is taken then.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn prepare<M: Memory + Clone, A: Frames, T>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        what: Prepare,
    ) -> Result<Reservation<F, M>, Error> {
        self.range_mut().prepare(cx, range, what)
    }
}

/// What operations below a root can need.
struct Count<'a, F, M> {
    target: &'a Target<F>,
    memory: &'a M,
    range: VaRange,
    what: Prepare,
}

impl<F: Format, M: Memory> RootVisitor<F> for Count<'_, F, M> {
    type Output = Result<Need, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let Self { target, memory, range, what } = self;
        let mut need = Need::default();
        if !all_sizes::<L>(target.f).has(what.leaves) {
            return Err(Error::NoSuchSize { lg2: what.leaves });
        }
        let Some(span) = target.span_to_change::<L, M>(memory, range)? else { return Ok(need) };
        check_aligned(target.f, span, what.leaves)?;
        memory.begin();
        count(target.f, memory, what, Table::<L>::at(target.root), span, &mut need)?;
        Ok(need)
    }
}

/// Counts the tables that there may be in `span` of `table` one day and are not there.
fn count<L: Level, M: Memory>(
    f: L::Format,
    memory: &M,
    what: Prepare,
    table: Table<L>,
    span: Span,
    need: &mut Need,
) -> Result<(), MemoryError> {
    if !L::HAS_TABLES || L::shift(f) <= what.leaves {
        return Ok(());
    }
    let mut at = Some(span.first);
    while let Some(first) = at {
        let child = table.open(f, memory, |slots| count_slots(f, &slots, what, &mut at, span, need))?;
        if let Some(child) = child {
            let below =
                Span { first: at.unwrap_or(first), last: slot_last::<L>(f, at.unwrap_or(first)).min(span.last) };
            count::<L::Below, M>(f, memory, what, child, below, need)?;
            at = (below.last < span.last).then(|| below.last + 1);
        }
    }
    Ok(())
}

/// Counts for the slots from `at` to the next one that has a table, or to the end.
fn count_slots<L: Level>(
    f: L::Format,
    slots: &Slots<'_, L>,
    what: Prepare,
    at: &mut Option<u64>,
    span: Span,
    need: &mut Need,
) -> Option<Table<L::Below>> {
    while let Some(first) = *at {
        let w = slots.get_acquire(index::<L>(f, first));
        if L::is_table(f, w) {
            if !is_foreign::<L>(f, w) {
                return Some(Table::below::<L>(f, w));
            }
        } else {
            // An absent word that carries something may be a leaf that is hidden.
            let is_leaf = L::is_leaf(f, w);
            let is_hidden = L::is_absent(f, w) && !L::is_empty(f, w) && !L::leaf_sizes(f).is_empty();
            if what.holes || is_leaf || is_hidden {
                count_below::<L>(f, what.leaves, Span { first, last: slot_last::<L>(f, first).min(span.last) }, need);
            }
        }
        let end = slot_last::<L>(f, first);
        *at = (end < span.last).then(|| end + 1);
    }
    None
}

/// Counts all tables below a slot of level `L` that has none, those for `part` of it: one for each slot that is larger
/// than `2^leaves` bytes.
pub(crate) fn count_below<L: Level>(f: L::Format, leaves: u32, part: Span, need: &mut Need) {
    let shift = L::shift(f);
    if L::HAS_TABLES && shift > leaves {
        need.add::<L::Below>((part.last >> shift) - (part.first >> shift) + 1);
        count_below::<L::Below>(f, leaves, part, need);
    }
}
