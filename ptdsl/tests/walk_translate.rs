//! Walks over tables in memory: where they lead, what holds there, and why they end.

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ptdsl::bind;
use ptdsl::model::Format;
use ptdsl::walk::{self, Attributes, Fault, Found, Leaf, Outcome, Reason, Value, encode, encode_table};

fn model(file: &str, name: &str, features: &[&str], parameters: &[(&str, u128)]) -> Format {
    let text = if file == "trials" { support::trials() } else { ptgen_formats::format(name).unwrap().text.to_owned() };
    let all = support::resolved(&text);
    let description = support::format(&all, name);
    let features = description.features.iter().map(|feature| {
        let name = &feature.node.name.value;
        (name.clone(), features.contains(&name.as_str()))
    });
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), *value));
    bind::model(description, &features.collect(), &parameters.collect()).unwrap()
}

/// Memory of 16 MiB, all zero but for the words stored in it.
struct Memory {
    format: Format,
    bytes: RefCell<BTreeMap<u64, u8>>,
}

const END: u64 = 1 << 24;

impl Memory {
    fn new(format: Format) -> Self {
        Self { format, bytes: RefCell::default() }
    }

    fn level(&self, name: &str) -> usize {
        self.format.levels.iter().position(|level| level.name == name).unwrap()
    }

    fn layout(&self, level: usize, name: &str) -> usize {
        let entries = self.format.levels[level].entries.iter();
        entries.map(|entry| entry.layout).find(|layout| self.format.layouts[*layout].name == name).unwrap()
    }

    /// Stores a word in a slot, as the machine that owns the tables stores it.
    fn put(&self, level: &str, table: u64, slot: u64, word: u128) -> &Self {
        let level = &self.format.levels[self.level(level)];
        let count = (level.word_bits / 8) as usize;
        let mut bytes = word.to_le_bytes()[..count].to_vec();
        if level.endian == ptdsl::tree::Endian::Big {
            bytes.reverse();
        }
        let start = table + slot * count as u64;
        self.bytes.borrow_mut().extend(bytes.iter().enumerate().map(|(at, byte)| (start + at as u64, *byte)));
        self
    }

    /// Stores a table word.
    fn table(&self, level: &str, table: u64, slot: u64, layout: &str, child: u64, fields: &[(&str, u128)]) -> &Self {
        let index = self.level(level);
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let word = encode_table(&self.format, index, self.layout(index, layout), child, &fields).unwrap();
        self.put(level, table, slot, word)
    }

    /// Stores a leaf word of this layout and size.
    fn leaf(&self, level: &str, table: u64, slot: u64, shape: (&str, u32), oa: u64, flags: &[&str]) -> &Self {
        let (layout, lg2) = shape;
        let index = self.level(level);
        let attributes: Attributes = flags.iter().map(|name| ((*name).to_owned(), Value::Flag(true))).collect();
        let word = encode(&self.format, index, self.layout(index, layout), lg2, oa, &attributes).unwrap();
        self.put(level, table, slot, word)
    }

    fn word(&self, address: u64, bytes: u32) -> Option<u128> {
        if address.checked_add(bytes.into())? > END {
            return None;
        }
        let stored = self.bytes.borrow();
        let byte = |at: u64| u128::from(stored.get(&at).copied().unwrap_or(0));
        Some((0..bytes).rev().fold(0, |word, at| word << 8 | byte(address + u64::from(at))))
    }

    fn walk(&self, range: usize, root: u64, va: u64) -> walk::Walk {
        walk::translate(&self.format, range, &|address, bytes| self.word(address, bytes), root, va)
    }

    fn found(&self, root: u64, va: u64) -> Leaf {
        match self.walk(0, root, va).outcome {
            Outcome::Leaf(leaf) => leaf,
            other => panic!("{va:#x}: {other:?}"),
        }
    }

    fn fault(&self, root: u64, va: u64) -> (Fault, Option<&str>) {
        match self.walk(0, root, va).outcome {
            Outcome::Fault { fault, level } => (fault, level.map(|level| self.format.levels[level].name.as_str())),
            other => panic!("{va:#x}: {other:?}"),
        }
    }

