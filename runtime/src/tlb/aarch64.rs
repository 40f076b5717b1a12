//! Flushes on AArch64: TLBI, and the barriers around it.
//!
//! Arm ARM (DDI 0487), section D8.17 "TLB maintenance" for what they do and which barriers they take; section C5.5 for
//! the operands. What is inner shareable reaches all processors; no interrupts are needed.
//! Errata of single processors, some of which want a TLBI twice, are not worked around here.

#![expect(unsafe_code, reason = "instructions that flush")]

use core::arch::asm;

pub use super::instructions::Granule;
use super::steps::{Instructions, Step, Whose};
use crate::address::Va;
use crate::flush::{FlushRequest, Scope, Tlb};

/// What a processor has, and how it is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Features {
    /// The size of the smallest pages: TCR_EL1.TG0 and TG1, or VTCR_EL2.TG0.
    pub granule: Granule,
    /// Whether it has TLBI by range, FEAT_TLBIRANGE: ID_AA64ISAR0_EL1.TLB is 2 or more.
    pub ranges: bool,
    /// Whether addresses have 52 bits with 4 or 16 KiB pages (FEAT_LPA2): TCR_EL1.DS or VTCR_EL2.DS.
    pub wide: bool,
}

/// So many instructions by address are still cheaper than to lose everything: what Linux has come to (`MAX_DVM_OPS`).
pub const THRESHOLD: u32 = 512;

/// TLBs of the translation regime of EL1 and EL0; with HCR_EL2.E2H and TGE, of EL2 and EL0.
#[derive(Clone, Copy, Debug)]
pub struct Stage1 {
    features: Features,
    instructions: Instructions,
}

impl Stage1 {
    /// TLBs of processors with these features, with at most `threshold` addresses flushed one by one.
    ///
    /// # Safety
    ///
    /// Whenever the value is asked to flush, this runs at EL1 (or at EL2 with HCR_EL2.E2H and TGE), on a processor with
    /// these features, of which those that [`Scope::Everywhere`] means are in one inner shareable domain.
    #[must_use]
    pub const unsafe fn new(features: Features, threshold: u32) -> Self {
        let Features { granule, ranges, wide } = features;
        Self { features, instructions: Instructions::aarch64(granule, ranges, wide, threshold) }
    }
}

/// TLBs for a guest's intermediate addresses: stage 2. What was combined with stage 1 goes as well.
#[derive(Clone, Copy, Debug)]
pub struct Stage2 {
    features: Features,
    instructions: Instructions,
}

impl Stage2 {
    /// TLBs of processors with these features, with at most `threshold` addresses flushed one by one.
    ///
    /// # Safety
    ///
    /// Whenever the value is asked to flush, this runs at EL2, VTTBR_EL2 has the VMID of the guest whose tables they
    /// are, on a processor with these features, of which those that [`Scope::Everywhere`] means are in one inner
    /// shareable domain.
    #[must_use]
    pub const unsafe fn new(features: Features, threshold: u32) -> Self {
        let Features { granule, ranges, wide } = features;
        Self { features, instructions: Instructions::aarch64_guest(granule, ranges, wide, threshold) }
    }
}

/// A TLBI with an operand. Changes no memory and no register.
macro_rules! tlbi {
    ($instruction:literal, $operand:expr) => {{
        let operand: u64 = $operand;
        // SAFETY: the instruction changes no memory and no register, and is allowed by the promise of whoever made the
        // value that flushes.
        unsafe { asm!(concat!($instruction, ", {}"), in(reg) operand, options(nostack, preserves_flags)) }
    }};
}

/// An instruction without an operand: a TLBI or a barrier.
macro_rules! plain {
    ($instruction:literal) => {
        // SAFETY: the instruction changes no memory and no register, and is allowed by the promise of whoever made the
        // value that flushes.
        unsafe { asm!($instruction, options(nostack, preserves_flags)) }
    };
}

/// One of two, by whether other processors are meant, and one of two, by whether only the last level changed.
macro_rules! choose {
    ($shared:expr, $last:expr; $all_shared:literal, $all:literal; $last_shared:literal, $last_local:literal; $x:expr) => {
        match ($shared, $last) {
            (true, false) => tlbi!($all_shared, $x),
            (false, false) => tlbi!($all, $x),
            (true, true) => tlbi!($last_shared, $x),
            (false, true) => tlbi!($last_local, $x),
        }
    };
}

/// What has been written to tables is seen by walks that start from now on.
#[inline]
fn before(shared: bool) {
    if shared { plain!("dsb ishst") } else { plain!("dsb nshst") }
}

/// What was asked for is done.
#[inline]
fn done(shared: bool) {
    if shared { plain!("dsb ish") } else { plain!("dsb nsh") }
}

impl Tlb for Stage1 {
    fn flush(&mut self, request: &FlushRequest) {
        let shared = request.scope != Scope::Local;
        let mut known = *request;
        known.space = request.space.filter(|&space| space < 1 << 16);
        before(shared);
        for step in self.instructions.steps(&known) {
            self.step(step, shared, !request.tables);
        }
        done(shared);
        plain!("isb");
    }
}

