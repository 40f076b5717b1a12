//! The line that lists which methods `set_memory_…` a format has.

use proc_macro2::TokenStream;
use quote::quote;

use super::plan::Plan;
use super::show::name;
use crate::model::AttributeKind;
use crate::rust_name::upper_camel;

/// Methods that a flag brings.
const FLAGS: [(&str, &[&str]); 4] = [
    ("write", &["ro", "rw"]),
    ("execute", &["x", "nx"]),
    ("global", &["global", "nonglobal"]),
    ("encrypted", &["encrypted", "decrypted"]),
];

/// The method that a memory type of this name brings.
const MEMORY_TYPES: [(&str, &str); 4] =
    [("uncached", "uc"), ("write_combining", "wc"), ("write_through", "wt"), ("write_back", "wb")];

/// What decides about the methods.
pub(crate) trait Says {
    /// Whether leaves have a flag of this name.
    fn flag(&self, name: &str) -> bool;
    /// Whether leaves have a memory type, and it can be the one of this name.
    fn memory_type(&self, name: &str) -> bool;
    /// Whether leaves have a memory type that is one of a list.
    fn memory_types(&self) -> bool;
}

impl Says for Plan<'_> {
    fn flag(&self, name: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute.name == name && attribute.kind == AttributeKind::Flag)
    }

    fn memory_type(&self, name: &str) -> bool {
        let found = self.attributes.iter().find(|attribute| attribute.name == "memory_type");
        found.is_some_and(|attribute| match &attribute.kind {
            AttributeKind::Choice { names, .. } => names.iter().any(|known| known.name == name),
            _ => false,
        })
    }

    fn memory_types(&self) -> bool {
        let choice = |kind: &AttributeKind| matches!(kind, AttributeKind::Choice { .. });
        self.attributes.iter().any(|attribute| attribute.name == "memory_type" && choice(&attribute.kind))
    }
}

/// The methods, by a macro of the runtime.
pub(crate) fn families(krate: &TokenStream, says: &impl Says) -> TokenStream {
    let flags = FLAGS.iter().filter(|(flag, _)| says.flag(flag)).flat_map(|(_, methods)| methods.iter());
    let mut list: Vec<TokenStream> = flags
        .map(|method| {
            let method = name(method);
            quote!(#method)
        })
        .collect();
    if says.memory_types() {
        list.push(quote!(memory_type(MemoryType)));
    }
    list.extend(MEMORY_TYPES.iter().filter(|(of, _)| says.memory_type(of)).map(|(of, method)| {
        let (of, method) = (name(&upper_camel(of)), name(method));
        quote!(#method(MemoryType::#of))
    }));
    if list.is_empty() {
        return TokenStream::new();
    }
    quote!(#krate::__::families! { PageTable(Format, Change) #(#list),* })
}
