//! What a client asks for, checked against what the format has.

use std::collections::BTreeMap;

use crate::binding::{Binding, Setting, Value, Variable};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::resolve::{Description, Parameter};
use crate::tree::{self, FormatKind, ParameterSet};

use super::env::{At, Env, Number, small};
use super::place;

/// Longer spans are not enumerated where a number can stay open.
const LONG_SPAN: u128 = 4;

/// More combinations than this are refused.
const MOST_VARIANTS: usize = 64;

/// A client's binding, its names looked up and its values admitted.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// Features by name: the setting, and whether the client asked for it.
    features: BTreeMap<String, (Setting, bool)>,
    parameters: BTreeMap<String, Number>,
    addresses: BTreeMap<String, Option<u128>>,
    /// What is enumerated.
    pub(super) variables: Vec<Variable>,
    /// What stays open inside the models.
    pub(super) open: Vec<(String, u32, u32)>,
    /// Numbers bound anew, by attribute and name.
    pub(super) choices: BTreeMap<String, BTreeMap<String, u128>>,
    /// The level that is to be the root.
    pub(super) root: Option<String>,
    /// The range that the tables are for.
    pub(super) range: usize,
}

impl Client {
    /// Looks up everything that the client says; reports all that is wrong.
    pub(super) fn of(description: &Description, binding: &Binding) -> Result<Self, Vec<Diagnostic>> {
        let mut complaints = Vec::new();
        if description.kind == FormatKind::Base {
            let name = &description.name.value;
            let complaint = Diagnostic::new(Code::BaseBound, format!("`{name}` is a base, which may lack parts"));
            return Err(vec![complaint.help("bind a `format` that is made from it")]);
        }
        let mut client = Self {
            features: BTreeMap::new(),
            parameters: BTreeMap::new(),
            addresses: BTreeMap::new(),
            variables: Vec::new(),
            open: Vec::new(),
            choices: binding.choices.clone(),
            root: binding.root.clone(),
            range: 0,
        };
        client.take_features(description, binding, &mut complaints);
        client.take_parameters(description, binding, &mut complaints);
        client.take_range(description, binding, &mut complaints);
        check_choices(description, &client.choices, &mut complaints);
        if let Some(root) = &binding.root {
            let levels: Vec<&str> = description.levels.iter().map(|level| level.node.name.value.as_str()).collect();
            if !levels.contains(&root.as_str()) {
                complaints.push(unknown(Code::RootImpossible, description, "level", root, &levels));
            }
        }
        let variants = client.variables.iter().map(|variable| variable.values.as_ref().map_or(2, Vec::len));
        let variants = variants.fold(1_usize, usize::saturating_mul);
        if variants > MOST_VARIANTS {
            complaints.push(
                Diagnostic::new(Code::TooManyVariants, format!("{variants} combinations are left to run time"))
                    .note(format!("at most {MOST_VARIANTS} are compiled in"))
                    .help("bind some of them at compile time"),
            );
        }
        if complaints.is_empty() { Ok(client) } else { Err(complaints) }
    }

    fn take_features(&mut self, description: &Description, binding: &Binding, complaints: &mut Vec<Diagnostic>) {
        let known: Vec<&str> = description.features.iter().map(|item| item.node.name.value.as_str()).collect();
        for name in binding.features.keys().filter(|name| !known.contains(&name.as_str())) {
            complaints.push(unknown(Code::UnknownFeature, description, "feature", name, &known));
        }
        for item in &description.features {
            let name = &item.node.name.value;
            let asked = binding.features.get(name);
            let usual = if item.node.usually_on { Setting::On } else { Setting::Off };
            let setting = asked.copied().unwrap_or(usual);
            if setting == Setting::Runtime {
                self.variables.push(Variable { name: name.clone(), docs: item.docs.clone(), values: None });
            }
            self.features.insert(name.clone(), (setting, asked.is_some()));
        }
    }

    fn take_parameters(&mut self, description: &Description, binding: &Binding, complaints: &mut Vec<Diagnostic>) {
        let mut known = Vec::new();
        for item in &description.parameters {
            let (parameter, base) = (&item.node, &item.node.name.value);
            known.push(base.clone());
            let mut names = vec![base.clone()];
            if parameter.per_level {
                names = description.levels.iter().map(|level| format!("{base}.{}", level.node.name.value)).collect();
                known.extend(names.iter().cloned());
            }
            for name in names {
                let asked = binding.parameters.get(&name).or_else(|| binding.parameters.get(base));
                self.take_parameter(parameter, &name, asked, &item.docs, description, complaints);
            }
        }
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        for name in binding.parameters.keys().filter(|name| !known.contains(&name.as_str())) {
            complaints.push(unknown(Code::UnknownParameter, description, "parameter", name, &known));
        }
    }

