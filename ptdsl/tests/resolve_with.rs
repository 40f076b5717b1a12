//! What `with` does: replacing, cutting, deriving, adding.

mod support;

use ptdsl::resolve::{Description, Layout};
use ptdsl::tree::{Content, ParameterSet, Place, RuleKind, Value};

const SMALL: &str = "
base small {
    word 64 little;
    virtual 30 zero_extended;
    output 40;
    feature wide;
    level top 29..21 = empty, directory, large;
    level low 20..12 = empty, page;
    absent empty { 63..1 software; 0 valid = 0; }
    leaf page { 63..60 key; 59..40 reserved; 39..12 output; 11..3 software; 2..1 kind; 0 valid = 1; }
    leaf large = page with { 11 size = 1; }
    table directory { 63..40 reserved; 39..12 table; 11 size = 0; 10..1 ignored; 0 valid = 1; }
    root base_register { 63..12 table; 11..0 asid; }
    attribute memory_type = kind { cached = 0; uncached = 1; device = 2, 3; }
    update { fill = lazy; all = live; hardware key; }
}
";

fn described(text: &str, name: &str) -> Description {
    let all = support::resolved(&format!("{SMALL}{text}"));
    support::format(&all, name).clone()
}

fn layout<'a>(description: &'a Description, name: &str) -> &'a Layout {
    &description.layouts.iter().find(|layout| layout.node.name.value == name).unwrap().node
}

/// The rows of a layout in one line each: bits and content.
fn rows(description: &Description, name: &str) -> Vec<String> {
    let layout = layout(description, name);
    let bits = |place: &Place| match place {
        Place::Bits(range) => format!("{}..{}", range.high.value.value, range.low.value.value),
        Place::Bit(bit) => format!("{}", bit.value.value),
        Place::Parameter(name) => name.value.clone(),
    };
    let content = |content: &Content| match content {
        Content::Reserved(None) => "reserved".to_owned(),
        Content::Reserved(Some(Value::Number(value))) => format!("reserved {}", value.value.value),
        Content::Ignored(_) => "ignored".to_owned(),
        Content::Software => "software".to_owned(),
        Content::Output(None) => "output".to_owned(),
        Content::Output(Some(slice)) => format!("output {}..{}", slice.high.value.value, slice.low.value.value),
        Content::Table { .. } => "table".to_owned(),
        Content::Field { name, value: None, .. } => name.value.clone(),
        Content::Field { name, .. } => format!("{} =", name.value),
        other => format!("{other:?}"),
    };
    let row = |row: &ptdsl::tree::Row| {
        let cases: Vec<String> = row.content.cases.iter().map(|case| content(&case.value.value)).collect();
        format!("{} {}", bits(&row.place), cases.join(" else "))
    };
    layout.rows.iter().map(|item| row(&item.node)).collect()
}

#[test]
fn a_row_replaces_the_bits_it_names_and_cuts_what_it_must() {
    let text = "format f = small with {
        update { all = live; }
        leaf page with { 63..60 lock; 50 encrypted; 20..18 reserved = 5; 13..12 ignored; }
        leaf moved = page with { 20..19 reserved; }
    }";
    let f = described(text, "f");
    let expected = [
        "63..60 lock",
        "59..51 reserved",
        "50 encrypted",
        "49..40 reserved",
        "39..21 output",
        "20..18 reserved 5",
        "17..14 output",
        "13..12 ignored",
        "11..3 software",
        "2..1 kind",
        "0 valid =",
    ];
    assert_eq!(rows(&f, "page"), expected);
    // `large` derives from the amended page.
    assert!(rows(&f, "large").contains(&"63..60 lock".to_owned()));
    assert!(rows(&f, "large").contains(&"10..3 software".to_owned()));
}

#[test]
fn a_cut_slice_keeps_its_bits_and_a_cut_value_its_part() {
    let text = "format f = small with {
        leaf page with { 59..40 output[47..28]; 39..12 reserved = 0xf0000a5; }
        leaf large with { 45..44 lock; 19..16 lock; }
    }";
    let f = described(text, "f");
    let large = rows(&f, "large");
    assert_eq!(
        large[1..6],
        ["59..46 output 47..34", "45..44 lock", "43..40 output 31..28", "39..20 reserved 983040", "19..16 lock"]
    );
    assert_eq!(large[6], "15..12 reserved 5");
}

