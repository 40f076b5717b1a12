//! Flushes on x86-64: INVLPG, INVPCID, and loads of CR3 and CR4.
//!
//! Intel SDM vol. 3A, section 4.10.4, "Invalidation of TLBs and Paging-Structure Caches"; AMD64 APM vol. 2, section 5.5,
//! "Translation-Lookaside Buffer (TLB)". Nested tables (EPT, NPT) are flushed by VMX and SVM means, which belong into a
//! [`Callback`](crate::Callback).

#![expect(unsafe_code, reason = "instructions that flush")]

use core::arch::asm;

use super::steps::{Instructions, Step, Whose};
use crate::address::Va;
use crate::flush::{FlushRequest, Tlb};

/// What a processor has, and how it is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Features {
    /// Whether it has INVPCID: CPUID.07H.0:EBX bit 10.
    pub invpcid: bool,
    /// Whether it runs with process-context identifiers: CR4.PCIDE. A request without a space then reaches all of them,
    /// which takes more than to name pages: kernel tables whose leaves are global should be given the kernel's PCID
    /// ([`Tree::set_space`](crate::Tree::set_space)).
    pub pcids: bool,
}

/// The TLB of the processor that this runs on. Others are told by interrupts: see [`Others`](crate::Others).
#[derive(Clone, Copy, Debug)]
pub struct Processor {
    features: Features,
    instructions: Instructions,
}

impl Processor {
    /// From so many pages on, a flush of everything is cheaper than INVLPG for each, all in all: what Linux has come to
    /// (`tlb_single_page_flush_ceiling`).
    pub const THRESHOLD: u32 = 33;

    /// The TLB of the processor that this runs on, with at most `threshold` pages flushed one by one.
    ///
    /// # Safety
    ///
    /// Whenever the value is asked to flush, this runs at privilege level 0, on a processor with these features, and
    /// stays on it until the call returns. Requests for other processors ([`Scope::Everywhere`](crate::Scope)) also go
    /// to something that reaches those which may hold what is flushed.
    #[must_use]
    pub const unsafe fn new(features: Features, threshold: u32) -> Self {
        Self { features, instructions: Instructions::x86_64(features.invpcid, features.pcids, threshold) }
    }

    #[inline]
    fn step(self, step: Step) {
        let Features { invpcid, pcids } = self.features;
        match step {
            Step::Address { va, whose: Whose::Space(space) } if pcids => invalidate(ADDRESS, space, va),
            Step::Address { va, whose: Whose::SpaceAndGlobal(space) } if pcids => {
                // The first leaves global leaves where they are, the second finds only those and the current PCID's.
                invalidate(ADDRESS, space, va);
                invalidate_page(va);
            }
            Step::Address { va, .. } => invalidate_page(va),
            Step::Everything { whose: Whose::Space(space) } if pcids => invalidate(ONE_CONTEXT, space, Va::new(0)),
            Step::Everything { whose: Whose::Space(_) } => load_root(),
            Step::Everything { .. } | Step::Range { .. } if invpcid => invalidate(ALL_CONTEXTS, 0, Va::new(0)),
            Step::Everything { .. } | Step::Range { .. } => toggle_global(),
        }
    }
}

impl Tlb for Processor {
    fn flush(&mut self, request: &FlushRequest) {
        let mut request = *request;
        // Another number is no PCID: INVPCID would fault.
        request.space = request.space.filter(|&space| space < 1 << 12);
        self.instructions.steps(&request).for_each(|step| self.step(step));
    }
}

/// The types of INVPCID.
const ADDRESS: u64 = 0;
const ONE_CONTEXT: u64 = 1;
const ALL_CONTEXTS: u64 = 2;

/// INVPCID of this type: see SDM vol. 2A, "INVPCID".
#[inline]
fn invalidate(kind: u64, space: u32, va: Va) {
    let descriptor = [u64::from(space), va.get()];
    // SAFETY: the instruction changes no memory and no register. By the promise of whoever made the `Processor`, it is
    // there and allowed; the PCID is one, and the reserved bits of the descriptor are zero.
    unsafe {
        asm!("invpcid {}, [{}]", in(reg) kind, in(reg) &raw const descriptor, options(nostack, preserves_flags));
    }
}

/// INVLPG: what translates `va` for the current PCID, global or not, and all walk caches of that PCID.
#[inline]
fn invalidate_page(va: Va) {
    // SAFETY: the instruction changes no memory and no register; the address is not accessed. It is allowed by the
    // promise of whoever made the `Processor`.
    unsafe { asm!("invlpg [{}]", in(reg) va.get(), options(nostack, preserves_flags)) }
}

/// Loads CR3 with what it holds: all that is not global goes. No interrupt comes between the two, so that what is loaded
/// is what is there.
fn load_root() {
    // SAFETY: CR3 and the flags are what they were, and the stack is. Allowed by the promise of whoever made the
    // `Processor`.
    unsafe { asm!("pushfq", "cli", "mov {0}, cr3", "mov cr3, {0}", "popfq", out(reg) _) }
}

/// Changes CR4.PGE and changes it back: everything goes, of all PCIDs, global or not.
fn toggle_global() {
    // SAFETY: CR4 and the flags are what they were, and the stack is; in between, leaves are not held as global ones,
    // which changes no translation. Allowed by the promise of whoever made the `Processor`.
    unsafe {
        asm!(
            "pushfq",
            "cli",
            "mov {0}, cr4",
            "mov {1}, {0}",
            "xor {1}, 0x80",
            "mov cr4, {1}",
            "mov cr4, {0}",
            "popfq",
            out(reg) _,
            out(reg) _,
        );
    }
}
