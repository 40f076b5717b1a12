//! Finding out what a hart can do: `satp` keeps only modes that it has, and for the rest a small table is tried.

use super::{BASE, Hart, USABLE, mode_number, new_image, probe, report};
use crate::control::Control;
use crate::{Access, MachineError, Outcome, Probe, RiscVFeatures, RiscVMmu, RiscVMode};

/// Valid, readable, writable (Privileged Architecture, "Sv39: Page-Based 39-bit Virtual-Memory System").
const VALID: u64 = 1 << 0;
const LEAF: u64 = VALID | 1 << 1 | 1 << 2;
const ACCESSED: u64 = 1 << 6;
const DIRTY: u64 = 1 << 7;
/// Svpbmt: non-cacheable.
const NON_CACHEABLE: u64 = 1 << 61;
/// Reserved, whatever the hart has.
const RESERVED: u64 = 1 << 54;
/// Svnapot.
const RUN: u64 = 1 << 63;
const PAGE: u64 = 4096;

/// Where the trial's pages begin: on 64 KiB, so that they can be a run.
const PAGES: u64 = USABLE + 0x1_0000;

/// Tries the hart.
pub(super) fn features(hart: Hart) -> Result<RiscVFeatures, MachineError> {
    let image = new_image()?;
    let root = USABLE;
    let pointer = |table: u64| table >> 2 | VALID;
    image.write_u64(root, pointer(root + PAGE));
    image.write_u64(root + PAGE, pointer(root + 2 * PAGE));
    let run = PAGES >> 2 | RUN | 8 << 10 | LEAF | ACCESSED | DIRTY;
    let plain = PAGES >> 2 | LEAF;
    for index in 0..16 {
        image.tag(PAGES + index * PAGE);
        image.write_u64(root + 2 * PAGE + 8 * index, run);
    }
    let typed = 16 * PAGE;
    let fresh = 17 * PAGE;
    let write = |va: u64, word: u64| image.write_u64(root + 2 * PAGE + va / PAGE * 8, word);
    write(typed, plain | ACCESSED | DIRTY | NON_CACHEABLE);
    write(fresh, plain);
    let reserved = 18 * PAGE;
    write(reserved, plain | ACCESSED | DIRTY | RESERVED);
    let probes = [3 * PAGE, typed, fresh, reserved].map(|va| Probe::supervisor(va, Access::Read));
    let mut mmu = RiscVMmu::new(root, RiscVMode::Sv39);
    mmu.hardware_accessed_dirty = false;
    let without = probe(hart, &image, &mmu, &probes)?;
    write(fresh, plain);
    mmu.hardware_accessed_dirty = true;
    let with = probe(hart, &image, &mmu, &probes)?;
    let control = Control::new(&image, BASE);
    let mode = |mode: RiscVMode| {
        let number = mode_number(mode);
        control.report(report::SATP + number - 8) >> 60 == number
    };
    if !mode(RiscVMode::Sv39) {
        return Err(MachineError::Unsupported("Sv39".to_owned()));
    }
    Ok(RiscVFeatures {
        sv48: mode(RiscVMode::Sv48),
        sv57: mode(RiscVMode::Sv57),
        svnapot: with[0] == Outcome::Reached(PAGES + 3 * PAGE),
        svpbmt: with[1] == Outcome::Reached(PAGES),
        svadu: with[2] == Outcome::Reached(PAGES),
        svade: without[2].fault().is_some(),
        checks_reserved: with[3].fault().is_some(),
    })
}
