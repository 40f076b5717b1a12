//! The course of probing: a device copies from and to the probed addresses, and what came of it is looked up.
//!
//! A read copies the tag of the frame into the device's buffer, a write copies a number that nobody else writes into the
//! frame. Since the device has no other place for what it found than bus addresses, translation is turned off once a
//! batch, and the buffer copied out. Where a write went is looked up in all frames that have a tag.
//!
//! | what is seen | outcome |
//! |---|---|
//! | the unit reports a fault | that fault |
//! | the emulator complains of the probed address itself: nothing was translated, and nobody said why | a fault |
//! | it complains of another address | reached, where nothing is |
//! | the tag, or the number in a tagged frame | reached |
//! | nothing | untagged |

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::edu::{self, Edu};
use super::qtest::{Op, Qtest};
use super::unit::Unit;
use crate::tag::{self, FRAME};
use crate::{Access, Fault, FaultKind, Image, MachineError, Outcome, Probe};

/// What an IOMMU is told to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalidation {
    /// All that it remembers of the tables.
    Everything,
    /// What it remembers of these addresses.
    Range {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
        /// Table entries, too, and not only translations.
        tables: bool,
    },
}

/// Offsets in the area: the buffer as it is before a batch, and as it is afterwards.
const BEFORE: u64 = 0x1_0000;
const AFTER: u64 = 0x1_1000;

/// Probes in a batch: one word for each, of what was read and of what is written, has room in the device's buffer.
const BATCH: usize = 255;
const WORD: u64 = 8;
/// What writes write begins here in the buffer.
const WRITTEN: u64 = BATCH as u64 * WORD;

/// Writes go to a place of their own in a frame, from here on.
const PLACES: u64 = FRAME / 2;

/// What is in the buffer where nothing was read.
const NOTHING_READ: u64 = 0xdead_dead_dead_dead;
/// The number that the next batch's first write writes. No two sessions write the same, since a memory may have several,
/// one after the other.
static NUMBERS: AtomicU64 = AtomicU64::new(0x7074_6765_0000_0001);

/// How long a copy may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_micros(60);

/// An IOMMU that goes on running, with all that it remembers, while the tables in memory change.
///
/// [`Machine::session`](crate::Machine::session) starts one.
pub struct Session<'a> {
    image: &'a Image,
    qtest: Qtest,
    edu: Edu,
    unit: Box<dyn Unit>,
    /// Where memory for the course begins.
    area: u64,
    /// What the first write of the batch writes.
    numbers: u64,
    /// Kept open while the emulator may read it.
    _firmware: Option<File>,
}

impl<'a> Session<'a> {
    /// Turns the unit on.
    pub(super) fn start(
        image: &'a Image,
        (mut qtest, firmware): (Qtest, Option<File>),
        edu: Edu,
        unit: Box<dyn Unit>,
        area: u64,
        set_up: &[Op],
    ) -> Result<Self, MachineError> {
        let found = qtest.run(&edu.enable())?;
        if !edu::is_there(found[0]) {
            return Err(qtest.stopped("the device that copies is not there"));
        }
        qtest.run(set_up)?;
        let mut session = Self { image, qtest, edu, unit, area, numbers: 0, _firmware: firmware };
        session.switch(true)?;
        Ok(session)
    }

    /// Tries each of `probes`. Nothing is forgotten in between, or before.
    ///
    /// The emulators do not report that a translation they remember does not allow an access. Such faults are
    /// [`FaultKind::Page`].
    ///
    /// # Errors
    /// If the machine does not finish, or if a probe is none that a device can make.
    pub fn probe(&mut self, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
        self.all(probes, false)
    }

    /// Tries each of `probes`, each of them with nothing remembered.
    pub(super) fn probe_afresh(&mut self, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
        self.all(probes, true)
    }

    /// Makes the unit forget.
    ///
    /// # Errors
    /// If the machine does not finish.
    pub fn forget(&mut self, what: &Invalidation) -> Result<(), MachineError> {
        let ops = self.unit.forget(self.image, what);
        self.qtest.run(&ops)?;
        Ok(())
    }

    fn all(&mut self, probes: &[Probe], afresh: bool) -> Result<Vec<Outcome>, MachineError> {
        if let Some(probe) = probes.iter().find(|probe| probe.user || probe.access == Access::Fetch) {
            return Err(MachineError::Unsupported(format!("no device does {probe:?}")));
        }
        let mut outcomes = Vec::with_capacity(probes.len());
        for batch in probes.chunks(BATCH) {
            outcomes.extend(self.batch(batch, afresh)?);
        }
        Ok(outcomes)
    }

