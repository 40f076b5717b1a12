//! The part of a machine's memory that belongs to the probing stub.
//!
//! Two MiB, at a physical address that each machine chooses:
//!
//! | offset | what |
//! |---|---|
//! | 0x0000 | the stub's text |
//! | 0x1000 | text that runs with the rights of a user, or exception vectors |
//! | 0x2000 | the header: counters, then settings for the stub, then its reports |
//! | 0x3000 | tables that the architecture needs, and the stack |
//! | 0x10000 | the probes, 16 bytes each |
//! | 0x50000 | the results, 64 bytes each |
//!
//! The stub reads the header and the probes, and writes one result a probe.

use crate::tag;
use crate::{Image, Machine, MachineError, Outcome, Probe};

/// Bytes of the control area.
pub(crate) const BYTES: u64 = 0x20_0000;
/// Offset of the second page of text.
pub(crate) const TEXT2: u64 = 0x1000;
/// Offset of the header.
pub(crate) const HEADER: u64 = 0x2000;
/// Offset of what the architecture needs.
pub(crate) const PRIVATE: u64 = 0x3000;
/// Offset of the probes.
pub(crate) const PROBES: u64 = 0x1_0000;
/// Offset of the results.
pub(crate) const RESULTS: u64 = 0x5_0000;
/// Bytes of a probe: the VA, then the operation and the value to store, 32 bits each.
pub(crate) const PROBE_BYTES: u64 = 16;
/// Bytes of a result: [`Record`].
pub(crate) const RESULT_BYTES: u64 = 64;
/// Probes in one run.
pub(crate) const CAPACITY: usize = 0x4000;

/// Offsets within the header.
pub(crate) mod header {
    /// [`super::DONE`] when the stub has finished.
    pub(crate) const STATE: u64 = 0;
    /// Number of probes.
    pub(crate) const COUNT: u64 = 8;
    /// Number of probes that have not finished.
    pub(crate) const LEFT: u64 = 16;
    /// First of the architecture's settings.
    pub(crate) const SETTINGS: u64 = 64;
    /// First of the stub's reports.
    pub(crate) const REPORTS: u64 = 512;
}

/// The stub's last word.
pub(crate) const DONE: u64 = 0x656e_6f64;
/// Operation bit: with the rights of a user. The bits below it are the access.
pub(crate) const USER: u64 = 4;
/// Cause in a result that was never written.
const UNTOUCHED: u64 = u64::MAX;

/// A result as the stub left it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// How the probe ended: a vector, a trap cause.
    pub(crate) cause: u64,
    /// More about it: an error code, a syndrome.
    pub(crate) syndrome: u64,
    /// The first word found.
    pub(crate) found: u64,
    /// The check word found.
    pub(crate) check: u64,
    /// The address that faulted.
    pub(crate) address: u64,
    /// Where the program was.
    pub(crate) pc: u64,
}

/// The control area of an image.
#[derive(Clone, Copy)]
pub(crate) struct Control<'a> {
    pub(crate) image: &'a Image,
    pub(crate) base: u64,
}

impl<'a> Control<'a> {
    /// The control area at the physical address `base`.
    pub(crate) fn new(image: &'a Image, base: u64) -> Self {
        Self { image, base }
    }

    /// Writes at an offset of the area.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) {
        self.image.write(self.base + offset, bytes);
    }

    /// Sets the `index`-th setting.
    pub(crate) fn set(&self, index: u64, value: u64) {
        self.image.write_u64(self.base + HEADER + header::SETTINGS + 8 * index, value);
    }

    /// The `index`-th report.
    pub(crate) fn report(&self, index: u64) -> u64 {
        self.image.read_u64(self.base + HEADER + header::REPORTS + 8 * index)
    }

    /// Writes the probes and makes sure that no result of an earlier run is taken for one of this.
    /// `va` is the VA to hand to the stub.
    pub(crate) fn load(&self, probes: &[Probe], va: impl Fn(&Probe) -> u64) {
        assert!(probes.len() <= CAPACITY);
        let mut bytes = Vec::with_capacity(probes.len() * PROBE_BYTES as usize);
        for (index, probe) in probes.iter().enumerate() {
            let user = if probe.user { USER } else { 0 };
            let operation = (probe.access.number() | user) | (stored(index) << 32);
            bytes.extend_from_slice(&va(probe).to_le_bytes());
            bytes.extend_from_slice(&operation.to_le_bytes());
            let result = self.base + RESULTS + RESULT_BYTES * index as u64;
            self.image.write_u64(result, UNTOUCHED);
        }
        self.write(PROBES, &bytes);
        let header = self.base + HEADER;
        self.image.write_u64(header + header::STATE, 0);
        self.image.write_u64(header + header::COUNT, probes.len() as u64);
        self.image.write_u64(header + header::LEFT, probes.len() as u64);
    }

    /// Whether the stub has finished.
    pub(crate) fn done(&self) -> bool {
        self.image.read_u64(self.base + HEADER + header::STATE) == DONE
    }

    /// Number of probes that have not finished.
    pub(crate) fn left(&self) -> u64 {
        self.image.read_u64(self.base + HEADER + header::LEFT)
    }

    /// The `index`-th result, if there is one.
    pub(crate) fn record(&self, index: usize) -> Option<Record> {
        let at = self.base + RESULTS + RESULT_BYTES * index as u64;
        let word = |n: u64| self.image.read_u64(at + 8 * n);
        (word(0) != UNTOUCHED).then(|| Record {
            cause: word(0),
            syndrome: word(1),
            found: word(2),
            check: word(3),
            address: word(4),
            pc: word(5),
        })
    }
}

