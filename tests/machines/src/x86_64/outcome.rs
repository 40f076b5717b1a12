//! What a result of the stub means.

use super::layout::BREAKPOINT;
use super::stub;
use crate::control::{self, Record};
use crate::{Access, Fault, FaultKind, Image, Outcome, Probe, tag};

const STACK_FAULT: u64 = 12;
const GENERAL_PROTECTION: u64 = 13;
const PAGE_FAULT: u64 = 14;

/// Page-fault error code (Intel SDM vol. 3A, 5.7 "Page-Fault Exceptions"): the fault is not for an absent entry.
const PRESENT: u64 = 1 << 0;
/// Page-fault error code: a reserved bit is set.
const RESERVED: u64 = 1 << 3;

/// The outcome of `probe`.
pub(crate) fn decode(image: &Image, probe: &Probe, record: &Record) -> Outcome {
    let frame = tag::frame(probe.va);
    let code = frame.wrapping_add(tag::X86_64_CODE);
    match (record.cause, probe.access) {
        (BREAKPOINT, Access::Read | Access::Write) => control::reached(probe, record.found, record.check),
        (BREAKPOINT, Access::Fetch) if stub::contains(record.pc) => control::fetched(image, probe, record.found),
        (PAGE_FAULT, _) if is_first_touch(probe, record) => fault(page_fault(record.syndrome), record),
        (STACK_FAULT | GENERAL_PROTECTION, Access::Read | Access::Write) => fault(FaultKind::NotCanonical, record),
        // A jump to a VA that is not canonical faults before it (processors) or after it (QEMU).
        (GENERAL_PROTECTION, Access::Fetch) if record.pc == code || stub::contains(record.pc) => {
            fault(FaultKind::NotCanonical, record)
        }
        // Whatever stood there was executed.
        (_, Access::Fetch) => Outcome::Untagged,
        _ => fault(FaultKind::Other, record),
    }
}

/// Whether the page fault was for the address that the probe touches first, and not for one that code found in an
/// untagged frame made up.
fn is_first_touch(probe: &Probe, record: &Record) -> bool {
    let offset = match probe.access {
        Access::Read => tag::ADDRESS,
        Access::Write => tag::SCRATCH,
        Access::Fetch => tag::X86_64_CODE,
    };
    record.address == tag::frame(probe.va).wrapping_add(offset)
}

fn page_fault(error_code: u64) -> FaultKind {
    if error_code & RESERVED != 0 {
        FaultKind::Reserved
    } else if error_code & PRESENT == 0 {
        FaultKind::NotPresent
    } else {
        FaultKind::Permission
    }
}

fn fault(kind: FaultKind, record: &Record) -> Outcome {
    Outcome::Fault(Fault { kind, level: None, syndrome: record.cause << 32 | record.syndrome & 0xffff_ffff })
}
