//! Hand-written RISC-V tables: the machine must say of them what the privileged architecture says ("Supervisor-Level
//! ISA", "Svnapot", "Svpbmt").

mod common;

use std::time::Instant;

use common::{Case, Expect, Random, Tables, check};
use ptgen_machines::{
    Access, FaultKind, Features, Image, Machine, MachineError, Mmu, Outcome, Probe, RiscVFeatures, RiscVMmu, RiscVMode,
    machines_for_tests, names,
};

const V: u64 = 1 << 0;
const R: u64 = 1 << 1;
const W: u64 = 1 << 2;
const X: u64 = 1 << 3;
const U: u64 = 1 << 4;
const A: u64 = 1 << 6;
const D: u64 = 1 << 7;
const NON_CACHEABLE: u64 = 1 << 61;
const N: u64 = 1 << 63;

const PAGE: u64 = 0x1000;
const GIB: u64 = 0x4000_0000;
/// Where the pages of the tests are, in the lower half for any number of levels.
const BASE: u64 = 0x12_0000_0000;

const FAULT: Expect = Expect::Fault(FaultKind::Page);

const MODES: [(RiscVMode, u32); 3] = [(RiscVMode::Sv39, 3), (RiscVMode::Sv48, 4), (RiscVMode::Sv57, 5)];

fn riscv(machine: &dyn Machine) -> &RiscVFeatures {
    match machine.features() {
        Features::RiscV(features) => features,
        other => panic!("{other:?}"),
    }
}

fn tables<'a>(machine: &dyn Machine, image: &'a Image, levels: u32) -> Tables<'a> {
    let root = machine.memory().start;
    Tables {
        image,
        root,
        levels,
        va_bits: 12 + 9 * levels,
        free: root + PAGE,
        pointer: |table| entry(table) | V,
        target: |word| (word & 0x003f_ffff_ffff_fc00) << 2,
        is_pointer: |word| word & (V | R | W | X) == V,
    }
}

/// The page number of an entry.
fn entry(oa: u64) -> u64 {
    oa >> 12 << 10
}

fn each(test: impl Fn(&dyn Machine, RiscVMode, u32)) {
    for machine in machines_for_tests(&[names::QEMU_RISC_V]) {
        let features = riscv(machine.as_ref());
        println!("{}: {features:?}", machine.name());
        assert!(machine.reserved().is_empty());
        for (mode, levels) in MODES {
            if match mode {
                RiscVMode::Sv32 => features.sv32,
                RiscVMode::Sv39 => true,
                RiscVMode::Sv48 => features.sv48,
                RiscVMode::Sv57 => features.sv57,
            } {
                test(machine.as_ref(), mode, levels);
            } else {
                println!("NOT RUN: {}: it has no {mode:?}", machine.name());
            }
        }
    }
}

