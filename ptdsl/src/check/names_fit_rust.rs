//! Names of a format become names in Rust: they stay distinct in upper camel case, are no words of Rust, and are none of
//! the names that the emitted module needs for itself.

use super::facts::{Facts, Subject};
use super::meanings_once::is_choice;
use crate::diagnostic::{Code, Diagnostic};
use crate::rust_name::upper_camel;
use crate::tree::{Content, LayoutKind, Name};

/// Types of the emitted module beside those of levels and enumerations.
const MODULE_TYPES: &[&str] =
    &["Attributes", "Change", "Encoded", "Entry", "Format", "Level", "PageTable", "Patch", "Patched", "Root"];

/// The variant of every enumeration for numbers without a name.
const OTHER: &str = "Other";

/// Functions of the emitted types beside those of attributes.
const MODULE_FUNCTIONS: &[&str] =
    &["clone", "default", "eq", "fmt", "get", "hash", "new", "permits", "preset", "revise", "set", "with"];

/// The function that makes a format from what is decided at run time; features and parameters stand beside it.
const MAKER: &str = "new";

/// Words that cannot be names in Rust, in any edition up to 2024.
const RUST_WORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

pub(super) fn check(facts: &mut Facts<'_>) {
    types(facts);
    variants(facts);
    functions(facts);
}

/// Levels and attributes that are enumerations become types of the module; layouts are told apart in its documentation.
fn types(facts: &mut Facts<'_>) {
    let description = facts.description;
    let mut types: Vec<&Name> = description.levels.iter().map(|it| &it.node.name).collect();
    for attribute in &description.attributes {
        let names = attribute.node.names.first().filter(|it| is_choice(&attribute.node) && it.value != "child");
        // Two definitions of one attribute under different bindings are one type.
        types.extend(names.filter(|name| !types.iter().any(|other| other == name)));
    }
    distinct(facts, &types, "a type");
    for name in &types {
        if MODULE_TYPES.contains(&upper_camel(&name.value).as_str()) {
            module_name(facts, name, &upper_camel(&name.value), "type");
        }
    }
    let layouts: Vec<&Name> = description.layouts.iter().map(|it| &it.node.name).collect();
    distinct(facts, &layouts, "a layout");
    let ranges: Vec<&Name> = description.ranges.iter().filter_map(|it| it.node.name.as_ref()).collect();
    distinct(facts, &ranges, "a range");
    for name in types.into_iter().chain(layouts).chain(ranges) {
        if upper_camel(&name.value) == "Self" {
            keyword(facts, name, "Self");
        }
    }
}

/// The names of each enumeration become its variants.
fn variants(facts: &mut Facts<'_>) {
    for attribute in &facts.description.attributes {
        if !is_choice(&attribute.node) || attribute.node.names.iter().any(|name| name.value == "child") {
            continue;
        }
        let names = attribute.node.values.iter().filter_map(|value| value.names.first());
        let names: Vec<&Name> = names.filter(|name| name.value != "reserved").collect();
        distinct(facts, &names, "a variant");
        for name in names {
            match upper_camel(&name.value).as_str() {
                "Self" => keyword(facts, name, "Self"),
                OTHER => module_name(facts, name, OTHER, "variant"),
                _ => {}
            }
        }
    }
}

/// Features, parameters and attributes become functions and fields.
fn functions(facts: &mut Facts<'_>) {
    let description = facts.description;
    let mut names: Vec<&Name> = description.features.iter().map(|it| &it.node.name).collect();
    names.extend(description.parameters.iter().map(|it| &it.node.name));
    addresses(facts, &names);
    if let Some(name) = names.iter().find(|name| name.value == MAKER) {
        module_name(facts, name, MAKER, "function");
    }
    let mut said: Vec<&Name> = attributes(facts);
    for name in &said {
        if MODULE_FUNCTIONS.contains(&name.value.as_str()) {
            module_name(facts, name, &name.value, "function");
        }
    }
    names.append(&mut said);
    for name in names {
        if RUST_WORDS.contains(&name.value.as_str()) {
            keyword(facts, name, &name.value);
        }
    }
}

/// An address that exists per level has a field for each level, named like both.
fn addresses(facts: &mut Facts<'_>, names: &[&Name]) {
    let description = facts.description;
    for parameter in description.parameters.iter().filter(|it| it.node.per_level) {
        for level in &description.levels {
            let field = format!("{}_{}", parameter.node.name.value, level.node.name.value);
            let Some(other) = names.iter().find(|name| name.value == field) else { continue };
            let diagnostic = Diagnostic::new(Code::NamesCollide, format!("`{field}` is two names in Rust"))
                .label(parameter.node.name.span, format!("has the field `{field}` for that level"))
                .label(other.span, "has that name, too")
                .note("expected names that stay distinct when those of levels are added")
                .help("give one of them another name");
            facts.report(Subject::Format, diagnostic);
        }
    }
}

