//! AArch64 with 48 bits and with 52 (LPA2), against `gva2gpa`, which translates one address to a page: the first page of
//! every leaf and the last, and every hole.

use ptgen_kernels::{Architecture, Kernel, Stopped};

use crate::kernel;
use crate::walked::{Stretch, walk};

/// TCR_EL1.DS: addresses of 52 bits.
const DS: u64 = 1 << 59;
/// What the monitor's answers are multiples of.
const PAGE: u64 = 4096;

#[test]
fn of_48_bits() {
    let Some(kernel) = kernel(Architecture::Arm64) else { return };
    compare(&kernel, "cortex-a57", "aarch64_stage1_4k", 48);
}

#[test]
fn of_52_bits() {
    let Some(kernel) = kernel(Architecture::Arm64) else { return };
    compare(&kernel, "max", "aarch64_stage1_4k_lpa2", 52);
}

/// What the walk finds is what the machine translates; what it does not find, the machine does not translate.
fn compare(kernel: &Kernel, processor: &str, format: &str, bits: u64) {
    let mut machine = kernel.boot(processor, "").expect("the kernel boots");
    let tcr = machine.register("TCR_EL1").expect("TCR_EL1 is known");
    assert_eq!((64 - (tcr >> 16 & 0x3f), tcr & DS != 0), (bits, bits > 48), "TCR_EL1 is {tcr:#x} on {processor}");
    let memory = machine.memory().expect("the memory is saved");
    let mut asked = 0;
    for (range, register) in [("low", "TTBR0_EL1"), ("high", "TTBR1_EL1")] {
        let root = machine.register(register).expect("root registers are known");
        let width = format!("{range}_bits={bits}");
        let (stretches, leaves) = walk(&memory, format, root, &["--range", range, "--parameters", &width]);
        // Nothing of users is mapped while no process runs.
        assert_eq!(leaves > 1000, range == "high", "{leaves} leaves below {register}");
        asked += agree(&mut machine, &stretches, limits(range, bits));
        if range == "high" {
            assert!(stretches.iter().any(|one| one.leaf_bytes > 4096), "no leaf larger than 4 KiB");
        }
    }
    println!("Linux {} on {processor}: {asked} addresses, all alike", kernel.version());
}

/// The first and last address of a range.
fn limits(range: &str, bits: u64) -> (u64, u64) {
    if range == "low" { (0, (1 << bits) - 1) } else { (u64::MAX << bits, u64::MAX) }
}

/// Asks the machine about the ends of every leaf and about holes; gives the number of addresses.
fn agree(machine: &mut Stopped, stretches: &[Stretch], limits: (u64, u64)) -> usize {
    let mut expected: Vec<(u64, Option<u64>)> = Vec::new();
    for stretch in stretches {
        for (va, oa) in stretch.leaves() {
            let last = stretch.leaf_bytes - PAGE;
            expected.push((va, Some(oa)));
            expected.extend((last > 0).then(|| (va + last, Some(oa + last))));
        }
    }
    for hole in holes(stretches, limits) {
        let quarter = (hole.1 - hole.0) / 4;
        expected.extend([hole.0, hole.0 + quarter, hole.0 + 2 * quarter, hole.1].map(|va| (va, None)));
    }
    let addresses: Vec<u64> = expected.iter().map(|(va, _)| *va).collect();
    let found = machine.physical(&addresses).expect("the machine translates");
    // The monitor gives the page's address.
    let page = |address: Option<u64>| address.map(|address| address & !0xfff);
    let differences: Vec<_> = expected
        .iter()
        .zip(&found)
        .filter(|((_, expected), found)| page(*expected) != page(**found))
        .take(10)
        .collect();
    assert!(differences.is_empty(), "an address, what the walk found, and the machine: {differences:x?}");
    expected.len()
}

/// The first and last address of each stretch that nothing translates.
fn holes(stretches: &[Stretch], limits: (u64, u64)) -> Vec<(u64, u64)> {
    let mut holes = Vec::new();
    let mut next = Some(limits.0);
    for stretch in stretches {
        if next.is_some_and(|next| next < stretch.va) {
            holes.push((next.unwrap_or_default(), stretch.va - 1));
        }
        next = stretch.last().checked_add(1);
    }
    holes.extend(next.filter(|next| *next <= limits.1).map(|next| (next, limits.1)));
    holes
}
