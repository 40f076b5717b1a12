//! Arm SMMUv3 (System Memory Management Unit Architecture Specification, IHI 0070), stage 1.

use super::edu;
use super::qtest::Op;
use super::unit::{QUEUE_LG2, Queue, Unit};
use crate::{
    AArch64Mmu, Access, Fault, FaultKind, Features, Granule, Half, Image, Invalidation, MachineError, Mmu, Probe,
    SmmuFeatures, tag,
};

/// Where the registers are on the `virt` board.
const REGISTERS: u64 = 0x0905_0000;

/// Registers (IHI 0070, "Memory map and registers").
const IDENTIFICATION0: u64 = REGISTERS;
const IDENTIFICATION5: u64 = REGISTERS + 0x14;
const CONTROL: u64 = REGISTERS + 0x20;
const STREAM_TABLE: u64 = REGISTERS + 0x80;
const STREAM_TABLE_CONFIGURATION: u64 = REGISTERS + 0x88;
const COMMAND_BASE: u64 = REGISTERS + 0x90;
const COMMAND_PRODUCER: u64 = REGISTERS + 0x98;
const EVENT_BASE: u64 = REGISTERS + 0xa0;
const EVENT_PRODUCER: u64 = REGISTERS + 0x1_00a8;
const EVENT_CONSUMER: u64 = REGISTERS + 0x1_00ac;

/// Bits of the control register: the unit, its events, its commands.
const ENABLED: u32 = 1;
const EVENTS_ENABLED: u32 = 1 << 2;
const COMMANDS_ENABLED: u32 = 1 << 3;

/// Offsets in the area.
const STREAMS: u64 = 0x4000;
const CONTEXT: u64 = 0x8000;
const QUEUE: u64 = 0x9000;
const EVENTS: u64 = 0xa000;

/// lg2 of the number of streams, and the bytes that describe one. The table is aligned to its size.
const STREAMS_LG2: u32 = 8;
const STREAM_BYTES: u64 = 64;

/// The address space of the tables under test.
const SPACE: u64 = 1;

/// Commands (IHI 0070, "Commands").
const FORGET_CONFIGURATION: [u64; 2] = [0x4, 31];
const FORGET_ALL: [u64; 2] = [0x30, 0];
const FORGET_SPACE: u64 = 0x11;
const FORGET_VA: u64 = 0x12;
/// More pages than so many are forgotten together with all others.
const MOST_PAGES: u64 = 512;
/// No table entries, only leaves.
const LEAVES: u64 = 1;

/// What is read to know what the unit can do.
pub(super) const CAPABILITIES: [Op; 2] = [Op::Read32(IDENTIFICATION0), Op::Read32(IDENTIFICATION5)];

/// What it says it can do (IHI 0070, "SMMU_IDR0", "SMMU_IDR5").
pub(super) fn features(found: &[u64]) -> Features {
    let (zero, five) = (found[0], found[1]);
    Features::Smmu(SmmuFeatures {
        stage2: zero & 1 != 0,
        stage1: zero & 2 != 0,
        oa_bits: [32, 36, 40, 42, 44, 48, 52][(five & 7).min(6) as usize],
        granule_4k: five & 1 << 4 != 0,
        granule_16k: five & 1 << 5 != 0,
        granule_64k: five & 1 << 6 != 0,
    })
}

/// Refuses what this unit does not have.
pub(super) fn check(mmu: &AArch64Mmu) -> Result<(), MachineError> {
    // QEMU 7.2 compares the upper bits of addresses with zeros for both halves, so that it never finds the upper one.
    let can = mmu.half == Half::Lower && !mmu.lpa2 && !mmu.hardware_accessed && !mmu.hardware_dirty;
    if can { Ok(()) } else { Err(MachineError::Unsupported(format!("{mmu:?}"))) }
}

/// The unit.
#[derive(Debug)]
pub(super) struct Smmu {
    area: u64,
    queue: Queue,
    granule_lg2: u32,
}

impl Smmu {
    pub(super) fn new(area: u64) -> Self {
        Self { area, queue: Queue::at(area + QUEUE), granule_lg2: 12 }
    }

    fn events(&self) -> u64 {
        self.area + EVENTS
    }

    /// IHI 0070, "Stream Table Entry": valid, stage 1 only, one context; accesses are privileged.
    fn stream(&self) -> [u64; 2] {
        let (stage1, privileged) = (0b101 << 1, 0b11 << 48);
        [1 | stage1 | (self.area + CONTEXT), privileged]
    }

