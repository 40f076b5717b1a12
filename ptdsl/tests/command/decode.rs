//! `ptdsl decode`.

use serde_json::{Value, json};

use crate::support::{run, succeed};

fn decoded(words: &[(&str, &str, &str)]) -> String {
    words
        .iter()
        .map(|(format, level, word)| {
            let ran = run(&["decode", format, level, word]);
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran}");
            ran.out + "\n"
        })
        .collect()
}

#[test]
fn every_field_is_named_with_its_value_and_meaning() {
    insta::assert_snapshot!(decoded(&[
        ("x86_64_4level", "pt", "0x8000_0000_0020_0067"),
        ("x86_64_4level", "pd", "0x2010_67"),
        ("x86_64_4level", "0", "0b0"),
    ]));
}

#[test]
fn what_is_wrong_is_pointed_out() {
    insta::assert_snapshot!(decoded(&[
        ("x86_64_4level", "pml4", "0xe7"),
        ("x86_64_4level", "pd", "0x20_20e7"),
        ("riscv_sv39", "l0", "0x405"),
        ("riscv_sv39", "l1", "0x4000_0000_0000_0c05"),
        ("riscv_sv39", "l0", "0x80000000_00002_0c7"),
    ]));
}

#[test]
fn settings_decide_what_a_word_is() {
    let word = "0x8000_0000_4000_00e3";
    assert!(succeed(&["decode", "x86_64_4level", "pdpt", word]).contains("leaf large: ends the walk"));
    let without = |feature: &str| {
        let setting = format!("{feature}=off");
        succeed(&["decode", "x86_64_4level", "pdpt", word, "--features", &setting])
    };
    let reserved = without("gigabyte_pages");
    assert!(
        reserved.contains("reserved large") && reserved.contains("`large` is reserved at pdpt unless gigabyte_pages"),
        "{reserved}"
    );
    let reserved = without("no_execute");
    assert!(reserved.contains("reserved bit 63 must be 0x0, found 0x1 (wrong: 63)"), "{reserved}");
    let narrow = succeed(&["decode", "x86_64_4level", "pt", "0x10_0000_0000_0063", "--parameters", "width=36"]);
    assert!(narrow.starts_with("0x0010_0000_0000_0063 at pt of x86_64_4level\nleaf page"), "{narrow}");
    let narrow = succeed(&["decode", "x86_64_4level", "pt", "0x0010_0000_0063", "--parameters", "width=36"]);
    assert!(narrow.contains("reserved bits 51..36 must be 0x0000, found 0x0001 (wrong: 36)"), "{narrow}");
}

/// A format that exists in tests only, with runs whose slots have their own parts of the address, and a reserved choice.
const ALDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/alder.ptf");

#[test]
fn a_slot_of_a_run_says_which_and_where_the_run_begins() {
    let shown = succeed(&["decode", ALDER, "section", "0x123001aa"]);
    let said = "output address 0x12300000, 1 MiB: slot 3 of 16 of a leaf of 16 MiB that begins at 0x12000000";
    assert!(shown.contains(said), "{shown}");
    let shown = succeed(&["decode", ALDER, "section", "0x123001a2"]);
    assert!(shown.contains("output address 0x12300000, a leaf of 1 MiB"), "{shown}");
}

#[test]
fn numbers_are_told_by_their_names() {
    let shown = succeed(&["decode", ALDER, "frame", "0x123001a2"]);
    assert!(shown.contains("memory_type: uncached (C.)"), "{shown}");
    let shown = succeed(&["decode", ALDER, "frame", "0x123001e2"]);
    assert!(shown.contains("! `memory_type` reserves 0b11") && shown.contains("memory_type: reserved"), "{shown}");
    assert!(!shown.contains("forbidden"), "{shown}");
}

#[test]
fn the_root_word_is_decoded_by_its_name() {
    let shown = succeed(&["decode", ALDER, "trr", "0x12345685"]);
    assert!(shown.contains("root trr: names the root") && shown.contains("table of segment at 0x12345680"), "{shown}");
    let refused = succeed(&["decode", "riscv_sv39", "satp", "0x9000_0000_0008_1fca"]);
    assert!(
        refused.contains("reserved satp") && refused.contains("! no `satp`, which demands mode = 0b1000"),
        "{refused}"
    );
    let json = succeed(&["decode", "riscv_sv39", "satp", "0x8000_0000_0008_1fca", "--json"]);
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(found["tables"], json!([{ "level": "l2", "address": "0x81fca000" }]));
    assert_eq!(found["class"], "root");
}

#[test]
fn json_has_rows_problems_and_conclusions() {
    let found: Value =
        serde_json::from_str(&succeed(&["decode", "riscv_sv39", "l0", "0x2000_00cf", "--json"])).unwrap();
    assert_eq!(found["class"], "leaf");
    assert_eq!(found["output"], "0x80000000");
    assert_eq!(found["page_size"], 4096);
    assert_eq!(found["word"], "0x00000000200000cf");
    assert_eq!(found["problems"], json!([]));
    let attributes = &found["attributes"];
    for (name, holds) in
        [("read", true), ("write", true), ("execute", true), ("user", false), ("dirty", true), ("global", false)]
    {
        assert_eq!(attributes[name], holds, "{name}");
    }
    let rows = found["rows"].as_array().unwrap();
    let bits: u64 = rows.iter().map(|row| row["high"].as_u64().unwrap() + 1 - row["low"].as_u64().unwrap()).sum();
    assert_eq!(bits, 64);
    let found: Value =
        serde_json::from_str(&succeed(&["decode", "riscv_sv39", "l0", "0x2000_0085", "--json"])).unwrap();
    assert_eq!(found["class"], "reserved");
    assert_eq!(found["problems"][0]["bits"], json!([1, 2]));
    let found: Value =
        serde_json::from_str(&succeed(&["decode", "riscv_sv39", "l2", "0x2000_0001", "--json"])).unwrap();
    assert_eq!(found["tables"], json!([{ "level": "l1", "address": "0x80000000" }]));
}
