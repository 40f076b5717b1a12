//! Hand-written AArch64 tables: the machine must say of them what the Arm Architecture Reference Manual says (DDI 0487,
//! D8 "The AArch64 Virtual Memory System Architecture").

mod common;

use std::time::Instant;

use common::{Case, Expect, Random, Tables, check};
use ptgen_machines::{
    AArch64Features, AArch64Mmu, AArch64Stage2Mmu, Access, FaultKind, Features, Granule, Half, Image, Machine,
    MachineError, Mmu, Outcome, Probe, machines_for_tests, names,
};

const VALID: u64 = 1 << 0;
const PAGE_OR_TABLE: u64 = VALID | 1 << 1;
const EL0: u64 = 1 << 6;
const READ_ONLY: u64 = 1 << 7;
const AF: u64 = 1 << 10;
const CONTIGUOUS: u64 = 1 << 52;
const PXN: u64 = 1 << 53;
const UXN: u64 = 1 << 54;
const PXN_TABLE: u64 = 1 << 59;
const UXN_TABLE: u64 = 1 << 60;
const NO_EL0_TABLE: u64 = 1 << 61;
const READ_ONLY_TABLE: u64 = 1 << 62;

const PAGE: u64 = 0x1000;
const GIB: u64 = 0x4000_0000;

/// Absent at the last level; the manual's numbers of levels end with 3.
const HOLE: Expect = Expect::FaultAt(FaultKind::NotPresent, 3);
const PERMISSION: Expect = Expect::FaultAt(FaultKind::Permission, 3);

/// A configuration to test: number of levels, and the first VA of its half.
struct Setup {
    mmu: AArch64Mmu,
    levels: u32,
    base: u64,
}

fn setups(features: &AArch64Features) -> Vec<Setup> {
    let plain = AArch64Mmu::stage1_4k(0);
    let mut setups = vec![(plain.clone(), 4), (AArch64Mmu { va_bits: 39, oa_bits: 40, ..plain }, 3)];
    if features.lpa2_4k {
        setups.push((AArch64Mmu::stage1_4k_lpa2(0), 5));
    } else {
        println!("NOT RUN: LPA2, which this machine has not");
    }
    let both = |(mmu, levels): (AArch64Mmu, u32)| {
        let upper = u64::MAX << mmu.va_bits;
        [(Half::Lower, 0), (Half::Upper, upper)].map(|(half, base)| Setup {
            mmu: AArch64Mmu { half, ..mmu.clone() },
            levels,
            base,
        })
    };
    setups.into_iter().flat_map(both).collect()
}

fn aarch64(machine: &dyn Machine) -> &AArch64Features {
    match machine.features() {
        Features::AArch64(features) => features,
        other => panic!("{other:?}"),
    }
}

fn tables<'a>(machine: &dyn Machine, image: &'a Image, setup: &mut Setup) -> Tables<'a> {
    let root = machine.memory().start;
    setup.mmu.root = root;
    Tables {
        image,
        root,
        levels: setup.levels,
        va_bits: setup.mmu.va_bits.into(),
        free: root + PAGE,
        pointer: |table| table | PAGE_OR_TABLE,
        target: |word| word & 0x0000_ffff_ffff_f000,
        is_pointer: |word| word & PAGE_OR_TABLE == PAGE_OR_TABLE,
    }
}

fn each(test: impl Fn(&dyn Machine, Setup)) {
    for machine in machines_for_tests(&[names::QEMU_AARCH64]) {
        let features = aarch64(machine.as_ref());
        println!("{}: {features:?}", machine.name());
        assert!(machine.reserved().is_empty());
        for setup in setups(features) {
            test(machine.as_ref(), setup);
        }
    }
}

