//! What a TLB may still hold after a change, and who is told.

use core::fmt;

use crate::address::VaRange;
use crate::context::Context;
use crate::format::{Format, Level, Sizes};
use crate::frames::Frames;
use crate::garbage::Garbage;
use crate::memory::Memory;

/// What has to be flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FlushRequest {
    /// The VA that were changed.
    pub range: VaRange,
    /// The sizes that the changed leaves may have had.
    pub leaf_sizes: Sizes,
    /// Whether table entries changed, so that walk caches have to be flushed as well.
    pub tables: bool,
    /// Whether leaves may have belonged to all address spaces.
    pub global: bool,
}

impl FlushRequest {
    /// One request that covers both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self {
            range: self.range.hull(other.range),
            leaf_sizes: self.leaf_sizes.or(other.leaf_sizes),
            tables: self.tables || other.tables,
            global: self.global || other.global,
        }
    }
}

/// How flushes are issued.
///
/// A closure over `&FlushRequest` is one.
pub trait Tlb {
    /// Makes sure that no TLB and no walk cache holds anything of `request`, and returns when that is so.
    fn flush(&mut self, request: &FlushRequest);
}

impl<T: FnMut(&FlushRequest)> Tlb for T {
    fn flush(&mut self, request: &FlushRequest) {
        self(request);
    }
}

/// No TLB: nobody walks the tables yet, or whoever does takes care of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTlb;

impl Tlb for NoTlb {
    fn flush(&mut self, _request: &FlushRequest) {}
}

/// What a change has left behind: what TLBs may still hold, and tables that are linked nowhere any more.
///
/// The tables are given back by [`flush`](Self::flush), after the flush. Values of the same tree can be
/// [merged](Self::merge), and flushed at once. To drop one is to lose its tables.
#[must_use = "TLBs may hold what has been changed, and unlinked tables are given back by `flush`"]
pub struct Unflushed<F> {
    request: Option<FlushRequest>,
    garbage: Garbage,
    pub(crate) format: F,
}

impl<F: Format> Unflushed<F> {
    pub(crate) const fn nothing(format: F) -> Self {
        Self::new(format, None, Garbage::NONE)
    }

    pub(crate) const fn new(format: F, request: Option<FlushRequest>, garbage: Garbage) -> Self {
        Self { request, garbage, format }
    }

    /// Whether there is nothing to flush and nothing to give back.
    pub const fn is_empty(&self) -> bool {
        self.request.is_none() && self.garbage.is_empty()
    }

    /// What has to be flushed, if anything.
    pub const fn request(&self) -> Option<&FlushRequest> {
        self.request.as_ref()
    }

    /// Flushes, then gives the tables back.
    ///
    /// Tables that `cx` cannot reach any more are lost.
    pub fn flush<M: Memory, A: Frames, T: Tlb>(self, cx: &mut Context<M, A, T>) {
        if let Some(request) = &self.request {
            cx.tlb.flush(request);
        }
        self.garbage.retire(self.format, &cx.memory, &mut cx.frames);
    }

    /// Both in one, to be flushed once. `other` is of the same tree, or of one with the same root level.
    pub fn merge(self, other: Self, memory: &impl Memory) -> Self {
        let request = match (self.request, other.request) {
            (Some(one), Some(other)) => Some(one.hull(other)),
            (one, other) => one.or(other),
        };
        Self::new(self.format, request, self.garbage.join(self.format, memory, other.garbage))
    }
}

impl<F: Format> fmt::Debug for Unflushed<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Unflushed")
            .field("request", &self.request)
            .field("has_tables", &!self.garbage.is_empty())
            .finish()
    }
}

/// The request for what was done to the tables of a root of level `L`.
pub(crate) fn request<L: Level>(f: L::Format, range: VaRange, leaf_sizes: Sizes, tables: bool) -> FlushRequest {
    FlushRequest { range, leaf_sizes, tables, global: f.has_global() }
}
