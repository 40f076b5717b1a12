//! The program that probes, in AArch64 instructions.
//!
//! It runs at EL2, untranslated. Reads and writes are asked of the address-translation instructions, which walk as an
//! access would. A fetch is an `eret` to EL1 or EL0; whatever happens there is an exception to EL1, whose vectors hold
//! nothing but `hvc`, so that the stub can look at EL1's syndrome. Under stage 2 these vectors are not mapped: what fails
//! on the way to them is an exception to EL1 as well.
//!
//! `x19` points to the header, `x20` to the probe, `x21` to its result, `x22` counts the probes left. The code in tags
//! does not touch these.

use dynasmrt::aarch64::Aarch64Relocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler, dynasm};

use super::registers::setting;
use super::{BASE, CONTROL};
use crate::control::{Control, DONE, HEADER, PRIVATE, PROBE_BYTES, PROBES, RESULT_BYTES, RESULTS, TEXT2, header};
use crate::tag;

/// The cause in the result of a translation: the syndrome is `PAR_EL1`.
pub(super) const TRANSLATED: u64 = 0;
/// The cause in the result of a visit that ended in an exception to EL1: the syndrome is `ESR_EL1`.
pub(super) const EXCEPTION: u64 = 1;
/// The cause in the result of a visit that ended in another exception to EL2: the syndrome is `ESR_EL2`.
pub(super) const OTHER: u64 = 2;

/// Where the exception vectors of EL2 are; those of EL1 follow.
const EL2_VECTORS: u64 = TEXT2;
const EL1_VECTORS: u64 = TEXT2 + VECTORS_BYTES;
pub(super) const VECTORS_BYTES: u64 = 1 << VECTORS_LG2;
const VECTORS_LG2: u32 = 11;
const VECTOR_BYTES: usize = 0x80;
/// Number of the vector for synchronous exceptions from a lower level in AArch64 state.
const FROM_LOWER: usize = 8;

/// Bits of a VA in the half that maps the vectors: three levels, the first of which has blocks of 1 GiB.
pub(super) const VECTOR_VA_BITS: u64 = 39;
/// The table that maps the vectors.
const VECTOR_TABLE: u64 = PRIVATE;
/// Block, access flag, read-only, for EL1 only, not executable at EL0 (Arm DDI 0487, "Block descriptor and Page
/// descriptor formats"). The descriptor is the same with and without LPA2.
const VECTOR_BLOCK: u64 = 1 | 1 << 10 | 1 << 7 | 1 << 54;

/// A system register, by the fields of `MRS` and `MSR`.
const fn register(op0: u32, op1: u32, crn: u32, crm: u32, op2: u32) -> u32 {
    (op0 & 1) << 14 | op1 << 11 | crn << 7 | crm << 3 | op2
}

// Arm DDI 0487, "AArch64 System register encoding".
const SCTLR_EL1: u32 = register(3, 0, 1, 0, 0);
const TTBR0_EL1: u32 = register(3, 0, 2, 0, 0);
const TTBR1_EL1: u32 = register(3, 0, 2, 0, 1);
const TCR_EL1: u32 = register(3, 0, 2, 0, 2);
const ELR_EL1: u32 = register(3, 0, 4, 0, 1);
const ESR_EL1: u32 = register(3, 0, 5, 2, 0);
const FAR_EL1: u32 = register(3, 0, 6, 0, 0);
const PAR_EL1: u32 = register(3, 0, 7, 4, 0);
const MAIR_EL1: u32 = register(3, 0, 10, 2, 0);
const VBAR_EL1: u32 = register(3, 0, 12, 0, 0);
const HCR_EL2: u32 = register(3, 4, 1, 1, 0);
const VTTBR_EL2: u32 = register(3, 4, 2, 1, 0);
const VTCR_EL2: u32 = register(3, 4, 2, 1, 2);
const SPSR_EL2: u32 = register(3, 4, 4, 0, 0);
const ELR_EL2: u32 = register(3, 4, 4, 0, 1);
const ESR_EL2: u32 = register(3, 4, 5, 2, 0);
const FAR_EL2: u32 = register(3, 4, 6, 0, 0);
const VBAR_EL2: u32 = register(3, 4, 12, 0, 0);
const ID_AA64MMFR: [u32; 3] = [register(3, 0, 0, 7, 0), register(3, 0, 0, 7, 1), register(3, 0, 0, 7, 2)];

