//! Part one: five levels, built and changed.

use ptgen::{
    Arena, Callback, Context, Error, FlushRequest, Frames, Leaves, Memory, Protect, Tlb, Unmap, VaRange, pagetable,
};

use crate::print::print;

/// The tables of a kernel on a processor with five levels.
#[pagetable(format = "x86_64_5level")]
pub mod tables {}

use tables::{Attributes, Change, MemoryType, PageTable};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// All of physical memory, 64 GiB of it.
const DIRECT_MAP: u64 = 0xff11_0000_0000_0000;
const MEMORY: u64 = 64 * GIB;

/// The kernel's image: code, constants, data.
const IMAGE: u64 = 0xffff_ffff_8000_0000;
const IMAGE_OA: u64 = 16 * MIB;
const TEXT: u64 = 12 * MIB;
const CONSTANTS: u64 = 4 * MIB;
const DATA: u64 = 2 * MIB + 60 * KIB;

/// Stacks of 16 KiB, each below a hole of 4 KiB.
const STACKS: u64 = 0xffa0_0000_0000_0000;
const STACKS_OA: u64 = 3 * GIB;
const STACK: u64 = 16 * KIB;
const GUARD: u64 = 4 * KIB;

/// The registers of a device.
const DEVICE: u64 = 0xffa0_8000_0000_0000;
const DEVICE_OA: u64 = 0xfe00_0000;

/// Builds an address space, changes it, and prints it before and after.
pub fn tour() -> Result<(), Error> {
    let mut words = vec![0_u64; 64 * 512]; // memory for tables: 64 frames, at 1 GiB
    let arena = Arena::new(GIB, &mut words);
    let mut flushes = 0;
    let mut cx = Context::new(&arena, &arena, Callback(|_: &FlushRequest| flushes += 1));

    let mut table = PageTable::new(&mut cx)?;
    build(&mut table, &mut cx)?;
    println!("A kernel's address space on five levels, in {} table frames\n", arena.frames());
    print(&table, &cx);

    change(&mut table, &mut cx)?;
    println!("\nAfter a few changes, in {} table frames\n", arena.frames());
    print(&table, &cx);
    println!("\n{flushes} flush requests");
    Ok(())
}

fn build<M: Memory, A: Frames, T: Tlb>(table: &mut PageTable, cx: &mut Context<M, A, T>) -> Result<(), Error> {
    let mut map = |va: u64, bytes: u64, oa: u64, attributes: Attributes| -> Result<(), Error> {
        table.map(cx, VaRange::new(va, bytes), oa, &attributes, Leaves::Largest)?.flush(cx);
        Ok(())
    };
    map(DIRECT_MAP, MEMORY, 0, Attributes::kernel_data())?;
    map(IMAGE, TEXT, IMAGE_OA, Attributes::kernel_text())?;
    map(IMAGE + TEXT, CONSTANTS, IMAGE_OA + TEXT, Attributes::kernel_rodata())?;
    map(IMAGE + TEXT + CONSTANTS, DATA, IMAGE_OA + TEXT + CONSTANTS, Attributes::kernel_data())?;
    for cpu in 0..4 {
        map(STACKS + cpu * (STACK + GUARD) + GUARD, STACK, STACKS_OA + cpu * STACK, Attributes::kernel_data())?;
    }
    map(DEVICE, 64 * KIB, DEVICE_OA, Attributes::kernel_data().with_memory_type(MemoryType::Uncached))
}

fn change<M: Memory, A: Frames, T: Tlb>(table: &mut PageTable, cx: &mut Context<M, A, T>) -> Result<(), Error> {
    println!("\n  · the image cannot be written through the direct map either");
    let read_only = Change::new().write(false);
    let alias = VaRange::new(DIRECT_MAP + IMAGE_OA, TEXT + CONSTANTS);
    table.protect(cx, alias, &read_only, Protect::mapped())?.flush(cx);

    println!("  · three pages of the direct map belong to a guest now: 1 GiB is split down to 4 KiB");
    let lent = VaRange::new(DIRECT_MAP + 5 * GIB + 7 * 4 * KIB, 3 * 4 * KIB);
    table.unmap(cx, lent, Unmap::mapped())?.flush(cx);

    println!("  · a frame buffer in the direct map becomes write-combining, all of its type bits at once");
    let combining = Change::new().memory_type(MemoryType::WriteCombining);
    table.protect(cx, VaRange::new(DIRECT_MAP + 8 * GIB, 16 * MIB), &combining, Protect::mapped())?.flush(cx);

    println!("  · the second processor goes away, and its stack with it");
    let second = STACKS + STACK + 2 * GUARD;
    table.unmap(cx, VaRange::new(second, STACK), Unmap::mapped())?.flush(cx);

    println!("  · the device is gone: its tables are given back");
    table.unmap(cx, VaRange::new(DEVICE, 64 * KIB), Unmap::mapped())?.flush(cx);

    match table.map(cx, VaRange::new(IMAGE, 2 * MIB), 0, &Attributes::kernel_data(), Leaves::Largest) {
        Err(error) => println!("  · mapping over the image is refused: {error}"),
        Ok(unflushed) => unflushed.flush(cx),
    }
    Ok(())
}
