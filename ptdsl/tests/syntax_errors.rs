//! Each diagnostic of syntax: the text that provokes it, and what a person sees.

use ptdsl::diagnostic::{Code, Diagnostic, render};

/// For each code, one text that breaks this rule and no other.
const EXAMPLES: [(Code, &str); 11] = [
    (Code::UnexpectedText, "format a {\n    leaf page {\n        51..12 output\n        0 present = 1;\n    }\n}\n"),
    (Code::KeywordAsName, "format a {\n    feature gigabyte_pages, run;\n}\n"),
    (Code::UnknownCharacter, "format a {\n    leaf page {\n        51:12 output;\n    }\n}\n"),
    (Code::MalformedName, "format a {\n    level PML4 47..39 = empty;\n}\n"),
    (Code::MalformedNumber, "format a {\n    parameter window = 0 to 0xffff_0000;\n}\n"),
    (Code::NumberTooLarge, "format a {\n    leaf page { 7 ignored = 340282366920938463463374607431768211456; }\n}\n"),
    (Code::ReversedRange, "format a {\n    level pt 12..20 = empty, page;\n}\n"),
    (Code::NestedTooDeeply, ""),
    (Code::StrayDocs, "format a {\n    word 64 little;\n    /// There is nothing left to say.\n}\n"),
    (Code::UnclosedBlock, "format a {\n    leaf page {\n        51..12 output;\n}\n"),
    (Code::RepeatedClause, "format a {\n    level l1 31..20 word 64 align 4096 word 32 = empty;\n}\n"),
];

#[test]
fn every_code_of_syntax_has_one_example() {
    let of_syntax: Vec<Code> = Code::ALL.iter().copied().filter(|code| code.as_str().starts_with("E00")).collect();
    let covered: Vec<Code> = EXAMPLES.iter().map(|(code, _)| *code).collect();
    assert_eq!(covered, of_syntax);
}

#[test]
fn every_example_breaks_its_rule_alone_and_says_so() {
    let mut seen = String::new();
    for (code, text) in EXAMPLES {
        let nested = format!("format a {{\n    feature f when {}c;\n}}\n", "not ".repeat(65));
        let text = if code == Code::NestedTooDeeply { nested.as_str() } else { text };
        let found = errors(text);
        assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), [code], "{text}");
        seen.push_str(&render("a.ptf", text, &found, false));
        seen.push('\n');
    }
    insta::assert_snapshot!("examples", seen);
}

#[test]
fn what_is_unexpected_is_explained() {
    let texts = [
        "",
        "formt a {}\n",
        "format a { leaf page { 7 pat; 6 dirty;\n\n    leaf large { 7 pat; }\n}\n",
        "format a {\n    leef page { 7 pat; }\n    levl pt 20..12 = empty;\n    word 64 litle;\n}\n",
        "format a {\n    absent empty wih { 7 pat; }\n    virtual 48 sign_extnded;\n}\n",
        "format a {\n    word 64 little\n    virtual 48 sign_extended;\n}\n",
        "format a {\n    update { fill = lasy; hardwre accessed; }\n}\n",
        "format a {\n    feature f when (a | b & c;\n}\n",
        "format a {\n    level pt 20..12;\n    level pd = empty;\n}\n",
        "format a }\n",
        "base a = b;\n",
        "format a {\n    leaf page { 7 not; 6 ; first 4 = 5; 3 first_slot; }\n}\n",
        "format a {\n    attribute memory_type = { a = 1; }\n    attribute m = (a b) { a = 1; }\n}\n",
        "/// Docs.\n//! Too late.\nformat a {\n    update {\n        /// Rules have no docs.\n        pairs;\n    }\n}\n",
        "format a {\n    leaf page {\n        51..12 output\n        /// Present.\n        0 present = 1;\n    }\n}\n",
        "format a {\n    leaf big { 0 present = 1; }\n    update { all = brake; }\n}\n",
        "format Größe {\n    word 64 little;\n}\n",
    ];
    let shown: Vec<String> = texts.iter().map(|text| render("a.ptf", text, &errors_or_none(text), false)).collect();
    insta::assert_snapshot!("unexpected", shown.join("\n---\n\n"));
}

