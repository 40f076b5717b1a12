//! Every rule of a format file has one small input that breaks it and nothing else, and what a person sees then is pinned.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ptdsl::compile;
use ptdsl::diagnostic::Code;

/// Blocks of codes whose inputs are not the text of one whole file: syntax (`syntax_errors.rs`) and what a client binds.
const ELSEWHERE: [&str; 2] = ["E00", "E08"];

#[test]
fn every_code_has_one_input() {
    let codes = Code::ALL.iter().filter(|code| !ELSEWHERE.iter().any(|block| code.as_str().starts_with(block)));
    let expected: Vec<String> = codes.map(|code| code.as_str().to_lowercase()).collect();
    let found: Vec<String> = inputs().into_keys().collect();
    assert_eq!(found, expected);
}

#[test]
fn every_input_breaks_its_rule_once_and_no_other() {
    let mut wrong = Vec::new();
    for (code, path) in inputs() {
        let text = std::fs::read_to_string(&path).unwrap();
        let compiled = compile(&format!("{code}.ptf"), &text);
        let found: Vec<String> = compiled.diagnostics.iter().map(|it| it.code.as_str().to_lowercase()).collect();
        if found != [code.clone()] {
            wrong.push(format!("{code}: {found:?}\n{}", compiled.rendered(false)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_person_sees_is_pinned() {
    for (code, path) in inputs() {
        let text = std::fs::read_to_string(&path).unwrap();
        let shown = compile(&format!("{code}.ptf"), &text).rendered(false);
        insta::with_settings!({ snapshot_path => "diagnostics", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(code, shown);
        });
    }
}

/// The inputs by code, in the order of the codes.
fn inputs() -> BTreeMap<String, PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let inputs = paths.filter(|path| path.extension().is_some_and(|it| it == "ptf"));
    inputs.map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), path)).collect()
}
