//! What a TLB may still hold after a change, and what has to be done about it.

use core::fmt;

use crate::address::{Oa, VaRange};
use crate::alarm::{Alarm, Place};
use crate::context::Context;
use crate::engine::garbage::Garbage;
use crate::format::{Format, Sizes};
use crate::frames::Frames;
use crate::memory::Memory;

/// Which processors have to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Scope {
    /// Only this one: no other has used the tables.
    Local,
    /// All that walk the tables.
    #[default]
    Everywhere,
}

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
    /// The address space: an ASID or VMID, if [`Tree::set_space`](crate::Tree::set_space) was told one. None: whichever
    /// the processor is in, or all.
    pub space: Option<u32>,
    /// Which processors.
    pub scope: Scope,
}

impl FlushRequest {
    /// A request for leaves of `leaf_sizes` in `range`, for every address space and processor, walk caches left out.
    #[must_use]
    pub const fn new(range: VaRange, leaf_sizes: Sizes) -> Self {
        Self { range, leaf_sizes, tables: false, global: true, space: None, scope: Scope::Everywhere }
    }

    /// One request that covers both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self {
            range: self.range.hull(other.range),
            leaf_sizes: self.leaf_sizes.or(other.leaf_sizes),
            tables: self.tables || other.tables,
            global: self.global || other.global,
            space: if self.space == other.space { self.space } else { None },
            scope: self.scope.max(other.scope),
        }
    }
}

/// A live entry that an instruction of the machine's has to replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Exchange {
    /// The address of the entry.
    pub slot: Oa,
    /// The number of its level.
    pub level: u8,
    /// The VA that it translates, or whose tables it points to.
    pub range: VaRange,
    /// The word that it has been seen to hold.
    pub old: u64,
    /// The word that it is to hold.
    pub new: u64,
    /// The sizes that leaves in `range` may have had.
    pub leaf_sizes: Sizes,
    /// Whether one of the words points to a table.
    pub tables: bool,
}

impl Exchange {
    /// What TLBs have to be told that the instruction does not purge: an IOMMU's, say.
    #[must_use]
    pub const fn request(&self) -> FlushRequest {
        let mut request = FlushRequest::new(self.range, self.leaf_sizes);
        request.tables = self.tables;
        request
    }
}

/// How flushes are issued.
///
/// A pair of two is one: the processors' and an IOMMU's, say, in this order. What the first one's instruction replaces, the
/// second one flushes.
pub trait Tlb {
    /// Whether [`exchange`](Self::exchange) works. If not, what takes an instruction is refused before anything is
    /// changed.
    const EXCHANGES: bool = false;

    /// Makes sure that no TLB and no walk cache holds anything of `request`, and returns when that is so.
    fn flush(&mut self, request: &FlushRequest);

    /// Returns when no reader who was walking the tables when this was called still is. Called after the flush and
    /// before tables are given back.
    fn wait_for_readers(&mut self) {}

    /// Replaces a live entry by the machine's instruction for that, which also purges what TLBs hold of it.
    ///
    /// # Errors
    ///
    /// The word that the entry holds, if it is not `exchange.old`; nothing was replaced then.
    fn exchange(&mut self, exchange: &Exchange) -> Result<(), u64> {
        Err(exchange.old)
    }
}

impl<T: Tlb + ?Sized> Tlb for &mut T {
    const EXCHANGES: bool = T::EXCHANGES;

    fn flush(&mut self, request: &FlushRequest) {
        (**self).flush(request);
    }

    fn wait_for_readers(&mut self) {
        (**self).wait_for_readers();
    }

    fn exchange(&mut self, exchange: &Exchange) -> Result<(), u64> {
        (**self).exchange(exchange)
    }
}

impl<A: Tlb, B: Tlb> Tlb for (A, B) {
    const EXCHANGES: bool = A::EXCHANGES;

    fn flush(&mut self, request: &FlushRequest) {
        self.0.flush(request);
        self.1.flush(request);
    }

    fn wait_for_readers(&mut self) {
        self.0.wait_for_readers();
        self.1.wait_for_readers();
    }