#[test]
fn rights_of_pages() {
    each(|machine, mut setup| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, &mut setup);
        let base = setup.base + 3 * GIB;
        let mut cases = Vec::new();
        // What EL0 may write, EL1 does not fetch from. What EL0 may not read, it may still fetch from.
        let pages = [
            ("EL1 read-write", PXN | UXN, "rw- ---"),
            ("EL1 read-only", READ_ONLY | PXN | UXN, "r-- ---"),
            ("EL1 text", READ_ONLY | UXN, "r-x ---"),
            ("EL1 all", UXN, "rwx ---"),
            ("EL0 execute-only", PXN, "rw- --x"),
            ("EL0 read-write", EL0 | UXN, "rw- rw-"),
            ("EL0 read-only", EL0 | READ_ONLY | PXN | UXN, "r-- r--"),
            ("EL0 text", EL0 | READ_ONLY | PXN, "r-- r-x"),
            ("text for both", EL0 | READ_ONLY, "r-x r-x"),
            ("EL0 all", EL0, "rw- rwx"),
        ];
        for (index, (what, bits, rights)) in (0..).zip(pages) {
            let (va, oa) = (base + index * PAGE, tables.page());
            tables.set(va, 0, oa | PAGE_OR_TABLE | AF | bits);
            cases.push(Case::rights(what, va, oa, rights, PERMISSION));
            cases.push(Case::rights(what, va + 0xabc, oa + 0xabc, rights, PERMISSION));
        }
        let hole = base + 0x20 * PAGE;
        cases.push(Case::all("hole", hole, HOLE));
        tables.set(hole + PAGE, 0, tables.free | AF | 2);
        cases.push(Case::all("not valid, other bits set", hole + PAGE, HOLE));
        tables.set(hole + 2 * PAGE, 0, tables.free | AF | VALID);
        cases.push(Case::all("a block where only pages can be", hole + 2 * PAGE, HOLE));
        let page = tables.page();
        tables.set(hole + 3 * PAGE, 0, page | PAGE_OR_TABLE | PXN | UXN);
        cases.push(Case::all("no access flag", hole + 3 * PAGE, Expect::FaultAt(FaultKind::AccessFlag, 3)));
        let far = Expect::FaultAt(FaultKind::NotPresent, 1);
        cases.push(Case::all("no table", setup.base + 5 * GIB, far));
        check(machine, &mut image, &setup.mmu.into(), &cases);
    });
}

/// DDI 0487, "Stage 2 data accesses" and "Stage 2 instruction execution permissions" (FEAT_XNX).
#[test]
fn rights_of_pages_of_stage_2() {
    const READ: u64 = 1 << 6;
    const WRITE: u64 = 1 << 7;
    /// MemAttr: normal, write-back.
    const WRITE_BACK: u64 = 0xf << 2;
    for machine in machines_for_tests(&[names::QEMU_AARCH64]) {
        if !aarch64(machine.as_ref()).execute_never_by_level {
            println!("NOT RUN: stage 2 with FEAT_XNX, which this machine has not");
            continue;
        }
        let mut image = machine.new_image().unwrap();
        let plain = AArch64Mmu { va_bits: 39, ..AArch64Mmu::stage1_4k(0) };
        let mut setup = Setup { mmu: plain, levels: 3, base: 0 };
        let mut tables = tables(machine.as_ref(), &image, &mut setup);
        let base = 3 * GIB;
        let pages = [
            ("all", READ | WRITE, "rwx rwx"),
            ("text of EL0", READ | 1 << 53, "r-- r-x"),
            ("data", READ | WRITE | 2 << 53, "rw- rw-"),
            ("text of EL1", READ | 3 << 53, "r-x r--"),
            ("write-only", WRITE | 2 << 53, "-w- -w-"),
            ("execute-only", 0, "--x --x"),
            ("nothing", 2 << 53, "--- ---"),
        ];
        let mut cases = Vec::new();
        for (index, (what, bits, rights)) in (0..).zip(pages) {
            let (va, oa) = (base + index * PAGE, tables.page());
            tables.set(va, 0, oa | PAGE_OR_TABLE | AF | WRITE_BACK | bits);
            cases.push(Case::rights(what, va + 0xabc, oa + 0xabc, rights, PERMISSION));
        }
        let hole = base + 0x20 * PAGE;
        cases.push(Case::all("hole", hole, HOLE));
        let page = tables.page();
        tables.set(hole + PAGE, 0, page | PAGE_OR_TABLE | READ | WRITE);
        cases.push(Case::all("no access flag", hole + PAGE, Expect::FaultAt(FaultKind::AccessFlag, 3)));
        cases.push(Case::all("no table", 5 * GIB, Expect::FaultAt(FaultKind::NotPresent, 1)));
        let mmu = AArch64Stage2Mmu {
            root: setup.mmu.root,
            ipa_bits: 39,
            start_level: 1,
            granule: Granule::K4,
            lpa2: false,
            oa_bits: 48,
            hardware_accessed: false,
            hardware_dirty: false,
            forced_write_back: false,
        };
        check(machine.as_ref(), &mut image, &mmu.into(), &cases);
    }
}