    /// Everything that is mapped, one line each.
    fn listing(&self, root: u64) -> Vec<String> {
        let mut lines = Vec::new();
        let words = |address, bytes| self.word(address, bytes);
        let flow = walk::mappings::<_, ()>(&self.format, 0, &words, root, &mut |found| {
            lines.push(match found {
                Found::Leaf { va, oa, slot_lg2, leaf } => {
                    assert_eq!(leaf, self.found(root, va), "{va:#x}");
                    format!("{va:#x} {oa:#x} {slot_lg2} of {}", leaf.size_lg2)
                }
                Found::Fault { va, fault, .. } => format!("{va:#x} {fault:?}"),
                Found::Cycle { va, level, address } => {
                    format!("{va:#x} {} cycle {address:#x}", self.format.levels[level].name)
                }
            });
            ControlFlow::Continue(())
        });
        assert!(flow.is_continue());
        lines
    }
}

fn flag(attributes: &Attributes, name: &str) -> bool {
    attributes.get(name) == Some(&Value::Flag(true))
}

#[test]
fn rights_are_limited_on_the_way() {
    let format = model("shipped", "x86_64_4level", &["no_execute", "gigabyte_pages"], &[]);
    let memory = Memory::new(format);
    let all = [("write", 1), ("user", 1), ("execute", 1)];
    memory
        .table("pml4", 0x1000, 0, "directory", 0x2000, &all)
        .table("pdpt", 0x2000, 1, "directory", 0x3000, &all[..2])
        .table("pd", 0x3000, 2, "directory", 0x4000, &[("write", 1), ("execute", 1)])
        .leaf("pt", 0x4000, 3, ("page", 12), 0x1234_5000, &["write", "user", "execute", "accessed"])
        .leaf("pdpt", 0x2000, 2, ("large", 30), 0x8000_0000, &["user", "execute", "dirty"]);
    let va = 1 << 30 | 2 << 21 | 3 << 12 | 0x678;
    let leaf = memory.found(0x1000, va);
    assert_eq!((leaf.oa, leaf.va, leaf.size_lg2), (0x1234_5678, va & !0xfff, 12));
    assert!(flag(&leaf.own, "user") && flag(&leaf.own, "execute"));
    assert!(!flag(&leaf.attributes, "user") && !flag(&leaf.attributes, "execute") && flag(&leaf.attributes, "write"));
    assert!(flag(&leaf.attributes, "accessed"), "what is the leaf's own stays");
    let walk = memory.walk(0, 0x1000, va);
    let path: Vec<_> = walk.path.iter().map(|step| (step.level, step.table, step.index)).collect();
    assert_eq!(path, [(0, 0x1000, 0), (1, 0x2000, 1), (2, 0x3000, 2), (3, 0x4000, 3)]);
    let leaf = memory.found(0x1000, 2 << 30 | 0x123_4567);
    assert_eq!((leaf.oa, leaf.size_lg2, leaf.level), (0x8123_4567, 30, 1));
    assert!(flag(&leaf.attributes, "user") && flag(&leaf.attributes, "execute") && !flag(&leaf.attributes, "write"));
}

#[test]
fn a_table_makes_all_below_it_global() {
    let memory = Memory::new(model("shipped", "riscv_sv39", &[], &[]));
    memory
        .table("l2", 0x1000, 511, "directory", 0x2000, &[("global", 1)])
        .table("l1", 0x2000, 0, "directory", 0x3000, &[])
        .leaf("l0", 0x3000, 0, ("page", 12), 0x8020_0000, &["read", "execute"]);
    let leaf = memory.found(0x1000, 0xffff_ffff_c000_0123);
    assert!(flag(&leaf.attributes, "global") && !flag(&leaf.own, "global"));
    assert_eq!(leaf.oa, 0x8020_0123);
}

