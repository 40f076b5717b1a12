//! `ptdsl walk` on tables that were written by hand.

use serde_json::{Value, json};

use crate::image::{BASE, ROOT, bytes};
use crate::support::{Ran, file, run, succeed};

/// The command on the image, with more arguments.
fn walk(name: &str, more: &[&str]) -> Ran {
    let path = file(name, &bytes());
    let (path, root, base) = (path.display().to_string(), format!("{ROOT:#x}"), format!("{BASE:#x}"));
    let mut arguments = vec!["walk", "x86_64_4level", "--memory", &path, "--root", &root, "--base", &base];
    arguments.extend(more);
    run(&arguments)
}

#[test]
fn all_mappings_are_listed_in_the_order_of_addresses() {
    insta::assert_snapshot!(walk("list.img", &[]));
}

#[test]
fn the_root_is_found_in_what_the_register_holds() {
    let path = file("register.img", &bytes()).display().to_string();
    let (base, word) = (format!("{BASE:#x}"), format!("{:#x}", u128::from(ROOT) | 1 << 63 | 5));
    let found = succeed(&["walk", "x86_64_4level", "--memory", &path, "--root-word", &word, "--base", &base]);
    assert_eq!(found, walk("list.img", &[]).out);
}

#[test]
fn output_addresses_separate_ranges_when_they_are_shown() {
    insta::assert_snapshot!(walk("outputs.img", &["--outputs", "--ignore", "accessed,dirty,global"]));
}

