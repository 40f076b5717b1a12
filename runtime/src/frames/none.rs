//! No frames: operations that need one fail.

#![expect(unsafe_code, reason = "implements an unsafe trait")]

use super::{Frame, Frames, TableShape};

/// A source without frames, for contexts in which nothing may be allocated. Frames given back are lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFrames;

// SAFETY: it hands out nothing.
unsafe impl Frames for NoFrames {
    #[inline]
    fn allocate(&mut self, _shape: TableShape) -> Option<Frame> {
        None
    }

    #[inline]
    fn free(&mut self, _frame: Frame) {}
}