    fn take_parameter(
        &mut self,
        parameter: &Parameter,
        name: &str,
        asked: Option<&Value>,
        docs: &[String],
        description: &Description,
        complaints: &mut Vec<Diagnostic>,
    ) {
        let ParameterSet::Spans(spans) = &parameter.set else {
            let value = if let Some(Value::Fixed(value)) = asked { Some(*value) } else { None };
            self.addresses.insert(name.to_owned(), value);
            return;
        };
        let spans: Vec<(u128, u128)> = spans.iter().map(ends).collect();
        let last = spans.last().map_or(0, |(_, last)| *last);
        let number = match asked {
            None => Number::Known(last),
            Some(Value::Fixed(value)) => {
                if !spans.iter().any(|(first, last)| (first..=last).contains(&value)) {
                    complaints.push(out_of_set(name, *value, &spans));
                }
                Number::Known(*value)
            }
            Some(Value::Runtime) => {
                // A span of every number is one longer than any number.
                let length = |(first, last): &(u128, u128)| (last - first).saturating_add(1);
                let count = spans.iter().map(length).fold(0_u128, u128::saturating_add);
                let least = spans.iter().map(|(first, _)| *first).min().unwrap_or(0);
                let most = spans.iter().map(|(_, last)| *last).max().unwrap_or(0);
                let base = &parameter.name.value;
                if count > LONG_SPAN && !parameter.per_level && place::may_stay_open(description, base) {
                    self.open.push((name.to_owned(), small(least), small(most)));
                    Number::Open { least: small(least), most: small(most) }
                } else {
                    // Beyond the limit the list is cut, and the limit itself is what will be complained about.
                    let values =
                        spans.iter().flat_map(|(first, last)| *first..=*last).take(MOST_VARIANTS + 1).collect();
                    let (name, docs) = (name.to_owned(), docs.to_vec());
                    self.variables.push(Variable { name, docs, values: Some(values) });
                    Number::Known(last)
                }
            }
        };
        self.parameters.insert(name.to_owned(), number);
    }

    fn take_range(&mut self, description: &Description, binding: &Binding, complaints: &mut Vec<Diagnostic>) {
        let Some(asked) = &binding.range else { return };
        let names: Vec<&str> = description
            .ranges
            .iter()
            .filter_map(|range| range.node.name.as_ref())
            .map(|name| name.value.as_str())
            .collect();
        let named = |range: &tree::Virtual| range.name.as_ref().is_some_and(|name| name.value == *asked);
        match description.ranges.iter().position(|range| named(&range.node)) {
            Some(range) => self.range = range,
            None => complaints.push(unknown(Code::UnknownRange, description, "range", asked, &names)),
        }
    }

    /// The decision under which the variables have these values; `None` if the conditions of the features exclude it.
    ///
    /// # Errors
    ///
    /// A feature that the client turned on and that this binding excludes, where nothing is left to run time.
    pub(super) fn decide<'d>(
        &self,
        description: &'d Description,
        assignment: &[u128],
    ) -> Result<Option<Env<'d>>, Vec<Diagnostic>> {
        let mut env = Env {
            description,
            features: BTreeMap::new(),
            parameters: self.parameters.clone(),
            addresses: self.addresses.clone(),
        };
        let mut chosen = BTreeMap::new();
        for (variable, value) in self.variables.iter().zip(assignment) {
            match variable.values {
                None => drop(chosen.insert(variable.name.as_str(), *value != 0)),
                Some(_) => drop(env.parameters.insert(variable.name.clone(), Number::Known(*value))),
            }
        }
        for (name, (setting, _)) in &self.features {
            let on = chosen.get(name.as_str()).copied().unwrap_or(*setting == Setting::On);
            env.features.insert(name.clone(), on);
        }
        let excluded = settle(&mut env);
        let mut complaints = Vec::new();
        for name in &excluded {
            let asked = self.features.get(name).is_some_and(|(setting, asked)| *asked && *setting != Setting::Off);
            if asked && !self.variables.is_empty() {
                return Ok(None);
            }
            if asked {
                complaints.push(
                    Diagnostic::new(Code::FeatureExcluded, format!("the feature `{name}` is off under this binding"))
                        .note(format!("`{}` makes it depend on others", description.name.value))
                        .help("turn it off, or change what it depends on"),
                );
            }
        }
        if complaints.is_empty() { Ok(Some(env)) } else { Err(complaints) }
    }
}

