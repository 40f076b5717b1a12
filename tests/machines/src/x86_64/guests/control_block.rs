//! The control block of a guest: which mode it is in, and what makes it come back (AMD APM vol. 2, appendix B "Layout of
//! VMCB").

use super::super::layout::CONTROL;
use super::places::{BLOCK, PML4};
use crate::X86Mmu;
use crate::control::Control;

/// Offsets in the control area of a block.
mod area {
    /// Which exceptions make the guest come back, a bit each.
    pub(super) const EXCEPTIONS: u64 = 0x08;
    /// Which instructions and events do.
    pub(super) const INSTRUCTIONS: u64 = 0x0c;
    /// The same, continued.
    pub(super) const INSTRUCTIONS2: u64 = 0x10;
    /// The number of the guest's address space; 0 is the hypervisor's.
    pub(super) const ASID: u64 = 0x58;
    /// What to flush before the guest runs; 1 is everything.
    pub(super) const TLB_CONTROL: u64 = 0x5c;
    /// Bit 0: there are nested tables.
    pub(super) const NESTED: u64 = 0x90;
    /// Their root.
    pub(super) const NESTED_ROOT: u64 = 0xb0;
}

/// Offsets of what the stub reads and writes: why the guest came back, and more about it.
pub(super) mod exit {
    pub(crate) const CODE: u64 = 0x70;
    pub(crate) const INFO1: u64 = 0x78;
    pub(crate) const INFO2: u64 = 0x80;
}

/// Offsets of the guest's registers.
pub(super) mod save {
    pub(super) const ES: u64 = 0x400;
    pub(super) const CS: u64 = 0x410;
    pub(super) const SS: u64 = 0x420;
    pub(super) const DS: u64 = 0x430;
    pub(super) const CPL: u64 = 0x4cb;
    pub(super) const EFER: u64 = 0x4d0;
    pub(super) const CR4: u64 = 0x548;
    pub(super) const CR3: u64 = 0x550;
    pub(super) const CR0: u64 = 0x558;
    pub(crate) const RFLAGS: u64 = 0x570;
    pub(crate) const RIP: u64 = 0x578;
    pub(crate) const RAX: u64 = 0x5f8;
    /// The page attribute table of a guest over nested tables.
    pub(super) const PAT: u64 = 0x668;
}

/// Interrupts, NMI, SMI, INIT; HLT, I/O, MSR and shutdown.
const INSTRUCTIONS: u32 = 0xf | 1 << 24 | 1 << 31;
/// VMRUN, which every hypervisor must have; VMMCALL.
const INSTRUCTIONS2: u32 = 0b11;
/// CR0: PE, MP, ET, NE, PG.
const CR0: u64 = 0x8000_0033;
const CR0_WP: u64 = 1 << 16;
const CR4_PSE: u64 = 1 << 4;
const CR4_PAE: u64 = 1 << 5;
/// EFER: SVME, which stays on in guests.
const EFER: u64 = 1 << 12;
const EFER_NXE: u64 = 1 << 11;
/// EFER: LME and LMA.
const EFER_LONG: u64 = 0x500;
/// The page attribute table as it is after reset.
const PAT: u64 = 0x0007_0406_0007_0406;

/// Attributes of flat segments, as the bits 47 to 40 and 55 to 52 of their descriptors.
const CODE64: u16 = 0xa9b;
const CODE32: u16 = 0xc9b;
const DATA: u16 = 0xc93;
/// In these: for users.
const USER: u16 = 0b11 << 5;

/// What a guest's registers have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guest {
    cr0: u64,
    cr3: u64,
    cr4: u64,
    efer: u64,
    code: u16,
    nested_root: Option<u64>,
}

impl Guest {
    /// A guest of 32 bits under the tables under test.
    pub(super) fn protected(mmu: &X86Mmu) -> Self {
        let bit = |condition: bool, bit: u64| if condition { bit } else { 0 };
        Self {
            cr0: CR0 | bit(mmu.write_protect, CR0_WP),
            cr3: mmu.root,
            cr4: bit(mmu.pae, CR4_PAE) | bit(mmu.large_pages, CR4_PSE),
            efer: EFER | bit(mmu.no_execute, EFER_NXE),
            code: CODE32,
            nested_root: None,
        }
    }

    /// A guest of 64 bits under our own tables, over nested tables at `root`.
    pub(super) fn over_nested(root: u64) -> Self {
        Self {
            cr0: CR0 | CR0_WP,
            cr3: CONTROL + PML4,
            cr4: CR4_PAE,
            efer: EFER | EFER_NXE | EFER_LONG,
            code: CODE64,
            nested_root: Some(root),
        }
    }

    /// Whether it has 32 bits.
    pub(super) fn is_protected(&self) -> bool {
        self.nested_root.is_none()
    }

    /// Writes the block of this guest in one of the modes.
    pub(super) fn write(&self, control: Control<'_>, user: bool) {
        let block = BLOCK + if user { 0x1000 } else { 0 };
        let put = |at: u64, bytes: &[u8]| control.write(block + at, bytes);
        put(0, &[0; 0x1000]);
        put(area::EXCEPTIONS, &u32::MAX.to_le_bytes());
        put(area::INSTRUCTIONS, &INSTRUCTIONS.to_le_bytes());
        put(area::INSTRUCTIONS2, &INSTRUCTIONS2.to_le_bytes());
        put(area::ASID, &1_u32.to_le_bytes());
        put(area::TLB_CONTROL, &[1]);
        if let Some(root) = self.nested_root {
            put(area::NESTED, &[1]);
            put(area::NESTED_ROOT, &root.to_le_bytes());
        }
        let level = if user { USER } else { 0 };
        let segment = |at: u64, attributes: u16| {
            put(at + 2, &(attributes | level).to_le_bytes());
            put(at + 4, &u32::MAX.to_le_bytes());
        };
        segment(save::CS, self.code);
        for at in [save::ES, save::SS, save::DS] {
            segment(at, DATA);
        }
        put(save::CPL, &[if user { 3 } else { 0 }]);
        let registers = [
            (save::CR0, self.cr0),
            (save::CR3, self.cr3),
            (save::CR4, self.cr4),
            (save::EFER, self.efer),
            (save::PAT, PAT),
        ];
        for (at, value) in registers {
            put(at, &value.to_le_bytes());
        }
    }
}
