//! The program that probes, in AArch64 instructions.
//!
//! It runs at EL2, untranslated. Reads and writes are asked of the address-translation instructions, which walk as an
//! access would. A fetch is an `eret` to supervisor or user mode; whatever happens there is an exception to EL1, whose
//! vectors hold nothing but `hvc` with their number, so that the stub can look at EL1's syndrome. Where the instructions
//! have no answer (QEMU 7.2 ends if it is a domain fault), supervisor mode really reads or writes, for a user with the
//! instructions that are for that.
//!
//! `x24` points to the header, `x25` to the probe, `x26` to its result, `x27` counts the probes left: in AArch32 these
//! are registers of fast interrupts, which nothing here uses (Arm DDI 0487, "Mapping of the general-purpose registers").

use dynasmrt::aarch64::Aarch64Relocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler, dynasm};

use super::registers::setting;
use super::{BASE, CONTROL};
use crate::Half;
use crate::control::{Control, DONE, HEADER, PROBE_BYTES, PROBES, RESULT_BYTES, RESULTS, TEXT2, header};
use crate::tag;

/// The cause in the result of a translation: the syndrome is `PAR_EL1`. Otherwise the cause is `ESR_EL2`, which is not 0.
pub(super) const TRANSLATED: u64 = 0;

/// Where the exception vectors of EL2 are; those of EL1 follow.
const EL2_VECTORS: u64 = TEXT2;
const EL1_VECTORS: u64 = TEXT2 + EL2_VECTORS_BYTES;
const EL2_VECTORS_BYTES: u64 = 0x800;
const VECTOR_BYTES: usize = 0x80;
/// Number of the vector for synchronous exceptions from a lower level in AArch32 state.
const FROM_LOWER: usize = 12;

// The tables that map the vectors, each where its alignment lets it be.
/// Long descriptors, 4 slots of 1 GiB.
const LONG_UPPER: u64 = 0x3000;
/// Long descriptors, 16 slots of 2 MiB.
const LONG_LOWER: u64 = 0x3080;
/// Short descriptors, 32 slots of 1 MiB.
const SHORT_LOWER: u64 = 0x3100;
/// Short descriptors, 4096 slots of 1 MiB.
const SHORT_UPPER: u64 = 0x4000;
/// Block, access flag, read-only, for PL1 only (DDI 0487, "Long-descriptor translation table format descriptors").
const LONG_BLOCK: u64 = 1 | 1 << 10 | 1 << 7;
/// Section of domain 15, PL1 only, with or without the access flag ("Short-descriptor translation table format
/// descriptors").
const SHORT_SECTION: u64 = 2 | 15 << 5 | 1 << 10;
/// Where the control area appears while tables of the lower half are under test, and otherwise.
const UPPER: u64 = 0x8000_0000 | CONTROL;
const LOWER: u64 = CONTROL - BASE;

/// A system register, by the fields of `MRS` and `MSR`.
const fn register(op0: u32, op1: u32, crn: u32, crm: u32, op2: u32) -> u32 {
    (op0 & 1) << 14 | op1 << 11 | crn << 7 | crm << 3 | op2
}

// Arm DDI 0487, "AArch64 System register encoding".
const SCTLR_EL1: u32 = register(3, 0, 1, 0, 0);
const TTBR0_EL1: u32 = register(3, 0, 2, 0, 0);
const TTBR1_EL1: u32 = register(3, 0, 2, 0, 1);
const TCR_EL1: u32 = register(3, 0, 2, 0, 2);
const ESR_EL1: u32 = register(3, 0, 5, 2, 0);
const FAR_EL1: u32 = register(3, 0, 6, 0, 0);
const PAR_EL1: u32 = register(3, 0, 7, 4, 0);
const MAIR_EL1: u32 = register(3, 0, 10, 2, 0);
const VBAR_EL1: u32 = register(3, 0, 12, 0, 0);
const DACR32_EL2: u32 = register(3, 4, 3, 0, 0);
const IFSR32_EL2: u32 = register(3, 4, 5, 0, 1);
const HCR_EL2: u32 = register(3, 4, 1, 1, 0);
const SPSR_EL2: u32 = register(3, 4, 4, 0, 0);
const ELR_EL2: u32 = register(3, 4, 4, 0, 1);
const ESR_EL2: u32 = register(3, 4, 5, 2, 0);
const VBAR_EL2: u32 = register(3, 4, 12, 0, 0);
/// `ID_AA64PFR0_EL1` and `ID_MMFR0_EL1`.
const IDENTIFICATION: [u32; 2] = [register(3, 0, 0, 4, 0), register(3, 0, 0, 1, 4)];

