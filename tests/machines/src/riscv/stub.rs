//! The program that probes, in RISC-V instructions.
//!
//! It runs in M-mode, untranslated, with all traps its own. A read or write is done here with `mstatus.MPRV`, which
//! borrows the privilege and the translation of S- or U-mode; a fetch needs a real `mret`, from which the code in the
//! tag comes back by `ecall`.
//!
//! `s0` points to the header, `s1` to the probe, `s2` to its result, `s3` counts the probes left. Neither the accesses
//! nor the code in tags touch these.

#![expect(clippy::unnecessary_cast, reason = "the assembler's macro casts what it is given")]

use dynasmrt::riscv::RiscvRelocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler, dynasm};

use super::{report, setting};
use crate::control::{Control, DONE, HEADER, PROBE_BYTES, PROBES, RESULT_BYTES, RESULTS, USER, header};
use crate::tag;

/// The cause in the result of a read or write that went through. Traps have smaller ones.
pub(super) const ARRIVED: u64 = 64;

// Control and status registers (Privileged Architecture, "CSR Listing").
const SATP: u32 = 0x180;
const MSTATUS: u32 = 0x300;
const MEDELEG: u32 = 0x302;
const MIE: u32 = 0x304;
const MTVEC: u32 = 0x305;
const MENVCFG: u32 = 0x30a;
const MEPC: u32 = 0x341;
const MCAUSE: u32 = 0x342;
const MTVAL: u32 = 0x343;
const PMPCFG0: u32 = 0x3a0;
const PMPADDR0: u32 = 0x3b0;

/// `mret` (Privileged Architecture, "Trap-Return Instructions").
const MRET: u32 = 0x3020_0073;
/// `sfence.vma zero, zero` (Privileged Architecture, "Supervisor Memory-Management Fence Instruction").
const SFENCE_VMA: u32 = 0x1200_0073;
/// `pmpcfg0`: entry 0 is a naturally aligned range, readable, writable, executable.
const PMP_ALL: i32 = 0x1f;
/// `mstatus.MPP` has its low bit here: 1 is S-mode.
const MPP_SHIFT: u32 = 11;
/// `mstatus.MPRV` is this bit.
const MPRV_SHIFT: u32 = 17;
/// The device that ends the emulator, and what to write to it.
const TEST_DEVICE: i32 = 0x10_0000;
/// "Pass", in two parts for `lui` and `addi`.
const PASS: (i32, i32) = (0x5000, 0x555);

/// Writes the text into the control area, at whose start it begins.
pub(super) fn install(control: Control<'_>) {
    let text = text();
    assert!(text.len() as u64 <= HEADER, "the stub fits before the header");
    control.write(0, &text);
}

fn field(offset: u64) -> i32 {
    offset as i32
}

fn setting_field(index: u64) -> i32 {
    field(header::SETTINGS + 8 * index)
}

fn text() -> Vec<u8> {
    let mut ops = VecAssembler::<RiscvRelocation>::new(0);
    let next = ops.new_dynamic_label();
    let trap = ops.new_dynamic_label();
    let store = ops.new_dynamic_label();
    emit_start(&mut ops, trap);
    emit_loop(&mut ops, next, store);
    emit_trap(&mut ops, trap, store);
    emit_store(&mut ops, store, next);
    ops.finalize().expect("every label is defined")
}

/// Sets the pointers and the control registers.
fn emit_start(ops: &mut VecAssembler<RiscvRelocation>, trap: DynamicLabel) {
    let satp_report = |mode: u64| field(header::REPORTS + 8 * (report::SATP + mode));
    dynasm!(ops
        ; .arch riscv64i
        ; .feature zicsr
        // The text begins at the start of the control area.
        ; auipc x5, 0
        ; lui x8, HEADER as i32
        ; add x8, x8, x5
        ; lui x9, PROBES as i32
        ; add x9, x9, x5
        ; lui x18, RESULTS as i32
        ; add x18, x18, x5
        ; ld x19, [x8, field(header::COUNT)]
        ; la x5, =>trap
        ; csrw MTVEC, x5
        ; csrw MEDELEG, x0
        ; csrw MIE, x0
        ; addi x5, x0, -1
        ; csrw PMPADDR0, x5
        ; addi x5, x0, PMP_ALL
        ; csrw PMPCFG0, x5
    );
    for mode in 0..3 {
        dynasm!(ops
            ; .arch riscv64i
        ; .feature zicsr
            ; addi x5, x0, 8 + mode
            ; slli x5, x5, 60
            ; csrw SATP, x5
            ; csrr x5, SATP
            ; sd x5, [x8, satp_report(mode as u64)]
            ; csrw SATP, x0
        );
    }
    dynasm!(ops
        ; .arch riscv64i
        ; .feature zicsr
        ; ld x5, [x8, setting_field(setting::MENVCFG)]
        ; csrw MENVCFG, x5
        ; ld x5, [x8, setting_field(setting::SATP)]
        ; csrw SATP, x5
        ; .u32 SFENCE_VMA
    );
}

