//! Each complaint about names and `with`, once.

mod support;

use ptdsl::diagnostic::{Code, Diagnostic};
use ptdsl::{parse, resolve};

/// A format with nothing wrong.
const GOOD: &str = "
format good {
    word 64 little;
    virtual 30 zero_extended;
    output 40;
    feature wide;
    level top 29..21 = empty, directory, large;
    level low 20..12 = empty, page;
    absent empty { 63..1 software; 0 valid = 0; }
    leaf page { 63..60 key; 59..40 reserved; 39..12 output; 11..1 software; 0 valid = 1; }
    leaf large = page with { 11 size = 1; }
    table directory { 63..40 reserved; 39..12 table; 11 size = 0; 10..1 ignored; 0 valid = 1; }
    update { all = live; }
}
";

/// What is wrong when this text follows the good format.
fn complaints(text: &str) -> Vec<Diagnostic> {
    let text = format!("{GOOD}{text}");
    let file = parse(&text).unwrap_or_else(|all| panic!("{}", support::shown(&text, &all)));
    let (descriptions, complaints) = resolve(&file);
    // The good format is never lost.
    assert!(descriptions.iter().any(|one| one.name.value == "good"));
    for complaint in &complaints {
        for label in &complaint.labels {
            assert!(label.span.start < label.span.end && label.span.end <= text.len());
        }
    }
    complaints
}

/// The one complaint, as a person sees it.
fn only(text: &str, code: Code) -> String {
    let all = complaints(text);
    let whole = format!("{GOOD}{text}");
    let shown = support::shown(&whole, &all);
    assert_eq!(all.iter().map(|one| one.code).collect::<Vec<_>>(), [code], "{shown}");
    shown
}

#[test]
fn nothing_is_wrong_with_the_good_format() {
    assert_eq!(complaints("format copy = good with { }"), []);
}

#[test]
fn e0101_unknown_name() {
    let shown = only("format bad = good with { level low 20..12 = empty, pgae; }", Code::UnknownName);
    assert!(shown.contains("did you mean `page`?"), "{shown}");
    for text in [
        "format bad = goood with { }",
        "format bad = good with missing { }",
        "format bad = good with { leaf pag with { 11 software; } }",
        "format bad = good with { leaf second = pag with { 11 software; } }",
        "format bad = good with { leaf page with { where kye; } }",
        "format bad = good with { leaf page with { 11 fast when wde else software; } }",
        "format bad = good with { virtual bits zero_extended; }",
        "format bad = good with { attribute memory_type = kin { cached = 0; uncached = 1; } }",
        "format bad = good with { update { fil = lazy; all = live; } }",
        "format bad = good with { update { all = live; hardware accesed; } }",
        "format bad = good with { update { all = live; registers topp; } }",
        "format bad = good with { leaf page with { lacks kye; } }",
        "format bad = good with { table directory with { 39..12 table lo; } }",
    ] {
        assert_eq!(complaints(text).iter().map(|one| one.code).collect::<Vec<_>>(), [Code::UnknownName], "{text}");
    }
}

#[test]
fn e0102_wrong_name() {
    let shown = only("format bad = good with { leaf page with { 11 fast when key else software; } }", Code::WrongName);
    assert!(shown.contains("`key` is a field"), "{shown}");
}

#[test]
fn e0103_cycle() {
    let shown = only("format one = two with { } format two = one with { }", Code::Cycle);
    assert!(shown.contains("`one`") && shown.contains("`two`"), "{shown}");
    for text in [
        "format bad = good with { leaf page = large with { 11 software; } }",
        "format bad = good with { feature one when not two; feature two when one; }",
        "format bad = good with { level top 9 above low = empty, directory; level low 9 above top = empty, page; }",
        "format bad = bad with { }",
    ] {
        let all = complaints(text);
        assert_eq!(all.iter().map(|one| one.code).collect::<Vec<_>>(), vec![Code::Cycle; all.len()], "{text}");
        assert!(!all.is_empty(), "{text}");
    }
}

