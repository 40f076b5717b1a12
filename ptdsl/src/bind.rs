//! Binds a description: from open conditions to models without any.
//!
//! [`model`] takes a decision about everything and gives one model. [`bind`] takes what a client says, leaves to run time
//! what the client leaves to it, and gives a model for each combination of that.

mod attributes;
mod client;
mod condition;
mod env;
mod family;
mod geometry;
mod groups;
mod layout;
mod layouts;
mod pieces;
mod place;
mod reserved;
mod rows;
mod update;

use std::collections::BTreeMap;

use crate::binding::{Binding, Family, Setting, Value};
use crate::diagnostic::Diagnostic;
use crate::model;
use crate::resolve::Description;

/// What becomes of a format under a client's binding.
///
/// # Errors
///
/// Everything that is wrong with the binding. These complaints have no place in the format file; their messages, notes and
/// help say all there is to say.
pub fn bind(description: &Description, binding: &Binding) -> Result<Family, Vec<Diagnostic>> {
    let client = client::Client::of(description, binding)?;
    family::family(description, &client)
}

/// The model under a full binding. A feature that is not named has its usual setting, a parameter that is not named the
/// last value of its set; an address that is not given stays open.
///
/// # Errors
///
/// As for [`bind`]: names and values that the format does not have, and bindings under which no level holds the top bit of
/// the VA.
pub fn model(
    description: &Description,
    features: &BTreeMap<String, bool>,
    parameters: &BTreeMap<String, u128>,
) -> Result<model::Format, Vec<Diagnostic>> {
    let setting = |on: &bool| if *on { Setting::On } else { Setting::Off };
    let binding = Binding {
        features: features.iter().map(|(name, on)| (name.clone(), setting(on))).collect(),
        parameters: parameters.iter().map(|(name, value)| (name.clone(), Value::Fixed(*value))).collect(),
        ..Binding::default()
    };
    let client = client::Client::of(description, &binding)?;
    let family = family::family(description, &client)?;
    let first = family.members.into_iter().next();
    first.map(|member| member.format).ok_or_else(|| vec![client::nothing_left(description, &client)])
}

/// Assembles the model of one full decision.
fn assemble(
    description: &Description,
    client: &client::Client,
    env: &env::Env<'_>,
) -> Result<model::Format, Vec<Diagnostic>> {
    let geometry = geometry::Geometry::of(env, client)?;
    let groups = groups::groups(env, client)?;
    let made = layouts::Made::of(env, &geometry, &groups, client.range);
    let update = update::update(env, &geometry);
    let mut ranges = geometry.ranges;
    for (range, word) in ranges.iter_mut().zip(&made.root_words) {
        range.root_word = *word;
    }
    let mut format = model::Format {
        name: description.name.value.clone(),
        docs: description.docs.clone(),
        sources: description.sources.clone(),
        line: description.lines.line(description.span.start),
        features: env.features.clone(),
        parameters: env.bits(),
        addresses: env.addresses.clone(),
        ranges,
        output: env.format_width(),
        levels: made.levels,
        layouts: made.layouts,
        root_word: made.root_words.get(client.range).copied().flatten(),
        attributes: Vec::new(),
        update,
    };
    format.attributes = attributes::attributes(env, &groups, &format);
    Ok(format)
}

/// The lines of docs without their places.
fn texts(docs: &[crate::span::Spanned<String>]) -> Vec<String> {
    docs.iter().map(|line| line.value.clone()).collect()
}
