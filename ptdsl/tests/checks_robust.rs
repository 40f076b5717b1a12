//! Whatever a format file says, the checks end, and what passes them can be bound.

mod inputs;

use ptdsl::binding::{Binding, Setting, Value};
use ptdsl::{bind, compile};

/// Words and marks of a text; joining them with blanks gives a text that reads the same.
fn words(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let mut words: Vec<String> = Vec::new();
    for letter in lines.flat_map(|line| line.chars().chain([' '])) {
        let in_word = letter.is_ascii_alphanumeric() || letter == '_';
        match words.last_mut() {
            Some(last) if in_word && last.ends_with(|it: char| it.is_ascii_alphanumeric() || it == '_') => {
                last.push(letter)
            }
            Some(last) if last.ends_with(['.', '!']) && ['.', '='].contains(&letter) => last.push(letter),
            _ => words.push(letter.to_string()),
        }
    }
    words
}

/// The next of a stream of numbers, below `bound`.
fn roll(seed: &mut u64, bound: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize % bound.max(1)
}

/// A text with one to three of its words lost, doubled, exchanged or replaced by another number.
fn mutated(words: &[String], seed: &mut u64) -> String {
    const NUMBERS: [&str; 9] = ["0", "1", "7", "63", "64", "127", "128", "4096", "0xffffffffffffffffffffffffffffffff"];
    let mut words = words.to_vec();
    for _ in 0..=roll(seed, 3) {
        let at = roll(seed, words.len());
        match roll(seed, 4) {
            0 => drop(words.remove(at)),
            1 => words.insert(at, words[at].clone()),
            2 => {
                let other = roll(seed, words.len());
                words.swap(at, other);
            }
            _ => {
                let numbers: Vec<usize> =
                    (0..words.len()).filter(|it| words[*it].starts_with(|it: char| it.is_ascii_digit())).collect();
                let at = numbers[roll(seed, numbers.len())];
                words[at] = NUMBERS[roll(seed, NUMBERS.len())].to_owned();
            }
        }
    }
    words.concat()
}

#[test]
fn a_changed_format_is_refused_or_can_be_bound() {
    // Raised by whoever looks for more: PTDSL_MUTANTS=100000 cargo test --release …
    let count = std::env::var("PTDSL_MUTANTS").ok().and_then(|count| count.parse().ok()).unwrap_or(25);
    let mut passed = 0;
    for (name, text) in inputs::trials().into_iter().chain(inputs::shipped()) {
        let words = words(&text);
        let source = "//! Tests.\n";
        let whole = format!("{source}{}", words.concat());
        assert!(compile(&name, &whole).diagnostics.is_empty(), "{}", compile(&name, &whole).rendered(false));
        for seed in 0..count {
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
