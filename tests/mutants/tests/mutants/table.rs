//! The list as a document.

use std::fmt::Write as _;

use ptgen_scenarios::SCENARIOS;

use crate::mutations::{Caught, Mutation, Shown};

/// The table.
pub fn table(all: &[&Mutation]) -> String {
    let mut out = format!(
        "# Planted mistakes\n\nThe runtime's own source is compiled with {} mistakes in it (package `ptgen-mutants`), one of which is made\n\
         at a time. Each is caught by the simulator, with the name of the invariant that it breaks, or by what a scenario says\n\
         of its own work; the test fails if one survives, or is caught by another name. Written by\n\
         `PTGEN_BLESS=1 cargo test -p ptgen-mutants table`.\n\n\
         | mistake | what is planted | in | caught by | shown by |\n|---|---|---|---|---|\n",
        all.len()
    );
    for mutation in all {
        let caught = match mutation.caught {
            Caught::By(name) => name.to_owned(),
            Caught::Says(words) => format!("“{words}”"),
        };
        let (who, case) = match mutation.shown {
            Shown::In(scenario, case) => (name(scenario), case),
            Shown::Driven(piece, case) => (piece, case),
        };
        let Mutation { name, plants, file, .. } = mutation;
        let _ = writeln!(out, "| `{name}` | {plants} | `{file}` | {caught} | {who} on `{case}` |");
    }
    out
}

fn name(scenario: &str) -> &'static str {
    SCENARIOS.iter().find(|known| known.id == scenario).map_or("?", |known| known.name)
}
