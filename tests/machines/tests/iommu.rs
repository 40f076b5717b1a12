//! QEMU's IOMMUs, against tables built by hand.
//!
//! The words are those of the manuals: Intel VT-d specification (D51397), "Second-Stage Paging Entries"; AMD I/O
//! Virtualization Technology Specification (48882), "I/O Page Tables for Host Translations"; Arm DDI 0487.

mod common;

use ptgen_machines::{
    AArch64Mmu, Access, AmdViMmu, FaultKind, Features, Image, Invalidation, Machine, Mmu, Outcome, Probe, VtDMmu,
    machines_for_tests, names,
};

use common::{Expect, Random, Tables};

/// An address, and what must become of a read and of a write.
struct Case {
    what: &'static str,
    va: u64,
    read: Expect,
    write: Expect,
}

fn check(machine: &dyn Machine, image: &mut Image, mmu: &Mmu, cases: &[Case]) {
    let probes: Vec<Probe> =
        cases.iter().flat_map(|case| [Access::Read, Access::Write].map(|it| Probe::supervisor(case.va, it))).collect();
    let outcomes = machine.probe(image, mmu, &probes).unwrap_or_else(|error| panic!("{}: {error}", machine.name()));
    let expected = cases.iter().flat_map(|case| [(case.what, case.read), (case.what, case.write)]);
    let mut differences = Vec::new();
    for ((what, expect), (probe, outcome)) in expected.zip(probes.iter().zip(&outcomes)) {
        if !expect.agrees(outcome) {
            let Probe { access, va, .. } = probe;
            differences.push(format!("{what}: {access:?} of {va:#x}: {outcome}, expected {expect:x?}"));
        }
    }
    assert!(differences.is_empty(), "{} under {mmu:?}:\n{}", machine.name(), differences.join("\n"));
}

const READ: u64 = 1;
const WRITE: u64 = 2;
const LARGE: u64 = 1 << 7;
const SNOOP: u64 = 1 << 11;
const ADDRESS: u64 = 0x0000_ffff_ffff_f000;

fn vt_d_tables<'a>(machine: &dyn Machine, image: &'a Image, levels: u32) -> Tables<'a> {
    let root = machine.memory().start;
    Tables {
        image,
        root,
        levels,
        va_bits: 12 + 9 * levels,
        free: root + 4096,
        pointer: |table| table | READ | WRITE,
        target: |word| word & ADDRESS,
        is_pointer: |word| word & (READ | WRITE) != 0 && word & LARGE == 0,
    }
}

fn vt_d_mmu(root: u64, levels: u32) -> VtDMmu {
    VtDMmu { root, levels: levels as u8, snoop_control: false, caching_mode: false }
}

#[test]
fn vt_d_says_what_it_can_do() {
    for machine in machines_for_tests(&[names::QEMU_VT_D]) {
        let Features::VtD(features) = machine.features() else { panic!("{machine:?}") };
        assert!(features.three_levels && features.four_levels && features.large && features.huge, "{features:?}");
        assert!(!features.five_levels && !features.first_stage, "this can be judged now: {features:?}");
        assert!(features.snoop_control && features.caching_mode, "{features:?}");
        assert_eq!(features.va_bits, 48);
    }
}

