//! What a result of the hypervisor means.

use super::places::WINDOW;
use super::stub::ARRIVED;
use crate::control::{self, Record};
use crate::{Access, Fault, FaultKind, Image, Outcome, Probe, tag};

// Why a guest came back (AMD APM vol. 2, appendix C "SVM Intercept Exit Codes"): an exception of its own, or a fault of
// nested tables.
const UNDEFINED: u64 = 0x40 + 6;
const PAGE_FAULT: u64 = 0x40 + 14;
const NESTED_FAULT: u64 = 0x400;

// Error codes of both (AMD APM vol. 2, "Page-Fault Exception", "Nested versus Guest Page Faults").
const PRESENT: u64 = 1 << 0;
const RESERVED: u64 = 1 << 3;

/// The outcome of `probe`.
pub(super) fn decode(image: &Image, probe: &Probe, record: &Record, is_protected: bool) -> Outcome {
    let frame = tag::frame(probe.va);
    let code = if is_protected { tag::X86_CODE } else { tag::X86_64_CODE };
    let touched = frame.wrapping_add(match probe.access {
        Access::Read => tag::ADDRESS,
        Access::Write => tag::SCRATCH,
        Access::Fetch => code,
    });
    let refused = if is_protected { PAGE_FAULT } else { NESTED_FAULT };
    match (record.cause, probe.access) {
        (cause, _) if cause == refused && record.address == touched => fault(kind(record.syndrome), record),
        (UNDEFINED, Access::Read | Access::Write) if record.pc == ARRIVED => {
            control::reached(probe, record.found, record.check)
        }
        (UNDEFINED, Access::Fetch) if record.pc == ARRIVED => control::fetched(image, probe, record.found),
        // Whatever stood there was executed.
        (_, Access::Fetch) if is_protected || in_window(record) => Outcome::Untagged,
        _ => fault(FaultKind::Other, record),
    }
}

/// Whether a guest over nested tables was executing the frame.
fn in_window(record: &Record) -> bool {
    tag::frame(record.pc) == WINDOW
}

fn kind(error_code: u64) -> FaultKind {
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