/// Takes the next probe and tries its access, or ends.
fn emit_loop(ops: &mut VecAssembler<RiscvRelocation>, next: DynamicLabel, store: DynamicLabel) {
    dynasm!(ops
        ; .arch riscv64i
        ; .feature zicsr
        ; =>next
        ; sd x19, [x8, field(header::LEFT)]
        ; beqz x19, >done
        ; ld x10, [x9, 0]
        ; lwu x11, [x9, 8]
        ; lwu x12, [x9, 12]
        ; ld x20, [x8, setting_field(setting::MSTATUS)]
        ; andi x5, x11, USER as i32
        ; bnez x5, >user
        ; addi x5, x0, 1
        ; slli x5, x5, MPP_SHIFT
        ; or x20, x20, x5
        ; user:
        ; andi x11, x11, 3
        ; addi x5, x0, 2
        ; beq x11, x5, >fetch
        ; addi x5, x0, 1
        ; slli x5, x5, MPRV_SHIFT
        ; or x20, x20, x5
        ; csrw MSTATUS, x20
        ; beqz x11, >read
        ; sd x12, [x10, tag::SCRATCH as i32]
        ; read:
        ; ld x13, [x10, tag::ADDRESS as i32]
        ; ld x14, [x10, tag::CHECK_WORD as i32]
        ; csrw MSTATUS, x0
        ; addi x5, x0, ARRIVED as i32
        ; addi x6, x0, 0
        ; addi x7, x0, 0
        ; j =>store
        ; fetch:
        ; csrw MSTATUS, x20
        ; addi x10, x10, tag::RISCV_CODE as i32
        ; csrw MEPC, x10
        ; addi x10, x0, 0
        ; .u32 MRET
        ; done:
        ; lui x5, (DONE as i32 + 0x800) & !0xfff
        ; addi x5, x5, (DONE as i32) << 20 >> 20
        ; sd x5, [x8, field(header::STATE)]
        ; lui x5, TEST_DEVICE
        ; lui x6, PASS.0
        ; addi x6, x6, PASS.1
        ; sw x6, [x5, 0]
        ; forever:
        ; j <forever
    );
}

/// Where every trap goes.
fn emit_trap(ops: &mut VecAssembler<RiscvRelocation>, trap: DynamicLabel, store: DynamicLabel) {
    dynasm!(ops
        ; .arch riscv64i
        ; .feature zicsr
        ; .align 4
        ; =>trap
        ; csrw MSTATUS, x0
        ; csrr x5, MCAUSE
        ; csrr x6, MTVAL
        ; csrr x7, MEPC
        ; mv x13, x10
        ; addi x14, x0, 0
        ; j =>store
    );
}

/// Stores the result (cause, address, program counter, the two words) and goes on.
fn emit_store(ops: &mut VecAssembler<RiscvRelocation>, store: DynamicLabel, next: DynamicLabel) {
    dynasm!(ops
        ; .arch riscv64i
        ; .feature zicsr
        ; =>store
        ; sd x5, [x18, 0]
        ; sd x5, [x18, 8]
        ; sd x13, [x18, 16]
        ; sd x14, [x18, 24]
        ; sd x6, [x18, 32]
        ; sd x7, [x18, 40]
        ; addi x9, x9, PROBE_BYTES as i32
        ; addi x18, x18, RESULT_BYTES as i32
        ; addi x19, x19, -1
        ; j =>next
    );
}
