//! What the instructions of each architecture can do.
//!
//! This is compiled everywhere, so that the steps that requests take are tested on any machine.

use super::steps::{Instructions, RangeSteps};
use crate::format::Sizes;

/// The size of Arm's smallest pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Granule {
    /// 4 KiB.
    Kib4,
    /// 16 KiB.
    Kib16,
    /// 64 KiB.
    Kib64,
}

impl Granule {
    /// lg2 of its bytes.
    #[must_use]
    pub const fn lg2(self) -> u32 {
        match self {
            Self::Kib4 => 12,
            Self::Kib16 => 14,
            Self::Kib64 => 16,
        }
    }
}

impl Instructions {
    /// x86-64 with or without INVPCID and process-context identifiers. INVLPG is for the current PCID and for global
    /// leaves; INVPCID is for any PCID, but without global leaves, for a single address. Both remove what walk caches hold
    /// for the address. A leaf that is held as several small ones is removed as a whole.
    ///
    /// Intel SDM vol. 3A, sections 4.10.2.3 and 4.10.4.1.
    #[must_use]
    pub const fn x86_64(invpcid: bool, pcids: bool, threshold: u32) -> Self {
        Self {
            slots: Sizes(1 << 12 | 1 << 21 | 1 << 30),
            threshold,
            spaces: pcids,
            address_of_space: !pcids || invpcid,
            address_of_space_and_global: !pcids || invpcid,
            address_of_all: !pcids,
            everything_of_space: !pcids || invpcid,
            walk_caches: true,
            pairs: false,
            ranges: None,
        }
    }

    /// AArch64's TLBI. By address and ASID it takes global leaves along; by ASID alone it does not. `ranges`: FEAT_TLBIRANGE,
    /// whose starts are named in units of 64 KiB where addresses have 52 bits with small granules (`wide`: FEAT_LPA2, in
    /// use).
    ///
    /// Arm ARM (DDI 0487), sections D8.17 "TLB maintenance" and C5.5 "A64 System instructions for TLB maintenance".
    #[must_use]
    pub const fn aarch64(granule: Granule, ranges: bool, wide: bool, threshold: u32) -> Self {
        let lg2 = granule.lg2();
        let index_bits = lg2 - 3;
        let slots = 1_u64 << lg2 | 1 << (lg2 + index_bits) | 1 << (lg2 + 2 * index_bits) | 1 << (lg2 + 3 * index_bits);
        Self {
            slots: Sizes(slots),
            threshold,
            spaces: true,
            address_of_space: false,
            address_of_space_and_global: true,
            address_of_all: true,
            everything_of_space: true,
            walk_caches: true,
            pairs: false,
            ranges: if ranges { Some(RangeSteps { align_lg2: if wide { 16 } else { lg2 } }) } else { None },
        }
    }

    /// The same for stage 2: by intermediate address, for the guest whose VMID is in use. There is nothing global.
    #[must_use]
    pub const fn aarch64_guest(granule: Granule, ranges: bool, wide: bool, threshold: u32) -> Self {
        Self { spaces: false, address_of_space: true, ..Self::aarch64(granule, ranges, wide, threshold) }
    }

    /// RISC-V's SFENCE.VMA and HFENCE.GVMA, and their relatives in Svinval. By address they are for leaves only; with an ASID
    /// they leave global leaves out. Of a NAPOT leaf every slot has to be named.
    ///
    /// RISC-V privileged specification, "Supervisor Memory-Management Fence Instruction" and "Svnapot".
    #[must_use]
    pub const fn riscv(threshold: u32) -> Self {
        Self {
            // Sv39, Sv48 and Sv57.
            slots: Sizes(1 << 12 | 1 << 21 | 1 << 30 | 1 << 39 | 1 << 48),
            threshold,
            spaces: true,
            address_of_space: true,
            address_of_space_and_global: false,
            address_of_all: true,
            everything_of_space: true,
            walk_caches: false,
            pairs: false,
            ranges: None,
        }
    }

    /// LoongArch's INVTLB, with pages of `2^page_lg2` bytes, 8 bytes an entry. An entry of the TLB holds two
    /// neighbouring pages. By address there is always an ASID. What walk caches there are, and what removes from them by
    /// address, the manual does not say: where tables changed, more goes.
    ///
    /// LoongArch Reference Manual vol. 1, section 4.2.4.7, "INVTLB".
    #[must_use]
    pub const fn loongarch(page_lg2: u32, threshold: u32) -> Self {
        let index_bits = page_lg2 - 3;
        Self {
            slots: Sizes(1 << page_lg2 | 1 << (page_lg2 + index_bits) | 1 << (page_lg2 + 2 * index_bits)),
            threshold,
            spaces: true,
            address_of_space: true,
            address_of_space_and_global: true,
            address_of_all: false,
            everything_of_space: true,
            walk_caches: false,
            pairs: true,
            ranges: None,
        }
    }
}
