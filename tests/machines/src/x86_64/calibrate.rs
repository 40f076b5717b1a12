//! A first question to KVM, to which the answer is known.
//!
//! Where the host has no hardware for guests, KVM may run the guest's users directly in the host's address space, whose
//! upper half belongs to the host: a user's access there meets the host's tables and not the guest's.

use super::layout;
use crate::{Access, FaultKind, Image, Machine, MachineError, Outcome, Probe, Reserved, X86_64Mmu};

/// Present, writable, for users (Intel SDM vol. 3A, table 5-20).
const ENTRY: u64 = 0b111;
/// The bits of an entry that are an address.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
const PAGE: u64 = 4096;
/// VAs in the upper half: its start, where a kernel's direct map may be, where its text is.
const SAMPLES: [u64; 3] = [0xffff_8000_0000_0000, 0xffff_8880_0123_4000, 0xffff_ffff_8100_0000];

/// Whether users reach pages in the upper half, and fault beside them, as the tables say.
pub(crate) fn user_upper_half(machine: &dyn Machine) -> Result<bool, MachineError> {
    let mut image = machine.new_image()?;
    let root = layout::memory().start;
    let mut tables = Tables { image: &image, root, free: root + PAGE };
    for reserved in machine.reserved() {
        tables.map(reserved);
    }
    let page = tables.take();
    image.tag(page);
    let mut probes = Vec::new();
    for va in SAMPLES {
        tables.map_page(va, page);
        probes.push(Probe::user(va, Access::Read));
        probes.push(Probe::user(va + PAGE, Access::Read));
    }
    let outcomes = machine.probe(&mut image, &X86_64Mmu::four_levels(root).into(), &probes)?;
    Ok(outcomes
        .chunks(2)
        .all(|pair| pair[0] == Outcome::Reached(page) && pair[1].fault() == Some(FaultKind::NotPresent)))
}

/// Four levels of tables, everything in them allowed.
struct Tables<'a> {
    image: &'a Image,
    root: u64,
    free: u64,
}

impl Tables<'_> {
    fn take(&mut self) -> u64 {
        let frame = self.free;
        self.free += PAGE;
        frame
    }

    fn map(&mut self, reserved: &Reserved) {
        for offset in (0..reserved.bytes).step_by(PAGE as usize) {
            self.map_page(reserved.va + offset, reserved.oa + offset);
        }
    }

    fn map_page(&mut self, va: u64, oa: u64) {
        let mut table = self.root;
        for shift in [39, 30, 21] {
            let slot = table + 8 * (va >> shift & 0x1ff);
            if self.image.read_u64(slot) == 0 {
                let next = self.take();
                self.image.write_u64(slot, next | ENTRY);
            }
            table = self.image.read_u64(slot) & ADDRESS;
        }
        self.image.write_u64(table + 8 * (va >> 12 & 0x1ff), oa | ENTRY);
    }
}
