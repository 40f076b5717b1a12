//! What can go wrong with a machine, as opposed to what it reports.

use std::fmt;
use std::io;

use crate::Probe;

/// A machine did not run, or did not finish.
#[derive(Debug)]
pub enum MachineError {
    /// The configuration is for another architecture, or asks for what the machine does not have.
    Unsupported(String),
    /// The image does not have the base and size of [`Machine::new_image`](crate::Machine::new_image).
    WrongImage(String),
    /// The root is not in [`Machine::memory`](crate::Machine::memory).
    RootOutside(u64),
    /// A probe hits an address of [`Machine::reserved`](crate::Machine::reserved), where it would harm the stub.
    ReservedProbe(Probe),
    /// The machine could not be started.
    Start(io::Error),
    /// The machine stopped early. The usual reason is that the tables do not map
    /// [`Machine::reserved`](crate::Machine::reserved) as asked.
    Stopped {
        /// How it stopped.
        reason: String,
        /// How many probes were not finished.
        left: u64,
    },
    /// The machine ran for too long and was abandoned.
    Timeout {
        /// How many probes were not finished.
        left: u64,
    },
    /// The machine finished, but left no result for a probe.
    NoResult(Probe),
    /// A write was reported to have reached a frame, but is not in its memory.
    LostWrite {
        /// The write.
        probe: Probe,
        /// The frame.
        frame: u64,
        /// What was stored.
        expected: u64,
        /// What the memory holds.
        found: u64,
    },
}

impl fmt::Display for MachineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(what) => write!(f, "this machine cannot do that: {what}"),
            Self::WrongImage(what) => write!(f, "the image does not fit the machine: {what}"),
            Self::RootOutside(root) => write!(f, "the root {root:#x} is outside the memory for tables"),
            Self::ReservedProbe(probe) => {
                write!(f, "a probe of {:#x} would hit the reserved addresses of the machine", probe.va)
            }
            Self::Start(error) => write!(f, "the machine could not be started: {error}"),
            Self::Stopped { reason, left } => {
                write!(f, "the machine stopped with {left} probes left: {reason} (are the reserved ranges mapped?)")
            }
            Self::Timeout { left } => {
                write!(f, "the machine ran for too long, with {left} probes left")
            }
            Self::NoResult(probe) => write!(f, "no result for the probe of {:#x}", probe.va),
            Self::LostWrite { probe, frame, expected, found } => write!(
                f,
                "a write to {:#x} was reported to reach the frame {frame:#x}, whose scratch word is {found} and not {expected}",
                probe.va
            ),
        }
    }
}

impl std::error::Error for MachineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for MachineError {
    fn from(error: io::Error) -> Self {
        Self::Start(error)
    }
}
