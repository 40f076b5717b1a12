//! Requests that cannot be met: each is answered with what was found, what was expected and what to do.

use crate::support::{file, run, without_folder};

/// Runs a request that is refused with exit code 2 and writes nothing else.
fn refused(arguments: &[&str]) -> String {
    let ran = run(arguments);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?}: {ran}");
    format!("$ ptdsl {}\n{}\n", without_folder(&arguments.join(" ")), without_folder(&ran.err))
}

#[test]
fn formats_that_are_not_there() {
    let both = file("both.ptf", TWO_FORMATS.as_bytes()).display().to_string();
    let none = file("none.ptf", b"//! A manual.\n").display().to_string();
    let shown: String = [
        &["show", "x86_64_4levl"][..],
        &["show", "sparc"],
        &["show", "missing/file.ptf"],
        &["show", "tests"],
        &["show", "./tests"],
        &["show", &both],
        &["show", &format!("{both}#secon")],
        &["show", &none],
    ]
    .iter()
    .map(|arguments| refused(arguments))
    .collect();
    // Formats come all the time.
    let names: Vec<&str> = ptgen_formats::FORMATS.iter().map(|format| format.name).collect();
    insta::assert_snapshot!(shown.replace(&names.join(", "), "(all formats that ship)"));
}

#[test]
fn settings_that_cannot_be() {
    let shown: String = [
        &["--features", "no_exec=on"][..],
        &["--features", "no_execute=maybe"],
        &["--features", "no_execute=on,no_execute=off"],
        &["--features", "no_execute=runtime"],
        &["--parameters", "width"],
        &["--parameters", "width=4k"],
        &["--parameters", "width=20"],
        &["--parameters", "width=runtime"],
        &["--choices", "memory_type=1"],
        &["--choices", "memory_type.write_combining=x"],
        &["--root", "pt"],
        &["--range", "low"],
    ]
    .iter()
    .map(|settings| refused(&[&["show", "x86_64_4level"], *settings].concat()))
    .collect();
    insta::assert_snapshot!(shown);
}

#[test]
fn words_and_levels_that_cannot_be() {
    let shown: String = [
        &["pmd", "0"][..],
        &["9", "0"],
        &["pt", "0x"],
        &["pt", "12ab"],
        &["pt", "-1"],
        &["pt", "0x1_0000_0000_0000_0000"],
        &["pt", "0x1_0000_0000_0000_0000_0000_0000_0000_0000"],
    ]
    .iter()
    .map(|words| refused(&[&["decode", "x86_64_4level"], *words].concat()))
    .collect();
    insta::assert_snapshot!(shown);
}

#[test]
fn images_and_roots_that_cannot_be() {
    let image = file("image.img", &[0; 0x2000]).display().to_string();
    let empty = file("empty.img", &[]).display().to_string();
    let shown: String = [
        &["missing.img", "--root", "0"][..],
        &["tests", "--root", "0"],
        &[&empty, "--root", "0"],
        &[&image, "--root", "0x2000"],
        &[&image, "--root", "0x1001"],
        &[&image, "--root", "0", "--base", "0x1000"],
        &[&image, "--root", "0xffff_ffff_ffff_f000"],
        &[&image, "--root", "0", "--base", "0xffff_ffff_ffff_f000"],
        &[&image, "--root", "somewhere"],
        &[&image, "--root-word", "0x0800_0000_0000_0000"],
        &[&image, "--root-word", "0x2005"],
        &[&image, "--root", "0", "--root-word", "0"],
        &[&image, "--root", "0", "0x1_0000_0000_0000_0000"],
        &[&image, "--root", "0", "--ignore", "wriet"],
        &[&image],
    ]
    .iter()
    .map(|rest| refused(&[&["walk", "x86_64_4level", "--memory"], *rest].concat()))
    .collect();
    insta::assert_snapshot!(shown);
}

#[test]
fn help_names_every_subcommand() {
    let ran = run(&["--help"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!(ran.out);
}

const TWO_FORMATS: &str = "\
//! A manual.
format first {
    word 64 little;
    virtual 21 zero_extended;
    output 32;
    level l0 20..12 = empty, page;
    absent empty { 63..1 software;  0 valid = 0; }
    leaf page { 63..32 reserved;  31..12 output;  11..1 software;  0 valid = 1; }
    update { all = live; }
}
format second = first with {}
";
