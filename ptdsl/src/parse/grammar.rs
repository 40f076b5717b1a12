//! The parser that pest derives from the grammar, and how its rules are called in messages.

#![allow(unused_qualifications, reason = "derived code")]

use pest_derive::Parser;

/// The derived parser.
#[derive(Parser)]
#[grammar = "grammar.pest"]
pub struct Grammar;

/// All words that cannot be names, in the order of the grammar.
pub fn keywords() -> Vec<String> {
    Rule::all_rules().iter().copied().filter_map(keyword).collect()
}

/// The word that a rule of a keyword matches.
pub fn keyword(of: Rule) -> Option<String> {
    format!("{of:?}").strip_prefix("kw_").map(str::to_owned)
}

/// What may stand where a rule was expected, each in words or as a quoted keyword or mark. Nothing for what is allowed
/// everywhere.
pub fn choices(expected: Rule) -> Vec<String> {
    if let Some(word) = keyword(expected) {
        return vec![format!("`{word}`")];
    }
    let choices: &[&str] = match expected {
        Rule::semicolon => &["`;`"],
        Rule::comma => &["`,`"],
        Rule::equals | Rule::constant => &["`=`"],
        Rule::differs => &["`!=`"],
        Rule::bar => &["`|`"],
        Rule::ampersand => &["`&`"],
        Rule::dots => &["`..`"],
        Rule::open_brace => &["`{`"],
        Rule::close_brace => &["`}`"],
        Rule::open_paren => &["`(`"],
        Rule::close_paren => &["`)`"],
        Rule::open_bracket | Rule::slice => &["`[`"],
        Rule::close_bracket => &["`]`"],
        Rule::EOI => &["the end of the file"],
        Rule::name | Rule::names | Rule::listed_name | Rule::attribute_value | Rule::attribute_line => &["a name"],
        Rule::number | Rule::value_span => &["a number"],
        Rule::value => &["a number", "a name"],
        Rule::range => &["bits such as `51..12`"],
        Rule::unit | Rule::conjunction | Rule::condition | Rule::comparison | Rule::subject => &["a condition"],
        Rule::file | Rule::format | Rule::format_statement => &["`format`", "`base`"],
        Rule::with => &["`=`"],
        Rule::item => &[
            "`word`",
            "`virtual`",
            "`output`",
            "`feature`",
            "`parameter`",
            "`level`",
            "`absent`",
            "`table`",
            "`leaf`",
            "`root`",
            "`attribute`",
            "`update`",
        ],
        Rule::layout_kind | Rule::layout_statement => &["`absent`", "`table`", "`leaf`", "`root`"],
        Rule::part => {
            &["the bits of a row, such as `51..12`", "`where`", "`forbid`", "`output`", "`lacks`", "`defer`", "`run`"]
        }
        Rule::place | Rule::row => &["the bits of a row, such as `51..12`"],
        Rule::content | Rule::content_alt => &[
            "a field",
            "`not`",
            "`=`",
            "`reserved`",
            "`ignored`",
            "`software`",
            "`output`",
            "`table`",
            "`first_slot`",
            "`last_slot`",
            "`slots_lg2`",
        ],
        Rule::level_index => &["index bits such as `20..12` or `9 above pt`"],
        Rule::level_option => &["`word`", "`align`", "`companion`"],
        Rule::entry => &["a layout", "`reserved`"],
        Rule::origin => &["`with`", "`=`"],
        Rule::extension => &["`sign_extended`", "`zero_extended`", "`ones_extended`", "`prefix`"],
        Rule::endian | Rule::endian_alt => &["`little`", "`big`"],
        Rule::parameter_set => &["a number", "`address`"],
        Rule::joined => &["a field", "`(`"],
        Rule::way | Rule::way_alt => &["`lazy`", "`live`", "`break`", "`instruction`"],
        Rule::way_rule => &["a kind of change"],
        _ => &[],
    };
    choices.iter().map(|&choice| choice.to_owned()).collect()
}

/// Whether a name fits where the rule was expected.
pub fn admits_name(expected: Rule) -> bool {
    matches!(
        expected,
        Rule::name
            | Rule::names
            | Rule::listed_name
            | Rule::attribute_value
            | Rule::attribute_line
            | Rule::way_rule
            | Rule::value
            | Rule::place
            | Rule::row
            | Rule::content
            | Rule::content_alt
            | Rule::unit
            | Rule::conjunction
            | Rule::condition
            | Rule::comparison
            | Rule::subject
            | Rule::level_index
            | Rule::entry
            | Rule::joined
    )
}
