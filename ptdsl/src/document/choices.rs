//! What a client may choose, and what holds in a model.

use super::columns::{Align, Columns};
use super::section::Section;
use crate::model::{Bits, Format};
use crate::resolve::Description;
use crate::span::Span;
use crate::tree::{ParameterSet, ValueSpan};

/// The features and parameters of a description with the settings of a model of it; empty if there are none. `source` is
/// the text of the file.
#[must_use]
pub fn choices(source: &str, description: &Description, format: &Format) -> Section {
    let features = features(source, description, format, true);
    let parameters = parameters(description, format, true);
    let section = Section::default().table(features);
    if parameters.is_empty() { section } else { section.gap().table(parameters) }
}

/// The features with their usual settings, and with their settings here.
pub(super) fn features(source: &str, description: &Description, format: &Format, here: bool) -> Columns {
    let mut table = Columns::new(&[
        ("feature", Align::Code),
        ("here", Align::Left),
        ("usually", Align::Left),
        ("only when", Align::Code),
        ("meaning", Align::Left),
    ]);
    let word = |on: bool| if on { "on" } else { "off" }.to_owned();
    for one in &description.features {
        let feature = &one.node;
        table.row([
            feature.name.value.clone(),
            format.features.get(&feature.name.value).filter(|_| here).map_or(String::new(), |on| word(*on)),
            word(feature.usually_on),
            feature.when.as_ref().map_or(String::new(), |when| quoted(source, when.span)),
            one.docs.join(" ").trim().to_owned(),
        ]);
    }
    table
}

/// The parameters with their values here, or in a usual model, which has no addresses that a client gives.
pub(super) fn parameters(description: &Description, format: &Format, here: bool) -> Columns {
    let mut table = Columns::new(&[
        ("parameter", Align::Code),
        (if here { "here" } else { "usually" }, Align::Left),
        ("values", Align::Left),
        ("meaning", Align::Left),
    ]);
    for one in &description.parameters {
        let parameter = &one.node;
        let name = &parameter.name.value;
        let numbers = format.parameters.iter().map(|(key, bits)| (key, bits_text(bits)));
        let given = format.addresses.iter().filter(|(_, address)| here || address.is_some());
        let addresses = given.map(|(key, address)| (key, address_text(*address)));
        let settings: Vec<String> = numbers
            .chain(addresses)
            .filter_map(|(key, value)| match key.split_once('.') {
                Some((base, level)) if base == name => Some(format!("{level} {value}")),
                None if key == name => Some(value),
                _ => None,
            })
            .collect();
        let mut values = set_text(&parameter.set);
        if parameter.per_level {
            values.push_str(" per level");
        }
        table.row([name.clone(), settings.join(", "), values, one.docs.join(" ").trim().to_owned()]);
    }
    table
}

fn bits_text(bits: &Bits) -> String {
    match bits {
        Bits::Fixed(value) => value.to_string(),
        Bits::Runtime { .. } => "runtime".to_owned(),
    }
}

fn address_text(address: Option<u128>) -> String {
    address.map_or("runtime".to_owned(), |address| format!("{address:#x}"))
}

fn set_text(set: &ParameterSet) -> String {
    match set {
        ParameterSet::Address => "address".to_owned(),
        ParameterSet::Spans(spans) => {
            let spans: Vec<String> = spans.iter().map(span_text).collect();
            spans.join(", ")
        }
    }
}

fn span_text(span: &ValueSpan) -> String {
    match &span.last {
        Some(last) => format!("{} to {}", span.first.value.value, last.value.value),
        None => span.first.value.value.to_string(),
    }
}

/// What was written at a place, on one line.
fn quoted(source: &str, span: Span) -> String {
    let words: Vec<&str> = source.get(span.start..span.end).unwrap_or_default().split_whitespace().collect();
    words.join(" ")
}
