//! Tables from a root on down, and the operations on them.

use core::fmt;

use crate::address::{Oa, Va, VaRange};
use crate::context::Context;
use crate::engine::clean::clean_new;
use crate::engine::garbage::free_subtree;
use crate::engine::reserve::{Need, Reserve};
use crate::error::{Error, Fault};
use crate::flush::{Scope, Tlb};
use crate::format::{Format, Level, RootVisitor};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::range_mut::{RangeMut, Reach, Target};
use crate::reading::companion::CompanionOf;
use crate::reading::translate::{Lookup, Mapping, Translate};
use crate::reading::walk::{Visitor, Walk};
use crate::tables::span::{all_sizes, va_range, whole};
use crate::tables::table::Table;

/// Whether machines may be walking the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Use {
    /// No machine walks them, and no TLB holds anything of them: nothing needs a flush, every change is one store, and
    /// the machine records nothing meanwhile.
    Offline,
    /// A machine may walk them at any time, and what this processor does meanwhile may depend on any translation: a
    /// change that the format allows only by way of absent is refused.
    #[default]
    Live,
    /// A machine may walk them at any time, but nothing that this processor does to change them depends on what they
    /// translate: another processor's tables, a guest's, a device's, the user half. A change that the format allows only
    /// by way of absent is carried out so; accesses of others to it fault meanwhile, and have to be tried again.
    Elsewhere,
}

/// The tables of one root.
///
/// Operations are given the [`Context`] in which the tables live. It is always the same memory, and the same source of
/// frames. An operation that fails leaves every translation and every frame as it found them; only if the memory
/// refuses in the middle of a change what it granted before may a part of the change remain.
///
/// # Readers beside a writer
///
/// [`translate`](Self::translate), [`lookup`](Self::lookup) and [`walk`](Self::walk) take no lock and may run while another
/// thread changes the tables. What they find of an entry is what it was at some moment of the call: all of a new table or
/// nothing of it, a leaf with the attributes from before a change or from after it. Two entries may be from two moments.
///
/// A reader on another thread comes in through a [`Reader`](crate::Reader), made by [`reader`](Self::reader): writers whose
/// contexts wait for the same [`Readers`](crate::Readers) give no table back while somebody is inside who may still find it.
/// Where that is seen to by other means, a lock or an interrupt that is off, a reader has a tree of its own, made by
/// [`from_root`](Self::from_root); its caller promises that no table goes away while it reads, and the writers'
/// [`Tlb::wait_for_readers`] is where to keep the promise. Mappings that were found say what was, and stay valid as values.
pub struct Tree<F: Format> {
    root: Oa,
    format: F,
    reach: Reach,
}

/// What tables are taken for until their owner says otherwise.
const LIVE: Reach = Reach { used: Use::Live, space: None, scope: Scope::Everywhere };

impl<F: Format> fmt::Debug for Tree<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at {} ({:?})", F::NAME, self.root, self.reach.used)
    }
}

impl<F: Format> Tree<F> {
    /// A new root with nothing in it. It is taken to be [`Live`](Use::Live) until [`set_use`](Self::set_use) says
    /// otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfFrames`], [`Error::Memory`].
    pub fn new<M: Memory, A: Frames, T>(cx: &mut Context<M, A, T>, format: F) -> Result<Self, Error> {
        cx.memory.begin();
        let root = format.root(NewRoot { f: format, memory: &cx.memory, frames: &mut cx.frames })?;
        Ok(Self { root, format, reach: LIVE })
    }

    /// The tables at `root`.
    ///
    /// # Safety
    ///
    /// In every memory that the value is used with, there is a table of the format's root level at `root`, which
    /// points to tables of the levels below, each only once, and nobody changes them but through this value and those
    /// made by this function for readers. For as long as it is used, none of them goes away. Frames that are freed
    /// come from the source of the contexts it is used with.
    ///
    /// Or: the value is used with memories that check every address ([`Guest`](crate::Guest),
    /// [`Arena`](crate::Arena)), and only to read.
    #[expect(unsafe_code, reason = "the one claim that a root of a format stands in a memory")]
    pub const unsafe fn from_root(format: F, root: Oa) -> Self {
        Self { root, format, reach: LIVE }
    }

    /// Where the root is.
    #[inline]
    pub const fn root(&self) -> Oa {
        self.root
    }

    /// The format.
    #[inline]
    pub const fn format(&self) -> F {
        self.format
    }

    /// Whether machines may be walking the tables.
    #[inline]
    pub const fn in_use(&self) -> Use {
        self.reach.used
    }

    /// From now on the tables are those below `root`, of `format`.
    pub(crate) const fn set_root(&mut self, format: F, root: Oa) {
        self.format = format;
        self.root = root;
    }

    /// Declares whether machines may be walking the tables from now on.
    pub const fn set_use(&mut self, used: Use) {
        self.reach.used = used;
    }

    /// Declares in which address space the tables are walked, an ASID or VMID, for flushes to name. Until then, and with
    /// `None`, flushes do not name one.
    pub const fn set_space(&mut self, space: Option<u32>) {
        self.reach.space = space;
    }

    /// Declares which processors walk the tables, for flushes to reach: [`Scope::Everywhere`] until then.
    pub const fn set_scope(&mut self, scope: Scope) {
        self.reach.scope = scope;
    }

