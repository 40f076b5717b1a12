//! The program that probes, in instructions of the z/Architecture.
//!
//! It runs untranslated and is interrupted untranslated. For a read or a write it goes into secondary-space mode, in
//! which instructions come from the primary space (a real space: the stub itself) and data from the secondary space, that
//! of the tables under test; for a fetch it branches into home-space mode, where instructions come from the tables under
//! test. `SVC` brings it back. So the tables need to map nothing.

use super::code::{ALWAYS, At, Code, NOT_ZERO, ZERO};
use super::setting;
use crate::control::{Control, DONE, HEADER, PRIVATE, PROBE_BYTES, PROBES, RESULT_BYTES, RESULTS, USER, header};
use crate::tag;

/// The cause in the result of a read or write that went through. Interruptions have smaller ones.
pub(super) const ARRIVED: u64 = 0x1000;
/// The cause in the result of a fetch of the code in a tag.
pub(super) const FETCHED: u64 = 0x1001;

/// What interruptions leave and find in the lowest memory (Principles of Operation, "Assigned Storage Locations").
mod low {
    pub(super) const SUPERVISOR_CALL: u64 = 0x8a;
    pub(super) const PROGRAM: u64 = 0x8e;
    pub(super) const TRANSLATION: u64 = 0xa8;
    pub(super) const SUPERVISOR_CALL_OLD: u64 = 0x140;
    pub(super) const PROGRAM_OLD: u64 = 0x150;
    pub(super) const SUPERVISOR_CALL_NEW: u64 = 0x1c0;
    pub(super) const PROGRAM_NEW: u64 = 0x1d0;
}

/// Program-status words (Principles of Operation, "Program-Status-Word Format"): 64-bit addresses; translation, and
/// whence; waiting.
const ADDRESSES: u64 = 0x1_8000_0000;
const TRANSLATED: u64 = 1 << 58;
const SECONDARY: u64 = 0b10 << 46;
const HOME: u64 = 0b11 << 46;
const WAIT: u64 = 1 << 49;
/// Problem state, in the highest halfword.
const PROBLEM: u16 = 1;
/// Where a waiting processor that cannot be interrupted switches the emulator off.
const QUIESCE: u64 = 0xfff;

/// Registers.
const VA: u8 = 1;
pub(super) const TAG: u8 = 2;
const OPERATION: u8 = 3;
const MASK: u8 = 4;
const ADDRESS: u8 = 5;
const FOUND: u8 = 6;
const CHECK: u8 = 7;
const SYNDROME: u8 = 8;
const CAUSE: u8 = 9;
const LEFT: u8 = 10;
const RESULT: u8 = 11;
const AREA: u8 = 12;
const PROBE: u8 = 13;

