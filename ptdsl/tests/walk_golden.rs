//! Words that are known to be right, taken apart and put together again: layout, address, size, attributes, and the very
//! same word back.
//!
//! The words are derived by hand from the bit tables of the manuals.

mod support;

use ptdsl::resolve::Description;
use support::bound::bound;

fn shipped() -> Vec<Description> {
    ptgen_formats::FILES.iter().flat_map(|file| support::resolved(file.text)).collect()
}

fn trials() -> Vec<Description> {
    support::resolved(&support::trials())
}

/// Both the shipped file and the trial of a format.
fn both(check: impl Fn(&[Description])) {
    check(&shipped());
    check(&trials());
}

#[test]
fn x86_64() {
    both(|all| {
        for name in ["x86_64_4level", "x86_64_5level", "x86_64"] {
            let binding = format!("{name} gigabyte_pages no_execute protection_keys");
            let data = "accessed dirty global memory_type=write_back write";
            let through = "accessed dirty global memory_type=write_through write";
            let tables = "accessed memory_type=write_back write";
            bound(all, &binding)
                .leaf("pt", 0x8000_0000_1234_5163, "page", 0x1234_5000, 12, data)
                .leaf("pd", 0x8000_0000_4000_01e3, "large", 0x4000_0000, 21, data)
                .leaf("pdpt", 0x8000_0001_0000_01e3, "large", 0x1_0000_0000, 30, data)
                .leaf("pt", 0x8000_0000_1234_51fb, "page", 0x1234_5000, 12, through)
                .leaf("pd", 0x8000_0000_4000_11fb, "large", 0x4000_0000, 21, through)
                .leaf(
                    "pt",
                    0x2800_0000_1234_5025,
                    "page",
                    0x1234_5000,
                    12,
                    "accessed execute key=5 memory_type=write_back user",
                )
                .table("pd", 0x2063, "directory", "pt", 0x2000, &format!("accessed execute {}", &tables[9..]))
                .absent("pd", 0x8000_0000_4000_0020)
                .empty("pd", &[0])
                // Bits below the alignment of a large page, but for PAT.
                .refused("pd", 0x8000_0000_4000_01e3 | 1 << 13, Some(1 << 13))
                .refused("pdpt", 0x8000_0001_0000_01e3 | 1 << 29, Some(1 << 29))
                .refused("pml4", 0xe3, None);
        }
        // XD is reserved where EFER.NXE is off; addresses end at MAXPHYADDR.
        bound(all, "x86_64_4level gigabyte_pages width=46")
            .refused("pt", 0x8000_0000_1234_5163, Some(1 << 63))
            .refused("pt", 1 << 46 | 0x63, Some(1 << 46))
            .refused("pd", 1 << 51 | 0x2063, Some(1 << 51))
            .leaf("pt", 1 << 45 | 0x63, "page", 1 << 45, 12, "accessed dirty memory_type=write_back write");
        bound(all, "x86_64_4level no_execute").refused("pdpt", 0x8000_0001_0000_01e3, None);
    });
}

#[test]
fn x86_64_encryption() {
    both(|all| {
        let plain = "accessed dirty memory_type=write_back write";
        bound(all, "x86_64_4level encryption c_bit=47")
            .leaf(
                "pt",
                1 << 47 | 0x1234_5063,
                "page",
                0x1234_5000,
                12,
                "accessed dirty encrypted memory_type=write_back write",
            )
            .leaf("pt", 0x1234_5063, "page", 0x1234_5000, 12, plain)
            .table(
                "pd",
                1 << 47 | 0x2063,
                "directory",
                "pt",
                0x2000,
                "accessed encrypted memory_type=write_back write",
            );
        bound(all, "x86_64_4level sharing c_bit=51").leaf("pt", 1 << 51 | 0x1234_5063, "page", 0x1234_5000, 12, plain);
        // The bit is not an address bit wherever the width ends.
        bound(all, "x86_64_4level encryption c_bit=47 width=43")
            .leaf(
                "pt",
                1 << 47 | 0x1234_5063,
                "page",
                0x1234_5000,
                12,
                "accessed dirty encrypted memory_type=write_back write",
            )
            .refused("pt", 1 << 46 | 0x1234_5063, Some(1 << 46));
    });
}

