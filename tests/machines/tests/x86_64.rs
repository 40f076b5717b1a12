//! Hand-written x86-64 tables: the machines must say of them what the Intel SDM says (vol. 3A, chapter 5 "Paging").

mod common;

use std::time::Instant;

use common::{Case, Expect, Random, Tables, check};
use ptgen_machines::{
    Access, FaultKind, Features, Image, Machine, MachineError, Outcome, Probe, X86_64Features, X86_64Mmu,
    machines_for_tests, names,
};

const P: u64 = 1 << 0;
const W: u64 = 1 << 1;
const U: u64 = 1 << 2;
const A: u64 = 1 << 5;
const D: u64 = 1 << 6;
const PS: u64 = 1 << 7;
const NX: u64 = 1 << 63;

const NOT_PRESENT: Expect = Expect::Fault(FaultKind::NotPresent);
const PERMISSION: Expect = Expect::Fault(FaultKind::Permission);
const RESERVED: Expect = Expect::Fault(FaultKind::Reserved);

/// Where the pages of the tests are: the upper half for either number of levels, and the lower half, where every
/// machine answers for users, too.
const BASES: [u64; 2] = [0xffff_8000_0000_0000, 0x0000_1000_0000_0000];
const PAGE: u64 = 0x1000;
const LARGE: u64 = 0x20_0000;
const GIB: u64 = 0x4000_0000;

fn x86_64(machine: &dyn Machine) -> &X86_64Features {
    match machine.features() {
        Features::X86_64(features) => features,
        other => panic!("{other:?}"),
    }
}

/// Empty tables that map what the machine reserves.
fn tables<'a>(machine: &dyn Machine, image: &'a Image, levels: u32) -> Tables<'a> {
    let root = machine.memory().start;
    let mut tables = Tables {
        image,
        root,
        levels,
        va_bits: 12 + 9 * levels,
        free: root + PAGE,
        pointer: |table| table | P | W | U,
        target: |word| word & 0x000f_ffff_ffff_f000,
        is_pointer: |word| word & (P | PS) == P,
    };
    for reserved in machine.reserved() {
        let rights = reserved.rights;
        let mut word = reserved.oa | P;
        word |= if rights.write() { W } else { 0 };
        word |= if rights.user() { U } else { 0 };
        word |= if rights.fetch() { 0 } else { NX };
        for offset in (0..reserved.bytes).step_by(PAGE as usize) {
            tables.set(reserved.va + offset, 0, word + offset);
        }
    }
    tables
}

fn mmu(root: u64, levels: u32) -> X86_64Mmu {
    match levels {
        4 => X86_64Mmu::four_levels(root),
        _ => X86_64Mmu::five_levels(root),
    }
}

/// Runs a test on every machine with every number of levels that it has.
fn each(test: impl Fn(&dyn Machine, u32, u64)) {
    for machine in machines_for_tests(&[names::KVM_X86_64, names::QEMU_X86_64]) {
        println!("{}: {:?}", machine.name(), machine.features());
        for base in BASES {
            test(machine.as_ref(), 4, base);
            if x86_64(machine.as_ref()).five_levels {
                test(machine.as_ref(), 5, base);
            }
        }
    }
}

#[test]
fn rights_of_pages() {
    each(|machine, levels, base| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let mut cases = Vec::new();
        let pages = [
            ("supervisor read-write", W | NX, "rw- ---"),
            ("supervisor read-only", NX, "r-- ---"),
            ("supervisor text", 0, "r-x ---"),
            ("supervisor all", W, "rwx ---"),
            ("user read-write", U | W | NX, "rw- rw-"),
            ("user read-only", U | NX, "r-- r--"),
            ("user text", U, "r-x r-x"),
            ("user all", U | W, "rwx rwx"),
        ];
        for (index, (what, bits, rights)) in (0..).zip(pages) {
            let (va, oa) = (base + index * PAGE, tables.page());
            tables.set(va, 0, oa | P | bits);
            cases.push(Case::rights(what, va, oa, rights, PERMISSION));
            cases.push(Case::rights(what, va + 0x128, oa + 0x128, rights, PERMISSION));
        }
        let hole = base + 0x10 * PAGE;
        cases.push(Case::all("hole", hole, NOT_PRESENT));
        tables.set(hole + PAGE, 0, tables.free | W | U | NX);
        cases.push(Case::all("not present, other bits set", hole + PAGE, NOT_PRESENT));
        cases.push(Case::all("no table", base + 8 * GIB, NOT_PRESENT));
        let root = tables.root;
        check(machine, &mut image, &mmu(root, levels).into(), &cases);
    });
}

