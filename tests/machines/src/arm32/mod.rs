//! 32-bit Arm: the EL1&0 regime of QEMU's `virt` machine in AArch32 state.
//!
//! The stub is at EL2, in AArch64 state, and walks the tables of AArch32 with the address-translation instructions, so
//! that any OA can be checked, with memory behind it or not. A fetch needs a visit to supervisor or user mode; the
//! exception vectors that bring it back are mapped by a table of the stub's own, in the part of the address space that is
//! not under test. So the tables under test need to map nothing.

mod outcome;
mod registers;
mod stub;

use std::io;
use std::ops::Range;

use crate::control::{self, Control};
use crate::machine::{Machine, Missing, Reserved};
use crate::qemu::Qemu;
use crate::{
    Arm32Descriptors, Arm32Features, Arm32Mmu, Fault, FaultKind, Features, Half, Image, MachineError, Mmu, Outcome,
    Probe,
};

const NAME: &str = crate::names::QEMU_ARM32;
const PROGRAM: &str = "qemu-system-aarch64";
const REMEDY: &str = "install the Debian package qemu-system-arm";

/// Where the memory of the `virt` machine begins.
const BASE: u64 = 0x4000_0000;
/// Bytes of memory: all of it below 4 GiB.
const BYTES: u64 = 2 << 30;
/// The control area: behind the device tree, which the emulator writes at the beginning.
const CONTROL: u64 = BASE + 0x20_0000;
/// What is left for tables and pages: all but the first GiB.
const USABLE: u64 = 0x8000_0000;

/// An emulated processor that can run AArch32 below AArch64.
#[derive(Debug)]
pub(crate) struct QemuArm32 {
    qemu: Qemu,
    features: Features,
    arm32: Arm32Features,
}

impl QemuArm32 {
    /// Starts the emulator once and asks its processor what it can do.
    pub(crate) fn find() -> Result<Self, Missing> {
        Qemu::version(PROGRAM, NAME, REMEDY)?;
        Self::start().map_err(|error| Missing { name: NAME, reason: error.to_string(), remedy: REMEDY })
    }

    fn start() -> Result<Self, MachineError> {
        let loader = format!("loader,addr={CONTROL:#x},cpu-num=0");
        let qemu = Qemu {
            program: PROGRAM,
            machine: "virt,virtualization=on",
            arguments: ["-cpu", "max", "-device", &loader, "-semihosting-config", "enable=on,target=native"]
                .map(Into::into)
                .into(),
        };
        let image = Image::new(BASE, BYTES)?;
        let control = Control::new(&image, CONTROL);
        control.load(&[], |probe| probe.va);
        stub::install(control);
        registers::Registers::default().store(control);
        qemu.run(&image, control)?;
        let arm32 = registers::features([0, 1].map(|index| control.report(index)))?;
        Ok(Self { qemu, features: Features::Arm32(arm32.clone()), arm32 })
    }
}

impl Machine for QemuArm32 {
    fn name(&self) -> &str {
        NAME
    }

    fn features(&self) -> &Features {
        &self.features
    }

    fn new_image(&self) -> io::Result<Image> {
        Image::new(BASE, BYTES)
    }

    fn memory(&self) -> Range<u64> {
        USABLE..BASE + BYTES
    }

    fn reserved(&self) -> &[Reserved] {
        &[]
    }

    fn reaches_any_oa_from(&self) -> Option<u64> {
        Some(BASE + BYTES)
    }

    /// VAs have 32 bits.
    fn answers(&self, probe: &Probe) -> bool {
        probe.va >> 32 == 0
    }

    fn probe(&self, image: &mut Image, mmu: &Mmu, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
        if image.base() != BASE || image.bytes() != BYTES {
            return Err(MachineError::WrongImage(format!("{image:?}")));
        }
        let Mmu::Arm32(mmu) = mmu else {
            return Err(MachineError::Unsupported(format!("{mmu:?}")));
        };
        control::check_root(self, mmu.root)?;
        control::if_answered(self, probes, |asked| probe_with(&self.qemu, &self.arm32, image, mmu, asked))
    }
}

fn probe_with(
    qemu: &Qemu,
    features: &Arm32Features,
    image: &Image,
    mmu: &Arm32Mmu,
    probes: &[Probe],
) -> Result<Vec<Outcome>, MachineError> {
    let registers = registers::Registers::new(mmu, features)?;
    let control = Control::new(image, CONTROL);
    control::in_batches(
        control,
        control::Writes::Asked,
        probes,
        || {
            stub::install(control);
            registers.store(control);
            stub::really(control, |va| is_closed(image, mmu, va));
            qemu.run(image, control)
        },
        |probe, record| match outcome::decode(image, probe, record) {
            Outcome::Fault(fault) => Outcome::Fault(in_order(image, mmu, probe, fault)),
            outcome => outcome,
        },
    )
}

/// What a processor tells for a fault. QEMU 7.2 looks at the domain of a table before it looks at its entries; a processor
/// reads the entry first, and tells a translation fault if it is absent (Arm DDI 0406C, "The MMU fault-checking sequence").
fn in_order(image: &Image, mmu: &Arm32Mmu, probe: &Probe, fault: Fault) -> Fault {
    let is_early = fault.kind == FaultKind::Domain && fault.level == Some(2);
    let entry = (u64::from(read(image, mmu.root + 4 * (probe.va >> 20))) & !0x3ff) + 4 * (probe.va >> 12 & 0xff);
    if is_early && image.contains(entry, 4) && read(image, entry) & 3 == 0 {
        return Fault { kind: FaultKind::NotPresent, ..fault };
    }
    fault
}

fn read(image: &Image, address: u64) -> u32 {
    let mut bytes = [0; 4];
    image.read(address, &mut bytes);
    u32::from_le_bytes(bytes)
}

/// Whether the domain in the first-level entry for `va` lets nobody in (Arm DDI 0487, "Short-descriptor translation table
/// format descriptors", "DACR").
fn is_closed(image: &Image, mmu: &Arm32Mmu, va: u64) -> bool {
    let Arm32Descriptors::Short { domains, .. } = mmu.descriptors else { return false };
    let low = va >> mmu.half.arm32_low_bits() == 0;
    if low != (mmu.half == Half::Lower) {
        return false;
    }
    let entry = read(image, mmu.root + 4 * (va >> 20));
    let (is_table, is_supersection) = (entry & 3 == 1, entry & 1 << 18 != 0);
    let has_domain = is_table || entry & 3 != 0 && !is_supersection;
    let domain = if has_domain { entry >> 5 & 0xf } else { 0 };
    // 0 lets nobody in, 2 is reserved, and QEMU takes it for 0.
    entry & 3 != 0 && domains >> (2 * domain) & 1 == 0
}
