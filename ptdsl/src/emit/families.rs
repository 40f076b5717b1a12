//! The line that lists which methods `set_memory_…` a format has.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;

use super::plan::{Plan, of_kind};
use super::scatter::ones;
use super::show::name;
use crate::model::{AttributeKind, Content, Layout, LayoutKind, Row};
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
    /// Whether there are leaves whose absent words can keep all that they say.
    fn can_hide(&self) -> bool;
    /// Whether the smallest leaves have 4 KiB, and there are larger ones.
    fn can_split_to_4k(&self) -> bool;
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

    fn can_hide(&self) -> bool {
        self.levels.iter().any(|level| {
            self.places(level).any(|(member, place)| {
                let format = self.format(member);
                let kept = of_kind(format, place, LayoutKind::Absent).next().map_or(0, |(_, layout)| layout.software);
                self.leaves(format, place).iter().any(|leaf| told_apart(leaf.layout) | kept == self.word_ones())
            })
        })
    }

    fn can_split_to_4k(&self) -> bool {
        self.formats().enumerate().all(|(member, format)| {
            let places = self.levels.iter().filter_map(|level| level.at[member]);
            let sizes: BTreeSet<u32> =
                places.flat_map(|place| self.leaves(format, place)).map(|leaf| leaf.lg2).collect();
            sizes.len() > 1 && sizes.first() == Some(&12)
        })
    }
}

/// The bits that every leaf of a layout has alike.
fn told_apart(layout: &Layout) -> u128 {
    let known =
        |row: &&Row| matches!(row.content, Content::Constant { .. } | Content::Reserved(_) | Content::Ignored(_));
    let rows = layout.rows.iter().filter(known);
    rows.map(|row| ones(row.high - row.low + 1) << row.low).fold(0, |bits, row| bits | row)
}

/// The methods, by a macro of the runtime.
pub(crate) fn families(krate: &TokenStream, says: &impl Says) -> TokenStream {
    let flags = FLAGS.iter().filter(|(flag, _)| says.flag(flag)).flat_map(|(_, methods)| methods.iter());
    // Where user mode has a right of its own to write, it goes with the other.
    let each = says.flag("user_write");
    let mut list: Vec<TokenStream> = flags
        .map(|method| {
            let method = name(if *method == "ro" && each { "ro_each" } else { method });
            quote!(#method)
        })
        .collect();
    if says.flag("write") && says.flag("execute") {
        list.push(if each { quote!(rox_each) } else { quote!(rox) });
    }
    if says.can_hide() {
        list.extend([quote!(np), quote!(p), quote!(direct_map)]);
    }
    if says.can_split_to_4k() {
        list.push(quote!(small));
    }
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
