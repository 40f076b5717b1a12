//! What a result of the stub means.

use super::stub::{ARRIVED, FETCHED};
use crate::control::{self, Record};
use crate::{Fault, FaultKind, Image, Outcome, Probe, tag};

// Program-interruption codes (Principles of Operation, "Program-Interruption Conditions").
const PROTECTION: u64 = 0x04;
const ADDRESSING: u64 = 0x05;
const SEGMENT_TRANSLATION: u64 = 0x10;
const PAGE_TRANSLATION: u64 = 0x11;
const TRANSLATION_SPECIFICATION: u64 = 0x12;
const ASCE_TYPE: u64 = 0x38;
const REGION_FIRST_TRANSLATION: u64 = 0x39;
const REGION_SECOND_TRANSLATION: u64 = 0x3a;
const REGION_THIRD_TRANSLATION: u64 = 0x3b;

/// The outcome of `probe`. Levels count from 0 for pages to 4 for regions of the first kind.
pub(super) fn decode(image: &Image, probe: &Probe, record: &Record) -> Outcome {
    let (kind, level) = match record.cause {
        ARRIVED => return control::reached(probe, record.found, record.check),
        FETCHED => return control::fetched(image, probe, record.found),
        PROTECTION => (FaultKind::Permission, None),
        ADDRESSING => (FaultKind::NoMemory, None),
        PAGE_TRANSLATION => (FaultKind::NotPresent, Some(0)),
        SEGMENT_TRANSLATION => (FaultKind::NotPresent, Some(1)),
        REGION_THIRD_TRANSLATION => (FaultKind::NotPresent, Some(2)),
        REGION_SECOND_TRANSLATION => (FaultKind::NotPresent, Some(3)),
        REGION_FIRST_TRANSLATION => (FaultKind::NotPresent, Some(4)),
        TRANSLATION_SPECIFICATION => (FaultKind::Reserved, None),
        ASCE_TYPE => (FaultKind::NotCanonical, None),
        _ => (FaultKind::Other, None),
    };
    // The translation-exception identification names the page, except where memory is missing.
    let is_meant = record.cause == ADDRESSING || tag::frame(record.address) == tag::frame(probe.va);
    let kind = if is_meant { kind } else { FaultKind::Other };
    Outcome::Fault(Fault { kind, level, syndrome: record.cause })
}