#[test]
fn riscv() {
    both(|all| {
        let data = "accessed dirty global read write";
        let cached = "accessed dirty global memory_type=cached read write";
        bound(all, "riscv_sv39 svnapot svpbmt")
            .leaf("l0", 0x2008_00e7, "page", 0x8020_0000, 12, cached)
            .leaf("l0", 0x8000_0000_2008_20e7, "napot", 0x8020_0000, 16, cached)
            .leaf(
                "l1",
                0x2000_0000_2008_00e7,
                "page",
                0x8020_0000,
                21,
                "accessed dirty global memory_type=uncached read write",
            )
            .table("l1", 0x2008_0401, "directory", "l0", 0x8020_1000, "")
            .empty("l0", &[0])
            // Other patterns of N are reserved, as is N above level 0, and PBMT 3.
            .refused("l0", 0x8000_0000_2008_00e7, Some(0x2000))
            .refused("l0", 0x8000_0000_2008_30e7, Some(0x1000))
            .refused("l1", 0x8000_0000_2008_20e7, None)
            .refused("l0", 0x6000_0000_2008_00e7, None)
            .refused("l0", 0x2008_0401, None)
            // A misaligned superpage; writable but not readable.
            .refused("l1", 0x2008_04e7, Some(0x400))
            .refused("l0", 0x2008_00e5, None)
            .refused("l1", 0x2008_0401 | 1 << 7, Some(1 << 7));
        bound(all, "riscv_sv39")
            .leaf("l0", 0x2008_00e7, "page", 0x8020_0000, 12, data)
            .refused("l0", 0x8000_0000_2008_20e7, None)
            .refused("l0", 0x2000_0000_2008_00e7, Some(1 << 61));
    });
    let all = shipped();
    for name in ["riscv_sv48", "riscv_sv57"] {
        bound(&all, name).leaf("l3", 0x00e7, "page", 0, 39, "accessed dirty global read write").table(
            "l3",
            0x2008_0401,
            "directory",
            "l2",
            0x8020_1000,
            "",
        );
    }
    bound(&trials(), "riscv_sv39x4")
        .leaf("l0", 0x2008_00d7, "page", 0x8020_0000, 12, "accessed dirty read write")
        .refused("l0", 0x2008_00c7, Some(1 << 4));
}

#[test]
fn aarch64_stage1_trial() {
    let all = trials();
    let binding = "hardware_accessed hardware_dirty hierarchical";
    let data = "accessed dirty global memory_type=write_back shareability=inner write";
    let name = format!("aarch64_stage1_4k {binding}");
    bound(&all, &name)
        .leaf("l3", 0x0068_0000_1234_5703, "page", 0x1234_5000, 12, data)
        .leaf("l2", 0x0068_0000_4000_0701, "block", 0x4000_0000, 21, data)
        .leaf("l3", 0x0078_0000_1234_0703, "page_run", 0x1234_0000, 16, data)
        .table("l2", 0x1800_0000_0000_2003, "directory", "l3", 0x2000, "user write")
        .empty("l3", &[0, 0])
        .refused("l3", 0x0068_0000_1234_5701, None)
        .refused("l0", 0x0068_0000_4000_0701, None)
        .refused("l2", 0x0068_0000_4000_0701 | 1 << 12, Some(1 << 12));
    // Clean: writable, and read-only until the machine notes the first write.
    bound(&all, &name).leaf(
        "l3",
        0x0068_0000_1234_5783,
        "page",
        0x1234_5000,
        12,
        "accessed global memory_type=write_back shareability=inner write",
    );
    let name = format!("aarch64_stage1_64k lpa {binding}");
    bound(&all, &name).leaf("l3", 0x0068_1234_5678_a703, "page", 0xa_1234_5678_0000, 16, data);
}

