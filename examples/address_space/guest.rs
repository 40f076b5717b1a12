//! Part two: four levels in the memory of a guest, and what its processor finds there.

use std::error::Error;

use ptgen::{
    Access, Arena, Attributes as _, Context, Frames, Leaves, Memory, NoTlb, Protect, Tlb, Unmap, VaRange, pagetable,
};
use ptgen_machines::{Image, Machine, Outcome, Probe, X86_64Mmu, available};

use crate::print::print;

/// The tables of a guest. Its processor may lack leaves of 1 GiB, so none are made.
#[pagetable(format = "x86_64_4level", features(gigabyte_pages = off))]
pub mod tables {}

use tables::{Attributes, Change, PageTable};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const PAGE: u64 = 4 * KIB;

/// Where the guest's pages appear. In the lower half: some hosts cannot give their guests the upper one.
const PAGES: u64 = 0x7e00_0000_0000;
const USER_PAGES: u64 = 0x5500_0000_0000;
const BYTES: u64 = 24 * MIB;

/// The machine that is asked.
const MACHINE: &str = "KVM x86-64";

/// Builds tables, has them walked, and prints on how many addresses the machine agreed.
pub fn tour() -> Result<(), Box<dyn Error>> {
    println!("\nFour levels, judged by a processor that walks them\n");
    let found = available();
    let Some(machine) = found.machines.iter().find(|machine| machine.name() == MACHINE) else {
        let missing = found.missing.iter().find(|missing| missing.name == MACHINE);
        println!(
            "  not run: {}",
            missing.map_or_else(|| format!("no machine is called {MACHINE}"), ToString::to_string)
        );
        return Ok(());
    };
    judge(machine.as_ref())
}

fn judge(machine: &dyn Machine) -> Result<(), Box<dyn Error>> {
    // The lowest 4 MiB of the guest's memory are for tables; pages are above.
    let start = machine.memory().start;
    let pages = start + 16 * MIB;
    let mut words = vec![0_u64; (4 * MIB / 8) as usize];
    let arena = Arena::new(start, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut table = PageTable::new(&mut cx)?;
    build(&mut table, &mut cx, machine, pages)?;
    print(&table, &cx);

    let mut image = machine.new_image()?;
    copy(&arena, start, 4 * MIB, &image);
    for oa in (pages..pages + 2 * BYTES).step_by(PAGE as usize) {
        image.tag(oa);
    }
    let probes = probes(machine);
    let outcomes = machine.probe(&mut image, &X86_64Mmu::four_levels(table.root().get()).into(), &probes)?;
    report(&table, &cx, machine, &probes, &outcomes)
}

/// A data area and an area for users with holes, read-only parts and text.
fn build<M: Memory, A: Frames, T: Tlb>(
    table: &mut PageTable,
    cx: &mut Context<M, A, T>,
    machine: &dyn Machine,
    pages: u64,
) -> Result<(), ptgen::Error> {
    table.map(cx, VaRange::new(PAGES, BYTES), pages, &Attributes::kernel_data(), Leaves::Largest)?.flush(cx);
    let users = pages + BYTES;
    table.map(cx, VaRange::new(USER_PAGES, BYTES), users, &Attributes::user_data(), Leaves::Largest)?.flush(cx);

    let read_only = Change::new().write(false);
    table.protect(cx, VaRange::new(PAGES + 3 * MIB, 40 * KIB), &read_only, Protect::mapped())?.flush(cx);
    let text = Change::new().write(false).execute(true);
    table.protect(cx, VaRange::new(USER_PAGES + 8 * MIB, 4 * MIB), &text, Protect::mapped())?.flush(cx);
    for hole in [PAGES + 5 * MIB + 12 * KIB, USER_PAGES + 2 * MIB, USER_PAGES + 17 * MIB] {
        table.unmap(cx, VaRange::new(hole, 68 * KIB), Unmap::mapped())?.flush(cx);
    }
    for program in machine.reserved() {
        // The program that tries the addresses runs under these tables, too.
        let attributes = Attributes::kernel_data()
            .with_write(program.rights.write())
            .with_execute(program.rights.fetch())
            .with_user(program.rights.user());
        table.map(cx, VaRange::new(program.va, program.bytes), program.oa, &attributes, Leaves::Largest)?.flush(cx);
    }
    Ok(())
}

/// Every page of both areas and some beside them, read, written and fetched from, by the supervisor and by a user.
fn probes(machine: &dyn Machine) -> Vec<Probe> {
    let mut probes = Vec::new();
    for start in [PAGES - 2 * MIB, USER_PAGES - 2 * MIB] {
        for va in (start..start + BYTES + 4 * MIB).step_by(PAGE as usize) {
            for access in ptgen_machines::Access::ALL {
                probes.extend([Probe::supervisor(va, access), Probe::user(va, access)]);
            }
        }
    }
    probes.retain(|probe| machine.answers(probe));
    probes
}

/// Copies the tables into the guest's memory.
fn copy(arena: &Arena<'_, u64>, start: u64, bytes: u64, image: &Image) {
    for address in (start..start + bytes).step_by(8) {
        if let Some(word) = arena.read(address).filter(|&word| word != 0) {
            image.write_u64(address, word);
        }
    }
}

/// Compares what the machine found with what the tables say.
fn report<M: Memory>(
    table: &PageTable,
    memory: &M,
    machine: &dyn Machine,
    probes: &[Probe],
    outcomes: &[Outcome],
) -> Result<(), Box<dyn Error>> {
    let mut wrong = 0;
    let mut reached = 0;
    for (probe, outcome) in probes.iter().zip(outcomes) {
        let access = match probe.access {
            ptgen_machines::Access::Read => Access::Read,
            ptgen_machines::Access::Write => Access::Write,
            ptgen_machines::Access::Fetch => Access::Execute,
        };
        let expected = table.lookup(memory, probe.va).ok().filter(|leaf| leaf.attributes().permits(access, probe.user));
        let agrees = match (expected, outcome) {
            (Some(leaf), Outcome::Reached(oa)) => *oa == (leaf.oa + (probe.va - leaf.va.get())).get(),
            (None, Outcome::Fault(_)) => true,
            _ => false,
        };
        reached += usize::from(expected.is_some());
        if !agrees {
            wrong += 1;
            println!("  {:#x}, {:?}, user {}: the machine {outcome}", probe.va, probe.access, probe.user);
        }
    }
    let agreed = probes.len() - wrong;
    println!(
        "\n  {}: agreed on {agreed} of {} accesses ({reached} allowed, the rest refused)",
        machine.name(),
        probes.len()
    );
    if wrong == 0 { Ok(()) } else { Err(format!("{wrong} disagreements").into()) }
}
