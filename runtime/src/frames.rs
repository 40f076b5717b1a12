//! Where frames for tables come from.

mod bump;
mod none;
mod quota;
mod stack;

pub use bump::Bump;
pub use none::NoFrames;
pub use quota::Quota;
pub use stack::Stack;

use crate::address::Oa;

/// A source of frames.
///
/// # Safety
///
/// An implementation promises that a frame it hands out has the size and alignment asked for, is initialized memory
/// (of any content) of the memory that it is used with, overlaps no other frame that is handed out, and is accessed by
/// nobody else until it is given back.
#[expect(unsafe_code, reason = "new tables are written without looking who else does")]
pub unsafe trait Frames {
    /// Hands out a frame of `2^bytes_lg2` bytes at a multiple of `2^align_lg2`, if there is one.
    fn allocate(&mut self, bytes_lg2: u32, align_lg2: u32) -> Option<Oa>;

    /// Takes a frame back.
    ///
    /// # Safety
    ///
    /// The frame came from [`allocate`](Self::allocate) of this source with the same size and alignment, has not been
    /// given back since, and nobody accesses it any more.
    unsafe fn free(&mut self, frame: Oa, bytes_lg2: u32, align_lg2: u32);
}

// SAFETY: everything is left to the source behind the reference, which keeps the promise.
#[expect(unsafe_code, reason = "the same source behind a reference")]
unsafe impl<A: Frames + ?Sized> Frames for &mut A {
    #[inline]
    fn allocate(&mut self, bytes_lg2: u32, align_lg2: u32) -> Option<Oa> {
        (**self).allocate(bytes_lg2, align_lg2)
    }

    #[inline]
    unsafe fn free(&mut self, frame: Oa, bytes_lg2: u32, align_lg2: u32) {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { (**self).free(frame, bytes_lg2, align_lg2) }
    }
}