impl Stage1 {
    #[inline]
    fn step(&self, step: Step, shared: bool, last: bool) {
        match step {
            Step::Address { va, whose: Whose::All } => {
                let x = page(va);
                choose!(shared, last; "tlbi vaae1is", "tlbi vaae1"; "tlbi vaale1is", "tlbi vaale1"; x);
            }
            Step::Address { va, whose: Whose::Space(space) | Whose::SpaceAndGlobal(space) } => {
                let x = asid(space) | page(va);
                choose!(shared, last; "tlbi vae1is", "tlbi vae1"; "tlbi vale1is", "tlbi vale1"; x);
            }
            // TLBI RVAAE1IS, RVAAE1; RVAALE1IS, RVAALE1: by number, for assemblers that are told of an older processor.
            Step::Range { start, scale, count, whose: Whose::All, .. } => {
                let x = range(self.features, start, scale, count);
                choose!(shared, last; "sys #0, c8, c2, #3", "sys #0, c8, c6, #3"; "sys #0, c8, c2, #7", "sys #0, c8, c6, #7"; x);
            }
            // TLBI RVAE1IS, RVAE1; RVALE1IS, RVALE1.
            Step::Range { start, scale, count, whose: Whose::Space(space) | Whose::SpaceAndGlobal(space), .. } => {
                let x = asid(space) | range(self.features, start, scale, count);
                choose!(shared, last; "sys #0, c8, c2, #1", "sys #0, c8, c6, #1"; "sys #0, c8, c2, #5", "sys #0, c8, c6, #5"; x);
            }
            Step::Everything { whose: Whose::Space(space) } => {
                if shared {
                    tlbi!("tlbi aside1is", asid(space))
                } else {
                    tlbi!("tlbi aside1", asid(space))
                }
            }
            Step::Everything { .. } => everything_of_stage_1(shared),
        }
    }
}

/// All of this regime, or, in a hypervisor, all that is combined for the guest whose VMID is in use.
#[inline]
fn everything_of_stage_1(shared: bool) {
    if shared { plain!("tlbi vmalle1is") } else { plain!("tlbi vmalle1") }
}

impl Tlb for Stage2 {
    fn flush(&mut self, request: &FlushRequest) {
        let (shared, last) = (request.scope != Scope::Local, !request.tables);
        let mut combined = false;
        before(shared);
        for step in self.instructions.steps(request) {
            combined |= self.step(step, shared, last);
        }
        if combined {
            // By intermediate address only stage 2 goes. What combines both stages is found by VA, which nobody knows:
            // all of it goes, and after the first is done, so that it is not made of the old stage 2 again.
            done(shared);
            everything_of_stage_1(shared);
        }
        done(shared);
        plain!("isb");
    }
}

impl Stage2 {
    /// Returns whether what combines both stages is still there.
    #[inline]
    fn step(&self, step: Step, shared: bool, last: bool) -> bool {
        match step {
            Step::Address { va, .. } => {
                let x = page(va) & ADDRESS_OF_STAGE_2;
                choose!(shared, last; "tlbi ipas2e1is", "tlbi ipas2e1"; "tlbi ipas2le1is", "tlbi ipas2le1"; x);
                true
            }
            // TLBI RIPAS2E1IS, RIPAS2E1; RIPAS2LE1IS, RIPAS2LE1.
            Step::Range { start, scale, count, .. } => {
                let x = range(self.features, start, scale, count);
                choose!(shared, last; "sys #4, c8, c0, #2", "sys #4, c8, c4, #2"; "sys #4, c8, c0, #6", "sys #4, c8, c4, #6"; x);
                true
            }
            Step::Everything { .. } => {
                if shared {
                    plain!("tlbi vmalls12e1is")
                } else {
                    plain!("tlbi vmalls12e1")
                }
                false
            }
        }
    }
}

/// Bits 51..12 of an intermediate address.
const ADDRESS_OF_STAGE_2: u64 = (1 << 40) - 1;

/// The operand by address: bits 55..12 of it. The hint for the level is zero: any.
#[inline]
const fn page(va: Va) -> u64 {
    va.get() >> 12 & ((1 << 44) - 1)
}

/// The ASID in an operand.
#[inline]
const fn asid(space: u32) -> u64 {
    (space as u64) << 48
}

/// The operand by range: granule, how long, and where it starts. The hint for the level is zero: any.
#[inline]
const fn range(features: Features, start: Va, scale: u8, count: u8) -> u64 {
    let (granule, lg2) = match features.granule {
        Granule::Kib4 => (1, 12),
        Granule::Kib16 => (2, 14),
        Granule::Kib64 => (3, 16),
    };
    let base = start.get() >> if features.wide { 16 } else { lg2 } & ((1 << 37) - 1);
    granule << 46 | (scale as u64) << 44 | (count as u64 - 1) << 39 | base
}