    fn exchange(&mut self, exchange: &Exchange) -> Result<(), u64> {
        self.0.exchange(exchange)?;
        self.1.flush(&exchange.request());
        Ok(())
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
/// [`flush`](Self::flush) does all that is owed: it flushes, waits for readers, and gives the tables back. In two steps:
/// [`issue`](Self::issue) flushes and returns the proof that it has been done; [`Flushed::retire`] gives the tables back
/// later. Values of the same tree can be [merged](Self::merge), and flushed at once.
///
/// The request is as small as the format lets it be. A change of a kind whose [`Way`](crate::Way) is lazy asks for no
/// flush: absent to present, where a machine does not hold absent entries, and more rights, where it looks again before it
/// faults. Neither does a change of tables that are [`Offline`](crate::Use::Offline), nor one that stores nothing.
///
/// To drop one is to lose its tables and to leave TLBs stale; in debug builds that is a panic which names the operation
/// (dropped while another panic unwinds, it ends the program).
#[must_use = "TLBs may hold what has been changed, and unlinked tables are given back by `flush`"]
pub struct Unflushed<F> {
    request: Option<FlushRequest>,
    garbage: Garbage,
    pub(crate) format: F,
    alarm: Alarm,
}

impl<F: Format> Unflushed<F> {
    pub(crate) const fn nothing(format: F) -> Self {
        Self { request: None, garbage: Garbage::NONE, format, alarm: Alarm::silent() }
    }

    pub(crate) const fn new(format: F, request: Option<FlushRequest>, garbage: Garbage, place: Place) -> Self {
        let alarm = if request.is_none() && garbage.is_empty() { Alarm::silent() } else { Alarm::armed(place) };
        Self { request, garbage, format, alarm }
    }

    /// Whether there is nothing to flush and nothing to give back.
    pub const fn is_empty(&self) -> bool {
        self.request.is_none() && self.garbage.is_empty()
    }

    /// What has to be flushed, if anything.
    pub const fn request(&self) -> Option<&FlushRequest> {
        self.request.as_ref()
    }

    /// Flushes, waits for readers, then gives the tables back.
    ///
    /// Tables that `cx` cannot reach any more are lost.
    pub fn flush<M: Memory, A: Frames, T: Tlb>(self, cx: &mut Context<M, A, T>) {
        self.issue(&mut cx.tlb).retire(cx);
    }

    /// Flushes. What is returned is the proof: pages that the change has taken out may be used for something else. The
    /// tables are still to be given back.
    pub fn issue(self, tlb: &mut impl Tlb) -> Flushed<F> {
        let Self { request, garbage, format, mut alarm } = self;
        if let Some(request) = &request {
            tlb.flush(request);
        }
        if garbage.is_empty() {
            alarm.silence();
        }
        Flushed { garbage, format, alarm }
    }

    /// Both in one, to be flushed once. `other` is of the same tree, or of one with the same root level.
    pub fn merge(self, other: Self, memory: &impl Memory) -> Self {
        let Self { request, garbage, format, mut alarm } = self;
        let Self { request: others, garbage: tables, alarm: mut others_alarm, .. } = other;
        let request = match (request, others) {
            (Some(one), Some(other)) => Some(one.hull(other)),
            (one, other) => one.or(other),
        };
        let place = alarm.silence().or(others_alarm.silence());
        Self::new(format, request, garbage.join(format, memory, tables), place)
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

/// The proof that a change has been flushed: no TLB holds anything of it. Its tables, if any, are still to be
/// [given back](Self::retire).
///
/// Whoever frees pages, or gives them to somebody else, should ask for it:
///
/// ```
/// # use ptgen::{Flushed, Tlb, Unflushed, Format};
/// fn free_page<F>(page: u64, proof: &Flushed<F>) {}
///
/// fn release<F: Format>(page: u64, unmapped: Unflushed<F>, tlb: &mut impl Tlb) -> Flushed<F> {
///     let flushed = unmapped.issue(tlb);
///     free_page(page, &flushed);
///     flushed
/// }
/// ```
///
/// ```compile_fail,E0308
/// # use ptgen::{Flushed, Unflushed};
/// # fn free_page<F>(page: u64, proof: &Flushed<F>) {}
/// fn too_early<F>(page: u64, unmapped: &Unflushed<F>) {
///     free_page(page, unmapped);
/// }
/// ```
#[must_use = "unlinked tables are given back by `retire`"]
pub struct Flushed<F> {
    garbage: Garbage,
    format: F,
    alarm: Alarm,
}

impl<F: Format> Flushed<F> {
    /// Whether there is nothing to give back.
    pub const fn is_empty(&self) -> bool {
        self.garbage.is_empty()
    }

    /// Waits for readers, then gives the tables back. If there are none, does nothing.
    ///
    /// Tables that `cx` cannot reach any more are lost.
    pub fn retire<M: Memory, A: Frames, T: Tlb>(self, cx: &mut Context<M, A, T>) {
        let Self { garbage, format, mut alarm } = self;
        alarm.silence();
        if !garbage.is_empty() {
            cx.tlb.wait_for_readers();
            garbage.retire(format, &cx.memory, &mut cx.frames);
        }
    }
}

impl<F: Format> fmt::Debug for Flushed<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Flushed").field("has_tables", &!self.garbage.is_empty()).finish()
    }
}
