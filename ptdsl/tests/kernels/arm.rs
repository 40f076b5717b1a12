//! Arm of 64 and of 32 bits, against `gva2gpa`, which translates one address to a page: the first page of every leaf and the
//! last, and every hole.

use ptgen_kernels::{Architecture, Stopped};

use crate::kernel;
use crate::one_by_one::{PAGE, agree};
use crate::walked::walk;

/// TCR_EL1.DS: addresses of 52 bits.
const DS: u64 = 1 << 59;
/// TTBCR.EAE: long descriptors.
const EAE: u64 = 1 << 31;
/// SCTLR.TRE: the memory type is in other bits.
const TRE: u64 = 1 << 28;

#[test]
fn aarch64_of_48_bits() {
    aarch64("cortex-a57", "aarch64_stage1_4k", 48);
}

#[test]
fn aarch64_of_52_bits() {
    aarch64("max", "aarch64_stage1_4k_lpa2", 52);
}

/// Tables of both roots, of which the kernel has the upper one.
fn aarch64(processor: &str, format: &str, bits: u64) {
    let Some(kernel) = kernel(Architecture::Arm64) else { return };
    let mut machine = kernel.boot(processor, "").expect("the kernel boots");
    let tcr = machine.register("TCR_EL1").expect("TCR_EL1 is known");
    assert_eq!((64 - (tcr >> 16 & 0x3f), tcr & DS != 0), (bits, bits > 48), "TCR_EL1 is {tcr:#x} on {processor}");
    let (low, high) = (format!("low_bits={bits}"), format!("high_bits={bits}"));
    let users =
        compare(&mut machine, "TTBR0_EL1", format, &["--range", "low", "--parameters", &low], (0, (1 << bits) - 1));
    assert_eq!(users.leaves, 0, "nothing of users is mapped while no process runs");
    let own = ["--range", "high", "--parameters", &high];
    let own = compare(&mut machine, "TTBR1_EL1", format, &own, (u64::MAX << bits, u64::MAX));
    assert!(own.leaves > 10_000, "only {} leaves", own.leaves);
    println!("Linux {} on {processor}: {} addresses, all alike", kernel.version(), users.asked + own.asked);
}

#[test]
fn arm_of_long_descriptors() {
    arm(Architecture::ArmhfLpae, "arm_lpae", "");
}

#[test]
fn arm_of_short_descriptors() {
    arm(Architecture::Armhf, "armv7_short", "type_remap=on");
}

/// Tables of TTBR0, which translates everything.
fn arm(architecture: Architecture, format: &str, features: &str) {
    let Some(kernel) = kernel(architecture) else { return };
    let mut machine = kernel.boot("cortex-a15", "").expect("the kernel boots");
    let ttbcr = machine.register("TTBCR").expect("TTBCR is known");
    let sctlr = machine.register("SCTLR").expect("SCTLR is known");
    let long = architecture == Architecture::ArmhfLpae;
    assert_eq!((ttbcr & EAE != 0, ttbcr & 0x7_0007), (long, 0), "TTBCR is {ttbcr:#x}");
    assert!(sctlr & TRE != 0, "SCTLR is {sctlr:#x}");
    let more = ["--range", "low", "--parameters", "low_bits=32", "--features", features];
    let more = if features.is_empty() { &more[..4] } else { &more[..] };
    let own = compare(&mut machine, "TTBR0", format, more, (0, u32::MAX.into()));
    assert!(own.leaves > 3000, "only {} leaves", own.leaves);
    println!("Linux {}, {format}: {} addresses, all alike", kernel.version(), own.asked);
}

/// What was compared.
struct Compared {
    leaves: u64,
    asked: usize,
}

/// What the walk finds below the root in a register is what the machine translates between the limits; what it does not
/// find, the machine does not translate.
fn compare(machine: &mut Stopped, register: &str, format: &str, more: &[&str], limits: (u64, u64)) -> Compared {
    let root = machine.register(register).expect("root registers are known");
    let memory = machine.memory().expect("the memory is saved");
    let (stretches, leaves) = walk(&memory, format, root, more);
    let large = stretches.iter().any(|one| one.leaf_bytes > PAGE);
    assert!(large || leaves == 0, "no leaf larger than a page");
    Compared { leaves, asked: agree(machine, &stretches, limits, |_| true) }
}
