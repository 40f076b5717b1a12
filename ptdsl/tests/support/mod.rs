//! The formats that the tests of the model look at.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod bound;

use ptdsl::diagnostic::{Diagnostic, render};
use ptdsl::resolve::Description;
use ptdsl::{parse, resolve};

/// The texts of all trial files in one: some trials are made from formats of others.
pub fn trials() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trials");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let texts = paths.iter().map(|path| std::fs::read_to_string(path).unwrap());
    // Docs of a file stand at its head only.
    texts.map(|text| text.replace("//!", "//")).collect::<Vec<_>>().join("\n")
}

/// Resolves a text that has nothing wrong with it.
pub fn resolved(text: &str) -> Vec<Description> {
    let file = parse(text).unwrap_or_else(|all| panic!("{}", shown(text, &all)));
    let (descriptions, complaints) = resolve(&file);
    assert!(complaints.is_empty(), "{}", shown(text, &complaints));
    assert_eq!(descriptions.len(), file.formats.len());
    descriptions
}

/// The description of that name.
pub fn format<'a>(descriptions: &'a [Description], name: &str) -> &'a Description {
    descriptions.iter().find(|one| one.name.value == name).unwrap_or_else(|| panic!("no format {name}"))
}

/// Complaints as a person sees them.
pub fn shown(text: &str, complaints: &[Diagnostic]) -> String {
    render("test.ptf", text, complaints, false)
}