#[test]
fn rights_combine_along_the_walk() {
    each(|machine, levels, _| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let mut cases = Vec::new();
        let directories = [
            ("table for supervisors", P | W, "rwx ---"),
            ("read-only table", P | U, "r-x r-x"),
            ("no-execute table", P | W | U | NX, "rw- rw-"),
        ];
        for level in 1..levels {
            for (index, (what, bits, rights)) in (1..).zip(directories) {
                // A subtree of its own, in the lower half.
                let va = (index << (12 + 9 * level)) | (u64::from(levels == 5) << 54) | (1 << 38);
                let oa = tables.page();
                tables.set(va, 0, oa | P | W | U);
                let slot = tables.slot(va, level);
                let target = tables.image.read_u64(slot) & 0x000f_ffff_ffff_f000;
                tables.set(va, level, target | bits);
                cases.push(Case::rights(what, va, oa, rights, PERMISSION));
            }
        }
        let root = tables.root;
        check(machine, &mut image, &mmu(root, levels).into(), &cases);
    });
}

#[test]
fn large_pages() {
    each(|machine, levels, base| {
        let gigabyte_pages = x86_64(machine).gigabyte_pages;
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let mut cases = Vec::new();
        let large = (machine.memory().start + 16 * LARGE) & !(LARGE - 1);
        tables.set(base + LARGE, 1, large | PS | P | W | NX);
        // PAT is bit 12 here and no part of the OA.
        tables.set(base + 2 * LARGE, 1, large | PS | P | U | 1 << 12);
        for offset in [0, 0x5000, LARGE - PAGE] {
            let oa = large + offset;
            image.tag(oa);
            cases.push(Case::rights("2 MiB", base + LARGE + offset, oa, "rw- ---", PERMISSION));
            let va = base + 2 * LARGE + offset;
            cases.push(Case::rights("2 MiB with PAT", va, oa, "r-x r-x", PERMISSION));
        }
        let end = machine.memory().end;
        let gib = (end - GIB) & !(GIB - 1);
        tables.set(base + 2 * GIB, 2, gib | PS | P | W | U);
        for offset in [0x7000, 0x1234_5000, GIB - PAGE] {
            image.tag(gib + offset);
            let va = base + 2 * GIB + offset;
            cases.push(if gigabyte_pages {
                Case::rights("1 GiB", va, gib + offset, "rwx rwx", PERMISSION)
            } else {
                Case::all("1 GiB, which this processor has not", va, RESERVED)
            });
        }
        let root = tables.root;
        check(machine, &mut image, &mmu(root, levels).into(), &cases);
    });
}

#[test]
fn reserved_bits_and_vas_that_are_not_canonical() {
    each(|machine, levels, base| {
        let oa_bits = x86_64(machine).oa_bits;
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let page = tables.page();
        let mut cases = Vec::new();
        for bit in oa_bits..52 {
            let va = base + u64::from(bit) * PAGE;
            tables.set(va, 0, page | P | W | U | 1 << bit);
            cases.push(Case::all("beyond the physical address width", va, RESERVED));
        }
        let large = (machine.memory().start + 16 * LARGE) & !(LARGE - 1);
        for bit in 13..21_u64 {
            let va = base + bit * LARGE;
            tables.set(va, 1, large | PS | P | W | U | 1 << bit);
            cases.push(Case::all("low bit of a large page", va, RESERVED));
        }
        for level in 3..levels {
            let va = 5 << (12 + 9 * level);
            let table = tables.frame();
            tables.set(va, level, table | PS | P | W | U);
            cases.push(Case::all("page size in an upper table", va, RESERVED));
        }
        let edge = 1_u64 << (9 * levels + 11);
        for va in [edge, edge.wrapping_neg() - PAGE, 1 << 62] {
            cases.push(Case::all("not canonical", va, Expect::Fault(FaultKind::NotCanonical)));
        }
        cases.push(Case::all("last of the lower half", edge - PAGE, NOT_PRESENT));
        let first = edge.wrapping_neg();
        cases.push(Case::all("first of the upper half", first, NOT_PRESENT));
        let root = tables.root;
        check(machine, &mut image, &mmu(root, levels).into(), &cases);
    });
}