#[test]
fn vt_d_translates_and_refuses() {
    for machine in machines_for_tests(&[names::QEMU_VT_D]) {
        for levels in [3, 4] {
            let mut image = machine.new_image().unwrap();
            let mut tables = vt_d_tables(machine.as_ref(), &image, levels);
            let page = tables.page();
            tables.set(0x1000, 0, page | READ | WRITE);
            tables.set(0x2000, 0, page | READ);
            tables.set(0x3000, 0, page | WRITE);
            tables.set(0x4000, 0, page | READ | WRITE | SNOOP);
            tables.set(0x5000, 0, 0x5678_1234_5000 | READ | WRITE);
            let high = (1 << (tables.va_bits - 1)) + 0x7000;
            tables.set(high, 0, page | READ | WRITE);
            // 2 MiB and 1 GiB, of which one frame each has a tag.
            let (large, huge) = (machine.memory().end - (1 << 21), 1 << 30);
            tables.set(0x40_0000, 1, large | READ | WRITE | LARGE);
            tables.set(0x80_0000, 1, large | READ | WRITE | LARGE | 1 << 12);
            tables.set(1 << 31, 2, huge | READ | WRITE | LARGE);
            image.tag(large + 0x3000);
            image.tag(huge + 0x1234_5000);
            let (root, beyond) = (tables.root, 1 << tables.va_bits);
            let (all, denied) = (|oa| (Expect::At(oa), Expect::At(oa)), Expect::Fault(FaultKind::Permission));
            let refused = |kind| (Expect::Fault(kind), Expect::Fault(kind));
            let cases = [
                ("all rights", 0x1234, all(page + 0x234)),
                ("read", 0x2000, (Expect::At(page), denied)),
                ("write", 0x3000, (denied, Expect::At(page))),
                ("snooped, without snoop control", 0x4000, refused(FaultKind::Reserved)),
                ("where nothing is", 0x5678, all(0x5678_1234_5678)),
                ("high", high + 8, all(page + 8)),
                ("2 MiB", 0x40_3000, all(large + 0x3000)),
                ("2 MiB, misaligned", 0x80_3000, refused(FaultKind::Reserved)),
                ("1 GiB", (1 << 31) + 0x1234_5678, all(huge + 0x1234_5678)),
                ("absent", 0x6000, (denied, denied)),
                ("beyond the width", beyond + 0x1000, refused(FaultKind::NotCanonical)),
                ("an interrupt", 0xfee0_0000, (Expect::Unanswered, Expect::Unanswered)),
            ];
            let cases = cases.map(|(what, va, (read, write))| Case { what, va, read, write });
            check(machine.as_ref(), &mut image, &vt_d_mmu(root, levels).into(), &cases);
        }
    }
}

#[test]
fn vt_d_takes_snooped_leaves_with_snoop_control() {
    for machine in machines_for_tests(&[names::QEMU_VT_D]) {
        let mut image = machine.new_image().unwrap();
        let mut tables = vt_d_tables(machine.as_ref(), &image, 3);
        let page = tables.page();
        tables.set(0x1000, 0, page | READ | WRITE | SNOOP);
        let mmu = VtDMmu { snoop_control: true, ..vt_d_mmu(tables.root, 3) };
        let case = Case { what: "snooped", va: 0x1000, read: Expect::At(page), write: Expect::At(page) };
        check(machine.as_ref(), &mut image, &mmu.into(), &[case]);
    }
}

#[test]
fn vt_d_remembers_until_it_is_told_to_forget() {
    for machine in machines_for_tests(&[names::QEMU_VT_D]) {
        for caching_mode in [false, true] {
            let image = machine.new_image().unwrap();
            let mut tables = vt_d_tables(machine.as_ref(), &image, 4);
            let (old, new) = (tables.page(), tables.page());
            let mmu = VtDMmu { caching_mode, ..vt_d_mmu(tables.root, 4) };
            let mut session = machine.session(&image, &mmu.into()).unwrap();
            let probe = |session: &mut ptgen_machines::Session<'_>, va, access| {
                session.probe(&[Probe::supervisor(va, access)]).unwrap()[0]
            };
            tables.set(0x1000, 0, old | READ);
            tables.set(0x2000, 0, old | READ | WRITE);
            assert_eq!(probe(&mut session, 0x1000, Access::Read), Outcome::Reached(old));
            assert_eq!(probe(&mut session, 0x2000, Access::Write), Outcome::Reached(old));
            tables.set(0x1000, 0, new | READ);
            tables.set(0x2000, 0, 0);
            assert_eq!(probe(&mut session, 0x1000, Access::Read), Outcome::Reached(old), "stale");
            assert_eq!(probe(&mut session, 0x2000, Access::Write), Outcome::Reached(old), "stale");
            session.forget(&Invalidation::Range { first: 0x1000, last: 0x1fff, tables: false }).unwrap();
            assert_eq!(probe(&mut session, 0x1000, Access::Read), Outcome::Reached(new));
            assert_eq!(probe(&mut session, 0x2000, Access::Write), Outcome::Reached(old), "still stale");
            assert_eq!(probe(&mut session, 0x1000, Access::Write).fault(), Some(FaultKind::Page), "remembered rights");
            session.forget(&Invalidation::Everything).unwrap();
            assert_eq!(probe(&mut session, 0x2000, Access::Write).fault(), Some(FaultKind::Permission));
            assert_eq!(probe(&mut session, 0x1000, Access::Write).fault(), Some(FaultKind::Permission));
        }
    }
}

