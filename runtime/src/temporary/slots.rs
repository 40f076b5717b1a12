//! VA of one processor whose tables are there: what temporary maps are made in.

use core::marker::PhantomData;

use crate::address::{Oa, Va, VaRange};
use crate::context::Context;
use crate::error::Error;
use crate::flush::{Flushed, Scope, Tlb, Unflushed};
use crate::format::{Format, Level, RootVisitor};
use crate::frames::{Frames, NoFrames};
use crate::memory::Memory;
use crate::operations::Pin;
use crate::operations::map::Leaves;
use crate::operations::unmap::Unmap;
use crate::range_mut::RangeMut;
use crate::tables::span::all_sizes;

/// Slots for leaves of the smallest size, one behind the other.
///
/// Everything is done through shared references, on one processor: whoever owns this sees to it that no two operations
/// are on the same slot.
pub(super) struct Slots<'t, F: Format, M, T> {
    range: RangeMut<'t, F>,
    memory: M,
    tlb: T,
    size_lg2: u32,
    count: usize,
    /// What is here is for one processor.
    not_shared: PhantomData<*mut ()>,
}

impl<'t, F: Format, M: Memory, T: Tlb + Clone> Slots<'t, F, M, T> {
    /// All of `range`. Its tables are made, and stay.
    pub(super) fn prepare<A: Frames>(
        mut range: RangeMut<'t, F>,
        memory: M,
        frames: &mut A,
        tlb: T,
    ) -> Result<Self, Error> {
        let size_lg2 = smallest(range.format()).ok_or(Error::NoSuchSize { lg2: 0 })?;
        count(range.range(), size_lg2)?;
        populate(&mut range, &memory, frames, tlb.clone(), size_lg2)?;
        Self::new(range, memory, tlb, size_lg2)
    }

    /// All of `range`, whose tables are there.
    pub(super) fn new(mut range: RangeMut<'t, F>, memory: M, tlb: T, size_lg2: u32) -> Result<Self, Error> {
        let count = count(range.range(), size_lg2)?;
        range.target.reach.scope = Scope::Local;
        Ok(Self { range, memory, tlb, size_lg2, count, not_shared: PhantomData })
    }

    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// The format.
    pub(super) const fn format(&self) -> F {
        self.range.format()
    }

    /// The memory that tables are in.
    pub(super) const fn memory(&self) -> &M {
        &self.memory
    }

    /// The first address of slot `number`.
    pub(super) fn va(&self, number: usize) -> Va {
        Va::new(self.range.range().start().get().wrapping_add((number as u64) << self.size_lg2))
    }

    /// The VA of the `count` slots from number `first` on.
    pub(super) fn range(&self, first: usize, count: usize) -> VaRange {
        VaRange::new(self.va(first), (count as u64) << self.size_lg2)
    }

    /// Maps the `count` slots from number `first` on. What the format wants flushed is.
    pub(super) fn map(&self, first: usize, count: usize, oa: Oa, attributes: &F::Attributes) -> Result<(), Error> {
        let mut cx = self.context();
        let leaves = Leaves::Exactly(self.size_lg2);
        let made = RangeMut::new(self.range.target).map(&mut cx, self.range(first, count), oa, attributes, leaves)?;
        made.flush(&mut cx);
        Ok(())
    }

    /// Takes away what is mapped in the `count` slots from number `first` on.
    pub(super) fn clear(&self, first: usize, count: usize) -> Result<Unflushed<F>, Error> {
        let policy = Unmap::everything().keep_tables();
        RangeMut::new(self.range.target).unmap(&mut self.context(), self.range(first, count), policy)
    }

    /// Flushes, on this processor.
    pub(super) fn flush(&self, unflushed: Unflushed<F>) -> Flushed<F> {
        unflushed.issue(&mut self.tlb.clone())
    }

    /// Without frames: nothing here allocates.
    fn context(&self) -> Context<&M, NoFrames, T> {
        Context::new(&self.memory, NoFrames, self.tlb.clone())
    }
}

/// How many leaves of `2^size_lg2` bytes a range has.
fn count(range: VaRange, size_lg2: u32) -> Result<usize, Error> {
    let bytes = range.bytes().ok_or(Error::NotInRange { range })?;
    usize::try_from(bytes >> size_lg2).map_err(|_| Error::NotInRange { range })
}

/// Makes the tables of `range`, which stay.
pub(super) fn populate<F: Format, M: Memory, A: Frames, T: Tlb>(
    range: &mut RangeMut<'_, F>,
    memory: &M,
    frames: &mut A,
    tlb: T,
    size_lg2: u32,
) -> Result<(), Error> {
    let all = range.range();
    let mut cx = Context::new(memory, frames, tlb);
    let made = match range.populate(&mut cx, all, size_lg2, Pin::Pinned) {
        // Without bits to say so they stay as well: who has the right to change the range has it for as long as there are
        // slots in it, and nothing here unlinks tables.
        Err(Error::Unencodable(_)) => range.populate(&mut cx, all, size_lg2, Pin::Plain),
        made => made,
    };
    made?.flush(&mut cx);
    Ok(())
}

/// lg2 of the smallest leaf.
pub(super) fn smallest<F: Format>(f: F) -> Option<u32> {
    struct Smallest<F>(F);
    impl<F: Format> RootVisitor<F> for Smallest<F> {
        type Output = Option<u32>;

        fn visit<L: Level<Format = F>>(self) -> Option<u32> {
            all_sizes::<L>(self.0).smallest()
        }
    }
    f.root(Smallest(f))
}
