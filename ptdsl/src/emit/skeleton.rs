//! The names of a module whose format cannot be expanded, so that its users see no errors but the format's own.
//!
//! Whatever the format could still be read for is there: levels, attributes and choices. Functions take anything and do
//! nothing; the errors see to it that none of this is ever run.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::families::{Says, families};
use super::leaf::integer;
use super::show::name;
use super::{Options, docs};
use crate::resolve::{Description, Layout};
use crate::rust_name::upper_camel;
use crate::tree::{Content, LayoutKind, Place};

/// What is known of a broken format: names, each once.
#[derive(Default)]
struct Names {
    /// From the root down.
    levels: Vec<String>,
    /// With the number of bits.
    attributes: BTreeMap<String, u128>,
    choices: BTreeMap<String, BTreeSet<String>>,
    decided: BTreeSet<String>,
    /// What the word that names the root says.
    root: BTreeSet<String>,
}

impl Says for Names {
    fn flag(&self, name: &str) -> bool {
        self.attributes.get(name).is_some_and(|bits| *bits <= 1) && !self.choices.contains_key(name)
    }

    fn memory_type(&self, name: &str) -> bool {
        self.choices.get("memory_type").is_some_and(|variants| variants.contains(&upper_camel(name)))
    }

    fn memory_types(&self) -> bool {
        self.choices.contains_key("memory_type")
    }

    // What cannot be told is there: a method too many is no second error.
    fn can_hide(&self) -> bool {
        true
    }

    fn can_split_to_4k(&self) -> bool {
        true
    }
}

/// A module with the public names and no content.
#[must_use]
pub fn skeleton(options: &Options, description: Option<&Description>) -> TokenStream {
    let Options { attributes, visibility, name, items, crate_path: krate, .. } = options;
    let names = description.map(names).unwrap_or_default();
    let types = types(krate, &names);
    let said = said(krate, &names);
    let tables = tables(krate, &names);
    let families = families(krate, &names);
    quote! {
        #attributes
        #[allow(missing_docs, dead_code, unused_variables)]
        #visibility mod #name {
            #items
            #types
            #said
            #tables
            #families
        }
    }
}

fn names(description: &Description) -> Names {
    let mut names = Names::default();
    for level in &description.levels {
        let level = upper_camel(&level.node.name.value);
        if !names.levels.contains(&level) {
            names.levels.push(level);
        }
    }
    for layout in &description.layouts {
        for (field, bits) in fields(&layout.node) {
            if layout.node.kind == LayoutKind::Leaf {
                let known = names.attributes.entry(field).or_default();
                *known = bits.max(*known);
            } else if layout.node.kind == LayoutKind::Root {
                names.root.insert(field);
            }
        }
    }
    for attribute in &description.attributes {
        let own: Vec<&String> = attribute.node.names.iter().map(|name| &name.value).collect();
        let values = attribute.node.values.iter().flat_map(|value| &value.names).map(|name| &name.value);
        let values = values.filter(|value| !own.contains(value) && *value != "none" && *value != "reserved");
        let values: BTreeSet<String> =
            values.map(|value| upper_camel(value)).filter(|value| is_usable(value)).collect();
        match own.first() {
            Some(of) if !values.is_empty() => {
                names.choices.entry((*of).clone()).or_default().extend(values);
                names.attributes.insert((*of).clone(), 0);
            }
            _ => names.attributes.extend(own.into_iter().map(|name| (name.clone(), 1))),
        }
    }
    names.decided.extend(description.features.iter().map(|feature| feature.node.name.value.clone()));
    names.decided.extend(description.parameters.iter().map(|parameter| parameter.node.name.value.clone()));
    // What is no identifier is one of the errors.
    names.attributes.retain(|name, _| is_usable(name) && name != "software");
    names.choices.retain(|name, _| is_usable(&upper_camel(name)));
    names.decided.retain(|name| is_usable(name));
    names.root.retain(|name| is_usable(name));
    names.levels.retain(|name| is_usable(name));
    names
}