#[test]
fn faults_say_why_and_where() {
    let memory = Memory::new(model("shipped", "x86_64_4level", &["no_execute"], &[("width", 46)]));
    memory
        .table("pml4", 0x1000, 0, "directory", 0x2000, &[])
        .table("pdpt", 0x2000, 0, "directory", 0x3000, &[])
        .put("pd", 0x3000, 1, 0x4000_2083)
        .table("pd", 0x3000, 2, "directory", END, &[])
        .table("pd", 0x3000, 3, "directory", 0x4000, &[])
        .put("pml4", 0x1000, 1, 0x2081);
    let absent = |place: (Fault, Option<&str>), level| {
        assert!(matches!(place.0, Fault::Absent { .. }), "{place:?}");
        assert_eq!(place.1, Some(level));
    };
    absent(memory.fault(0x1000, 0), "pd");
    absent(memory.fault(0x1000, 3 << 21), "pt");
    absent(memory.fault(0x1000, 0xffff_8000_0000_0000), "pml4");
    assert_eq!(memory.fault(0x1000, 1 << 21), (Fault::Reserved(Reason::Bits(0x2000)), Some("pd")));
    assert_eq!(memory.fault(0x1000, 1 << 39), (Fault::Reserved(Reason::Level), Some("pml4")));
    assert_eq!(memory.fault(0x1000, 2 << 21 | 5 << 12), (Fault::NoMemory(END + 40), Some("pt")));
    assert_eq!(memory.fault(0x1000, 1 << 47), (Fault::NotCanonical, None));
    assert_eq!(memory.fault(u64::MAX - 7, 1 << 39), (Fault::NoMemory(u64::MAX - 7), Some("pml4")));
    assert_eq!(memory.fault(END, 0), (Fault::NoMemory(END), Some("pml4")));
}

#[test]
fn tags_and_ranges() {
    let format = model("shipped", "aarch64_stage1_4k", &["ignore_top_byte"], &[("low_bits", 39), ("high_bits", 39)]);
    let range = |va| walk::canonical_range(&format, va);
    assert_eq!(range(0x0000_007f_ffff_ffff), Some(0));
    assert_eq!(range(0x0000_0080_0000_0000), None);
    assert_eq!(range(0xab00_0040_0000_0000), Some(0));
    assert_eq!(range(0xabff_ff80_0000_0000), Some(1));
    assert_eq!(range(0xab7f_ff80_0000_0000), None);
    let format = model("trials", "power9_radix_4k", &[], &[]);
    assert_eq!(walk::canonical_range(&format, 0xc00f_ffff_ffff_ffff), Some(1));
    assert_eq!(walk::canonical_range(&format, 0xc010_0000_0000_0000), None);
    // The first range that holds a VA translates it.
    let format = model("trials", "armv7_short", &[], &[("low_bits", 30)]);
    assert_eq!(walk::canonical_range(&format, 0x3fff_ffff), Some(0));
    assert_eq!(walk::canonical_range(&format, 0x4000_0000), Some(1));
    // A table is walked as the one of the range that it is said to be of; what that range cannot hold is refused.
    let memory = Memory::new(format);
    let fault = memory.walk(1, 0, 0x1_0000_1000).outcome;
    assert!(matches!(fault, Outcome::Fault { fault: Fault::NotCanonical, level: None }));
    let format = model("shipped", "x86_64_4level", &["address_masking"], &[]);
    assert_eq!(walk::canonical_range(&format, 0x7abc_1234_5678_9abc & !(1 << 47)), Some(0));
    assert_eq!(walk::canonical_range(&format, 0x8abc_1234_5678_9abc & !(1 << 47)), None);
}

