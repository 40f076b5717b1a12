//! Frames taken before, for operations that may not allocate.

#![expect(unsafe_code, reason = "implements an unsafe trait over frames that it holds")]

use core::fmt;
use core::mem;

use crate::alarm::Place;
use crate::engine::reserve::{Reserve, can_hold, shape};
use crate::format::{Format, Level, RootVisitor};
use crate::frames::{Frame, Frames, TableShape};
use crate::memory::Memory;
use crate::tables::table::NewTable;

/// Frames by level, in front of no source: what an operation takes comes out of it, what is given back is held. Made by
/// [`RangeMut::prepare`](crate::RangeMut::prepare) and [`Plan::reserve`](crate::Plan::reserve), used through
/// [`Context::with_frames`](crate::Context::with_frames).
///
/// What it holds hangs together in lists through the frames themselves, so it takes no memory. What is left goes back
/// through [`release`](Self::release); to drop it with frames in it is to lose them, and in debug builds a panic which
/// says where they were taken.
#[must_use = "the frames it holds go back by `release`"]
pub struct Reservation<F: Format, M: Memory> {
    format: F,
    memory: M,
    reserve: Reserve,
    place: Place,
}

impl<F: Format, M: Memory> Reservation<F, M> {
    pub(crate) const fn new(format: F, memory: M, reserve: Reserve, place: Place) -> Self {
        Self { format, memory, reserve, place }
    }

    /// How many frames for tables of `level` it holds. Zero for levels that there are none of.
    #[must_use]
    pub fn count(&self, level: u8) -> u64 {
        self.reserve.count(level)
    }

    /// How many frames it holds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.reserve.total()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// Gives all it holds back to `frames`, from which it was taken.
    ///
    /// Frames that the memory does not reach any more are lost.
    pub fn release(mut self, frames: &mut impl Frames) {
        mem::take(&mut self.reserve).give_back(self.format, &self.memory, frames);
    }

    /// Holds what `other` holds as well: for operations in several ranges.
    ///
    /// Frames that the memory does not reach any more are lost.
    pub fn merge(mut self, other: Self) -> Self {
        other.release(&mut self);
        self
    }
}

// SAFETY: a frame comes from the source that it was taken from; it is in one list until it is handed out, and no value
// stands for it meanwhile.
unsafe impl<F: Format, M: Memory> Frames for Reservation<F, M> {
    /// None but those of this very shape.
    fn allocate(&mut self, shape: TableShape) -> Option<Frame> {
        if self.reserve.count(shape.level) == 0 {
            return None;
        }
        self.format.root(TakeOne { reservation: self, shape })
    }

    /// Holds it. A frame that no table of the format takes, or that the memory does not reach, is lost.
    fn free(&mut self, frame: Frame) {
        self.format.root(PutOne { reservation: self, frame });
    }
}

impl<F: Format, M: Memory> Drop for Reservation<F, M> {
    fn drop(&mut self) {
        if !self.is_empty() {
            self.place.alarm("frames of the reservation made");
        }
    }
}

impl<F: Format, M: Memory> fmt::Debug for Reservation<F, M> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Reservation({:?})", self.reserve.counts())
    }
}

struct TakeOne<'a, F: Format, M: Memory> {
    reservation: &'a mut Reservation<F, M>,
    shape: TableShape,
}

impl<F: Format, M: Memory> RootVisitor<F> for TakeOne<'_, F, M> {
    type Output = Option<Frame>;

    fn visit<L: Level<Format = F>>(self) -> Option<Frame> {
        if L::IS_FLOOR {
            return None;
        }
        if L::NUMBER != self.shape.level {
            return self.visit::<L::Below>();
        }
        let Reservation { format, memory, reserve, .. } = self.reservation;
        if shape::<L>(*format) != self.shape {
            return None;
        }
        let table = reserve.take::<L, M>(*format, memory).ok()?;
        // SAFETY: it was handed out as this shape, and has been taken out of the only list in which it was.
        Some(unsafe { Frame::new(table.address(), self.shape) })
    }
}

struct PutOne<'a, F: Format, M: Memory> {
    reservation: &'a mut Reservation<F, M>,
    frame: Frame,
}

impl<F: Format, M: Memory> RootVisitor<F> for PutOne<'_, F, M> {
    type Output = ();

    fn visit<L: Level<Format = F>>(self) {
        if L::IS_FLOOR {
            return;
        }
        if L::NUMBER != self.frame.shape().level {
            return self.visit::<L::Below>();
        }
        let Reservation { format, memory, reserve, .. } = self.reservation;
        if shape::<L>(*format) == self.frame.shape() && can_hold::<L>(*format) {
            let _ = reserve.put(*format, memory, NewTable::<L>::in_frame(self.frame.address()));
        }
    }
}
