//! From the settings of the command line to a binding.

use ptdsl::binding::{Binding, Setting, Value};

use crate::args::FormatChoice;
use crate::failure::{Failure, Outcome};
use crate::number::number;

/// Reads the settings of a format; `root` is the level of the root.
pub fn binding(choice: &FormatChoice, root: Option<&str>) -> Outcome<Binding> {
    let mut binding = Binding { root: root.map(str::to_owned), range: choice.range.clone(), ..Binding::default() };
    for text in &choice.features {
        let (name, setting) = feature(text)?;
        if binding.features.insert(name.clone(), setting).is_some() {
            return Err(twice("--features", &name));
        }
    }
    for text in &choice.parameters {
        let (name, value) = parameter(text)?;
        if binding.parameters.insert(name.clone(), value).is_some() {
            return Err(twice("--parameters", &name));
        }
    }
    for text in &choice.choices {
        let (attribute, name, value) = numbered(text)?;
        let names = binding.choices.entry(attribute).or_default();
        if names.insert(name.clone(), value).is_some() {
            return Err(twice("--choices", &name));
        }
    }
    Ok(binding)
}

/// The settings that leave something to run time, by name.
pub fn left_open(binding: &Binding) -> Vec<&str> {
    let features =
        binding.features.iter().filter(|(_, setting)| **setting == Setting::Runtime).map(|(name, _)| name.as_str());
    let parameters =
        binding.parameters.iter().filter(|(_, value)| **value == Value::Runtime).map(|(name, _)| name.as_str());
    features.chain(parameters).collect()
}

fn feature(text: &str) -> Outcome<(String, Setting)> {
    let (name, setting) = text.split_once('=').unwrap_or((text, "on"));
    let setting = match setting.trim() {
        "on" => Setting::On,
        "off" => Setting::Off,
        "runtime" => Setting::Runtime,
        other => {
            return Err(Failure::found(format!("the setting `{other}` in --features {text}"))
                .expected("`on`, `off` or `runtime`"));
        }
    };
    Ok((name.trim().to_owned(), setting))
}

fn parameter(text: &str) -> Outcome<(String, Value)> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(Failure::found(format!("no value in --parameters {text}"))
            .expected("a name and a value such as `width=46` or `width=runtime`"));
    };
    let value = match value.trim() {
        "runtime" => Value::Runtime,
        text => Value::Fixed(read("--parameters", text)?),
    };
    Ok((name.trim().to_owned(), value))
}

fn numbered(text: &str) -> Outcome<(String, String, u128)> {
    let parts = text.split_once('=').and_then(|(names, value)| {
        let (attribute, name) = names.split_once('.')?;
        Some((attribute.trim(), name.trim(), value.trim()))
    });
    let Some((attribute, name, value)) = parts else {
        return Err(Failure::found(format!("`{text}` in --choices"))
            .expected("an attribute, a name and a number such as `memory_type.write_combining=1`"));
    };
    Ok((attribute.to_owned(), name.to_owned(), read("--choices", value)?))
}

fn read(option: &str, text: &str) -> Outcome<u128> {
    number(text).map_err(|expected| {
        Failure::found(format!("`{text}` in {option}")).expected(expected.trim_start_matches("expected "))
    })
}

fn twice(option: &str, name: &str) -> Failure {
    Failure::found(format!("`{name}` twice in {option}")).expected("one setting for each name")
}
