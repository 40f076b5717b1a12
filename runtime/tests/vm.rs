//! Tables in a guest's memory that the package `vm-memory` keeps.

#![allow(unsafe_code, reason = "tables of a guest stand where it says")]

mod support;

use ptgen::{
    Arena, Bump, Context, Error, Fault, FaultKind, Flow, Leaves, Memory, MemoryError, MemoryReason, NoFrames, NoTlb,
    Oa, Protect, Tree, Unmap, Visit, VmMemory,
};
use support::four_level::{Attributes, Change, Format};
use support::odd;
use support::random::Random;
use vm_memory::bitmap::{AtomicBitmap, Bitmap};
use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion};

const MIB: usize = 1 << 20;

/// Two regions with a hole between them, the second of which starts right behind a third.
fn guest() -> GuestMemoryMmap<AtomicBitmap> {
    let regions = [(GuestAddress(0), MIB), (GuestAddress(2 << 20), MIB), (GuestAddress(3 << 20), MIB)];
    GuestMemoryMmap::from_ranges(&regions).expect("memory for the guest")
}

fn write(guest: &GuestMemoryMmap<AtomicBitmap>, address: u64, word: u64) {
    guest.write_obj(word, GuestAddress(address)).expect("an address of the guest's");
}

/// The tree whose root is at `root`, only to be read.
fn tree_at(root: u64) -> Tree<Format> {
    // SAFETY: the memory that it is used with checks every address, and the tables are only read.
    unsafe { Tree::from_root(Format {}, Oa::new(root)) }
}

/// Tables written by the guest, with plain stores of its own.
#[test]
fn a_guests_tables_are_walked() {
    let guest = guest();
    let (root, pdpt, pd, pt) = (0x1000, 0x20_0000, 0x3000, 0x3f_f000);
    write(&guest, root + 8, pdpt | 7);
    write(&guest, pdpt, pd | 7);
    write(&guest, pdpt + 8, 0x4000_0000 | 0x83);
    write(&guest, pd + 8 * 5, pt | 7);
    write(&guest, pt + 8 * 511, 0x1234_5000 | 3);
    let memory = VmMemory::to_read(&guest, 64);
    let (tree, base) = (tree_at(root), 1_u64 << 39);
    assert_eq!(tree.translate(&memory, base + (5 << 21) + 0x1f_f678), Ok(Oa::new(0x1234_5678)));
    assert_eq!(tree.translate(&memory, base + 0x7654_3210), Ok(Oa::new(0x7654_3210)));
    let absent = tree.translate(&memory, base + (5 << 21)).expect_err("nothing is there");
    assert_eq!(absent, Fault { kind: FaultKind::Absent, level: 0 });
    let mut leaves = Vec::new();
    let mut visitor = |visit: Visit<Format>| {
        if let Visit::Leaf(mapping) = visit {
            leaves.push((mapping.va.get(), mapping.oa.get()));
        }
        Flow::Continue
    };
    tree.walk(&memory, base..base + (2 << 30), &mut visitor).expect("all tables are there");
    assert_eq!(leaves, [(base + (5 << 21) + 0x1f_f000, 0x1234_5000), (base + (1 << 30), 0x4000_0000)]);
    // Reading marks nothing as written that the guest has not written.
    let region = guest.find_region(GuestAddress(0x5000)).expect("the first one");
    assert!(!region.bitmap().dirty_at(0x5000));
}

/// Tables that point outside, between the regions, or across the end of one.
#[test]
fn addresses_are_checked() {
    let guest = guest();
    let memory = VmMemory::to_read(&guest, 64);
    for outside in [0x10_0000, 0x1f_f000, 0x40_0000, 0x3fff_ffff_f000] {
        write(&guest, 0, outside | 7);
        let fault = tree_at(0).translate(&memory, 0_u64).expect_err("nothing is there");
        assert_eq!(fault, Fault { kind: FaultKind::Memory, level: 2 }, "{outside:#x}");
        let fault = tree_at(outside).translate(&memory, 0_u64).expect_err("nothing is there");
        assert_eq!(fault.kind, FaultKind::Memory);
    }
    let find = |address, count_lg2| {
        // SAFETY: the memory checks addresses.
        unsafe { memory.with::<u64, _>(Oa::new(address), count_lg2, |words| words.len()) }
    };
    let outside = |address| Err(MemoryError { address: Oa::new(address), reason: MemoryReason::Outside });
    memory.begin();
    assert_eq!(find(0xf_f000, 9), Ok(512));
    // Within one region, though the next one starts where it ends.
    for address in [0xf_f008, 0x2f_f008, 4, 0x1000_0000_0000_0000, !7, u64::MAX] {
        assert_eq!(find(address, 9), outside(address), "{address:#x}");
    }
    for count_lg2 in [40, 61, 63, 64, u32::MAX] {
        assert_eq!(find(0, count_lg2), outside(0), "{count_lg2}");
    }
}

