//! s390x: QEMU's `s390-ccw-virtio` machine.
//!
//! The stub runs untranslated; what it probes with comes from a real space of its own, and what is probed is the secondary
//! or the home space. So the tables under test need to map nothing.

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
use crate::{Access, Features, Image, MachineError, Mmu, Outcome, Probe, S390xFeatures, S390xMmu};

const NAME: &str = crate::names::QEMU_S390X;
const PROGRAM: &str = "qemu-system-s390x";
const REMEDY: &str = "install the Debian package qemu-system-misc";

/// Memory begins at 0; interruptions use its first 8 KiB.
const BASE: u64 = 0;
/// Bytes of memory.
const BYTES: u64 = 6 << 30;
/// The control area.
const CONTROL: u64 = 0x20_0000;
/// What is left for tables and pages: two regions of 2 GiB are whole in it.
const USABLE: u64 = 1 << 30;

/// Control register 0 (Principles of Operation, "Control Registers"): enhanced DAT, execution protection.
const ENHANCED: u64 = 1 << 23;
const EXECUTE_PROTECTION: u64 = 1 << 20;

/// Address-space-control elements ("Address-Space-Control Element"): real space; private space; the whole table.
const REAL_SPACE: u64 = 1 << 5;
const PRIVATE_SPACE: u64 = 1 << 8;
const WHOLE: u64 = 3;

/// Indices of the settings in the header.
mod setting {
    /// Control register 0.
    pub(super) const CONTROL: u64 = 0;
    /// The stub's space.
    pub(super) const OWN: u64 = 1;
    /// The space under test.
    pub(super) const TESTED: u64 = 2;
}

/// An emulated s390x processor.
#[derive(Debug)]
pub(crate) struct QemuS390x {
    features: Features,
}

impl QemuS390x {
    /// Starts the emulator and tries whether its processor has large leaves.
    pub(crate) fn find() -> Result<Self, Missing> {
        Qemu::version(PROGRAM, NAME, REMEDY)?;
        let tried =
            Self::features().map_err(|error| Missing { name: NAME, reason: error.to_string(), remedy: REMEDY })?;
        Ok(Self { features: Features::S390x(tried) })
    }

    /// Tries a page that forbids fetches, and leaves of 1 MiB and of 2 GiB. QEMU 7.2 has none of the latter, which it had
    /// before and has again since.
    fn features() -> Result<S390xFeatures, MachineError> {
        let image = Image::new(BASE, BYTES)?;
        let (regions, segments, pages) = (USABLE, USABLE + 0x4000, USABLE + 0x8000);
        let region = 2 << 30;
        let segment = region + (1 << 20);
        let page = segment + (1 << 20);
        // Whole tables and leaves of each level; the page forbids fetches ("Region-Table Entries", "Segment-Table
        // Entries", "Page-Table Entries").
        for (at, word) in [
            (regions, segments | 7),
            (regions + 8, region | 0x404),
            (segments, pages),
            (segments + 8, segment | 0x400),
            (pages, page | 0x100),
        ] {
            image.write(at, &word.to_be_bytes());
        }
        for oa in [region, segment, page] {
            image.tag(oa);
        }
        let probes = [
            Probe::supervisor(0, Access::Read),
            Probe::supervisor(0, Access::Fetch),
            Probe::supervisor(1 << 20, Access::Read),
            Probe::supervisor(1 << 31, Access::Read),
        ];
        let outcomes = probe(&image, &S390xMmu { bits: 42, ..S390xMmu::new(regions) }, &probes)?;
        if outcomes[0] != Outcome::Reached(page) {
            return Err(MachineError::Unsupported(format!("tables of three levels: {}", outcomes[0])));
        }
        Ok(S390xFeatures {
            edat1: outcomes[2] == Outcome::Reached(segment),
            edat2: outcomes[3] == Outcome::Reached(region),
            execute_protection: outcomes[1].fault().is_some(),
        })
    }
}

impl Machine for QemuS390x {
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
        let Mmu::S390x(mmu) = mmu else {
            return Err(MachineError::Unsupported(format!("{mmu:?}")));
        };
        control::check_root(self, mmu.root)?;
        probe(image, mmu, probes)
    }
}

/// Runs the probes, whatever the features are.
fn probe(image: &Image, mmu: &S390xMmu, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
    let control = Control::new(image, CONTROL);
    let start = initial_file()?;
    let path = format!("/proc/{}/fd/{}", std::process::id(), start.as_raw_fd());
    // The emulator's own firmware would be copied into the memory below 2 GiB, over pages that are probed. What is no ELF file is
    // copied to a page below the control area instead, and never started.
    let arguments = ["-cpu", "max", "-kernel", &path, "-bios", &path].map(Into::into).into();
    let qemu = Qemu { program: PROGRAM, machine: "s390-ccw-virtio", arguments };
    control::in_batches(
        control,
        control::Writes::Real,
        probes,
        || {
            stub::install(control);
            // The stub loads them as they stand, the highest byte first.
            for (index, value) in settings(mmu) {
                control.set(index, value.swap_bytes());
            }
            qemu.run(image, control)
        },
        |probe, record| outcome::decode(image, probe, record),
    )
}

/// What control registers hold.
fn settings(mmu: &S390xMmu) -> [(u64, u64); 3] {
    let bit = |condition: bool, bit: u64| if condition { bit } else { 0 };
    let control = bit(mmu.enhanced, ENHANCED) | bit(mmu.execute_protection, EXECUTE_PROTECTION);
    // The level of the root, in units of 11 bits above those of a table of segments.
    let level = u64::from((mmu.bits - 31) / 11);
    let tested = mmu.root | bit(mmu.private_space, PRIVATE_SPACE) | level << 2 | WHOLE;
    [(setting::CONTROL, control), (setting::OWN, REAL_SPACE), (setting::TESTED, tested)]
}

/// A file with what the emulator loads at address 0.
fn initial_file() -> Result<File, MachineError> {
    let mut file =
        File::from(rustix::fs::memfd_create("ptgen-s390x-start", MemfdFlags::CLOEXEC).map_err(io::Error::from)?);
    file.write_all(&stub::initial(CONTROL))?;
    Ok(file)
}

/// Loads the address of the frame into register 2 and calls the supervisor.
pub(crate) fn tag_code(frame: u64) -> Vec<u8> {
    let mut code = code::Code::default();
    code.load_doubleword(stub::TAG, frame);
    code.call_supervisor(0);
    code.finish()
}