    fn batch(&mut self, probes: &[Probe], afresh: bool) -> Result<Vec<Outcome>, MachineError> {
        self.numbers = NUMBERS.fetch_add(BATCH as u64, Ordering::Relaxed);
        self.fill_buffer(probes.len())?;
        let mut ends = Vec::with_capacity(probes.len());
        for (index, probe) in probes.iter().enumerate() {
            ends.push(self.one(index as u64, probe, afresh)?);
        }
        self.empty_buffer()?;
        let written = self.find_writes(probes, &ends);
        let outcome = |(index, (probe, end)): (usize, (&Probe, &Option<Outcome>))| {
            end.unwrap_or_else(|| match (probe.access, written.get(&index)) {
                (Access::Write, Some(&frame)) => Outcome::Reached(frame | offset(probe.va)),
                (Access::Write, None) => Outcome::Untagged,
                _ => self.found(index as u64, probe),
            })
        };
        Ok(probes.iter().zip(&ends).enumerate().map(outcome).collect())
    }

    /// Puts into the device's buffer what writes write.
    fn fill_buffer(&mut self, count: usize) -> Result<(), MachineError> {
        let before = self.area + BEFORE;
        for index in 0..count as u64 {
            self.image.write_u64(before + WORD * index, NOTHING_READ);
            self.image.write_u64(before + WRITTEN + WORD * index, self.number(index));
        }
        let copy = self.edu.read(before, 0, edu::BUFFER_BYTES);
        self.untranslated(&copy)
    }

    /// Takes out of the device's buffer what reads found.
    fn empty_buffer(&mut self) -> Result<(), MachineError> {
        let copy = self.edu.write(0, self.area + AFTER, WRITTEN);
        self.untranslated(&copy)
    }

    /// What the write of that index in the batch writes.
    fn number(&self, index: u64) -> u64 {
        self.numbers + index
    }

    /// One probe. What it came to, if that can be said at once.
    fn one(&mut self, index: u64, probe: &Probe, afresh: bool) -> Result<Option<Outcome>, MachineError> {
        let frame = tag::frame(probe.va);
        let (va, copy) = match probe.access {
            Access::Write => {
                let va = frame + PLACES + WORD * index;
                (va, self.edu.write(WRITTEN + WORD * index, va, WORD))
            }
            _ => (frame + tag::ADDRESS, self.edu.read(frame + tag::ADDRESS, WORD * index, WORD)),
        };
        let mut ops = if afresh { self.unit.forget(self.image, &Invalidation::Everything) } else { Vec::new() };
        ops.extend(self.unit.arm(self.image));
        ops.extend(copy);
        self.qtest.run(&ops)?;
        let report = self.wait()?;
        let complaints = self.qtest.complaints()?;
        if let Some(fault) = self.unit.fault(self.image, probe, &report) {
            return Ok(Some(Outcome::Fault(fault)));
        }
        Ok(complaints.first().map(|&address| {
            if address == va {
                Outcome::Fault(Fault { kind: FaultKind::Page, level: None, syndrome: 0 })
            } else {
                Outcome::Reached(address - offset(va) + offset(probe.va))
            }
        }))
    }

    /// Waits for the end of a copy, and returns what the unit reports then.
    fn wait(&mut self) -> Result<Vec<u64>, MachineError> {
        let mut ops = vec![self.edu.poll()];
        ops.extend(self.unit.report());
        let begun = Instant::now();
        loop {
            let mut found = self.qtest.run(&ops)?;
            if found[0] & edu::RUNS == 0 {
                found.remove(0);
                return Ok(found);
            }
            if begun.elapsed() > PATIENCE {
                return Err(MachineError::Timeout { left: 1 });
            }
            thread::sleep(PAUSE);
        }
    }

    /// Copies with translation off.
    fn untranslated(&mut self, copy: &[Op]) -> Result<(), MachineError> {
        self.switch(false)?;
        self.qtest.run(copy)?;
        self.wait()?;
        self.switch(true)
    }

    fn switch(&mut self, on: bool) -> Result<(), MachineError> {
        let ops = self.unit.switch(self.image, on);
        self.qtest.run(&ops)?;
        Ok(())
    }

    /// The frames that writes reached, by the index of the probe.
    fn find_writes(&self, probes: &[Probe], ends: &[Option<Outcome>]) -> BTreeMap<usize, u64> {
        let open = |index: &usize| probes[*index].access == Access::Write && ends[*index].is_none();
        let open: Vec<usize> = (0..probes.len()).filter(open).collect();
        let mut written = BTreeMap::new();
        let mut places = [0; BATCH * WORD as usize];
        for frame in self.image.tagged() {
            self.image.read(frame + PLACES, &mut places);
            let (words, _) = places.as_chunks::<{ WORD as usize }>();
            let here = open.iter().filter(|&&index| words[index] == self.number(index as u64).to_le_bytes());
            written.extend(here.map(|&index| (index, frame)));
        }
        written
    }

    /// Where a read arrived, by what it found.
    fn found(&self, index: u64, probe: &Probe) -> Outcome {
        let found = self.image.read_u64(self.area + AFTER + WORD * index);
        match self.image.is_tagged(found) {
            true => Outcome::Reached(found | offset(probe.va)),
            false => Outcome::Untagged,
        }
    }
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("unit", &self.unit).finish_non_exhaustive()
    }
}

/// The offset in its frame.
fn offset(address: u64) -> u64 {
    address & (FRAME - 1)
}
