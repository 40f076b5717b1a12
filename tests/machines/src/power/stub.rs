//! The program that probes, in instructions of the Power ISA.
//!
//! It is the hypervisor, in hypervisor real mode: untranslated, as its interrupts are. For a read or a write as the
//! supervisor it turns the translation of data on, and not that of instructions. Problem state always has both; then its
//! instructions come from the quadrant that is not under test, of which the stub has the tables. `sc` brings it back. So
//! the tables under test need to map nothing.

use super::code::{Code, branch_over};
use super::setting;
use crate::control::{Control, DONE, HEADER, PROBE_BYTES, PROBES, RESULT_BYTES, RESULTS, USER, header};
use crate::tag;

/// Where interrupts go (Power ISA 3.0B, Book III, "Interrupt Definitions").
pub(super) const DATA_STORAGE: u64 = 0x300;
pub(super) const DATA_SEGMENT: u64 = 0x380;
pub(super) const INSTRUCTION_STORAGE: u64 = 0x400;
pub(super) const INSTRUCTION_SEGMENT: u64 = 0x480;
pub(super) const SYSTEM_CALL: u64 = 0xc00;
const VECTORS: [u64; 12] = [
    0x200,
    DATA_STORAGE,
    DATA_SEGMENT,
    INSTRUCTION_STORAGE,
    INSTRUCTION_SEGMENT,
    0x600,
    0x700,
    SYSTEM_CALL,
    0xe00,
    0xe20,
    0xe40,
    0xf80,
];

/// Special-purpose registers (Book III, "Move To/From Special Purpose Register").
mod special {
    pub(super) const DSISR: u32 = 18;
    pub(super) const DAR: u32 = 19;
    pub(super) const DECREMENTER: u32 = 22;
    pub(super) const SRR0: u32 = 26;
    pub(super) const SRR1: u32 = 27;
    pub(super) const AMR: u32 = 29;
    pub(super) const PID: u32 = 48;
    pub(super) const IAMR: u32 = 61;
    pub(super) const LPCR: u32 = 318;
    pub(super) const LPID: u32 = 319;
    pub(super) const PTCR: u32 = 464;
}

/// Machine state (Book III, "Machine State Register"): 64 bits, hypervisor, machine checks.
const OWN: u64 = 1 << 63 | 1 << 60 | 1 << 12;
const PROBLEM: u64 = 1 << 14;
const INSTRUCTIONS: u64 = 1 << 5;
const DATA: u64 = 1 << 4;

/// The process whose tables translate quadrant 0.
pub(super) const PROCESS: u64 = 1;

/// Registers. The code in tags uses 3 alone.
pub(super) const FRAME: u32 = 3;
const VA: u32 = 4;
const OPERATION: u32 = 5;
const VALUE: u32 = 6;
const STATE: u32 = 7;
const GOAL: u32 = 8;
const CAUSE: u32 = 9;
const ADDRESS: u32 = 10;
const SYNDROME: u32 = 11;
const COUNTER: u32 = 12;
const WHY: u32 = 13;
const FOUND: u32 = 14;
const CHECK: u32 = 15;
const PLACE: u32 = 16;
const IS_FETCH: u32 = 17;
const SCRATCH_AT: u32 = 24;
const CHECK_AT: u32 = 25;
const LEFT: u32 = 28;
const RESULT: u32 = 29;
const PROBE: u32 = 30;
const AREA: u32 = 31;

/// Writes the text into the control area, at whose start it begins, and the interrupt vectors.
pub(super) fn install(control: Control<'_>) {
    // Twice, for it names the place of a part of its own.
    let (_, _, data) = text(control, 0);
    let (text, interrupt, _) = text(control, data);
    let common = control.base + interrupt;
    assert!(text.len() as u64 <= HEADER, "the stub fits before the header");
    control.write(0, &text);
    for vector in VECTORS {
        let mut code = Code::default();
        code.add(CAUSE, 0, vector as i32);
        let mut text = code.finish();
        text.extend(branch_over(common.cast_signed() - vector.cast_signed() - 4));
        control.image.write(vector, &text);
    }
}

/// What the emulator loads at address 0: from where the processor begins, a branch to the stub.
pub(super) fn initial(base: u64) -> [u8; 0x14] {
    const BEGIN: usize = 0x10;
    let mut bytes = [0; 0x14];
    bytes[BEGIN..].copy_from_slice(&branch_over(base.cast_signed() - BEGIN as i64));
    bytes
}

