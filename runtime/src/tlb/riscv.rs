//! Flushes on RISC-V: SFENCE.VMA, HFENCE.GVMA, and the finer ones of Svinval.
//!
//! RISC-V privileged specification, "Supervisor Memory-Management Fence Instruction", "Hypervisor Memory-Management Fence
//! Instructions" and "Svinval". They reach this hart alone. The others are reached through the firmware or by interrupts:
//! see [`Others`](crate::Others).

#![expect(unsafe_code, reason = "instructions that flush")]

use core::arch::asm;

use super::steps::{Instructions, Step, Whose};
use crate::flush::{FlushRequest, Tlb};

/// So many fences by address are still cheaper than to lose everything: what Linux has come to
/// (`tlb_flush_all_threshold`).
pub const THRESHOLD: u32 = 64;

/// What this hart holds of a supervisor's tables.
#[derive(Clone, Copy, Debug)]
pub struct Hart {
    svinval: bool,
    instructions: Instructions,
}

impl Hart {
    /// What this hart holds of a supervisor's tables, with at most `threshold` addresses flushed one by one. `svinval`:
    /// whether the hart has the extension.
    ///
    /// # Safety
    ///
    /// Whenever the value is asked to flush, this runs in S-mode (or HS-mode, or M-mode) on a hart with these extensions,
    /// and stays on it until the call returns. Requests for other harts ([`Scope::Everywhere`](crate::Scope)) also go to
    /// something that reaches those which may hold what is flushed.
    #[must_use]
    pub const unsafe fn new(svinval: bool, threshold: u32) -> Self {
        Self { svinval, instructions: Instructions::riscv(threshold) }
    }
}

/// What this hart holds of a guest's intermediate addresses: the G-stage.
#[derive(Clone, Copy, Debug)]
pub struct GuestOfHart {
    svinval: bool,
    instructions: Instructions,
}

impl GuestOfHart {
    /// What this hart holds of guests' intermediate addresses, with at most `threshold` addresses flushed one by one.
    /// `svinval`: whether the hart has the extension.
    ///
    /// # Safety
    ///
    /// As for [`Hart::new`], in HS-mode (or M-mode) on a hart with the hypervisor extension.
    #[must_use]
    pub const unsafe fn new(svinval: bool, threshold: u32) -> Self {
        Self { svinval, instructions: Instructions::riscv(threshold) }
    }
}

/// One instruction. It changes no memory and no register.
macro_rules! fence {
    ($template:literal $(, $operand:expr)*) => {
        // SAFETY: the instruction changes no memory and no register, and is allowed by the promise of whoever made the
        // value that flushes.
        unsafe { asm!($template, $(in(reg) $operand,)* options(nostack, preserves_flags)) }
    };
}

/// Calls `step` for each step, and says whether it is to be one of Svinval's, which stand between two fences of its own.
#[inline]
fn run(instructions: Instructions, svinval: bool, request: &FlushRequest, step: impl Fn(Step, bool)) {
    let mut request = *request;
    // Another number is none that a hart has: those are of at most 16 bits.
    request.space = request.space.filter(|&space| space < 1 << 16);
    let mut is_fine = false;
    for next in instructions.steps(&request) {
        if svinval && !is_fine && matches!(next, Step::Address { .. }) {
            is_fine = true;
            fence!(".4byte 0x18000073"); // sfence.w.inval
        }
        step(next, is_fine);
    }
    if is_fine {
        fence!(".4byte 0x18100073"); // sfence.inval.ir
    }
}

/// What a register holds of it.
#[expect(clippy::cast_possible_truncation, reason = "addresses and spaces fit a register")]
const fn register(value: u64) -> usize {
    value as usize
}

impl Tlb for Hart {
    fn flush(&mut self, request: &FlushRequest) {
        // Instructions of extensions are given by number, for assemblers that are told of a hart without them.
        run(self.instructions, self.svinval, request, |step, is_fine| match step {
            Step::Address { va, whose: Whose::Space(space) } => {
                let (va, space) = (register(va.get()), space as usize);
                if is_fine {
                    fence!(".insn r 0x73, 0, 0x0b, x0, {}, {}", va, space); // sinval.vma
                } else {
                    fence!("sfence.vma {}, {}", va, space);
                }
            }
            Step::Address { va, .. } if is_fine => fence!(".insn r 0x73, 0, 0x0b, x0, {}, x0", register(va.get())),
            Step::Address { va, .. } => fence!("sfence.vma {}, x0", register(va.get())),
            Step::Everything { whose: Whose::Space(space) } => fence!("sfence.vma x0, {}", space as usize),
            Step::Everything { .. } | Step::Range { .. } => fence!("sfence.vma x0, x0"),
        });
    }
}

impl Tlb for GuestOfHart {
    fn flush(&mut self, request: &FlushRequest) {
        let mut request = *request;
        // There is nothing that belongs to all guests.
        request.global = false;
        run(self.instructions, self.svinval, &request, |step, is_fine| match step {
            Step::Address { va, whose: Whose::Space(space) } => {
                let (va, space) = (register(va.get() >> 2), space as usize);
                if is_fine {
                    fence!(".insn r 0x73, 0, 0x33, x0, {}, {}", va, space); // hinval.gvma
                } else {
                    fence!(".insn r 0x73, 0, 0x31, x0, {}, {}", va, space); // hfence.gvma
                }
            }
            Step::Address { va, .. } if is_fine => fence!(".insn r 0x73, 0, 0x33, x0, {}, x0", register(va.get() >> 2)),
            Step::Address { va, .. } => fence!(".insn r 0x73, 0, 0x31, x0, {}, x0", register(va.get() >> 2)),
            Step::Everything { whose: Whose::Space(space) } => {
                fence!(".insn r 0x73, 0, 0x31, x0, x0, {}", space as usize);
            }
            Step::Everything { .. } | Step::Range { .. } => fence!(".insn r 0x73, 0, 0x31, x0, x0, x0"),
        });
    }
}