#[test]
fn attributes_combine_along_the_walk() {
    each(|machine, mut setup| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, &mut setup);
        let mut cases = Vec::new();
        let mut off = Vec::new();
        let directories = [
            ("table closed to EL0", NO_EL0_TABLE, EL0, "rwx --x", "rw- rwx"),
            ("read-only table", READ_ONLY_TABLE, EL0, "r-x r-x", "rw- rwx"),
            ("PXN table", PXN_TABLE, UXN, "rw- ---", "rwx ---"),
            ("UXN table", UXN_TABLE, EL0 | READ_ONLY, "r-x r--", "r-x r-x"),
        ];
        for level in 1..setup.levels {
            for (index, (what, bits, leaf, rights, without)) in (1..).zip(directories) {
                // A slot of the root for each level, and for the root itself slots that these leave free.
                let top = level + 1 == setup.levels;
                let part = if top { 8 } else { u64::from(level) } << (3 + 9 * setup.levels);
                let va = setup.base + part + (index << (12 + 9 * level));
                let oa = tables.page();
                tables.set(va, 0, oa | PAGE_OR_TABLE | AF | leaf);
                let slot = tables.slot(va, level);
                image.write_u64(slot, image.read_u64(slot) | bits);
                cases.push(Case::rights(what, va, oa, rights, PERMISSION));
                off.push(Case::rights(what, va, oa, without, PERMISSION));
            }
        }
        check(machine, &mut image, &setup.mmu.clone().into(), &cases);
        if aarch64(machine).hierarchical_off {
            let mmu = AArch64Mmu { hierarchical: false, ..setup.mmu };
            check(machine, &mut image, &mmu.into(), &off);
        }
    });
}

#[test]
fn blocks_and_runs() {
    each(|machine, mut setup| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, &mut setup);
        let mut cases = Vec::new();
        for level in 1..setup.levels {
            let bytes = 1_u64 << (12 + 9 * level);
            let number = 3 - level as i8;
            let va = setup.base + (1 << (12 + 9 * (setup.levels - 1))) * u64::from(level) + bytes;
            // Blocks of 512 GiB came with LPA2.
            let possible = level < 3 || level == 3 && setup.mmu.lpa2;
            let oa = (machine.memory().end - 0x20_0000) & !(bytes - 1);
            tables.set(va, level, oa | VALID | AF | READ_ONLY | UXN | PXN);
            let within = (machine.memory().end - 0x20_0000) & (bytes - 1);
            for offset in [within, within + 0x7000, within + 0x1f_f000] {
                image.tag(oa + offset);
                let denied = Expect::FaultAt(FaultKind::Permission, number);
                cases.push(match possible {
                    true => Case::rights("block", va + offset, oa + offset, "r-- ---", denied),
                    false if !aarch64(machine).checks_block_levels => {
                        println!("NOT RUN: a block of 512 GiB, which {} should refuse", machine.name());
                        continue;
                    }
                    false => {
                        let absent = Expect::FaultAt(FaultKind::NotPresent, number);
                        Case::all("a block too large", va + offset, absent)
                    }
                });
            }
        }
        let run = (tables.free + 0xffff) & !0xffff;
        tables.free = run + 0x1_0000;
        for index in 0..16 {
            let (va, oa) = (setup.base + 7 * GIB + index * PAGE, run + index * PAGE);
            image.tag(oa);
            tables.set(va, 0, oa | PAGE_OR_TABLE | AF | UXN | CONTIGUOUS);
            cases.push(Case::rights("run", va, oa, "rwx ---", PERMISSION));
        }
        check(machine, &mut image, &setup.mmu.into(), &cases);
    });
}

