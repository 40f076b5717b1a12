//! The program that probes, in RISC-V instructions.
//!
//! It runs in M-mode, untranslated, with all traps its own. A read or write is done here with `mstatus.MPRV`, which
//! borrows the privilege and the translation of S- or U-mode, or for a guest stage with the instructions that hypervisors
//! have for that; a fetch needs a real `mret`, from which the code in the tag comes back by `ecall`.
//!
//! `s0` points to the header, `s1` to the probe, `s2` to its result, `s3` counts the probes left. Neither the accesses
//! nor the code in tags touch these. Words of the header and of results have 64 bits on harts of 32 bits, too.

#![expect(
    clippy::useless_conversion,
    reason = "the assembler converts the numbers of registers, whatever type they have"
)]
#![expect(clippy::unnecessary_cast, reason = "the assembler's macro casts what it is given")]

use dynasmrt::riscv::RiscvRelocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler, dynasm};

use super::{Width, report, setting};
use crate::control::{Control, DONE, HEADER, PROBE_BYTES, PROBES, RESULT_BYTES, RESULTS, USER, header};
use crate::tag;

/// The cause in the result of a read or write that went through. Traps have smaller ones.
pub(super) const ARRIVED: u64 = 64;

// Control and status registers (Privileged Architecture, "CSR Listing").
const SATP: u32 = 0x180;
const VSATP: u32 = 0x280;
const MSTATUS: u32 = 0x300;
const MEDELEG: u32 = 0x302;
const MIE: u32 = 0x304;
const MTVEC: u32 = 0x305;
const MENVCFG: u32 = 0x30a;
const MSTATUSH: u32 = 0x310;
const MENVCFGH: u32 = 0x31a;
const MEPC: u32 = 0x341;
const MCAUSE: u32 = 0x342;
const MTVAL: u32 = 0x343;
const PMPCFG0: u32 = 0x3a0;
const PMPADDR0: u32 = 0x3b0;
const HSTATUS: u32 = 0x600;
const HEDELEG: u32 = 0x602;
const HGATP: u32 = 0x680;

/// `mret` (Privileged Architecture, "Trap-Return Instructions").
const MRET: u32 = 0x3020_0073;
/// `sfence.vma zero, zero` (Privileged Architecture, "Supervisor Memory-Management Fence Instruction").
const SFENCE_VMA: u32 = 0x1200_0073;
/// `hfence.gvma zero, zero` (Privileged Architecture, "Hypervisor Memory-Management Fence Instructions").
const HFENCE_GVMA: u32 = 0x6200_0073;
/// `hlv.w`, `hlv.d`, `hsv.w`, `hsv.d` without registers ("Hypervisor Virtual-Machine Load and Store Instructions").
const HLV_W: u32 = 0x6800_4073;
const HLV_D: u32 = 0x6c00_4073;
const HSV_W: u32 = 0x6a00_4073;
const HSV_D: u32 = 0x6e00_4073;
/// `pmpcfg0`: entry 0 is a naturally aligned range, readable, writable, executable.
const PMP_ALL: i32 = 0x1f;
/// `mstatus.MPP` has its low bit here: 1 is S-mode.
const MPP_SHIFT: u32 = 11;
/// `mstatus.MPRV` is this bit.
const MPRV_SHIFT: u32 = 17;
/// `mstatus.MPV` is this bit on harts of 64 bits: `mret` goes to a guest.
const MPV_SHIFT: u32 = 39;
/// `mstatush.MPV`, on harts of 32 bits.
const MPV_HIGH: i32 = 1 << 7;
/// `hstatus.SPVP` is this bit: `hlv` and `hsv` are a guest's supervisor's.
const SPVP_SHIFT: u32 = 8;
/// The device that ends the emulator, and what to write to it.
const TEST_DEVICE: i32 = 0x10_0000;
const PASS: (i32, i32) = (0x5000, 0x555);

