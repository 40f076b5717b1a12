//! Where a format comes from: a name means one that ships with ptgen, a path means a file of the client's.

use proc_macro2::{Span, TokenStream};
use ptdsl::compile::Compiled;
use ptdsl::diagnostic::nearest;
use ptdsl::resolve::Description;
use quote::quote;
use syn::{Error, LitStr};

/// A format file, and which of its formats is meant.
pub struct Source {
    /// How it is called in messages and documentation.
    pub file: String,
    pub text: String,
    /// The place of the argument.
    pub span: Span,
    /// The format, if it was named.
    format: Option<String>,
    /// It is a file of the client's: changes of it are changes of the client.
    pub tracked: bool,
}

impl Source {
    /// The source that an argument names.
    pub fn find(argument: &LitStr) -> Result<Self, Error> {
        let (value, span) = (argument.value(), argument.span());
        let (path, fragment) = value.split_once('#').map_or((value.as_str(), None), |(path, name)| (path, Some(name)));
        if !path.contains('/') && !path.ends_with(".ptf") {
            return Self::built_in(&value, span);
        }
        let error = |text: String| Error::new(span, text);
        if path.starts_with('/') {
            return Err(error(format!("`{path}` is absolute; expected a path relative to the manifest of this crate")));
        }
        let folder = std::env::var("CARGO_MANIFEST_DIR").map_err(|_| {
            error("CARGO_MANIFEST_DIR is not set, so a path means nothing; `ptdsl expand` works without cargo".into())
        })?;
        let text = std::fs::read_to_string(format!("{folder}/{path}"))
            .map_err(|problem| error(format!("cannot read `{path}` beside the manifest of this crate: {problem}")))?;
        Ok(Self { file: path.into(), text, span, format: fragment.map(Into::into), tracked: true })
    }

    fn built_in(name: &str, span: Span) -> Result<Self, Error> {
        let Some(found) = ptgen_formats::format(name) else {
            let names = || ptgen_formats::FORMATS.iter().map(|format| format.name);
            let near = nearest(name, names()).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let names = names().collect::<Vec<_>>().join(", ");
            let text = format!(
                "no format `{name}` ships with ptgen{near}\nexpected one of {names}\nor a path, which has a `/` in it or ends \
                 in .ptf"
            );
            return Err(Error::new(span, text));
        };
        let (file, text) = (found.file.to_owned(), found.text.to_owned());
        Ok(Self { file, text, span, format: Some(name.to_owned()), tracked: false })
    }

    /// The description that is meant: the one named, or the only one.
    pub fn pick<'a>(&self, compiled: &'a Compiled) -> Result<&'a Description, Error> {
        use ptdsl::tree::FormatKind;
        let formats = || compiled.descriptions.iter().filter(|it| it.kind == FormatKind::Format);
        let names = formats().map(|it| it.name.value.as_str()).collect::<Vec<_>>();
        let file = &self.file;
        let found = match &self.format {
            Some(wanted) => formats().find(|it| it.name.value == *wanted),
            None if names.len() == 1 => formats().next(),
            None => None,
        };
        found.ok_or_else(|| {
            let text = match (&self.format, names.first()) {
                (_, None) => format!("{file} describes no format"),
                (Some(wanted), _) => {
                    let near = nearest(wanted, names.iter().copied());
                    let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                    format!("{file} describes no format `{wanted}`{near}\nexpected one of {}", names.join(", "))
                }
                (None, Some(first)) => {
                    format!("{file} describes {}\nname one of them: `{file}#{first}`", names.join(", "))
                }
            };
            Error::new(self.span, text)
        })
    }

    /// What makes cargo look at the file, and at the environment, when it decides what to build.
    pub fn tracking(&self) -> TokenStream {
        let path = format!("/{}", self.file);
        let file = self.tracked.then(|| {
            quote!(
                const _: &[u8] = ::core::include_bytes!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), #path));
            )
        });
        quote!(#file const _: ::core::option::Option<&str> = ::core::option_env!("PTGEN_DEBUG");)
    }
}
