//! QEMU's IOMMUs: VT-d and AMD-Vi on a PC, SMMUv3 on Arm's `virt` board.
//!
//! Behind the unit is a device that copies ([`edu`]); the emulator is driven from outside ([`qtest`]), so nothing runs on
//! its processor, and nothing has to be mapped beside what is tested. What a device can do is read and write.
//!
//! # What QEMU 7.2 does not model
//!
//! - VT-d: first-stage tables, five levels. In caching mode it tells other emulated devices of new mappings; absent
//!   entries are not cached in either mode.
//! - AMD-Vi: it does not look whether a leaf is present, at reserved bits, at the levels that entries name, and at
//!   addresses above what the levels translate. A word of zeros, and a leaf without the right, are refused silently.
//! - SMMUv3: stage 2, the upper half, the access flag, accesses without privilege, the width of an OA.

mod amd_vi;
mod edu;
mod qtest;
mod session;
mod smmu;
mod unit;
mod vtd;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::AsRawFd;

use rustix::fs::MemfdFlags;

use self::edu::{Configuration, Edu};
use self::qtest::{Op, Qtest};
use self::unit::Unit;
use crate::control;
use crate::machine::{Machine, Missing, Reserved};
use crate::qemu::Qemu;
use crate::{Access, Features, Image, MachineError, Mmu, Outcome, Probe};

pub use session::{Invalidation, Session};

/// A board with a bus.
#[derive(Debug)]
struct Board {
    program: &'static str,
    remedy: &'static str,
    /// The value of `-machine`.
    machine: &'static str,
    /// Where memory begins, and its bytes.
    base: u64,
    bytes: u64,
    /// Where the unit's structures and the probing's memory are.
    area: u64,
    /// What is left for tables and pages.
    usable: u64,
    edu: Edu,
}

const PC: Board = Board {
    program: "qemu-system-x86_64",
    remedy: "install the Debian package qemu-system-x86",
    // Without timers that tick: time jumps from one to the next, which would never end.
    machine: "q35,pit=off,hpet=off",
    base: 0,
    bytes: 2 << 30,
    area: 0x20_0000,
    usable: 0x20_0000 + control::BYTES,
    edu: Edu { registers: 0xfe00_0000, configuration: Configuration::Ports },
};

const VIRT: Board = Board {
    program: "qemu-system-aarch64",
    remedy: "install the Debian package qemu-system-arm",
    machine: "virt,iommu=smmuv3",
    base: 0x4000_0000,
    bytes: 4 << 30,
    area: 0x4020_0000,
    usable: 0x8000_0000,
    edu: Edu { registers: 0x1000_0000, configuration: Configuration::Memory(0x40_1000_0000) },
};

/// From here on neither board has memory or devices.
const NOTHING_FROM: u64 = 1 << 41;

/// Offset of the program that sleeps, in the area.
const SLEEP: u64 = 0x2_0000;

/// What tells the units apart, before they run.
#[derive(Debug)]
struct Model {
    name: &'static str,
    board: &'static Board,
    /// What is read to know what the unit can do, and what that means.
    capabilities: &'static [Op],
    features: fn(&[u64]) -> Features,
    answers: fn(&Probe) -> bool,
    /// The arguments that give the unit, if it can do what is asked for.
    arguments: fn(&Mmu) -> Result<Vec<String>, MachineError>,
    /// The same without tables.
    bare: &'static [&'static str],
    unit: fn(u64) -> Box<dyn Unit>,
}

