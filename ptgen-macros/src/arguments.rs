//! The arguments of the attribute, and the module it stands on.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use ptdsl::binding::{Binding, Setting, Value};
use ptdsl::emit::Options;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Error, LitInt, LitStr, Path, Result, Token, Visibility, parenthesized};

/// What the attribute was given. What could not be read is left out.
#[derive(Default)]
pub struct Arguments {
    pub format: Option<LitStr>,
    pub binding: Binding,
    pub crate_path: Option<TokenStream>,
    pub debug: bool,
    /// Every name that was given, so that complaints about it can point to it.
    names: Vec<Ident>,
}

impl Arguments {
    /// Reads the arguments; whatever is wrong is added to `errors`.
    pub fn parse(tokens: TokenStream, errors: &mut Vec<Error>) -> Self {
        let mut arguments = Self::default();
        let mut given: Vec<String> = Vec::new();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let key: TokenTree = input.parse()?;
                let text = key.to_string();
                if given.contains(&text) {
                    errors.push(Error::new(key.span(), format!("`{text}` is given twice")));
                }
                arguments.one(&text, key.span(), input)?;
                given.push(text);
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(tokens) {
            errors.push(error);
        } else if arguments.format.is_none() {
            errors.push(Error::new(crate::call_site(), "expected `format = \"…\"`: a name, or the path of a file"));
        }
        arguments
    }

    fn one(&mut self, key: &str, span: Span, input: ParseStream<'_>) -> Result<()> {
        let value = || input.parse::<Token![=]>();
        match key {
            "format" => {
                value()?;
                self.format = Some(input.parse()?);
            }
            "features" => {
                for (name, setting) in list(input, &|input| input.parse::<Ident>())? {
                    let setting = match setting.to_string().as_str() {
                        "on" => Setting::On,
                        "off" => Setting::Off,
                        "runtime" => Setting::Runtime,
                        _ => return Err(Error::new(setting.span(), "expected `on`, `off` or `runtime`")),
                    };
                    self.binding.features.insert(name.to_string(), setting);
                    self.names.push(name);
                }
            }
            "parameters" => self.parameters(input)?,
            "root" | "range" => {
                value()?;
                let name: Ident = input.parse()?;
                let place = if key == "root" { &mut self.binding.root } else { &mut self.binding.range };
                *place = Some(name.to_string());
                self.names.push(name);
            }
            "crate" => {
                value()?;
                self.crate_path = Some(absolute(&input.call(Path::parse_mod_style)?)?);
            }
            "debug" => self.debug = true,
            _ => {
                let known = ["format", "features", "parameters", "root", "range", "crate", "debug"];
                let near = ptdsl::diagnostic::nearest(key, known);
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                return Err(Error::new(span, format!("expected one of {}{near}", known.join(", "))));
            }
        }
        Ok(())
    }

    /// `parameters(width = 46, bits = runtime, memory_type(write_combining = 1))`
    fn parameters(&mut self, input: ParseStream<'_>) -> Result<()> {
        let content;
        parenthesized!(content in input);
        while !content.is_empty() {
            let name: Ident = content.parse()?;
            if content.peek(syn::token::Paren) {
                let numbers = list(&content, &|input| input.parse::<LitInt>()?.base10_parse::<u128>())?;
                let choices = self.binding.choices.entry(name.to_string()).or_default();
                choices.extend(numbers.iter().map(|(choice, number)| (choice.to_string(), *number)));
                self.names.extend(numbers.into_iter().map(|(choice, _)| choice));
            } else {
                content.parse::<Token![=]>()?;
                let value = if content.peek(LitInt) {
                    Value::Fixed(content.parse::<LitInt>()?.base10_parse()?)
                } else {
                    let word: Ident = content.parse()?;
                    if word != "runtime" {
                        return Err(Error::new(word.span(), "expected a number or `runtime`"));
                    }
                    Value::Runtime
                };
                self.binding.parameters.insert(name.to_string(), value);
            }
            self.names.push(name);
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    /// The place of the first name that a complaint mentions.
    pub fn span_of(&self, message: &str) -> Option<Span> {
        self.names.iter().find(|name| message.contains(&format!("`{name}`"))).map(Ident::span)
    }
}

/// `(a = x, b = y)`
fn list<T>(input: ParseStream<'_>, value: &dyn Fn(ParseStream<'_>) -> Result<T>) -> Result<Vec<(Ident, T)>> {
    let content;
    parenthesized!(content in input);
    let mut items = Vec::new();
    while !content.is_empty() {
        let name: Ident = content.parse()?;
        content.parse::<Token![=]>()?;
        items.push((name, value(&content)?));
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    Ok(items)
}

/// The path as it is seen from within any module.
fn absolute(path: &Path) -> Result<TokenStream> {
    let first = path.segments.first().map(|segment| segment.ident.to_string()).unwrap_or_default();
    match first.as_str() {
        "self" | "super" => Err(Error::new_spanned(path, "expected a path from the root: `crate::…` or `::…`")),
        _ if path.leading_colon.is_some() || first == "crate" => Ok(path.to_token_stream()),
        _ => Ok(quote!(::#path)),
    }
}

/// The module that the attribute stands on.
pub struct Module {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    name: Ident,
    items: TokenStream,
}

impl Parse for Module {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let expected = "expected a module with a body: `pub mod name {}`";
        input.parse::<Token![mod]>().map_err(|error| Error::new(error.span(), expected))?;
        let name = input.parse()?;
        match input.parse::<TokenTree>() {
            Ok(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace && input.is_empty() => {
                Ok(Self { attributes, visibility, name, items: body.stream() })
            }
            _ => Err(Error::new(Ident::span(&name), expected)),
        }
    }
}

impl Module {
    /// Where the code goes.
    pub fn options(&self) -> Options {
        let Self { attributes, visibility, name, items } = self;
        Options {
            attributes: quote!(#(#attributes)*),
            visibility: visibility.to_token_stream(),
            name: name.clone(),
            items: items.clone(),
            ..Options::default()
        }
    }
}
