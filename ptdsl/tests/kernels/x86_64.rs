//! x86-64 on four levels and on five, against `info tlb`, which lists every leaf with its bits.

use ptgen_kernels::{Architecture, Mapping, info_tlb};

use crate::walked::{Stretch, walk};
use crate::{kernel, same};

/// CR4.LA57: five levels.
const LA57: u64 = 1 << 12;

#[test]
fn four_levels() {
    compare("qemu64", "x86_64_4level", 4);
}

#[test]
fn five_levels() {
    compare("max", "x86_64_5level", 5);
}

/// Every leaf that the machine lists is walked, with the same address and the same bits; and no other.
fn compare(processor: &str, format: &str, levels: u32) {
    let Some(kernel) = kernel(Architecture::Amd64) else { return };
    let mut machine = kernel.boot(processor, "").expect("the kernel boots");
    let has_five = machine.register("CR4").expect("CR4 is listed") & LA57 != 0;
    assert_eq!(if has_five { 5 } else { 4 }, levels, "levels of Linux {} on {processor}", kernel.version());
    let cr3 = machine.register("CR3").expect("CR3 is listed");
    let memory = machine.memory().expect("the memory is saved");

    let listed = machine.monitor("info tlb").expect("the machine lists its translations");
    let mut listed = info_tlb(&listed).expect("the listing is read");
    let (stretches, leaves) = walk(&memory, format, cr3, &[]);
    let mut walked: Vec<Mapping> = stretches.iter().flat_map(mappings).collect();
    assert_eq!(walked.len() as u64, leaves);
    listed.sort_unstable();
    walked.sort_unstable();
    same(&walked, &listed);
    assert!(listed.len() > 10_000, "only {} translations", listed.len());
    assert!(stretches.iter().any(|one| one.leaf_bytes == 2 << 20), "no leaf of 2 MiB");
    println!("Linux {} on {processor}: {} leaves, all alike", kernel.version(), listed.len());
}

/// The lines of the emulator's listing for leaves that follow each other.
fn mappings(stretch: &Stretch) -> impl Iterator<Item = Mapping> {
    let flags = flags(stretch);
    stretch.leaves().map(move |(va, pa)| Mapping { va, pa, bytes: 0, flags: flags.clone() })
}

/// The letters of the emulator's listing. The kernel leaves the page attribute table as the usual choices have it, except
/// that it never uses the upper half.
fn flags(stretch: &Stretch) -> String {
    let (disable, through) = match stretch.attributes["memory_type"].as_str() {
        Some("write_back") => (false, false),
        Some("write_combining") => (false, true),
        Some("uncached_minus") => (true, false),
        Some("uncached") => (true, true),
        other => panic!("a memory type that Linux does not use: {other:?}"),
    };
    let letters = [
        ('X', !stretch.is("execute")),
        ('G', stretch.is("global")),
        ('P', stretch.leaf_bytes > 4096),
        ('D', stretch.is("dirty")),
        ('A', stretch.is("accessed")),
        ('C', disable),
        ('T', through),
        ('U', stretch.is("user")),
        ('W', stretch.is("write")),
    ];
    letters.iter().map(|(letter, holds)| if *holds { *letter } else { '-' }).collect()
}
