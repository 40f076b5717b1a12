//! What each construct of the grammar becomes, and where it says it stood.

use ptdsl::tree::{
    Alt, CondKind, Content, Endian, Extension, Format, FormatKind, ItemKind, LayoutKind, LevelIndex, Literal, Origin,
    Otherwise, ParameterSet, PartKind, Place, Radix, RuleKind, Value, Way,
};

#[test]
fn descriptions() {
    let file =
        ptdsl::parse("//! one\n//! two\n\n/// doc\nbase a { }\nformat b = a with c, d;\nformat e = b with { }\n")
            .expect("the text is right");
    assert_eq!(file.docs.iter().map(|line| line.value.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    let [a, b, e] = file.formats.as_slice() else { panic!("three descriptions") };
    assert_eq!((a.kind.value, a.name.value.as_str(), a.with.is_some()), (FormatKind::Base, "a", false));
    assert_eq!(a.docs[0].value, "doc");
    let with = b.with.as_ref().expect("b is made from a");
    assert_eq!((b.kind.value, with.parent.value.as_str()), (FormatKind::Format, "a"));
    assert_eq!(with.fragments.iter().map(|name| name.value.as_str()).collect::<Vec<_>>(), ["c", "d"]);
    assert!(e.with.as_ref().is_some_and(|with| with.fragments.is_empty()));
    assert_eq!([a, b, e].map(|format| file.lines.line(format.span.start)), [5, 6, 7]);
}

#[test]
fn statements_about_the_machine() {
    let kinds = items(
        "word 64 big when e else little; virtual 48 sign_extended; virtual low b prefix 0xc00 widened 4 tag 63..56 when f; output 52 when a else w;",
    );
    let [ItemKind::Word(word), ItemKind::Virtual(plain), ItemKind::Virtual(full), ItemKind::Output(output)] =
        kinds.as_slice()
    else {
        panic!("{kinds:?}")
    };
    assert_eq!(word.bits.value.value, 64);
    assert_eq!(choices(&word.endian), [(Endian::Big, true), (Endian::Little, false)]);
    assert!(plain.name.is_none() && plain.widened.is_none() && plain.tag.is_none());
    assert_eq!((number(&plain.width), &plain.extension.value), (48, &Extension::Sign));
    assert_eq!(full.name.as_ref().map(|name| name.value.as_str()), Some("low"));
    assert!(matches!(&full.width, Value::Name(name) if name.value == "b"));
    assert!(matches!(&full.extension.value, Extension::Prefix(prefix) if prefix.value.value == 0xc00));
    assert_eq!(full.widened.map(|number| number.value.value), Some(4));
    let tag = full.tag.as_ref().expect("there is a tag");
    assert_eq!((tag.bits.high.value.value, tag.bits.low.value.value, tag.when.is_some()), (63, 56, true));
    assert!(matches!(&output.cases[1].value.value, Value::Name(name) if name.value == "w"));
}

#[test]
fn features_and_parameters() {
    let kinds = items(
        "feature a, b; feature c = on; feature d when a = 1; feature e when a = on; feature f when g = 1 = on; \
         parameter w = 36 to 52; parameter v = 1, 4 to 6 per level; parameter t, u = address;",
    );
    let features: Vec<(usize, bool, bool)> = kinds
        .iter()
        .filter_map(|kind| match kind {
            ItemKind::Feature(feature) => Some((feature.names.len(), feature.when.is_some(), feature.usually_on)),
            _ => None,
        })
        .collect();
    let expected = [(2, false, false), (1, false, true), (1, true, false), (1, true, true), (1, true, true)];
    assert_eq!(features, expected);
    // `on` is no value: `when a = on` is the condition `a` and the usual setting.
    assert!(
        matches!(&kinds[3], ItemKind::Feature(e) if e.when.as_ref().is_some_and(|c| matches!(c.value, CondKind::Name(_))))
    );
    let sets: Vec<(Option<Spans>, bool)> = kinds
        .iter()
        .filter_map(|kind| match kind {
            ItemKind::Parameter(parameter) => Some((spans(&parameter.set), parameter.per_level)),
            _ => None,
        })
        .collect();
    let expected = [(Some(vec![(36, Some(52))]), false), (Some(vec![(1, None), (4, Some(6))]), true), (None, false)];
    assert_eq!(sets, expected);
}

#[test]
fn levels() {
    let kinds = items(
        "level pt 20..12 word 32 align 64 companion 8 = a, b when f, c when f else reserved, reserved d; level dir4 dir4_bits above dir3 = a; level pd 9 above 12 = a;",
    );
    let [ItemKind::Level(pt), ItemKind::Level(dir4), ItemKind::Level(pd)] = kinds.as_slice() else {
        panic!("{kinds:?}")
    };
    assert!(matches!(&pt.index, LevelIndex::Bits(bits) if (bits.high.value.value, bits.low.value.value) == (20, 12)));
    assert_eq!(
        [pt.word, pt.align, pt.companion].map(|given| given.map(|one| one.value.value)),
        [Some(32), Some(64), Some(8)]
    );
    let entries: Vec<(&str, bool, bool, bool)> = pt
        .entries
        .iter()
        .map(|entry| (entry.layout.value.as_str(), entry.refused, entry.when.is_some(), entry.else_reserved))
        .collect();
    let expected =
        [("a", false, false, false), ("b", false, true, false), ("c", false, true, true), ("d", true, false, false)];
    assert_eq!(entries, expected);
    assert!(matches!(&dir4.index, LevelIndex::Above { width: Value::Name(width), base: Value::Name(base) }
        if width.value == "dir4_bits" && base.value == "dir3"));
    assert!(matches!(&pd.index, LevelIndex::Above { width, base } if (number(width), number(base)) == (9, 12)));
}

#[test]
fn layouts_and_their_clauses() {
    let kinds = items(
        "absent a { } table b word 128 { } leaf c = a with { } root d with { output 40; lacks x, y; defer; run 2 to 256 identical in ones; run 16; where x; forbid not x; }",
    );
    let layouts: Vec<_> = kinds
        .iter()
        .map(|kind| match kind {
            ItemKind::Layout(layout) => layout,
            other => panic!("{other:?}"),
        })
        .collect();
    let kinds = [LayoutKind::Absent, LayoutKind::Table, LayoutKind::Leaf, LayoutKind::Root];
    assert_eq!(layouts.iter().map(|layout| layout.kind.value).collect::<Vec<_>>(), kinds);
    assert_eq!(layouts[1].word.map(|word| word.value.value), Some(128));
    assert!(matches!(&layouts[2].origin, Origin::From(name) if name.value == "a"));
    assert_eq!((&layouts[0].origin, &layouts[3].origin), (&Origin::New, &Origin::Amended));
    let parts: Vec<&PartKind> = layouts[3].parts.iter().map(|part| &part.kind).collect();
    let [
        PartKind::Output(_),
        PartKind::Lacks(names),
        PartKind::Defer,
        PartKind::Run(run),
        PartKind::Run(plain),
        PartKind::Where(_),
        PartKind::Forbid(_),
    ] = parts.as_slice()
    else {
        panic!("{parts:?}")
    };
    assert_eq!(names.len(), 2);
    assert_eq!((run.first.value.value, run.last.map(|last| last.value.value)), (2, Some(256)));
    assert!(run.identical && run.in_ones && !plain.identical && !plain.in_ones && plain.last.is_none());
}

#[test]
fn rows() {
    let contents = contents(
        "51..12 output; 9..8 output[51..50]; 7 table; 6 table lpt[57..8] = 0 where a != 0; 5 not write; 4 xn[1]; \
         3..2 type[3..2] = 0b11; 1 = width; c_bit reserved = 3; 0 ignored; 8 software; 10 slots_lg2; 11 first_slot[10..9]; \
         12 last_slot[2];",
    );
    assert_eq!(contents.len(), 14);
    assert!(matches!(contents[0], (Place::Bits(_), Content::Output(None))));
    assert!(
        matches!(contents[1].1, Content::Output(Some(slice)) if (slice.high.value.value, slice.low.value.value) == (51, 50))
    );
    assert!(matches!(
        contents[2],
        (Place::Bit(_), Content::Table { child: None, slice: None, value: None, condition: None })
    ));
    assert!(
        matches!(&contents[3].1, Content::Table { child: Some(child), slice: Some(_), value: Some(_), condition: Some(_) } if child.value == "lpt")
    );
    assert!(
        matches!(&contents[4].1, Content::Field { inverted: true, name, slice: None, value: None } if name.value == "write")
    );
    assert!(
        matches!(&contents[5].1, Content::Field { inverted: false, slice: Some(slice), .. } if slice.high == slice.low)
    );
    assert!(matches!(&contents[6].1, Content::Field { slice: Some(_), value: Some(value), .. } if number(value) == 3));
    assert!(matches!(&contents[7].1, Content::Constant(Value::Name(name)) if name.value == "width"));
    assert!(matches!(&contents[8], (Place::Parameter(name), Content::Reserved(Some(_))) if name.value == "c_bit"));
    assert!(matches!(contents[9].1, Content::Ignored(None)));
    assert!(matches!(contents[10].1, Content::Software));
    assert!(matches!(contents[11].1, Content::SlotsLg2));
    assert!(matches!(contents[12].1, Content::FirstSlot(_)));
    assert!(matches!(contents[13].1, Content::LastSlot(_)));
}

#[test]
fn attributes_and_changes() {
    let kinds = items(
        "parameter attribute memory_type = (pat, pcd) { write_back = 0, 4; reserved = 1; else other; } \
         attribute read, write = access when not f { read write = 0b11; none = 0; else reserved; } \
         update with { fill, output, other = live when a else break; hardware x, y when a; registers l; clean; clean when a; hold x when a; pairs; }",
    );
    let [ItemKind::Attribute(memory), ItemKind::Attribute(access), ItemKind::Update(update)] = kinds.as_slice() else {
        panic!("{kinds:?}")
    };
    assert!(memory.parameter && memory.when.is_none() && memory.fields.len() == 2);
    assert_eq!(memory.otherwise.map(|one| one.value), Some(Otherwise::Other));
    assert_eq!(memory.values[0].numbers.iter().map(|one| one.value.value).collect::<Vec<_>>(), [0, 4]);
    assert_eq!(memory.values[1].names[0].value, "reserved");
    assert!(!access.parameter && access.when.is_some() && access.names.len() == 2 && access.fields.len() == 1);
    assert_eq!(access.otherwise.map(|one| one.value), Some(Otherwise::Reserved));
    assert_eq!(access.values[0].names.len(), 2);
    assert!(update.with);
    let rules: Vec<&RuleKind> = update.rules.iter().map(|rule| &rule.kind).collect();
    let [
        RuleKind::Way { kinds, way },
        RuleKind::Hardware { fields, when: Some(_) },
        RuleKind::Registers(level),
        RuleKind::Clean(None),
        RuleKind::Clean(Some(_)),
        RuleKind::Hold { field, when: Some(_) },
        RuleKind::Pairs,
    ] = rules.as_slice()
    else {
        panic!("{rules:?}")
    };
    assert_eq!((kinds.len(), fields.len(), level.value.as_str(), field.value.as_str()), (3, 2, "l", "x"));
    assert_eq!(choices(way), [(Way::Live, true), (Way::Break, false)]);
}

#[test]
fn conditions_bind_as_written() {
    let texts = [
        ("a", "a"),
        ("a | b & c", "(a or (b and c))"),
        ("(a | b) & c", "((a or b) and c)"),
        ("a & b & c | d", "((a and b and c) or d)"),
        ("not a & b", "((no a) and b)"),
        ("not (a & b)", "(no (a and b))"),
        ("not not a = 3", "(no (no a is 3))"),
        ("table != empty_table", "table isn't empty_table"),
        ("output = 0 | (b | c)", "(output is 0 or (b or c))"),
    ];
    for (text, expected) in texts {
        let kinds = items(&format!("leaf l {{ where {text}; }}"));
        let [ItemKind::Layout(layout)] = kinds.as_slice() else { panic!("{kinds:?}") };
        let PartKind::Where(condition) = &layout.parts[0].kind else { panic!("{layout:?}") };
        assert_eq!(in_words(&condition.value), expected, "{text}");
    }
}

#[test]
fn numbers_keep_their_notation() {
    let contents = contents("0 = 0x00fF; 1 = 0b0101; 2 = 007; 3 = 340282366920938463463374607431768211455;");
    let literals: Vec<(u128, Radix, u8)> = contents
        .iter()
        .map(|(_, content)| match content {
            Content::Constant(Value::Number(number)) => {
                let Literal { value, radix, digits } = number.value;
                (value, radix, digits)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let expected =
        [(255, Radix::Hexadecimal, 4), (5, Radix::Binary, 4), (7, Radix::Decimal, 3), (u128::MAX, Radix::Decimal, 39)];
    assert_eq!(literals, expected);
}

#[test]
fn spans_cover_what_was_written() {
    let text = "/// d\nformat a { // c\n    /// d\n    level pt 20..12 = x, y when f; // c\n    leaf x { /// d\n        7..0 output when f else not g; } }";
    let file = ptdsl::parse(text).expect("the text is right");
    let at = |span: ptdsl::span::Span| &text[span.start..span.end];
    let format = &file.formats[0];
    assert!(at(format.span).starts_with("format a {") && at(format.span).ends_with('}'));
    assert_eq!(at(format.items[0].span), "level pt 20..12 = x, y when f;");
    let ItemKind::Level(level) = &format.items[0].kind else { panic!("{format:?}") };
    assert_eq!(at(level.entries[1].span), "y when f");
    assert_eq!(level.entries[1].when.as_ref().map(|when| at(when.span)), Some("f"));
    let ItemKind::Layout(layout) = &format.items[1].kind else { panic!("{format:?}") };
    assert_eq!(at(layout.parts[0].span), "7..0 output when f else not g;");
    let PartKind::Row(row) = &layout.parts[0].kind else { panic!("{layout:?}") };
    assert_eq!((at(row.place.span), at(row.content.cases[1].value.span)), ("7..0", "not g"));
    assert_eq!((at(layout.kind.span), at(layout.name.span), at(layout.parts[0].docs[0].span)), ("leaf", "x", "/// d"));
}

#[test]
fn every_keyword_is_refused_as_a_name_and_only_keywords_are() {
    let keywords = ptdsl::parse::keywords();
    assert_eq!(keywords.len(), 57, "{keywords:?}");
    for word in &keywords {
        assert!(ptdsl::parse(&format!("format {word};")).is_err(), "{word}");
        assert!(ptdsl::parse(&format!("format {word}_x;")).is_ok(), "{word}");
        assert!(ptdsl::parse(&format!("format x{word};")).is_ok(), "{word}");
    }
    // The vocabulary of fields, kinds of change and `none` are names.
    for word in ["read", "write", "execute", "user", "global", "fill", "relax", "size", "none", "type", "all", "child"]
    {
        assert!(ptdsl::parse(&format!("format {word};")).is_ok(), "{word}");
    }
}

fn format(body: &str) -> Format {
    let text = format!("format f {{ {body} }}");
    let mut file = ptdsl::parse(&text)
        .unwrap_or_else(|found| panic!("{}", ptdsl::diagnostic::render("text", &text, &found, false)));
    file.formats.remove(0)
}

fn items(body: &str) -> Vec<ItemKind> {
    format(body).items.into_iter().map(|item| item.kind).collect()
}

/// The places of the rows of a layout and the first alternative of each.
fn contents(rows: &str) -> Vec<(Place, Content)> {
    let kinds = items(&format!("leaf l {{ {rows} }}"));
    let [ItemKind::Layout(layout)] = kinds.as_slice() else { panic!("{kinds:?}") };
    let rows = layout.parts.iter().map(|part| match &part.kind {
        PartKind::Row(row) => (row.place.value.clone(), row.content.cases[0].value.value.clone()),
        other => panic!("{other:?}"),
    });
    rows.collect()
}

fn choices<T: Copy>(alternatives: &Alt<T>) -> Vec<(T, bool)> {
    alternatives.cases.iter().map(|case| (case.value.value, case.when.is_some())).collect()
}

fn number(value: &Value) -> u128 {
    match value {
        Value::Number(number) => number.value.value,
        Value::Name(name) => panic!("{name:?} is no number"),
    }
}

/// First and last values of the spans of a parameter.
type Spans = Vec<(u128, Option<u128>)>;

fn spans(set: &ParameterSet) -> Option<Spans> {
    match set {
        ParameterSet::Address => None,
        ParameterSet::Spans(spans) => {
            Some(spans.iter().map(|span| (span.first.value.value, span.last.map(|last| last.value.value))).collect())
        }
    }
}

fn in_words(condition: &CondKind) -> String {
    let each = |cases: &[ptdsl::tree::Cond], word: &str| {
        format!("({})", cases.iter().map(|case| in_words(&case.value)).collect::<Vec<_>>().join(word))
    };
    match condition {
        CondKind::Any(cases) => each(cases, " or "),
        CondKind::All(cases) => each(cases, " and "),
        CondKind::Not(inner) => format!("(no {})", in_words(&inner.value)),
        CondKind::Name(name) => name.value.clone(),
        CondKind::Compare { name, equal, value } => {
            let right = match value {
                Value::Number(number) => number.value.value.to_string(),
                Value::Name(name) => name.value.clone(),
            };
            format!("{} {} {right}", name.value, if *equal { "is" } else { "isn't" })
        }
    }
}

/// The paragraph of the language reference that begins so lists every keyword and no other word.
#[test]
fn keywords_are_those_of_the_reference() {
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/language.md");
    let text = std::fs::read_to_string(reference).unwrap();
    let (_, list) = text.split_once("\nThe keywords are ").expect("the reference lists the keywords");
    let (list, _) = list.split_once('.').expect("the list ends");
    let listed: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    let mut known = ptdsl::parse::keywords();
    known.sort_unstable();
    assert_eq!(listed, known);
}
