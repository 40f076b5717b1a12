//! AArch64: QEMU's `virt` machine without firmware.
//!
//! The stub is at EL2 and walks the tables of the EL1&0 regime with the address-translation instructions, so that any
//! OA can be checked, with memory behind it or not. A fetch needs a visit to EL1 or EL0; the exception vectors that
//! bring it back are mapped by a table of the stub's own, in the half of the address space that is not under test. So
//! the tables under test need to map nothing. Stage 2 is tried below a stage 1 that is off.

mod outcome;
mod registers;
mod stub;

use std::io;
use std::ops::Range;

use crate::control::{self, Control};
use crate::machine::{Machine, Missing, Reserved};
use crate::qemu::Qemu;
use crate::{AArch64Features, AArch64Mmu, Access, Features, Image, MachineError, Mmu, Outcome, Probe};

const NAME: &str = crate::names::QEMU_AARCH64;
const PROGRAM: &str = "qemu-system-aarch64";
const REMEDY: &str = "install the Debian package qemu-system-arm";

/// Where the memory of the `virt` machine begins.
const BASE: u64 = 0x4000_0000;
/// Bytes of memory.
const BYTES: u64 = 4 << 30;
/// The control area: behind the device tree, which the emulator writes at the beginning.
const CONTROL: u64 = BASE + 0x20_0000;
/// What is left for tables and pages: all but the first GiB.
const USABLE: u64 = 0x8000_0000;

/// An emulated AArch64 processor.
#[derive(Debug)]
pub(crate) struct QemuAArch64 {
    qemu: Qemu,
    features: Features,
    aarch64: AArch64Features,
}

impl QemuAArch64 {
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
        registers::Registers::off().store(control);
        qemu.run(&image, control)?;
        let mut aarch64 = registers::features([0, 1, 2].map(|index| control.report(index)));
        aarch64.checks_block_levels = Self::refuses_level_0_block(&qemu, &aarch64, &image)?;
        Ok(Self { qemu, features: Features::AArch64(aarch64.clone()), aarch64 })
    }

    /// Tries a block of 512 GiB in tables that cannot have one.
    fn refuses_level_0_block(qemu: &Qemu, features: &AArch64Features, image: &Image) -> Result<bool, MachineError> {
        // A block, with the access flag (Arm DDI 0487, "Block descriptor and Page descriptor formats").
        image.write_u64(USABLE, 1 | 1 << 10);
        let probe = Probe::supervisor(0, Access::Read);
        let registers = registers::Registers::new(&AArch64Mmu::stage1_4k(USABLE), features)?;
        let outcomes = probe_with(qemu, registers, image, &[probe])?;
        Ok(outcomes[0].fault().is_some())
    }
}

impl Machine for QemuAArch64 {
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

    fn probe(&self, image: &mut Image, mmu: &Mmu, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
        if image.base() != BASE || image.bytes() != BYTES {
            return Err(MachineError::WrongImage(format!("{image:?}")));
        }
        let (root, registers) = match mmu {
            Mmu::AArch64(mmu) => (mmu.root, registers::Registers::new(mmu, &self.aarch64)?),
            Mmu::AArch64Stage2(mmu) => (mmu.root, registers::Registers::stage2(mmu, &self.aarch64)?),
            _ => return Err(MachineError::Unsupported(format!("{mmu:?}"))),
        };
        control::check_root(self, root)?;
        probe_with(&self.qemu, registers, image, probes)
    }
}

fn probe_with(
    qemu: &Qemu,
    registers: registers::Registers,
    image: &Image,
    probes: &[Probe],
) -> Result<Vec<Outcome>, MachineError> {
    let control = Control::new(image, CONTROL);
    control::in_batches(
        control,
        control::Writes::Asked,
        probes,
        || {
            stub::install(control);
            registers.store(control);
            qemu.run(image, control)
        },
        |probe, record| outcome::decode(image, probe, record),
    )
}
