//! Bodies of emitted functions: what must hold, then a value; and functions around them.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::expr::Expr;
use super::merge::Dim;
use super::plan::{Case, Plan};
use super::show::name;

/// What a fallible function does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Body {
    /// What must hold of the parameters; the attribute to blame if it does not.
    pub(crate) before: Vec<(String, Expr)>,
    /// The value.
    pub(crate) value: Expr,
    /// What must hold of the value, `word`; the attribute to blame if it does not.
    pub(crate) after: Vec<(String, Expr)>,
}

impl Body {
    /// A body without conditions.
    pub(crate) fn of(value: Expr) -> Self {
        Self { before: Vec::new(), value, after: Vec::new() }
    }

    /// One body out of those of all cases. `None` without cases.
    pub(crate) fn merged(plan: &Plan<'_>, extra: &[Dim], cases: Vec<Case<Self>>) -> Option<Self> {
        let value_cases =
            cases.iter().map(|case| Case { member: case.member, at: case.at.clone(), value: case.value.value.clone() });
        let value = plan.of_cases(extra, value_cases.collect())?;
        Some(Self {
            before: merged_checks(plan, extra, &cases, |body| &body.before),
            value,
            after: merged_checks(plan, extra, &cases, |body| &body.after),
        })
    }

    /// Whether a parameter is used.
    pub(crate) fn mentions(&self, parameter: &str) -> bool {
        let checks = self.before.iter().chain(&self.after);
        self.value.mentions(parameter) || checks.into_iter().any(|(_, holds)| holds.mentions(parameter))
    }

    /// The body with the format under another name.
    pub(crate) fn renamed(&self, from: &str, to: &str) -> Self {
        let checks = |checks: &[(String, Expr)]| {
            checks.iter().map(|(blamed, holds)| (blamed.clone(), holds.renamed(from, to))).collect()
        };
        Self { before: checks(&self.before), value: self.value.renamed(from, to), after: checks(&self.after) }
    }

    /// The statements of a function that returns a `Result`.
    pub(crate) fn fallible(&self, krate: &TokenStream) -> TokenStream {
        let check = |(blamed, holds): &(String, Expr)| quote!(#krate::__::check(#holds, #blamed)?;);
        let before = self.before.iter().map(check);
        let value = &self.value;
        if self.after.is_empty() {
            return quote!(#(#before)* ::core::result::Result::Ok(#value));
        }
        let after = self.after.iter().map(check);
        quote!(#(#before)* let word = #value; #(#after)* ::core::result::Result::Ok(word))
    }
}

fn merged_checks(
    plan: &Plan<'_>,
    extra: &[Dim],
    cases: &[Case<Body>],
    of: impl Fn(&Body) -> &Vec<(String, Expr)>,
) -> Vec<(String, Expr)> {
    let mut names: Vec<(String, usize)> = Vec::new();
    for case in cases {
        for (place, (blamed, _)) in of(&case.value).iter().enumerate() {
            let nth = of(&case.value)[..place].iter().filter(|(other, _)| other == blamed).count();
            if !names.contains(&(blamed.clone(), nth)) {
                names.push((blamed.clone(), nth));
            }
        }
    }
    let mut merged = Vec::new();
    for (blamed, nth) in names {
        let holds = cases.iter().map(|case| {
            let found = of(&case.value).iter().filter(|(other, _)| *other == blamed).nth(nth);
            let value = found.map_or(Expr::Bool(true), |(_, holds)| holds.clone());
            Case { member: case.member, at: case.at.clone(), value }
        });
        match plan.of_cases(extra, holds.collect()) {
            None | Some(Expr::Bool(true)) => {}
            Some(holds) => merged.push((blamed, holds)),
        }
    }
    merged
}

/// A parameter and its type.
pub(crate) type Parameter = (&'static str, TokenStream);

/// A function of a level, which has the format as its first parameter; or of the format, if it is the same at all levels.
#[derive(Clone)]
pub(crate) struct Method {
    /// Its name.
    pub(crate) name: &'static str,
    /// The parameters beside the format.
    parameters: Vec<Parameter>,
    result: TokenStream,
    at_level: TokenStream,
    at_format: TokenStream,
    used: Vec<&'static str>,
    /// It is what the runtime does anyway.
    pub(crate) usual: bool,
}

impl Method {
    /// A method that returns `value`.
    pub(crate) fn simple(name: &'static str, parameters: Vec<Parameter>, result: TokenStream, value: &Expr) -> Self {
        let of = |format: &str| value.renamed("f", format).to_token_stream();
        Self::new(name, parameters, result, &of, &|parameter| value.mentions(parameter))
    }

    /// A method whose body depends on how the format is called in it.
    pub(crate) fn new(
        name: &'static str,
        parameters: Vec<Parameter>,
        result: TokenStream,
        body: &dyn Fn(&str) -> TokenStream,
        used: &dyn Fn(&str) -> bool,
    ) -> Self {
        let names = parameters.iter().map(|(parameter, _)| *parameter).chain(["f"]);
        Self {
            name,
            result,
            at_level: body("f"),
            at_format: body("self"),
            used: names.filter(|parameter| used(parameter)).collect(),
            parameters,
            usual: false,
        }
    }

    /// The method, marked if it is what the runtime does anyway.
    pub(crate) fn usual(mut self, usual: bool) -> Self {
        self.usual = usual;
        self
    }

    /// Whether both do the same.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.name == other.name && self.at_level.to_string() == other.at_level.to_string()
    }

    /// The function of a level.
    pub(crate) fn of_level(&self) -> TokenStream {
        let mut parameters = vec![("f", quote!(Format))];
        parameters.extend(self.parameters.iter().cloned());
        function(self.name, &parameters, |parameter| self.used.contains(&parameter), &self.result, &self.at_level)
    }

    /// The method of the format.
    pub(crate) fn of_format(&self) -> TokenStream {
        let mut parameters = vec![("self", TokenStream::new())];
        parameters.extend(self.parameters.iter().cloned());
        function(self.name, &parameters, |parameter| self.used.contains(&parameter), &self.result, &self.at_format)
    }
}

/// `fn name(parameters) -> result { body }`; parameters that the body does not use are `_`.
pub(crate) fn function(
    function: &str,
    parameters: &[Parameter],
    used: impl Fn(&'static str) -> bool,
    result: &TokenStream,
    body: &TokenStream,
) -> TokenStream {
    let function = name(function);
    let parameters = parameters.iter().map(|(parameter, of)| {
        if *parameter == "self" {
            quote!(self)
        } else if used(parameter) {
            let parameter = name(parameter);
            quote!(#parameter: #of)
        } else {
            quote!(_: #of)
        }
    });
    quote!(fn #function(#(#parameters),*) -> #result { #body })
}

/// A function that returns an expression.
pub(crate) fn simple(of: &str, parameters: &[Parameter], result: &TokenStream, value: &Expr) -> TokenStream {
    function(of, parameters, |parameter| value.mentions(parameter), result, &value.to_token_stream())
}
