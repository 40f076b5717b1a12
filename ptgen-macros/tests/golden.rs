//! Words of the manuals, written and read by emitted code.

use ptgen::{Arena, Attributes, Context, Format, Level, NoTlb, pagetable};

#[pagetable(format = "x86_64_4level", features(protection_keys = on))]
pub mod x86 {}
#[pagetable(format = "riscv_sv39", features(svnapot = on, svpbmt = on))]
pub mod riscv {}
#[pagetable(format = "aarch64_stage1_4k", range = high, features(hardware_accessed = on, hardware_dirty = on))]
pub mod arm {}
#[pagetable(format = "aarch64_stage1_4k_lpa2", range = low, features(hardware_accessed = on, hardware_dirty = on))]
pub mod lpa2 {}

/// Whether `word` is the leaf of these attributes, size and address, in both directions.
fn leaf<L: Level<Format: Format<Word = u64>>>(
    f: L::Format,
    attributes: &<L::Format as Format>::Attributes,
    lg2: u32,
    oa: u64,
    word: u64,
) {
    let template = L::template(f, attributes, lg2).expect("encodable");
    assert_eq!(L::leaf(f, template, lg2, oa), word, "{:#x}", L::leaf(f, template, lg2, oa));
    reads::<L>(f, attributes, lg2, oa, word);
}

/// Whether `word` is read as the leaf of these attributes, size and address.
fn reads<L: Level<Format: Format<Word = u64>>>(
    f: L::Format,
    attributes: &<L::Format as Format>::Attributes,
    lg2: u32,
    oa: u64,
    word: u64,
) {
    assert!(L::is_leaf(f, word) && !L::is_table(f, word) && !L::is_absent(f, word));
    assert_eq!((L::leaf_oa(f, word), L::leaf_lg2(f, word)), (oa, lg2));
    assert_eq!(L::attributes(f, word, f.no_limits()), *attributes);
}

#[test]
fn x86_64() {
    use x86::{Attributes as A, Format as F, MemoryType, Pd, Pdpt, Pml4, Pt};
    let data = A::kernel_data();
    let through = data.with_memory_type(MemoryType::WriteThrough);
    leaf::<Pt>(F {}, &data, 12, 0x1234_5000, 0x8000_0000_1234_5163);
    leaf::<Pd>(F {}, &data, 21, 0x4000_0000, 0x8000_0000_4000_01e3);
    leaf::<Pdpt>(F {}, &data, 30, 0x1_0000_0000, 0x8000_0001_0000_01e3);
    leaf::<Pt>(F {}, &through, 12, 0x1234_5000, 0x8000_0000_1234_51fb);
    leaf::<Pd>(F {}, &through, 21, 0x4000_0000, 0x8000_0000_4000_11fb);
    let keyed = A::user_text().with_key(5);
    leaf::<Pt>(F {}, &keyed, 12, 0x1234_5000, 0x2800_0000_1234_5025);

    assert!(Pd::is_table(F {}, 0x2063) && Pd::table_address(F {}, 0x2063) == 0x2000);
    let below_kernel_table = Pd::limit(F {}, F {}.no_limits(), 0x2063);
    let text = Pt::attributes(F {}, 0x1234_5025, below_kernel_table);
    assert!(!text.user && text.execute && !text.write);
    assert!(Pd::is_absent(F {}, 0x8000_0000_4000_0020) && !Pd::is_empty(F {}, 0x8000_0000_4000_0020));

    // Reserved: a large page above pdpt, an address below the alignment.
    for word in [0x81, 0x80_0000_0083] {
        assert!(!Pml4::is_leaf(F {}, word) && !Pml4::is_table(F {}, word) && !Pml4::is_absent(F {}, word));
    }
    assert!(!Pd::is_leaf(F {}, 0x4000_2083) && !Pd::is_table(F {}, 0x4000_2083));
    let split = Pd::descend(F {}, 0x8000_0000_4000_11fb, 12).expect("sayable");
    assert_eq!(Pt::leaf(F {}, split, 12, 0x4000_1000), 0x8000_0000_4000_11fb);
}