    /// All VA that the tables can translate.
    #[inline]
    pub fn range(&self) -> VaRange {
        self.format.root(Range { f: self.format })
    }

    /// The parts of [`range`](Self::range) without the addresses that are not canonical, in order: one, or the lower and
    /// the upper half where signs are extended. For walks over everything.
    pub fn ranges(&self) -> impl Iterator<Item = VaRange> + use<F> {
        let (lower, upper) = self.format.root(Ranges { f: self.format });
        core::iter::once(lower).chain(upper)
    }

    /// What `va` is translated to.
    ///
    /// # Errors
    ///
    /// [`Fault`] if it is not. A word that the format forbids translates nothing.
    #[inline]
    pub fn translate<M: Memory>(&self, memory: &M, va: impl Into<Va>) -> Result<Oa, Fault> {
        memory.begin();
        let va = va.into().get();
        self.format.root(Translate { f: self.format, memory, root: self.root, va })
    }

    /// The leaf that translates `va`.
    ///
    /// # Errors
    ///
    /// As for [`translate`](Self::translate).
    #[inline]
    pub fn lookup<M: Memory>(&self, memory: &M, va: impl Into<Va>) -> Result<Mapping<F>, Fault> {
        memory.begin();
        let va = va.into().get();
        self.format.root(Lookup { f: self.format, memory, root: self.root, va })
    }

    /// Where the bits are that the format keeps behind a table for software (`companion`), of the slot at which the walk for
    /// `va` ends, be there a leaf or none. None if the tables of that level have no such bits. They belong to the client, who
    /// writes them by way of the same memory; a new table has anything there, and a table that goes takes them along.
    ///
    /// # Errors
    ///
    /// [`Fault`] if a table cannot be reached, or if the tables do not translate `va`.
    pub fn companion<M: Memory>(&self, memory: &M, va: impl Into<Va>) -> Result<Option<Oa>, Fault> {
        memory.begin();
        let va = va.into().get();
        self.format.root(CompanionOf { f: self.format, memory, root: self.root, va })
    }

    /// Shows `visitor` all there is in `range`, in order.
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
        memory.begin();
        self.format.root(Walk { f: self.format, memory, root: self.root, range: range.into(), visitor })
    }

    /// The right to change all that the tables translate, to be [divided](RangeMut::split_at). The operations of the
    /// tree are those of this range.
    #[inline]
    pub const fn range_mut(&mut self) -> RangeMut<'_, F> {
        RangeMut::new(Target::everything(self.format, self.root, self.reach))
    }

    /// Gives every table back, the root included. If the tables are [`Live`](Use::Live), all that they translate is
    /// flushed first; no machine may walk them any more.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if a table cannot be reached; those below it are lost then.
    pub fn free<M: Memory, A: Frames, T: Tlb>(self, cx: &mut Context<M, A, T>) -> Result<(), Error> {
        cx.memory.begin();
        cx.memory.commit();
        self.format.root(Free { tree: &self, cx })
    }
}

struct Range<F> {
    f: F,
}

impl<F: Format> RootVisitor<F> for Range<F> {
    type Output = VaRange;

    #[inline]
    fn visit<L: Level<Format = F>>(self) -> VaRange {
        let span = whole::<L>(self.f);
        va_range(self.f, span.first, span.last)
    }
}

struct Ranges<F> {
    f: F,
}

impl<F: Format> RootVisitor<F> for Ranges<F> {
    type Output = (VaRange, Option<VaRange>);

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let (f, span) = (self.f, whole::<L>(self.f));
        let middle = span.last >> 1;
        if f.extend(middle).wrapping_add(1) == f.extend(middle + 1) {
            return (va_range(f, span.first, span.last), None);
        }
        (va_range(f, span.first, middle), Some(va_range(f, middle + 1, span.last)))
    }
}

struct NewRoot<'a, F, M, A> {
    f: F,
    memory: &'a M,
    frames: &'a mut A,
}

impl<F: Format, M: Memory, A: Frames> RootVisitor<F> for NewRoot<'_, F, M, A> {
    type Output = Result<Oa, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let Self { f, memory, frames } = self;
        let mut need = Need::default();
        need.add::<L>(1);
        let mut reserve = Reserve::take_all(f, memory, frames, &need)?;
        memory.commit();
        let root = reserve.take::<L, M>(f, memory)?;
        let empty = L::empty(f);
        root.open(f, memory, |slots| slots.fill(0, slots.len() - 1, |_| empty))?;
        clean_new(f, memory, &root);
        Ok(root.address())
    }
}

struct Free<'a, 'c, F: Format, M, A, T> {
    tree: &'a Tree<F>,
    cx: &'c mut Context<M, A, T>,
}

impl<F: Format, M: Memory, A: Frames, T: Tlb> RootVisitor<F> for Free<'_, '_, F, M, A, T> {
    type Output = Result<(), Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let (f, cx) = (self.tree.format, self.cx);
        let reach = self.tree.reach;
        if reach.is_live() {
            cx.tlb.flush(&reach.request(f, self.tree.range(), all_sizes::<L>(f), true));
            cx.tlb.wait_for_readers();
        }
        free_subtree(f, &cx.memory, &mut cx.frames, Table::<L>::at(self.tree.root))?;
        Ok(())
    }
}