#[test]
fn rights_of_pages() {
    each(|machine, mode, levels| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let mut cases = Vec::new();
        // With SUM the supervisor reads and writes user pages, but never fetches from them.
        let pages = [
            ("supervisor read-write", R | W, "rw- ---"),
            ("supervisor read-only", R, "r-- ---"),
            ("supervisor text", R | X, "r-x ---"),
            ("supervisor execute-only", X, "--x ---"),
            ("supervisor all", R | W | X, "rwx ---"),
            ("user read-write", U | R | W, "rw- rw-"),
            ("user read-only", U | R, "r-- r--"),
            ("user text", U | R | X, "r-- r-x"),
            ("user execute-only", U | X, "--- --x"),
            ("user all", U | R | W | X, "rw- rwx"),
            ("write without read", W, "--- ---"),
            ("write and execute without read", W | X, "--- ---"),
        ];
        for (index, (what, bits, rights)) in (0..).zip(pages) {
            let (va, oa) = (BASE + index * PAGE, tables.page());
            tables.set(va, 0, entry(oa) | V | A | D | bits);
            cases.push(Case::rights(what, va, oa, rights, FAULT));
            cases.push(Case::rights(what, va + 0x678, oa + 0x678, rights, FAULT));
        }
        let hole = BASE + 0x20 * PAGE;
        cases.push(Case::all("hole", hole, FAULT));
        tables.set(hole + PAGE, 0, entry(tables.free) | R | W | X | A | D);
        cases.push(Case::all("not valid, other bits set", hole + PAGE, FAULT));
        cases.push(Case::all("no table", BASE + 8 * GIB, FAULT));
        tables.set(hole + 2 * PAGE, 0, entry(tables.free) | V);
        cases.push(Case::all("a table where only pages can be", hole + 2 * PAGE, FAULT));
        let root = tables.root;
        check(machine, &mut image, &RiscVMmu::new(root, mode).into(), &cases);
        let text = BASE + 3 * PAGE;
        let readable = RiscVMmu { executable_readable: true, ..RiscVMmu::new(root, mode) };
        let oa = cases[6].expect[2];
        let case = Case { what: "MXR", va: text, expect: [oa, FAULT, oa, FAULT, FAULT, FAULT] };
        check(machine, &mut image, &readable.into(), &[case]);
        let closed = RiscVMmu { supervisor_user_memory: false, ..RiscVMmu::new(root, mode) };
        let oa = cases[18].expect[0];
        let case = Case { what: "no SUM", va: BASE + 9 * PAGE, expect: [FAULT, FAULT, FAULT, oa, oa, oa] };
        check(machine, &mut image, &closed.into(), &[case]);
    });
}

#[test]
fn large_pages() {
    each(|machine, mode, levels| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let mut cases = Vec::new();
        for level in 1..levels {
            let bytes = 1_u64 << (12 + 9 * level);
            // A part of the lower half of its own, with room for as many slots as are needed.
            let part = match level + 1 == levels {
                true => 0,
                false => (1 << (11 + 9 * levels)) - u64::from(level + 1) * (1 << (3 + 9 * levels)),
            };
            let va = part;
            let end = machine.memory().end;
            // Larger than the memory, it begins at zero and contains the memory.
            let oa = end.saturating_sub(2 * bytes) & !(bytes - 1);
            tables.set(va, level, entry(oa) | V | R | W | A | D | U);
            for at in [0, 0x7_0000, 0x1f_f000] {
                let frame = end - 0x20_0000 + at;
                let va = va + (frame & (bytes - 1));
                // What this page has at that offset, if it is memory.
                let oa = oa | frame & (bytes - 1);
                if image.contains(oa, PAGE) {
                    image.tag(oa);
                    cases.push(Case::rights("large", va, oa, "rw- rw-", FAULT));
                }
            }
            for bit in 10..10 + 9 * level {
                let va = part + bytes * u64::from(bit);
                tables.set(va, level, entry(oa) | V | R | W | A | D | U | 1 << bit);
                cases.push(Case::all("misaligned", va, FAULT));
            }
        }
        assert!(cases.iter().filter(|case| case.what == "large").count() >= 6);
        let root = tables.root;
        check(machine, &mut image, &RiscVMmu::new(root, mode).into(), &cases);
    });
}

