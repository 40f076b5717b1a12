//! `ptdsl fmt`.

use crate::support::{file, run, without_folder};

const UNTIDY: &str = "//! A manual.\nformat   x{word 64 little;\n  output 32  ;}\n";

#[test]
fn files_are_rewritten_once() {
    let path = file("untidy.ptf", UNTIDY.as_bytes());
    let name = path.display().to_string();
    let ran = run(&["fmt", &name]);
    assert_eq!((ran.code, without_folder(&ran.out).as_str()), (Some(0), "untidy.ptf: rewritten\n"), "{ran}");
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written, ptdsl::print(&ptdsl::parse(UNTIDY).unwrap()));
    assert_ne!(written, UNTIDY);
    let ran = run(&["fmt", &name]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{ran}");
}

#[test]
fn checking_changes_nothing() {
    let path = file("unchanged.ptf", UNTIDY.as_bytes());
    let ran = run(&["fmt", "--check", &path.display().to_string(), "../formats/riscv.ptf"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    assert_eq!(without_folder(&ran.out), "unchanged.ptf: not in canonical form\n");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), UNTIDY);
}

#[test]
fn a_file_with_errors_is_left_alone() {
    let text = "//! A manual.\nformat x { wrod 64 little; }\n";
    let path = file("errors.ptf", text.as_bytes());
    let ran = run(&["fmt", &path.display().to_string()]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran}");
    assert!(ran.err.contains("error["), "{ran}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    assert_eq!(run(&["fmt", "missing.ptf"]).code, Some(2));
}
