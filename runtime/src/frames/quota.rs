//! So many frames and no more.

#![expect(unsafe_code, reason = "hands out the frames of another source")]

use super::{Frame, Frames, TableShape};
use crate::address::Oa;

/// A source that hands out frames of another one, at most a given number at a time: to bound what one owner's tables may
/// take, and to see what an operation does when frames run out.
///
/// ```
/// use ptgen::{Arena, Frames, Quota, TableShape};
///
/// let mut words = vec![0_u64; 4 * 512];
/// let arena = Arena::new(0, &mut words);
/// let mut frames = Quota::new(&arena, 1);
/// let shape = TableShape::of_size(0, 12);
/// assert!(frames.allocate(shape).is_some());
/// assert!(frames.allocate(shape).is_none());
/// assert_eq!(frames.left(), 0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Quota<A> {
    frames: A,
    left: usize,
}

impl<A: Frames> Quota<A> {
    /// At most `most` frames of `frames` at a time.
    pub const fn new(frames: A, most: usize) -> Self {
        Self { frames, left: most }
    }

    /// How many frames it still hands out.
    pub const fn left(&self) -> usize {
        self.left
    }
}

// SAFETY: every frame comes from the source inside, which keeps the promise.
unsafe impl<A: Frames> Frames for Quota<A> {
    fn allocate(&mut self, shape: TableShape) -> Option<Frame> {
        let left = self.left.checked_sub(1)?;
        let frame = self.frames.allocate(shape)?;
        self.left = left;
        Some(frame)
    }

    fn free(&mut self, frame: Frame) {
        self.left = self.left.saturating_add(1);
        self.frames.free(frame);
    }

    fn share(&mut self, address: Oa) -> bool {
        self.frames.share(address)
    }

    fn owners(&self, address: Oa) -> u32 {
        self.frames.owners(address)
    }

    fn unshare(&mut self, address: Oa) -> bool {
        self.frames.unshare(address)
    }
}
