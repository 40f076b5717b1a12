//! Walkers that know the formats by themselves: slow, simple, and with nothing of the runtime in them.

use super::model::Segment;
use super::{four_level, odd, three_level};

/// A format that the tests know.
pub trait Known: ptgen::Format {
    /// All leaves, slot by slot, and the number of tables. `read` reads a word of memory.
    fn dump(self, read: &dyn Fn(u64) -> u64, root: u64) -> Dump<Self::Attributes>;
    /// How many bits the tables translate.
    fn width(self) -> u32;
    /// The sizes of leaves.
    const SIZES: &'static [u32];
    fn some_attributes(number: u64) -> Self::Attributes;
    fn some_change(number: u64) -> Self::Change;
}

/// What a walker finds.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Dump<A> {
    /// Leaves merged into ranges, by position, with OA and attributes.
    pub segments: Vec<Segment<A>>,
    /// Where a leaf starts and lg2 of its size, runs included.
    pub leaves: Vec<(u64, u32)>,
    pub tables: usize,
    /// Of every word of every table that is not empty, with its address.
    pub hash: u64,
}

impl<A: Copy + PartialEq> Dump<A> {
    pub fn new() -> Self {
        Self { segments: Vec::new(), leaves: Vec::new(), tables: 0, hash: 0 }
    }

    pub fn word(&mut self, address: u64, word: u64) {
        let mixed = (self.hash ^ address).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) ^ word;
        self.hash = mixed.wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    }

    /// A leaf of one slot.
    pub fn leaf(&mut self, start: u64, lg2: u32, oa: u64, attributes: A) {
        self.leaves.push((start, lg2));
        self.slot(start, lg2, oa, attributes);
    }

    fn slot(&mut self, start: u64, lg2: u32, oa: u64, attributes: A) {
        let segment = Segment { start, last: start + (1 << lg2) - 1, oa, attributes };
        super::model::push(&mut self.segments, segment);
    }
}

impl Known for four_level::Format {
    fn dump(self, read: &dyn Fn(u64) -> u64, root: u64) -> Dump<four_level::Attributes> {
        let mut dump = Dump::new();
        four(read, root, 3, 0, (true, true, true), &mut dump);
        dump
    }

    fn width(self) -> u32 {
        48
    }

    const SIZES: &'static [u32] = &[12, 21, 30];

    fn some_attributes(number: u64) -> four_level::Attributes {
        let bit = |n: u64| number >> n & 1 != 0;
        four_level::Attributes {
            write: bit(0),
            execute: bit(1),
            memory_type: if bit(2) { four_level::MemoryType::WriteThrough } else { four_level::MemoryType::WriteBack },
            global: bit(3),
            accessed: bit(3),
            dirty: bit(4),
            user: bit(5),
            software: 0,
        }
    }

    fn some_change(number: u64) -> four_level::Change {
        let bit = |n: u64| number >> n & 1 != 0;
        four_level::Change {
            write: bit(0).then_some(bit(1)),
            execute: bit(2).then_some(bit(3)),
            memory_type: (number >> 4 & 3 == 0).then_some(four_level::MemoryType::WriteProtected),
            ..four_level::Change::default()
        }
    }
}

fn four(
    read: &dyn Fn(u64) -> u64,
    table: u64,
    level: u32,
    base: u64,
    limits: (bool, bool, bool),
    dump: &mut Dump<four_level::Attributes>,
) {
    use four_level::MemoryType::{Uncached, UncachedMinus, WriteBack, WriteCombining, WriteProtected, WriteThrough};
    dump.tables += 1;
    for slot in 0..512 {
        let w = read(table + 8 * slot);
        let lg2 = 12 + 9 * level;
        let start = base + (slot << lg2);
        if w & 1 == 0 {
            if w != 0 {
                dump.word(table + 8 * slot, w);
            }
            continue;
        }
        dump.word(table + 8 * slot, w);
        assert_eq!(w & 0x000f_c000_0000_0000, 0, "reserved bits in {w:#x}");
        let rights = (limits.0 && w & 2 != 0, limits.1 && w & 4 != 0, limits.2 && w >> 63 == 0);
        if level > 0 && w & 0x80 == 0 {
            four(read, w & 0x3fff_ffff_f000, level - 1, start, rights, dump);
            continue;
        }
        assert!(level < 3, "a leaf in the root: {w:#x}");
        let pat_bit = if level == 0 { 7 } else { 12 };
        let mask = 0x3fff_ffff_f000 & !((1 << lg2) - 1);
        if level > 0 {
            assert_eq!(w & 0x3fff_ffff_e000 & !mask, 0, "reserved low bits in {w:#x}");
        }
        let pat = (w >> pat_bit & 1) << 2 | (w >> 4 & 1) << 1 | w >> 3 & 1;
        let types = [
            WriteBack,
            WriteCombining,
            UncachedMinus,
            Uncached,
            WriteBack,
            WriteProtected,
            UncachedMinus,
            WriteThrough,
        ];
        let attributes = four_level::Attributes {
            write: rights.0,
            user: rights.1,
            execute: rights.2,
            global: w & 0x100 != 0,
            accessed: w & 0x20 != 0,
            dirty: w & 0x40 != 0,
            memory_type: types[pat as usize],
            software: w & 0x07f0_0000_0000_0e00,
        };
        dump.slot(start, lg2, w & mask, attributes);
        dump.leaves.push((start, lg2));
    }
}

impl Known for three_level::Format {
    fn dump(self, read: &dyn Fn(u64) -> u64, root: u64) -> Dump<three_level::Attributes> {
        let mut dump = Dump::new();
        three(read, root, if self.four { 3 } else { 2 }, 0, &mut dump);
        dump
    }

