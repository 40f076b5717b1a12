//! The attribute of ptgen: it reads its arguments, finds the format and hands over to `ptdsl`.
//!
//! It never panics and prints nothing: what is wrong becomes errors at the attribute, and a module with the usual names,
//! so that one mistake does not become many.

mod arguments;
mod debug;
mod source;

use proc_macro::TokenStream;
use proc_macro2::Span;
use ptdsl::diagnostic::{Diagnostic, render};
use ptdsl::emit;
use quote::quote;

use arguments::{Arguments, Module};
use source::Source;

/// Turns a module into page tables of a format.
///
/// `#[pagetable(format = "…")] pub mod kernel {}` fills the module with the types of a format: `PageTable`, `Attributes`,
/// `Change`, `Format`, `Root`, `LEVELS`, one type for each level and one for each enumeration. What the module contains
/// already is kept. Arguments:
///
/// - `format = "name"`: a format that ships with ptgen. `format = "dir/file.ptf"`: a file of the client's, relative to the
///   manifest; if it describes several formats, `"dir/file.ptf#name"`.
/// - `features(a = on, b = off, c = runtime)`: what the machine has, or that it is decided when a table is made.
/// - `parameters(width = 46, bits = runtime, memory_type(write_back = 1))`: numbers of the machine, and numbers of names.
/// - `root = level`, `range = name`: which root and which range of VA, where the format leaves a choice.
/// - `crate = ::path`: where ptgen is, if not at `::ptgen`.
/// - `debug`: writes the expansion to a file in the target folder and includes it from there, so that the compiler's
///   messages point into it. `PTGEN_DEBUG=1` in the environment does so for all.
#[proc_macro_attribute]
pub fn pagetable(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let module = match syn::parse::<Module>(item.clone()) {
        Ok(module) => module,
        Err(error) => {
            let (error, item) = (error.to_compile_error(), proc_macro2::TokenStream::from(item));
            return quote!(#error #item).into();
        }
    };
    let mut errors = Vec::new();
    let arguments = Arguments::parse(arguments.into(), &mut errors);
    let mut options = module.options();
    if let Some(path) = &arguments.crate_path {
        options.crate_path = path.clone();
    }
    let expanded = expand(&arguments, &mut options, &mut errors);
    let errors = errors.iter().map(syn::Error::to_compile_error);
    quote!(#(#errors)* #expanded).into()
}

/// The module, filled; or its skeleton, with at least one error.
fn expand(
    arguments: &Arguments,
    options: &mut emit::Options,
    errors: &mut Vec<syn::Error>,
) -> proc_macro2::TokenStream {
    let source = match arguments.format.as_ref().map(Source::find) {
        Some(Ok(source)) => source,
        Some(Err(error)) => {
            errors.push(error);
            return emit::skeleton(options, None);
        }
        None => return emit::skeleton(options, None),
    };
    options.file = source.file.clone();
    let tracking = source.tracking();
    let compile = if source.tracked { ptdsl::compile } else { ptdsl::compile_proven };
    let compiled = compile(&source.file, &source.text);
    let description = source.pick(&compiled);
    let shown = |problems: &[Diagnostic]| -> Vec<syn::Error> {
        let one = |problem: &Diagnostic| {
            let text = render(&source.file, &source.text, core::slice::from_ref(problem), false);
            let text = text.trim_end().strip_prefix("error").map_or(text.trim_end(), |rest| rest);
            syn::Error::new(arguments.span_of(&problem.message).unwrap_or(source.span), text)
        };
        problems.iter().map(one).collect()
    };
    let result = match &description {
        _ if !compiled.diagnostics.is_empty() => Err(shown(&compiled.diagnostics)),
        Err(error) => Err(vec![error.clone()]),
        Ok(description) => ptdsl::bind(description, &arguments.binding)
            .and_then(|family| emit::expand(&family, options))
            .map_err(|problems| shown(&problems)),
    };
    let module = match result {
        Ok(module) if errors.is_empty() => debug::written(arguments.debug, options, module),
        Ok(_) => emit::skeleton(options, description.ok()),
        Err(complaints) => {
            errors.extend(complaints);
            emit::skeleton(options, description.ok())
        }
    };
    quote!(#tracking #module)
}

/// Where a complaint points if nothing better is known.
fn call_site() -> Span {
    Span::call_site()
}
