//! Hand-written tables of 32-bit x86 and nested ones: the machines must say of them what the manuals say (Intel SDM vol. 3A,
//! chapter 5 "Paging"; AMD APM vol. 2, "Nested Paging").

mod common;

use common::{Case, Expect, Tables, check};
use ptgen_machines::{
    FaultKind, Image, Machine, MachineError, NestedMmu, Probe, X86_64Mmu, X86Mmu, machines_for_tests, names,
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

const PAGE: u64 = 0x1000;
/// Where the pages of the tests are.
const BASE: u64 = 0xc000_0000;

/// Tables of entries of 64 bits that map what the machine reserves, for everybody.
fn tables<'a>(machine: &dyn Machine, image: &'a Image, levels: u32, va_bits: u32) -> Tables<'a> {
    let root = machine.memory().start;
    let mut tables = Tables {
        image,
        root,
        levels,
        va_bits,
        free: root + PAGE,
        pointer: |table| table | P | W | U,
        target: |word| word & 0x000f_ffff_ffff_f000,
        is_pointer: |word| word & (P | PS) == P,
    };
    if levels == 3 {
        // PDPTEs say nothing of rights.
        for slot in 0..4 {
            let directory = tables.frame();
            image.write_u64(root + 8 * slot, directory | P);
        }
    }
    for reserved in machine.reserved() {
        let write = if reserved.rights.write() { W } else { 0 };
        for offset in (0..reserved.bytes).step_by(PAGE as usize) {
            tables.set(reserved.va + offset, 0, (reserved.oa + offset) | P | U | A | D | write);
        }
    }
    tables
}

#[test]
fn three_levels_have_rights_and_reserved_bits() {
    for machine in machines_for_tests(&[names::QEMU_X86_GUESTS]) {
        let mut image = machine.new_image().unwrap();
        let mut tables = tables(machine.as_ref(), &image, 3, 32);
        let pages = [
            ("supervisor read-write", W | NX, "rw- ---"),
            ("supervisor text", 0, "r-x ---"),
            ("user all", U | W, "rwx rwx"),
            ("user read-only", U | NX, "r-- r--"),
        ];
        let mut cases = Vec::new();
        for (index, (what, bits, rights)) in (0..).zip(pages) {
            let (va, oa) = (BASE + index * PAGE, tables.page());
            tables.set(va, 0, oa | P | bits);
            cases.push(Case::rights(what, va, oa, rights, PERMISSION));
        }
        for (index, bit) in (0..).zip([1 << 52, 1 << 62, 1 << 41]) {
            let (va, oa) = (BASE + (0x10 + index) * PAGE, tables.page());
            tables.set(va, 0, oa | P | U | bit);
            cases.push(Case::all("a bit above the address", va, RESERVED));
        }
        cases.push(Case::all("hole", BASE + 0x20 * PAGE, NOT_PRESENT));
        let (large, oa) = (BASE + 0x20_0000, 0x4000_0000);
        image.tag(oa + 5 * PAGE);
        tables.set(large, 1, oa | P | W | U | PS);
        cases.push(Case::rights("2 MiB", large + 5 * PAGE, oa + 5 * PAGE, "rwx rwx", PERMISSION));
        let (root, directory) = (tables.root, image.read_u64(tables.root + 24));
        check(machine.as_ref(), &mut image, &X86Mmu::pae(root).into(), &cases);
        assert_eq!(image.read_u64(root + 24), directory, "no processor writes PDPTEs");
    }
}

#[test]
fn two_levels_have_pages_of_4_mib() {
    for machine in machines_for_tests(&[names::QEMU_X86_GUESTS]) {
        let mut image = machine.new_image().unwrap();
        let root = machine.memory().start;
        let put = |address: u64, word: u64| image.write(address, &(word as u32).to_le_bytes());
        let (low, high, page) = (root + PAGE, root + 2 * PAGE, root + 3 * PAGE);
        for reserved in machine.reserved() {
            put(root + 4 * (reserved.va >> 22), low | P | W | U);
            put(low + 4 * (reserved.va >> 12 & 0x3ff), reserved.oa | P | U);
        }
        put(root + 4 * (BASE >> 22), high | P | W | U);
        put(high, page | P | W);
        let oa = 0x4000_0000;
        put(root + 4 * (BASE >> 22) + 4, oa | P | U | PS);
        put(root + 4 * (BASE >> 22) + 8, oa | 1 << 21 | P | U | PS);
        image.tag(page);
        image.tag(oa + 0x3f_f000);
        let cases = [
            Case::rights("4 KiB", BASE, page, "rwx ---", PERMISSION),
            Case::all("hole", BASE + PAGE, NOT_PRESENT),
            Case::rights("4 MiB", BASE + 0x7f_f000, oa + 0x3f_f000, "r-x r-x", PERMISSION),
            Case::all("bit 21 of 4 MiB", BASE + 0x80_0000, RESERVED),
        ];
        check(machine.as_ref(), &mut image, &X86Mmu::two_levels(root).into(), &cases);
        assert!(machine.answers(&Probe::user(0xffff_ffff, ptgen_machines::Access::Read)));
        assert!(!machine.answers(&Probe::user(0x1_0000_0000, ptgen_machines::Access::Read)));
    }
}

#[test]
fn nested_accesses_are_those_of_users() {
    for machine in machines_for_tests(&[names::QEMU_X86_NESTED]) {
        for five_levels in [false, true] {
            let mut image = machine.new_image().unwrap();
            let levels = if five_levels { 5 } else { 4 };
            let mut tables = tables(machine.as_ref(), &image, levels, 12 + 9 * levels);
            let base = 0x80_0000_0000;
            let pages = [
                ("all", U | W, "rwx rwx"),
                ("read-only", U | NX, "r-- r--"),
                ("text", U, "r-x r-x"),
                ("not for users", W, "--- ---"),
            ];
            let mut cases = vec![Case::all("hole", base + 0x10 * PAGE, NOT_PRESENT)];
            for (index, (what, bits, rights)) in (0..).zip(pages) {
                let (va, oa) = (base + index * PAGE, tables.page());
                tables.set(va, 0, oa | P | bits);
                cases.push(Case::rights(what, va, oa, rights, PERMISSION));
            }
            let oa = tables.page();
            tables.set(base + 0x20 * PAGE, 0, oa | P | U | 1 << 45);
            cases.push(Case::all("a bit above the address", base + 0x20 * PAGE, RESERVED));
            let mmu = NestedMmu { root: tables.root, five_levels, no_execute: true };
            let slot = tables.slot(base, 0);
            check(machine.as_ref(), &mut image, &mmu.into(), &cases);
            assert_eq!(image.read_u64(slot) & (A | D), A | D, "the use is recorded");
        }
    }
}

#[test]
fn other_configurations_are_refused() {
    for machine in machines_for_tests(&[names::QEMU_X86_GUESTS, names::QEMU_X86_NESTED]) {
        let mut image = machine.new_image().unwrap();
        let root = machine.memory().start;
        let mmu = X86_64Mmu::four_levels(root).into();
        let refused = machine.probe(&mut image, &mmu, &[]);
        assert!(matches!(refused, Err(MachineError::Unsupported(_))), "{refused:?}");
    }
}
