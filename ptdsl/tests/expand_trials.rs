//! Every trial format is expanded or refused by name, whatever is left to run time: nothing panics, nothing is half done.

mod inputs;

use std::collections::BTreeSet;

use ptdsl::binding::{Binding, Setting, Value};
use ptdsl::emit::{Options, expand};
use ptdsl::resolve::Description;
use ptdsl::tree::FormatKind;
use ptdsl::{bind, compile};

/// The trial formats that need what the generator has no code for.
const REFUSED: [&str; 2] = ["dart1_4k", "pascal_mmu2"];

/// The usual binding, and those in which one feature or parameter is decided otherwise.
fn bindings(description: &Description) -> Vec<Binding> {
    let range = description.ranges.first().and_then(|range| range.node.name.as_ref());
    let usual = Binding { range: range.map(|name| name.value.clone()), ..Binding::default() };
    let mut bindings = vec![usual.clone()];
    for feature in &description.features {
        for setting in [Setting::On, Setting::Off, Setting::Runtime] {
            let mut binding = usual.clone();
            binding.features.insert(feature.node.name.value.clone(), setting);
            bindings.push(binding);
        }
    }
    for parameter in &description.parameters {
        let mut binding = usual.clone();
        binding.parameters.insert(parameter.node.name.value.clone(), Value::Runtime);
        bindings.push(binding);
    }
    bindings
}

#[test]
fn trials_are_expanded_or_refused_by_name() {
    let (mut expanded, mut refused) = (0, BTreeSet::new());
    for (name, source) in inputs::trials() {
        let compiled = compile(&name, &source);
        for description in compiled.formats().filter(|it| it.kind == FormatKind::Format) {
            let format = &description.name.value;
            for binding in bindings(description) {
                // What a machine cannot be is refused by `bind`, and tested there.
                let Ok(family) = bind(description, &binding) else { continue };
                match expand(&family, &Options { file: name.clone(), ..Options::default() }) {
                    Ok(tokens) => {
                        let shown = tokens.to_string();
                        assert!(!shown.contains("compile_error"), "{format}: {shown}");
                        assert!(shown.contains("impl :: ptgen :: Format for Format"), "{format}: {shown}");
                        expanded += 1;
                    }
                    Err(complaints) => {
                        assert!(REFUSED.contains(&format.as_str()), "{format}: {complaints:?}");
                        refused.insert(format.clone());
                        assert!(complaints.iter().all(|it| it.help.is_some() && it.message.contains('`')));
                    }
                }
            }
        }
    }
    for format in REFUSED {
        assert!(refused.contains(format), "{format} is expanded now");
    }
    assert!(expanded > 200, "only {expanded} expansions");
}

/// One program for three, four or five levels: which it is costs a choice at the root of a walk, and another where the word
/// for the register is made. Everything else is computed from the number.
#[test]
fn what_is_chosen_at_boot_is_chosen_in_one_place() {
    let builtin = ptgen_formats::format("riscv").unwrap();
    let compiled = compile(builtin.file, builtin.text);
    let description = compiled.formats().find(|it| it.name.value == builtin.name).unwrap();
    let parameters = [("bits".to_owned(), Value::Runtime)].into();
    let family = bind(description, &Binding { parameters, ..Binding::default() }).unwrap();
    let text = expand(&family, &Options::default()).unwrap().to_string();
    let chooses = |function: &&str| function.contains("if f . bits") || function.contains("if self . bits");
    let choosing = text.split("fn ").filter(chooses).filter_map(|function| function.split([' ', '<', '(']).next());
    assert_eq!(choosing.collect::<Vec<_>>(), ["new", "root"]);
}
