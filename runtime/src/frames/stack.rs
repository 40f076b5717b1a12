//! Frames of one size on a stack in a slice, before another source.

#![expect(unsafe_code, reason = "implements an unsafe trait over another one")]

use super::Frames;
use crate::address::Oa;

/// A source that keeps frames of one size that are given back, up to the length of a slice, and takes the rest from
/// another source: a reserve, a cache, or what makes a [`Bump`](super::Bump) use its frames again.
#[derive(Debug)]
pub struct Stack<'a, A> {
    kept: &'a mut [Oa],
    count: usize,
    bytes_lg2: u32,
    source: A,
}

impl<'a, A: Frames> Stack<'a, A> {
    /// An empty stack in `kept` for frames of `2^bytes_lg2` bytes, aligned to their size, before `source`.
    pub const fn new(kept: &'a mut [Oa], bytes_lg2: u32, source: A) -> Self {
        Self { kept, count: 0, bytes_lg2, source }
    }

    /// Takes frames from the source until `count` are kept. Returns whether there are so many.
    pub fn fill(&mut self, count: usize) -> bool {
        while self.count < count.min(self.kept.len()) {
            let Some(frame) = self.source.allocate(self.bytes_lg2, self.bytes_lg2) else { return false };
            self.kept[self.count] = frame;
            self.count += 1;
        }
        self.count >= count
    }

    /// How many frames are kept.
    #[must_use]
    pub const fn kept(&self) -> usize {
        self.count
    }
}

// SAFETY: frames are the source's, each of them on the stack once, when it has come back.
unsafe impl<A: Frames> Frames for Stack<'_, A> {
    fn allocate(&mut self, bytes_lg2: u32, align_lg2: u32) -> Option<Oa> {
        if bytes_lg2 == self.bytes_lg2 && align_lg2 <= bytes_lg2 && self.count > 0 {
            self.count -= 1;
            return Some(self.kept[self.count]);
        }
        let align_lg2 = if bytes_lg2 == self.bytes_lg2 { align_lg2.max(bytes_lg2) } else { align_lg2 };
        self.source.allocate(bytes_lg2, align_lg2)
    }

    unsafe fn free(&mut self, frame: Oa, bytes_lg2: u32, align_lg2: u32) {
        let mut align_lg2 = align_lg2;
        if bytes_lg2 == self.bytes_lg2 && align_lg2 <= bytes_lg2 {
            if self.count < self.kept.len() {
                self.kept[self.count] = frame;
                self.count += 1;
                return;
            }
            align_lg2 = bytes_lg2;
        }
        // SAFETY: the frame came from the source, with the size and alignment that `allocate` asks for.
        unsafe { self.source.free(frame, bytes_lg2, align_lg2) }
    }
}
