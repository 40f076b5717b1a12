//! Frames that somebody pays for.

#![expect(unsafe_code, reason = "hands out the frames of another source")]

use super::{Frame, Frames, TableShape};
use crate::address::Oa;

/// Somebody who pays for tables.
///
/// What is charged may be a counter of one owner, or of several, as with memory control groups. Owners that several
/// processors charge at once bring their own atomics: a shared reference to such an owner can implement this as well.
pub trait Charge {
    /// Charges a frame of this shape. Returns whether the owner may have it; if not, nothing is charged.
    fn charge(&mut self, shape: TableShape) -> bool;

    /// Takes the charge for a frame of this shape back: the frame has been given back.
    fn uncharge(&mut self, shape: TableShape);

    /// Takes the charge for a frame of this shape back that was never handed out: there was none.
    fn revoke(&mut self, shape: TableShape) {
        self.uncharge(shape);
    }
}

impl<C: Charge + ?Sized> Charge for &mut C {
    fn charge(&mut self, shape: TableShape) -> bool {
        (**self).charge(shape)
    }

    fn uncharge(&mut self, shape: TableShape) {
        (**self).uncharge(shape);
    }

    fn revoke(&mut self, shape: TableShape) {
        (**self).revoke(shape);
    }
}

/// A source that hands out frames of another one and charges an owner for them, whom the caller names.
///
/// A frame is charged before it is asked for, and the charge is taken back when the frame goes back to the source: after
/// the flush, that is, and not when its table is unlinked. Whoever runs the operation does not matter: the owner that the
/// context names pays, so a tree is given back with the owner it was made with, or with the one that its charges were
/// [moved](super::Tally::move_to) to.
///
/// It stands before sources that hold frames back, a [`Stack`](super::Stack) or [`Fragments`](super::Fragments), where
/// each table is to be paid for, and behind them where pages are, used or not.
///
/// See [`Tally`](super::Tally) for an owner that counts.
#[derive(Clone, Copy, Debug)]
pub struct Accounted<A, C> {
    frames: A,
    owner: C,
}

impl<A: Frames, C: Charge> Accounted<A, C> {
    /// The frames of `frames`, which `owner` pays for.
    pub const fn new(frames: A, owner: C) -> Self {
        Self { frames, owner }
    }

    /// Who pays.
    pub const fn owner(&self) -> &C {
        &self.owner
    }

    /// Who pays, to be changed.
    pub const fn owner_mut(&mut self) -> &mut C {
        &mut self.owner
    }

    /// The source, and who pays.
    pub fn into_parts(self) -> (A, C) {
        (self.frames, self.owner)
    }
}

// SAFETY: every frame comes from the source inside, which keeps the promise.
unsafe impl<A: Frames, C: Charge> Frames for Accounted<A, C> {
    fn allocate(&mut self, shape: TableShape) -> Option<Frame> {
        if !self.owner.charge(shape) {
            return None;
        }
        let frame = self.frames.allocate(shape);
        if frame.is_none() {
            self.owner.revoke(shape);
        }
        frame
    }

    fn free(&mut self, frame: Frame) {
        let shape = frame.shape();
        self.frames.free(frame);
        self.owner.uncharge(shape);
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
