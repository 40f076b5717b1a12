//! Frames cut off a piece of memory, one after the other: for early boot.

#![expect(unsafe_code, reason = "implements an unsafe trait over addresses that a client vouches for")]

use super::{Frame, Frames, TableShape};
use crate::address::Oa;

/// A source that cuts frames off the start of a piece of memory. Of frames given back, only the last one cut off is
/// used again; put a [`Stack`](super::Stack) before it to use them all.
#[derive(Debug)]
pub struct Bump {
    next: u64,
    /// The first address past the piece.
    end: u64,
}

impl Bump {
    /// A source of the `bytes` bytes at `start`.
    ///
    /// # Safety
    ///
    /// That memory is initialized, unused, and stays so; it belongs to the memory that the source is used with.
    #[must_use]
    pub const unsafe fn new(start: Oa, bytes: u64) -> Self {
        Self { next: start.get(), end: start.get().saturating_add(bytes) }
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn bytes_left(&self) -> u64 {
        self.end - self.next
    }
}

// SAFETY: `next` only grows past what is handed out, except when just that comes back.
unsafe impl Frames for Bump {
    fn allocate(&mut self, shape: TableShape) -> Option<Frame> {
        let align = 1_u64.checked_shl(shape.align_lg2)?;
        let frame = self.next.checked_add(align - 1)? & !(align - 1);
        let next = frame.checked_add(1_u64.checked_shl(shape.bytes_lg2)?)?;
        if next > self.end {
            return None;
        }
        self.next = next;
        // SAFETY: the piece is unused, as the caller of `new` has promised, and this part of it is handed out once.
        Some(unsafe { Frame::new(Oa::new(frame), shape) })
    }

    fn free(&mut self, frame: Frame) {
        let start = frame.address().get();
        if start + (1 << frame.shape().bytes_lg2) == self.next {
            self.next = start;
        }
    }
}