/// `SPSR_EL2`: to EL1 with its own stack pointer, everything masked.
const TO_EL1: u32 = 0x3c5;
/// `SPSR_EL2`: to EL0, everything masked.
const TO_EL0: u32 = 0x3c0;
/// `ESR_EL2.EC` of an `hvc`.
const CLASS_HVC: u32 = 0x16;
/// The semihosting call to end the emulator, its operation, and the reason "the application exits" (Arm semihosting
/// specification, SYS_EXIT).
const SEMIHOSTING: u32 = 0xf000;
const SYS_EXIT: u32 = 0x18;
const EXITS: u64 = 0x2_0026;
/// Where the operand of that call is.
const EXIT_BLOCK: u64 = header::REPORTS + 256;

/// Physical address of the table that maps the vectors.
pub(super) fn vector_table() -> u64 {
    CONTROL + VECTOR_TABLE
}

/// Physical address of EL1's vectors, which is also what their VA has below its upper bits.
pub(super) fn vectors() -> u64 {
    CONTROL + EL1_VECTORS
}

/// Writes the text, the vectors and the table for these into the control area, at whose start the text begins.
pub(super) fn install(control: Control<'_>) {
    let text = text();
    assert!(text.len() as u64 <= EL1_VECTORS, "the stub fits before the vectors of EL1");
    control.write(0, &text);
    control.write(EL1_VECTORS, &el1_vectors());
    let slot = VECTOR_TABLE + 8 * (BASE >> 30);
    control.write(slot, &(BASE | VECTOR_BLOCK).to_le_bytes());
    control.write(HEADER + EXIT_BLOCK, &EXITS.to_le_bytes());
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
        ; add x19, x1, x2
        ; movz x2, (PROBES >> 16) as u32, lsl #16
        ; add x20, x1, x2
        ; movz x2, (RESULTS >> 16) as u32, lsl #16
        ; add x21, x1, x2
        ; ldr x22, [x19, field(header::COUNT)]
        ; movz x2, EL2_VECTORS as u32
        ; add x2, x1, x2
        ; msr VBAR_EL2, x2
    );
    for (index, register) in (0..).zip(ID_AA64MMFR) {
        dynasm!(ops
            ; .arch aarch64
            ; mrs x2, register
            ; str x2, [x19, field(header::REPORTS + 8 * index)]
        );
    }
    let loads = [
        (setting::TTBR0, TTBR0_EL1),
        (setting::TTBR1, TTBR1_EL1),
        (setting::TCR, TCR_EL1),
        (setting::MAIR, MAIR_EL1),
        (setting::VBAR, VBAR_EL1),
        (setting::SCTLR, SCTLR_EL1),
        (setting::HCR, HCR_EL2),
        (setting::VTCR, VTCR_EL2),
        (setting::VTTBR, VTTBR_EL2),
    ];
    for (index, register) in loads {
        dynasm!(ops
            ; .arch aarch64
            ; ldr x2, [x19, setting_field(index)]
            ; msr register, x2
        );
    }
    dynasm!(ops
        ; .arch aarch64
        ; isb
        ; tlbi vmalls12e1
        ; dsb sy
        ; isb
    );
}

