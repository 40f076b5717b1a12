//! The attribute of ptgen: arguments, where the format comes from, and a call into `ptdsl`.
//!
//! Clients depend on `ptgen`, which re-exports it.

mod arguments;
mod debug;
mod source;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use ptdsl::emit::{self, Options};
use quote::{ToTokens as _, quote};
use syn::{ItemMod, parse_quote};

use arguments::Arguments;

/// Fills a module with the page tables of a format.
///
/// ```ignore
/// #[ptgen::pagetable(format = "x86_64_5level")]
/// pub mod kernel {}
/// ```
///
/// # Arguments
///
/// - `format = "name"`: a format that ptgen ships. `format = "path/to/file.ptf"`: a file of the client's, relative to the
///   folder of its `Cargo.toml`; what contains a `/` or ends in `.ptf` is a path. Of a file with several formats, the last
///   one is taken, or `file.ptf#name`. A changed file rebuilds the client.
/// - `features(a = on, b = off, c = runtime)`: properties of the machine. A feature that is not named has its usual
///   setting, which `ptdsl show` lists. What is decided at run time is an argument of `Format::new`.
/// - `parameters(width = 46, bits = runtime, memory_type(write_combining = 1))`: numbers, and numbers of a choice bound anew.
///   A parameter that is not named has the last value of its set.
/// - `root = level`, `range = name`: which level the root is, and which range of VA the tables are for, where the format
///   leaves a choice. Without `range` it is the first.
/// - `crate = ::path`: where `ptgen` is, if the client has renamed it.
/// - `debug`: writes the expansion to a file and includes that, so that errors point into code that can be read. With
///   `PTGEN_DEBUG=1` in the environment every module does.
///
/// # What the module holds
///
/// `PageTable`, the tables, with all operations; `Attributes`, what leaves say, and `Change`, what to change of it; an
/// enumeration for each attribute with names, such as `MemoryType`; `Format`, the format as a value; a type for each level;
/// and what the client wrote in it. `cargo run -p ptdsl -- expand FORMAT` prints it.
#[proc_macro_attribute]
pub fn pagetable(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(arguments.into(), item.into()).into()
}

/// The module, filled; or the errors, and a module with the public names so that no others follow.
fn expand(arguments: Tokens, item: Tokens) -> Tokens {
    let module = match module(item) {
        Ok(module) => module,
        Err(error) => return error.to_compile_error(),
    };
    let (arguments, complaint) = match syn::parse2::<Arguments>(arguments) {
        Ok(arguments) => (Some(arguments), None),
        Err(error) => (None, Some(error)),
    };
    let options = options(&module, arguments.as_ref());
    let done = match (&arguments, complaint) {
        (Some(arguments), None) => fill(arguments, options.clone()),
        (_, complaint) => Err(complaint.into_iter().collect()),
    };
    done.unwrap_or_else(|errors| {
        let errors = errors.iter().map(syn::Error::to_compile_error);
        let skeleton = emit::skeleton(&options);
        quote!(#(#errors)* #skeleton)
    })
}

/// Parses the item that the attribute is on.
fn module(item: Tokens) -> syn::Result<ItemMod> {
    let module: ItemMod = syn::parse2(item.clone()).map_err(|_| {
        syn::Error::new_spanned(&item, "`pagetable` is for a module\n\nhelp: write `pub mod kernel {}` below it")
    })?;
    if module.content.is_none() {
        let name = &module.ident;
        let message = format!("the module has no body\n\nhelp: write `mod {name} {{}}`; the attribute fills it");
        return Err(syn::Error::new_spanned(&module, message));
    }
    Ok(module)
}

/// What does not depend on the format.
fn options(module: &ItemMod, arguments: Option<&Arguments>) -> Options {
    let attributes = &module.attrs;
    let items = module.content.iter().flat_map(|(_, items)| items);
    let crate_path = arguments.and_then(|arguments| arguments.crate_path.clone()).unwrap_or_else(|| parse_quote!(::ptgen));
    Options {
        attributes: quote!(#(#attributes)*),
        visibility: module.vis.to_token_stream(),
        name: module.ident.clone(),
        items: quote!(#(#items)*),
        crate_path: crate_path.to_token_stream(),
        ..Options::default()
    }
}

/// Finds, proves, binds and expands the format.
fn fill(arguments: &Arguments, mut options: Options) -> Result<Tokens, Vec<syn::Error>> {
    let at = |message: String| vec![syn::Error::new(arguments.format.span(), message)];
    let source = source::find(&arguments.format.value()).map_err(at)?;
    options.file.clone_from(&source.compiled.name);
    let rendered = |problems: &[ptdsl::diagnostic::Diagnostic]| {
        let text = ptdsl::diagnostic::render(&source.compiled.name, &source.compiled.text, problems, false);
        at(format!("the format cannot be used\n\n{}", text.trim_end()))
    };
    let description = source.description().map_err(at)?;
    let family = ptdsl::bind(description, &arguments.binding).map_err(|problems| rendered(&problems))?;
    let tokens = emit::expand(&family, &options).map_err(|problems| rendered(&problems))?;
    let tracked = source.tracked(&options.crate_path);
    let tokens = quote!(#tokens #tracked);
    if arguments.debug || debug::is_wanted() { Ok(debug::written(&tokens, &options)) } else { Ok(tokens) }
}
