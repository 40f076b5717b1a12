//! RISC-V in its three modes, against `info mem`, which lists stretches with their rights.

use ptgen_kernels::{Architecture, Mapping, info_mem};

use crate::walked::{Stretch, walk};
use crate::{kernel, same};

#[test]
fn sv39() {
    compare("riscv_sv39", "no4lvl");
}

#[test]
fn sv48() {
    compare("riscv_sv48", "no5lvl");
}

#[test]
fn sv57() {
    compare("riscv_sv57", "");
}

/// Every stretch that the machine lists is walked, with the same addresses and rights; and no other.
fn compare(format: &str, words: &str) {
    let Some(kernel) = kernel(Architecture::Riscv64) else { return };
    let mut machine = kernel.boot("rv64", words).expect("the kernel boots");
    let satp = machine.register("satp").expect("satp is listed");
    let memory = machine.memory().expect("the memory is saved");

    let listed = machine.monitor("info mem").expect("the machine lists its translations");
    let listed = joined(info_mem(&listed).expect("the listing is read"));
    let (stretches, leaves) = walk(&memory, format, satp, &[]);
    let walked = joined(stretches.iter().map(mapping).collect());
    same(&walked, &listed);
    assert!(leaves > 500, "only {leaves} leaves");
    assert!(stretches.iter().any(|one| one.leaf_bytes == 2 << 20), "no leaf of 2 MiB");
    println!("Linux {}, {format}: {} stretches of {leaves} leaves, all alike", kernel.version(), listed.len());
}

/// The line of the emulator's listing for leaves that follow each other.
fn mapping(stretch: &Stretch) -> Mapping {
    let letters = [
        ('r', "read"),
        ('w', "write"),
        ('x', "execute"),
        ('u', "user"),
        ('g', "global"),
        ('a', "accessed"),
        ('d', "dirty"),
    ];
    let flags = letters.iter().map(|(letter, name)| if stretch.is(name) { *letter } else { '-' }).collect();
    Mapping { va: stretch.va, pa: stretch.oa, bytes: stretch.bytes, flags }
}

/// Neighbours that say the same become one, whatever the size of their leaves.
fn joined(mut mappings: Vec<Mapping>) -> Vec<Mapping> {
    mappings.sort_unstable();
    let mut all: Vec<Mapping> = Vec::new();
    for next in mappings {
        match all.last_mut() {
            Some(last)
                if last.va + last.bytes == next.va && last.pa + last.bytes == next.pa && last.flags == next.flags =>
            {
                last.bytes += next.bytes;
            }
            _ => all.push(next),
        }
    }
    all
}