#[test]
fn aarch64_stage1_shipped() {
    let all = shipped();
    let name = "aarch64_stage1_4k hardware_accessed hardware_dirty hierarchical";
    let data = "accessed dirty global memory_type=write_back write";
    bound(&all, name)
        .leaf("l3", 0x0068_0000_1234_5703, "page", 0x1234_5000, 12, data)
        .leaf("l2", 0x0068_0000_4000_0701, "block", 0x4000_0000, 21, data)
        .leaf("l3", 0x0078_0000_1234_0703, "page_run", 0x1234_0000, 16, data)
        .table("l2", 0x1800_0000_0000_2003, "directory", "l3", 0x2000, "user write");
}

#[test]
fn aarch64_lpa2() {
    both(|all| {
        let name = "aarch64_stage1_4k_lpa2 hardware_accessed hardware_dirty hierarchical";
        bound(all, name)
            .leaf(
                "l3",
                0x0069_1234_5678_9703,
                "page",
                0x000d_1234_5678_9000,
                12,
                "accessed dirty global memory_type=write_back write",
            )
            .table(
                "lm1",
                0x0001_1234_5678_9303,
                "directory",
                "l0",
                0x000d_1234_5678_9000,
                "execute user user_execute write",
            )
            .leaf(
                "l0",
                0x0068_0080_0000_0401,
                "block",
                0x80_0000_0000,
                39,
                "accessed dirty global memory_type=write_back write",
            );
    });
}

#[test]
fn extended_page_tables() {
    let all = trials();
    for name in ["ept_4level", "ept_5level"] {
        let binding = format!("{name} accessed_dirty mode_based_execute convertible gigabyte_pages");
        bound(&all, &binding)
            .leaf(
                "pt",
                0x1234_5337,
                "page",
                0x1234_5000,
                12,
                "accessed dirty execute memory_type=write_back read write",
            )
            .leaf("pd", 0x4000_00b5, "large", 0x4000_0000, 21, "execute memory_type=write_back read")
            .leaf(
                "pt",
                0x8000_0000_1234_5471,
                "page",
                0x1234_5000,
                12,
                "ignore_pat memory_type=write_back read suppress_ve user_execute",
            )
            // Misconfigurations: writable but not readable, an unknown memory type, execute-only.
            .refused("pt", 0x1234_5332, None)
            .refused("pt", 0x1234_5017, None)
            .refused("pt", 0x1234_5034, None)
            .empty("pt", &[1 << 63])
            .absent("pt", 0);
        let binding = format!("{name} execute_only");
        bound(&all, &binding).leaf("pt", 0x1234_5034, "page", 0x1234_5000, 12, "execute memory_type=write_back");
    }
}

#[test]
fn aarch64_stage2() {
    let all = trials();
    bound(&all, "aarch64_stage2_4k").leaf(
        "l3",
        0x1234_57ff,
        "page",
        0x1234_5000,
        12,
        "accessed execute memory_type=write_back read shareability=inner write",
    );
    bound(&all, "aarch64_stage2_4k fwb xnx").leaf(
        "l2",
        0x0040_0000_4000_0759,
        "block",
        0x4000_0000,
        21,
        "accessed memory_type=write_back read shareability=inner",
    );
    bound(&all, "owned_stage2_4k").empty("l3", &[0]).absent("l3", 1 << 10).absent("l3", 5 << 2);
}