#[test]
fn e0104_duplicate_item() {
    only("format bad = good with { feature fast; feature fast when wide; }", Code::DuplicateItem);
    for text in [
        "format good = good with { }",
        "format bad = good with { word 64 little; word 64 big; }",
        "format bad = good with { virtual 30 zero_extended; virtual 31 zero_extended; }",
        "format bad = good with { level low 20..12 = empty, page; level low 20..12 = empty, page; }",
        "format bad = good with { level low 20..12 = empty, page, page; }",
        "format bad = good with { root one { 63..0 table; } root two { 63..0 table; } }",
        "format bad = good with { update { all = live; } update { all = lazy; } }",
        "format bad = good with { update { all = live; fill, relax = lazy; relax = live; } }",
        "base bad { update { all = live; all = break; } }",
        "format bad = good with { leaf page with { where key; where not key; } }",
        "format bad = good with { parameter wide = 1 to 2; }",
        "format bad = good with { attribute memory_type = key { a = 0; } attribute memory_type = key when wide { a = 0; } }",
    ] {
        let all = complaints(text);
        assert_eq!(all.iter().map(|one| one.code).collect::<Vec<_>>(), [Code::DuplicateItem], "{text}");
        assert_eq!(all[0].labels.len(), 2, "{text}");
    }
}

#[test]
fn e0105_fragments_overlap() {
    let text = "
    base one { leaf page with { 11..8 fast; } }
    base two { leaf page with { 8..7 slow; } }
    format bad = good with one, two { }";
    let shown = only(text, Code::FragmentsOverlap);
    assert!(shown.contains("`one` and `two` both give the same bits of `page`"), "{shown}");
    for (one, two) in [
        ("output 36;", "output 38;"),
        ("feature a;", "feature a;"),
        ("level x 38..30 = empty;", "level x 38..30 = empty;"),
        ("leaf x { 63..0 software; }", "leaf x { 63..0 ignored; }"),
        ("leaf page with { where key; }", "leaf page with { where not key; }"),
        ("virtual 20 zero_extended;", "virtual 21 zero_extended;"),
        ("update { all = live; }", "update { all = live; }"),
    ] {
        let text = format!("base one {{ {one} }} base two {{ {two} }} format bad = good with one, two {{ }}");
        assert_eq!(
            complaints(&text).iter().map(|one| one.code).collect::<Vec<_>>(),
            [Code::FragmentsOverlap],
            "{text}"
        );
    }
}

#[test]
fn e0106_field_cut() {
    let shown = only("format bad = good with { leaf page with { 61..60 reserved; } }", Code::FieldCut);
    assert!(shown.contains("63..62"), "{shown}");
}

#[test]
fn e0107_kinds_differ() {
    let shown = only("format bad = good with { table page with { 11 software; } }", Code::KindsDiffer);
    assert!(shown.contains("`page` is amended as `table` and defined as `leaf`"), "{shown}");
    for text in [
        "format bad = good with { table directory with { run 4; } }",
        "format bad = good with { leaf page with { defer; } }",
        "format bad = good with { root r { 63..0 table; } level low 20..12 = empty, page, r; }",
    ] {
        assert_eq!(complaints(text).iter().map(|one| one.code).collect::<Vec<_>>(), [Code::KindsDiffer], "{text}");
    }
}

#[test]
fn e0108_missing_item() {
    let all = complaints("format bad { feature wide; }");
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|one| one.code == Code::MissingItem));
    let messages: Vec<_> = all.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`bad` lacks `word`",
            "`bad` lacks `virtual`",
            "`bad` lacks `output`",
            "`bad` lacks a level",
            "`bad` lacks `update`"
        ]
    );
    // A base may.
    assert_eq!(complaints("base part { feature wide; leaf page with { 11 fast; } leaf new = unknown with { } }"), []);
}

#[test]
fn e0109_ambiguous_name() {
    let shown = only("format bad = good with { feature key; leaf page with { forbid key; } }", Code::AmbiguousName);
    assert!(shown.contains("give the feature another name"), "{shown}");
}

#[test]
fn all_problems_are_reported_once_and_in_order() {
    let text = "
    base part { leaf page with { 62..60 reserved; } }
    format bad = good with part { level low 20..12 = empty, pagee; feature a, a; }
    format worse = good with part { update { all = live; hardware kee; } }
    format last = bad with { output 41; }";
    let all = complaints(text);
    let codes: Vec<_> = all.iter().map(|one| one.code).collect();
    // What is wrong with the fragment is found in both formats, and told once; what is made from a broken description is
    // left out in silence.
    assert_eq!(codes, [Code::FieldCut, Code::DuplicateItem, Code::UnknownName], "{all:#?}");
}
