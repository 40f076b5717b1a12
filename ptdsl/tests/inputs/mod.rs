//! The trial formats and the shipped ones, as texts of whole files.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod mutants;

use std::path::{Path, PathBuf};

/// Each trial file by name, behind those that its formats are made from.
pub fn trials() -> Vec<(String, String)> {
    const MADE_FROM: [(&str, &str); 3] = [("t02", "t01"), ("t03", "t01"), ("t07", "t06")];
    let files = files("tests/trials");
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

/// Each shipped file by name.
pub fn shipped() -> Vec<(String, String)> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    files("../formats").iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == "ptf")).collect();
    files.sort();
    files
}