/// Writes the text into the control area, at whose start it begins, and what interruptions find.
pub(super) fn install(control: Control<'_>) {
    let mut code = Code::default();
    let (next, data, reads, fetch, go, done) =
        (code.label(), code.label(), code.label(), code.label(), code.label(), code.label());
    let (called, checked, store, not_fetched) = (code.label(), code.label(), code.label(), code.label());
    let field = |offset: u64| At(AREA, offset);
    let setting = |index: u64| field(header::SETTINGS + 8 * index);
    let psw = field(PRIVATE - HEADER - 16);

    code.load_word(AREA, control.base + HEADER);
    code.load_word(PROBE, control.base + PROBES);
    code.load_word(RESULT, control.base + RESULTS);
    code.load_little(LEFT, field(header::COUNT));
    for (register, index) in [(0, setting::CONTROL), (1, setting::OWN), (7, setting::TESTED), (13, setting::TESTED)] {
        code.load_control(register, setting(index));
    }
    code.purge_tlb();

    code.here(next);
    code.store_little(LEFT, field(header::LEFT));
    code.test(LEFT);
    code.branch(ZERO, done);
    code.load_little(VA, At(PROBE, 0));
    code.load_little(OPERATION, At(PROBE, 8));
    code.test_bits(OPERATION, 2);
    code.branch(NOT_ZERO, fetch);
    code.load_doubleword(MASK, ADDRESSES | TRANSLATED | SECONDARY);
    code.load_word(ADDRESS, 0);
    let data_address = code.patch_word();
    code.branch(ALWAYS, go);
    code.here(fetch);
    code.load_doubleword(MASK, ADDRESSES | TRANSLATED | HOME);
    code.copy(ADDRESS, VA);
    code.add(ADDRESS, tag::S390X_CODE as i16);
    code.here(go);
    code.test_bits(OPERATION, USER as u16);
    let supervisor = code.label();
    code.branch(ZERO, supervisor);
    code.set_highest(MASK, PROBLEM);
    code.here(supervisor);
    code.store(MASK, psw);
    code.store(ADDRESS, At(psw.0, psw.1 + 8));
    code.load_psw(psw);

    code.here(data);
    code.test_bits(OPERATION, 1);
    code.branch(ZERO, reads);
    code.shift_right(FOUND, OPERATION, 32);
    code.store_little(FOUND, At(VA, tag::SCRATCH));
    code.here(reads);
    code.load_little(FOUND, At(VA, tag::ADDRESS));
    code.load_little(CHECK, At(VA, tag::CHECK_WORD));
    code.call_supervisor(1);

    code.here(called);
    code.load_number(CAUSE, ARRIVED as i16);
    code.load_number(SYNDROME, 0);
    code.load(ADDRESS, At(0, low::SUPERVISOR_CALL_OLD + 8));
    code.load_halfword(MASK, At(0, low::SUPERVISOR_CALL));
    code.test(MASK);
    code.branch(NOT_ZERO, not_fetched);
    code.load_number(CAUSE, FETCHED as i16);
    code.copy(FOUND, TAG);
    code.here(not_fetched);
    code.branch(ALWAYS, store);

    code.here(checked);
    code.load_halfword(CAUSE, At(0, low::PROGRAM));
    code.load(SYNDROME, At(0, low::TRANSLATION));
    code.load(ADDRESS, At(0, low::PROGRAM_OLD + 8));

    code.here(store);
    for (register, place) in [(CAUSE, 0), (SYNDROME, 1), (FOUND, 2), (CHECK, 3), (SYNDROME, 4), (ADDRESS, 5)] {
        code.store_little(register, At(RESULT, 8 * place));
    }
    code.add(PROBE, PROBE_BYTES as i16);
    code.add(RESULT, RESULT_BYTES as i16);
    code.add(LEFT, -1);
    code.branch(ALWAYS, next);

    code.here(done);
    code.load_word(FOUND, DONE);
    code.store_little(FOUND, field(header::STATE));
    code.load_doubleword(MASK, ADDRESSES | WAIT);
    code.load_word(ADDRESS, QUIESCE);
    code.store(MASK, psw);
    code.store(ADDRESS, At(psw.0, psw.1 + 8));
    code.load_psw(psw);

    let data = control.base + code.offset(data);
    code.set_word(data_address, data);
    let text = code.finish();
    assert!(text.len() as u64 <= HEADER, "the stub fits before the header");
    control.write(0, &text);
    for (at, label) in [(low::SUPERVISOR_CALL_NEW, called), (low::PROGRAM_NEW, checked)] {
        control.image.write(at, &ADDRESSES.to_be_bytes());
        control.image.write(at + 8, &(control.base + code.offset(label)).to_be_bytes());
    }
}

/// What the emulator loads at address 0: a short program-status word whose address is that of the stub (Principles of
/// Operation, "Short-Format PSW").
pub(super) fn initial(base: u64) -> [u8; 8] {
    let address = u32::try_from(base).expect("the stub is in the first 2 GiB") | 1 << 31;
    let mut psw = [0; 8];
    psw[..4].copy_from_slice(&0x0008_0000_u32.to_be_bytes());
    psw[4..].copy_from_slice(&address.to_be_bytes());
    psw
}
