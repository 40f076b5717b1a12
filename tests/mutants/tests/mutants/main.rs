//! Every planted mistake is caught, by the name of what it breaks; and where none is made, nothing is found.
//!
//! `PTGEN_MUTANT=name` runs everything with that mistake (`PTGEN_CASE=name` on that case only) and prints who sees it: for
//! whoever plants one.

#[path = "../../mutations/mod.rs"]
mod mutations;
mod pieces;
mod run;
mod table;

use mutations::{Caught, Mutation, Shown};
use run::{Found, everything, found};

/// What was found instead of what should have been; nothing if it is right.
fn complaint(mutation: &Mutation, found: &Found) -> Option<String> {
    let told = match found {
        Found::Failed(text) => text,
        Found::Passed => return Some("survives".to_owned()),
        Found::NotRun(why) => return Some(format!("is not run: {why}")),
        Found::Endless => return Some("does not end".to_owned()),
    };
    let (is_right, name) = match mutation.caught {
        Caught::By(name) => (names(told, name), name),
        Caught::Says(words) => (told.contains(words), words),
    };
    (!is_right).then(|| format!("is not caught by `{name}`, but: {told}"))
}

/// Whether a message says first that this invariant is broken, by its name or the number in it.
fn names(told: &str, name: &str) -> bool {
    let line = told.lines().next().unwrap_or_default();
    line.split(": ").any(|part| part == name || part.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))
}

#[test]
fn every_mistake_is_caught_by_its_name() {
    run::quietly();
    let all = mutations::all();
    if let Some(name) = std::env::var_os("PTGEN_MUTANT") {
        let number = all.iter().position(|mutation| name == mutation.name).expect("there is a mistake of this name");
        everything(number);
        return;
    }
    let mut complaints = Vec::new();
    let mut work: Vec<(Option<usize>, Shown)> = Vec::new();
    for (number, mutation) in all.iter().enumerate() {
        if !work.contains(&(None, mutation.shown)) {
            work.push((None, mutation.shown));
        }
        work.push((Some(number), mutation.shown));
    }
    for ((number, shown), found) in work.iter().zip(found(&work)) {
        match number {
            Some(number) => {
                let mutation = all[*number];
                complaints.extend(complaint(mutation, &found).map(|what| format!("`{}` {what}", mutation.name)));
            }
            None if found == Found::Passed => {}
            None => complaints.push(format!("without any mistake, {shown:?} does not pass: {found:?}")),
        }
    }
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), all.len(), complaints.join("\n"));
}

#[test]
fn names_are_there_once_and_there_are_enough() {
    let mut names: Vec<_> = mutations::all().iter().map(|mutation| mutation.name).collect();
    assert!(names.len() >= 24, "{}", names.len());
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(twice, None);
    let vague =
        mutations::all().into_iter().find(|mutation| matches!(mutation.caught, Caught::Says(words) if words.len() < 6));
    assert!(vague.is_none(), "{vague:?}");
}

/// The table in the documentation is the list. `PTGEN_BLESS=1` writes it.
#[test]
fn table_is_the_list() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/mutants.md");
    let table = table::table(&mutations::all());
    if std::env::var_os("PTGEN_BLESS").is_some() {
        std::fs::write(path, &table).expect("the table can be written");
    }
    let written = std::fs::read_to_string(path).expect("there is a table");
    assert!(written == table, "docs/mutants.md is not the list; PTGEN_BLESS=1 writes it:\n{table}");
}
