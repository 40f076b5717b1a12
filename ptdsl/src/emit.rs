//! Rust tokens of a family of models: what the attribute emits, what snapshots hold and what `ptdsl expand` prints.
//!
//! Emitted are facts and small functions on single words; everything with a loop, an atomic or a memory is in the
//! runtime. Each body is written for one model; where the models of a family differ, what differs is chosen at run time.
//! Nothing is decided here: a model has no open conditions.

mod attributes;
mod body;
mod cube;
mod docs;
mod expr;
mod families;
mod format;
mod kinds;
mod leaf;
mod leaves;
mod level;
mod merge;
mod moves;
mod ones;
mod plan;
mod scatter;
mod show;
mod skeleton;
mod support;
mod table;
mod words;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::binding::Family;
use crate::diagnostic::Diagnostic;
use plan::Plan;

pub use skeleton::skeleton;

/// The module that the code goes into.
#[derive(Clone, Debug)]
pub struct Options {
    /// The attributes of the module, docs included.
    pub attributes: TokenStream,
    /// Its visibility.
    pub visibility: TokenStream,
    /// Its name.
    pub name: Ident,
    /// What the client wrote in it; it is kept.
    pub items: TokenStream,
    /// The path of the runtime.
    pub crate_path: TokenStream,
    /// How the format file is called in the documentation.
    pub file: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            attributes: TokenStream::new(),
            visibility: quote!(pub),
            name: Ident::new("table", Span::call_site()),
            items: TokenStream::new(),
            crate_path: quote!(::ptgen),
            file: "format".to_owned(),
        }
    }
}

/// The code of a family.
///
/// # Errors
///
/// What the format says and the generator has no code for.
pub fn expand(family: &Family, options: &Options) -> Result<TokenStream, Vec<Diagnostic>> {
    let complaints = support::unsupported(family, options);
    if !complaints.is_empty() {
        return Err(complaints);
    }
    let plan = Plan::new(family, options);
    let Options { attributes, visibility, name, items, .. } = options;
    let docs = docs::module(&plan);
    let page_table = table::page_table(&plan);
    let families = families::families(&options.crate_path, &plan);
    let root = table::root(&plan);
    let all = level::Levels::new(&plan);
    let format = format::format(&plan, &all);
    let numbers = format::levels(&plan);
    let attribute_types = attributes::attributes(&plan);
    let (levels, krate, word) = (&all.types, &options.crate_path, plan.word());
    let patch = format::patch_type(&plan);
    Ok(quote! {
        #attributes
        #docs
        #visibility mod #name {
            #items
            #page_table
            #families
            #root
            #attribute_types
            #format
            #numbers
            type Encoded = ::core::result::Result<#word, #krate::Unencodable>;
            type Patched = ::core::result::Result<#patch, #krate::Unencodable>;
            #levels
        }
    })
}
