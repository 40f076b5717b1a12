//! Intel VT-d (Virtualization Technology for Directed I/O, Architecture Specification, D51397), in legacy mode.

use super::edu;
use super::qtest::Op;
use super::unit::{QUEUE_LG2, Queue, Unit};
use crate::{Access, Fault, FaultKind, Features, Image, Invalidation, Mmu, Probe, VtDFeatures, tag};

/// Where the registers are, on QEMU's boards.
const REGISTERS: u64 = 0xfed9_0000;

/// Registers (D51397, "Register Descriptions").
const CAPABILITY: u64 = REGISTERS + 0x8;
const EXTENDED_CAPABILITY: u64 = REGISTERS + 0x10;
const GLOBAL_COMMAND: u64 = REGISTERS + 0x18;
const ROOT_TABLE_ADDRESS: u64 = REGISTERS + 0x20;
const QUEUE_TAIL: u64 = REGISTERS + 0x88;
const QUEUE_ADDRESS: u64 = REGISTERS + 0x90;
const FAULT_RECORD_LOW: u64 = REGISTERS + 0x220;
const FAULT_RECORD_HIGH: u64 = REGISTERS + 0x228;

/// Global commands: translation, set the root table pointer, queued invalidation.
const TRANSLATE: u32 = 1 << 31;
const SET_ROOT: u32 = 1 << 30;
const QUEUED: u32 = 1 << 26;

/// Bits of a fault record: there is one; it was a read.
const FAULTED: u64 = 1 << 63;
const READING: u64 = 1 << 62;

/// In a context entry: bus addresses are physical addresses.
const PASS_THROUGH: u64 = 2 << 2;

/// The domain of the tables under test.
const DOMAIN: u64 = 1;

/// Offsets in the area.
const ROOT_TABLE: u64 = 0x1000;
const CONTEXT_TABLE: u64 = 0x2000;
const QUEUE: u64 = 0x3000;

/// Descriptors: of the context cache, of the IOTLB (D51397, "Queued Invalidation Interface").
const CONTEXT_GLOBAL: [u64; 2] = [0x1 | 1 << 4, 0];
const IOTLB: u64 = 0x2;
const GLOBALLY: u64 = 1 << 4;
const BY_DOMAIN: u64 = 2 << 4;
const BY_PAGE: u64 = 3 << 4;
/// Reads and writes that are under way come first.
const DRAIN: u64 = 1 << 7 | 1 << 6;
/// No table entries, only leaves.
const LEAVES: u64 = 1 << 6;

/// The largest block that is invalidated at once (`CAP.MAMV` of QEMU's unit), and how many at most.
const LARGEST_LG2: u32 = 30;
const MOST_BLOCKS: usize = 128;

/// What is read to know what the unit can do.
pub(super) const CAPABILITIES: [Op; 2] = [Op::Read64(CAPABILITY), Op::Read64(EXTENDED_CAPABILITY)];

/// What it says it can do (D51397, "Capability Register", "Extended Capability Register").
pub(super) fn features(found: &[u64]) -> Features {
    let (capability, extended) = (found[0], found[1]);
    let bit = |word: u64, bit: u32| word >> bit & 1 != 0;
    Features::VtD(VtDFeatures {
        va_bits: (capability >> 16 & 0x3f) as u8 + 1,
        three_levels: bit(capability, 9),
        four_levels: bit(capability, 10),
        five_levels: bit(capability, 11),
        large: bit(capability, 34),
        huge: bit(capability, 35),
        caching_mode: bit(capability, 7),
        snoop_control: bit(extended, 7),
        first_stage: bit(extended, 47),
    })
}

/// Addresses of interrupts, which no table translates (D51397, "Handling Requests to Interrupt Address Range").
pub(super) fn answers(probe: &Probe) -> bool {
    probe.va >> 20 != 0xfee
}

/// The unit.
#[derive(Debug)]
pub(super) struct VtD {
    area: u64,
    queue: Queue,
    /// The root under test.
    tables: u64,
}

impl VtD {
    pub(super) fn new(area: u64) -> Self {
        Self { area, queue: Queue::at(area + QUEUE), tables: 0 }
    }

    /// The address of the device's context entry.
    fn context(&self) -> u64 {
        self.area + CONTEXT_TABLE + 16 * edu::FUNCTION
    }

