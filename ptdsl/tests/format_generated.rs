//! Any tree, printed and parsed, is the same tree; and printing settles at once, comments included.

mod generated {
    pub mod parts;
    pub mod pieces;
}

use generated::parts::file;
use proptest::prelude::*;
use ptdsl::diagnostic::render;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn trees_survive_printing(tree in file()) {
        let text = ptdsl::print(&tree);
        let again = match ptdsl::parse(&text) {
            Ok(again) => again,
            Err(found) => panic!("{}", render("printed", &text, &found, false)),
        };
        prop_assert_eq!(&again, &tree, "{}", text);
        prop_assert_eq!(ptdsl::print(&again), text);
    }

    #[test]
    fn any_text_is_parsed_or_refused_with_a_reason(words in proptest::collection::vec(word(), 0..40)) {
        let text = words.join(" ");
        if let Err(found) = ptdsl::parse(&text) {
            prop_assert!(!found.is_empty());
            prop_assert!(render("text", &text, &found, true).contains("error"));
        }
    }
}

/// Words and marks of the language, and some that are not.
fn word() -> impl Strategy<Value = String> {
    let mut words: Vec<String> = ptdsl::parse::keywords();
    let marks = [
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ";",
        ",",
        "=",
        "!=",
        "|",
        "&",
        "..",
        "0",
        "63",
        "0x",
        "12",
        "0b2",
        "a",
        "B",
        "// c\n",
        "/// d\n",
        "//! f\n",
        "\n",
        "é",
        "-",
        "format a {",
        "leaf l {",
        "7 a;",
        "level l 20..12 = a;",
        "update {",
    ];
    words.extend(marks.map(str::to_owned));
    proptest::sample::select(words)
}