/// `SPSR_EL2`: to supervisor mode, in AArch32 state, everything masked.
const TO_SUPERVISOR: u32 = 0x1d3;
/// `SPSR_EL2`: to user mode, in AArch32 state, everything masked.
const TO_USER: u32 = 0x1d0;
/// `hvc #0` in A32 (DDI 0487, "HVC"); the operand's four lower bits are those of the instruction.
const HVC: u32 = 0xe140_0070;
/// `ldr r0, [r1]`, `str r0, [r1]`, `ldrt r0, [r1], #0` and `strt r0, [r1], #0` in A32: what a supervisor does, then for a
/// user.
const ACCESSES: [u32; 4] = [0xe591_0000, 0xe581_0000, 0xe4b1_0000, 0xe4a1_0000];
/// Where the first of them is, behind the vectors; each is followed by a call with this number.
const FIRST_ACCESS: u64 = 32;
pub(super) const ACCESSED: u32 = 15;
/// Operation bit: really read or write.
const REAL: u64 = 8;
/// The semihosting call to end the emulator, its operation, and the reason "the application exits" (Arm semihosting
/// specification, SYS_EXIT).
const SEMIHOSTING: u32 = 0xf000;
const SYS_EXIT: u32 = 0x18;
const EXITS: u64 = 0x2_0026;
/// Where the operand of that call is.
const EXIT_BLOCK: u64 = header::REPORTS + 256;

/// Physical address of the table that maps the vectors while tables of `half` are under test.
pub(super) fn vector_table(long: bool, half: Half) -> u64 {
    CONTROL
        + match (long, half) {
            (true, Half::Lower) => LONG_UPPER,
            (true, Half::Upper) => LONG_LOWER,
            (false, Half::Lower) => SHORT_UPPER,
            (false, Half::Upper) => SHORT_LOWER,
        }
}

/// The VA of EL1's vectors while tables of `half` are under test.
pub(super) fn vectors(half: Half) -> u64 {
    EL1_VECTORS
        + match half {
            Half::Lower => UPPER,
            Half::Upper => LOWER,
        }
}

/// Writes the text, the vectors and the tables for these into the control area, at whose start the text begins.
pub(super) fn install(control: Control<'_>) {
    let text = text();
    assert!(text.len() as u64 <= EL1_VECTORS, "the stub fits before the vectors of EL1");
    control.write(0, &text);
    let vectors = (0..8).map(|number| HVC | number);
    let accesses = ACCESSES.into_iter().flat_map(|access| [access, HVC | ACCESSED]);
    let code: Vec<u8> = vectors.chain(accesses).flat_map(u32::to_le_bytes).collect();
    control.write(EL1_VECTORS, &code);
    control.write(LONG_UPPER + 8 * (UPPER >> 30), &(BASE | LONG_BLOCK).to_le_bytes());
    control.write(LONG_LOWER + 8 * (LOWER >> 21), &(CONTROL | LONG_BLOCK).to_le_bytes());
    let section = ((CONTROL | SHORT_SECTION) as u32).to_le_bytes();
    control.write(SHORT_UPPER + 4 * (UPPER >> 20), &section);
    control.write(SHORT_LOWER + 4 * (LOWER >> 20), &section);
    control.write(HEADER + EXIT_BLOCK, &EXITS.to_le_bytes());
}

/// Lets the loaded probes for which `is_real` holds really read or write.
pub(super) fn really(control: Control<'_>, is_real: impl Fn(u64) -> bool) {
    for index in 0..control.left() {
        let at = control.base + PROBES + PROBE_BYTES * index;
        if is_real(control.image.read_u64(at)) {
            control.image.write_u64(at + 8, control.image.read_u64(at + 8) | REAL);
        }
    }
}

fn field(offset: u64) -> u32 {
    offset as u32
}

fn setting_field(index: u64) -> u32 {
    field(header::SETTINGS + 8 * index)
}

/// The text, up to and with the vectors of EL2.
fn text() -> Vec<u8> {
    let mut ops = VecAssembler::<Aarch64Relocation>::new(0);
    let next = ops.new_dynamic_label();
    let back = ops.new_dynamic_label();
    let exit = ops.new_dynamic_label();
    emit_start(&mut ops);
    emit_loop(&mut ops, next, exit);
    emit_back(&mut ops, back, next);
    emit_exit(&mut ops, exit);
    assert!(ops.offset().0 as u64 <= EL2_VECTORS, "the stub fits before the vectors");
    emit_el2_vectors(&mut ops, back, exit);
    ops.finalize().expect("every label is defined")
}

/// Sets the pointers and the system registers, and reports the identification registers.
fn emit_start(ops: &mut VecAssembler<Aarch64Relocation>) {
    dynasm!(ops
        ; .arch aarch64
        // The text begins at the start of the control area.
        ; start:
        ; adr x1, <start
        ; movz x2, HEADER as u32
        ; add x24, x1, x2
        ; movz x2, (PROBES >> 16) as u32, lsl #16
        ; add x25, x1, x2
        ; movz x2, (RESULTS >> 16) as u32, lsl #16
        ; add x26, x1, x2
        ; ldr x27, [x24, field(header::COUNT)]
        ; movz x2, EL2_VECTORS as u32
        ; add x2, x1, x2
        ; msr VBAR_EL2, x2
        // EL1 is in AArch32 state.
        ; msr HCR_EL2, xzr
    );
    for (index, register) in (0..).zip(IDENTIFICATION) {
        dynasm!(ops
            ; .arch aarch64
            ; mrs x2, register
            ; str x2, [x24, field(header::REPORTS + 8 * index)]
        );
    }
    let loads = [
        (setting::TTBR0, TTBR0_EL1),
        (setting::TTBR1, TTBR1_EL1),
        (setting::TCR, TCR_EL1),
        (setting::MAIR, MAIR_EL1),
        (setting::VBAR, VBAR_EL1),
        (setting::DACR, DACR32_EL2),
        (setting::SCTLR, SCTLR_EL1),
    ];
    for (index, register) in loads {
        dynasm!(ops
            ; .arch aarch64
            ; ldr x2, [x24, setting_field(index)]
            ; msr register, x2
        );
    }
    dynasm!(ops
        ; .arch aarch64
        ; isb
        ; tlbi vmalle1
        ; dsb sy
        ; isb
    );
}