    fn width(self) -> u32 {
        if self.four { 48 } else { 39 }
    }

    const SIZES: &'static [u32] = &[12, 16, 21, 30];

    fn some_attributes(number: u64) -> three_level::Attributes {
        let bit = |n: u64| number >> n & 1 != 0;
        three_level::Attributes {
            read: true,
            write: bit(0),
            execute: bit(1),
            user: bit(2),
            global: bit(3),
            accessed: bit(4),
            dirty: bit(5),
            page_type: if bit(6) { 2 } else { 0 },
        }
    }

    fn some_change(number: u64) -> three_level::Change {
        let bit = |n: u64| number >> n & 1 != 0;
        three_level::Change {
            write: bit(0).then_some(bit(1)),
            execute: bit(2).then_some(bit(3)),
            page_type: (number >> 4 & 3 == 0).then_some(1),
            ..three_level::Change::default()
        }
    }
}

fn three(read: &dyn Fn(u64) -> u64, table: u64, level: u32, base: u64, dump: &mut Dump<three_level::Attributes>) {
    dump.tables += 1;
    for slot in 0..512 {
        let w = read(table + 8 * slot);
        let lg2 = 12 + 9 * level;
        let start = base + (slot << lg2);
        if w & 1 == 0 {
            if w != 0 {
                dump.word(table + 8 * slot, w);
            }
            continue;
        }
        dump.word(table + 8 * slot, w);
        assert_eq!(w >> 54 & 0x7f, 0, "reserved bits in {w:#x}");
        let page_number = w >> 10 & 0xfff_ffff_ffff;
        if w & 0xe == 0 {
            assert!(level > 0, "a pointer in the lowest table: {w:#x}");
            assert_eq!(w & 0xd0 | w >> 61, 0, "a pointer with reserved bits: {w:#x}");
            three(read, page_number << 12, level - 1, start, dump);
            continue;
        }
        assert_ne!(w & 6, 4, "writable and not readable: {w:#x}");
        let attributes = three_level::Attributes {
            read: w & 2 != 0,
            write: w & 4 != 0,
            execute: w & 8 != 0,
            user: w & 16 != 0,
            global: w & 32 != 0,
            accessed: w & 64 != 0,
            dirty: w & 128 != 0,
            page_type: w >> 61 & 3,
        };
        if w >> 63 != 0 {
            assert!(level == 0 && page_number & 15 == 8, "a run that is not one of 64 KiB: {w:#x}");
            let oa = (page_number & !15 | slot & 15) << 12;
            dump.slot(start, 12, oa, attributes);
            if slot % 16 == 0 {
                dump.leaves.push((start, 16));
            }
            let first = read(table + 8 * (slot & !15));
            // But for what a machine records in the one that it has used.
            assert_eq!(first & !0xc0, w & !0xc0, "the words of a run differ");
            continue;
        }
        assert_eq!(page_number & ((1 << (9 * level)) - 1), 0, "a misaligned leaf: {w:#x}");
        dump.slot(start, lg2, page_number << 12, attributes);
        dump.leaves.push((start, lg2));
    }
}

impl Known for odd::Format {
    fn dump(self, read: &dyn Fn(u64) -> u64, root: u64) -> Dump<odd::Attributes> {
        let mut dump = Dump::new();
        odd(read, root, 22, 0, &mut dump);
        dump
    }

    fn width(self) -> u32 {
        32
    }

    const SIZES: &'static [u32] = &[12, 13, 16, 21, 22, 24];

    fn some_attributes(number: u64) -> odd::Attributes {
        odd::Attributes { write: number & 1 != 0, dirty: number & 2 != 0 }
    }

    fn some_change(number: u64) -> odd::Change {
        odd::Change { write: (number & 1 != 0).then_some(number & 2 != 0), ..odd::Change::default() }
    }
}

fn odd(read: &dyn Fn(u64) -> u64, table: u64, shift: u32, base: u64, dump: &mut Dump<odd::Attributes>) {
    dump.tables += 1;
    // How many slots are left of a run, and its word with the OA that comes next.
    let mut run = (0, 0);
    for slot in 0..1024 {
        let w = (read(table + 4 * slot) as u32).swap_bytes();
        dump.word(table + 4 * slot, u64::from(w));
        let start = base + (slot << shift);
        if run.0 > 0 {
            assert_eq!(w & !8, run.1 & !8, "slots of a run disagree");
            run = (run.0 - 1, run.1 + (1 << shift));
        } else if w & 3 == 3 {
            let slots = 1_u64 << (w >> 4 & 15);
            assert_eq!(slot % slots, 0, "a run starts where it must not");
            assert_eq!(u64::from(w & 0xffff_f000) % (slots << shift), 0, "a misaligned run");
            run = (slots - 1, w + (1 << shift));
            dump.leaves.push((start, shift + (w >> 4 & 15)));
        }
        match w & 3 {
            0 => assert_eq!(w & 0xfff, 0x800, "neither valid nor absent: {w:#x}"),
            1 if shift == 22 => odd(read, u64::from(w & 0xffff_f000), 12, start, dump),
            3 => {
                assert!(w >> 4 & 15 <= if shift == 22 { 3 } else { 9 } && w & 0xf00 == 0, "reserved: {w:#x}");
                let attributes = odd::Attributes { write: w & 4 != 0, dirty: w & 8 == 0 };
                dump.slot(start, shift, u64::from(w & 0xffff_f000), attributes);
            }
            _ => panic!("no word of the format: {w:#x}"),
        }
    }
}
