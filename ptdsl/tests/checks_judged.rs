//! The proof that each word is one layout, judged by words: models of formats that pass have one layout for every word
//! that is tried, and the words that diagnostics print are words that models have none or two layouts for.
//!
//! The models come from another part of the compiler, which decides conditions by evaluating them.

mod inputs;

use std::collections::BTreeMap;

use inputs::mutants::{count, mutated, roll, words};
use ptdsl::binding::{Binding, Setting, Value};
use ptdsl::diagnostic::{Code, Diagnostic};
use ptdsl::model::{Format, Level, Test};
use ptdsl::resolve::Description;
use ptdsl::{bind, compile};

#[test]
fn formats_that_pass_have_one_layout_for_every_word() {
    let mut tried = 0;
    for (name, text) in inputs::trials().into_iter().chain(inputs::shipped()) {
        let whole = words(&text);
        for round in 0..=count() / 4 {
            let mut seed = round * 104_729 + name.len() as u64;
            // The format itself first, then changed ones.
            let text = if round == 0 { text.clone() } else { format!("//! Tests.\n{}", mutated(&whole, &mut seed)) };
            let compiled = compile(&name, &text);
            for format in compiled.formats() {
                for _ in 0..4 {
                    let Some(model) = some_model(format, &mut seed) else { continue };
                    tried += words_of(&model, &mut seed, &text);
                }
            }
        }
    }
    assert!(tried > 20_000, "{tried} words");
}