// Registers that hold words: found ones with their higher halves on harts of 32 bits, a number, an address.
const VALUE: u8 = 5;
const PLACE: u8 = 6;
const COUNTER: u8 = 7;
const HEAD: u8 = 8;
const PROBE: u8 = 9;
const VA: u8 = 10;
const STORED: u8 = 12;
const FOUND: (u8, u8) = (13, 15);
const CHECK: (u8, u8) = (14, 16);
const RESULT: u8 = 18;
const LEFT: u8 = 19;
const STATUS: u8 = 20;

/// Writes the text into the control area, at whose start it begins.
pub(super) fn install(control: Control<'_>, width: Width, guest: bool) {
    let mut stub = Stub { ops: VecAssembler::new(0), width, guest };
    let next = stub.ops.new_dynamic_label();
    let trap = stub.ops.new_dynamic_label();
    let store = stub.ops.new_dynamic_label();
    stub.start(trap);
    stub.probes(next, store);
    stub.trap(trap, store);
    stub.results(store, next);
    let text = stub.ops.finalize().expect("every label is defined");
    assert!(text.len() as u64 <= HEADER, "the stub fits before the header");
    control.write(0, &text);
}

fn field(offset: u64) -> i32 {
    offset as i32
}

fn setting_field(index: u64) -> i32 {
    field(header::SETTINGS + 8 * index)
}

/// The text, as far as it has been written.
struct Stub {
    ops: VecAssembler<RiscvRelocation>,
    width: Width,
    guest: bool,
}

impl Stub {
    /// Loads the word at `offset` from the address in `from`, or its lower half.
    fn load(&mut self, to: u8, from: u8, offset: i32) {
        match self.width {
            Width::X64 => dynasm!(self.ops ; .arch riscv64i ; ld X(to), [X(from), offset]),
            Width::X32 => dynasm!(self.ops ; .arch riscv32i ; lw X(to), [X(from), offset]),
        }
    }

    /// Stores a register to the word at `offset` from the address in `at`.
    fn save(&mut self, what: u8, at: u8, offset: i32) {
        match self.width {
            Width::X64 => dynasm!(self.ops ; .arch riscv64i ; sd X(what), [X(at), offset]),
            Width::X32 => self.save_halves((what, 0), at, offset),
        }
    }

    /// Stores two registers, the second on harts of 32 bits only.
    fn save_halves(&mut self, (low, high): (u8, u8), at: u8, offset: i32) {
        match self.width {
            Width::X64 => self.save(low, at, offset),
            Width::X32 => dynasm!(self.ops
                ; .arch riscv32i
                ; sw X(low), [X(at), offset]
                ; sw X(high), [X(at), offset + 4]
            ),
        }
    }

    /// Loads a word at `offset` from the probed address, as the access that is tried.
    fn fetch_word(&mut self, (low, high): (u8, u8), offset: i32) {
        match (self.guest, self.width) {
            (false, width) => {
                self.load(low, VA, offset);
                if width == Width::X32 {
                    self.load(high, VA, offset + 4);
                }
            }
            (true, Width::X64) => self.guests(HLV_D, low, offset),
            (true, Width::X32) => {
                self.guests(HLV_W, low, offset);
                self.guests(HLV_W, high, offset + 4);
            }
        }
    }

    /// One of the instructions of hypervisors, `offset` from the probed address. They have no offset of their own.
    fn guests(&mut self, instruction: u32, register: u8, offset: i32) {
        let stores = matches!(instruction, HSV_W | HSV_D);
        let place = if stores { u32::from(register) << 20 } else { u32::from(register) << 7 };
        dynasm!(self.ops
            ; .arch riscv32i
            ; addi X(PLACE), X(VA), offset
            ; .u32 instruction | place | u32::from(PLACE) << 15
        );
    }