/// Everything that a word says under its own name: names of attributes, and fields that no attribute always stands for.
fn attributes<'a>(facts: &mut Facts<'a>) -> Vec<&'a Name> {
    let description = facts.description;
    let mut names: Vec<&Name> = Vec::new();
    let mut add = |name: &'a Name| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    description.attributes.iter().flat_map(|it| &it.node.names).for_each(&mut add);
    let stood_for =
        |name: &Name| description.attributes.iter().any(|it| it.node.when.is_none() && it.node.fields.contains(name));
    for layout in facts.used_layouts() {
        let layout = &description.layouts[layout];
        if layout.node.kind == LayoutKind::Absent {
            continue;
        }
        for case in layout.node.rows.iter().flat_map(|row| &row.node.content.cases) {
            if let Content::Field { name, value: None, .. } = &case.value.value
                && !stood_for(name)
            {
                add(name);
            }
        }
    }
    names
}

fn distinct(facts: &mut Facts<'_>, names: &[&Name], what: &str) {
    for (index, name) in names.iter().enumerate() {
        let camel = upper_camel(&name.value);
        let Some(other) = names[..index].iter().find(|other| upper_camel(&other.value) == camel) else { continue };
        if other.value == name.value {
            continue;
        }
        let diagnostic = Diagnostic::new(
            Code::NamesCollide,
            format!("`{}` and `{}` become one name in Rust", other.value, name.value),
        )
        .label(name.span, format!("{what} `{camel}`"))
        .label(other.span, format!("`{camel}`, too"))
        .note("expected names that stay distinct in upper camel case")
        .help("give one of them another name");
        facts.report(Subject::Format, diagnostic);
    }
}

fn keyword(facts: &mut Facts<'_>, name: &Name, word: &str) {
    let diagnostic = Diagnostic::new(Code::RustKeyword, format!("`{word}` is a word of Rust"))
        .label(name.span, "becomes a name in Rust")
        .note("expected a name that needs no `r#`")
        .help(format!("choose another name, such as `{}_bits`", name.value));
    facts.report(Subject::Format, diagnostic);
}

fn module_name(facts: &mut Facts<'_>, name: &Name, taken: &str, what: &str) {
    let diagnostic = Diagnostic::new(Code::ModuleName, format!("the emitted module has a {what} `{taken}` of its own"))
        .label(name.span, format!("becomes `{taken}`, too"))
        .help("choose another name");
    facts.report(Subject::Format, diagnostic);
}

#[cfg(test)]
mod tests {
    use super::{MODULE_TYPES, RUST_WORDS, upper_camel};

    #[test]
    fn names_are_written_as_types() {
        assert_eq!(upper_camel("write_back"), "WriteBack");
        assert_eq!(upper_camel("l1_2"), "L12");
        assert_eq!(upper_camel("pml4"), "Pml4");
        assert_eq!(upper_camel("a__b_"), "AB");
    }

    #[test]
    fn words_of_rust_are_sorted_and_distinct() {
        assert!(RUST_WORDS.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn every_type_that_a_module_needs_for_itself_is_known() {
        for builtin in ptgen_formats::FORMATS {
            let compiled = crate::compile_proven(builtin.file, builtin.text);
            let description = compiled.formats().find(|it| it.name.value == builtin.name).expect("it is in its file");
            let family = crate::bind(description, &crate::binding::Binding::default()).expect("the usual binding");
            let text =
                crate::emit::expand(&family, &crate::emit::Options::default()).expect("it is expanded").to_string();
            let levels = description.levels.iter().map(|it| upper_camel(&it.node.name.value));
            let choices = description.attributes.iter().flat_map(|it| &it.node.names).map(|it| upper_camel(&it.value));
            let own: Vec<String> = levels.chain(choices).collect();
            let words: Vec<&str> = text.split_whitespace().collect();
            for pair in words.windows(2).filter(|pair| ["struct", "enum", "type"].contains(&pair[0])) {
                let name = pair[1].trim_end_matches([';', '(', '{', '<']);
                // Associated types stand after `type` as well; the traits' own names are no types of the module.
                let associated = pair[0] == "type" && ["Word", "Below", "Target"].contains(&name);
                let is_known = own.iter().any(|it| it == name) || MODULE_TYPES.contains(&name) || associated;
                assert!(is_known, "{} emits a type `{name}` that no check keeps free", builtin.name);
            }
        }
    }
}