#[test]
fn riscv_64() {
    use riscv::{Attributes as A, Format as F, L0, L1, L2, MemoryType};
    let data = A::kernel_data();
    leaf::<L0>(F {}, &data, 12, 0x8020_0000, 0x2008_00e7);
    leaf::<L0>(F {}, &data, 16, 0x8020_0000, 0x8000_0000_2008_20e7);
    leaf::<L1>(F {}, &data.with_memory_type(MemoryType::Uncached), 21, 0x8020_0000, 0x2000_0000_2008_00e7);
    assert_eq!(L1::table(F {}, 0x8020_1000), 0x2008_0401);
    assert!(L1::is_table(F {}, 0x2008_0401) && L1::table_address(F {}, 0x2008_0401) == 0x8020_1000);

    // Reserved: write without read, a misaligned large page, a pointer at the bottom, memory type 3, a broken run.
    assert!(!L0::is_leaf(F {}, 0x2008_00e5) && L0::template(F {}, &data.with_read(false), 12).is_err());
    assert!(L0::is_leaf(F {}, 0x2008_00c9));
    assert!(!L1::is_leaf(F {}, 0x2008_04e7) && L0::is_leaf(F {}, 0x2008_04e7));
    assert!(!L0::is_table(F {}, 0x2008_0401) && !L0::is_leaf(F {}, 0x2008_0401));
    assert!(!L0::is_leaf(F {}, 0x6000_0000_2008_00e7));
    assert!(!L0::is_leaf(F {}, 0x8000_0000_2008_10e7) && !L2::is_leaf(F {}, 0x8000_0000_2008_20e7));
    // `global` in a table word makes all below it global.
    let limits = L1::limit(F {}, F {}.no_limits(), 0x2008_0421);
    assert!(L0::attributes(F {}, 0x2008_00c7, limits).global);
    assert!(!L0::attributes(F {}, 0x2008_00c7, F {}.no_limits()).global);
    // Any slot of a run translates every address of the run.
    assert_eq!(L0::output(F {}, 0x8000_0000_2008_20e7, 0x1_2345), 0x8020_2345);
}

#[test]
fn aarch64() {
    use arm::{Attributes as A, Format as F, L1, L2, L3};
    let data = A::kernel_data();
    for (size, oa, word) in [(12, 0x1234_5000, 0x0068_0000_1234_5703), (16, 0x1234_0000, 0x0078_0000_1234_0703)] {
        leaf::<L3>(F {}, &data, size, oa, word);
        // The software bit that remembers a write when the page becomes read-only may stand there, too.
        reads::<L3>(F {}, &data, size, oa, word | 1 << 55);
    }
    leaf::<L2>(F {}, &data, 21, 0x4000_0000, 0x0068_0000_4000_0701);
    let limits = L2::limit(F {}, F {}.no_limits(), 0x1800_0000_0000_2003);
    assert!(L2::is_table(F {}, 0x1800_0000_0000_2003));
    assert_eq!(L2::table_address(F {}, 0x1800_0000_0000_2003), 0x2000);
    let text = L3::attributes(F {}, 0x703, limits);
    assert!(!text.execute && !text.user_execute && text.write);
    assert!(L3::attributes(F {}, 0x703, F {}.no_limits()).execute);
    assert!(!L3::is_leaf(F {}, 0x701) && !L3::is_table(F {}, 0x701) && !L3::is_absent(F {}, 0x701));
    assert!(!L1::is_leaf(F {}, 0x4020_0701));
    // Writable and clean: hardware may set `dirty` by clearing the bit that says read-only.
    let clean = data.with_dirty(false);
    leaf::<L3>(F {}, &clean, 12, 0x1234_5000, 0x0068_0000_1234_5783);
    let patch = L3::patch(F {}, &arm::Change::new().write(false)).expect("sayable");
    for (before, after) in
        [(0x0068_0000_1234_5703, 0x00e0_0000_1234_5783_u64), (0x0068_0000_1234_5783, 0x0060_0000_1234_5783)]
    {
        assert_eq!(L3::apply(F {}, &patch, before), after, "{before:#x}");
    }
    assert_eq!((L3::hardware(F {}), L3::hardware_done(F {})), (0x480, 0x400));
    assert!(A::user_text().permits(ptgen::Access::Execute, true));
    assert!(!A::user_text().permits(ptgen::Access::Execute, false));
}

#[test]
fn aarch64_lpa2() {
    use lpa2::{Attributes as A, Format as F, L3, Lm1};
    leaf::<L3>(F {}, &A::kernel_data(), 12, 0x000d_1234_5678_9000, 0x0069_1234_5678_9703);
    assert_eq!(Lm1::table_address(F {}, 0x0001_0000_0000_2303), 0x000d_0000_0000_2000);
    assert!(F {}.is_canonical(0x000f_ffff_ffff_ffff) && !F {}.is_canonical(0x0010_0000_0000_0000));
}

#[test]
fn root_words() {
    let mut words = vec![0_u64; 4 * 512];
    let arena = Arena::new(0x10_0000, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let table = x86::PageTable::new(&mut cx).expect("a frame");
    let at = table.root().get();
    assert_eq!(x86::Root::new(&table).word(), at);
    assert_eq!(x86::Root::new(&table).with_asid(0xf123).with_no_flush(true).word(), at | 0x8000_0000_0000_0123);
    let table = riscv::PageTable::new(&mut cx).expect("a frame");
    let at = table.root().get();
    assert_eq!(riscv::Root::new(&table).with_asid(7).word(), 0x8000_7000_0000_0000 | at >> 12);
    let table = lpa2::PageTable::new(&mut cx).expect("a frame");
    let at = table.root().get();
    assert_eq!(lpa2::Root::new(&table).with_asid(9).with_common(true).word(), 0x0009_0000_0000_0001 | at);
}
