//! The instructions that flush, for machines that this is not: do they assemble, and to what the manuals say?
//!
//! The runtime is compiled for each target. Then the words of the instructions, taken from the manuals' tables of
//! encodings and not from an assembler, are looked for in the object file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What came of a target.
pub enum Outcome {
    /// All instructions are there: how many.
    Found(usize),
    /// It does not compile, or an instruction is missing.
    Failed(String),
    /// No compiler here has a core library for it.
    NotRun(String),
}

impl Outcome {
    /// Whether something is wrong.
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(count) => write!(out, "ok, {count} instructions found"),
            Self::Failed(why) => write!(out, "FAILED: {why}"),
            Self::NotRun(why) => write!(out, "NOT RUN: {why}"),
        }
    }
}

/// An instruction: its name, the bits that say that it is, and their values.
type Instruction = (&'static str, u32, u32);

/// A machine: its target, how instructions are aligned in bytes, and what has to be there.
struct Target {
    name: &'static str,
    align: usize,
    instructions: &'static [Instruction],
}

/// `SYS #op1, c8, c<crm>, #op2`, any register: Arm ARM, C5.5, "TLBI"; all of them are in CRn 8.
const fn tlbi(op1: u32, crm: u32, op2: u32) -> (u32, u32) {
    (!0x1f, 0xd508_8000 | op1 << 16 | crm << 8 | op2 << 5)
}

macro_rules! tlbi {
    ($($name:literal: $op1:literal $crm:literal $op2:literal,)*) => {
        [$(($name, tlbi($op1, $crm, $op2).0, tlbi($op1, $crm, $op2).1),)*]
    };
}

const ARM_TLBI: &[Instruction] = &tlbi! {
    "tlbi vmalle1is": 0 3 0, "tlbi vae1is": 0 3 1, "tlbi aside1is": 0 3 2, "tlbi vaae1is": 0 3 3,
    "tlbi vale1is": 0 3 5, "tlbi vaale1is": 0 3 7,
    "tlbi vmalle1": 0 7 0, "tlbi vae1": 0 7 1, "tlbi aside1": 0 7 2, "tlbi vaae1": 0 7 3,
    "tlbi vale1": 0 7 5, "tlbi vaale1": 0 7 7,
    "tlbi rvae1is": 0 2 1, "tlbi rvaae1is": 0 2 3, "tlbi rvale1is": 0 2 5, "tlbi rvaale1is": 0 2 7,
    "tlbi rvae1": 0 6 1, "tlbi rvaae1": 0 6 3, "tlbi rvale1": 0 6 5, "tlbi rvaale1": 0 6 7,
    "tlbi ipas2e1is": 4 0 1, "tlbi ipas2le1is": 4 0 5, "tlbi ipas2e1": 4 4 1, "tlbi ipas2le1": 4 4 5,
    "tlbi ripas2e1is": 4 0 2, "tlbi ripas2le1is": 4 0 6, "tlbi ripas2e1": 4 4 2, "tlbi ripas2le1": 4 4 6,
    "tlbi vmalls12e1is": 4 3 6, "tlbi vmalls12e1": 4 7 6,
};

/// Arm ARM, C6.2, "DSB" and "ISB".
const ARM_BARRIERS: &[Instruction] = &[
    ("dsb nsh", !0, 0xd503_379f),
    ("dsb nshst", !0, 0xd503_369f),
    ("dsb ish", !0, 0xd503_3b9f),
    ("dsb ishst", !0, 0xd503_3a9f),
    ("isb", !0, 0xd503_3fdf),
];

/// All of an R-type instruction but its registers: funct7, funct3, rd and opcode.
const R_TYPE: u32 = 0xfe00_7fff;

/// RISC-V privileged specification, "RISC-V Privileged Instruction Set Listings".
const RISCV: &[Instruction] = &[
    ("sfence.vma", R_TYPE, 0x1200_0073),
    ("sfence.vma x0, x0", !0, 0x1200_0073),
    ("sinval.vma", R_TYPE, 0x1600_0073),
    ("sfence.w.inval", !0, 0x1800_0073),
    ("sfence.inval.ir", !0, 0x1810_0073),
    ("hfence.gvma", R_TYPE, 0x6200_0073),
    ("hinval.gvma", R_TYPE, 0x6600_0073),
];

/// LoongArch Reference Manual vol. 1, appendix B: INVTLB's number is in the lowest five bits.
const INVTLB: u32 = 0xffff_801f;
const LOONGARCH: &[Instruction] = &[
    ("invtlb 0", INVTLB, 0x0649_8000),
    ("invtlb 4", INVTLB, 0x0649_8004),
    ("invtlb 5", INVTLB, 0x0649_8005),
    ("invtlb 6", INVTLB, 0x0649_8006),
    ("dbar 0", !0, 0x3872_0000),
];

/// Intel SDM vol. 2: the lowest byte is the first. The address's register is free; INVPCID has a prefix before these.
const X86_64: &[Instruction] = &[
    ("invlpg", 0x0038_ffff, 0x0038_010f),
    ("invpcid", 0xffff_ffff, 0x8238_0f66),
    ("mov reg, cr3", 0x00f8_ffff, 0x00d8_200f),
    ("mov cr3, reg", 0x00f8_ffff, 0x00d8_220f),
    ("mov reg, cr4", 0x00f8_ffff, 0x00e0_200f),
    ("mov cr4, reg", 0x00f8_ffff, 0x00e0_220f),
];

const TARGETS: &[Target] = &[
    Target { name: "x86_64-unknown-none", align: 1, instructions: X86_64 },
    Target { name: "aarch64-unknown-none", align: 4, instructions: ARM_TLBI },
    Target { name: "aarch64-unknown-none", align: 4, instructions: ARM_BARRIERS },
    Target { name: "riscv64gc-unknown-none-elf", align: 2, instructions: RISCV },
    Target { name: "loongarch64-unknown-none", align: 4, instructions: LOONGARCH },
];

/// Compiles for every target that a compiler here can compile for, and looks for the instructions.
pub fn check(root: &Path) -> Vec<(&'static str, Outcome)> {
    let mut compiled: Vec<(&str, Result<Vec<u8>, Outcome>)> = Vec::new();
    let mut outcomes = Vec::new();
    for target in TARGETS {
        if compiled.last().is_none_or(|(name, _)| *name != target.name) {
            compiled.push((target.name, compile(root, target.name)));
        }
        let outcome = match compiled.last_mut() {
            Some((_, Ok(object))) => look(object, target),
            Some((_, Err(Outcome::NotRun(why)))) => Outcome::NotRun(why.clone()),
            Some((_, Err(Outcome::Failed(why)))) => Outcome::Failed(why.clone()),
            _ => continue,
        };
        outcomes.push((target.name, outcome));
    }
    outcomes
}

/// Whether all instructions of `target` are in `object`.
fn look(object: &[u8], target: &Target) -> Outcome {
    let words = || {
        object
            .windows(4)
            .step_by(target.align)
            .map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    let missing: Vec<_> = target
        .instructions
        .iter()
        .filter(|(_, mask, value)| !words().any(|word| word & mask == *value))
        .map(|(name, ..)| *name)
        .collect();
    if missing.is_empty() {
        Outcome::Found(target.instructions.len())
    } else {
        Outcome::Failed(format!("not found: {}", missing.join(", ")))
    }
}

/// The object file of the runtime for `target`.
fn compile(root: &Path, target: &str) -> Result<Vec<u8>, Outcome> {
    let Some(mut command) = compiler(target) else {
        let why = "no compiler here has a core library for it, or its source (`rustup target add`, or `rust-src`)";
        return Err(Outcome::NotRun(why.to_string()));
    };
    let folder = root.join("target").join("targets");
    // What a cargo that runs this has set up for its own children is not meant for these.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO") && name != "CARGO_HOME") {
        command.env_remove(name);
    }
    command.current_dir(root).env("CARGO_TARGET_DIR", &folder).env_remove("RUSTUP_TOOLCHAIN");
    command.args(["rustc", "--release", "--lib", "-p", "ptgen", "--no-default-features", "--target", target]);
    let object = folder.join(target).join("ptgen.o");
    let _ = std::fs::create_dir_all(folder.join(target));
    command.args(["--", "-C", "codegen-units=1"]).arg(format!("--emit=obj={}", object.display()));
    let output = command.output().map_err(|error| Outcome::NotRun(error.to_string()))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let errors: Vec<_> = text.lines().filter(|line| line.starts_with("error")).collect();
        return Err(Outcome::Failed(errors.join("; ")));
    }
    std::fs::read(&object).map_err(|error| Outcome::Failed(format!("{}: {error}", object.display())))
}

