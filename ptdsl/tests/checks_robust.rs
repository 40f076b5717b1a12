//! Whatever a format file says, the checks end, and what passes them can be bound.

mod inputs;

use inputs::mutants::{count, mutated, words};
use ptdsl::binding::{Binding, Setting, Value};
use ptdsl::{bind, compile};

#[test]
fn a_changed_format_is_refused_or_can_be_bound() {
    let mut passed = 0;
    for (name, text) in inputs::trials().into_iter().chain(inputs::shipped()) {
        let words = words(&text);
        let source = "//! Tests.\n";
        let whole = format!("{source}{}", words.concat());
        assert!(compile(&name, &whole).diagnostics.is_empty(), "{}", compile(&name, &whole).rendered(false));
        for seed in 0..count() {
            let text = format!("{source}{}", mutated(&words, &mut (seed * 7919 + name.len() as u64)));
            let compiled = compile(&name, &text);
            let _ = compiled.rendered(false);
            for format in compiled.formats() {
                passed += 1;
                let all = format.features.iter().map(|it| (it.node.name.value.clone(), Setting::On)).collect();
                for features in [Default::default(), all] {
                    let binding = Binding { features, ..Binding::default() };
                    // A binding may be refused; that it is neither endless nor fatal is the point.
                    drop(bind(format, &binding));
                }
                let runtime = format.parameters.iter().map(|it| (it.node.name.value.clone(), Value::Runtime)).collect();
                drop(bind(format, &Binding { parameters: runtime, ..Binding::default() }));
            }
        }
    }
    assert!(passed > 0, "no changed format passed");
}