#[test]
fn every_slot_of_a_run_has_its_own_part() {
    let memory = Memory::new(model("shipped", "aarch64_stage1_4k", &[], &[("low_bits", 30), ("high_bits", 30)]));
    memory.table("l2", 0x1000, 0, "directory", 0x2000, &[]);
    for slot in 0..16 {
        memory.leaf("l3", 0x2000, 16 + slot, ("page_run", 16), 0x1_0000 + slot * 0x1000, &["write"]);
    }
    memory.leaf("l3", 0x2000, 32, ("page_run", 16), 0x3000, &[]);
    let leaf = memory.found(0x1000, 0x1_3456);
    assert_eq!((leaf.oa, leaf.va, leaf.size_lg2), (0x1_3456, 0x1_0000, 16));
    assert_eq!(memory.fault(0x1000, 0x2_0000), (Fault::Misplaced, Some("l3")));
    let listing = memory.listing(0x1000);
    assert_eq!(listing.len(), 17);
    assert_eq!(listing[3], "0x13000 0x13000 12 of 16");
    assert_eq!(listing[16], "0x20000 Misplaced");
}

#[test]
fn sizes_written_into_the_address_and_skipped_levels() {
    let memory = Memory::new(model("trials", "amd_iommu_v1", &[], &[("bits", 48)]));
    let both = [("read", 1), ("write", 1)];
    let l2 = memory.level("l2");
    let (level, layout) = (memory.level("l4"), memory.layout(memory.level("l4"), "directory"));
    // The root of level 4 points to a table of level 2: bits 38..30 of the VA must be zero.
    let fields: BTreeMap<String, u128> =
        both.iter().chain(&[("next_level", 2)]).map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let word = encode_table(&memory.format, level, layout, 0x2000, &fields).unwrap();
    memory.put("l4", 0x1000, 5, word).table("l2", 0x2000, 1, "directory", 0x3000, &both);
    for slot in 0..16 {
        memory.leaf("l1", 0x3000, 32 + slot, ("sized", 16), 0x1234_0000, &["read"]);
    }
    let base = 5 << 39 | 1 << 21 | 32 << 12;
    let leaf = memory.found(0x1000, base | 0x7654);
    assert_eq!((leaf.oa, leaf.va, leaf.size_lg2), (0x1234_7654, base, 16));
    assert_eq!(memory.walk(0, 0x1000, base).path[1].level, l2);
    assert_eq!(memory.fault(0x1000, base | 1 << 30), (Fault::SkippedBits, Some("l4")));
    let listing = memory.listing(0x1000);
    assert_eq!(listing.len(), 16);
    assert_eq!(listing[2], format!("{:#x} 0x12342000 12 of 16", base + 0x2000));
    // A root word chooses the level.
    let dte = |mode: u128| 0x2003 | mode << 9;
    let root = walk::root(&memory.format, 0, dte(4)).unwrap();
    assert_eq!((root.level, root.address, root.last_slot), (0, 0x2000, 511));
    assert_eq!(walk::root(&memory.format, 0, dte(2)).unwrap().level, l2);
    assert_eq!(walk::root(&memory.format, 0, dte(7)), None);
}

#[test]
fn tables_that_are_there_in_part() {
    let memory = Memory::new(model("trials", "s390x", &["edat1"], &[("bits", 42)]));
    // A table of segments from slot 512 to slot 1023.
    memory
        .put("region3", 0x4000, 1, 0x8000 | 1 << 6 | 1 << 2 | 1)
        .put("segment", 0x8000, 600, 0x1_0800)
        .put("segment", 0x8000, 20, 0x1_0800)
        .put("page", 0x1_0800, 7, 0x1234_5200);
    for slot in 0..2048 {
        if slot != 1 {
            memory.put("region3", 0x4000, slot, 0x24);
        }
        if slot != 600 && slot != 20 {
            memory.put("segment", 0x8000, slot, 0x20);
        }
    }
    for slot in (0..256).filter(|slot| *slot != 7) {
        memory.put("page", 0x1_0800, slot, 0x400);
    }
    let va = |segment: u64| 1 << 31 | segment << 20 | 7 << 12 | 0x21;
    assert_eq!(memory.found(0x4000, va(600)).oa, 0x1234_5021);
    assert!(!flag(&memory.found(0x4000, va(600)).attributes, "write"));
    assert_eq!(memory.fault(0x4000, va(20)), (Fault::OutsideTable, Some("segment")));
    assert_eq!(memory.listing(0x4000), [format!("{:#x} 0x12345000 12 of 12", va(600) & !0xfff)]);
}

