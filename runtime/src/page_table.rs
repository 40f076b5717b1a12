//! For code that is written for every format.

use crate::address::{Oa, Va, VaRange};
use crate::context::Context;
use crate::error::{Error, Fault};
use crate::flush::{Tlb, Unflushed};
use crate::format::Format;
use crate::frames::Frames;
use crate::memory::Memory;
use crate::operations::map::Leaves;
use crate::operations::protect::Protect;
use crate::operations::unmap::Unmap;
use crate::operations::{Applied, Apply, Harvest, Hide, Join, Occupant, Records, Stopped};
use crate::reading::translate::Mapping;
use crate::reading::walk::Visitor;
use crate::tree::{Tree, Use};

/// Page tables of some format. The types that the attribute emits are ones, and so is [`Tree`].
///
/// ```
/// use ptgen::{Attributes, Context, Error, Format, Frames, Leaves, Memory, PageTable, Tlb};
///
/// /// Maps a stack with a guard page below it.
/// fn map_stack<P: PageTable, M: Memory, A: Frames, T: Tlb>(
///     table: &mut P,
///     cx: &mut Context<M, A, T>,
///     guard: u64,
///     oa: u64,
///     bytes: u64,
/// ) -> Result<(), Error> {
///     let attributes = <P::Format as Format>::Attributes::kernel_data();
///     let start = guard + 0x1000;
///     table.map(cx, start..start + bytes, oa, &attributes, Leaves::Largest)?.flush(cx);
///     Ok(())
/// }
/// ```
pub trait PageTable: Sized {
    /// The format.
    type Format: Format;

    /// The tables.
    fn tree(&self) -> &Tree<Self::Format>;

    /// The tables, to change them.
    fn tree_mut(&mut self) -> &mut Tree<Self::Format>;

    /// Makes it of tables.
    fn from_tree(tree: Tree<Self::Format>) -> Self;

    /// The tables it is made of.
    fn into_tree(self) -> Tree<Self::Format>;

    /// A new root with nothing in it: [`Tree::new`].
    ///
    /// # Errors
    ///
    /// [`Error::OutOfFrames`], [`Error::Memory`].
    fn new_in<M: Memory, A: Frames, T>(cx: &mut Context<M, A, T>, format: Self::Format) -> Result<Self, Error> {
        Tree::new(cx, format).map(Self::from_tree)
    }

    /// Where the root is: [`Tree::root`].
    fn root(&self) -> Oa {
        self.tree().root()
    }

    /// All VA that the tables can translate: [`Tree::range`].
    fn range(&self) -> VaRange {
        self.tree().range()
    }

    /// The parts of it without the addresses that are not canonical: [`Tree::ranges`].
    fn ranges(&self) -> impl Iterator<Item = VaRange> {
        self.tree().ranges()
    }

    /// Declares whether machines may be walking the tables from now on: [`Tree::set_use`].
    fn set_use(&mut self, used: Use) {
        self.tree_mut().set_use(used);
    }

    /// What `va` is translated to: [`Tree::translate`].
    ///
    /// # Errors
    ///
    /// [`Fault`] if it is not.
    #[inline]
    fn translate<M: Memory>(&self, memory: &M, va: impl Into<Va>) -> Result<Oa, Fault> {
        self.tree().translate(memory, va)
    }

    /// The leaf that translates `va`: [`Tree::lookup`].
    ///
    /// # Errors
    ///
    /// [`Fault`] if there is none.
    #[inline]
    fn lookup<M: Memory>(&self, memory: &M, va: impl Into<Va>) -> Result<Mapping<Self::Format>, Fault> {
        self.tree().lookup(memory, va)
    }

    /// Shows `visitor` all there is in `range`, in order: [`Tree::walk`].
    ///
    /// # Errors
    ///
    /// [`Fault`] if a table cannot be reached, or if the tables do not translate the range.
    fn walk<M: Memory, V: Visitor<Self::Format>>(
        &self,
        memory: &M,
        range: impl Into<VaRange>,
        visitor: &mut V,
    ) -> Result<(), Fault> {
        self.tree().walk(memory, range, visitor)
    }