/// Rights of AMD-Vi, and the level that an entry names.
const AMD_READ: u64 = 1 << 61;
const AMD_WRITE: u64 = 1 << 62;
const AMD_ALL: u64 = 1 | AMD_READ | AMD_WRITE;
const AMD_ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// The address of the word for `va` at `level` (1 holds pages), with tables down to there.
fn amd_slot(image: &Image, free: &mut u64, root: u64, levels: u32, va: u64, level: u32) -> u64 {
    let mut table = root;
    for at in (level..=levels).rev() {
        let slot = table + 8 * (va >> (3 + 9 * at) & 0x1ff);
        if at == level {
            return slot;
        }
        if image.read_u64(slot) == 0 {
            image.write_u64(slot, *free | u64::from(at - 1) << 9 | AMD_ALL);
            *free += 4096;
        }
        table = image.read_u64(slot) & AMD_ADDRESS;
    }
    unreachable!("levels begin at 1")
}

#[test]
fn amd_vi_translates_and_refuses() {
    for machine in machines_for_tests(&[names::QEMU_AMD_VI]) {
        let Features::AmdVi(features) = machine.features() else { panic!("{machine:?}") };
        assert_eq!(features.levels, 6);
        for levels in [3, 4, 5, 6] {
            let mut image = machine.new_image().unwrap();
            let memory = machine.memory();
            let (root, page) = (memory.start, memory.start + 0x10_0000);
            let mut free = root + 4096;
            image.tag(page);
            let mut set = |va, level, word| {
                let slot = amd_slot(&image, &mut free, root, levels, va, level);
                image.write_u64(slot, word);
            };
            set(0x1000, 1, page | AMD_ALL);
            set(0x2000, 1, page | 1 | AMD_READ);
            set(0x3000, 1, page | 1 | AMD_WRITE);
            set(0x4000, 1, 0xf_5678_1234_5000 | AMD_ALL);
            // 2 MiB, the size of its level; 64 KiB, whose size is in the address.
            let large = memory.end - (1 << 21);
            set(0x40_0000, 2, large | AMD_ALL);
            let run = large + 0x10_0000;
            (0..16).for_each(|slot| set(0x1_0000 + 0x1000 * slot, 1, run | 0x7000 | 7 << 9 | AMD_ALL));
            image.tag(large + 0x3000);
            image.tag(run + 0xb000);
            let all = |oa| (Expect::At(oa), Expect::At(oa));
            let denied = Expect::Fault(FaultKind::Page);
            let cases = [
                ("all rights", 0x1234, all(page + 0x234)),
                ("read", 0x2000, (Expect::At(page), denied)),
                ("write", 0x3000, (denied, Expect::At(page))),
                ("where nothing is", 0x4321, all(0xf_5678_1234_5321)),
                ("2 MiB", 0x40_3000, all(large + 0x3000)),
                ("64 KiB", 0x1_b008, all(run + 0xb008)),
                ("absent", 0x6000, (denied, denied)),
                ("absent at once", 1 << 28, (denied, denied)),
            ];
            let cases = cases.map(|(what, va, (read, write))| Case { what, va, read, write });
            check(machine.as_ref(), &mut image, &AmdViMmu { root, levels: levels as u8 }.into(), &cases);
        }
    }
}

#[test]
fn amd_vi_remembers_until_it_is_told_to_forget() {
    for machine in machines_for_tests(&[names::QEMU_AMD_VI]) {
        let image = machine.new_image().unwrap();
        let root = machine.memory().start;
        let (old, new, mut free) = (root + 0x10_0000, root + 0x10_1000, root + 4096);
        image.tag(old);
        image.tag(new);
        let slot = amd_slot(&image, &mut free, root, 4, 0x1000, 1);
        let mut session = machine.session(&image, &AmdViMmu { root, levels: 4 }.into()).unwrap();
        let read = [Probe::supervisor(0x1000, Access::Read)];
        image.write_u64(slot, old | AMD_ALL);
        assert_eq!(session.probe(&read).unwrap(), [Outcome::Reached(old)]);
        image.write_u64(slot, new | AMD_ALL);
        assert_eq!(session.probe(&read).unwrap(), [Outcome::Reached(old)], "stale");
        session.forget(&Invalidation::Range { first: 0x1000, last: 0x1fff, tables: false }).unwrap();
        assert_eq!(session.probe(&read).unwrap(), [Outcome::Reached(new)]);
    }
}

