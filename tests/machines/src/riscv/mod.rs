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

const REMEDY: &str = "install the Debian package qemu-system-misc";

/// How wide the registers are, and so which modes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    /// 32 bits: Sv32.
    X32,
    /// 64 bits: Sv39, Sv48, Sv57.
    X64,
}

/// Which `-cpu` to ask for.
#[derive(Clone, Copy, Debug)]
enum Hart {
    /// Of 64 bits; Svnapot and Svpbmt are properties, to be switched as the configuration says.
    Switched,
    /// Of 64 bits; older versions refuse the properties and have neither.
    Plain,
    /// Of 32 bits, where there is neither.
    Narrow,
}

impl Hart {
    fn width(self) -> Width {
        if matches!(self, Self::Narrow) { Width::X32 } else { Width::X64 }
    }

    /// Bytes of memory.
    fn bytes(self) -> u64 {
        match self.width() {
            Width::X32 => NARROW_BYTES,
            Width::X64 => BYTES,
        }
    }

    /// The modes that such a hart may have.
    fn modes(self) -> &'static [RiscVMode] {
        match self.width() {
            Width::X32 => &[RiscVMode::Sv32],
            Width::X64 => &[RiscVMode::Sv39, RiscVMode::Sv48, RiscVMode::Sv57],
        }
    }

    fn name(self) -> &'static str {
        match self.width() {
            Width::X32 => crate::names::QEMU_RISC_V_32,
            Width::X64 => crate::names::QEMU_RISC_V,
        }
    }

    fn program(self) -> &'static str {
        match self.width() {
            Width::X32 => "qemu-system-riscv32",
            Width::X64 => "qemu-system-riscv64",
        }
    }

    fn qemu(self, mmu: &RiscVMmu) -> Qemu {
        let state = |on: bool| if on { "on" } else { "off" };
        let processor = match self {
            Self::Switched => {
                format!("rv64,h=on,svnapot={},svpbmt={}", state(mmu.runs), state(mmu.memory_types))
            }
            Self::Plain => "rv64".to_owned(),
            Self::Narrow => "rv32,h=on".to_owned(),
        };
        let arguments = ["-bios", "none", "-cpu", &processor].map(Into::into).into();
        Qemu { program: self.program(), machine: "virt", arguments }
    }
}

/// Where the memory of the `virt` machine begins; without firmware, the first instruction is there.
const BASE: u64 = 0x8000_0000;
/// Bytes of memory of a hart of 64 bits.
const BYTES: u64 = 4 << 30;
/// Bytes of memory of a hart of 32 bits: up to where addresses have 32 bits. QEMU 7.2 drops the higher bits of what Sv32
/// translates to (`riscv_cpu_tlb_fill` masks it with a word of the hart).
const NARROW_BYTES: u64 = 2 << 30;
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
    /// `satp`, or `hgatp` for a guest stage.
    pub(super) const ROOT: u64 = 0;
    pub(super) const MSTATUS: u64 = 1;
    pub(super) const MENVCFG: u64 = 2;
    /// The first of the values of `satp` to be tried, and how many there are.
    pub(super) const MODES: (u64, u64) = (3, 3);
}

/// Indices of the reports in the header.
mod report {
    /// `satp` after each of the modes was written to it.
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
    /// Starts the emulator of harts of 64 bits and tries what its hart can do.
    pub(crate) fn find() -> Result<Self, Missing> {
        Self::find_one(&[Hart::Switched, Hart::Plain])
    }

    /// Likewise of harts of 32 bits.
    pub(crate) fn find_narrow() -> Result<Self, Missing> {
        Self::find_one(&[Hart::Narrow])
    }

    fn find_one(harts: &[Hart]) -> Result<Self, Missing> {
        let name = harts[0].name();
        let missing = |reason: String| Missing { name, reason, remedy: REMEDY };
        Qemu::version(harts[0].program(), name, REMEDY)?;
        let mut reasons = Vec::new();
        for &hart in harts {
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
        self.hart.name()
    }

    fn features(&self) -> &Features {
        &self.features
    }

    fn new_image(&self) -> io::Result<Image> {
        new_image(self.hart)
    }

    fn memory(&self) -> Range<u64> {
        USABLE..BASE + self.hart.bytes()
    }

    fn reserved(&self) -> &[Reserved] {
        &[]
    }

    /// Not at the VAs that are the addresses of the stub's text. QEMU 7.2 keeps one set of TLB entries for what M-mode
    /// fetches and for what `mstatus.MPRV` has translated, so that a load there can hit the untranslated entry.
    ///
    /// A hart of 32 bits has no other VAs.
    fn answers(&self, probe: &Probe) -> bool {
        let exists = self.hart.width() == Width::X64 || probe.va <= u32::MAX.into();
        exists && !(BASE..BASE + control::HEADER).contains(&probe.va)
    }

    fn probe(&self, image: &mut Image, mmu: &Mmu, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
        if image.base() != BASE || image.bytes() != self.hart.bytes() {
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

fn new_image(hart: Hart) -> io::Result<Image> {
    Image::new(BASE, hart.bytes())
}

fn check_features(mmu: &RiscVMmu, features: &RiscVFeatures) -> Result<(), MachineError> {
    let mode = match mmu.mode {
        RiscVMode::Sv32 => features.sv32,
        RiscVMode::Sv39 => !features.sv32,
        RiscVMode::Sv48 => features.sv48,
        RiscVMode::Sv57 => features.sv57,
    };
    let updates = match mmu.hardware_accessed_dirty {
        true => features.svadu,
        false => features.svade,
    };
    let wants = [
        (mode, "this mode"),
        (!mmu.guest || features.hypervisor, "the H extension"),
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
            stub::install(control, hart.width(), mmu.guest);
            control.set(setting::ROOT, mode_bits(mmu.mode) | mmu.root >> 12);
            for (mode, index) in hart.modes().iter().zip(0..) {
                control.set(setting::MODES.0 + index, mode_bits(*mode));
            }
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
        |probe, record| outcome::decode(image, mmu.guest, probe, record),
    )
}

/// `satp.MODE` in place, which `hgatp.MODE` agrees with (Privileged Architecture, "Supervisor Address Translation and
/// Protection Register", "Hypervisor Guest Address Translation and Protection Register").
fn mode_bits(mode: RiscVMode) -> u64 {
    match mode {
        RiscVMode::Sv32 => 1 << 31,
        RiscVMode::Sv39 => 8 << 60,
        RiscVMode::Sv48 => 9 << 60,
        RiscVMode::Sv57 => 10 << 60,
    }
}
