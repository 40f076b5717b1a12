//! What a result of the stub means.

use super::stub::{ACCESSED, TRANSLATED};
use crate::control::{self, Record};
use crate::{Access, Fault, FaultKind, Image, Outcome, Probe, tag};

/// `PAR_EL1.F`: the translation failed (Arm DDI 0487, "PAR_EL1, Physical Address Register").
const FAILED: u64 = 1;
/// `PAR_EL1.FST` begins here.
const STATUS_SHIFT: u32 = 1;
/// `PAR_EL1.PA`.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// `ESR_EL2.EC` begins here (Arm DDI 0487, "ESR_EL2, Exception Syndrome Register").
const CLASS_SHIFT: u32 = 26;
/// An `hvc` in AArch32 state, whose operand is the number of the vector.
const CLASS_CALL: u64 = 0x12;
/// Vectors of AArch32 (DDI 0487, "AArch32 state exception vector tables").
const SUPERVISOR_CALL: u64 = 2;
const PREFETCH_ABORT: u64 = 3;
const DATA_ABORT: u64 = 4;

/// `IFSR.LPAE`: the status is that of the long descriptors (DDI 0487, "IFSR, Instruction Fault Status Register").
const LONG: u64 = 1 << 9;
/// The fault status code of long descriptors, in `PAR_EL1.FST` as in `IFSR`.
const STATUS: u64 = 0x3f;

/// From the start of a tag's code to the instruction behind its `svc`.
const BEHIND_CALL: u64 = 12;
/// The lower half of a register.
const HALF: u64 = 0xffff_ffff;

/// The outcome of `probe`.
pub(super) fn decode(image: &Image, probe: &Probe, record: &Record) -> Outcome {
    match (probe.access, record.cause) {
        (Access::Fetch, _) => fetch(image, probe, record),
        (_, TRANSLATED) if record.syndrome & FAILED == 0 => {
            Outcome::Reached(record.syndrome & ADDRESS | probe.va & (tag::FRAME - 1))
        }
        (_, TRANSLATED) => Outcome::Fault(long(record.syndrome >> STATUS_SHIFT & STATUS)),
        _ => really(probe, record),
    }
}

/// An access that was made: `record` has `ESR_EL2`, `DFSR` and, in the lower half of `FAR_EL1`, `DFAR`.
fn really(probe: &Probe, record: &Record) -> Outcome {
    let called = record.cause >> CLASS_SHIFT & 0x3f == CLASS_CALL;
    match record.cause & 0xffff {
        DATA_ABORT if called && record.address & HALF == tag::frame(probe.va) => Outcome::Fault(status(record.pc)),
        number if called && number == u64::from(ACCESSED) => Outcome::Untagged,
        _ => other(record.cause),
    }
}

fn other(syndrome: u64) -> Outcome {
    Outcome::Fault(Fault { kind: FaultKind::Other, level: None, syndrome })
}

/// `record` has `ESR_EL2`, `IFSR32_EL2`, `r0`, `LR_svc` and, in the upper half of `FAR_EL1`, `IFAR`.
fn fetch(image: &Image, probe: &Probe, record: &Record) -> Outcome {
    if record.cause >> CLASS_SHIFT & 0x3f != CLASS_CALL {
        return other(record.cause);
    }
    let code = tag::frame(probe.va) + tag::ARM32_CODE;
    match record.cause & 0xffff {
        PREFETCH_ABORT if record.address >> 32 == code => Outcome::Fault(status(record.syndrome)),
        SUPERVISOR_CALL if record.check & HALF == code + BEHIND_CALL => {
            // The code in the tag loads the number of the frame, of which a register has 32 bits.
            control::fetched(image, probe, (record.found & HALF) * tag::FRAME)
        }
        _ => Outcome::Untagged,
    }
}

/// `IFSR` or `DFSR`.
fn status(register: u64) -> Fault {
    if register & LONG != 0 { long(register & STATUS) } else { short(register & 0xf | register >> 6 & 0x10) }
}

/// A fault status code of the long descriptors (Arm DDI 0487, "Long-descriptor format FSR encodings"). `PAR_EL1` has these
/// for short descriptors, too.
fn long(status: u64) -> Fault {
    let level = Some((status & 3) as i8);
    let (kind, level) = match status {
        0x00..=0x03 => (FaultKind::AddressSize, level),
        0x04..=0x07 => (FaultKind::NotPresent, level),
        0x08..=0x0b => (FaultKind::AccessFlag, level),
        0x0c..=0x0f => (FaultKind::Permission, level),
        // An external abort, on the access or on the load of an entry.
        0x10 => (FaultKind::NoMemory, None),
        0x14..=0x17 => (FaultKind::NoMemory, level),
        _ => (FaultKind::Other, None),
    };
    Fault { kind, level, syndrome: status }
}

/// A fault status code of the short descriptors (DDI 0487, "Short-descriptor format FSR encodings").
fn short(status: u64) -> Fault {
    let (kind, level) = match status {
        0b0_0101 => (FaultKind::NotPresent, Some(1)),
        0b0_0111 => (FaultKind::NotPresent, Some(2)),
        0b0_0011 => (FaultKind::AccessFlag, Some(1)),
        0b0_0110 => (FaultKind::AccessFlag, Some(2)),
        0b0_1001 => (FaultKind::Domain, Some(1)),
        0b0_1011 => (FaultKind::Domain, Some(2)),
        0b0_1101 => (FaultKind::Permission, Some(1)),
        0b0_1111 => (FaultKind::Permission, Some(2)),
        0b0_1000 => (FaultKind::NoMemory, None),
        0b0_1100 => (FaultKind::NoMemory, Some(1)),
        0b0_1110 => (FaultKind::NoMemory, Some(2)),
        _ => (FaultKind::Other, None),
    };
    Fault { kind, level, syndrome: status }
}
