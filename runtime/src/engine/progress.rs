//! What a change has done: what has to be flushed for it, and which tables it has left over.

use crate::engine::garbage::Garbage;
use crate::flush::FlushRequest;
use crate::format::{Format, Level, Sizes};
use crate::range_mut::Reach;
use crate::tables::span::{Span, all_sizes, va_range};

/// The hull of what was changed, and what it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Touched {
    /// From the first position to the last; nothing if the first is behind the last.
    hull: Span,
    /// The sizes of the leaves at the levels where leaves were changed.
    sizes: Sizes,
    /// Whether words that point to tables were.
    tables: bool,
}

impl Touched {
    /// Nothing.
    pub(crate) const NOTHING: Self = Self { hull: Span { first: u64::MAX, last: 0 }, sizes: Sizes(0), tables: false };

    /// Leaves of level `L` in `span` were changed.
    #[inline(always)]
    pub(crate) fn leaves<L: Level>(&mut self, f: L::Format, span: Span) {
        self.hull = Span { first: self.hull.first.min(span.first), last: self.hull.last.max(span.last) };
        self.sizes = self.sizes.or(L::leaf_sizes(f));
    }

    /// A leaf of level `L` became a table or the other way round.
    pub(crate) fn size<L: Level>(&mut self, f: L::Format, span: Span) {
        self.leaves::<L>(f, span);
        self.tables = true;
    }

    /// A table of level `L`, which translated `span`, was unlinked with all that is in it.
    pub(crate) fn subtree<L: Level>(&mut self, f: L::Format, span: Span) {
        self.leaves::<L>(f, span);
        self.sizes = self.sizes.or(all_sizes::<L>(f));
        self.tables = true;
    }

    /// A table that held nothing any more was unlinked from a word that translates `span`, or a part of it.
    pub(crate) fn emptied(&mut self, span: Span) {
        self.hull = Span { first: self.hull.first.min(span.first), last: self.hull.last.max(span.last) };
        self.tables = true;
    }

    /// All of `span`, where nothing was, has been filled with leaves of `sizes`, with new tables if `has_tables`.
    pub(crate) fn filled(&mut self, span: Span, sizes: Sizes, has_tables: bool) {
        self.hull = span;
        self.sizes = self.sizes.or(sizes);
        self.tables |= has_tables;
    }

    /// The request for it; none if nothing was changed that has to be flushed. `lazily` if changes of leaves need none.
    #[inline]
    pub(crate) fn request<F: Format>(&self, f: F, reach: Reach, lazily: bool) -> Option<FlushRequest> {
        let Self { hull, sizes, tables } = *self;
        let is_nothing = hull.first > hull.last || lazily && !tables;
        (reach.is_live() && !is_nothing).then(|| reach.request(f, va_range(f, hull.first, hull.last), sizes, tables))
    }
}

/// What a commit leaves.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) garbage: Garbage,
    pub(crate) touched: Touched,
}

impl Progress {
    /// Nothing was done yet.
    pub(crate) const NOTHING: Self = Self { garbage: Garbage::NONE, touched: Touched::NOTHING };
}
