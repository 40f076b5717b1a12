//! What the units have in common: structures in memory, a switch, reports of faults, and caches that can be told to forget.

use std::fmt;

use super::qtest::Op;
use crate::{Fault, Image, Invalidation, Mmu, Probe};

/// An IOMMU in front of one device.
pub(super) trait Unit: fmt::Debug {
    /// Writes what the unit reads from memory for these tables, and says how it is told. Translation stays off.
    fn set_up(&mut self, image: &Image, mmu: &Mmu) -> Vec<Op>;

    /// Turns translation on or off; off, bus addresses are physical addresses. What was remembered of the tables stays so.
    fn switch(&mut self, image: &Image, on: bool) -> Vec<Op>;

    /// Makes it ready to report the next fault.
    fn arm(&self, image: &Image) -> Vec<Op>;

    /// The registers in which it reports, if it does in registers.
    fn report(&self) -> Vec<Op>;

    /// What it reported of this probe.
    fn fault(&self, image: &Image, probe: &Probe, report: &[u64]) -> Option<Fault>;

    /// Makes it forget.
    fn forget(&mut self, image: &Image, what: &Invalidation) -> Vec<Op>;
}

/// A queue of commands of 16 bytes in memory, read by the unit.
#[derive(Debug)]
pub(super) struct Queue {
    /// Where it is.
    pub(super) base: u64,
    /// How many commands were written, ever.
    written: u64,
}

/// lg2 of the number of commands in a queue.
pub(super) const QUEUE_LG2: u64 = 8;

/// Bytes of a command.
pub(super) const COMMAND_BYTES: u64 = 16;

impl Queue {
    pub(super) fn at(base: u64) -> Self {
        Self { base, written: 0 }
    }

    /// Appends a command. The emulators work through all there is as soon as they are told, so there is always room.
    pub(super) fn push(&mut self, image: &Image, command: [u64; 2]) {
        let at = self.base + self.slot() * COMMAND_BYTES;
        image.write_u64(at, command[0]);
        image.write_u64(at + 8, command[1]);
        self.written += 1;
    }

    /// The number of the slot that comes next.
    pub(super) fn slot(&self) -> u64 {
        self.written & ((1 << QUEUE_LG2) - 1)
    }

    /// The same with a bit above that tells odd rounds from even ones.
    pub(super) fn slot_and_round(&self) -> u64 {
        self.written & ((2 << QUEUE_LG2) - 1)
    }
}