#[test]
fn all_errors_are_reported_at_once_and_in_order() {
    let text = "format a {\n    word 64 middle;\n    virtual 48 sign_extended;\n    levle pt 20..12 = empty;\n    leaf page \
                {\n        12..51 output;\n        7 = ;\n        0 present = 1;\n    }\n    output 0x;\n}\nformat {}\n";
    let lines: Vec<usize> = errors(text).iter().map(|one| line_of(text, one)).collect();
    assert_eq!(lines, [2, 4, 6, 7, 10, 12]);
}

#[test]
fn there_are_never_too_many_errors() {
    let text = format!("format a {{\n{}}}\n", "    wrong;\n".repeat(1000));
    assert_eq!(errors(&text).len(), 20);
    assert!(errors(&"#".repeat(1000)).len() <= 20);
    assert!(errors(&"# ".repeat(1000)).len() <= 20);
}

#[test]
fn nesting_is_limited_by_depth_and_not_by_length() {
    let deep = |depth: usize| format!("format a {{ feature f when {}c{}; }}", "(".repeat(depth), ")".repeat(depth));
    assert!(ptdsl::parse(&deep(64)).is_ok());
    assert_eq!(errors(&deep(65))[0].code, Code::NestedTooDeeply);
    assert_eq!(errors(&deep(1_000_000))[0].code, Code::NestedTooDeeply);
    let mixed =
        |depth: usize| format!("format a {{ feature f when {}c{}; }}", "not (".repeat(depth), ")".repeat(depth));
    assert!(ptdsl::parse(&mixed(32)).is_ok());
    assert_eq!(errors(&mixed(33))[0].code, Code::NestedTooDeeply);
    let long = format!("format a {{ feature f when {}c; }}", "not a & (b | not (not c)) & ".repeat(10_000));
    assert!(ptdsl::parse(&long).is_ok(), "a long condition is not a deep one");
    let chain = format!("format a {{ leaf l {{ 0 {}software; }} }}", "a when (b) & not c else ".repeat(10_000));
    assert!(ptdsl::parse(&chain).is_ok(), "a chain of alternatives is not nested");
}

#[test]
fn the_deepest_nesting_needs_little_stack() {
    let text = format!("format a {{ feature f when {}c{}; }}", "not (".repeat(32), ")".repeat(32));
    let parsed = std::thread::Builder::new().stack_size(1 << 20).spawn(move || ptdsl::parse(&text).is_ok());
    assert_eq!(parsed.expect("a thread starts").join().ok(), Some(true));
}

#[test]
fn any_text_is_either_parsed_or_refused() {
    let whole = include_str!("trials/t06_aarch64_stage1.ptf");
    for (end, _) in whole.char_indices().step_by(19) {
        if let Err(found) = ptdsl::parse(&whole[..end]) {
            assert!(!found.is_empty(), "no reason to refuse the first {end} bytes");
            assert!(found.iter().all(|one| one.span().is_some_and(|span| span.end <= end)), "{end}");
        }
    }
    for text in ["\u{feff}format a {}", "\0", "//", "///", "//!", "////", "/", "/* */", "\r\n", "0x", "..", "...", "!"]
    {
        if let Err(found) = ptdsl::parse(text) {
            assert!(!found.is_empty(), "no reason to refuse {text:?}");
        }
    }
}

fn errors(text: &str) -> Vec<Diagnostic> {
    ptdsl::parse(text).expect_err(text)
}

fn errors_or_none(text: &str) -> Vec<Diagnostic> {
    ptdsl::parse(text).err().unwrap_or_default()
}

fn line_of(text: &str, one: &Diagnostic) -> usize {
    text[..one.span().unwrap_or_default().start].matches('\n').count() + 1
}
