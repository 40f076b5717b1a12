//! What a result of the stub means.

use super::stub::{EXCEPTION, OTHER, TRANSLATED};
use crate::control::{self, Record};
use crate::{Access, Fault, FaultKind, Image, Outcome, Probe, tag};

/// `PAR_EL1.F`: the translation failed (Arm DDI 0487, "PAR_EL1, Physical Address Register").
const FAILED: u64 = 1;
/// `PAR_EL1.FST` begins here.
const STATUS_SHIFT: u32 = 1;
/// `PAR_EL1.PA`.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// `ESR_EL1.EC` begins here (Arm DDI 0487, "ESR_EL1, Exception Syndrome Register").
const CLASS_SHIFT: u32 = 26;
const CLASS_SUPERVISOR_CALL: u64 = 0x15;
const CLASS_FETCH_FROM_EL0: u64 = 0x20;
const CLASS_FETCH_FROM_EL1: u64 = 0x21;
/// The fault status code, in `PAR_EL1.FST` as in `ESR_EL1.ISS.IFSC`.
const STATUS: u64 = 0x3f;

/// From the start of a tag's code to the instruction behind its `svc`.
const BEHIND_CALL: u64 = 20;

/// The outcome of `probe`.
pub(super) fn decode(image: &Image, probe: &Probe, record: &Record) -> Outcome {
    match record.cause {
        TRANSLATED if record.syndrome & FAILED == 0 => {
            Outcome::Reached(record.syndrome & ADDRESS | probe.va & (tag::FRAME - 1))
        }
        TRANSLATED => Outcome::Fault(fault(record.syndrome >> STATUS_SHIFT & STATUS)),
        EXCEPTION if probe.access == Access::Fetch => fetch(image, probe, record),
        OTHER if probe.access == Access::Fetch && is_stage2(probe, record) => {
            Outcome::Fault(fault(record.syndrome & STATUS))
        }
        _ => Outcome::Fault(Fault { kind: FaultKind::Other, level: None, syndrome: record.syndrome }),
    }
}

/// Whether the exception to EL2 is that the fetch was refused by stage 2 (DDI 0487, "ESR_EL2": an instruction abort from a
/// lower exception level).
fn is_stage2(probe: &Probe, record: &Record) -> bool {
    record.syndrome >> CLASS_SHIFT & 0x3f == CLASS_FETCH_FROM_EL0
        && record.address == tag::frame(probe.va).wrapping_add(tag::AARCH64_CODE)
}

fn fetch(image: &Image, probe: &Probe, record: &Record) -> Outcome {
    let code = tag::frame(probe.va).wrapping_add(tag::AARCH64_CODE);
    match record.syndrome >> CLASS_SHIFT & 0x3f {
        CLASS_FETCH_FROM_EL0 | CLASS_FETCH_FROM_EL1 if record.address == code => {
            Outcome::Fault(fault(record.syndrome & STATUS))
        }
        CLASS_SUPERVISOR_CALL if record.pc == code.wrapping_add(BEHIND_CALL) => {
            control::fetched(image, probe, record.found)
        }
        _ => Outcome::Untagged,
    }
}

/// A fault status code (Arm DDI 0487, "ESR_EL1", the field IFSC).
fn fault(status: u64) -> Fault {
    let level = (status & 3) as i8;
    let (kind, level) = match status {
        0x00..=0x03 => (FaultKind::AddressSize, Some(level)),
        0x29 => (FaultKind::AddressSize, Some(-1)),
        0x04..=0x07 => (FaultKind::NotPresent, Some(level)),
        0x2b => (FaultKind::NotPresent, Some(-1)),
        0x08..=0x0b => (FaultKind::AccessFlag, Some(level)),
        0x0c..=0x0f => (FaultKind::Permission, Some(level)),
        // An external abort, on the access or on the load of an entry.
        0x10 => (FaultKind::NoMemory, None),
        0x13 => (FaultKind::NoMemory, Some(-1)),
        0x14..=0x17 => (FaultKind::NoMemory, Some(level)),
        _ => (FaultKind::Other, None),
    };
    Fault { kind, level, syndrome: status }
}
