//! Plants every mistake of the list in a copy of the runtime's source.
//!
//! A text that is to be replaced must stand in its file exactly once, however it is broken into lines. It becomes a choice
//! between the mistake and itself, which is made at run time. Where a text no longer fits, the build fails and says which,
//! and what to do.

#[path = "../mutations/mod.rs"]
mod mutations;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use mutations::Mutation;

fn main() {
    println!("cargo::rustc-cfg=ptgen_watched");
    println!("cargo::rerun-if-changed=../mutations");
    println!("cargo::rerun-if-changed=../../../runtime/src");
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let source = package.join("../../../runtime/src");
    let target = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("runtime");
    // What was deleted in the source must not live on here.
    let _ = std::fs::remove_dir_all(&target);
    let all = mutations::all();
    let mut complaints = Vec::new();
    for mutation in &all {
        if !source.join(mutation.file).is_file() {
            complaints.push(format!("`{}`: there is no runtime/src/{}", mutation.name, mutation.file));
        }
    }
    copy(&source, Path::new(""), &target, &all, &mut complaints);
    if !complaints.is_empty() {
        let list = complaints.join("\n  ");
        eprintln!(
            "these mistakes do not fit the source of the runtime any more:\n  {list}\n\
             Give each in tests/mutants/mutations the text that does what the old one did; if nothing does, take it out and \
             plant another one of its kind."
        );
        std::process::exit(1);
    }
}

/// Copies a folder, with what is planted.
fn copy(source: &Path, folder: &Path, target: &Path, all: &[&Mutation], complaints: &mut Vec<String>) {
    std::fs::create_dir_all(target.join(folder)).expect("OUT_DIR can be written");
    for entry in std::fs::read_dir(source.join(folder)).expect("the runtime's source can be read") {
        let entry = entry.expect("the runtime's source can be read");
        let file = folder.join(entry.file_name());
        if entry.file_type().expect("it is a file or a folder").is_dir() {
            copy(source, &file, target, all, complaints);
        } else if file.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(entry.path()).expect("a source file can be read");
            let text = plant(&file, &text, all, complaints);
            let text = modules(&file, &text, target);
            std::fs::write(target.join(&file), text).expect("OUT_DIR can be written");
        }
    }
}

/// Where a text ends that is replaced, and by which mistakes of which numbers.
type Place<'a> = (usize, Vec<(usize, &'a Mutation)>);

/// The text of a file with every mistake that belongs into it.
fn plant(file: &Path, text: &str, all: &[&Mutation], complaints: &mut Vec<String>) -> String {
    // By where the text stands that is replaced.
    let mut places: BTreeMap<usize, Place<'_>> = BTreeMap::new();
    for (number, mutation) in all.iter().enumerate().filter(|(_, mutation)| Path::new(mutation.file) == file) {
        let found = places_of(text, mutation.original);
        let &[(start, end)] = found.as_slice() else {
            let how_often = if found.is_empty() { "not".to_owned() } else { format!("{} times", found.len()) };
            complaints
                .push(format!("`{}`: its text stands {how_often} in runtime/src/{}", mutation.name, mutation.file));
            continue;
        };
        let overlaps =
            places.iter().any(|(first, (last, _))| *first < end && start < *last && (*first, *last) != (start, end));
        if overlaps {
            complaints.push(format!("`{}`: its text overlaps with that of another one", mutation.name));
            continue;
        }
        places.entry(start).or_insert_with(|| (end, Vec::new())).1.push((number, mutation));
    }
    let (mut out, mut at) = (String::new(), 0);
    for (start, (end, mutations)) in places {
        out.push_str(&text[at..start]);
        let original = &text[start..end];
        // Statements stand for themselves; an expression may be a part of another one.
        let is_expression = !original.trim_end().ends_with([';', '}']);
        out.push_str(if is_expression { "(" } else { "" });
        for (number, mutation) in mutations {
            let _ = write!(out, "if crate::mutant::is({number}) {{ {} }} else ", mutation.changed);
        }
        let _ = write!(out, "{{ {original} }}");
        out.push_str(if is_expression { ")" } else { "" });
        at = end;
    }
    out.push_str(&text[at..]);
    out
}

/// Where a text stands in a file: from where to where. What is between two words may be any spaces and lines.
fn places_of(file: &str, text: &str) -> Vec<(usize, usize)> {
    let mut words = text.split_whitespace();
    let Some(first) = words.next() else { return Vec::new() };
    let ends = file.match_indices(first).filter_map(|(start, _)| {
        let end = words.clone().try_fold(start + first.len(), |at, word| {
            let rest = file[at..].trim_start();
            (rest.len() < file[at..].len() && rest.starts_with(word)).then(|| file.len() - rest.len() + word.len())
        });
        Some((start, end?))
    });
    ends.collect()
}

/// The text with the path of every module in it, and without what only the first file of a package may say.
fn modules(file: &Path, text: &str, target: &Path) -> String {
    let is_root = file == Path::new("lib.rs");
    // The modules of `a.rs` stand in `a`.
    let folder = if is_root { target.to_owned() } else { target.join(file.with_extension("")) };
    let mut out = String::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        if is_root && (trimmed.starts_with("#![") || trimmed.starts_with("//!")) {
            continue;
        }
        let visible = trimmed.strip_prefix("pub(crate) ").or_else(|| trimmed.strip_prefix("pub "));
        let declared = visible.unwrap_or(trimmed).strip_prefix("mod ");
        if let Some(name) = declared.and_then(|rest| rest.strip_suffix(';')) {
            // What a package says of its own macros by absolute paths it may not say of those in an included file.
            let _ = writeln!(out, "#[macro_use]\n#[path = {:?}]", folder.join(format!("{name}.rs")));
        }
        let _ = writeln!(out, "{}", line.replace("use crate::{__", "use {__"));
    }
    out
}