    /// Sets the pointers and the control registers.
    fn start(&mut self, trap: DynamicLabel) {
        dynasm!(self.ops
            ; .arch riscv32i
            ; .feature zicsr
            // The text begins at the start of the control area.
            ; auipc x5, 0
            ; lui X(HEAD), HEADER as i32
            ; add X(HEAD), X(HEAD), x5
            ; lui X(PROBE), PROBES as i32
            ; add X(PROBE), X(PROBE), x5
            ; lui X(RESULT), RESULTS as i32
            ; add X(RESULT), X(RESULT), x5
            ; la x5, =>trap
            ; csrw MTVEC, x5
            ; csrw MEDELEG, x0
            ; csrw MIE, x0
            ; addi x5, x0, -1
            ; csrw PMPADDR0, x5
            ; addi x5, x0, PMP_ALL
            ; csrw PMPCFG0, x5
        );
        self.load(LEFT, HEAD, field(header::COUNT));
        for mode in 0..setting::MODES.1 {
            self.load(VALUE, HEAD, setting_field(setting::MODES.0 + mode));
            dynasm!(self.ops ; .arch riscv32i ; .feature zicsr ; csrw SATP, x5 ; csrr x5, SATP);
            self.save(VALUE, HEAD, field(header::REPORTS + 8 * (report::SATP + mode)));
        }
        dynasm!(self.ops ; .arch riscv32i ; .feature zicsr ; csrw SATP, x0);
        match self.width {
            Width::X64 => {
                self.load(VALUE, HEAD, setting_field(setting::MENVCFG));
                dynasm!(self.ops ; .arch riscv32i ; .feature zicsr ; csrw MENVCFG, x5);
            }
            Width::X32 => {
                self.load(VALUE, HEAD, setting_field(setting::MENVCFG) + 4);
                dynasm!(self.ops ; .arch riscv32i ; .feature zicsr ; csrw MENVCFGH, x5);
            }
        }
        self.load(VALUE, HEAD, setting_field(setting::ROOT));
        if self.guest {
            dynasm!(self.ops
                ; .arch riscv32i
                ; .feature zicsr
                ; csrw VSATP, x0
                ; csrw HEDELEG, x0
                ; csrw HGATP, x5
                ; .u32 HFENCE_GVMA
            );
        } else {
            dynasm!(self.ops ; .arch riscv32i ; .feature zicsr ; csrw SATP, x5 ; .u32 SFENCE_VMA);
        }
    }

    /// Takes the next probe and tries its access, or ends.
    fn probes(&mut self, next: DynamicLabel, store: DynamicLabel) {
        dynasm!(self.ops ; .arch riscv32i ; =>next);
        self.save(LEFT, HEAD, field(header::LEFT));
        dynasm!(self.ops ; .arch riscv32i ; beqz X(LEFT), >done);
        self.load(VA, PROBE, 0);
        dynasm!(self.ops
            ; .arch riscv32i
            ; lw x11, [X(PROBE), 8]
            ; lw X(STORED), [X(PROBE), 12]
        );
        self.load(STATUS, HEAD, setting_field(setting::MSTATUS));
        dynasm!(self.ops
            ; .arch riscv32i
            ; andi x5, x11, USER as i32
            ; bnez x5, >user
            ; addi x5, x0, 1
            ; slli x5, x5, MPP_SHIFT
            ; or X(STATUS), X(STATUS), x5
            ; user:
            ; andi x11, x11, 3
            ; addi x5, x0, 2
            ; beq x11, x5, >fetch
        );
        self.as_other();
        dynasm!(self.ops ; .arch riscv32i ; beqz x11, >read);
        match (self.guest, self.width) {
            (false, _) => self.save(STORED, VA, tag::SCRATCH as i32),
            (true, Width::X64) => self.guests(HSV_D, STORED, tag::SCRATCH as i32),
            (true, Width::X32) => self.guests(HSV_W, STORED, tag::SCRATCH as i32),
        }
        dynasm!(self.ops ; .arch riscv32i ; read:);
        self.fetch_word(FOUND, tag::ADDRESS as i32);
        self.fetch_word(CHECK, tag::CHECK_WORD as i32);
        dynasm!(self.ops
            ; .arch riscv32i
            ; .feature zicsr
            ; csrw MSTATUS, x0
            ; addi x5, x0, ARRIVED as i32
            ; addi X(PLACE), x0, 0
            ; addi X(COUNTER), x0, 0
            ; j =>store
            ; fetch:
        );
        self.enter_guest_on_return();
        dynasm!(self.ops
            ; .arch riscv32i
            ; .feature zicsr
            ; csrw MSTATUS, X(STATUS)
            ; addi X(VA), X(VA), tag::RISCV_CODE as i32
            ; csrw MEPC, X(VA)
            ; addi X(VA), x0, 0
            ; .u32 MRET
            ; done:
            ; lui x5, (DONE as i32 + 0x800) & !0xfff
            ; addi x5, x5, (DONE as i32) << 20 >> 20
        );
        self.save(VALUE, HEAD, field(header::STATE));
        dynasm!(self.ops
            ; .arch riscv32i
            ; lui x5, TEST_DEVICE
            ; lui x6, PASS.0
            ; addi x6, x6, PASS.1
            ; sw x6, [x5, 0]
            ; forever:
            ; j <forever
        );
    }