#[test]
fn reserved_bits_and_vas_that_are_not_canonical() {
    each(|machine, mode, levels| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let page = tables.page();
        let mut cases = Vec::new();
        let leaf = entry(page) | V | R | W | X | A | D | U;
        let mut plain = Vec::new();
        for bit in 54..64 {
            let va = BASE + bit * PAGE;
            tables.set(va, 0, leaf | 1 << bit);
            plain.push(Case::all("reserved bit", va, FAULT));
            if bit < 61 && riscv(machine).checks_reserved {
                cases.push(Case::all("reserved bit", va, FAULT));
            }
        }
        tables.set(BASE, 0, leaf | 3 << 61);
        if riscv(machine).checks_reserved {
            cases.push(Case::all("reserved memory type", BASE, FAULT));
        } else {
            println!("NOT RUN: reserved bits beside runs, which {} does not check", machine.name());
        }
        for (index, bit) in (1..).zip([4, 6, 7, 61, 62, 63]) {
            let va = BASE + index * GIB;
            tables.set(va, 0, leaf);
            let slot = tables.slot(va, 1);
            image.write_u64(slot, image.read_u64(slot) | 1 << bit);
            cases.push(Case::all("bit that a table must not have", va, FAULT));
        }
        let edge = 1_u64 << (9 * levels + 11);
        for va in [edge, edge.wrapping_neg() - PAGE, 1 << 63] {
            cases.push(Case::all("not canonical", va, FAULT));
        }
        let highest = 0_u64.wrapping_sub(PAGE);
        tables.set(highest, 0, leaf);
        cases.push(Case::rights("highest page", highest, page, "rw- rwx", FAULT));
        let lowest = edge.wrapping_neg();
        tables.set(lowest, 0, leaf & !U);
        cases.push(Case::rights("first of the upper half", lowest, page, "rwx ---", FAULT));
        let root = tables.root;
        let without = RiscVMmu { runs: false, memory_types: false, ..RiscVMmu::new(root, mode) };
        check(machine, &mut image, &without.into(), &plain);
        check(machine, &mut image, &RiscVMmu::new(root, mode).into(), &cases);
    });
}

#[test]
fn runs_and_memory_types() {
    each(|machine, mode, levels| {
        let features = riscv(machine);
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let mut cases = Vec::new();
        let leaf = V | R | W | A | D;
        let run = (tables.free + 0xffff) & !0xffff;
        tables.free = run + 0x1_0000;
        for index in 0..16 {
            image.tag(run + index * PAGE);
            tables.set(BASE + index * PAGE, 0, entry(run) | leaf | N | 8 << 10);
            let (va, oa) = (BASE + index * PAGE, run + index * PAGE);
            cases.push(match features.svnapot {
                true => Case::rights("run", va, oa, "rw- ---", FAULT),
                false => Case::all("run, which this hart has not", va, FAULT),
            });
        }
        for pattern in (0..16).filter(|it| *it != 8) {
            let va = BASE + 0x10_0000 + pattern * PAGE;
            tables.set(va, 0, entry(run) | leaf | N | pattern << 10);
            cases.push(Case::all("no such run", va, FAULT));
        }
        let typed = BASE + 0x12_0000;
        tables.set(typed, 0, entry(run) | leaf | NON_CACHEABLE);
        tables.set(typed + PAGE, 0, entry(run) | leaf | NON_CACHEABLE << 1);
        let root = tables.root;
        for (index, what) in [(0, "non-cacheable"), (1, "input and output")] {
            let va = typed + index * PAGE;
            cases.push(match features.svpbmt {
                true => Case::rights(what, va, run, "rw- ---", FAULT),
                false => Case::all(what, va, FAULT),
            });
        }
        let mut mmu = RiscVMmu::new(root, mode);
        mmu.memory_types = features.svpbmt;
        mmu.runs = features.svnapot;
        check(machine, &mut image, &mmu.clone().into(), &cases);
        mmu.memory_types = false;
        mmu.runs = false;
        check(machine, &mut image, &mmu.into(), &[Case::all("memory types are off", typed, FAULT)]);
    });
}