/// Takes the next probe and tries its access, or ends.
fn emit_loop(ops: &mut VecAssembler<Aarch64Relocation>, next: DynamicLabel, exit: DynamicLabel) {
    dynasm!(ops
        ; .arch aarch64
        ; =>next
        ; str x27, [x24, field(header::LEFT)]
        ; cbz x27, >done
        ; ldr x10, [x25]
        ; ldr w11, [x25, 8]
        // Bit 2 is the user, bits 1 and 0 are the access.
        ; tbnz w11, 1, >fetch
        ; tbnz w11, 3, >real
        ; tbnz w11, 2, >user
        ; tbnz w11, 0, >write
        ; at s1e1r, x10
        ; b >translated
        ; write:
        ; at s1e1w, x10
        ; b >translated
        ; user:
        ; tbnz w11, 0, >user_write
        ; at s1e0r, x10
        ; b >translated
        ; user_write:
        ; at s1e0w, x10
        ; translated:
        ; isb
        ; mrs x3, PAR_EL1
        ; movz x2, TRANSLATED as u32
        ; stp x2, x3, [x26]
        ; b >advance
        ; real:
        // Eight bytes a way to access, those of a user behind the others.
        ; and w2, w11, 1
        ; ubfx w3, w11, 2, 1
        ; add w2, w2, w3, lsl 1
        ; ldr x4, [x24, setting_field(setting::VBAR)]
        ; add x4, x4, FIRST_ACCESS as u32
        ; add x4, x4, x2, lsl 3
        ; msr ELR_EL2, x4
        ; movz x2, TO_SUPERVISOR
        ; msr SPSR_EL2, x2
        ; mov x1, x10
        ; movz x0, 0
        ; isb
        ; eret
        ; fetch:
        ; movz x2, TO_SUPERVISOR
        ; tbz w11, 2, >go
        ; movz x2, TO_USER
        ; go:
        ; msr SPSR_EL2, x2
        ; add x10, x10, tag::ARM32_CODE as u32
        ; msr ELR_EL2, x10
        ; movz x0, 0
        ; isb
        ; eret
        ; advance:
        ; add x25, x25, PROBE_BYTES as u32
        ; add x26, x26, RESULT_BYTES as u32
        ; sub x27, x27, 1
        ; b =>next
        ; done:
        ; movz x2, (DONE & 0xffff) as u32
        ; movk x2, (DONE >> 16) as u32, lsl #16
        ; str x2, [x24, field(header::STATE)]
        ; b =>exit
    );
}

/// Comes back from a visit to EL1 or EL0. `x18` is `LR_svc`, `ESR_EL1` is `DFSR`.
fn emit_back(ops: &mut VecAssembler<Aarch64Relocation>, back: DynamicLabel, next: DynamicLabel) {
    dynasm!(ops
        ; .arch aarch64
        ; =>back
        ; mrs x2, ESR_EL2
        ; mrs x3, IFSR32_EL2
        ; mrs x4, FAR_EL1
        ; mrs x5, ESR_EL1
        ; stp x2, x3, [x26]
        ; stp x0, x18, [x26, 16]
        ; stp x4, x5, [x26, 32]
        ; add x25, x25, PROBE_BYTES as u32
        ; add x26, x26, RESULT_BYTES as u32
        ; sub x27, x27, 1
        ; b =>next
    );
}

/// Ends the emulator.
fn emit_exit(ops: &mut VecAssembler<Aarch64Relocation>, exit: DynamicLabel) {
    dynasm!(ops
        ; .arch aarch64
        ; =>exit
        ; movz x0, SYS_EXIT
        ; add x1, x24, EXIT_BLOCK as u32
        ; hlt SEMIHOSTING
        ; forever:
        ; wfi
        ; b <forever
    );
}

/// EL2's vectors: a synchronous exception from below is a visit that ends, any other is the end of the run.
fn emit_el2_vectors(ops: &mut VecAssembler<Aarch64Relocation>, back: DynamicLabel, exit: DynamicLabel) {
    dynasm!(ops ; .arch aarch64 ; .align EL2_VECTORS as usize);
    for vector in 0..EL2_VECTORS_BYTES as usize / VECTOR_BYTES {
        let target = if vector == FROM_LOWER { back } else { exit };
        dynasm!(ops
            ; .arch aarch64
            ; .align VECTOR_BYTES
            ; b =>target
        );
    }
}
