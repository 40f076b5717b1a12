//! Formats of real machines pass every check without a complaint.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ptdsl::compile;

#[test]
fn the_trials_pass() {
    let mut formats = BTreeSet::new();
    for (name, text) in trials() {
        let compiled = compile(&name, &text);
        assert!(compiled.diagnostics.is_empty(), "{}", compiled.rendered(false));
        formats.extend(compiled.formats().map(|it| it.name.value.clone()));
    }
    assert_eq!(formats.len(), 23, "{formats:?}");
}

#[test]
fn the_shipped_formats_pass() {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats"));
    assert!(files.len() >= 3, "{files:?}");
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let compiled = compile(&path.display().to_string(), &text);
        assert!(compiled.diagnostics.is_empty(), "{}", compiled.rendered(false));
        assert!(compiled.formats().count() > 0, "{}", path.display());
    }
}

/// Each trial file, behind those that its formats are made from.
fn trials() -> Vec<(String, String)> {
    const MADE_FROM: [(&str, &str); 3] = [("t02", "t01"), ("t03", "t01"), ("t07", "t06")];
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trials"));
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
    let mut trials = Vec::new();
    for path in &files {
        let from = MADE_FROM.iter().filter(|(trial, _)| name(path).starts_with(trial));
        let before = from.flat_map(|(_, from)| files.iter().filter(move |it| name(it).starts_with(from)));
        let mut text: String = before.map(read).collect();
        // Docs of a file stand at its head only.
        let own = read(path);
        text.push_str(&if text.is_empty() { own } else { own.replace("//!", "//") });
        trials.push((name(path), text));
    }
    trials
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == "ptf")).collect();
    files.sort();
    files
}
