//! A mistake hides no other that does not depend on it, and brings none along.

mod inputs;

use inputs::mutants::{count, roll, words};
use ptdsl::compile;
use ptdsl::diagnostic::Code;

/// The codes of all that is wrong with a text, in the order of the text.
fn found(text: &str) -> Vec<Code> {
    compile("test.ptf", text).diagnostics.iter().map(|it| it.code).collect()
}

/// Rows, levels, names and what is missing altogether.
const SIX_MISTAKES: &str = "format machine {
    word 64 little;
    virtual 39 zero_extended;
    output 40;
    level l2 38..30 = empty, directory, reserved page;
    level l1 28..21 = empty, directory, page, run_page;
    level l0 20..12 = empty, page, reserved directory;
    absent empty { 63..1 software;  0 valid = 0; }
    leaf page {
        63..40  reserved;
        39..12  output;
        12..5   software;
        4..3    cache;
        2       leaf_bit = 1;
        1       write;
        0       valid = 1;
    }
    leaf run_page = page with { run 512; }
    table directory { 63..40 reserved;  39..12 table;  11..3 software;  2 leaf_bit = 0;  1 software;  0 valid = 1; }
    attribute memory_type = cash { cached = 0;  else reserved; }
}";

#[test]
fn mistakes_of_all_stages_are_reported_at_once() {
    let expected =
        [Code::MissingItem, Code::NoSource, Code::LevelsGap, Code::BitTwice, Code::RunAstray, Code::UnknownName];
    let compiled = compile("test.ptf", SIX_MISTAKES);
    assert_eq!(found(SIX_MISTAKES), expected, "{}", compiled.rendered(false));
}

#[test]
fn what_is_wrong_with_rules_of_change_hides_nothing_else() {
    let text = SIX_MISTAKES.replace("cash", "cache");
    for rules in ["", "update { all = live;  hardware used; }", "update { all = live;  fill = lazy;  fill = live; }"] {
        let text =
            text.replace("    attribute", &format!("    {rules}\n    attribute")).replace("virtual 39", "virtual 30");
        let text = text.replace("28..21", "29..21").replace("12..5 ", "11..5 ").replace("run 512", "lacks write");
        // `run_page` is `page`, and lacks nothing.
        let codes = found(&text);
        assert!(codes.contains(&Code::TwoLayouts) && codes.contains(&Code::LacksNeedless), "{rules}: {codes:?}");
    }
}

/// A field under a wrong name is pointed at where it stands, by one complaint.
#[test]
fn a_misspelt_row_is_told_once() {
    let text = "//! Tests.
    format machine {
        word 64 little;
        virtual 21 zero_extended;
        output 40;
        level l0 20..12 = empty, page;
        absent empty { 63..1 software;  0 valid = 0; }
        leaf page { 63..40 reserved;  39..12 output;  11..3 software;  2 acessed;  1 write;  0 valid = 1; }
        update { all = live;  hardware accessed; }
    }";
    let compiled = compile("test.ptf", text);
    assert_eq!(found(text), [Code::UnknownName], "{}", compiled.rendered(false));
    assert!(compiled.rendered(false).contains("a field here is `acessed`"), "{}", compiled.rendered(false));
    assert_eq!(found(&text.replace("hardware accessed;", "")), [Code::MeaningMisspelt]);
}

/// A name that nothing has brings no complaint along that is about something else.
#[test]
fn an_unknown_name_is_no_other_mistake() {
    let (mut unknown, mut wrong) = (0, Vec::new());
    for (name, text) in inputs::trials().into_iter().chain(inputs::shipped()) {
        let words = words(&text);
        let is_name = |word: &str| word.starts_with(|it: char| it.is_ascii_lowercase()) && word.contains('_');
        let names: Vec<usize> = (0..words.len()).filter(|at| is_name(&words[*at])).collect();
        for seed in 0..count() {
            let at = names[roll(&mut (seed * 7919 + name.len() as u64), names.len())];
            let mut changed = words.clone();
            changed[at] = "nothing_has_this".to_owned();
            let compiled = compile(&name, &format!("//! Tests.\n{}", changed.concat()));
            let about_names = |code: Code| code.as_str().starts_with("E01");
            let codes: Vec<Code> = compiled.diagnostics.iter().map(|it| it.code).collect();
            if codes.iter().any(|code| about_names(*code)) {
                unknown += 1;
                if !codes.iter().all(|code| about_names(*code)) {
                    wrong.push(format!("{name}, `{}`: {codes:?}", words[at]));
                }
            }
        }
    }
    assert!(unknown > 100, "{unknown}");
    assert!(wrong.is_empty(), "{} of {unknown}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Where a layout is made from another, or several share words with one, the mistake is one all the same.
#[test]
fn what_follows_from_a_mistake_is_not_told() {
    let good = include_str!("../../tests/formats/alder.ptf");
    assert_eq!(found(good), []);
    for (from, to, code) in [
        ("11..10  software;", "11      software;", Code::BitMissing),
        ("31..12  output;", "31..13  output;  12 reserved;", Code::AddressBitMissing),
        ("invalid = 1;", "software;", Code::TwoLayouts),
        ("sixteen = 0;", "sixteen;", Code::TwoLayouts),
        ("level section 26..20", "level section 25..20", Code::LevelsGap),
        ("none, pointer, page, group;", "none, reserved pointer, page, group;", Code::LevelUnreached),
        ("not user;", "not usr;", Code::MeaningMisspelt),
        ("not write;", "not wirte;", Code::MeaningMisspelt),
        ("memory_type =", "memory_typ =", Code::MeaningMisspelt),
        ("fill, relax = lazy;", "fill, relax = lazy;  relax = live;", Code::DuplicateItem),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        assert_eq!(found(&text), [code], "{}", compile("test.ptf", &text).rendered(false));
    }
}

/// A field that is a constant in another leaf was most probably meant to be one, whatever else is wrong.
#[test]
fn a_constant_that_others_have_as_a_field_is_shown() {
    let good = include_str!("../../tests/formats/alder.ptf");
    let text = good.replacen("sixteen = 0;", "sixteen;", 1).replacen("6..3   software;", "6..4   software;", 1);
    let compiled = compile("test.ptf", &text);
    assert_eq!(found(&text), [Code::BitMissing, Code::LacksUnsaid], "{}", compiled.rendered(false));
    let shown = compiled.rendered(false);
    assert!(shown.contains("a constant here") && shown.contains("give `sixteen` a value in `page`, too"), "{shown}");
}

/// All layouts that were forgotten are named.
#[test]
fn every_forgotten_layout_is_named() {
    let good = include_str!("../../tests/formats/alder.ptf");
    let (start, _) = good.split_once(", reserved page, ").unwrap();
    let end = good[start.len()..].split_once(';').unwrap().1;
    let shown = compile("test.ptf", &format!("{start};{end}")).rendered(false);
    assert!(shown.contains("did you mean `reserved page, reserved group`?"), "{shown}");
}