#[test]
fn printed_words_are_counterexamples() {
    let mut seen = [0, 0];
    for (name, text) in inputs::trials().into_iter().chain(inputs::shipped()) {
        for text in without_an_entry(&text).into_iter().chain(without_a_constant(&text)) {
            let compiled = compile(&name, &text);
            let partition = [Code::TwoLayouts, Code::NoLayout];
            for diagnostic in compiled.diagnostics.iter().filter(|it| partition.contains(&it.code)) {
                // What several formats take from the same lines is told once; any of these formats will do.
                let judgements = compiled.descriptions.iter().map(|format| is_counterexample(format, diagnostic));
                let judgements: Vec<bool> = judgements.flatten().collect();
                if judgements.is_empty() {
                    continue;
                }
                assert!(judgements.contains(&true), "{}", compiled.rendered(false));
                seen[usize::from(diagnostic.code == Code::NoLayout)] += 1;
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 40), "{seen:?}");
}

/// The text without one of the layouts that some level lists, each in turn.
fn without_an_entry(text: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for (start, line) in lines(text).filter(|(_, line)| line.trim_start().starts_with("level ")) {
        let (Some(from), Some(to)) = (line.find(" = "), line.find(';')) else { continue };
        let entries: Vec<&str> = line[from + 3..to].split(", ").collect();
        for left_out in 0..entries.len() {
            let mut fewer = entries.clone();
            fewer.remove(left_out);
            texts.push(format!("{}{}{}", &text[..start + from + 3], fewer.join(", "), &text[start + to..]));
        }
    }
    texts
}

/// The text with one of the named constants of some layout as bits of software, each in turn.
fn without_a_constant(text: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for (at, _) in text.match_indices(" = ") {
        let name = text[..at].rfind([' ', '{', ';']).map_or(at, |before| before + 1);
        let end = text[at..].find(';').map_or(at, |end| at + end);
        if text[at + 3..end].chars().all(|it| it.is_ascii_alphanumeric()) {
            texts.push(format!("{}software{}", &text[..name], &text[end..]));
        }
    }
    texts
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    text.split_inclusive('\n').map(move |line| {
        start += line.len();
        (start - line.len(), line)
    })
}

/// A model under a random binding, if that binding is one.
fn some_model(format: &Description, seed: &mut u64) -> Option<Format> {
    let mut binding = Binding::default();
    for feature in &format.features {
        let setting = if roll(seed, 2) == 0 { Setting::Off } else { Setting::On };
        binding.features.insert(feature.node.name.value.clone(), setting);
    }
    let family = bind(format, &binding).ok()?;
    family.members.into_iter().next().map(|member| member.format)
}

/// Tries words at every level; answers how many.
fn words_of(model: &Format, seed: &mut u64, text: &str) -> usize {
    let mut tried = 0;
    for level in &model.levels {
        for _ in 0..40 {
            let mut word = 0_u128;
            for _ in 0..8 {
                word = word << 16 | roll(seed, 1 << 16) as u128;
            }
            // Few bits set find other layouts than half of them set.
            if roll(seed, 2) == 0 {
                word = 1 << roll(seed, 128) | 1 << roll(seed, 16) | (word & 0xff);
            }
            let Some(layouts) = layouts_of(model, level, word) else { continue };
            let names: Vec<&String> = layouts.iter().map(|layout| &model.layouts[*layout].name).collect();
            assert_eq!(names.len(), 1, "{word:#x} at {} of {}: {names:?}\n{text}", level.name, model.name);
            tried += 1;
        }
    }
    tried
}

/// The layouts of a word, or `None` if that depends on an address bound at run time.
fn layouts_of(model: &Format, level: &Level, word: u128) -> Option<Vec<usize>> {
    let word = if level.word_bits == 128 { word } else { word & ((1 << level.word_bits) - 1) };
    let mut layouts = Vec::new();
    for entry in &level.entries {
        if holds(&model.layouts[entry.layout].identity, word)? {
            layouts.push(entry.layout);
        }
    }
    Some(layouts)
}

fn holds(test: &Test, word: u128) -> Option<bool> {
    Some(match test {
        Test::Always => true,
        Test::Never => false,
        Test::Equal { mask, value } => word & mask == *value,
        Test::Address { .. } => return None,
        Test::Not(test) => !holds(test, word)?,
        Test::All(tests) => {
            tests.iter().map(|test| holds(test, word)).collect::<Option<Vec<bool>>>()?.iter().all(|it| *it)
        }
        Test::Any(tests) => {
            tests.iter().map(|test| holds(test, word)).collect::<Option<Vec<bool>>>()?.iter().any(|it| *it)
        }
    })
}

/// Whether the printed word, under the printed binding, has no layout or two, as the diagnostic says. `None` if that depends
/// on an address bound at run time, or the level is not there under the binding.
fn is_counterexample(format: &Description, diagnostic: &Diagnostic) -> Option<bool> {
    let found = diagnostic.notes.iter().find_map(|note| note.strip_prefix("found `")).unwrap();
    let (pattern, rest) = found.split_once('`').unwrap();
    if rest.contains("with bits") {
        return None;
    }
    let mut binding = Binding::default();
    let mut places: BTreeMap<&str, u128> = BTreeMap::new();
    for part in rest.trim_start_matches(" with ").split(", ").filter(|part| !part.is_empty()) {
        let words: Vec<&str> = part.split(' ').map(|word| word.trim_matches('`')).collect();
        match words.as_slice() {
            [feature, "on"] => drop(binding.features.insert((*feature).to_owned(), Setting::On)),
            [feature, "off"] => drop(binding.features.insert((*feature).to_owned(), Setting::Off)),
            [parameter, "=", value] => drop(places.insert(parameter, value.parse().unwrap())),
            ["range", _] => {}
            other => panic!("{other:?} in {found}"),
        }
    }
    for (parameter, value) in places {
        binding.parameters.insert(parameter.to_owned(), Value::Fixed(value));
    }
    // Features that are not printed do not matter; those that printed ones wait for are on by what the world allows.
    for feature in &format.features {
        let name = &feature.node.name.value;
        if !binding.features.contains_key(name) {
            let needed = binding.features.values().any(|it| *it == Setting::On) && feature.node.when.is_none();
            let setting = if needed { Setting::On } else { Setting::Off };
            binding.features.insert(name.clone(), setting);
        }
    }
    let family = bind(format, &binding).ok()?;
    let model = &family.members.first()?.format;
    let level_name = diagnostic.message.split('`').nth(1).unwrap_or_default();
    let level = model.levels.iter().find(|level| level.name == level_name)?;
    let layouts = layouts_of(model, level, word_of(pattern, level.word_bits)?)?;
    Some(if diagnostic.code == Code::NoLayout { layouts.is_empty() } else { layouts.len() >= 2 })
}

/// A word of a pattern, free bits zero; `None` if the pattern is of wider words, those of another format of the file.
fn word_of(pattern: &str, bits: u32) -> Option<u128> {
    let (head, tail) = pattern.split_once('…').unwrap_or(("", pattern));
    let first = if head == "1" { u128::MAX } else { 0 };
    let fits = tail.chars().count() <= bits as usize;
    fits.then(|| tail.chars().fold(first, |word, letter| word << 1 | u128::from(letter == '1')))
}
