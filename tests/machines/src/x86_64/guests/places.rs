//! Where things are in the control area, and the tables of hypervisor and guests.

use super::super::layout::CONTROL;
use crate::control::{self, Control};
use crate::machine::{Reserved, Rights};

/// What the processor keeps of the hypervisor while a guest runs (AMD APM vol. 2, "VM_HSAVE_PA MSR").
pub(super) const HOST_STATE: u64 = control::PRIVATE + 0x3000;
/// The control block of guests in supervisor mode, and a page behind it that of guests in user mode.
pub(super) const BLOCK: u64 = control::PRIVATE + 0x4000;
/// The hypervisor's root of five levels, and a page each for that of four and for its table below.
const HOST_PML5: u64 = control::PRIVATE + 0x6000;
const HOST_PML4: u64 = control::PRIVATE + 0x7000;
const HOST_PDPT: u64 = control::PRIVATE + 0x8000;
/// A guest's own tables over nested ones: PML4, PDPT, PD, PT, a page each.
pub(super) const PML4: u64 = control::PRIVATE + 0x9000;
/// The lowest of them.
const PT: u64 = PML4 + 0x3000;
/// Behind them.
pub(super) const END: u64 = PT + 0x1000;

/// Where a guest over nested tables sees the page that is probed.
pub(super) const WINDOW: u64 = CONTROL + 0x10_0000;
/// Where the guest's entry for it stands.
pub(super) const WINDOW_ENTRY: u64 = CONTROL + PT + 8 * (WINDOW >> 12 & 0x1ff);
/// The setting that tells the stub whether to use the window, beside those of [`setting`](super::setting).
pub(super) const WINDOW_SETTING: u64 = 8;

/// Present, writable, for users, accessed, dirty (Intel SDM vol. 3A, table 5-20).
pub(super) const ENTRY: u64 = 0x67;
/// The same for a leaf of 1 GiB that is not for users.
const LARGE: u64 = 0xe3;

const _: () = assert!(END <= control::PROBES);

/// What the tables under test must map: itself.
pub(super) const fn reserved(offset: u64, bytes: u64, rights: Rights) -> Reserved {
    Reserved { va: CONTROL + offset, oa: CONTROL + offset, bytes, rights }
}

/// The hypervisor's root.
pub(super) const fn host_root(five_levels: bool) -> u64 {
    CONTROL + if five_levels { HOST_PML5 } else { HOST_PML4 }
}

/// The lowest 2 GiB, each address to itself.
pub(super) fn write_host_tables(control: Control<'_>) {
    let put = |offset: u64, word: u64| control.write(offset, &word.to_le_bytes());
    put(HOST_PML5, (CONTROL + HOST_PML4) | ENTRY);
    put(HOST_PML4, (CONTROL + HOST_PDPT) | ENTRY);
    put(HOST_PDPT, LARGE);
    put(HOST_PDPT + 8, 1 << 30 | LARGE);
}

/// The guest's code, each address to itself. The window's entry is the stub's to write.
pub(super) fn write_guest_tables(control: Control<'_>) {
    for page in [PML4, PML4 + 0x1000, PML4 + 0x2000, PT] {
        control.write(page, &[0; 0x1000]);
    }
    let put = |table: u64, shift: u32, word: u64| {
        control.write(table + 8 * ((CONTROL + control::TEXT2) >> shift & 0x1ff), &(word | ENTRY).to_le_bytes());
    };
    for (level, shift) in [39, 30, 21].into_iter().enumerate() {
        let table = PML4 + 0x1000 * level as u64;
        put(table, shift, CONTROL + table + 0x1000);
    }
    put(PT, 12, CONTROL + control::TEXT2);
}
