//! What a result of the stub means.

use super::stub;
use crate::control::{self, Record};
use crate::{Access, Fault, FaultKind, Image, Outcome, Probe, tag};

// `ESTAT.Ecode` (Reference Manual vol. 1, "Exception codes").
const INVALID_LOAD: u64 = 0x1;
const INVALID_STORE: u64 = 0x2;
const INVALID_FETCH: u64 = 0x3;
const MODIFIED: u64 = 0x4;
const NOT_READABLE: u64 = 0x5;
const NOT_EXECUTABLE: u64 = 0x6;
const PRIVILEGE: u64 = 0x7;
const ADDRESS: u64 = 0x8;
const SYSTEM_CALL: u64 = 0xb;

/// From the start of a tag's code to its system call.
const CALL: u64 = 8;

/// The outcome of `probe`.
pub(super) fn decode(image: &Image, probe: &Probe, record: &Record) -> Outcome {
    let frame = tag::frame(probe.va);
    let touched = frame.wrapping_add(match probe.access {
        Access::Read => tag::ADDRESS,
        Access::Write => tag::SCRATCH,
        Access::Fetch => tag::LOONGARCH_CODE,
    });
    let here = record.address == touched;
    let kind = match record.cause {
        SYSTEM_CALL if probe.access != Access::Fetch && record.pc == stub::call() => {
            return control::reached(probe, record.found, record.check);
        }
        SYSTEM_CALL if probe.access == Access::Fetch && record.pc == touched.wrapping_add(CALL) => {
            // The code in the tag loads the number of the frame, of which a register has 32 bits.
            return control::fetched(image, probe, (record.found & 0xffff_ffff) * tag::FRAME);
        }
        INVALID_LOAD | INVALID_STORE | INVALID_FETCH if here => FaultKind::NotPresent,
        MODIFIED | NOT_READABLE | NOT_EXECUTABLE | PRIVILEGE if here => FaultKind::Permission,
        // There are two reasons for this one: the VA, and no memory where it leads.
        ADDRESS if is_extended(probe.va) => FaultKind::NoMemory,
        ADDRESS => FaultKind::NotCanonical,
        _ if probe.access == Access::Fetch => return Outcome::Untagged,
        _ => FaultKind::Other,
    };
    Outcome::Fault(Fault { kind, level: None, syndrome: record.syndrome })
}

/// Whether the bits above VALEN are those of a VA, as far as the machine looks.
fn is_extended(va: u64) -> bool {
    let high = va.cast_signed() >> super::VALEN;
    high == 0 || high == -1
}