/// The fields of a layout and their widths, as far as rows at fixed bits show them.
fn fields(layout: &Layout) -> Vec<(String, u128)> {
    let rows = layout.rows.iter().map(|row| &row.node);
    let found = rows.flat_map(|row| {
        let extent = match &row.place.value {
            Place::Bits(bits) => bits.high.value.value.saturating_sub(bits.low.value.value).saturating_add(1),
            Place::Bit(_) | Place::Parameter(_) => 1,
        };
        row.content.cases.iter().filter_map(move |case| match &case.value.value {
            Content::Field { name, slice, value: None, .. } => {
                let bits = slice.map_or(extent, |slice| slice.high.value.value.saturating_add(1));
                Some((name.value.clone(), bits))
            }
            _ => None,
        })
    });
    found.collect()
}

fn is_usable(name: &str) -> bool {
    !is_keyword(name) && !name.is_empty()
}

fn is_keyword(text: &str) -> bool {
    // The front end refuses these names; they only have to stay out of the skeleton.
    const WORDS: &str = "Self abstract as async await become box break const continue crate do dyn else enum extern false \
                         final fn for gen if impl in let loop macro match mod move mut override priv pub ref return self \
                         static struct super trait true try type typeof unsafe unsized use virtual where while yield";
    WORDS.split_whitespace().any(|word| word == text)
}

/// Levels and choices.
fn types(krate: &TokenStream, names: &Names) -> TokenStream {
    let derives = docs::derives();
    let below = names.levels.iter().skip(1).map(|level| name(level).into_token_stream());
    let below = below.chain([quote!(#krate::Floor<Format>)]);
    let levels = names.levels.iter().zip(below).map(|(level, below)| {
        let level = name(level);
        quote! {
            pub enum #level {}
            impl #krate::Level for #level {
                type Format = Format;
                type Below = #below;
            }
        }
    });
    let choices = names.choices.iter().map(|(of, variants)| {
        let (of, variants) =
            (name(&upper_camel(of)), variants.iter().filter(|it| *it != "Other").map(|variant| name(variant)));
        quote! {
            #derives
            pub enum #of { #(#variants,)* Other(u64) }
        }
    });
    quote! {
        #(#levels)*
        #(#choices)*
    }
}

/// Attributes and changes.
fn said(krate: &TokenStream, names: &Names) -> TokenStream {
    let derives = docs::derives();
    let mut slots: Vec<_> = names
        .attributes
        .iter()
        .map(|(field, bits)| match (names.choices.contains_key(field), bits) {
            (true, _) => {
                let of = name(&upper_camel(field));
                (name(field), quote!(#of), quote!(#of::Other(0)))
            }
            (_, 0 | 1) => (name(field), quote!(bool), quote!(false)),
            (_, bits) => {
                let of = name(integer(u32::try_from(*bits).unwrap_or(u32::MAX)));
                (name(field), quote!(#of), quote!(0))
            }
        })
        .collect();
    slots.push((name("software"), quote!(u64), quote!(0)));
    let fields: Vec<_> = slots.iter().map(|(field, ..)| field).collect();
    let withs = fields.iter().map(|field| name(&format!("with_{field}")));
    let (types, values) = (slots.iter().map(|(_, of, _)| of), slots.iter().map(|(.., value)| value));
    let presets = ["kernel_data", "kernel_rodata", "kernel_text", "user_data", "user_rodata", "user_text"];
    let presets = presets.map(name);
    quote! {
        #derives
        pub struct Attributes { #(pub #fields: #types),* }
        impl Attributes {
            pub const fn new() -> Self { Self { #(#fields: #values),* } }
            #(pub const fn #presets() -> Self { Self::new() })*
            #(pub const fn #withs<T: ::core::marker::Copy>(self, _: T) -> Self { self })*
        }
        impl ::core::default::Default for Attributes {
            fn default() -> Self { Self::new() }
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
            #(pub const fn #fields<T: ::core::marker::Copy>(self, _: T) -> Self { self })*
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
    let derives = docs::derives();
    let decided = names.decided.iter().map(|decided| name(decided));
    let mut root = names.root.clone();
    root.insert("asid".into());
    let root = root.iter().map(|field| name(&format!("with_{field}")));
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
            #(pub const fn #root<T: ::core::marker::Copy>(self, _: T) -> Self { self })*
        }
        #page_table
    }
}
