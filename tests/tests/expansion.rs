//! What the attribute emits, as a reviewer sees it: one snapshot for each shipped format.
//!
//! The text comes from the function that the attribute and `ptdsl expand` call. That it compiles, under `deny(warnings)`, is
//! shown by the clients that use the same formats: the conformance suite and `tests/hygiene`.

use std::time::{Duration, Instant};

use proc_macro2::TokenStream;
use ptdsl::binding::Binding;
use ptdsl::emit::{self, Options};

/// An expansion longer than this is not read by anybody.
const MOST_LINES: usize = 760;

#[test]
fn expansions_are_as_reviewed_short_and_safe() {
    for builtin in ptgen_formats::FORMATS {
        let text = expansion(builtin);
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "{} is expanded to {lines} lines", builtin.name);
        for word in ["unsafe", "for ", "while ", "loop {", "Atomic", "allow("] {
            let found = text.lines().find(|line| !line.trim_start().starts_with("///") && line.contains(word));
            let found = found.filter(|line| !(word == "for " && line.trim_start().starts_with("impl")));
            assert_eq!(found, None, "`{word}` in the expansion of {}", builtin.name);
        }
        insta::assert_snapshot!(builtin.name, text);
    }
}

#[test]
fn the_same_format_is_always_expanded_to_the_same_text() {
    for builtin in ptgen_formats::FORMATS {
        assert_eq!(expansion(builtin), expansion(builtin), "{}", builtin.name);
    }
}

/// Not a benchmark: an expansion that takes seconds is a mistake, whatever the machine and however it was built.
#[test]
fn an_expansion_takes_no_time_worth_mentioning() {
    for builtin in ptgen_formats::FORMATS {
        let start = Instant::now();
        let tokens = expand(builtin).into_iter().count();
        let taken = start.elapsed();
        println!("{}: expanded in {taken:?}, {tokens} tokens at the top", builtin.name);
        assert!(taken < Duration::from_secs(5), "{} took {taken:?}", builtin.name);
    }
}

/// What the attribute does with a format that ships.
fn expand(builtin: &ptgen_formats::Builtin) -> TokenStream {
    let compiled = ptdsl::compile_proven(builtin.file, builtin.text);
    let description = compiled.formats().find(|format| format.name.value == builtin.name);
    let description = description.unwrap_or_else(|| panic!("{}", compiled.rendered(false)));
    let family = ptdsl::bind(description, &Binding::default()).expect("the usual binding is valid");
    let options = Options { file: builtin.file.to_owned(), ..Options::default() };
    emit::expand(&family, &options).expect("a shipped format is expanded")
}

/// The expansion under the usual binding, formatted.
fn expansion(builtin: &ptgen_formats::Builtin) -> String {
    prettyplease::unparse(&syn::parse2(expand(builtin)).expect("emitted code parses"))
}
