//! `ptdsl check`.

use crate::support::{file, run, without_folder};

const FAULTY: &str = "\
//! A manual.
format faulty {
    word 64 little;
    virtual 21 zero_extended;
    output 32;
    level l0 20..12 = empty, page;
    absent empty { 63..1 software;  0 valid = 0; }
    leaf page { 63..32 reserved;  31..13 output;  11..1 software;  0 valid = 1; }
    update { all = live; }
}
";

#[test]
fn the_shipped_formats_have_no_problems() {
    let ran = run(&["check", "../formats/aarch64.ptf", "../formats/riscv.ptf", "../formats/x86_64.ptf"]);
    assert_eq!(ran.to_string(), "exit code Some(0)\n--- standard output\n3 files: no problems\n--- standard error\n");
}

#[test]
fn all_problems_of_all_files_are_reported() {
    let faulty = file("faulty.ptf", FAULTY.as_bytes()).display().to_string();
    let syntax = file("syntax.ptf", b"//! A manual.\nformat x {\n    wrod 64 little;\n}\n").display().to_string();
    let ran = run(&["check", &faulty, "../formats/riscv.ptf", &syntax]);
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(without_folder(&ran.to_string()));
}

#[test]
fn a_file_that_cannot_be_read_does_not_hide_the_others() {
    let faulty = file("faulty-too.ptf", FAULTY.as_bytes()).display().to_string();
    let binary = file("binary.ptf", &[0xff, 0xfe, 0]).display().to_string();
    let ran = run(&["check", "missing.ptf", &binary, &faulty]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("error: there is no file missing.ptf\n"), "{ran}");
    assert!(without_folder(&ran.err).contains("error: binary.ptf is not text\n"), "{ran}");
    assert!(ran.err.contains("E0"), "{ran}");
    assert!(ran.out.ends_with(", 2 could not be read\n"), "{ran}");
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    let faulty = file("faulty-colour.ptf", FAULTY.as_bytes()).display().to_string();
    assert!(!run(&["check", &faulty]).err.contains('\u{1b}'));
    assert!(!run(&["check", &faulty, "--color", "never"]).err.contains('\u{1b}'));
    assert!(run(&["check", &faulty, "--color", "always"]).err.contains("\u{1b}["));
}

#[test]
fn other_commands_report_the_problems_of_a_format_too() {
    let faulty = file("faulty-show.ptf", FAULTY.as_bytes()).display().to_string();
    let checked = run(&["check", &faulty]);
    let shown = run(&["show", &faulty]);
    assert_eq!((shown.code, shown.out.as_str()), (Some(1), ""));
    assert_eq!(shown.err.trim(), checked.err.trim());
}
