//! Every rule about what a format means has one small input that breaks it and nothing else, and what a person sees then is
//! pinned.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ptdsl::compile;
use ptdsl::diagnostic::Code;

/// Codes that are about what a format means have an input each in `tests/diagnostics`. Those of syntax are rows of a table,
/// and those of names, bindings and emission are functions named after their code, in other files of this folder.
#[test]
fn every_code_has_exactly_one_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let sources = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let sources: Vec<String> = sources.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let times = |text: &str| sources.iter().map(|source| source.matches(text).count()).sum::<usize>();
    let inputs = inputs();
    for code in Code::ALL {
        let number = code.as_str().to_lowercase();
        let functions = times(&format!("\nfn {number}_"));
        let rows = if number.starts_with("e00") { times(&format!("(Code::{code:?}, \"")) } else { 0 };
        let tests = functions + rows + usize::from(inputs.contains_key(&number));
        assert_eq!(tests, 1, "{code}");
    }
    assert!(inputs.keys().all(|number| Code::ALL.iter().any(|code| code.as_str().to_lowercase() == *number)));
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