/// A cargo that can compile for `target`: one whose compiler has the core library for it, or its source.
fn compiler(target: &str) -> Option<Command> {
    let found = |program: &str, rustc: &str| {
        let sysroot = Command::new(rustc).args(["--print", "sysroot"]).env_remove("RUSTUP_TOOLCHAIN").output().ok()?;
        let libraries = PathBuf::from(String::from_utf8(sysroot.stdout).ok()?.trim()).join("lib").join("rustlib");
        let mut command = Command::new(program);
        command.env("RUSTC", rustc);
        if libraries.join(target).join("lib").is_dir() {
            return Some(command);
        }
        if libraries.join("src/rust/library/core").exists() {
            // The core library is compiled as well, which a stable compiler does only if told to be lenient.
            command.env("RUSTC_BOOTSTRAP", "1").args(["-Zbuild-std=core"]);
            return Some(command);
        }
        None
    };
    found("cargo", "rustc").or_else(|| found("/usr/bin/cargo", "/usr/bin/rustc"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_is_found_only_where_one_can_be() {
        let target = Target { name: "x", align: 4, instructions: &[("tlbi vae1is", !0x1f, 0xd508_8320)] };
        let object = |skip: usize| [vec![0; skip], 0xd508_8325_u32.to_le_bytes().to_vec()].concat();
        assert!(!look(&object(4), &target).is_failure());
        assert!(look(&object(2), &target).is_failure());
        assert!(look(&0xd508_8365_u32.to_le_bytes(), &target).is_failure());
    }

    #[test]
    fn encodings_are_the_manuals() {
        // Arm ARM: TLBI VAE1IS, Xt is D508832t; TLBI ALLE1IS would be op1 4, CRm 3, op2 4.
        assert_eq!(tlbi(0, 3, 1).1, 0xd508_8320);
        assert_eq!(tlbi(4, 3, 4).1, 0xd50c_8380);
    }
}