#[test]
fn oas_of_any_size() {
    each(|machine, mut setup| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, &mut setup);
        let mut cases = Vec::new();
        let base = setup.base + 3 * GIB;
        let leaf = PAGE_OR_TABLE | AF;
        let oa_bits = setup.mmu.oa_bits;
        let nothing = Expect::Fault(FaultKind::NoMemory);
        // Where the emulated board has no device.
        let far = if oa_bits == 40 { 1 << 38 } else { 3 << (oa_bits - 2) } | 0x12_3456_7000;
        // LPA2 moves bits 51 and 50 of an OA to bits 9 and 8.
        let word = if setup.mmu.lpa2 { far & !(3 << 50) | far >> 50 << 8 } else { far };
        tables.set(base, 0, word | leaf | UXN);
        let at = Expect::At(far);
        let denied = PERMISSION;
        cases.push(Case { what: "far away", va: base, expect: [at, at, nothing, denied, denied, denied] });
        if oa_bits < 48 {
            let size = Expect::FaultAt(FaultKind::AddressSize, 3);
            tables.set(base + PAGE, 0, 1 << oa_bits | leaf);
            cases.push(Case::all("too large an OA", base + PAGE, size));
            let size = Expect::FaultAt(FaultKind::AddressSize, 2);
            tables.set(setup.base + 5 * GIB, 1, 1 << oa_bits | PAGE_OR_TABLE);
            cases.push(Case::all("too large an address of a table", setup.base + 5 * GIB, size));
        }
        let blank = tables.frame();
        tables.set(base + 2 * PAGE, 0, blank | leaf | UXN);
        let at = Expect::At(blank);
        let untagged = Expect::Untagged;
        cases.push(Case { what: "blank", va: base + 2 * PAGE, expect: [at, at, untagged, denied, denied, denied] });
        let gap = 1 << 56 | setup.base;
        let gap = if setup.base == 0 { gap } else { gap & !(1 << 57) };
        cases.push(Case::all("between the halves", gap, Expect::Fault(FaultKind::NotPresent)));
        check(machine, &mut image, &setup.mmu.into(), &cases);
    });
}

#[test]
fn hardware_sets_the_access_flag() {
    each(|machine, mut setup| {
        if !aarch64(machine).hardware_accessed {
            println!("NOT RUN: hardware access flag, which {} has not", machine.name());
            return;
        }
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, &mut setup);
        let base = setup.base + 3 * GIB;
        let page = tables.page();
        for index in 0..2 {
            tables.set(base + index * PAGE, 0, page | PAGE_OR_TABLE | UXN);
        }
        let slots = [0, 1].map(|index| tables.slot(base + index * PAGE, 0));
        setup.mmu.hardware_accessed = true;
        let probes = [Probe::supervisor(base, Access::Fetch)];
        let outcomes = machine.probe(&mut image, &setup.mmu.into(), &probes).unwrap();
        assert_eq!(outcomes, [Outcome::Reached(page)]);
        assert_eq!(slots.map(|slot| image.read_u64(slot) & AF), [AF, 0]);
    });
}