const VT_D: Model = Model {
    name: crate::names::QEMU_VT_D,
    board: &PC,
    capabilities: &vtd::CAPABILITIES,
    features: vtd::features,
    answers: vtd::answers,
    arguments: |mmu| match mmu {
        Mmu::VtD(mmu) if (3..=4).contains(&mmu.levels) => {
            let on = |on| if on { "on" } else { "off" };
            let (snoop, caching) = (on(mmu.snoop_control), on(mmu.caching_mode));
            let unit = format!("intel-iommu,intremap=off,aw-bits=48,snoop-control={snoop},caching-mode={caching}");
            Ok(vec!["-device".to_owned(), unit])
        }
        _ => unsupported(mmu),
    },
    bare: &["-device", "intel-iommu,intremap=off,aw-bits=48,snoop-control=on,caching-mode=on"],
    unit: |area| Box::new(vtd::VtD::new(area)),
};

const AMD_VI: Model = Model {
    name: crate::names::QEMU_AMD_VI,
    board: &PC,
    capabilities: &amd_vi::CAPABILITIES,
    features: amd_vi::features,
    answers: amd_vi::answers,
    arguments: |mmu| match mmu {
        Mmu::AmdVi(mmu) if (1..=6).contains(&mmu.levels) => Ok(AMD_VI.bare.iter().map(|&it| it.into()).collect()),
        _ => unsupported(mmu),
    },
    bare: &["-device", "amd-iommu,intremap=off"],
    unit: |area| Box::new(amd_vi::AmdVi::new(area)),
};

const SMMU: Model = Model {
    name: crate::names::QEMU_SMMU,
    board: &VIRT,
    capabilities: &smmu::CAPABILITIES,
    features: smmu::features,
    answers: |_| true,
    arguments: |mmu| match mmu {
        Mmu::AArch64(mmu) => smmu::check(mmu).map(|()| Vec::new()),
        _ => unsupported(mmu),
    },
    bare: &[],
    unit: |area| Box::new(smmu::Smmu::new(area)),
};

fn unsupported<T>(mmu: &Mmu) -> Result<T, MachineError> {
    Err(MachineError::Unsupported(format!("{mmu:?}")))
}

/// An emulated IOMMU.
#[derive(Debug)]
pub(crate) struct QemuIommu {
    model: &'static Model,
    features: Features,
}

impl QemuIommu {
    /// VT-d.
    pub(crate) fn vt_d() -> Result<Self, Missing> {
        Self::find(&VT_D)
    }

    /// AMD-Vi.
    pub(crate) fn amd_vi() -> Result<Self, Missing> {
        Self::find(&AMD_VI)
    }

    /// SMMUv3.
    pub(crate) fn smmu() -> Result<Self, Missing> {
        Self::find(&SMMU)
    }

    /// Starts the emulator once and asks the unit what it can do.
    fn find(model: &'static Model) -> Result<Self, Missing> {
        let Board { program, remedy, .. } = *model.board;
        Qemu::version(program, model.name, remedy)?;
        let ask = || {
            let image = Image::new(model.board.base, model.board.bytes)?;
            let bare: Vec<String> = model.bare.iter().map(|&it| it.into()).collect();
            let (mut qtest, _firmware) = model.board.start(&image, &bare)?;
            let found = qtest.run(model.capabilities)?;
            Ok((model.features)(&found))
        };
        match ask() {
            Ok(features) => Ok(Self { model, features }),
            Err(error) => Err(Missing { name: model.name, reason: MachineError::to_string(&error), remedy }),
        }
    }
}

impl Board {
    /// Starts the emulator, with a processor that sleeps. The file, if any, has to stay open.
    fn start(&self, image: &Image, unit: &[String]) -> Result<(Qtest, Option<File>), MachineError> {
        let mut arguments: Vec<OsString> = unit.iter().map(Into::into).collect();
        arguments.extend(["-device", edu::DEVICE].map(OsString::from));
        let firmware = match self.edu.configuration {
            Configuration::Ports => {
                let (path, file) = halt()?;
                arguments.extend(["-bios".into(), path]);
                Some(file)
            }
            Configuration::Memory(_) => {
                let at = self.area + SLEEP;
                image.write(at, &WAIT);
                let loader = format!("loader,addr={at:#x},cpu-num=0");
                arguments.extend(["-cpu", "max", "-device", &loader].map(OsString::from));
                None
            }
        };
        Ok((Qtest::start(self.program, self.machine, &arguments, image)?, firmware))
    }
}