/// Takes the next probe and tries its access, or ends.
fn emit_loop(ops: &mut VecAssembler<Aarch64Relocation>, next: DynamicLabel, exit: DynamicLabel) {
    dynasm!(ops
        ; .arch aarch64
        ; =>next
        ; str x22, [x19, field(header::LEFT)]
        ; cbz x22, >done
        ; ldr x10, [x20]
        ; ldr w11, [x20, 8]
        // Bit 2 is the user, bits 1 and 0 are the access.
        ; tbnz w11, 1, >fetch
        ; tbnz w11, 2, >user
        ; tbnz w11, 0, >write
        ; at s12e1r, x10
        ; b >translated
        ; write:
        ; at s12e1w, x10
        ; b >translated
        ; user:
        ; tbnz w11, 0, >user_write
        ; at s12e0r, x10
        ; b >translated
        ; user_write:
        ; at s12e0w, x10
        ; translated:
        ; isb
        ; mrs x3, PAR_EL1
        ; movz x2, TRANSLATED as u32
        ; stp x2, x3, [x21]
        ; b >advance
        ; fetch:
        ; movz x2, TO_EL1
        ; tbz w11, 2, >go
        ; movz x2, TO_EL0
        ; go:
        ; msr SPSR_EL2, x2
        ; add x10, x10, tag::AARCH64_CODE as u32
        ; msr ELR_EL2, x10
        ; movz x0, 0
        ; isb
        ; eret
        ; advance:
        ; add x20, x20, PROBE_BYTES as u32
        ; add x21, x21, RESULT_BYTES as u32
        ; sub x22, x22, 1
        ; b =>next
        ; done:
        ; movz x2, (DONE & 0xffff) as u32
        ; movk x2, (DONE >> 16) as u32, lsl #16
        ; str x2, [x19, field(header::STATE)]
        ; b =>exit
    );
}

/// Comes back from a visit to EL1 or EL0.
fn emit_back(ops: &mut VecAssembler<Aarch64Relocation>, back: DynamicLabel, next: DynamicLabel) {
    dynasm!(ops
        ; .arch aarch64
        ; =>back
        ; mrs x3, ESR_EL2
        ; lsr x2, x3, 26
        ; cmp x2, CLASS_HVC
        ; b.eq >exception
        ; movz x2, OTHER as u32
        ; mrs x4, FAR_EL2
        ; mrs x5, ELR_EL2
        // At a vector of EL1 that cannot be fetched?
        ; mrs x6, VBAR_EL1
        ; sub x6, x5, x6
        ; lsr x6, x6, VECTORS_LG2
        ; cbnz x6, >store
        ; exception:
        ; movz x2, EXCEPTION as u32
        ; mrs x3, ESR_EL1
        ; mrs x4, FAR_EL1
        ; mrs x5, ELR_EL1
        ; store:
        ; stp x2, x3, [x21]
        ; stp x0, xzr, [x21, 16]
        ; stp x4, x5, [x21, 32]
        ; add x20, x20, PROBE_BYTES as u32
        ; add x21, x21, RESULT_BYTES as u32
        ; sub x22, x22, 1
        ; b =>next
    );
}

/// Ends the emulator.
fn emit_exit(ops: &mut VecAssembler<Aarch64Relocation>, exit: DynamicLabel) {
    dynasm!(ops
        ; .arch aarch64
        ; =>exit
        ; movz x0, SYS_EXIT
        ; add x1, x19, EXIT_BLOCK as u32
        ; hlt SEMIHOSTING
        ; forever:
        ; wfi
        ; b <forever
    );
}

/// EL2's vectors: a synchronous exception from below is a visit that ends, any other is the end of the run.
fn emit_el2_vectors(ops: &mut VecAssembler<Aarch64Relocation>, back: DynamicLabel, exit: DynamicLabel) {
    dynasm!(ops ; .arch aarch64 ; .align EL2_VECTORS as usize);
    for vector in 0..VECTORS_BYTES as usize / VECTOR_BYTES {
        let target = if vector == FROM_LOWER { back } else { exit };
        dynasm!(ops
            ; .arch aarch64
            ; .align VECTOR_BYTES
            ; b =>target
        );
    }
}

/// EL1's vectors: each calls EL2 and does nothing else.
fn el1_vectors() -> Vec<u8> {
    let mut ops = VecAssembler::<Aarch64Relocation>::new(0);
    for _ in 0..VECTORS_BYTES as usize / VECTOR_BYTES {
        dynasm!(ops
            ; .arch aarch64
            ; .align VECTOR_BYTES
            ; hvc 0
        );
    }
    ops.finalize().expect("no label is used")
}