#[test]
fn other_granules() {
    for machine in machines_for_tests(&[names::QEMU_AARCH64]) {
        let features = aarch64(machine.as_ref());
        let start = machine.memory().start;
        let granules = [(Granule::K16, 14, features.granule_16k), (Granule::K64, 16, features.granule_64k)];
        for (granule, page_lg2, present) in granules {
            if !present {
                println!("NOT RUN: {granule:?}, which {} has not", machine.name());
                continue;
            }
            let mut image = machine.new_image().unwrap();
            let bytes = 1_u64 << page_lg2;
            // Two levels: the root with blocks, one table with pages. An entry takes three of the granule's bits.
            let block_lg2 = page_lg2 + page_lg2 - 3;
            let va_bits = block_lg2 + 4;
            let [table, page, block] = [1, 2, 0].map(|index| start + index * bytes);
            let block = block & !((1 << block_lg2) - 1);
            let leaf = AF | UXN;
            image.write_u64(start, table | PAGE_OR_TABLE);
            image.write_u64(start + 8, block | VALID | leaf);
            image.write_u64(table + 8, page | PAGE_OR_TABLE | leaf);
            image.tag(page + bytes - PAGE);
            image.tag(start + 0x123_0000);
            let mmu = AArch64Mmu { granule, va_bits: va_bits as u8, oa_bits: 40, ..AArch64Mmu::stage1_4k(start) };
            let denied = Expect::FaultAt(FaultKind::Permission, 2);
            let (va, oa) = (bytes + bytes - PAGE, page + bytes - PAGE);
            let inside = start + 0x123_0000;
            let block_va = (1 << block_lg2) + (inside - block);
            let cases = [
                Case::rights("page", va, oa, "rwx ---", PERMISSION),
                Case::rights("block", block_va, inside, "rwx ---", denied),
                Case::all("hole", 3 * bytes, HOLE),
                Case::all("no table", 2 << block_lg2, Expect::FaultAt(FaultKind::NotPresent, 2)),
            ];
            check(machine.as_ref(), &mut image, &mmu.into(), &cases);
        }
    }
}

#[test]
fn what_cannot_work_is_an_error() {
    each(|machine, mut setup| {
        let mut image = machine.new_image().unwrap();
        let outside = machine.probe(&mut image, &setup.mmu.clone().into(), &[]);
        assert!(matches!(outside, Err(MachineError::RootOutside(0))));
        setup.mmu.root = machine.memory().start;
        let mmu: Mmu = setup.mmu.clone().into();
        let mut small = Image::new(0x4000_0000, 1 << 20).unwrap();
        assert!(matches!(machine.probe(&mut small, &mmu, &[]), Err(MachineError::WrongImage(_))));
        let odd = AArch64Mmu { oa_bits: 41, ..setup.mmu };
        assert!(matches!(machine.probe(&mut image, &odd.into(), &[]), Err(MachineError::Unsupported(_))));
    });
}

#[test]
fn forty_thousand_probes() {
    each(|machine, mut setup| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, &mut setup);
        let base = setup.base + 3 * GIB;
        let mut random = Random(0x1234_5678_9abc_def1);
        let mut pages = Vec::new();
        for index in 0..4096 {
            let oa = (random.below(3) != 0).then(|| tables.page());
            if let Some(oa) = oa {
                tables.set(base + index * PAGE, 0, oa | PAGE_OR_TABLE | AF | EL0 | READ_ONLY);
            }
            pages.push(oa);
        }
        let mut probes = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..40_000 {
            let index = random.below(4096);
            let offset = random.below(PAGE);
            let access = Access::ALL[random.below(3) as usize];
            probes.push(Probe { va: base + index * PAGE + offset, access, user: random.below(2) == 1 });
            expected.push(match (pages[index as usize], access) {
                (None, _) => HOLE,
                (Some(_), Access::Write) => PERMISSION,
                (Some(oa), _) => Expect::At(oa + offset),
            });
        }
        let started = Instant::now();
        let outcomes = machine.probe(&mut image, &setup.mmu.clone().into(), &probes).unwrap();
        println!("{}, {} levels: 40,000 probes in {:?}", machine.name(), setup.levels, started.elapsed());
        for ((probe, outcome), expected) in probes.iter().zip(outcomes).zip(expected) {
            assert!(expected.agrees(&outcome), "{probe:x?}: {outcome}, expected {expected:x?}");
        }
    });
}
