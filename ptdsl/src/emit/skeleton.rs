//! The names of a module whose format cannot be expanded, so that its users see no errors but the format's own.

use proc_macro2::TokenStream;
use quote::quote;

use super::Options;

/// A module with the public names and no content.
#[must_use]
pub fn skeleton(options: &Options) -> TokenStream {
    let Options { attributes, visibility, name, items, .. } = options;
    quote! {
        #attributes
        #visibility mod #name { #items }
    }
}
