//! The program that probes, in LoongArch instructions.
//!
//! It runs at privilege level 0 in a direct-mapped window of VA. An access is made at the level that is asked for, by a few
//! instructions in a window that level 3 may use as well (a read or write), or in the frame itself (a fetch); a system call
//! comes back. The TLB is emptied before each probe. What the TLB lacks is refilled by a handler that walks the tables with the instructions for that.

use super::assembler::{Register, Text, ZERO};
use super::{CONTROL, Walk};
use crate::control::{Control, DONE, HEADER, PRIVATE, PROBE_BYTES, PROBES, RESULT_BYTES, RESULTS, TEXT2, USER, header};
use crate::tag;

// Control and status registers (Reference Manual vol. 1, "List of control and status registers").
const CRMD: u32 = 0x0;
const PRMD: u32 = 0x1;
const ECFG: u32 = 0x4;
const ESTAT: u32 = 0x5;
const ERA: u32 = 0x6;
const BADV: u32 = 0x7;
const EENTRY: u32 = 0xc;
const ASID: u32 = 0x18;
const PGDL: u32 = 0x19;
const PGDH: u32 = 0x1a;
const PGD: u32 = 0x1b;
const PWCL: u32 = 0x1c;
const PWCH: u32 = 0x1d;
const STLBPS: u32 = 0x1e;
const SAVE0: u32 = 0x30;
const SAVE1: u32 = 0x31;
const TLBRENTRY: u32 = 0x88;
const TLBRBADV: u32 = 0x89;
const TLBRSAVE: u32 = 0x8b;
const TLBRELO0: u32 = 0x8c;
const TLBRELO1: u32 = 0x8d;
const TLBREHI: u32 = 0x8e;
const DMW0: u32 = 0x180;
const DMW1: u32 = 0x181;

/// A window of VA that is memory, cached, for level 0.
const WINDOW: u64 = 0x9000_0000_0000_0000;
/// Likewise for levels 0 and 3.
const COMMON: u64 = 0x8000_0000_0000_0000;
/// The coherent memory type, in a window.
const CACHED: u64 = 1 << 4;
const LEVEL0: u64 = 1 << 0;
const LEVEL3: u64 = 1 << 3;
/// `CRMD.PG`: translation is on.
const MAPPED: u64 = 1 << 4;
/// Offset of the instructions that make accesses.
const ACCESS: u64 = PRIVATE + 0x1000;
/// From there to the system call.
pub(super) const CALL: u64 = ACCESS + 16;
/// The device that ends the emulator, and what to write to it (ACPI 6.4, "Sleep control register": S5).
const SLEEP_CONTROL: u64 = 0x100e_001c;
const OFF: u64 = 0x34;

/// H of an entry of a directory, and where G stands in it and in the TLB (Reference Manual, "Multi-level page table structure
/// supported by page walking").
const HUGE: u32 = 1 << 6;
const GLOBAL_HUGE: u32 = 12;
const GLOBAL: u32 = 6;

// Registers: the address and the words found, which the accesses use; three that handlers keep; the stub's own.
const VA: Register = 4;
const FOUND: Register = 5;
const CHECK: Register = 6;
const T0: Register = 12;
const T1: Register = 13;
const T2: Register = 14;
const T3: Register = 15;
const KIND: Register = 16;
const STORED: Register = 17;
const HEAD: Register = 23;
const PROBE: Register = 24;
const RESULT: Register = 25;
const LEFT: Register = 26;

/// The code of a tag: loads the *number* of the frame, as 32 bits, and calls the system.
pub(crate) fn tag_code(number: u32) -> Vec<u8> {
    let mut text = Text::default();
    text.li_half(FOUND, number);
    text.syscall();
    text.bytes()
}

/// Where the instructions that make accesses stand in the window for all levels.
pub(super) const fn call() -> u64 {
    COMMON | (CONTROL + CALL)
}

/// Writes the parts of the text into the control area.
pub(super) fn install(control: Control<'_>, walk: &Walk) {
    let put = |offset: u64, most: u64, text: Text| {
        let bytes = text.bytes();
        assert!(bytes.len() as u64 <= most, "a part of the stub fits");
        control.write(offset, &bytes);
    };
    let (main, next) = main(walk);
    put(0, TEXT2, main);
    put(TEXT2, HEADER - TEXT2, exceptions(next));
    put(PRIVATE, ACCESS - PRIVATE, refill(walk));
    put(ACCESS, PROBES - ACCESS, access());
}

/// An offset in the window for level 0.
fn window(offset: u64) -> u64 {
    WINDOW | (CONTROL + offset)
}

