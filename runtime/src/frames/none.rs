//! No frames: operations that need one fail.

#![expect(unsafe_code, reason = "implements an unsafe trait")]

use super::Frames;
use crate::address::Oa;

/// A source without frames, for contexts in which nothing may be allocated. Frames given back are lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFrames;

// SAFETY: it hands out nothing.
unsafe impl Frames for NoFrames {
    #[inline]
    fn allocate(&mut self, _bytes_lg2: u32, _align_lg2: u32) -> Option<Oa> {
        None
    }

    #[inline]
    unsafe fn free(&mut self, _frame: Oa, _bytes_lg2: u32, _align_lg2: u32) {}
}