    /// IHI 0070, "Context Descriptor". A clear access flag is no fault (`AFFD`), since QEMU 7.2 does not look at it.
    fn context(mmu: &AArch64Mmu) -> [u64; 4] {
        let size = 64 - u64::from(mmu.va_bits);
        let granule = match mmu.granule {
            Granule::K4 => 0,
            Granule::K64 => 1,
            Granule::K16 => 2,
        };
        let physical = [32, 36, 40, 42, 44, 48, 52].iter().position(|&bits| bits == mmu.oa_bits).unwrap_or(4) as u64;
        let only_lower = 1 << 30;
        let (valid, aarch64, no_access_flag, reports, aborts) = (1 << 31, 1 << 41, 1 << 35, 1 << 45, 1 << 46);
        let flags = only_lower | valid | aarch64 | no_access_flag | reports | aborts;
        let no_limits = u64::from(!mmu.hierarchical) << 1;
        [size | granule << 6 | physical << 32 | flags | SPACE << 48, mmu.root | no_limits, 0, mmu.mair]
    }

    fn tell(&self) -> Op {
        Op::Write32(COMMAND_PRODUCER, self.queue.slot_and_round() as u32)
    }
}

impl Unit for Smmu {
    fn set_up(&mut self, image: &Image, mmu: &Mmu) -> Vec<Op> {
        let Mmu::AArch64(mmu) = mmu else { unreachable!("only such come here: {mmu:?}") };
        self.granule_lg2 = match mmu.granule {
            Granule::K4 => 12,
            Granule::K16 => 14,
            Granule::K64 => 16,
        };
        let put = |at: u64, words: &[u64]| {
            words.iter().zip(0..).for_each(|(&word, index)| image.write_u64(at + 8 * index, word));
        };
        put(self.area + STREAMS + STREAM_BYTES * edu::FUNCTION, &self.stream());
        put(self.area + CONTEXT, &Self::context(mmu));
        vec![
            Op::Write64(STREAM_TABLE, self.area + STREAMS),
            Op::Write32(STREAM_TABLE_CONFIGURATION, STREAMS_LG2),
            Op::Write64(COMMAND_BASE, self.queue.base | QUEUE_LG2),
            Op::Write64(EVENT_BASE, self.events() | QUEUE_LG2),
        ]
    }

    fn switch(&mut self, _: &Image, on: bool) -> Vec<Op> {
        vec![Op::Write32(CONTROL, COMMANDS_ENABLED | EVENTS_ENABLED | (u32::from(on) * ENABLED))]
    }

    fn arm(&self, image: &Image) -> Vec<Op> {
        image.write_u64(self.events(), 0);
        vec![Op::Write32(EVENT_PRODUCER, 0), Op::Write32(EVENT_CONSUMER, 0)]
    }

    fn report(&self) -> Vec<Op> {
        Vec::new()
    }

    fn fault(&self, image: &Image, probe: &Probe, _: &[u64]) -> Option<Fault> {
        let event = image.read_u64(self.events()) & 0xff;
        let (how, address) = (image.read_u64(self.events() + 8), image.read_u64(self.events() + 16));
        if event == 0 {
            return None;
        }
        let reading = how >> 35 & 1 != 0;
        let meant = tag::frame(address) == tag::frame(probe.va) && reading == (probe.access == Access::Read);
        // IHI 0070, "Event records".
        let kind = match event {
            _ if !meant => FaultKind::Other,
            0x0b => FaultKind::NoMemory,
            0x10 => FaultKind::NotPresent,
            0x11 => FaultKind::AddressSize,
            0x12 => FaultKind::AccessFlag,
            0x13 => FaultKind::Permission,
            _ => FaultKind::Other,
        };
        Some(Fault { kind, level: None, syndrome: event })
    }

    fn forget(&mut self, image: &Image, what: &Invalidation) -> Vec<Op> {
        let mut ops = Vec::new();
        match *what {
            Invalidation::Everything => {
                self.queue.push(image, FORGET_CONFIGURATION);
                self.queue.push(image, FORGET_ALL);
            }
            Invalidation::Range { first, last, tables } => {
                let leaves = if tables { 0 } else { LEAVES };
                let step = 1 << self.granule_lg2;
                if (last - first) / step > MOST_PAGES {
                    self.queue.push(image, [FORGET_SPACE | SPACE << 48, 0]);
                    return vec![self.tell()];
                }
                let mut address = first & !(step - 1);
                loop {
                    self.queue.push(image, [FORGET_VA | SPACE << 48, address | leaves]);
                    // Before the queue is full.
                    ops.push(self.tell());
                    if last - address < step {
                        break;
                    }
                    address += step;
                }
            }
        }
        ops.push(self.tell());
        ops
    }
}
