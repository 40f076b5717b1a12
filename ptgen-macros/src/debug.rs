//! Expansions as files that a person can read and a compiler error can point into.

use std::path::Path;

use proc_macro2::{Literal, TokenStream};
use ptdsl::emit::Options;
use quote::quote;

/// Whether the environment asks for it.
pub fn is_wanted() -> bool {
    std::env::var_os("PTGEN_DEBUG").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Writes the expansion to a file and includes it. If that fails, the expansion itself will do.
pub fn written(tokens: &TokenStream, options: &Options) -> TokenStream {
    let Ok(file) = syn::parse2::<syn::File>(tokens.clone()) else { return tokens.clone() };
    let client = std::env::var("CARGO_CRATE_NAME").unwrap_or_else(|_| "client".to_owned());
    let path = Path::new(env!("OUT_DIR")).join(format!("{client}-{}.rs", options.name));
    let header = format!("// The expansion of `{}` from {}, formatted. Written anew with each build.\n\n", options.name, options.file);
    if std::fs::write(&path, header + &prettyplease::unparse(&file)).is_err() {
        return tokens.clone();
    }
    let path = Literal::string(&path.to_string_lossy());
    let crate_path = &options.crate_path;
    quote!(#crate_path::__::core::include!(#path);)
}