#[test]
fn json_says_what_the_lines_say() {
    let ran = walk("list-json.img", &["--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    let flags = |execute: bool, user: bool, write: bool, dirty: bool, global: bool, memory_type: &str| {
        json!({
            "execute": execute, "user": user, "write": write, "dirty": dirty, "global": global,
            "accessed": true, "memory_type": memory_type,
        })
    };
    let leaf = |start: &str, end: &str, size: u64, level: &str, page: u64, attributes: Value| {
        json!({
            "kind": "leaf", "start": start, "end": end, "size": size, "level": level, "page_size": page,
            "attributes": attributes,
        })
    };
    let other = |kind: &str, start: &str, end: &str, size: u64, level: &str, table: Option<&str>| {
        let mut object = json!({ "kind": kind, "start": start, "end": end, "size": size, "level": level });
        if let Some(table) = table {
            object["table"] = table.into();
        }
        object
    };
    let (kib, mib, gib) = (1u64 << 10, 1u64 << 20, 1u64 << 30);
    let kernel_data = flags(false, false, true, true, false, "write_back");
    let user_data = flags(false, true, false, false, false, "write_back");
    let user_code = flags(true, true, false, false, false, "write_back");
    let large = flags(true, true, true, true, true, "write_back");
    let behind_a_read_only_table = flags(false, false, false, true, false, "write_back");
    let expected = json!({
        "format": "x86_64_4level",
        "root": "0x100000",
        "ranges": [
            leaf("0x1000", "0x3000", 8 * kib, "pt", 4 * kib, kernel_data),
            leaf("0x4000", "0x5000", 4 * kib, "pt", 4 * kib, user_data),
            leaf("0x6000", "0x7000", 4 * kib, "pt", 4 * kib, user_code),
            leaf("0x200000", "0x600000", 4 * mib, "pd", 2 * mib, large),
            other("reserved", "0x800000", "0xa00000", 2 * mib, "pd", None),
            other("outside", "0xc0000000", "0x100000000", gib, "pd", Some("0x900000")),
            leaf("0xffff800000000000", "0xffff800040000000", gib, "pdpt", gib, behind_a_read_only_table),
            other("recursive", "0xffffff0000000000", "0xffffff8000000000", 512 * gib, "pml4", Some("0x100000")),
        ],
        "summary": {
            "complete": true, "tables": 5, "leaves": 7, "recursive": 1, "outside": 1, "reserved": 1, "misplaced": 0,
        },
    });
    assert_eq!(found, expected);
}

#[test]
fn one_address_is_shown_with_the_way_to_it() {
    let mut shown = String::new();
    for va in ["0x1_fff", "0x40_0123", "0xffff_8000_1234_5678"] {
        let ran = walk("one.img", &[va]);
        assert_eq!(ran.code, Some(0), "{ran}");
        shown.push_str(&format!("{ran}\n"));
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn an_address_without_translation_says_why() {
    let mut shown = String::new();
    for va in ["0x3000", "0x80_0000", "0xc000_0000", "0x8000_0000_0000"] {
        let ran = walk("fault.img", &[va]);
        assert_eq!(ran.code, Some(1), "{ran}");
        shown.push_str(&format!("{ran}\n"));
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn json_of_one_address_has_its_path() {
    let ran = walk("one-json.img", &["--json", "0x1fff"]);
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    let step = |level: &str, table: &str, index: u64, word: &str, class: &str, layout: &str| json!({ "level": level, "table": table, "index": index, "word": word, "class": class, "layout": layout });
    let expected = json!({
        "format": "x86_64_4level",
        "root": "0x100000",
        "va": "0x1fff",
        "path": [
            step("pml4", "0x100000", 0, "0x0000000000101067", "table", "directory"),
            step("pdpt", "0x101000", 0, "0x0000000000102067", "table", "directory"),
            step("pd", "0x102000", 0, "0x0000000000103067", "table", "directory"),
            step("pt", "0x103000", 1, "0x8000000000007063", "leaf", "page"),
        ],
        "leaf": {
            "output": "0x7fff", "level": "pt", "page_size": 4096, "start": "0x1000",
            "attributes": {
                "execute": false, "user": false, "write": true, "dirty": true, "global": false, "accessed": true,
                "memory_type": "write_back",
            },
        },
    });
    assert_eq!(found, expected);
    let ran = walk("fault-json.img", &["--json", "0x3000"]);
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &found["fault"]), (Some(1), &json!({ "kind": "absent", "level": "pt" })));
}

#[test]
fn the_range_of_a_format_with_several_is_chosen() {
    // A block of 1 GiB in the first slot of l1, under the first slot of l0.
    let mut bytes = vec![0; 0x2000];
    bytes[..8].copy_from_slice(&0x1003u64.to_le_bytes());
    bytes[0x1000..0x1008].copy_from_slice(&0x4000_0701u64.to_le_bytes());
    let path = file("ranges.img", &bytes).display().to_string();
    let walk = |more: &[&str]| {
        let mut arguments = vec!["walk", "aarch64_stage1_4k", "--memory", &path, "--root", "0"];
        arguments.extend(more);
        run(&arguments)
    };
    let high = walk(&["--range", "high", "0xffff_0000_0012_3456"]);
    assert!(high.out.contains("output address 0x40123456, by a leaf of 1 GiB"), "{high}");
    let low = walk(&["0x12_3456"]);
    assert!(low.out.contains("output address 0x40123456, by a leaf of 1 GiB"), "{low}");
    let wrong = walk(&["0xffff_0000_0012_3456"]);
    assert!(wrong.out.contains("in the range `high`, not in the range `low`; see --range"), "{wrong}");
    assert_eq!(wrong.code, Some(1));
    assert!(walk(&["--range", "high"]).out.starts_with("0xffff000000000000-0xffff000040000000"));
}

#[test]
fn the_image_need_not_begin_at_zero_nor_end_at_a_page() {
    let mut image = bytes();
    image.truncate(0x4008);
    let path = file("short.img", &image).display().to_string();
    let listed = succeed(&["walk", "x86_64_4level", "--memory", &path, "--root", "0x100000", "--base", "0x100000"]);
    assert!(listed.contains("outside: no table at 0x104000 in the image"), "{listed}");
    assert!(listed.contains("0x0000000000001000-0x0000000000003000"), "{listed}");
}