/// `wfi`, and again (Arm DDI 0487, "A64 Base Instruction Descriptions").
const WAIT: [u8; 8] = [0x7f, 0x20, 0x03, 0xd5, 0xff, 0xff, 0xff, 0x17];

/// Firmware for a PC that only halts.
fn halt() -> Result<(OsString, File), MachineError> {
    let mut file = File::from(rustix::fs::memfd_create("ptgen-halt", MemfdFlags::CLOEXEC).map_err(io::Error::from)?);
    // `hlt`, wherever it begins; interrupts are off after a reset (Intel SDM vol. 3A, "Processor State After Reset").
    file.write_all(&[0xf4; 0x1_0000])?;
    Ok((format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into(), file))
}

impl Machine for QemuIommu {
    fn name(&self) -> &str {
        self.model.name
    }

    fn features(&self) -> &Features {
        &self.features
    }

    fn new_image(&self) -> io::Result<Image> {
        Image::new(self.model.board.base, self.model.board.bytes)
    }

    fn memory(&self) -> Range<u64> {
        let Board { base, bytes, usable, .. } = *self.model.board;
        usable..base + bytes
    }

    fn reserved(&self) -> &[Reserved] {
        &[]
    }

    fn does(&self, access: Access, user: bool) -> bool {
        access != Access::Fetch && !user
    }

    fn reaches_any_oa_from(&self) -> Option<u64> {
        Some(NOTHING_FROM)
    }

    fn answers(&self, probe: &Probe) -> bool {
        (self.model.answers)(probe)
    }

    fn probe(&self, image: &mut Image, mmu: &Mmu, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
        let mut session = self.session(image, mmu)?;
        control::if_answered(self, probes, |probes| session.probe_afresh(probes))
    }

    fn session<'a>(&self, image: &'a Image, mmu: &Mmu) -> Result<Session<'a>, MachineError> {
        let board = self.model.board;
        if image.base() != board.base || image.bytes() != board.bytes {
            return Err(MachineError::WrongImage(format!("{image:?}")));
        }
        let arguments = (self.model.arguments)(mmu)?;
        control::check_root(self, mmu.root())?;
        let mut unit = (self.model.unit)(board.area);
        let set_up = unit.set_up(image, mmu);
        Session::start(image, board.start(image, &arguments)?, board.edu, unit, board.area, &set_up)
    }
}

/// The addresses from `first` to `last` in aligned blocks, each with the lg2 of its bytes: whole pages of 4 KiB, at most
/// `most_lg2`.
fn blocks(first: u64, last: u64, most_lg2: u32) -> Vec<(u64, u32)> {
    let mut blocks = Vec::new();
    let mut address = first >> 12 << 12;
    loop {
        let left = last - address;
        let fits = if left == u64::MAX { 63 } else { (left + 1).next_power_of_two().ilog2() };
        let lg2 = address.trailing_zeros().min(fits).clamp(12, most_lg2);
        blocks.push((address, lg2));
        match address.checked_add(1 << lg2) {
            Some(next) if next <= last => address = next,
            _ => return blocks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::blocks;

    #[test]
    fn blocks_cover_all_that_is_asked_for() {
        assert_eq!(blocks(0x5000, 0x5fff, 30), [(0x5000, 12)]);
        assert_eq!(blocks(0x5000, 0x8fff, 30), [(0x5000, 12), (0x6000, 13), (0x8000, 12)]);
        assert_eq!(blocks(0x5123, 0x5124, 30), [(0x5000, 12)]);
        assert_eq!(blocks(0, (1 << 31) - 1, 30), [(0, 30), (1 << 30, 30)]);
        assert_eq!(blocks(u64::MAX - 4095, u64::MAX, 30), [(u64::MAX - 4095, 12)]);
    }
}
