//! RISC-V: QEMU's `virt` machine without firmware.
//!
//! The stub is in M-mode, where nothing is translated but loads and stores for which `mstatus.MPRV` asks it. So the
//! tables under test need to map nothing for it.

mod outcome;
mod stub;
mod trial;

use std::io;
use std::ops::Range;

use crate::control::{self, Control};
use crate::machine::{Machine, Missing, Reserved};
use crate::qemu::Qemu;
use crate::{Features, Image, MachineError, Mmu, Outcome, Probe, RiscVFeatures, RiscVMmu, RiscVMode};

const NAME: &str = crate::names::QEMU_RISC_V;
const PROGRAM: &str = "qemu-system-riscv64";
const REMEDY: &str = "install the Debian package qemu-system-misc";

/// Which `-cpu` to ask for.
#[derive(Clone, Copy, Debug)]
enum Hart {
    /// Svnapot and Svpbmt are properties, to be switched as the configuration says.
    Switched,
    /// Older versions refuse the properties and have neither.
    Plain,
}

impl Hart {
    fn qemu(self, mmu: &RiscVMmu) -> Qemu {
        let state = |on: bool| if on { "on" } else { "off" };
        let processor = match self {
            Self::Switched => format!("rv64,svnapot={},svpbmt={}", state(mmu.runs), state(mmu.memory_types)),
            Self::Plain => "rv64".to_owned(),
        };
        let arguments = ["-bios", "none", "-cpu", &processor].map(Into::into).into();
        Qemu { program: PROGRAM, machine: "virt", arguments }
    }
}

/// Where the memory of the `virt` machine begins; without firmware, the first instruction is there.
const BASE: u64 = 0x8000_0000;
/// Bytes of memory.
const BYTES: u64 = 4 << 30;
/// What is left for tables and pages. The first GiB holds the stub and, near its end, the device tree.
const USABLE: u64 = 0xc000_0000;

/// `mstatus.SUM` (Privileged Architecture, "Machine Status Registers").
const MSTATUS_SUM: u64 = 1 << 18;
/// `mstatus.MXR`.
const MSTATUS_MXR: u64 = 1 << 19;
/// `menvcfg.ADUE`: hardware sets accessed and dirty bits (Svadu).
const MENVCFG_ADUE: u64 = 1 << 61;
/// `menvcfg.PBMTE`: bits 62 and 61 of an entry are a memory type (Svpbmt).
const MENVCFG_PBMTE: u64 = 1 << 62;

/// Indices of the settings in the header.
mod setting {
    pub(super) const SATP: u64 = 0;
    pub(super) const MSTATUS: u64 = 1;
    pub(super) const MENVCFG: u64 = 2;
}

/// Indices of the reports in the header.
mod report {
    /// `satp` after modes 8, 9 and 10 were written to it, one report each.
    pub(super) const SATP: u64 = 0;
}

/// An emulated RISC-V hart.
#[derive(Debug)]
pub(crate) struct QemuRiscV {
    hart: Hart,
    features: Features,
    riscv: RiscVFeatures,
}

impl QemuRiscV {
    /// Starts the emulator and tries what its hart can do.
    pub(crate) fn find() -> Result<Self, Missing> {
        let missing = |reason: String| Missing { name: NAME, reason, remedy: REMEDY };
        Qemu::version(PROGRAM, NAME, REMEDY)?;
        let mut reasons = Vec::new();
        for hart in [Hart::Switched, Hart::Plain] {
            match trial::features(hart) {
                Ok(riscv) => {
                    let features = Features::RiscV(riscv.clone());
                    return Ok(Self { hart, features, riscv });
                }
                Err(error) => reasons.push(error.to_string()),
            }
        }
        Err(missing(reasons.join("; ")))
    }
}

impl Machine for QemuRiscV {
    fn name(&self) -> &str {
        NAME
    }

    fn features(&self) -> &Features {
        &self.features
    }

    fn new_image(&self) -> io::Result<Image> {
        new_image()
    }

    fn memory(&self) -> Range<u64> {
        USABLE..BASE + BYTES
    }

    fn reserved(&self) -> &[Reserved] {
        &[]
    }

    /// Not at the VAs that are the addresses of the stub's text. QEMU 7.2 keeps one set of TLB entries for what M-mode
    /// fetches and for what `mstatus.MPRV` has translated, so that a load there can hit the untranslated entry.
    fn answers(&self, probe: &Probe) -> bool {
        !(BASE..BASE + control::HEADER).contains(&probe.va)
    }

    fn probe(&self, image: &mut Image, mmu: &Mmu, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
        if image.base() != BASE || image.bytes() != BYTES {
            return Err(MachineError::WrongImage(format!("{image:?}")));
        }
        let Mmu::RiscV(mmu) = mmu else {
            return Err(MachineError::Unsupported(format!("{mmu:?}")));
        };
        check_features(mmu, &self.riscv)?;
        control::check_root(self, mmu.root)?;
        control::if_answered(self, probes, |asked| probe(self.hart, image, mmu, asked))
    }
}

fn new_image() -> io::Result<Image> {
    Image::new(BASE, BYTES)
}

fn check_features(mmu: &RiscVMmu, features: &RiscVFeatures) -> Result<(), MachineError> {
    let mode = match mmu.mode {
        RiscVMode::Sv39 => true,
        RiscVMode::Sv48 => features.sv48,
        RiscVMode::Sv57 => features.sv57,
    };
    let updates = match mmu.hardware_accessed_dirty {
        true => features.svadu,
        false => features.svade,
    };
    let wants = [
        (mode, "this mode"),
        (updates, "accessed and dirty bits in this manner"),
        (!mmu.memory_types || features.svpbmt, "Svpbmt"),
        (!mmu.runs || features.svnapot, "Svnapot"),
    ];
    match wants.iter().find(|(met, _)| !met) {
        Some((_, what)) => Err(MachineError::Unsupported((*what).to_owned())),
        None => Ok(()),
    }
}

/// Runs the probes, whatever the features are.
fn probe(hart: Hart, image: &Image, mmu: &RiscVMmu, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
    let control = Control::new(image, BASE);
    let bit = |condition: bool, bit: u64| if condition { bit } else { 0 };
    control::in_batches(
        control,
        control::Writes::Real,
        probes,
        || {
            stub::install(control);
            control.set(setting::SATP, mode_number(mmu.mode) << 60 | mmu.root >> 12);
            control.set(
                setting::MSTATUS,
                bit(mmu.supervisor_user_memory, MSTATUS_SUM) | bit(mmu.executable_readable, MSTATUS_MXR),
            );
            control.set(
                setting::MENVCFG,
                bit(mmu.memory_types, MENVCFG_PBMTE) | bit(mmu.hardware_accessed_dirty, MENVCFG_ADUE),
            );
            hart.qemu(mmu).run(image, control)
        },
        |probe, record| outcome::decode(image, probe, record),
    )
}

/// `satp.MODE` (Privileged Architecture, "Supervisor Address Translation and Protection Register").
fn mode_number(mode: RiscVMode) -> u64 {
    match mode {
        RiscVMode::Sv39 => 8,
        RiscVMode::Sv48 => 9,
        RiscVMode::Sv57 => 10,
    }
}
