//! What stands in the parentheses of the attribute.

use std::collections::BTreeMap;

use ptdsl::binding::{Binding, Setting, Value};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitInt, LitStr, Path, Token, parenthesized};

/// The arguments.
pub struct Arguments {
    /// `format = "…"`
    pub format: LitStr,
    /// Features, parameters, root and range.
    pub binding: Binding,
    /// `crate = …`
    pub crate_path: Option<Path>,
    /// `debug`
    pub debug: bool,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let whole = input.span();
        let mut format = None;
        let mut arguments = Self {
            format: LitStr::new("", whole),
            binding: Binding::default(),
            crate_path: None,
            debug: false,
        };
        for argument in Punctuated::<Argument, Token![,]>::parse_terminated(input)? {
            match argument {
                Argument::Format(text) => format = Some(text),
                Argument::Features(features) => arguments.binding.features.extend(features),
                Argument::Parameters { values, choices } => {
                    arguments.binding.parameters.extend(values);
                    arguments.binding.choices.extend(choices);
                }
                Argument::Root(name) => arguments.binding.root = Some(name.to_string()),
                Argument::Range(name) => arguments.binding.range = Some(name.to_string()),
                Argument::Crate(path) => arguments.crate_path = Some(path),
                Argument::Debug => arguments.debug = true,
            }
        }
        let missing = "no format is named\n\nhelp: write `#[pagetable(format = \"…\")]` with the name of a format that \
                       ptgen ships or the path of a `.ptf` file";
        arguments.format = format.ok_or_else(|| syn::Error::new(whole, missing))?;
        Ok(arguments)
    }
}

/// One argument.
enum Argument {
    Format(LitStr),
    Features(Vec<(String, Setting)>),
    Parameters { values: Vec<(String, Value)>, choices: Vec<(String, BTreeMap<String, u128>)> },
    Root(Ident),
    Range(Ident),
    Crate(Path),
    Debug,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.parse::<Option<Token![crate]>>()?.is_some() {
            return Ok(Self::Crate(after_equals(input)?));
        }
        let name: Ident = input.parse()?;
        match name.to_string().as_str() {
            "format" => Ok(Self::Format(after_equals(input)?)),
            "features" => Ok(Self::Features(list(input, feature)?)),
            "parameters" => parameters(input),
            "root" => Ok(Self::Root(after_equals(input)?)),
            "range" => Ok(Self::Range(after_equals(input)?)),
            "debug" => Ok(Self::Debug),
            other => {
                let known = "`format`, `features`, `parameters`, `root`, `range`, `crate` and `debug`";
                Err(syn::Error::new(name.span(), format!("there is no argument `{other}`\n\nnote: there are {known}")))
            }
        }
    }
}

/// `= x`
fn after_equals<T: Parse>(input: ParseStream<'_>) -> syn::Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// `(x, y, …)`
fn list<T>(input: ParseStream<'_>, item: fn(ParseStream<'_>) -> syn::Result<T>) -> syn::Result<Vec<T>> {
    let inside;
    parenthesized!(inside in input);
    Ok(Punctuated::<T, Token![,]>::parse_terminated_with(&inside, item)?.into_iter().collect())
}

/// `name = on`
fn feature(input: ParseStream<'_>) -> syn::Result<(String, Setting)> {
    let name: Ident = input.parse()?;
    let setting: Ident = after_equals(input)?;
    let value = match setting.to_string().as_str() {
        "on" => Setting::On,
        "off" => Setting::Off,
        "runtime" => Setting::Runtime,
        other => {
            let message = format!("a feature cannot be `{other}`\n\nhelp: `{name} = on`, `off` or `runtime`");
            return Err(syn::Error::new(setting.span(), message));
        }
    };
    Ok((name.to_string(), value))
}

/// `(width = 46, bits = runtime, memory_type(write_combining = 1))`
fn parameters(input: ParseStream<'_>) -> syn::Result<Argument> {
    let (mut values, mut choices) = (Vec::new(), Vec::new());
    for parameter in list(input, parameter)? {
        match parameter {
            Parameter::Value(name, value) => values.push((name, value)),
            Parameter::Choice(name, numbers) => choices.push((name, numbers)),
        }
    }
    Ok(Argument::Parameters { values, choices })
}

enum Parameter {
    Value(String, Value),
    Choice(String, BTreeMap<String, u128>),
}

fn parameter(input: ParseStream<'_>) -> syn::Result<Parameter> {
    let name: Ident = input.parse()?;
    if input.peek(syn::token::Paren) {
        let numbers = list(input, |input| {
            let name: Ident = input.parse()?;
            Ok((name.to_string(), after_equals::<LitInt>(input)?.base10_parse()?))
        })?;
        return Ok(Parameter::Choice(name.to_string(), numbers.into_iter().collect()));
    }
    input.parse::<Token![=]>()?;
    if let Some(word) = input.parse::<Option<Ident>>()? {
        if word == "runtime" {
            return Ok(Parameter::Value(name.to_string(), Value::Runtime));
        }
        let message = format!("a parameter cannot be `{word}`\n\nhelp: `{name} = 12`, or `runtime`");
        return Err(syn::Error::new(word.span(), message));
    }
    let number: LitInt = input.parse()?;
    Ok(Parameter::Value(name.to_string(), Value::Fixed(number.base10_parse()?)))
}
