//! Looking at tables beside whoever changes them.

#![expect(unsafe_code, reason = "the claim that tables which a reader may see are not given back")]

use core::fmt;

use crate::address::{Oa, Va, VaRange};
use crate::error::Fault;
use crate::format::Format;
use crate::memory::Memory;
use crate::reading::translate::Mapping;
use crate::reading::walk::Visitor;
use crate::tlb::{Inside, ReaderSlot, Readers};
use crate::tree::Tree;

/// The right to look at the tables of a root beside whoever changes them. It can be copied and sent to other threads.
///
/// Made by [`Tree::reader`]. [`enter`](Self::enter) gives a [`Reading`], through which tables are looked at.
pub struct Reader<'r, F, S> {
    readers: &'r Readers<S>,
    format: F,
    root: Oa,
}

impl<F: Format> Tree<F> {
    /// The right to look at the tables beside whoever changes them, for those who come in at `readers`.
    ///
    /// # Safety
    ///
    /// For as long as the value or a copy of it is used:
    ///
    /// 1. tables of this root are given back only in contexts whose [`Tlb`](crate::Tlb) waits for `readers`, as a
    ///    [`WithReaders`](crate::WithReaders) does; and
    /// 2. the root is not given back: [`Tree::free`] is called only after the last use; and
    /// 3. it is used only with memories of which the claim of [`Tree::from_root`] holds, but that others change the
    ///    tables.
    ///
    /// Or: it is used only with memories that check every address ([`Guest`](crate::Guest), [`Arena`](crate::Arena)).
    pub const unsafe fn reader<'r, S>(&self, readers: &'r Readers<S>) -> Reader<'r, F, S> {
        Reader { readers, format: self.format(), root: self.root() }
    }
}

impl<'r, F: Format, S: AsRef<[ReaderSlot]>> Reader<'r, F, S> {
    /// Comes in at slot `slot`. `None` if there is no such slot.
    ///
    /// Tables are not given back before the value is dropped, so it should not be kept for long, and nobody may wait for
    /// readers who has one.
    #[inline]
    pub fn enter(&self, slot: usize) -> Option<Reading<'r, F>> {
        let inside = self.readers.enter(slot)?;
        // SAFETY: those that this value is looked at through are vouched for by the caller of `Tree::reader`: whoever is
        // inside finds tables that have not been given back.
        let tree = unsafe { Tree::from_root(self.format, self.root) };
        Some(Reading { tree, inside })
    }
}

impl<F: Copy, S> Clone for Reader<'_, F, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: Copy, S> Copy for Reader<'_, F, S> {}

impl<F: Format, S> fmt::Debug for Reader<'_, F, S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "reader of {} at {}", F::NAME, self.root)
    }
}

/// A look at tables that somebody else may be changing: what is found was so at some time since the look began. A leaf
/// that somebody changes by way of absent may be found absent.
pub struct Reading<'r, F: Format> {
    tree: Tree<F>,
    inside: Inside<'r>,
}

impl<F: Format> Reading<'_, F> {
    /// What `va` is translated to: [`Tree::translate`].
    ///
    /// # Errors
    ///
    /// [`Fault`] if it is not.
    #[inline]
    pub fn translate<M: Memory>(&self, memory: &M, va: impl Into<Va>) -> Result<Oa, Fault> {
        self.tree.translate(memory, va)
    }

    /// The leaf that translates `va`: [`Tree::lookup`].
    ///
    /// # Errors
    ///
    /// [`Fault`] if there is none.
    #[inline]
    pub fn lookup<M: Memory>(&self, memory: &M, va: impl Into<Va>) -> Result<Mapping<F>, Fault> {
        self.tree.lookup(memory, va)
    }

    /// Shows `visitor` all there is in `range`, in order: [`Tree::walk`].
    ///
    /// # Errors
    ///
    /// [`Fault`] if a table cannot be reached, or if the tables do not translate the range.
    pub fn walk<M: Memory, V: Visitor<F>>(
        &self,
        memory: &M,
        range: impl Into<VaRange>,
        visitor: &mut V,
    ) -> Result<(), Fault> {
        self.tree.walk(memory, range, visitor)
    }

    /// Leaves. What dropping does, too.
    pub fn leave(self) {
        drop(self.inside);
    }
}

impl<F: Format> fmt::Debug for Reading<'_, F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "reading {:?}", self.tree)
    }
}