/// The text, where interrupts go in it, and where accesses to data begin, which it takes to be at `data_at`.
fn text(control: Control<'_>, data_at: u64) -> (Vec<u8>, u64, u64) {
    let mut code = Code::default();
    start(&mut code, control);
    let (interrupt, data) = (code.label(), code.label());
    let (next, fetch, supervisor, go) = (code.label(), code.label(), code.label(), code.label());
    let (reads, done, not_fetched, not_instruction) = (code.label(), code.label(), code.label(), code.label());

    code.here(next);
    code.add(PLACE, AREA, header::LEFT as i32);
    code.store_little(LEFT, 0, PLACE);
    code.compare(LEFT, 0);
    code.branch_if_equal(done);
    code.load_little(VA, 0, PROBE);
    code.add(PLACE, PROBE, 8);
    code.load_little(OPERATION, 0, PLACE);
    code.upper_half(VALUE, OPERATION);
    code.test_bits(OPERATION, 2);
    code.branch_if_not_equal(fetch);
    code.add(IS_FETCH, 0, 0);
    code.load_doubleword(GOAL, control.base + data_at);
    code.load_doubleword(STATE, OWN | DATA);
    code.test_bits(OPERATION, USER);
    code.branch_if_equal(go);
    code.load(GOAL, AREA, header::SETTINGS + 8 * setting::USER_TEXT);
    code.add(GOAL, GOAL, i32::try_from(data_at).expect("the stub is short"));
    code.load_doubleword(STATE, OWN | PROBLEM | INSTRUCTIONS | DATA);
    code.branch(go);

    code.here(fetch);
    code.add(IS_FETCH, 0, 1);
    code.add(GOAL, VA, tag::POWER_CODE as i32);
    code.load_doubleword(STATE, OWN | INSTRUCTIONS);
    code.test_bits(OPERATION, USER);
    code.branch_if_equal(supervisor);
    code.load_doubleword(STATE, OWN | PROBLEM | INSTRUCTIONS | DATA);
    code.here(supervisor);
    code.here(go);
    code.set_special(special::SRR0, GOAL);
    code.set_special(special::SRR1, STATE);
    code.return_from_interrupt();

    code.here(data);
    code.test_bits(OPERATION, 1);
    code.branch_if_equal(reads);
    code.store_little(VALUE, VA, SCRATCH_AT);
    code.here(reads);
    code.load_little(FOUND, 0, VA);
    code.load_little(CHECK, VA, CHECK_AT);
    code.call_system();

    code.here(interrupt);
    for (register, name) in
        [(ADDRESS, special::DAR), (SYNDROME, special::DSISR), (COUNTER, special::SRR0), (WHY, special::SRR1)]
    {
        code.get_special(register, name);
    }
    code.compare(CAUSE, INSTRUCTION_STORAGE as i32);
    code.branch_if_not_equal(not_instruction);
    code.copy(SYNDROME, WHY);
    code.here(not_instruction);
    code.compare(IS_FETCH, 1);
    code.branch_if_not_equal(not_fetched);
    code.copy(FOUND, FRAME);
    code.here(not_fetched);
    for (register, place) in [(CAUSE, 0), (SYNDROME, 1), (FOUND, 2), (CHECK, 3), (ADDRESS, 4), (COUNTER, 5)] {
        code.add(PLACE, RESULT, 8 * place);
        code.store_little(register, 0, PLACE);
    }
    code.add(PROBE, PROBE, PROBE_BYTES as i32);
    code.add(RESULT, RESULT, RESULT_BYTES as i32);
    code.add(LEFT, LEFT, -1);
    code.branch(next);

    code.here(done);
    code.load_doubleword(VALUE, DONE);
    code.add(PLACE, AREA, header::STATE as i32);
    code.store_little(VALUE, 0, PLACE);
    let forever = code.label();
    code.here(forever);
    code.branch(forever);
    let (interrupt, data) = (code.offset(interrupt), code.offset(data));
    (code.finish(), interrupt, data)
}

/// Sets the pointers and the special-purpose registers.
fn start(code: &mut Code, control: Control<'_>) {
    code.load_doubleword(AREA, control.base + HEADER);
    code.load_doubleword(PROBE, control.base + PROBES);
    code.load_doubleword(RESULT, control.base + RESULTS);
    code.add(SCRATCH_AT, 0, tag::SCRATCH as i32);
    code.add(CHECK_AT, 0, tag::CHECK_WORD as i32);
    code.add(PLACE, AREA, header::COUNT as i32);
    code.load_little(LEFT, 0, PLACE);
    for (name, index) in [(special::LPCR, setting::LPCR), (special::PTCR, setting::PTCR)] {
        code.load(VALUE, AREA, header::SETTINGS + 8 * index);
        code.set_special(name, VALUE);
    }
    for (name, value) in [
        (special::LPID, 0),
        (special::PID, PROCESS),
        (special::AMR, 0),
        (special::IAMR, 0),
        (special::DECREMENTER, 0x7fff_ffff),
    ] {
        code.load_doubleword(VALUE, value);
        code.set_special(name, VALUE);
    }
    code.synchronise();
}
