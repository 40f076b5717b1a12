//! QEMU's emulation of x86-64: four and five levels, 1 GiB pages, protection keys.
//!
//! The machine is a PC whose firmware is ours ([`stub::rom`]), so that it is in the stub after two dozen instructions.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::AsRawFd;

use rustix::fs::MemfdFlags;

use super::layout::{self, Registers};
use super::{outcome, stub};
use crate::control::{self, Control};
use crate::machine::{Machine, Missing, Reserved};
use crate::qemu::Qemu;
use crate::{Features, Image, MachineError, Mmu, Outcome, Probe, X86_64Features};

const NAME: &str = crate::names::QEMU_X86_64;
const PROGRAM: &str = "qemu-system-x86_64";
const REMEDY: &str = "install the Debian package qemu-system-x86";

/// An emulated x86-64 PC.
#[derive(Debug)]
pub(crate) struct QemuX86_64 {
    pub(super) qemu: Qemu,
    features: Features,
    pub(super) x86: X86_64Features,
    /// Keeps the firmware's file open, through which the emulator reads it.
    _rom: File,
}

impl QemuX86_64 {
    /// Starts the emulator once and asks its processor what it can do.
    pub(crate) fn find() -> Result<Self, Missing> {
        Qemu::version(PROGRAM, NAME, REMEDY)?;
        Self::start().map_err(|error| Missing { name: NAME, reason: error.to_string(), remedy: REMEDY })
    }

    fn start() -> Result<Self, MachineError> {
        let mut rom = File::from(rustix::fs::memfd_create("ptgen-rom", MemfdFlags::CLOEXEC).map_err(io::Error::from)?);
        rom.write_all(&stub::rom())?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), rom.as_raw_fd());
        let mut arguments: Vec<OsString> = ["-cpu", "max", "-bios"].map(OsString::from).into();
        arguments.push(path.into());
        let exit = format!("isa-debug-exit,iobase={:#x},iosize=4", stub::EXIT_PORT);
        arguments.extend(["-device", &exit].map(OsString::from));
        let qemu = Qemu { program: PROGRAM, machine: "pc", arguments };
        let image = layout::new_image()?;
        let control = Control::new(&image, layout::CONTROL);
        control.load(&[], |probe| probe.va);
        stub::install(control);
        qemu.run(&image, control)?;
        let report = |index: u64| control.report(index) as u32;
        let x86 = layout::features(report(0), report(1), report(2), report(3));
        Ok(Self { qemu, features: Features::X86_64(x86.clone()), x86, _rom: rom })
    }
}

impl Machine for QemuX86_64 {
    fn name(&self) -> &str {
        NAME
    }

    fn features(&self) -> &Features {
        &self.features
    }

    fn new_image(&self) -> io::Result<Image> {
        layout::new_image()
    }

    fn memory(&self) -> Range<u64> {
        layout::memory()
    }

    fn reserved(&self) -> &[Reserved] {
        &layout::RESERVED
    }

    fn probe(&self, image: &mut Image, mmu: &Mmu, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
        layout::check_image(image)?;
        control::refuse_reserved(self, probes)?;
        let registers = Registers::new(mmu, &self.x86)?;
        control::check_root(self, registers.cr3)?;
        let control = Control::new(image, layout::CONTROL);
        control::in_batches(
            control,
            control::Writes::Real,
            probes,
            || {
                stub::install(control);
                registers.store(control);
                self.qemu.run(image, control)
            },
            |probe, record| outcome::decode(image, probe, record),
        )
    }
}
