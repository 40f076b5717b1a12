//! What a result of the stub means.

use super::stub::ARRIVED;
use crate::control::{self, Record};
use crate::{Access, Fault, FaultKind, Image, Outcome, Probe, tag};

// `mcause` (Privileged Architecture, "Machine Cause Register").
const INSTRUCTION_ACCESS_FAULT: u64 = 1;
const LOAD_ACCESS_FAULT: u64 = 5;
const STORE_ACCESS_FAULT: u64 = 7;
const CALL_FROM_U: u64 = 8;
const CALL_FROM_S: u64 = 9;
const INSTRUCTION_PAGE_FAULT: u64 = 12;
const LOAD_PAGE_FAULT: u64 = 13;
const STORE_PAGE_FAULT: u64 = 15;
const CALL_FROM_VS: u64 = 10;
const INSTRUCTION_GUEST_PAGE_FAULT: u64 = 20;
const LOAD_GUEST_PAGE_FAULT: u64 = 21;
const STORE_GUEST_PAGE_FAULT: u64 = 23;

/// From the start of a tag's code to its `ecall`.
const CALL: u64 = 8;

/// The outcome of `probe`, of a guest stage or not.
pub(super) fn decode(image: &Image, guest: bool, probe: &Probe, record: &Record) -> Outcome {
    let frame = tag::frame(probe.va);
    let (touched, page_faults, access_fault) = match probe.access {
        Access::Read => (tag::ADDRESS, (LOAD_PAGE_FAULT, LOAD_GUEST_PAGE_FAULT), LOAD_ACCESS_FAULT),
        Access::Write => (tag::SCRATCH, (STORE_PAGE_FAULT, STORE_GUEST_PAGE_FAULT), STORE_ACCESS_FAULT),
        Access::Fetch => {
            (tag::RISCV_CODE, (INSTRUCTION_PAGE_FAULT, INSTRUCTION_GUEST_PAGE_FAULT), INSTRUCTION_ACCESS_FAULT)
        }
    };
    let page_fault = if guest { page_faults.1 } else { page_faults.0 };
    let touched = frame.wrapping_add(touched);
    let supervisors = if guest { CALL_FROM_VS } else { CALL_FROM_S };
    let call = if probe.user { CALL_FROM_U } else { supervisors };
    let kind = match record.cause {
        ARRIVED => return control::reached(probe, record.found, record.check),
        cause if cause == page_fault && record.address == touched => FaultKind::Page,
        cause if cause == access_fault && record.address == touched => FaultKind::NoMemory,
        cause if probe.access == Access::Fetch => {
            // The code in the tag loads the number of the frame, of which a register has 32 bits.
            let frame = (record.found & 0xffff_ffff) * tag::FRAME;
            return if cause == call && record.pc == touched.wrapping_add(CALL) {
                control::fetched(image, probe, frame)
            } else {
                Outcome::Untagged
            };
        }
        _ => FaultKind::Other,
    };
    Outcome::Fault(Fault { kind, level: None, syndrome: record.syndrome })
}
