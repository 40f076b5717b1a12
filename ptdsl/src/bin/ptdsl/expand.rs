//! `ptdsl expand`: the Rust code that the attribute emits.

use std::process::ExitCode;

use proc_macro2::{Ident, Span};
use ptdsl::emit::{self, Options};

use crate::args::{Color, Expand};
use crate::binding::binding;
use crate::failure::{Failure, Outcome};
use crate::{output, source};

/// Prints the formatted expansion, in a module named like the format.
pub fn run(request: &Expand, color: Color) -> Outcome<ExitCode> {
    let binding = binding(&request.format, request.root.as_deref())?;
    let source = source::load(&request.format.format, color)?;
    let family = source::bind(&source, &binding, color)?;
    let name = &source.description.name.value;
    let options =
        Options { name: Ident::new(name, Span::call_site()), file: source.compiled.name.clone(), ..Options::default() };
    let tokens = emit::expand(&family, &options).map_err(|problems| source.refused(&problems, color))?;
    let file = syn::parse2(tokens).map_err(|error| {
        Failure::found(format!("the emitted code of {name} does not parse: {error}"))
            .help("this is a mistake of ptdsl, not of the format")
    })?;
    output::print(&prettyplease::unparse(&file))?;
    Ok(ExitCode::SUCCESS)
}