    fn tell(&self) -> Op {
        Op::Write64(QUEUE_TAIL, self.queue.slot() << 4)
    }

    /// Forgets what is remembered of some addresses, in blocks of powers of two, or of the whole domain.
    fn forget_range(&mut self, image: &Image, first: u64, last: u64, tables: bool) {
        let hint = if tables { 0 } else { LEAVES };
        let blocks = super::blocks(first, last, LARGEST_LG2);
        if blocks.len() > MOST_BLOCKS {
            return self.queue.push(image, [IOTLB | BY_DOMAIN | DRAIN | DOMAIN << 16, 0]);
        }
        for (address, lg2) in blocks {
            let descriptor = [IOTLB | BY_PAGE | DRAIN | DOMAIN << 16, address | hint | u64::from(lg2 - 12)];
            self.queue.push(image, descriptor);
        }
    }
}

impl Unit for VtD {
    fn set_up(&mut self, image: &Image, mmu: &Mmu) -> Vec<Op> {
        let Mmu::VtD(mmu) = mmu else { unreachable!("only such come here: {mmu:?}") };
        let (roots, contexts) = (self.area + ROOT_TABLE, self.area + CONTEXT_TABLE);
        // D51397, "Root Entry", "Context Entry": present, the second-stage tables, their width, the domain.
        image.write_u64(roots, contexts | 1);
        let context = self.context();
        self.tables = mmu.root;
        image.write_u64(context, self.tables | PASS_THROUGH | 1);
        image.write_u64(context + 8, u64::from(mmu.levels - 2) | DOMAIN << 8);
        vec![
            Op::Write64(ROOT_TABLE_ADDRESS, roots),
            Op::Write32(GLOBAL_COMMAND, SET_ROOT),
            Op::Write64(QUEUE_TAIL, 0),
            Op::Write64(QUEUE_ADDRESS, self.queue.base | (QUEUE_LG2 - 8)),
            Op::Write32(GLOBAL_COMMAND, QUEUED),
            Op::Write32(GLOBAL_COMMAND, QUEUED | TRANSLATE),
        ]
    }

    fn switch(&mut self, image: &Image, on: bool) -> Vec<Op> {
        // The unit stays on: QEMU forgets everything when it is turned off.
        image.write_u64(self.context(), self.tables | 1 | if on { 0 } else { PASS_THROUGH });
        self.queue.push(image, CONTEXT_GLOBAL);
        vec![self.tell()]
    }

    fn arm(&self, _: &Image) -> Vec<Op> {
        vec![Op::Write64(FAULT_RECORD_HIGH, FAULTED)]
    }

    fn report(&self) -> Vec<Op> {
        vec![Op::Read64(FAULT_RECORD_LOW), Op::Read64(FAULT_RECORD_HIGH)]
    }

    fn fault(&self, _: &Image, probe: &Probe, report: &[u64]) -> Option<Fault> {
        let (address, record) = (report[0], report[1]);
        if record & FAULTED == 0 {
            return None;
        }
        let reason = record >> 32 & 0xff;
        let meant = tag::frame(address) == tag::frame(probe.va)
            && (record & READING != 0) == (probe.access == Access::Read)
            && record & 0xffff == edu::FUNCTION;
        // D51397, "Fault Reasons and Conditions". An entry without the right, be it absent altogether, has one reason.
        let kind = match reason {
            _ if !meant => FaultKind::Other,
            0x4 => FaultKind::NotCanonical,
            0x5 | 0x6 => FaultKind::Permission,
            0x3 | 0x7 => FaultKind::NoMemory,
            0xc => FaultKind::Reserved,
            _ => FaultKind::Other,
        };
        Some(Fault { kind, level: None, syndrome: reason })
    }

    fn forget(&mut self, image: &Image, what: &Invalidation) -> Vec<Op> {
        match *what {
            Invalidation::Everything => {
                self.queue.push(image, CONTEXT_GLOBAL);
                self.queue.push(image, [IOTLB | GLOBALLY | DRAIN, 0]);
            }
            Invalidation::Range { first, last, tables } => self.forget_range(image, first, last, tables),
        }
        vec![self.tell()]
    }
}