/// Sets the registers and goes through the probes. Also answers where the next probe is taken, in bytes.
fn main(walk: &Walk) -> (Text, u64) {
    let mut text = Text::default();
    for (value, csr) in [
        (WINDOW | CACHED | LEVEL0, DMW0),
        (COMMON | CACHED | LEVEL0 | LEVEL3, DMW1),
        (0, ECFG),
        (window(TEXT2), EENTRY),
        (CONTROL + PRIVATE, TLBRENTRY),
        (0, ASID),
        (walk.root, PGDL),
        (walk.root, PGDH),
        (walk.pwcl(), PWCL),
        (walk.pwch(), PWCH),
        (u64::from(walk.page_lg2), STLBPS),
    ] {
        text.li(T0, value);
        text.write(T0, csr);
    }
    text.invtlb();
    for (register, offset) in [(HEAD, HEADER), (PROBE, PROBES), (RESULT, RESULTS)] {
        text.li(register, window(offset));
    }
    // Without translation a VA is an address but for its highest bits.
    let there = text.here() + 5;
    text.li(T0, window(4 * there as u64));
    text.jump(T0);
    text.li(T0, MAPPED);
    text.write(T0, CRMD);
    text.load(LEFT, HEAD, header::COUNT as u32);
    let next = text.here();
    text.store(LEFT, HEAD, header::LEFT as u32);
    let done = text.if_zero(LEFT);
    // QEMU 7.2 lets a page that it has let through for another access be read, whatever NR says.
    text.invtlb();
    text.load(VA, PROBE, 0);
    text.load_half(KIND, PROBE, 8);
    text.load_half(STORED, PROBE, 12);
    text.or(FOUND, ZERO, ZERO);
    text.or(CHECK, ZERO, ZERO);
    // The level to return to: 3 for a user.
    let user = (USER as u32).trailing_zeros();
    text.pick(T0, KIND, user, user);
    text.slli(T1, T0, 1);
    text.or(T0, T0, T1);
    text.write(T0, PRMD);
    text.andi(KIND, KIND, 3);
    text.li(T0, COMMON | (CONTROL + ACCESS));
    text.andi(T1, KIND, 2);
    let data = text.if_zero(T1);
    text.addi(T0, VA, tag::LOONGARCH_CODE as u32);
    let go = text.here();
    text.land(data, go);
    text.write(T0, ERA);
    text.ertn();
    let end = text.here();
    text.land(done, end);
    text.li(T0, DONE);
    text.store(T0, HEAD, header::STATE as u32);
    text.li(T0, WINDOW | SLEEP_CONTROL);
    text.li(T1, OFF);
    text.store_byte(T1, T0, 0);
    let forever = text.branch();
    text.land(forever, forever);
    (text, 4 * next as u64)
}

/// Makes a read or a write at the level that comes here.
fn access() -> Text {
    let mut text = Text::default();
    let read = text.if_zero(KIND);
    text.store(STORED, VA, tag::SCRATCH as u32);
    let here = text.here();
    text.land(read, here);
    text.load(FOUND, VA, tag::ADDRESS as u32);
    text.load(CHECK, VA, tag::CHECK_WORD as u32);
    text.syscall();
    text
}

/// Stores the result of a probe: every exception but a refill comes here.
fn exceptions(next: u64) -> Text {
    let mut text = Text::default();
    text.read(T0, ESTAT);
    text.pick(T1, T0, 21, 16);
    text.read(T2, BADV);
    text.read(T3, ERA);
    for (offset, register) in [(0, T1), (8, T0), (16, FOUND), (24, CHECK), (32, T2), (40, T3)] {
        text.store(register, RESULT, offset);
    }
    text.addi(PROBE, PROBE, PROBE_BYTES as u32);
    text.addi(RESULT, RESULT, RESULT_BYTES as u32);
    text.addi(T0, ZERO, 1);
    text.sub(LEFT, LEFT, T0);
    text.li(T0, window(next));
    text.jump(T0);
    text
}

/// Puts into the TLB what the tables say, whatever it is.
///
/// The machine walks: LDDIR takes the index out of the address, reads the entry and cuts its pointer; LDPTE reads the two
/// entries of a pair. Two things are put right here, by the manual's words for LDPTE. QEMU 7.2 cuts bits 63 to 48 out of
/// entries (RPLV, NX and NR among them), so these are read once more. And it knows huge pages of the lowest directory only,
/// so here they become two halves of the size of half a slot, with H taken out and G moved.
fn refill(walk: &Walk) -> Text {
    let mut text = Text::default();
    text.write(T0, TLBRSAVE);
    text.write(T1, SAVE0);
    text.write(T2, SAVE1);
    text.read(T0, PGD);
    let mut huge = Vec::new();
    for directory in walk.directories() {
        text.or(T1, T0, ZERO);
        text.lddir(T0, T0, directory.number);
        text.andi(T2, T0, HUGE);
        huge.push((text.if_not_zero(T2), directory));
    }
    text.ldpte(T0, 0);
    text.ldpte(T0, 1);
    text.read(T2, TLBRBADV);
    text.pick(T2, T2, walk.page_lg2 + walk.table_bits - 1, walk.page_lg2 + 1);
    text.slli(T2, T2, 4);
    text.add(T2, T0, T2);
    for (offset, half) in [(0, TLBRELO0), (8, TLBRELO1)] {
        text.load(T0, T2, offset);
        text.pick(T0, T0, 63, 48);
        text.read(T1, half);
        text.insert(T1, T0, 63, 48);
        text.write(T1, half);
    }
    let fill = text.here();
    text.tlbfill();
    text.read(T0, TLBRSAVE);
    text.read(T1, SAVE0);
    text.read(T2, SAVE1);
    text.ertn();
    for (from, directory) in huge {
        let here = text.here();
        text.land(from, here);
        // The word itself, as LDDIR has cut it.
        text.read(T2, TLBRBADV);
        text.pick(T2, T2, directory.base + directory.width - 1, directory.base);
        text.slli(T2, T2, 3);
        text.add(T1, T1, T2);
        text.load(T0, T1, 0);
        text.pick(T1, T0, GLOBAL_HUGE, GLOBAL_HUGE);
        text.insert(T0, ZERO, GLOBAL_HUGE, GLOBAL_HUGE);
        text.insert(T0, T1, GLOBAL, GLOBAL);
        text.or(T1, T0, ZERO);
        text.write(T1, TLBRELO0);
        text.li(T1, 1 << (directory.base - 1));
        text.add(T0, T0, T1);
        text.write(T0, TLBRELO1);
        text.addi(T0, ZERO, directory.base - 1);
        text.addi(T1, ZERO, 0x3f);
        text.exchange(T0, T1, TLBREHI);
        let back = text.branch();
        text.land(back, fill);
    }
    text
}
