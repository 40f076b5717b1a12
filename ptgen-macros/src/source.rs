//! From what the attribute calls a format to a description in which nothing is wrong.

use std::path::Path;

use proc_macro2::{Literal, TokenStream};
use ptdsl::Compiled;
use ptdsl::diagnostic::nearest;
use ptdsl::resolve::Description;
use quote::quote;

/// A compiled format file.
pub struct Source {
    /// What became of it.
    pub compiled: Compiled,
    /// Which format of it.
    wanted: Option<String>,
    /// The path from the client's folder, if it is the client's.
    path: Option<String>,
}

/// Finds and compiles the file. What contains a `/` or ends in `.ptf` is a path, everything else a name; neither is tried
/// as the other.
pub fn find(format: &str) -> Result<Source, String> {
    let (path, wanted) = match format.split_once('#') {
        Some((path, name)) => (path, Some(name.to_owned())),
        None => (format, None),
    };
    if path.contains('/') || path.ends_with(".ptf") {
        let text = read(path)?;
        return Ok(Source { compiled: ptdsl::compile(path, &text), wanted, path: Some(path.to_owned()) });
    }
    let Some(builtin) = ptgen_formats::format(format) else { return Err(unknown(format)) };
    let compiled = ptdsl::compile(builtin.file, builtin.text);
    Ok(Source { compiled, wanted: Some(format.to_owned()), path: None })
}

impl Source {
    /// The description that is meant: the one that is named, else the last format of the file.
    pub fn description(&self) -> Result<&Description, String> {
        if !self.compiled.diagnostics.is_empty() {
            return Err(format!("the format file has mistakes\n\n{}", self.compiled.rendered(false).trim_end()));
        }
        let Some(wanted) = &self.wanted else {
            return self.compiled.formats().last().ok_or_else(|| format!("there is no format in {}", self.compiled.name));
        };
        self.compiled.formats().find(|format| format.name.value == *wanted).ok_or_else(|| {
            let known: Vec<_> = self.compiled.formats().map(|format| format.name.value.as_str()).collect();
            let file = &self.compiled.name;
            format!("there is no format `{wanted}` in {file}\n\nnote: there are {}", known.join(", "))
        })
    }

    /// What makes the compiler look at the client's file again when it changes.
    pub fn tracked(&self, crate_path: &TokenStream) -> Option<TokenStream> {
        let path = Literal::string(&format!("/{}", self.path.as_ref()?));
        let core = quote!(#crate_path::__::core);
        Some(quote! {
            const _: &[#core::primitive::u8] =
                #core::include_bytes!(#core::concat!(#core::env!("CARGO_MANIFEST_DIR"), #path));
        })
    }
}

/// Reads a file of the client's.
fn read(path: &str) -> Result<String, String> {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR")
        .ok_or("CARGO_MANIFEST_DIR is not set, and format files are found from there\n\nhelp: build with Cargo")?;
    std::fs::read_to_string(Path::new(&folder).join(path)).map_err(|error| {
        format!("cannot read {path}: {error}\n\nnote: paths are relative to the folder of the client's Cargo.toml")
    })
}

/// A name that no format has.
fn unknown(name: &str) -> String {
    let known: Vec<_> = ptgen_formats::FORMATS.iter().map(|format| format.name).collect();
    let mut message = format!("there is no format `{name}`\n");
    if let Some(near) = nearest(name, known.iter().copied()) {
        message += &format!("\nhelp: did you mean `{near}`?");
    }
    message += &format!("\nnote: ptgen ships {}", known.join(", "));
    message + "\nnote: a file of your own is named by its path, such as \"formats/mine.ptf\""
}
