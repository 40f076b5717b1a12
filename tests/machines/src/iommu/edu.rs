//! QEMU's `edu`: a PCI device that copies between a buffer of its own and bus addresses.
//!
//! QEMU documentation, "EDU device": the registers are in the memory of BAR 0, the buffer of 4 KiB is at 0x40000 of the
//! device's own addresses. A copy begins with the command and is done when the command's lowest bit is clear again.

use super::qtest::Op;

/// Its slot on bus 0, its function is 0. An AMD-Vi unit has a slot of its own before it.
pub(super) const SLOT: u64 = 3;

/// The argument that puts it there. By itself it would clear the upper bits of bus addresses.
pub(super) const DEVICE: &str = "edu,addr=3,dma_mask=0xffffffffffffffff";

/// Slot and function, as requests carry them (PCI Local Bus Specification, "Configuration address").
pub(super) const FUNCTION: u64 = SLOT << 3;

/// Where its buffer begins, for itself.
const BUFFER: u64 = 0x4_0000;

/// Bytes of the buffer that can be used: it refuses copies that touch the last one.
pub(super) const BUFFER_BYTES: u64 = 4088;

/// Registers.
const IDENTIFICATION: u64 = 0;
const SOURCE: u64 = 0x80;
const DESTINATION: u64 = 0x88;
const COUNT: u64 = 0x90;
const COMMAND: u64 = 0x98;

/// What the identification reads as, of whatever revision.
const EDU: u64 = 0xed;

/// Commands: into the buffer, out of it.
pub(super) const RUNS: u64 = 1;
const OUT: u64 = 2;

/// Registers of the configuration space: the first BAR, and the command register.
const BAR0: u32 = 0x10;
const CONFIGURATION_COMMAND: u32 = 4;
/// Memory space and bus mastering.
const ENABLED: u32 = 6;

/// How configuration space is reached.
#[derive(Clone, Copy, Debug)]
pub(super) enum Configuration {
    /// By the ports of a PC (PCI Local Bus Specification, "Configuration mechanism #1").
    Ports,
    /// As memory that begins here (PCI Express Base Specification, "Enhanced configuration access mechanism").
    Memory(u64),
}

/// The device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edu {
    /// Where its registers are.
    pub(super) registers: u32,
    pub(super) configuration: Configuration,
}

impl Edu {
    /// Gives it its registers, and lets it use the bus. The answer is for [`is_there`].
    pub(super) fn enable(self) -> Vec<Op> {
        let mut ops = self.configure(BAR0, self.registers);
        ops.extend(self.configure(CONFIGURATION_COMMAND, ENABLED));
        ops.push(Op::Read32(self.register(IDENTIFICATION)));
        ops
    }

    fn configure(self, register: u32, value: u32) -> Vec<Op> {
        match self.configuration {
            Configuration::Ports => {
                vec![Op::Out(0xcf8, 1 << 31 | (SLOT as u32) << 11 | register), Op::Out(0xcfc, value)]
            }
            Configuration::Memory(base) => vec![Op::Write32(base + (SLOT << 15) + u64::from(register), value)],
        }
    }

    fn register(self, offset: u64) -> u64 {
        u64::from(self.registers) + offset
    }

    /// Begins to copy `bytes` bytes from the bus into the buffer at `at`.
    pub(super) fn read(self, bus: u64, at: u64, bytes: u64) -> [Op; 4] {
        self.copy(bus, BUFFER + at, bytes, RUNS)
    }

    /// Begins to copy `bytes` bytes from the buffer at `at` to the bus.
    pub(super) fn write(self, at: u64, bus: u64, bytes: u64) -> [Op; 4] {
        self.copy(BUFFER + at, bus, bytes, RUNS | OUT)
    }

    fn copy(self, source: u64, destination: u64, bytes: u64, command: u64) -> [Op; 4] {
        [(SOURCE, source), (DESTINATION, destination), (COUNT, bytes), (COMMAND, command)]
            .map(|(register, value)| Op::Write64(self.register(register), value))
    }

    /// Asks whether it still copies; the answer has the bit [`RUNS`] then.
    pub(super) fn poll(self) -> Op {
        Op::Read64(self.register(COMMAND))
    }
}

/// Whether that is what the device answers.
pub(super) fn is_there(answer: u64) -> bool {
    answer & 0xff == EDU
}
