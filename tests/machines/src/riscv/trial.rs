//! Finding out what a hart can do: `satp` keeps only modes that it has, and for the rest a small table is tried.

use super::{BASE, Hart, USABLE, Width, mode_bits, new_image, probe, report};
use crate::control::Control;
use crate::{Access, MachineError, Outcome, Probe, RiscVFeatures, RiscVMmu, RiscVMode};

/// Valid, readable, writable (Privileged Architecture, "Sv39: Page-Based 39-bit Virtual-Memory System").
const VALID: u64 = 1 << 0;
const EXECUTE: u64 = 1 << 3;
const USER: u64 = 1 << 4;
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
/// A GiB behind the tables and pages.
const GIB_ABOVE: u64 = 0x1_0000_0000;

/// Where the trial's pages begin: on 64 KiB, so that they can be a run.
const PAGES: u64 = USABLE + 0x1_0000;

/// Tries the hart.
pub(super) fn features(hart: Hart) -> Result<RiscVFeatures, MachineError> {
    match hart.width() {
        Width::X32 => narrow(hart),
        Width::X64 => wide(hart),
    }
}

/// Tries a hart of 32 bits: with one leaf of 4 MiB that has not been used.
fn narrow(hart: Hart) -> Result<RiscVFeatures, MachineError> {
    let image = new_image(hart)?;
    image.tag(USABLE);
    let leaf = USABLE >> 2 | LEAF | EXECUTE | USER;
    let mut mmu = RiscVMmu { runs: false, memory_types: false, ..RiscVMmu::new(USABLE + 0x40_0000, RiscVMode::Sv32) };
    let mut reached = |guest: bool, updates: bool| {
        (mmu.guest, mmu.hardware_accessed_dirty) = (guest, updates);
        image.write_u64(mmu.root, leaf);
        let outcomes = probe(hart, &image, &mmu, &[Probe::user(0, Access::Read)])?;
        Ok::<_, MachineError>(outcomes[0] == Outcome::Reached(USABLE))
    };
    Ok(RiscVFeatures {
        sv32: true,
        sv48: false,
        sv57: false,
        hypervisor: reached(true, true)?,
        unsigned_guests: false,
        svnapot: false,
        svpbmt: false,
        svadu: reached(false, true)?,
        svade: !reached(false, false)?,
        checks_reserved: true,
    })
}

/// Tries a hart of 64 bits.
fn wide(hart: Hart) -> Result<RiscVFeatures, MachineError> {
    let image = new_image(hart)?;
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
        let index = hart.modes().iter().zip(0..).find(|(known, _)| **known == mode).map_or(0, |(_, index)| index);
        control.report(report::SATP + index) == mode_bits(mode)
    };
    if !mode(RiscVMode::Sv39) {
        return Err(MachineError::Unsupported("Sv39".to_owned()));
    }
    let (sv48, sv57) = (mode(RiscVMode::Sv48), mode(RiscVMode::Sv57));
    // A guest's root is four times as large: the first word of the lowest table is in it, for the highest bit of an address.
    image.tag(GIB_ABOVE);
    write(0, GIB_ABOVE >> 2 | LEAF | ACCESSED | DIRTY | USER);
    write(PAGE, plain | ACCESSED | DIRTY | USER);
    mmu.guest = true;
    let guests = probe(hart, &image, &mmu, &[PAGE, 1 << 40].map(|va| Probe::user(va, Access::Read)));
    let [guest, high] = guests.ok().and_then(|it| it.try_into().ok()).unwrap_or([Outcome::Untagged; 2]);
    Ok(RiscVFeatures {
        sv32: false,
        hypervisor: guest == Outcome::Reached(PAGES),
        unsigned_guests: high == Outcome::Reached(GIB_ABOVE),
        sv48,
        sv57,
        svnapot: with[0] == Outcome::Reached(PAGES + 3 * PAGE),
        svpbmt: with[1] == Outcome::Reached(PAGES),
        svadu: with[2] == Outcome::Reached(PAGES),
        svade: without[2].fault().is_some(),
        checks_reserved: with[3].fault().is_some(),
    })
}
