//! Documentation of what is emitted: the words of the format, and where they stand.

use proc_macro2::TokenStream;
use quote::quote;

use super::plan::{Attribute, Level, Plan};
use crate::model::{Content, Field, Format, Layout, LayoutKind, Source};

/// Lines of `///`.
pub(crate) fn lines<I: IntoIterator<Item = S>, S: AsRef<str>>(lines: I) -> TokenStream {
    let lines = lines.into_iter().map(|line| {
        let line = line.as_ref();
        let line = if line.is_empty() { String::new() } else { format!(" {line}") };
        quote!(#[doc = #line])
    });
    quote!(#(#lines)*)
}

/// One line of `///`.
pub(crate) fn line(text: &str) -> TokenStream {
    lines([text])
}

/// What every small type can do, in lines short enough to stay lines.
pub(crate) fn derives() -> TokenStream {
    quote! {
        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        #[derive(::core::cmp::PartialEq, ::core::cmp::Eq, ::core::hash::Hash)]
    }
}

/// A path as text without spaces.
pub(crate) fn path_text(path: &TokenStream) -> String {
    path.to_string().replace(' ', "")
}

/// Where something stands.
pub(crate) fn place(plan: &Plan<'_>, line: usize) -> String {
    format!("{}:{line}", plan.options.file)
}

/// The documentation of the module: what the format says of itself, its sources, its place.
pub(crate) fn module(plan: &Plan<'_>) -> TokenStream {
    let Some(format) = plan.first() else { return TokenStream::new() };
    let mut text = vec![format!("Page tables of the format `{}` ({}).", format.name, place(plan, format.line))];
    for part in [&format.docs, &format.sources] {
        if !part.is_empty() {
            text.push(String::new());
            text.extend(part.iter().map(|line| line.trim().to_owned()));
        }
    }
    lines(text)
}

/// The documentation of a level.
pub(crate) fn level(plan: &Plan<'_>, level: &Level) -> TokenStream {
    let found = plan.places(level).map(|(member, place)| &plan.format(member).levels[place]).next();
    let Some(found) = found else { return line(&level.name) };
    let place = place(plan, found.line);
    let own = sentence(&found.docs);
    let first = if own.is_empty() { String::new() } else { format!(" {own}") };
    line(&format!("Level `{}`.{first} ({place})", level.name))
}

/// The documentation of an attribute: what it means and which bits say it.
pub(crate) fn attribute(plan: &Plan<'_>, attribute: &Attribute) -> TokenStream {
    let own = sentence(&attribute.docs);
    let own = if own.is_empty() { format!("`{}`.", attribute.name) } else { own };
    line(&format!("{own} {}", bits(plan, attribute)))
}

/// "Bit 7", "Bits 12..3".
pub(crate) fn bits_of(text: &str) -> String {
    let several = text.contains(", ") || text.contains("..") || text.contains(';');
    format!("{} {text}", if several { "Bits" } else { "Bit" })
}

/// "Bit 7 of `page`, bit 12 of `large` (x.ptf:60)."
fn bits(plan: &Plan<'_>, attribute: &Attribute) -> String {
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    let mut at = None;
    for format in plan.formats() {
        let Some(found) = super::plan::attribute_of(format, &attribute.name) else { continue };
        for (index, source) in &found.sources {
            let layout = &format.layouts[*index];
            if layout.kind != LayoutKind::Leaf {
                continue;
            }
            let (bits, row) = source_bits(format, layout, source, &attribute.name);
            at = at.or(row);
            match said.iter_mut().find(|(known, _)| *known == bits) {
                Some((_, layouts)) if layouts.contains(&layout.name.as_str()) => {}
                Some((_, layouts)) => layouts.push(&layout.name),
                None => said.push((bits, vec![&layout.name])),
            }
        }
    }
    let count = said.len();
    let parts = said.into_iter().map(|(bits, layouts)| {
        let names: Vec<String> = layouts.iter().map(|name| format!("`{name}`")).collect();
        if count == 1 { bits } else { format!("{bits} of {}", names.join(", ")) }
    });
    let text = parts.collect::<Vec<_>>().join("; ");
    let at = at.map_or(String::new(), |line| format!(" ({})", place(plan, line)));
    if text.is_empty() { "Said by tables alone.".into() } else { format!("{}.{at}", bits_of(&text)) }
}

fn source_bits(format: &Format, layout: &Layout, source: &Source, name: &str) -> (String, Option<usize>) {
    let _ = format;
    let names: Vec<&str> = match source {
        Source::Field => vec![name],
        Source::Group(group) => group.fields.iter().map(|(name, _)| name.as_str()).collect(),
    };
    let fields: Vec<&Field> =
        names.iter().filter_map(|name| layout.fields.iter().find(|field| field.name == *name)).collect();
    let text: Vec<String> = fields.iter().map(|field| field_bits(field)).collect();
    let row = layout
        .rows
        .iter()
        .find(|row| matches!(&row.content, Content::Field { name, .. } if names.contains(&name.as_str())));
    (text.join(", "), row.map(|row| row.line))
}

/// The bits of a field, the highest first, with the word `not` where they say the opposite.
pub(crate) fn field_bits(field: &Field) -> String {
    let opposite = if field.inverted { " (inverted)" } else { "" };
    let mut pieces = field.pieces.clone();
    pieces.sort_by_key(|piece| core::cmp::Reverse(piece.word_low));
    let mut text: Vec<String> = pieces
        .iter()
        .map(|piece| match piece.bits {
            1 => piece.word_low.to_string(),
            bits => format!("{}..{}", piece.word_low + bits - 1, piece.word_low),
        })
        .collect();
    if let Some(crate::model::Bits::Runtime { parameter, .. }) = &field.at {
        text.push(format!("`{parameter}`"));
    }
    format!("{}{opposite}", text.join(", "))
}

/// Documentation as one paragraph that ends with a full stop.
pub(crate) fn sentence(docs: &[String]) -> String {
    let joined = docs.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    if joined.is_empty() || joined.ends_with(['.', '!', '?']) { joined } else { format!("{joined}.") }
}
