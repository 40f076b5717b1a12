//! AMD-Vi (I/O Virtualization Technology (IOMMU) Specification, 48882), host tables.

use super::edu;
use super::qtest::Op;
use super::unit::{QUEUE_LG2, Queue, Unit};
use crate::{Access, AmdViFeatures, Fault, FaultKind, Features, Image, Invalidation, Mmu, Probe, tag};

/// Where the registers are, on QEMU's boards.
const REGISTERS: u64 = 0xfed8_0000;

/// Registers (48882, "MMIO Registers").
const DEVICE_TABLE_BASE: u64 = REGISTERS;
const COMMAND_BASE: u64 = REGISTERS + 0x8;
const EVENT_BASE: u64 = REGISTERS + 0x10;
const CONTROL: u64 = REGISTERS + 0x18;
const EXTENDED_FEATURES: u64 = REGISTERS + 0x30;
const COMMAND_TAIL: u64 = REGISTERS + 0x2008;
const EVENT_TAIL: u64 = REGISTERS + 0x2018;

/// Bits of the control register: the unit, its log of events, its commands.
const ENABLED: u64 = 1;
const LOGS: u64 = 1 << 2;
const COMMANDS: u64 = 1 << 12;

/// Rights, in entries of the device table and of page tables.
const READ: u64 = 1 << 61;
const WRITE: u64 = 1 << 62;

/// The domain of the tables under test.
const DOMAIN: u64 = 1;

/// Offsets in the area.
const DEVICE_TABLE: u64 = 0x1000;
const QUEUE: u64 = 0x2000;
const EVENTS: u64 = 0x3000;

/// Bytes of a device table entry.
const ENTRY_BYTES: u64 = 32;

/// Commands (48882, "Commands").
const INVALIDATE_DEVICE: u64 = 2 << 60;
const INVALIDATE_PAGES: u64 = 3 << 60;
const INVALIDATE_ALL: u64 = 8 << 60;
/// More than one page, whose number is said by the address; table entries, too.
const MANY: u64 = 1;
const TABLES: u64 = 1 << 1;

/// The largest block that is invalidated at once.
const LARGEST_LG2: u32 = 51;

/// Bits of an event: its code; the access was a write.
const CODE: u64 = 60;
const PAGE_FAULT: u64 = 0x2;
const TABLE_ERROR: u64 = 0x4;
const FAULT_FLAGS: u64 = 48;

/// What is read to know what the unit can do.
pub(super) const CAPABILITIES: [Op; 1] = [Op::Read64(EXTENDED_FEATURES)];

/// What it says it can do (48882, "Extended Feature Register").
pub(super) fn features(found: &[u64]) -> Features {
    Features::AmdVi(AmdViFeatures { levels: 4 + (found[0] >> 10 & 3) as u8 })
}

/// Addresses of interrupts, which no table translates (48882, "Special Address Controls in the DTE").
pub(super) fn answers(probe: &Probe) -> bool {
    probe.va >> 20 != 0xfee
}

/// The unit.
#[derive(Debug)]
pub(super) struct AmdVi {
    area: u64,
    queue: Queue,
}

impl AmdVi {
    pub(super) fn new(area: u64) -> Self {
        Self { area, queue: Queue::at(area + QUEUE) }
    }

    fn events(&self) -> u64 {
        self.area + EVENTS
    }
}

impl Unit for AmdVi {
    fn set_up(&mut self, image: &Image, mmu: &Mmu) -> Vec<Op> {
        let Mmu::AmdVi(mmu) = mmu else { unreachable!("only such come here: {mmu:?}") };
        let devices = self.area + DEVICE_TABLE;
        // 48882, "Device Table Entry Format": valid, translation valid, the root and its level, all rights; the domain.
        let entry = devices + ENTRY_BYTES * edu::FUNCTION;
        image.write_u64(entry, 0b11 | u64::from(mmu.levels) << 9 | mmu.root | READ | WRITE);
        image.write_u64(entry + 8, DOMAIN);
        vec![
            Op::Write64(DEVICE_TABLE_BASE, devices),
            Op::Write64(COMMAND_BASE, self.queue.base | QUEUE_LG2 << 56),
            Op::Write64(EVENT_BASE, self.events() | QUEUE_LG2 << 56),
            Op::Write64(CONTROL, LOGS | COMMANDS),
        ]
    }

    fn switch(&mut self, _: &Image, on: bool) -> Vec<Op> {
        vec![Op::Write64(CONTROL, LOGS | COMMANDS | (u64::from(on) * ENABLED))]
    }

    fn arm(&self, image: &Image) -> Vec<Op> {
        image.write_u64(self.events(), 0);
        vec![Op::Write64(EVENT_TAIL, 0)]
    }

    fn report(&self) -> Vec<Op> {
        Vec::new()
    }

    fn fault(&self, image: &Image, probe: &Probe, _: &[u64]) -> Option<Fault> {
        let event = image.read_u64(self.events());
        let address = image.read_u64(self.events() + 8);
        if event == 0 {
            return None;
        }
        let writing = probe.access == Access::Write;
        // QEMU 7.2 puts the rights that were asked for where the manual has other flags.
        let asked = event >> FAULT_FLAGS & 0b11;
        let meant = tag::frame(address) == tag::frame(probe.va) && asked == if writing { 2 } else { 1 };
        let kind = match event >> CODE {
            PAGE_FAULT if meant => FaultKind::Page,
            TABLE_ERROR => FaultKind::NoMemory,
            _ => FaultKind::Other,
        };
        Some(Fault { kind, level: None, syndrome: event })
    }

    fn forget(&mut self, image: &Image, what: &Invalidation) -> Vec<Op> {
        match *what {
            Invalidation::Everything => {
                self.queue.push(image, [INVALIDATE_DEVICE | edu::FUNCTION, 0]);
                self.queue.push(image, [INVALIDATE_ALL, 0]);
            }
            Invalidation::Range { first, last, tables } => {
                let tables = if tables { TABLES } else { 0 };
                for (address, lg2) in super::blocks(first, last, LARGEST_LG2) {
                    // The size is said by ones in the address, below a zero (48882, "INVALIDATE_IOMMU_PAGES").
                    let (many, ones) = if lg2 > 12 { (MANY, (1 << (lg2 - 1)) - (1 << 12)) } else { (0, 0) };
                    self.queue.push(image, [INVALIDATE_PAGES | DOMAIN << 32, address | ones | many | tables]);
                }
            }
        }
        vec![Op::Write64(COMMAND_TAIL, self.queue.slot() << 4)]
    }
}
