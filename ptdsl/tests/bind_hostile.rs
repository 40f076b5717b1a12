//! Formats with absurd numbers: no stage from the tree to the model panics, overflows or loops on them.

mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use ptdsl::binding::{Binding, Setting, Value};
use ptdsl::{bind, parse, resolve};

/// Numbers that a careless sum or shift trips over.
const NUMBERS: [&str; 12] = [
    "0",
    "1",
    "7",
    "31",
    "63",
    "64",
    "127",
    "128",
    "255",
    "65536",
    "0xffffffffffffffff",
    "0xffffffffffffffffffffffffffffffff",
];

/// The numbers in a text, as ranges of bytes.
fn numbers(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if word(bytes[at]) {
            let end = (at..bytes.len()).find(|end| !word(bytes[*end])).unwrap_or(bytes.len());
            if bytes[at].is_ascii_digit() {
                found.push((at, end));
            }
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn absurd_numbers_are_survived(file in 0_usize..32, places in proptest::collection::vec((any::<u32>(), 0_usize..12), 1..4)) {
        let mut texts: Vec<String> = ptgen_formats::FILES.iter().map(|file| file.text.to_owned()).collect();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trials");
        let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        texts.extend(paths.iter().map(|path| std::fs::read_to_string(path).unwrap()));
        let mut text = texts[file % texts.len()].clone();
        for (place, number) in places {
            let all = numbers(&text);
            let (start, end) = all[place as usize % all.len()];
            text.replace_range(start..end, NUMBERS[number]);
        }
        let Ok(tree) = parse(&text) else { return Ok(()) };
        let (descriptions, complaints) = resolve(&tree);
        prop_assert!(complaints.iter().all(|one| one.labels.iter().all(|label| label.span.end <= text.len())));
        for description in &descriptions {
            let parameters: BTreeMap<String, Value> =
                description.parameters.iter().map(|item| (item.node.name.value.clone(), Value::Runtime)).collect();
            let features =
                description.features.iter().take(2).map(|item| (item.node.name.value.clone(), Setting::Runtime)).collect();
            for binding in [Binding::default(), Binding { parameters, ..Binding::default() }, Binding { features, ..Binding::default() }] {
                if let Ok(family) = bind(description, &binding) {
                    for member in &family.members {
                        prop_assert!(!member.format.levels.is_empty());
                        prop_assert!(member.format.layouts.iter().all(|layout| layout.rows.iter().all(|row| row.high < layout.word_bits)));
                    }
                }
            }
        }
    }
}

/// The length of a span of all numbers is one more than any number.
#[test]
fn a_parameter_of_every_number_is_survived() {
    let text = "format all {
        word 64 little;  virtual 21 zero_extended;  output 40;
        parameter any = 0 to 0xffffffffffffffffffffffffffffffff;
        level l0 20..12 = empty, page;
        absent empty { 63..1 software;  0 valid = 0; }
        leaf page { 63..40 reserved;  39..12 output;  11..1 software;  0 valid = 1; }
        update { all = live; }
    }";
    let description = &support::resolved(text)[0];
    let parameters = BTreeMap::from([("any".to_owned(), Value::Runtime)]);
    drop(bind(description, &Binding { parameters, ..Binding::default() }));
}