    /// Makes loads and stores those of S- or U-mode, or of a guest's.
    fn as_other(&mut self) {
        if self.guest {
            dynasm!(self.ops
                ; .arch riscv32i
                ; .feature zicsr
                ; srli x5, X(STATUS), MPP_SHIFT - SPVP_SHIFT
                ; andi x5, x5, 1 << SPVP_SHIFT
                ; csrw HSTATUS, x5
            );
        } else {
            dynasm!(self.ops
                ; .arch riscv32i
                ; .feature zicsr
                ; addi x5, x0, 1
                ; slli x5, x5, MPRV_SHIFT
                ; or X(STATUS), X(STATUS), x5
                ; csrw MSTATUS, X(STATUS)
            );
        }
    }

    /// Has `mret` go to a guest, if there is one.
    fn enter_guest_on_return(&mut self) {
        match (self.guest, self.width) {
            (false, _) => {}
            (true, Width::X64) => dynasm!(self.ops
                ; .arch riscv64i
                ; addi x5, x0, 1
                ; slli x5, x5, MPV_SHIFT
                ; or X(STATUS), X(STATUS), x5
            ),
            (true, Width::X32) => dynasm!(self.ops
                ; .arch riscv32i
                ; .feature zicsr
                ; addi x5, x0, MPV_HIGH
                ; csrw MSTATUSH, x5
            ),
        }
    }

    /// Where every trap goes.
    fn trap(&mut self, trap: DynamicLabel, store: DynamicLabel) {
        dynasm!(self.ops
            ; .arch riscv32i
            ; .feature zicsr
            ; .align 4
            ; =>trap
            ; csrw MSTATUS, x0
            ; csrr x5, MCAUSE
            ; csrr X(PLACE), MTVAL
            ; csrr X(COUNTER), MEPC
            ; mv X(FOUND.0), X(VA)
            ; addi X(FOUND.1), x0, 0
            ; addi X(CHECK.0), x0, 0
            ; addi X(CHECK.1), x0, 0
            ; j =>store
        );
    }

    /// Stores the result (cause, address, program counter, the two words) and goes on.
    fn results(&mut self, store: DynamicLabel, next: DynamicLabel) {
        dynasm!(self.ops ; .arch riscv32i ; =>store);
        self.save(VALUE, RESULT, 0);
        self.save(VALUE, RESULT, 8);
        self.save_halves(FOUND, RESULT, 16);
        self.save_halves(CHECK, RESULT, 24);
        self.save(PLACE, RESULT, 32);
        self.save(COUNTER, RESULT, 40);
        dynasm!(self.ops
            ; .arch riscv32i
            ; addi X(PROBE), X(PROBE), PROBE_BYTES as i32
            ; addi X(RESULT), X(RESULT), RESULT_BYTES as i32
            ; addi X(LEFT), X(LEFT), -1
            ; j =>next
        );
    }
}