    /// Translates `range` to `oa` and up: [`RangeMut::map`](crate::RangeMut::map).
    ///
    /// # Errors
    ///
    /// [`Error`] says what is in the way; nothing has been changed then.
    #[cfg_attr(debug_assertions, track_caller)]
    fn map<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        oa: impl Into<Oa>,
        attributes: &<Self::Format as Format>::Attributes,
        leaves: Leaves,
    ) -> Result<Unflushed<Self::Format>, Error> {
        self.tree_mut().map(cx, range, oa, attributes, leaves)
    }

    /// Empties `range`: [`RangeMut::unmap`](crate::RangeMut::unmap).
    ///
    /// # Errors
    ///
    /// [`Error`] says what `policy` or the format forbids; nothing has been changed then.
    #[cfg_attr(debug_assertions, track_caller)]
    fn unmap<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        policy: Unmap,
    ) -> Result<Unflushed<Self::Format>, Error> {
        self.tree_mut().unmap(cx, range, policy)
    }

    /// Changes what the leaves in `range` say: [`RangeMut::protect`](crate::RangeMut::protect).
    ///
    /// # Errors
    ///
    /// [`Error`] says what `policy` or the format forbids; nothing has been changed then.
    #[cfg_attr(debug_assertions, track_caller)]
    fn protect<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        change: &<Self::Format as Format>::Change,
        policy: Protect,
    ) -> Result<Unflushed<Self::Format>, Error> {
        self.tree_mut().protect(cx, range, change, policy)
    }

    /// Hides the leaves in `range`: [`RangeMut::hide`](crate::RangeMut::hide).
    ///
    /// # Errors
    ///
    /// [`Error`] says what `policy` or the format forbids; nothing has been changed then.
    #[cfg_attr(debug_assertions, track_caller)]
    fn hide<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        policy: Hide,
    ) -> Result<Unflushed<Self::Format>, Error> {
        self.tree_mut().hide(cx, range, policy)
    }

    /// Shows what was hidden in `range`: [`RangeMut::show`](crate::RangeMut::show).
    ///
    /// # Errors
    ///
    /// [`Error`] says what `policy` or the format forbids; nothing has been changed then.
    #[cfg_attr(debug_assertions, track_caller)]
    fn show<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        policy: Hide,
    ) -> Result<Unflushed<Self::Format>, Error> {
        self.tree_mut().show(cx, range, policy)
    }

    /// Splits the leaves in `range` until none is larger than `2^lg2` bytes: [`RangeMut::split`](crate::RangeMut::split).
    ///
    /// # Errors
    ///
    /// [`Error`] says what the format forbids; nothing has been changed then.
    #[cfg_attr(debug_assertions, track_caller)]
    fn split<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        lg2: u32,
    ) -> Result<Unflushed<Self::Format>, Error> {
        self.tree_mut().split(cx, range, lg2)
    }

    /// Joins the leaves in `range` into larger ones: [`RangeMut::join`](crate::RangeMut::join).
    ///
    /// # Errors
    ///
    /// [`Error`] says what the format forbids; no translation has been changed then.
    #[cfg_attr(debug_assertions, track_caller)]
    fn join<M: Memory, A: Frames, T: Tlb>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        policy: Join,
    ) -> Result<Unflushed<Self::Format>, Error> {
        self.tree_mut().join(cx, range, policy)
    }

    /// Shows `visitor` the leaves in `range` that have been used: [`RangeMut::harvest`](crate::RangeMut::harvest).
    ///
    /// # Errors
    ///
    /// [`Error`] says what is in the way.
    #[cfg_attr(debug_assertions, track_caller)]
    fn harvest<M: Memory, A: Frames, T: Tlb, V: FnMut(&Mapping<Self::Format>, Records)>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        policy: Harvest,
        visitor: V,
    ) -> Result<Unflushed<Self::Format>, Error> {
        self.tree_mut().harvest(cx, range, policy, visitor)
    }

    /// Calls `function` for the slots of `range`: [`RangeMut::apply`](crate::RangeMut::apply).
    ///
    /// # Errors
    ///
    /// [`Stopped`] says how far it got, and why no further.
    #[cfg_attr(debug_assertions, track_caller)]
    fn apply<M: Memory, A: Frames, T: Tlb, E, C>(
        &mut self,
        cx: &mut Context<M, A, T>,
        range: impl Into<VaRange>,
        policy: Apply,
        function: C,
    ) -> Result<Unflushed<Self::Format>, Stopped<Self::Format, E>>
    where
        C: FnMut(&Occupant<Self::Format>) -> Result<Applied<Self::Format>, E>,
    {
        self.tree_mut().apply(cx, range, policy, function)
    }

    /// Gives every table back: [`Tree::free`].
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if a table cannot be reached.
    fn free<M: Memory, A: Frames, T: Tlb>(self, cx: &mut Context<M, A, T>) -> Result<(), Error> {
        self.into_tree().free(cx)
    }
}

impl<F: Format> PageTable for Tree<F> {
    type Format = F;

    fn tree(&self) -> &Self {
        self
    }

    fn tree_mut(&mut self) -> &mut Self {
        self
    }

    fn from_tree(tree: Self) -> Self {
        tree
    }

    fn into_tree(self) -> Self {
        self
    }
}
