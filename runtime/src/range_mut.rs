//! The right to change what a range of VA is translated to, and to divide it among threads.

use core::fmt;
use core::marker::PhantomData;

use crate::address::{Oa, Va, VaRange};
use crate::error::Error;
use crate::flush::{FlushRequest, Scope};
use crate::format::{Format, Level, RootVisitor, Sizes};
use crate::memory::Memory;
use crate::tables::skips::refuse_skips;
use crate::tables::span::{Span, all_sizes, low, span, va, va_range, whole};
use crate::tree::{Tree, Use};

/// The exclusive right to change what a range of VA is translated to. The operations on tables are its methods, one file
/// each.
///
/// [`Tree::range_mut`] hands out all that the tables translate, [`split_at`](Self::split_at) makes two of one, which
/// different threads may use at once, as with slices. Tables above both are installed by compare-and-exchange. A table
/// is unlinked only through a range that covers all of it.
///
/// The range can be [looked at](Self::translate) meanwhile, for what others change at the same time is elsewhere. A leaf
/// that reaches beyond the range is shared with whoever has the neighbouring one: if either changes a part of it, it is
/// split, and where the format lets a leaf change its size only by way of absent ([`Use::Elsewhere`](crate::Use::Elsewhere))
/// the other may find it gone for a moment.
///
/// ```
/// # use ptgen::{Arena, Context, NoTlb, Tree, Error, Format};
/// fn halves<F: Format>(tree: &mut Tree<F>, middle: u64) -> Result<(), Error> {
///     let (lower, upper) = tree.range_mut().split_at(middle)?;
///     assert_eq!(upper.range().start().get(), middle);
///     assert!(lower.split_at(middle).is_err());
///     Ok(())
/// }
/// ```
pub struct RangeMut<'t, F: Format> {
    pub(crate) target: Target<F>,
    tree: PhantomData<&'t mut Tree<F>>,
}

/// Tables and what may be done to them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<F> {
    pub(crate) f: F,
    pub(crate) root: Oa,
    pub(crate) reach: Reach,
    /// The positions that may be changed.
    own: Span,
}

/// Who may be walking the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    pub(crate) used: Use,
    pub(crate) space: Option<u32>,
    pub(crate) scope: Scope,
}

impl Reach {
    /// Whether machines may be walking the tables.
    #[inline]
    pub(crate) const fn is_live(self) -> bool {
        !matches!(self.used, Use::Offline)
    }

    /// Whether a live entry may go through absent.
    #[inline]
    pub(crate) const fn may_break(self) -> bool {
        matches!(self.used, Use::Elsewhere)
    }

    /// The request for what was done to leaves of `leaf_sizes`, and to tables if `tables`.
    pub(crate) fn request<F: Format>(self, f: F, range: VaRange, leaf_sizes: Sizes, tables: bool) -> FlushRequest {
        let Self { space, scope, .. } = self;
        FlushRequest { tables, global: f.has_global(), space, scope, ..FlushRequest::new(range, leaf_sizes) }
    }
}

impl<F: Format> Target<F> {
    /// All that the tables at `root` translate.
    pub(crate) const fn everything(f: F, root: Oa, reach: Reach) -> Self {
        Self { f, root, reach, own: Span { first: 0, last: u64::MAX } }
    }

    /// The positions of `range` under a root of level `L`; `None` if it is empty.
    #[inline]
    pub(crate) fn span<L: Level<Format = F>>(&self, range: VaRange) -> Result<Option<Span>, Error> {
        let span = span::<L>(self.f, range)?;
        match span {
            Some(Span { first, last }) if first < self.own.first || last > self.own.last => {
                Err(Error::NotInRange { range })
            }
            _ => Ok(span),
        }
    }

    /// The same, for a change: no pointer in it skips levels.
    #[inline]
    pub(crate) fn span_to_change<L: Level<Format = F>, M: Memory>(
        &self,
        memory: &M,
        range: VaRange,
    ) -> Result<Option<Span>, Error> {
        let span = self.span::<L>(range)?;
        if let Some(span) = span {
            refuse_skips::<L, M>(self.f, memory, self.root, span)?;
        }
        Ok(span)
    }

    /// Whether all of `span` may be changed.
    #[inline]
    pub(crate) const fn owns(&self, span: Span) -> bool {
        span.first >= self.own.first && span.last <= self.own.last
    }
}

impl<F: Format> RangeMut<'_, F> {
    pub(crate) const fn new(target: Target<F>) -> Self {
        Self { target, tree: PhantomData }
    }

    /// The format.
    #[inline]
    pub const fn format(&self) -> F {
        self.target.f
    }

    /// Where the root is.
    #[inline]
    pub const fn root(&self) -> Oa {
        self.target.root
    }

    /// The VA.
    pub fn range(&self) -> VaRange {
        self.target.f.root(Owned(&self.target))
    }

    /// What is below `va`, and `va` and up.
    ///
    /// # Errors
    ///
    /// [`Error::NotInRange`] if `va` is not inside the range, or is its start, [`Error::NotCanonical`] if the tables do
    /// not translate it, [`Error::Misaligned`] if it is not a multiple of the smallest leaf.
    pub fn split_at(self, va: impl Into<Va>) -> Result<(Self, Self), Error> {
        let at = self.target.f.root(PositionIn { target: &self.target, va: va.into() })?;
        let Span { first, last } = self.target.own;
        let part = |own| Self::new(Target { own, ..self.target });
        Ok((part(Span { first, last: at - 1 }), part(Span { first: at, last })))
    }

    /// The same right for a shorter time, to be divided.
    pub const fn reborrow(&mut self) -> RangeMut<'_, F> {
        RangeMut::new(self.target)
    }
}

impl<F: Format> fmt::Debug for RangeMut<'_, F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of {} at {}", self.range(), F::NAME, self.target.root)
    }
}

/// The VA that a target owns.
struct Owned<'a, F>(&'a Target<F>);

impl<F: Format> RootVisitor<F> for Owned<'_, F> {
    type Output = VaRange;

    fn visit<L: Level<Format = F>>(self) -> VaRange {
        let (f, all) = (self.0.f, whole::<L>(self.0.f));
        va_range(f, self.0.own.first, self.0.own.last.min(all.last))
    }
}

/// The position of an address at which a target can be divided.
struct PositionIn<'a, F> {
    target: &'a Target<F>,
    va: Va,
}

impl<F: Format> RootVisitor<F> for PositionIn<'_, F> {
    type Output = Result<u64, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let (f, own) = (self.target.f, self.target.own);
        let last = own.last.min(whole::<L>(f).last);
        let Some(Span { first: at, .. }) = span::<L>(f, VaRange::inclusive(self.va.get(), self.va.get()))? else {
            return Err(Error::NotCanonical { va: self.va });
        };
        let lg2 = all_sizes::<L>(f).smallest().unwrap_or(0);
        if at & low(lg2) != 0 {
            return Err(Error::Misaligned { address: self.va.get(), lg2 });
        }
        if at <= own.first || at > last {
            return Err(Error::NotInRange { range: VaRange::inclusive(va(f, at).get(), va(f, at).get()) });
        }
        Ok(at)
    }
}