#[test]
fn control_bits_change_what_entries_mean() {
    each(|machine, levels, base| {
        let features = x86_64(machine);
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let (user, read_only, keyed) = (tables.page(), tables.page(), tables.page());
        tables.set(base, 0, user | P | W | U);
        tables.set(base + PAGE, 0, read_only | P);
        tables.set(base + 2 * PAGE, 0, keyed | P | W | U | 3 << 59);
        let root = tables.root;
        let case = |index: u64, oa: u64, rights: &str| {
            Case::rights("control bits", base + index * PAGE, oa, rights, PERMISSION)
        };
        let plain = mmu(root, levels);
        let cases = [case(0, user, "rwx rwx"), case(1, read_only, "r-x ---"), case(2, keyed, "rwx rwx")];
        check(machine, &mut image, &plain.clone().into(), &cases);
        let without = X86_64Mmu { write_protect: false, ..plain.clone() };
        check(machine, &mut image, &without.into(), &[case(1, read_only, "rwx ---")]);
        if features.smep {
            let smep = X86_64Mmu { smep: true, ..plain.clone() };
            check(machine, &mut image, &smep.into(), &[case(0, user, "rw- rwx")]);
        }
        if features.smap {
            let smap = X86_64Mmu { smap: true, ..plain.clone() };
            check(machine, &mut image, &smap.into(), &[case(0, user, "--x rwx")]);
        }
        if features.protection_keys {
            for (pkru, rights) in [(0b01 << 6, "--x --x"), (0b10 << 6, "r-x r-x"), (0b01 << 4, "rwx rwx")] {
                let keys = X86_64Mmu { protection_keys: Some(pkru), ..plain.clone() };
                check(machine, &mut image, &keys.into(), &[case(2, keyed, rights)]);
            }
        }
    });
}

#[test]
fn without_no_execute_its_bit_is_reserved() {
    each(|machine, levels, base| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        // What is reserved for the machine must do without the bit as well.
        for reserved in machine.reserved() {
            for offset in (0..reserved.bytes).step_by(PAGE as usize) {
                let slot = tables.slot(reserved.va + offset, 0);
                image.write_u64(slot, image.read_u64(slot) & !NX);
            }
        }
        let page = tables.page();
        tables.set(base, 0, page | P | W | U | NX);
        tables.set(base + PAGE, 0, page | P | W | U);
        let mmu = X86_64Mmu { no_execute: false, ..mmu(tables.root, levels) };
        let cases =
            [Case::all("bit 63", base, RESERVED), Case::rights("no bit 63", base + PAGE, page, "rwx rwx", PERMISSION)];
        check(machine, &mut image, &mmu.into(), &cases);
    });
}

#[test]
fn accessed_and_dirty_bits() {
    each(|machine, levels, base| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let page = tables.page();
        for index in 0..4 {
            tables.set(base + index * PAGE, 0, page | P | W | U | NX);
        }
        let slots: [u64; 4] = std::array::from_fn(|index| tables.slot(base + index as u64 * PAGE, 0));
        let parent = tables.slot(base, 1);
        let untouched = tables.slot(base, 0) & !0xfff;
        let root = tables.root;
        assert_eq!(image.read_u64(parent), untouched | P | W | U);
        let probes = [
            Probe::supervisor(base, Access::Read),
            Probe::supervisor(base + PAGE, Access::Write),
            Probe::supervisor(base + 2 * PAGE, Access::Fetch),
        ];
        let outcomes = machine.probe(&mut image, &mmu(root, levels).into(), &probes).unwrap();
        assert_eq!(outcomes[..2], [Outcome::Reached(page), Outcome::Reached(page)]);
        assert_eq!(outcomes[2].fault(), Some(FaultKind::Permission));
        let bits = slots.map(|slot| image.read_u64(slot) & (A | D));
        // A refused fetch may or may not set the accessed bit; it never sets the dirty bit.
        assert_eq!([bits[0], bits[1], bits[2] & D, bits[3]], [A, A | D, 0, 0]);
        assert_eq!(image.read_u64(parent) & (A | D), A);
    });
}

