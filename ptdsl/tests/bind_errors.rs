//! Each complaint about a client's binding, once. They have no place in the format file: the text says it all.

mod support;

use std::collections::BTreeMap;

use ptdsl::bind;
use ptdsl::binding::{Binding, Setting, Value};
use ptdsl::diagnostic::{Code, Diagnostic};

const TEXT: &str = "
base part { word 64 little; }
format f {
    word 64 little;
    feature wide, tall;
    feature tallest when tall;
    parameter width = 36 to 40, 44;
    parameter bits = 25 to 48;
    parameter more_bits = 25 to 30;
    output width;
    virtual low  bits zero_extended widened 2;
    virtual high more_bits ones_extended;
    level top 38..30 = empty, directory;
    level middle 29..21 = empty, directory, page when wide;
    level bottom 20..12 = empty, page;
    absent empty { 63..1 software; 0 valid = 0; }
    leaf page { 63..52 software; 51..12 output; 11..4 software; 3..2 kind; 1 size = 1; 0 valid = 1; }
    table directory { 63..52 software; 51..12 table; 11..2 software; 1 size = 0; 0 valid = 1; }
    parameter attribute memory_type = kind { cached = 0, 3; uncached = 1; device = 2; }
    update { all = live; hardware kind when tallest; }
}
format narrow = f with { virtual bits zero_extended; }
";

/// A binding in words: `feature`, `not feature`, `feature?`, `parameter=3`, `parameter=?`, `root:l`, `range:r`,
/// `attribute.name=3`.
fn binding(words: &str) -> Binding {
    let mut binding = Binding { parameters: BTreeMap::from([("bits".into(), Value::Fixed(39))]), ..Binding::default() };
    for word in words.split_whitespace() {
        if let Some(level) = word.strip_prefix("root:") {
            binding.root = Some(level.into());
        } else if let Some(range) = word.strip_prefix("range:") {
            binding.range = Some(range.into());
        } else if let Some((name, value)) = word.split_once('=') {
            if let Some((attribute, name)) = name.split_once('.') {
                let choices: &mut BTreeMap<String, u128> = binding.choices.entry(attribute.into()).or_default();
                choices.insert(name.into(), value.parse().unwrap());
            } else {
                let value = if value == "?" { Value::Runtime } else { Value::Fixed(value.parse().unwrap()) };
                binding.parameters.insert(name.into(), value);
            }
        } else if let Some(name) = word.strip_suffix('?') {
            binding.features.insert(name.into(), Setting::Runtime);
        } else {
            binding.features.insert(word.into(), Setting::On);
        }
    }
    binding
}

fn complaints(format: &str, words: &str) -> Vec<Diagnostic> {
    let all = support::resolved(TEXT);
    bind(support::format(&all, format), &binding(words)).err().unwrap_or_default()
}

/// The one complaint in all its words.
fn only(words: &str, code: Code) -> String {
    let all = complaints("f", words);
    assert_eq!(all.iter().map(|one| one.code).collect::<Vec<_>>(), [code], "{words}: {all:#?}");
    assert!(all[0].labels.is_empty());
    format!("{}; {}; {}", all[0].message, all[0].notes.join(", "), all[0].help.as_deref().unwrap_or("-"))
}

#[test]
fn nothing_is_wrong_with_a_good_binding() {
    for words in ["", "wide tall tallest", "wide? tall? tallest?", "width=?", "bits=40 root:top", "range:high"] {
        assert_eq!(complaints("f", words), [], "{words}");
    }
}

#[test]
fn e0801_unknown_feature() {
    let said = only("wid", Code::UnknownFeature);
    assert_eq!(said, "`f` has no feature `wid`; its features are wide, tall, tallest; did you mean `wide`?");
}

#[test]
fn e0802_unknown_parameter() {
    let said = only("widht=3", Code::UnknownParameter);
    assert_eq!(said, "`f` has no parameter `widht`; its parameters are width, bits, more_bits; did you mean `width`?");
}

#[test]
fn e0803_feature_excluded() {
    let said = only("tallest", Code::FeatureExcluded);
    assert!(said.starts_with("the feature `tallest` is off under this binding"), "{said}");
}

#[test]
fn e0804_value_out_of_set() {
    let said = only("width=41", Code::ValueOutOfSet);
    assert_eq!(said, "`width` cannot be 41; the format allows 36 to 40, 44; -");
}

#[test]
fn e0805_root_impossible() {
    let said = only("bits=31 root:bottom", Code::RootImpossible);
    assert!(said.starts_with("`bottom` cannot be the root of 31 bits of VA; what can: top, middle"), "{said}");
    let said = only("root:botom", Code::RootImpossible);
    assert!(said.ends_with("did you mean `bottom`?"), "{said}");
}

#[test]
fn e0806_unknown_range() {
    let said = only("range:hihg", Code::UnknownRange);
    assert_eq!(said, "`f` has no range `hihg`; its ranges are low, high; did you mean `high`?");
}

#[test]
fn e0807_top_bit_missed() {
    let said = only("bits=42", Code::TopBitMissed);
    assert!(said.starts_with("no level is indexed by bit 41 of the VA; with bits = 42"), "{said}");
}

#[test]
fn e0808_unknown_choice() {
    let said = only("memory_type.cahced=1", Code::UnknownChoice);
    assert!(said.ends_with("did you mean `cached`?"), "{said}");
    let said = only("memory_tpye.cached=1", Code::UnknownChoice);
    assert!(said.ends_with("did you mean `memory_type`?"), "{said}");
}

#[test]
fn e0809_number_taken() {
    let said = only("memory_type.device=1", Code::NumberTaken);
    assert_eq!(said, "`uncached` of `memory_type` has no number left; ; bind `uncached` as well");
    let said = only("memory_type.device=1 memory_type.uncached=1", Code::NumberTaken);
    assert!(said.starts_with("1 would mean `device` and `uncached`"), "{said}");
    let said = only("memory_type.device=4", Code::NumberTaken);
    assert!(said.starts_with("4 is too large for `memory_type`"), "{said}");
    assert_eq!(complaints("f", "memory_type.device=1 memory_type.uncached=2"), []);
}

#[test]
fn e0810_too_many_variants() {
    let said = only("wide? tall? bits=?", Code::TooManyVariants);
    assert!(said.starts_with("96 combinations are left to run time"), "{said}");
}

#[test]
fn e0811_base_bound() {
    let all = complaints("part", "");
    assert_eq!(all.iter().map(|one| one.code).collect::<Vec<_>>(), [Code::BaseBound]);
}

#[test]
fn e0812_nothing_left() {
    let said = only("tallest wide?", Code::NothingLeft);
    assert!(said.starts_with("no combination") && said.contains("turned on: tallest"), "{said}");
}

#[test]
fn all_that_is_wrong_is_reported() {
    let all = complaints("f", "wid tallr widht=3 width=41 range:hihg");
    let codes: Vec<_> = all.iter().map(|one| one.code).collect();
    assert_eq!(
        codes,
        [Code::UnknownFeature, Code::UnknownFeature, Code::ValueOutOfSet, Code::UnknownParameter, Code::UnknownRange]
    );
}