#[test]
fn an_item_replaces_its_namesake_and_references_follow() {
    let text = "
    base fragment {
        level low 20..14 = empty, page;
        leaf page with { 39..14 output; 13..12 ignored; }
    }
    format f = small with fragment {
        virtual lower 30 zero_extended;
        virtual upper 30 ones_extended;
        feature wide, tall = on;
        attribute memory_type, more = kind { cached = 0; uncached = 1; device = 2; none = 3; }
        root second_register { 63..12 table; 11..0 ignored; }
        update with { fill = live; hardware lock; }
        leaf page with { 63..60 lock; }
    }";
    let f = described(text, "f");
    let names: Vec<_> = f.ranges.iter().map(|range| range.node.name.as_ref().unwrap().value.as_str()).collect();
    assert_eq!(names, ["lower", "upper"]);
    let features: Vec<_> =
        f.features.iter().map(|item| (item.node.name.value.as_str(), item.node.usually_on)).collect();
    assert_eq!(features, [("wide", true), ("tall", true)]);
    assert_eq!(f.attributes.len(), 1);
    assert_eq!(f.attributes[0].node.names.len(), 2);
    let roots: Vec<_> = f.layouts.iter().map(|layout| layout.node.name.value.as_str()).collect();
    assert_eq!(roots, ["empty", "page", "large", "directory", "second_register"]);
    // The fragment's amendment of `page` reaches `large`.
    assert!(rows(&f, "large").contains(&"39..14 output".to_owned()));
    // Rules of `update with` come last, and those that are no way of change replace their namesakes.
    let hardware: Vec<_> = f
        .update
        .iter()
        .filter_map(|rule| match &rule.kind {
            RuleKind::Hardware { fields, .. } => Some(fields[0].value.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(hardware, ["lock"]);
    assert_eq!(f.update.len(), 4);
}

#[test]
fn a_whole_update_and_a_whole_layout_replace_what_was_said() {
    let text = "format f = small with {
        update { all = break; }
        leaf large { 63..40 reserved; 39..21 output; 20..12 ignored; 11 size = 1; 10..1 ignored; 0 valid = 1; lacks key, kind; }
        parameter width = 36 to 40, 44;
        output width;
    }";
    let f = described(text, "f");
    assert_eq!(f.update.len(), 1);
    assert_eq!(rows(&f, "large").len(), 6);
    let ParameterSet::Spans(spans) = &f.parameters[0].node.set else { panic!() };
    assert_eq!(spans.len(), 2);
}

#[test]
fn clauses_replace_their_namesakes_and_forbid_and_lacks_add() {
    let text = "format f = small with {
        leaf page with { where key; forbid kind = 3; lacks size; output 36; }
        leaf large with { where kind; forbid key = 1; lacks lock; 10 size_high; }
        leaf third = large with { 9 lock; run 4; }
        table gate = third with { 39..12 table; }
        table key_table { 63..40 reserved; 39..12 table; 11..0 ignored; }
        leaf last { 63..12 output; 11 lock; 10 size; 9..0 size_high; }
    }";
    let f = described(text, "f");
    let large = layout(&f, "large");
    assert_eq!(large.forbid.len(), 2);
    let names = |layout: &Layout| layout.lacks.iter().map(|name| name.value.clone()).collect::<Vec<_>>();
    assert_eq!(names(large), ["size", "lock"]);
    assert!(large.output.is_some());
    let where_large = large.identity.as_ref().unwrap();
    assert_ne!(Some(where_large), layout(&f, "page").identity.as_ref());
    // What a layout can say it does not lack; what only leaves have does not go to a table.
    let third = layout(&f, "third");
    assert_eq!(names(third), ["size"]);
    assert!(third.run.is_some());
    let gate = layout(&f, "gate");
    assert!(gate.run.is_none() && gate.output.is_none() && gate.lacks.is_empty());
    assert_eq!(gate.identity.as_ref(), Some(where_large));
}

#[test]
fn levels_stand_from_the_highest_to_the_lowest() {
    let f =
        described("format f = small with { virtual 39 zero_extended; level higher 38..30 = empty, directory; }", "f");
    let names: Vec<_> = f.levels.iter().map(|level| level.node.name.value.as_str()).collect();
    assert_eq!(names, ["higher", "top", "low"]);
}

#[test]
fn an_attribute_without_any_of_its_fields_goes_with_them() {
    let f = described("format f = small with { leaf page with { 2..1 output[41..40]; } }", "f");
    assert!(f.attributes.is_empty());
}

#[test]
fn a_common_ancestor_is_no_conflict() {
    let text = "
    base one = small with { leaf page with { 59..58 lock; } level low 20..12 = empty, page, reserved large; }
    base two = small with { leaf page with { 11 global; } update with { relax = lazy; } }
    format f = small with one, two { }";
    let f = described(text, "f");
    assert_eq!(f.update.len(), 4);
    assert_eq!(f.levels[1].node.entries.len(), 3);
    assert_eq!(rows(&f, "page")[1], "59..58 lock");
    assert!(rows(&f, "page").contains(&"11 global".to_owned()));
}
