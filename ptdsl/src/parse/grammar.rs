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
pub fn keyword(rule: Rule) -> Option<String> {
    format!("{rule:?}").strip_prefix("kw_").map(str::to_owned)
}

/// What a rule is called in a list of what was expected; nothing for what is allowed everywhere.
pub fn description(rule: Rule) -> Option<String> {
    if let Some(word) = keyword(rule) {
        return Some(format!("`{word}`"));
    }
    let description = match rule {
        Rule::semicolon => "`;`",
        Rule::comma => "`,`",
        Rule::equals => "`=`",
        Rule::differs => "`!=`",
        Rule::bar => "`|`",
        Rule::ampersand => "`&`",
        Rule::dots => "`..`",
        Rule::open_brace => "`{`",
        Rule::close_brace => "`}`",
        Rule::open_paren => "`(`",
        Rule::close_paren => "`)`",
        Rule::open_bracket => "`[`",
        Rule::close_bracket => "`]`",
        Rule::EOI => "the end of the file",
        Rule::name | Rule::listed_name | Rule::attribute_line => "a name",
        Rule::names => "names",
        Rule::number => "a number",
        Rule::value => "a number or a name",
        Rule::range => "bits such as `51..12`",
        Rule::slice => "bits such as `[55..12]`",
        Rule::place | Rule::row => "the bits of a row, such as `51..12` or `7`",
        Rule::content | Rule::content_alt => "what the bits hold",
        Rule::constant => "`=` and a value",
        Rule::unit | Rule::conjunction | Rule::condition | Rule::comparison | Rule::subject => "a condition",
        Rule::format | Rule::format_statement => "`format` or `base`",
        Rule::layout_kind | Rule::layout_statement => "`absent`, `table`, `leaf` or `root`",
        Rule::level_index => "index bits, such as `20..12` or `9 above pt`",
        Rule::level_option => "`word`, `align` or `companion`",
        Rule::extension => "`sign_extended`, `zero_extended`, `ones_extended` or `prefix`",
        Rule::endian => "`little` or `big`",
        Rule::way => "`lazy`, `live`, `break` or `instruction`",
        Rule::way_rule => "a kind of change",
        Rule::entry => "a layout",
        Rule::joined => "a field or `(`",
        Rule::parameter_set => "numbers or `address`",
        Rule::origin => "`with` or `=`",
        _ => return None,
    };
    Some(description.to_owned())
}

/// Whether a name fits where the rule was expected.
pub fn admits_name(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::name
            | Rule::names
            | Rule::listed_name
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

/// The keywords that a rule may begin with, for guesses at what was meant.
pub fn beginnings(rule: Rule) -> &'static [&'static str] {
    match rule {
        Rule::format | Rule::format_statement => &["format", "base"],
        Rule::layout_kind | Rule::layout_statement => &["absent", "table", "leaf", "root"],
        Rule::level_option => &["word", "align", "companion"],
        Rule::extension => &["sign_extended", "zero_extended", "ones_extended", "prefix"],
        Rule::endian => &["little", "big"],
        Rule::way => &["lazy", "live", "break", "instruction"],
        Rule::way_rule => &["hardware", "registers", "clean", "pairs"],
        Rule::parameter_set => &["address"],
        Rule::origin => &["with"],
        _ => &[],
    }
}
