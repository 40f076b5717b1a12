//! The expansion as a file that can be read, and that the compiler's messages point into.

use std::path::PathBuf;

use proc_macro2::TokenStream;
use ptdsl::emit::Options;
use quote::quote;

/// The module; through a file, if that was asked for and can be written.
pub fn written(asked: bool, options: &Options, module: TokenStream) -> TokenStream {
    let environment = std::env::var("PTGEN_DEBUG").is_ok_and(|value| !value.is_empty() && value != "0");
    if !asked && !environment {
        return module;
    }
    let Ok(parsed) = syn::parse2(module.clone()) else { return module };
    let package = std::env::var("CARGO_CRATE_NAME").unwrap_or_else(|_| "crate".into());
    let path = folder().join(format!("{package}-{}.rs", options.name));
    let written =
        std::fs::create_dir_all(folder()).and_then(|()| std::fs::write(&path, prettyplease::unparse(&parsed)));
    match (written, path.to_str()) {
        (Ok(()), Some(path)) => quote!(::core::include!(#path);),
        _ => module,
    }
}

/// `ptgen` beside the folder that the compiler writes to; without one, among the temporary files.
fn folder() -> PathBuf {
    let mut arguments = std::env::args_os().skip_while(|argument| argument != "--out-dir");
    let out = arguments.nth(1).map(PathBuf::from);
    let target = out.as_deref().and_then(std::path::Path::parent);
    target.map_or_else(std::env::temp_dir, PathBuf::from).join("ptgen")
}
