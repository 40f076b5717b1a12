//! LoongArch: QEMU's `virt` machine without firmware.
//!
//! The stub runs in a window of VA that no table translates, so the tables under test need to map nothing for it. Each
//! access goes through the TLB, which a handler of the stub's refills from the tables: it follows them with the machine's
//! own instructions, so that what an entry means is the machine's opinion, except for two things that these instructions get
//! wrong in QEMU 7.2 and the handler puts right.

mod assembler;
mod outcome;
mod stub;

use std::io;
use std::ops::Range;

use crate::control::{self, Control};
use crate::machine::{Machine, Missing, Reserved};
use crate::qemu::Qemu;
use crate::{Features, Image, LoongArchMmu, MachineError, Mmu, Outcome, Probe};

pub(crate) use stub::tag_code;

const NAME: &str = crate::names::QEMU_LOONGARCH;
const PROGRAM: &str = "qemu-system-loongarch64";
const REMEDY: &str = "install the Debian package qemu-system-misc";

/// Where the image begins. The first 256 MiB of the memory appear elsewhere, at 0; the rest is where the image has it.
const BASE: u64 = 0x8000_0000;
/// Bytes of memory.
const BYTES: u64 = 4 << 30;
/// The control area: the first memory that is where the image has it.
const CONTROL: u64 = 0x9000_0000;
/// What is left for tables and pages.
const USABLE: u64 = 0xc000_0000;
/// Bits of a VA that this machine compares with those above (CPUCFG.VALEN, and one less than the manual asks for).
const VALEN: u32 = 48;

/// An emulated LoongArch processor.
#[derive(Debug)]
pub(crate) struct QemuLoongArch {
    features: Features,
}

impl QemuLoongArch {
    /// Starts the emulator once, without a probe.
    pub(crate) fn find() -> Result<Self, Missing> {
        let missing = |error: MachineError| Missing { name: NAME, reason: error.to_string(), remedy: REMEDY };
        Qemu::version(PROGRAM, NAME, REMEDY)?;
        let image = Image::new(BASE, BYTES).map_err(|error| missing(error.into()))?;
        let walk = Walk { root: USABLE, page_lg2: 14, table_bits: 11, directories: vec![] };
        probe(&image, &walk, &[Probe::supervisor(0, crate::Access::Read)]).map_err(missing)?;
        Ok(Self { features: Features::LoongArch })
    }
}

impl Machine for QemuLoongArch {
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

    /// Not in the windows of the stub, which no table translates, and not where bit 47 is not the same as those above: QEMU 7.2
    /// does not look at it.
    fn answers(&self, probe: &Probe) -> bool {
        let above = probe.va.cast_signed() >> (VALEN - 1);
        let ignored = matches!(above, 1 | -2);
        !matches!(probe.va >> 60, 8 | 9) && !ignored
    }

    fn probe(&self, image: &mut Image, mmu: &Mmu, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
        if image.base() != BASE || image.bytes() != BYTES {
            return Err(MachineError::WrongImage(format!("{image:?}")));
        }
        let Mmu::LoongArch(mmu) = mmu else {
            return Err(MachineError::Unsupported(format!("{mmu:?}")));
        };
        control::check_root(self, mmu.root)?;
        let walk = Walk::of(mmu)?;
        control::if_answered(self, probes, |asked| probe(image, &walk, asked))
    }
}

/// Runs the probes.
fn probe(image: &Image, walk: &Walk, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
    let control = Control::new(image, CONTROL);
    let loader = format!("loader,addr={CONTROL:#x},cpu-num=0");
    let arguments = ["-cpu", "la464", "-device", &loader].map(Into::into).into();
    let qemu = Qemu { program: PROGRAM, machine: "virt", arguments };
    control::in_batches(
        control,
        control::Writes::Real,
        probes,
        || {
            stub::install(control, walk);
            qemu.run(image, control)
        },
        |probe, record| outcome::decode(image, probe, record),
    )
}

/// A directory that a walk goes through.
#[derive(Clone, Copy, Debug)]
struct Directory {
    /// The number by which LDDIR knows it.
    number: u32,
    /// The lowest bit of the VA that indexes it.
    base: u32,
    /// How many bits do.
    width: u32,
}

/// How tables are walked.
#[derive(Clone, Debug)]
struct Walk {
    root: u64,
    page_lg2: u32,
    /// lg2 of the slots of a table of pages.
    table_bits: u32,
    /// From the lowest.
    directories: Vec<Directory>,
}

impl Walk {
    fn of(mmu: &LoongArchMmu) -> Result<Self, MachineError> {
        let mut base = mmu.page_lg2 + mmu.table_bits;
        let mut directories = Vec::new();
        for (number, width) in (1..).zip(mmu.directory_bits) {
            if width > 0 {
                directories.push(Directory { number, base, width });
                base += width;
            }
        }
        // The fields of PWCL have five bits.
        let narrow = directories.iter().filter(|directory| directory.number <= 2).all(|directory| directory.base < 32);
        if !narrow || base > VALEN {
            return Err(MachineError::Unsupported(format!("{mmu:?}")));
        }
        Ok(Self { root: mmu.root, page_lg2: mmu.page_lg2, table_bits: mmu.table_bits, directories })
    }

    /// The directories from the root down.
    fn directories(&self) -> impl Iterator<Item = Directory> {
        self.directories.iter().rev().copied()
    }

    /// A directory's place and width in a register, if it is there.
    fn field(&self, number: u32, low: u32, bits: u32) -> u64 {
        let found = self.directories.iter().find(|directory| directory.number == number);
        found.map_or(0, |it| u64::from(it.base) << low | u64::from(it.width) << (low + bits))
    }

    /// PWCL: the pages' table, and directories 1 and 2.
    fn pwcl(&self) -> u64 {
        u64::from(self.page_lg2) | u64::from(self.table_bits) << 5 | self.field(1, 10, 5) | self.field(2, 20, 5)
    }

    /// PWCH: directories 3 and 4.
    fn pwch(&self) -> u64 {
        self.field(3, 0, 6) | self.field(4, 12, 6)
    }
}