#[test]
fn smmu_translates_and_refuses() {
    const READ_ONLY: u64 = 1 << 7;
    for machine in machines_for_tests(&[names::QEMU_SMMU]) {
        let Features::Smmu(features) = machine.features() else { panic!("{machine:?}") };
        assert!(features.stage1 && features.granule_4k && features.granule_16k && features.granule_64k);
        assert!(!features.stage2, "this can be judged now: {features:?}");
        assert_eq!(features.oa_bits, 44);
        let mut image = machine.new_image().unwrap();
        let root = machine.memory().start;
        let mut tables = Tables {
            image: &image,
            root,
            levels: 4,
            va_bits: 48,
            free: root + 4096,
            pointer: |table| table | 0b11,
            target: |word| word & ADDRESS,
            is_pointer: |word| word & 0b11 == 0b11,
        };
        let page = tables.page();
        tables.set(0x1000, 0, page | 0b11);
        tables.set(0x2000, 0, page | READ_ONLY | 0b11);
        tables.set(0x3000, 0, page | 0b01);
        tables.set(0x4000, 0, 0x678_1234_5000 | 0b11);
        let (large, huge) = (machine.memory().end - (1 << 21), 0xc000_0000);
        tables.set(0x40_0000, 1, large | 0b01);
        tables.set(1 << 31, 2, huge | 0b01);
        image.tag(large + 0x3000);
        image.tag(huge + 0x1234_5000);
        // A table that limits what is below.
        tables.set(1 << 40, 0, page | 0b11);
        let slot = tables.slot(1 << 40, 3);
        image.write_u64(slot, image.read_u64(slot) | 1 << 62);
        let mmu = AArch64Mmu { oa_bits: 44, ..AArch64Mmu::stage1_4k(tables.root) };
        let all = |oa| (Expect::At(oa), Expect::At(oa));
        let (denied, absent) = (Expect::Fault(FaultKind::Permission), Expect::Fault(FaultKind::NotPresent));
        let cases = [
            ("all rights", 0x1234, all(page + 0x234)),
            ("read", 0x2000, (Expect::At(page), denied)),
            ("a block where only pages can be", 0x3000, (absent, absent)),
            ("where nothing is", 0x4321, all(0x678_1234_5321)),
            ("2 MiB", 0x40_3000, all(large + 0x3000)),
            ("1 GiB", (1 << 31) + 0x1234_5678, all(huge + 0x1234_5678)),
            ("limited", 1 << 40, (Expect::At(page), denied)),
            ("absent", 0x6000, (absent, absent)),
            // QEMU 7.2 does not even ask the unit.
            ("beyond the width", 1 << 48, (Expect::Fault(FaultKind::Page), Expect::Fault(FaultKind::Page))),
        ];
        let cases = cases.map(|(what, va, (read, write))| Case { what, va, read, write });
        check(machine.as_ref(), &mut image, &mmu.into(), &cases);
    }
}

/// All that fits into a batch and more, with the same frames reached again and again.
#[test]
fn many_probes_are_told_apart() {
    for machine in machines_for_tests(&[names::QEMU_VT_D]) {
        let mut image = machine.new_image().unwrap();
        let mut tables = vt_d_tables(machine.as_ref(), &image, 3);
        let pages: Vec<u64> = (0..8).map(|_| tables.page()).collect();
        let mut random = Random(1);
        let words: Vec<u64> = (0..64).map(|_| pages[random.below(8) as usize] | random.below(4)).collect();
        words.iter().zip(0..).for_each(|(&word, page)| tables.set(page << 12, 0, word));
        let mmu = vt_d_mmu(tables.root, 3).into();
        let accesses = [Access::Read, Access::Write];
        let probes: Vec<Probe> = (0..1000)
            .map(|_| Probe::supervisor(random.below(64) << 12 | random.below(4096), accesses[random.below(2) as usize]))
            .collect();
        let outcomes = machine.probe(&mut image, &mmu, &probes).unwrap();
        for (probe, outcome) in probes.iter().zip(outcomes) {
            let word = words[(probe.va >> 12) as usize];
            let right = if probe.access == Access::Write { WRITE } else { READ };
            let expect = match word & right != 0 {
                true => Expect::At(word & ADDRESS | probe.va & 0xfff),
                false => Expect::Fault(FaultKind::Permission),
            };
            assert!(expect.agrees(&outcome), "{probe:?} through {word:#x}: {outcome}");
        }
    }
}
