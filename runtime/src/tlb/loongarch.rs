//! Flushes on LoongArch: INVTLB.
//!
//! LoongArch Reference Manual vol. 1, section 4.2.4.7, "INVTLB". It reaches this processor alone. The others are told by
//! interrupts: see [`Others`](crate::Others).

#![expect(unsafe_code, reason = "instructions that flush")]

use core::arch::asm;

use super::steps::{Instructions, Step, Whose};
use crate::flush::{FlushRequest, Tlb};

/// So many instructions by address are still cheaper than to lose everything: an eighth of the larger TLB, as Linux has it
/// (`local_flush_tlb_range`).
pub const THRESHOLD: u32 = 256;

/// The TLB of the processor that this runs on.
#[derive(Clone, Copy, Debug)]
pub struct Processor {
    instructions: Instructions,
}

impl Processor {
    /// The TLB of the processor that this runs on, with pages of `2^page_lg2` bytes (CSR.STLBPS), and at most `threshold`
    /// addresses flushed one by one. `None` if there are no such pages: 12, 14 and 16 are.
    ///
    /// # Safety
    ///
    /// Whenever the value is asked to flush, this runs at privilege level 0 and stays on its processor until the call
    /// returns. Requests for other processors ([`Scope::Everywhere`](crate::Scope)) also go to something that reaches
    /// those which may hold what is flushed.
    #[must_use]
    pub const unsafe fn new(page_lg2: u32, threshold: u32) -> Option<Self> {
        match page_lg2 {
            12 | 14 | 16 => Some(Self { instructions: Instructions::loongarch(page_lg2, threshold) }),
            _ => None,
        }
    }
}

/// INVTLB with this number.
macro_rules! invtlb {
    ($number:literal, $space:expr, $va:expr) => {{
        let (space, va): (u64, u64) = ($space, $va);
        // SAFETY: the instruction changes no memory and no register, and is allowed by the promise of whoever made the
        // `Processor`.
        unsafe {
            asm!(concat!("invtlb ", $number, ", {}, {}"), in(reg) space, in(reg) va, options(nostack, preserves_flags));
        }
    }};
}

impl Tlb for Processor {
    fn flush(&mut self, request: &FlushRequest) {
        let mut request = *request;
        // Another number is no ASID: those have 10 bits.
        request.space = request.space.filter(|&space| space < 1 << 10);
        // SAFETY: a barrier changes nothing. What has been written to tables is there when they are walked again.
        unsafe { asm!("dbar 0", options(nostack, preserves_flags)) }
        self.instructions.steps(&request).for_each(step);
    }
}

#[inline]
fn step(step: Step) {
    match step {
        // Not global, this ASID, this address.
        Step::Address { va, whose: Whose::Space(space) } => invtlb!("0x5", u64::from(space), va.get()),
        // Global or this ASID, this address.
        Step::Address { va, whose: Whose::SpaceAndGlobal(space) } => invtlb!("0x6", u64::from(space), va.get()),
        // Not global, this ASID.
        Step::Everything { whose: Whose::Space(space) } => invtlb!("0x4", u64::from(space), 0),
        Step::Address { .. } | Step::Everything { .. } | Step::Range { .. } => invtlb!("0x0", 0, 0),
    }
}