/// What the `index`-th probe of a run stores if it is a write.
pub(crate) fn stored(index: usize) -> u64 {
    index as u64 + 1
}

/// The outcome of a probe that found `found` and `check` at the start of the frame.
pub(crate) fn reached(probe: &Probe, found: u64, check: u64) -> Outcome {
    if found ^ check == tag::CHECK {
        Outcome::Reached(found | (probe.va & (tag::FRAME - 1)))
    } else {
        Outcome::Untagged
    }
}

/// The outcome of a fetch that came back with `frame` in a register.
///
/// The register could be a coincidence, so the frame must have been tagged.
pub(crate) fn fetched(image: &Image, probe: &Probe, frame: u64) -> Outcome {
    if frame == tag::frame(frame) && image.contains(frame, tag::FRAME) && image.read_u64(frame + tag::ADDRESS) == frame
    {
        let check = image.read_u64(frame + tag::CHECK_WORD);
        reached(probe, frame, check)
    } else {
        Outcome::Untagged
    }
}

/// Checks that each frame's scratch word holds what the last write that reached the frame stored.
pub(crate) fn verify_writes(image: &Image, probes: &[Probe], outcomes: &[Outcome]) -> Result<(), MachineError> {
    let mut last = std::collections::BTreeMap::new();
    for (index, (probe, outcome)) in probes.iter().zip(outcomes).enumerate() {
        if let (crate::Access::Write, Outcome::Reached(oa)) = (probe.access, outcome) {
            last.insert(tag::frame(*oa), index);
        }
    }
    for (frame, index) in last {
        if !image.contains(frame, tag::FRAME) {
            continue;
        }
        let scratch = image.read_u64(frame + tag::SCRATCH);
        if scratch != stored(index) {
            return Err(MachineError::LostWrite {
                probe: probes[index],
                frame,
                expected: stored(index),
                found: scratch,
            });
        }
    }
    Ok(())
}

/// Refuses a root that is not in the memory that tables may use.
pub(crate) fn check_root(machine: &dyn Machine, root: u64) -> Result<(), MachineError> {
    if machine.memory().contains(&root) { Ok(()) } else { Err(MachineError::RootOutside(root)) }
}

/// Refuses probes that would overwrite the stub.
pub(crate) fn refuse_reserved(machine: &dyn Machine, probes: &[Probe]) -> Result<(), MachineError> {
    for probe in probes {
        for reserved in machine.reserved() {
            if probe.va.wrapping_sub(reserved.va) < reserved.bytes {
                return Err(MachineError::ReservedProbe(*probe));
            }
        }
    }
    Ok(())
}

/// Runs the probes that `machine` answers, by `run`; the others come back as unanswered.
pub(crate) fn if_answered(
    machine: &dyn Machine,
    probes: &[Probe],
    run: impl FnOnce(&[Probe]) -> Result<Vec<Outcome>, MachineError>,
) -> Result<Vec<Outcome>, MachineError> {
    let asked: Vec<Probe> = probes.iter().filter(|it| machine.answers(it)).copied().collect();
    let mut outcomes = run(&asked)?.into_iter();
    Ok(probes
        .iter()
        .map(|probe| match machine.answers(probe) {
            true => outcomes.next().expect("one outcome a probe"),
            false => Outcome::Unanswered,
        })
        .collect())
}

/// Whether write probes store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writes {
    /// They store into the frame that they reach.
    Real,
    /// They only ask for a translation.
    Asked,
}

/// Runs `probes` in batches that fit the control area: `run` runs one, `decode` reads one result.
pub(crate) fn in_batches(
    control: Control<'_>,
    writes: Writes,
    probes: &[Probe],
    mut run: impl FnMut() -> Result<(), MachineError>,
    decode: impl Fn(&Probe, &Record) -> Outcome,
) -> Result<Vec<Outcome>, MachineError> {
    let mut outcomes = Vec::with_capacity(probes.len());
    for batch in probes.chunks(CAPACITY) {
        control.load(batch, |probe| tag::frame(probe.va));
        run()?;
        let first = outcomes.len();
        for (index, probe) in batch.iter().enumerate() {
            let record = control.record(index).ok_or(MachineError::NoResult(*probe))?;
            outcomes.push(decode(probe, &record));
        }
        if writes == Writes::Real {
            verify_writes(control.image, batch, &outcomes[first..])?;
        }
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::verify_writes;
    use crate::{Access, Image, MachineError, Outcome, Probe, tag};

    #[test]
    fn a_write_must_be_in_memory() {
        let image = Image::new(0, 1 << 20).unwrap();
        let probes = [1, 2, 3].map(|page| Probe::supervisor(page << 12, Access::Write));
        // The first and the last went to the same frame.
        let outcomes = [0x5000, 0x6000, 0x5008].map(Outcome::Reached);
        image.write_u64(0x5000 + tag::SCRATCH, 3);
        image.write_u64(0x6000 + tag::SCRATCH, 2);
        assert!(verify_writes(&image, &probes, &outcomes).is_ok());
        image.write_u64(0x5000 + tag::SCRATCH, 1);
        let error = verify_writes(&image, &probes, &outcomes).unwrap_err();
        assert!(
            matches!(error, MachineError::LostWrite { probe, frame: 0x5000, expected: 3, found: 1 } if probe == probes[2])
        );
    }
}