/// A table that points to itself is looked at no more often than was said.
#[test]
fn a_walk_ends_whatever_the_tables_say() {
    let guest = guest();
    for slot in 0..512 {
        write(&guest, 8 * slot, 7);
    }
    let memory = VmMemory::to_read(&guest, 1000);
    let tree = tree_at(0);
    let mut seen = 0_usize;
    let ended = tree.walk(&memory, 0..1_u64 << 46, &mut |_: Visit<Format>| {
        seen += 1;
        Flow::Continue
    });
    assert_eq!(ended.expect_err("it would not end in time").kind, FaultKind::Memory);
    assert!(seen > 0);
    let few = VmMemory::to_read(&guest, 3);
    assert_eq!(tree.translate(&few, 0_u64), Err(Fault { kind: FaultKind::Memory, level: 0 }));
    // Each operation has the whole number.
    let four = VmMemory::to_read(&guest, 4);
    for _ in 0..3 {
        assert_eq!(tree.translate(&four, 0_u64), Ok(Oa::new(0)));
    }
}

/// Any words at all: nothing panics, nothing hangs.
#[test]
fn random_tables_do_no_harm() {
    let guest = guest();
    let mut found = 0;
    for seed in 0..10 {
        let mut random = Random::new(seed);
        for slot in 0..32 * 512 {
            let (near, any) = (random.below(40) << 12, random.next());
            let word = random.pick(&[near | 7, near | 7, near | 0x83, any, near | 0x1000_0000_0000_0007]);
            write(&guest, 8 * slot, word);
        }
        let memory = VmMemory::to_read(&guest, 500);
        let tree = tree_at(random.below(32) << 12);
        for _ in 0..300 {
            let va = random.below(1 << 47);
            let (oa, mapping) = (tree.translate(&memory, va), tree.lookup(&memory, va));
            assert_eq!(oa.is_ok(), mapping.is_ok());
            found += usize::from(oa.is_ok());
        }
        let _ = tree.walk(&memory, 0..1_u64 << 47, &mut |_: Visit<Format>| Flow::Continue);
    }
    assert!(found > 0, "no table led anywhere");
}

/// A monitor makes tables in the guest's memory; they are what they would be anywhere else, and marked as written.
#[test]
fn a_monitor_makes_tables_for_its_guest() {
    let guest = guest();
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(0x20_0000, &mut words);
    let memory = VmMemory::new(&guest, 1000);
    // SAFETY: the guest does not run yet; nobody else uses this part of its memory.
    let mut frames = unsafe { Bump::new(Oa::new(0x20_0000), 16 << 12) };
    let mut cx = Context::new(&memory, &mut frames, NoTlb);
    let mut other = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, Format {}).expect("a root");
    let mut twin = Tree::new(&mut other, Format {}).expect("a root");
    let (data, change) = (Attributes::default(), Change::write(true));
    tree.map(&mut cx, 0..0x40_3000_u64, 0, &data, Leaves::Largest).expect("room").flush(&mut cx);
    twin.map(&mut other, 0..0x40_3000_u64, 0, &data, Leaves::Largest).expect("room").flush(&mut other);
    tree.protect(&mut cx, 0x1000..0x2000_u64, &change, Protect::mapped()).expect("room").flush(&mut cx);
    twin.protect(&mut other, 0x1000..0x2000_u64, &change, Protect::mapped()).expect("room").flush(&mut other);
    tree.unmap(&mut cx, 0x40_1000..0x40_2000_u64, Unmap::mapped()).expect("mapped").flush(&mut cx);
    twin.unmap(&mut other, 0x40_1000..0x40_2000_u64, Unmap::mapped()).expect("mapped").flush(&mut other);
    assert_eq!((tree.root(), arena.frames()), (twin.root(), 5));
    let region = guest.find_region(GuestAddress(0x20_0000)).expect("the second one");
    for table in 0..5_u64 {
        for slot in 0..512 {
            let address = 0x20_0000 + table * 4096 + slot * 8;
            let word: u64 = guest.read_obj(GuestAddress(address)).expect("an address of the guest's");
            assert_eq!(Some(word), arena.read(address), "{address:#x}");
        }
        assert!(region.bitmap().dirty_at((table * 4096) as usize));
    }
    assert!(!region.bitmap().dirty_at(5 * 4096));
    // Where there are no frames, nothing is changed.
    let mut without = cx.with_frames(NoFrames);
    let refused = tree.map(&mut without, 1 << 40..(1_u64 << 40) + 0x1000, 0, &data, Leaves::Largest).map(drop);
    assert_eq!(refused, Err(Error::OutOfFrames));
    assert_eq!(tree.translate(&memory, 0x1234_u64), Ok(Oa::new(0x1234)));
    twin.free(&mut other).expect("the arena has every table");
}

/// Words of 32 bits, highest byte first, in the same memory.
#[test]
fn words_may_be_of_any_width() {
    let guest = guest();
    let memory = VmMemory::new(&guest, 1000);
    // SAFETY: the guest does not run yet; nobody else uses this part of its memory.
    let mut frames = unsafe { Bump::new(Oa::new(0x8000), 8 << 12) };
    let mut cx = Context::new(&memory, &mut frames, NoTlb);
    let mut tree = Tree::new(&mut cx, odd::Format::default()).expect("a root");
    let data = odd::Attributes { write: true, dirty: true };
    tree.map(&mut cx, 0x1000..0x2000_u64, 0x7000, &data, Leaves::Exactly(12)).expect("room").flush(&mut cx);
    assert_eq!(tree.translate(&memory, 0x1234_u64), Ok(Oa::new(0x7234)));
    let mut word = [0; 4];
    guest.read_slice(&mut word, GuestAddress(0x8000)).expect("an address of the guest's");
    assert_eq!(word, [0x00, 0x00, 0x90, 0x01]);
}
