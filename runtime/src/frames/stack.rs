//! Frames of one size on a stack in a slice, before another source.

#![expect(unsafe_code, reason = "implements an unsafe trait over another one")]

use super::{Frame, Frames, TableShape};
use crate::address::Oa;

/// Frames of one size that were taken before, in front of a source: for handing frames out again without asking the
/// source, and, with [`NoFrames`](super::NoFrames) behind it, for code that may neither sleep nor wait. What such code has
/// used up is [refilled](Self::refill) where one may sleep; until then, an operation that needs more says so before it
/// has changed anything. (For what operations in a known range may need, see
/// [`RangeMut::prepare`](crate::RangeMut::prepare).) For tables of two sizes, put one stack behind another.
///
/// ```
/// use ptgen::{Arena, Frames, Stack, TableShape};
///
/// let mut words = vec![0_u64; 4 * 512];
/// let arena = Arena::new(0, &mut words);
/// let mut kept = [const { None }; 2];
/// let mut frames = Stack::new(&mut kept, 12, &arena);
/// assert!(frames.fill(2));
/// assert!(frames.allocate(TableShape::of_size(0, 12)).is_some());
/// assert_eq!(frames.kept(), 1);
/// ```
#[derive(Debug)]
pub struct Stack<'a, A> {
    kept: &'a mut [Option<Frame>],
    count: usize,
    bytes_lg2: u32,
    source: A,
}

impl<'a, A: Frames> Stack<'a, A> {
    /// A stack in `kept` for frames of `2^bytes_lg2` bytes, aligned to their size, before `source`. It starts empty:
    /// frames that `kept` holds already are lost.
    pub const fn new(kept: &'a mut [Option<Frame>], bytes_lg2: u32, source: A) -> Self {
        Self { kept, count: 0, bytes_lg2, source }
    }

    /// Takes frames from the source until `count` are kept. Returns whether there are so many.
    pub fn fill(&mut self, count: usize) -> bool {
        fill(self.kept, &mut self.count, self.bytes_lg2, &mut self.source, count)
    }

    /// Takes frames from another source until `count` are kept. Returns whether there are so many. `frames` is one that
    /// takes back what this one's own source does not.
    ///
    /// ```
    /// use ptgen::{Arena, Frames, NoFrames, Stack, TableShape};
    ///
    /// let mut words = vec![0_u64; 4 * 512];
    /// let arena = Arena::new(0, &mut words);
    /// let mut kept = [const { None }; 2];
    /// let mut atomic = Stack::new(&mut kept, 12, NoFrames);
    /// assert!(atomic.allocate(TableShape::of_size(0, 12)).is_none());
    /// assert!(atomic.refill(&mut &arena, 2));                          // where one may sleep
    /// assert!(atomic.allocate(TableShape::of_size(0, 12)).is_some());  // where one may not
    /// atomic.drain_to(&mut &arena);
    /// assert_eq!((atomic.kept(), arena.frames()), (0, 1));
    /// ```
    pub fn refill(&mut self, frames: &mut impl Frames, count: usize) -> bool {
        fill(self.kept, &mut self.count, self.bytes_lg2, frames, count)
    }

    /// Gives all that is kept to another source, from which it was refilled.
    pub fn drain_to(&mut self, frames: &mut impl Frames) {
        for frame in self.kept[..self.count].iter_mut().filter_map(Option::take) {
            frames.free(frame);
        }
        self.count = 0;
    }

    /// How many frames are kept.
    #[must_use]
    pub const fn kept(&self) -> usize {
        self.count
    }

    /// Gives all that is kept back to the source.
    pub fn drain(&mut self) {
        for frame in self.kept[..self.count].iter_mut().filter_map(Option::take) {
            self.source.free(frame);
        }
        self.count = 0;
    }

    /// What frames of this shape are asked for as: all of this size serve all.
    const fn shape(&self, shape: TableShape) -> TableShape {
        let align_lg2 = if self.is_kept(shape) { self.bytes_lg2 } else { shape.align_lg2 };
        TableShape { align_lg2, ..shape }
    }

    const fn is_kept(&self, shape: TableShape) -> bool {
        shape.bytes_lg2 == self.bytes_lg2 && shape.align_lg2 <= self.bytes_lg2
    }
}

/// Takes frames of `2^bytes_lg2` bytes from `frames` until `count` of them are in `kept`. Returns whether there are.
fn fill(
    kept: &mut [Option<Frame>],
    filled: &mut usize,
    bytes_lg2: u32,
    frames: &mut impl Frames,
    count: usize,
) -> bool {
    while *filled < count.min(kept.len()) {
        let Some(frame) = frames.allocate(TableShape::of_size(0, bytes_lg2)) else { return false };
        kept[*filled] = Some(frame);
        *filled += 1;
    }
    *filled >= count
}

// SAFETY: frames are the source's, each of them on the stack once, when it has come back.
unsafe impl<A: Frames> Frames for Stack<'_, A> {
    fn allocate(&mut self, shape: TableShape) -> Option<Frame> {
        if self.is_kept(shape)
            && let Some(last) = self.count.checked_sub(1)
            && let Some(frame) = self.kept[last].take()
        {
            self.count = last;
            return Some(frame.at_level(shape.level));
        }
        self.source.allocate(self.shape(shape))
    }

    fn free(&mut self, frame: Frame) {
        if self.is_kept(frame.shape()) && self.count < self.kept.len() {
            self.kept[self.count] = Some(frame);
            self.count += 1;
            return;
        }
        let shape = self.shape(frame.shape());
        // SAFETY: the source has handed the frame out as this shape, and the caller has given up the only value.
        self.source.free(unsafe { Frame::new(frame.address(), shape) });
    }

    fn share(&mut self, address: Oa) -> bool {
        self.source.share(address)
    }

    fn owners(&self, address: Oa) -> u32 {
        self.source.owners(address)
    }

    fn unshare(&mut self, address: Oa) -> bool {
        self.source.unshare(address)
    }
}
