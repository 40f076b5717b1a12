//! The names of a module whose format cannot be expanded, so that its users see no errors but the format's own.
//!
//! Whatever the format could still be read for is there: levels, attributes and choices. Functions take anything and do
//! nothing; the errors see to it that none of this is ever run.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;

use super::Options;
use super::show::{camel, name};
use crate::resolve::Description;
use crate::tree::{Content, LayoutKind};

/// What is known of a broken format: names, each once.
#[derive(Default)]
struct Names {
    levels: BTreeSet<String>,
    attributes: BTreeSet<String>,
    choices: Vec<(String, BTreeSet<String>)>,
    decided: BTreeSet<String>,
}

/// A module with the public names and no content.
#[must_use]
pub fn skeleton(options: &Options, description: Option<&Description>) -> TokenStream {
    let Options { attributes, visibility, name, items, crate_path: krate, .. } = options;
    let names = description.map(names).unwrap_or_default();
    let types = types(&names);
    let said = said(krate, &names);
    let tables = tables(krate, &names);
    quote! {
        #attributes
        #[allow(missing_docs, dead_code, unused_variables)]
        #visibility mod #name {
            #items
            #types
            #said
            #tables
        }
    }
}

fn names(description: &Description) -> Names {
    let mut names = Names::default();
    names.levels.extend(description.levels.iter().map(|level| camel(&level.node.name.value)));
    for layout in description.layouts.iter().filter(|layout| layout.node.kind == LayoutKind::Leaf) {
        for case in layout.node.rows.iter().flat_map(|row| &row.node.content.cases) {
            if let Content::Field { name, value: None, .. } = &case.value.value {
                names.attributes.insert(name.value.clone());
            }
        }
    }
    for attribute in &description.attributes {
        let own: Vec<&String> = attribute.node.names.iter().map(|name| &name.value).collect();
        names.attributes.extend(own.iter().map(|name| (*name).clone()));
        let values = attribute.node.values.iter().flat_map(|value| &value.names).map(|name| &name.value);
        let values = values.filter(|value| !own.contains(value) && *value != "none" && *value != "reserved");
        let values: BTreeSet<String> = values.map(|value| camel(value)).collect();
        if let (Some(of), false) = (own.first(), values.is_empty()) {
            let of = camel(of);
            match names.choices.iter_mut().find(|(known, _)| *known == of) {
                Some((_, known)) => known.extend(values),
                None => names.choices.push((of, values)),
            }
        }
    }
    names.decided.extend(description.features.iter().map(|feature| feature.node.name.value.clone()));
    names.decided.extend(description.parameters.iter().map(|parameter| parameter.node.name.value.clone()));
    // What is no identifier is one of the errors.
    let usable = |text: &String| text.parse::<TokenStream>().is_ok() && !is_keyword(text);
    names.attributes.retain(usable);
    names.decided.retain(usable);
    names.levels.retain(usable);
    names
}

fn is_keyword(text: &str) -> bool {
    // The front end refuses these names; they only have to stay out of the skeleton.
    const WORDS: &str = "Self abstract as async await become box break const continue crate do dyn else enum extern false \
                         final fn for gen if impl in let loop macro match mod move mut override priv pub ref return self \
                         static struct super trait true try type typeof unsafe unsized use virtual where while yield";
    WORDS.split_whitespace().any(|word| word == text)
}

fn derives() -> TokenStream {
    quote! {
        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        #[derive(::core::cmp::PartialEq, ::core::cmp::Eq, ::core::hash::Hash)]
    }
}

/// Levels and choices.
fn types(names: &Names) -> TokenStream {
    let derives = derives();
    let levels = names.levels.iter().map(|level| name(level));
    let choices = names.choices.iter().map(|(of, variants)| {
        let (of, variants) = (name(of), variants.iter().map(|variant| name(variant)));
        quote! {
            #derives
            pub enum #of { #(#variants,)* Other(u64) }
        }
    });
    quote! {
        #(pub enum #levels {})*
        #(#choices)*
    }
}

/// Attributes and changes.
fn said(krate: &TokenStream, names: &Names) -> TokenStream {
    let derives = derives();
    let fields: Vec<_> = names.attributes.iter().map(|field| name(field)).chain([name("software")]).collect();
    let withs = fields.iter().map(|field| name(&format!("with_{field}")));
    let presets = ["kernel_data", "kernel_rodata", "kernel_text", "user_data", "user_rodata", "user_text", "new"];
    let presets = presets.map(name);
    quote! {
        #derives
        #[derive(::core::default::Default)]
        pub struct Attributes {}
        impl Attributes {
            #(pub const fn #presets() -> Self { Self {} })*
            #(pub fn #withs<T>(self, _: T) -> Self { self })*
        }
        impl #krate::Attributes for Attributes {
            const FIELDS: &'static [#krate::AttributeInfo] = &[];
            fn get(&self, _: usize) -> u64 { 0 }
            fn set(&mut self, _: usize, _: u64) -> bool { false }
            fn permits(&self, _: #krate::Access, _: bool) -> bool { false }
        }
        #derives
        #[derive(::core::default::Default)]
        pub struct Change {}
        impl Change {
            pub const fn new() -> Self { Self {} }
            #(pub fn #fields<T>(self, _: T) -> Self { self })*
        }
        impl #krate::Change for Change {
            type Attributes = Attributes;
            fn set(&mut self, _: usize, _: u64) -> bool { false }
            fn revise(&self, attributes: &Attributes) -> Attributes { *attributes }
        }
    }
}

/// The format and the tables.
fn tables(krate: &TokenStream, names: &Names) -> TokenStream {
    let derives = derives();
    let decided = names.decided.iter().map(|decided| name(decided));
    let page_table = super::table::tables(krate, true);
    quote! {
        #derives
        #[derive(::core::default::Default)]
        pub struct Format {}
        impl Format {
            #(pub const fn #decided(self) -> u32 { 0 })*
        }
        impl #krate::Format for Format {
            type Word = u64;
            type Attributes = Attributes;
            type Change = Change;
            type Patch = ();
            const NAME: &'static str = "";
            fn big_endian(self) -> bool { false }
            fn is_canonical(self, _: u64) -> bool { false }
            fn extend(self, position: u64) -> u64 { position }
            fn output_last(self) -> u64 { 0 }
            fn way(self, _: #krate::ChangeKind) -> #krate::Way { #krate::Way::Break }
            fn way_of(self, _: &Change) -> #krate::Way { #krate::Way::Break }
            fn no_limits(self) -> u64 { 0 }
            fn root<V: #krate::RootVisitor<Self>>(self, visitor: V) -> V::Output {
                visitor.visit::<#krate::Floor<Self>>()
            }
        }
        pub const LEVELS: [#krate::LevelInfo; 0] = [];
        #derives
        pub struct Root(u64);
        impl Root {
            pub fn new(_: &#krate::Tree<Format>) -> Self { Self(0) }
            pub const fn word(self) -> u64 { self.0 }
            pub fn with_asid<T>(self, _: T) -> Self { self }
        }
        #page_table
    }
}
