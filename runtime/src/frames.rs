//! Where frames for tables come from.

#![expect(unsafe_code, reason = "new tables are written without looking who else does")]

mod accounted;
mod bump;
mod fragments;
mod none;
mod quota;
mod shared;
mod stack;
mod tally;

pub use accounted::{Accounted, Charge};
pub use bump::Bump;
pub use fragments::{FragmentPage, Fragments};
pub use none::NoFrames;
pub use quota::Quota;
pub use shared::{Owners, Shared};
pub use stack::Stack;
pub use tally::Tally;

use crate::address::Oa;

/// What a table of some level takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableShape {
    /// The number of the level. For accounts and logs; sources need not look at it.
    pub level: u8,
    /// lg2 of how many bytes.
    pub bytes_lg2: u32,
    /// lg2 of the bytes to a multiple of which it is aligned.
    pub align_lg2: u32,
}

impl TableShape {
    /// The shape of a table of `2^bytes_lg2` bytes that is aligned to its size.
    #[must_use]
    pub const fn of_size(level: u8, bytes_lg2: u32) -> Self {
        Self { level, bytes_lg2, align_lg2: bytes_lg2 }
    }
}

/// A frame for a table. Whoever holds the value is the only one to use the memory.
///
/// It is not an address: the address of a page that something maps cannot be given back as the frame of a table.
///
/// ```compile_fail
/// use ptgen::{Frames, NoFrames, Oa};
///
/// NoFrames.free(Oa::new(0x1000));
/// ```
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    address: Oa,
    shape: TableShape,
}

impl Frame {
    /// The frame at `address`.
    ///
    /// # Safety
    ///
    /// A source hands out this frame, with this shape; or it has done so (the level may be another one), and nobody but
    /// the caller accesses it any more, and no other value stands for it.
    #[must_use]
    pub const unsafe fn new(address: Oa, shape: TableShape) -> Self {
        Self { address, shape }
    }

    /// Where it is.
    #[inline]
    #[must_use]
    pub const fn address(&self) -> Oa {
        self.address
    }

    /// The same memory, for a table of another level that takes as much.
    #[inline]
    #[must_use]
    pub const fn at_level(self, level: u8) -> Self {
        Self { address: self.address, shape: TableShape { level, ..self.shape } }
    }

    /// What it was asked for as.
    #[inline]
    #[must_use]
    pub const fn shape(&self) -> TableShape {
        self.shape
    }
}

/// A source of frames.
///
/// # Safety
///
/// An implementation promises that a frame it hands out has the shape asked for, is initialized memory (of any content)
/// of the memory that it is used with, overlaps no other frame that is handed out, and is accessed by nobody else until
/// it is given back.
pub unsafe trait Frames {
    /// Hands out a frame of this shape, if there is one.
    fn allocate(&mut self, shape: TableShape) -> Option<Frame>;

    /// Takes a frame back that it has handed out.
    fn free(&mut self, frame: Frame);

    /// Counts one more root that owns the table at `address`, and all that is below. Returns whether it did: a source
    /// that does not count owners cannot have tables with several.
    fn share(&mut self, address: Oa) -> bool {
        let _ = address;
        false
    }

    /// How many owners of the table at `address` are counted: none if it was never shared, or is not any more.
    fn owners(&self, address: Oa) -> u32 {
        let _ = address;
        0
    }

    /// Counts one owner less of the table at `address`. Returns whether it was the last one, so that the table has to be
    /// given back. A source that does not count owners keeps what is not its own: false.
    fn unshare(&mut self, address: Oa) -> bool {
        let _ = address;
        false
    }
}

// SAFETY: everything is left to the source behind the reference, which keeps the promise.
unsafe impl<A: Frames + ?Sized> Frames for &mut A {
    #[inline]
    fn allocate(&mut self, shape: TableShape) -> Option<Frame> {
        (**self).allocate(shape)
    }

    #[inline]
    fn free(&mut self, frame: Frame) {
        (**self).free(frame);
    }

    #[inline]
    fn share(&mut self, address: Oa) -> bool {
        (**self).share(address)
    }

    #[inline]
    fn owners(&self, address: Oa) -> u32 {
        (**self).owners(address)
    }

    #[inline]
    fn unshare(&mut self, address: Oa) -> bool {
        (**self).unshare(address)
    }
}