#[test]
fn armv7_short() {
    let all = trials();
    let said = "execute memory_type=write_back read secure shareable user_execute write";
    bound(&all, "armv7_short privileged_never")
        .leaf("l1", 0x8011_140e, "section", 0x8010_0000, 20, &format!("{} global {}", &said[..7], &said[8..]))
        .leaf(
            "l2",
            0x8010_145e,
            "small",
            0x8010_1000,
            12,
            "execute global memory_type=write_back read shareable user_execute write",
        )
        .leaf(
            "l2",
            0x8011_141d,
            "large",
            0x8011_0000,
            16,
            "execute global memory_type=write_back read shareable user_execute write",
        )
        .table("l1", 0x8000_2401, "directory", "l2", 0x8000_2400, "execute secure");
}

#[test]
fn loongarch64() {
    let all = trials();
    let binding = "loongarch64 page_walker bits=39 page_lg2=12 pt_bits=9 dir1_bits=9 dir2_bits=9 dir3_bits=0 dir4_bits=0 \
                   window=0 empty_table=20480";
    let said = "dirty execute global memory_type=cached present read write";
    bound(&all, binding)
        .leaf("pt", 0x1234_51d3, "page", 0x1234_5000, 12, said)
        .leaf("dir1", 0x4000_11d3, "huge", 0x4000_0000, 21, said)
        // The two halves of a TLB pair agree on bit 6, so an empty kernel entry has it.
        .empty("pt", &[0, 0x40])
        .empty("dir1", &[0x5000, 0x5000])
        .table("dir1", 0x2000, "directory", "pt", 0x2000, "");
}

#[test]
fn power9() {
    let all = trials();
    let data = "accessed dirty memory_type=normal read write";
    bound(&all, "power9_radix_4k")
        .leaf("pte", 0xc000_0000_1234_518e, "page", 0x1234_5000, 12, data)
        .table("pmd", 0x8000_0000_0000_2009, "directory", "pte", 0x2000, "")
        .refused("pmd", 0x8000_0000_0000_2005, Some(0xc));
    bound(&all, "power9_radix_64k").table("pmd", 0x8000_0000_0000_2105, "directory", "pte", 0x2100, "").leaf(
        "pte",
        0xc000_0000_1234_018e,
        "page",
        0x1234_0000,
        16,
        data,
    );
}

#[test]
fn s390x() {
    let all = trials();
    bound(&all, "s390x execute_protection edat1 edat2")
        .leaf("page", 0x1234_513d, "page", 0x1234_5000, 12, "write")
        .leaf("segment", 0x4000_3503, "large", 0x4000_0000, 20, "write")
        .leaf("region3", 0x8000_3407, "huge", 0x8000_0000, 31, "execute write")
        .table("segment", 0x2800, "segment", "page", 0x2800, "execute write")
        .table("region3", 0x8007, "region", "segment", 0x8000, "execute write")
        .empty("page", &[0x400])
        .empty("segment", &[0x20])
        .empty("region3", &[0x24])
        .empty("region2", &[0x28])
        .empty("region1", &[0x2c])
        .refused("page", 0x1234_593d, Some(0x800))
        .refused("region2", 0x8007, Some(0xc));
}

#[test]
fn amd_iommu() {
    let all = trials();
    let said = "force_coherent read write";
    bound(&all, "amd_iommu_v1")
        .leaf("l1", 0x7000_0000_1234_5001, "page", 0x1234_5000, 12, said)
        .leaf("l1", 0x7000_0000_1234_7e01, "sized", 0x1234_0000, 16, said)
        .leaf("l1", 0x7000_0000_1237_fe01, "sized", 0x1230_0000, 20, said)
        .leaf("l2", 0x7000_0000_005f_fe01, "sized", 0x40_0000, 22, said)
        .table("l2", 0x6000_0000_0000_2201, "directory", "l1", 0x2000, "read write")
        // A size that belongs to the level above, a child that is not below, a size below the level's slot.
        .refused("l1", 0x7000_0000_000f_fe01, None)
        .refused("l2", 0x6000_0000_0000_2401, None)
        .refused("l2", 0x7000_0000_1237_fe01, None);
}
