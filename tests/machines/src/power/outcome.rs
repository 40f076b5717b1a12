//! What a result of the stub means.

use super::stub::{DATA_SEGMENT, DATA_STORAGE, INSTRUCTION_SEGMENT, INSTRUCTION_STORAGE, SYSTEM_CALL};
use crate::control::{self, Record};
use crate::{Access, Fault, FaultKind, Image, Outcome, Probe, tag};

// Bits of DSISR and SRR1 (Power ISA 3.0B, Book III, "Data Storage Interrupt", "Instruction Storage Interrupt").
const NO_TRANSLATION: u64 = 1 << 30;
const GUARDED_OR_NO_EXECUTE: u64 = 1 << 28;
const PROTECTION: u64 = 1 << 27;
const BAD_CONFIGURATION: u64 = 1 << 19;

/// The outcome of `probe`.
pub(super) fn decode(image: &Image, probe: &Probe, record: &Record) -> Outcome {
    let fetch = probe.access == Access::Fetch;
    if record.cause == SYSTEM_CALL {
        return match fetch {
            true => control::fetched(image, probe, record.found),
            false => control::reached(probe, record.found, record.check),
        };
    }
    let (storage, segment, address) = match fetch {
        true => (INSTRUCTION_STORAGE, INSTRUCTION_SEGMENT, record.pc),
        false => (DATA_STORAGE, DATA_SEGMENT, record.address),
    };
    let is_meant = tag::frame(address) == tag::frame(probe.va);
    let has = |bits: u64| record.syndrome & bits != 0;
    let kind = match record.cause {
        cause if cause == segment && is_meant => FaultKind::NotCanonical,
        cause if cause == storage && is_meant && has(BAD_CONFIGURATION) => FaultKind::Reserved,
        cause if cause == storage && is_meant && has(NO_TRANSLATION) => FaultKind::NotPresent,
        cause if cause == storage && is_meant && has(PROTECTION | GUARDED_OR_NO_EXECUTE) => FaultKind::Permission,
        _ => FaultKind::Other,
    };
    Outcome::Fault(Fault { kind, level: None, syndrome: record.cause << 32 | record.syndrome & 0xffff_ffff })
}
