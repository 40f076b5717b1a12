//! POWER9: QEMU's `powernv9` machine without firmware.
//!
//! The stub is the hypervisor, untranslated. It has tables of its own for the quadrant that is not under test, from which
//! problem state fetches its instructions. So the tables under test need to map nothing.

mod code;
mod outcome;
mod stub;

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::AsRawFd;

use rustix::fs::MemfdFlags;

use crate::control::{self, Control};
use crate::machine::{Machine, Missing, Reserved};
use crate::qemu::Qemu;
use crate::{Access, Features, Image, MachineError, Mmu, Outcome, PowerFeatures, PowerMmu, Probe, Quadrant};

const NAME: &str = crate::names::QEMU_POWER;
const PROGRAM: &str = "qemu-system-ppc64";
const REMEDY: &str = "install the Debian package qemu-system-ppc";

/// Memory begins at 0; the first interrupts go to its first 4 KiB.
const BASE: u64 = 0;
/// Bytes of memory.
const BYTES: u64 = 4 << 30;
/// The control area: below the device tree, which the emulator writes at 16 MiB.
const CONTROL: u64 = 0x20_0000;
/// What is left for tables and pages: all but the first GiB.
const USABLE: u64 = 1 << 30;

/// Offsets in the control area, behind the results: the partition table, the process table, the stub's own tables.
const PARTITIONS: u64 = 0x15_0000;
const PROCESSES: u64 = 0x16_0000;
const OWN_ROOT: u64 = 0x18_0000;
const OWN_SECOND: u64 = 0x19_0000;

/// LPCR (Power ISA 3.0B, Book III, "Logical Partitioning Control Register"): a process table; a radix host.
const PROCESS_TABLE: u64 = 1 << 22;
const RADIX: u64 = 1 << 20;

/// Of a root word ("Radix Tree Translation"): 52 bits of addresses, 13 of which index the root.
const GEOMETRY: u64 = 0b10 << 61 | 0b101 << 5 | 13;
/// Of a partition table entry: the partition has a radix tree.
const HOST_RADIX: u64 = 1 << 63;
/// lg2 of the bytes of a process table, less 12.
const PROCESS_TABLE_SIZE: u64 = 5;

/// Of entries of tables: a reference to a table of 512 slots; a leaf that has been used and allows everything.
const REFERENCE: u64 = 1 << 63 | 9;
const LEAF: u64 = 0b11 << 62 | 0b11 << 7 | 0b111;

/// Quadrant 3.
const KERNEL: u64 = 0b11 << 62;

/// Indices of the settings in the header, which the stub loads as they stand.
mod setting {
    pub(super) const LPCR: u64 = 0;
    pub(super) const PTCR: u64 = 1;
    /// Where problem state finds the stub.
    pub(super) const USER_TEXT: u64 = 2;
}

/// An emulated POWER9 processor.
#[derive(Debug)]
pub(crate) struct QemuPower {
    features: Features,
}

impl QemuPower {
    /// Starts the emulator and tries what its processor refuses.
    pub(crate) fn find() -> Result<Self, Missing> {
        Qemu::version(PROGRAM, NAME, REMEDY)?;
        let tried =
            Self::features().map_err(|error| Missing { name: NAME, reason: error.to_string(), remedy: REMEDY })?;
        Ok(Self { features: Features::Power(tried) })
    }

    /// Tries a reference to a table of an impossible size, and an address with bits above the 52 that are translated.
    fn features() -> Result<PowerFeatures, MachineError> {
        let image = Image::new(BASE, BYTES)?;
        let (root, second, page) = (USABLE, USABLE + 0x1_0000, 2 * USABLE);
        image.tag(page);
        for (at, word) in [(root, REFERENCE | second), (second, LEAF | page), (root + 8, (REFERENCE | second) - 1)] {
            image.write(at, &word.to_be_bytes());
        }
        let probes = [0, 1 << 39, 1 << 52].map(|va| Probe::supervisor(va, Access::Read));
        let outcomes = probe(&image, &PowerMmu::new(root, Quadrant::User), &probes)?;
        if outcomes[0] != Outcome::Reached(page) {
            return Err(MachineError::Unsupported(format!("radix trees: {}", outcomes[0])));
        }
        Ok(PowerFeatures {
            checks_sizes: outcomes[1].fault().is_some(),
            checks_addresses: outcomes[2].fault().is_some(),
        })
    }
}

impl Machine for QemuPower {
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
        USABLE..BYTES
    }

    fn reserved(&self) -> &[Reserved] {
        &[]
    }

    fn probe(&self, image: &mut Image, mmu: &Mmu, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
        if image.base() != BASE || image.bytes() != BYTES {
            return Err(MachineError::WrongImage(format!("{image:?}")));
        }
        let Mmu::Power(mmu) = mmu else {
            return Err(MachineError::Unsupported(format!("{mmu:?}")));
        };
        control::check_root(self, mmu.root)?;
        probe(image, mmu, probes)
    }
}

/// Runs the probes, whatever the features are.
fn probe(image: &Image, mmu: &PowerMmu, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
    let control = Control::new(image, CONTROL);
    let start = initial_file()?;
    let path = format!("/proc/{}/fd/{}", std::process::id(), start.as_raw_fd());
    let arguments = ["-bios", &path].map(Into::into).into();
    let qemu = Qemu { program: PROGRAM, machine: "powernv9", arguments };
    control::in_batches(
        control,
        control::Writes::Real,
        probes,
        || {
            stub::install(control);
            set_up(control, mmu);
            qemu.run_until_done(image, control)
        },
        |probe, record| outcome::decode(image, probe, record),
    )
}

/// Writes the tables above those under test, and the settings.
fn set_up(control: Control<'_>, mmu: &PowerMmu) {
    let word = |offset: u64, word: u64| control.write(offset, &word.to_be_bytes());
    let at = |offset: u64| control.base + offset;
    // The first GiB at its own addresses: for addresses of process tables, and for the stub in problem state.
    word(OWN_ROOT, REFERENCE | at(OWN_SECOND));
    word(OWN_SECOND, LEAF);
    word(PARTITIONS, HOST_RADIX | GEOMETRY | at(OWN_ROOT));
    word(PARTITIONS + 8, PROCESS_TABLE_SIZE | at(PROCESSES));
    let (own, tested) = (GEOMETRY | at(OWN_ROOT), GEOMETRY | mmu.root);
    let (kernel, user, text) = match mmu.quadrant {
        Quadrant::User => (own, tested, KERNEL | control.base),
        Quadrant::Kernel => (tested, own, control.base),
    };
    word(PROCESSES, kernel);
    word(PROCESSES + 16 * stub::PROCESS, user);
    let settings =
        [(setting::LPCR, PROCESS_TABLE | RADIX), (setting::PTCR, at(PARTITIONS)), (setting::USER_TEXT, text)];
    for (index, value) in settings {
        control.set(index, value.swap_bytes());
    }
}

/// A file with what the emulator loads at address 0.
fn initial_file() -> Result<File, MachineError> {
    let mut file =
        File::from(rustix::fs::memfd_create("ptgen-power-start", MemfdFlags::CLOEXEC).map_err(io::Error::from)?);
    file.write_all(&stub::initial(CONTROL))?;
    Ok(file)
}

/// Loads the address of the frame into register 3 and calls the system.
pub(crate) fn tag_code(frame: u64) -> Vec<u8> {
    let mut code = code::Code::default();
    code.load_doubleword(stub::FRAME, frame);
    code.call_system();
    code.finish()
}