#[test]
fn accessed_and_dirty_bits() {
    each(|machine, mode, levels| {
        let features = riscv(machine);
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let page = tables.page();
        let slots: [u64; 4] = std::array::from_fn(|index| tables.slot(BASE + index as u64 * PAGE, 0));
        let parent = tables.slot(BASE, 1);
        let (root, before) = (tables.root, image.read_u64(parent));
        let fill = |image: &Image| slots.map(|slot| image.write_u64(slot, entry(page) | V | R | W));
        let probes = [
            Probe::supervisor(BASE, Access::Read),
            Probe::supervisor(BASE + PAGE, Access::Write),
            Probe::supervisor(BASE + 2 * PAGE, Access::Fetch),
        ];
        let reached = Outcome::Reached(page);
        let mut run = |hardware: bool| {
            fill(&image);
            let mmu = RiscVMmu { hardware_accessed_dirty: hardware, ..RiscVMmu::new(root, mode) };
            let outcomes = machine.probe(&mut image, &mmu.into(), &probes).unwrap();
            assert_eq!(outcomes[2].fault(), Some(FaultKind::Page));
            assert_eq!(image.read_u64(parent), before, "a table has no such bits");
            (outcomes, slots.map(|slot| image.read_u64(slot) & (A | D)))
        };
        assert!(features.svadu || features.svade);
        if features.svadu {
            let (outcomes, bits) = run(true);
            assert_eq!(outcomes[..2], [reached, reached]);
            assert_eq!(bits, [A, A | D, 0, 0]);
        }
        if features.svade {
            let (outcomes, bits) = run(false);
            assert_eq!(outcomes[0].fault(), Some(FaultKind::Page));
            assert_eq!(outcomes[1].fault(), Some(FaultKind::Page));
            assert_eq!(bits, [0; 4]);
        }
    });
}

#[test]
fn places_without_tag_or_memory() {
    each(|machine, mode, levels| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let blank = tables.frame();
        let leaf = V | R | W | X | A | D;
        tables.set(BASE, 0, entry(blank) | leaf);
        tables.set(BASE + PAGE, 0, entry(1 << 55) | leaf);
        let root = tables.root;
        let (untagged, nothing) = (Expect::Untagged, Expect::Fault(FaultKind::NoMemory));
        let cases = [
            Case { what: "blank", va: BASE, expect: [untagged, untagged, untagged, FAULT, FAULT, FAULT] },
            Case { what: "far away", va: BASE + PAGE, expect: [nothing, nothing, nothing, FAULT, FAULT, FAULT] },
        ];
        check(machine, &mut image, &RiscVMmu::new(root, mode).into(), &cases);
    });
}

#[test]
fn what_cannot_work_is_an_error() {
    each(|machine, mode, _| {
        let mut image = machine.new_image().unwrap();
        let mmu: Mmu = RiscVMmu::new(machine.memory().start, mode).into();
        let mut small = Image::new(0x8000_0000, 1 << 20).unwrap();
        assert!(matches!(machine.probe(&mut small, &mmu, &[]), Err(MachineError::WrongImage(_))));
        let other: Mmu = ptgen_machines::X86_64Mmu::four_levels(0).into();
        assert!(matches!(machine.probe(&mut image, &other, &[]), Err(MachineError::Unsupported(_))));
    });
}

#[test]
fn forty_thousand_probes() {
    each(|machine, mode, levels| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let mut random = Random(0x1234_5678_9abc_def1);
        let mut pages = Vec::new();
        for index in 0..4096 {
            let oa = (random.below(3) != 0).then(|| tables.page());
            if let Some(oa) = oa {
                tables.set(BASE + index * PAGE, 0, entry(oa) | V | R | W | X | A | D);
            }
            pages.push(oa);
        }
        let root = tables.root;
        let mut probes = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..40_000 {
            let index = random.below(4096);
            let offset = random.below(PAGE);
            let user = random.below(4) == 1;
            let access = Access::ALL[random.below(3) as usize];
            probes.push(Probe { va: BASE + index * PAGE + offset, access, user });
            expected.push(pages[index as usize].filter(|_| !user).map(|oa| oa + offset));
        }
        let started = Instant::now();
        let outcomes = machine.probe(&mut image, &RiscVMmu::new(root, mode).into(), &probes).unwrap();
        println!("{}, {mode:?}: 40,000 probes in {:?}", machine.name(), started.elapsed());
        for ((probe, outcome), expected) in probes.iter().zip(outcomes).zip(expected) {
            match expected {
                Some(oa) => assert_eq!(outcome, Outcome::Reached(oa), "{probe:x?}"),
                None => assert_eq!(outcome.fault(), Some(FaultKind::Page), "{probe:x?}"),
            }
        }
    });
}