/// Turns off every feature whose condition fails; returns those. Conditions have no cycles, so each round settles at
/// least one more feature.
fn settle(env: &mut Env<'_>) -> Vec<String> {
    let wanted = env.features.clone();
    for _ in 0..=env.description.features.len() {
        for item in &env.description.features {
            let name = &item.node.name.value;
            let on = wanted.get(name).copied().unwrap_or(false)
                && item.node.when.as_ref().is_none_or(|when| env.holds(when, At::default()));
            env.features.insert(name.clone(), on);
        }
    }
    let off = |name: &&String| env.features.get(*name) == Some(&false);
    wanted.iter().filter(|(_, on)| **on).map(|(name, _)| name).filter(off).cloned().collect()
}

/// Both ends of a span.
fn ends(span: &tree::ValueSpan) -> (u128, u128) {
    let first = span.first.value.value;
    (first, span.last.as_ref().map_or(first, |last| last.value.value).max(first))
}

fn out_of_set(name: &str, value: u128, spans: &[(u128, u128)]) -> Diagnostic {
    let list: Vec<String> = spans
        .iter()
        .map(|(first, last)| if first == last { format!("{first}") } else { format!("{first} to {last}") })
        .collect();
    Diagnostic::new(Code::ValueOutOfSet, format!("`{name}` cannot be {value}"))
        .note(format!("the format allows {}", list.join(", ")))
}

/// A name that the format does not have, with the nearest and all that it has.
pub(super) fn unknown(code: Code, description: &Description, what: &str, name: &str, known: &[&str]) -> Diagnostic {
    let format = &description.name.value;
    let complaint = Diagnostic::new(code, format!("`{format}` has no {what} `{name}`"));
    let complaint = match known {
        [] => complaint.note(format!("it has no {what}s")),
        _ => complaint.note(format!("its {what}s are {}", known.join(", "))),
    };
    match nearest(name, known.iter().copied()) {
        Some(near) => complaint.help(format!("did you mean `{near}`?")),
        None => complaint,
    }
}

/// Attributes bound anew must be `parameter attribute`s, and their names must be listed.
fn check_choices(
    description: &Description,
    choices: &BTreeMap<String, BTreeMap<String, u128>>,
    complaints: &mut Vec<Diagnostic>,
) {
    let open = || description.attributes.iter().filter(|attribute| attribute.node.parameter);
    for (attribute, names) in choices {
        let items: Vec<_> = open().filter(|item| item.node.names.iter().any(|name| name.value == *attribute)).collect();
        if items.is_empty() {
            let known: Vec<&str> = open().flat_map(|item| &item.node.names).map(|name| name.value.as_str()).collect();
            complaints.push(unknown(Code::UnknownChoice, description, "attribute to bind", attribute, &known));
            continue;
        }
        let known: Vec<&str> = items
            .iter()
            .flat_map(|item| &item.node.values)
            .flat_map(|value| &value.names)
            .map(|name| name.value.as_str())
            .filter(|name| *name != "reserved")
            .collect();
        for name in names.keys().filter(|name| !known.contains(&name.as_str())) {
            complaints.push(unknown(Code::UnknownChoice, description, attribute, name, &known));
        }
    }
}

/// Everything left to run time is excluded.
pub(super) fn nothing_left(description: &Description, client: &Client) -> Diagnostic {
    let on = client.features.iter().filter(|(_, (setting, asked))| *asked && *setting == Setting::On);
    let on: Vec<&str> = on.map(|(name, _)| name.as_str()).collect();
    Diagnostic::new(
        Code::NothingLeft,
        format!("no combination of what is left to run time is possible for `{}`", description.name.value),
    )
    .note(format!("turned on: {}", if on.is_empty() { "nothing".into() } else { on.join(", ") }))
    .help("a feature that was turned on depends on others: turn them on, too, or leave it open")
}
