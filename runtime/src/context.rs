//! What an operation works with.

#![expect(unsafe_code, reason = "implements an unsafe trait by delegation")]

use crate::address::Oa;
use crate::error::MemoryError;
use crate::memory::Memory;
use crate::tables::word::Word;

/// How table memory is reached, where frames for tables come from, and how flushes are issued.
///
/// ```
/// use ptgen::{Arena, Context, NoFrames, NoTlb};
///
/// let mut words = [0_u64; 4096];
/// let arena = Arena::new(0x10_0000, &mut words);
/// let grows = Context::new(&arena, &arena, NoTlb);
/// let does_not = Context::new(&arena, NoFrames, NoTlb);
/// # let _ = (grows, does_not);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Context<M, A, T> {
    /// How tables are reached: a [`Memory`].
    pub memory: M,
    /// Where frames come from: a [`Frames`](crate::Frames).
    pub frames: A,
    /// How flushes are issued: a [`Tlb`](crate::Tlb).
    pub tlb: T,
}

impl<M, A, T> Context<M, A, T> {
    /// A context of the three.
    pub const fn new(memory: M, frames: A, tlb: T) -> Self {
        Self { memory, frames, tlb }
    }

    /// The same memory and the same TLBs, with other frames: a reservation, say, for where nothing may be allocated.
    pub const fn with_frames<B>(&mut self, frames: B) -> Context<&M, B, &mut T> {
        Context { memory: &self.memory, frames, tlb: &mut self.tlb }
    }
}

// SAFETY: everything is left to the memory inside, which keeps the promises.
unsafe impl<M: Memory, A, T> Memory for Context<M, A, T> {
    const SHARED: bool = M::SHARED;

    #[inline(always)]
    unsafe fn with<W: Word, R>(
        &self,
        address: Oa,
        count_lg2: u32,
        use_words: impl FnOnce(&[W::Atomic]) -> R,
    ) -> Result<R, MemoryError> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { self.memory.with::<W, R>(address, count_lg2, use_words) }
    }

    #[inline]
    fn clean(&self, address: Oa, bytes: u64) {
        self.memory.clean(address, bytes);
    }

    #[inline]
    fn begin(&self) {
        self.memory.begin();
    }

    #[inline]
    fn commit(&self) {
        self.memory.commit();
    }
}