#[test]
fn two_children_of_one_word() {
    let memory = Memory::new(model("trials", "pascal_mmu2", &[], &[]));
    let (small, large) = (0x5000_u128, 0x6100_u128);
    let pair = (small >> 12) << 72 | 1 << 65 | (large >> 8) << 4 | 1 << 1;
    memory
        .put("pd3", 0x1000, 0, 0x2000 >> 4 | 1 << 1)
        .put("pd2", 0x2000, 0, 0x3000 >> 4 | 1 << 1)
        .put("pd1", 0x3000, 0, 0x4000 >> 4 | 1 << 1)
        .put("pd0", 0x4000, 0, pair)
        .put("lpt", 0x6100, 1, 0x8_0000_u128 >> 4 | 1)
        .put("lpt", 0x6100, 2, 1 << 5)
        .put("spt", 0x5000, 3, 0x7000 >> 4 | 1)
        .put("spt", 0x5000, 20, 0x9000 >> 4 | 1)
        .put("spt", 0x5000, 33, 0x9000 >> 4 | 1);
    // Slot 0 of the large pages leaves it to the small ones; slot 1 is a large page; slot 2 is a hole for good.
    assert_eq!(memory.found(0x1000, 0x3123).oa, 0x7123);
    assert_eq!(memory.found(0x1000, 0x1_4123).oa, 0x8_4123);
    assert!(matches!(memory.fault(0x1000, 0x2_1000), (Fault::Absent { .. }, Some("lpt"))));
    assert!(matches!(memory.fault(0x1000, 0x4000), (Fault::Absent { .. }, Some("spt"))));
    assert_eq!(memory.listing(0x1000), ["0x3000 0x7000 12 of 12", "0x10000 0x80000 16 of 16"]);
}

#[test]
fn words_in_the_other_byte_order() {
    let memory = Memory::new(model("trials", "power9_radix_64k", &[], &[]));
    memory
        .table("pgd", 0x10000, 0, "directory", 0x1000, &[])
        .table("pud", 0x1000, 0, "directory", 0x2000, &[])
        .table("pmd", 0x2000, 0, "directory", 0x3100, &[])
        .leaf("pte", 0x3100, 31, ("page", 16), 0x1234_0000, &["read", "user"]);
    assert_eq!(memory.bytes.borrow()[&0x10000], 0x80);
    assert_eq!(memory.found(0x10000, 0x1f_4567).oa, 0x1234_4567);
}

#[test]
fn leaves_come_in_the_order_of_the_va_and_circles_are_not_followed() {
    let memory = Memory::new(model("shipped", "x86_64_4level", &["no_execute"], &[]));
    memory
        .table("pml4", 0x1000, 0, "directory", 0x2000, &[])
        .table("pml4", 0x1000, 256, "directory", 0x2000, &[])
        .table("pml4", 0x1000, 511, "directory", 0x1000, &[])
        .table("pdpt", 0x2000, 511, "directory", 0x3000, &[])
        .leaf("pd", 0x3000, 1, ("large", 21), 0x20_0000, &[])
        .put("pd", 0x3000, 5, 0x4000_2083);
    assert_eq!(
        memory.listing(0x1000),
        [
            "0x7fc0200000 0x200000 21 of 21",
            "0x7fc0a00000 Reserved(Bits(8192))",
            "0xffff807fc0200000 0x200000 21 of 21",
            "0xffff807fc0a00000 Reserved(Bits(8192))",
            "0xffffff8000000000 pml4 cycle 0x1000",
        ]
    );
    // `translate` is the machine, which does follow them.
    assert!(matches!(memory.found(0x1000, 0xffff_ffff_ffff_f000), Leaf { level: 3, .. }));
    let words = |address, bytes| memory.word(address, bytes);
    let stopped = walk::mappings(&memory.format, 0, &words, 0x1000, &mut |_| ControlFlow::Break(7));
    assert_eq!(stopped, ControlFlow::Break(7));
}