#[test]
fn an_oa_outside_the_memory() {
    each(|machine, levels, base| {
        let oa_bits = x86_64(machine).oa_bits;
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let far = (1 << (oa_bits - 1)) + 0x12_3456_7000;
        tables.set(base, 0, far | P | W | U);
        let expect = if machine.reaches_any_oa_from().is_some() { Expect::At(far) } else { Expect::Untagged };
        let untagged = Expect::Untagged;
        let case = Case { what: "far away", va: base, expect: [expect, expect, untagged, expect, expect, untagged] };
        let root = tables.root;
        check(machine, &mut image, &mmu(root, levels).into(), &[case]);
    });
}

#[test]
fn frames_without_a_tag() {
    each(|machine, levels, base| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let blank = tables.frame();
        tables.set(base, 0, blank | P | W | U);
        let root = tables.root;
        let cases = [Case::all("blank", base, Expect::Untagged)];
        check(machine, &mut image, &mmu(root, levels).into(), &cases);
    });
}

#[test]
fn what_cannot_work_is_an_error() {
    each(|machine, levels, base| {
        let mut image = machine.new_image().unwrap();
        let root = machine.memory().start;
        let mmu = mmu(root, levels).into();
        let probe = Probe::supervisor(base, Access::Read);
        // Nothing is mapped at all, the stub neither.
        let result = machine.probe(&mut image, &mmu, &[probe]);
        assert!(matches!(result, Err(MachineError::Stopped { left: 1, .. })), "{result:?}");
        let reserved = Probe::supervisor(machine.reserved()[2].va + 8, Access::Read);
        let result = machine.probe(&mut image, &mmu, &[reserved]);
        assert!(matches!(result, Err(MachineError::ReservedProbe(it)) if it == reserved));
        let outside = self::mmu(0x1000, levels).into();
        let result = machine.probe(&mut image, &outside, &[probe]);
        assert!(matches!(result, Err(MachineError::RootOutside(0x1000))));
        let mut small = Image::new(0, 1 << 20).unwrap();
        let result = machine.probe(&mut small, &mmu, &[probe]);
        assert!(matches!(result, Err(MachineError::WrongImage(_))));
    });
}

#[test]
fn forty_thousand_probes_of_random_rights() {
    each(|machine, levels, base| {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine, &image, levels);
        let mut random = Random(0x1234_5678_9abc_def1);
        let mut pages = Vec::new();
        for index in 0..4096 {
            let oa = tables.page();
            let bits = [P, W, U, NX].map(|bit| if random.below(4) == 0 { 0 } else { bit });
            let word = oa | bits.iter().sum::<u64>();
            tables.set(base + index * PAGE, 0, word);
            pages.push((oa, word));
        }
        let root = tables.root;
        let mut probes = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..40_000 {
            let index = random.below(4096);
            let offset = random.below(PAGE);
            let access = Access::ALL[random.below(3) as usize];
            let probe = Probe { va: base + index * PAGE + offset, access, user: random.below(2) == 1 };
            let (oa, word) = pages[index as usize];
            let allowed = match access {
                Access::Read => true,
                Access::Write => word & W != 0,
                Access::Fetch => word & NX == 0,
            } && (word & U != 0 || !probe.user);
            expected.push(match (machine.answers(&probe), word & P != 0) {
                (false, _) => Expect::Unanswered,
                (true, false) => NOT_PRESENT,
                (true, true) if allowed => Expect::At(oa + offset),
                (true, true) => PERMISSION,
            });
            probes.push(probe);
        }
        let started = Instant::now();
        let outcomes = machine.probe(&mut image, &mmu(root, levels).into(), &probes).unwrap();
        println!("{}, {levels} levels: 40,000 probes in {:?}", machine.name(), started.elapsed());
        for ((probe, outcome), expected) in probes.iter().zip(outcomes).zip(expected) {
            assert!(expected.agrees(&outcome), "{probe:x?}: {outcome}, expected {expected:x?}");
        }
    });
}
