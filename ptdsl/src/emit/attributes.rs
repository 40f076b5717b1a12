//! The types `Attributes` and `Change`, and one for each choice.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::docs;
use super::expr::Expr;
use super::leaf::{choice_type, integer};
use super::leaves::{all_coupled_groups, all_variants};
use super::plan::{Attribute, Plan};
use super::show::{decimal, name};
use crate::model::AttributeKind;
use crate::rust_name::upper_camel;

/// All of them.
pub(crate) fn attributes(plan: &Plan<'_>) -> TokenStream {
    let choices = plan.attributes.iter().map(|attribute| choice(plan, attribute));
    let choices: TokenStream = choices.collect();
    let definition = definition(plan);
    let implementation = implementation(plan);
    let change = change(plan);
    quote!(#definition #implementation #choices #change)
}

/// A field of `Attributes`.
struct Slot {
    name: String,
    docs: TokenStream,
    of: TokenStream,
    initial: TokenStream,
}

fn slots(plan: &Plan<'_>) -> Vec<Slot> {
    let slots = plan.attributes.iter().map(|attribute| {
        let (of, initial) = match &attribute.kind {
            AttributeKind::Flag => {
                // A right that pages leave to their tables cannot be taken from each.
                let initial = attribute.name == "read" || attribute.right && left_to_tables(plan, &attribute.name);
                (quote!(bool), quote!(#initial))
            }
            AttributeKind::Number(bits) => (name(integer(*bits)).into_token_stream(), quote!(0)),
            AttributeKind::Choice { names, .. } => {
                let of = name(&choice_type(&attribute.name));
                let first = name(&upper_camel(names.first().map_or("", |name| &name.name)));
                (of.to_token_stream(), quote!(#of::#first))
            }
        };
        Slot { name: attribute.name.clone(), docs: docs::attribute(plan, attribute), of, initial }
    });
    let mut slots: Vec<Slot> = slots.collect();
    if plan.software != 0 {
        let bits = super::show::hexadecimal(plan.software);
        let docs =
            docs::line(&format!("Bits that are the client's in every leaf, where they stand in the word: {bits}."));
        slots.push(Slot { name: "software".into(), docs, of: quote!(u64), initial: quote!(0) });
    }
    slots
}

fn definition(plan: &Plan<'_>) -> TokenStream {
    let slots = slots(plan);
    let names: Vec<_> = slots.iter().map(|slot| name(&slot.name)).collect();
    let (docs, types, initial): (Vec<_>, Vec<_>, Vec<_>) = {
        let mut parts = (Vec::new(), Vec::new(), Vec::new());
        for slot in slots {
            parts.0.push(slot.docs);
            parts.1.push(slot.of);
            parts.2.push(slot.initial);
        }
        parts
    };
    let preset = preset(plan);
    let derives = docs::derives();
    quote! {
        /// What a leaf says beside its OA.
        #derives
        #[must_use]
        pub struct Attributes { #(#docs pub #names: #types),* }
        impl Attributes {
            /// Readable, and nothing else.
            pub const fn new() -> Self { Self { #(#names: #initial),* } }
            #preset
        }
    }
}

/// Whether tables say an attribute for leaves below that cannot.
fn left_to_tables(plan: &Plan<'_>, name: &str) -> bool {
    let mut levels = plan.levels.iter().flat_map(|level| plan.places(level));
    levels
        .any(|(member, place)| plan.said_for_leaves(plan.format(member), place).iter().any(|field| field.name == name))
}

/// What the usual combinations are made of, by what they allow.
fn preset(plan: &Plan<'_>) -> TokenStream {
    let has = |name: &str| plan.attributes.iter().any(|attribute| attribute.name == name);
    let each_says = !left_to_tables(plan, "privileged_execute");
    // Where some machine of the family has one right to fetch for all modes, text of users needs that one.
    let own = plan.formats().all(|format| super::leaf::has(format, "user_execute"));
    let known: [(&str, TokenStream); 11] = [
        ("read", quote!(true)),
        ("write", quote!(write)),
        ("execute", if own { quote!(execute & !user) } else { quote!(execute) }),
        ("user", quote!(user)),
        ("user_write", quote!(write & user)),
        ("user_execute", quote!(execute & user)),
        ("privileged_execute", if each_says { quote!(!user) } else { quote!(true) }),
        ("global", quote!(!user)),
        ("accessed", quote!(true)),
        ("dirty", quote!(write)),
        ("encrypted", quote!(true)),
    ];
    let set: Vec<&(&str, TokenStream)> = known.iter().filter(|(name, _)| has(name)).collect();
    let fields = set.iter().map(|(field, value)| {
        let shown = name(field);
        if value.to_string() == *field { quote!(#shown) } else { quote!(#shown: #value) }
    });
    let all = plan.attributes.len() + usize::from(plan.software != 0);
    let rest = (set.len() < all).then(|| quote!(..Self::new()));
    let uses = |parameter: &str| {
        set.iter().any(|(_, value)| value.to_string().split_whitespace().any(|part| part == parameter))
    };
    let parameters = ["write", "execute", "user"].map(|parameter| {
        let shown = if uses(parameter) { name(parameter) } else { name("_") };
        quote!(#shown: bool)
    });
    quote! {
        const fn preset(#(#parameters),*) -> Self { Self { #(#fields,)* #rest } }
    }
}

fn implementation(plan: &Plan<'_>) -> TokenStream {
    let krate = plan.krate();
    let infos = plan.attributes.iter().map(|attribute| {
        let (text, (of, more)) = (&attribute.name, info(&attribute.kind));
        quote!(#krate::AttributeInfo::#of(#text #more))
    });
    let gets = plan.attributes.iter().enumerate().map(|(place, attribute)| {
        let (place, field) = (decimal(place as u128), name(&attribute.name));
        match &attribute.kind {
            AttributeKind::Number(bits) if integer(*bits) == "u64" => quote!(#place => self.#field,),
            AttributeKind::Choice { .. } => quote!(#place => self.#field.number(),),
            _ => quote!(#place => self.#field as u64,),
        }
    });
    let sets = plan.attributes.iter().enumerate().map(|(place, attribute)| setter(place, attribute));
    let permits = permits(plan);
    let user = if permits.to_string().split_whitespace().any(|part| part == "user") { name("user") } else { name("_") };
    quote! {
        impl #krate::Attributes for Attributes {
            const FIELDS: &'static [#krate::AttributeInfo] = &[#(#infos),*];
            fn get(&self, index: usize) -> u64 {
                match index { #(#gets)* _ => 0 }
            }
            fn set(&mut self, index: usize, value: u64) -> bool {
                match (index, value) { #(#sets)* _ => return false }
                true
            }
            fn permits(&self, access: #krate::Access, #user: bool) -> bool {
                #permits
            }
            fn preset(write: bool, execute: bool, user: bool) -> Self {
                Self::preset(write, execute, user)
            }
        }
    }
}

/// The constructor of the description of an attribute, and its second argument.
fn info(kind: &AttributeKind) -> (TokenStream, Option<TokenStream>) {
    match kind {
        AttributeKind::Flag => (quote!(flag), None),
        AttributeKind::Number(bits) => {
            let bits = decimal(u128::from(*bits));
            (quote!(number), Some(quote!(, #bits)))
        }
        AttributeKind::Choice { names, .. } => {
            let names = names.iter().map(|name| {
                let (text, number) = (&name.name, decimal(name.numbers.first().copied().unwrap_or(0)));
                quote!((#text, #number))
            });
            (quote!(choice), Some(quote!(, &[#(#names),*])))
        }
    }
}

fn setter(place: usize, attribute: &Attribute) -> TokenStream {
    let (place, field) = (decimal(place as u128), name(&attribute.name));
    match &attribute.kind {
        AttributeKind::Flag => quote!((#place, 0 | 1) => self.#field = value == 1,),
        AttributeKind::Number(bits) => {
            let of = name(integer(*bits));
            let cast = (integer(*bits) != "u64").then(|| quote!(as #of));
            if *bits >= 64 {
                return quote!((#place, _) => self.#field = value,);
            }
            let most = super::show::literal(super::show::hexadecimal(super::scatter::ones(*bits)));
            quote!((#place, 0..=#most) => self.#field = value #cast,)
        }
        AttributeKind::Choice { names, other, bits, .. } => {
            let of = name(&choice_type(&attribute.name));
            let patterns = if *other {
                let most = super::show::literal(super::show::hexadecimal(super::scatter::ones(*bits)));
                quote!(0..=#most)
            } else {
                let numbers = names.iter().filter_map(|name| name.numbers.first()).map(|number| decimal(*number));
                quote!(#(#numbers)|*)
            };
            quote!((#place, #patterns) => self.#field = #of::from_number(value),)
        }
    }
}

/// Whether an access gets through, as far as the attributes decide it.
fn permits(plan: &Plan<'_>) -> TokenStream {
    let krate = plan.krate();
    let has = |name: &str| plan.attributes.iter().any(|attribute| attribute.name == name);
    let field = |name: &str| if has(name) { Expr::var(format!("self.{name}")) } else { Expr::Bool(true) };
    let user = || Expr::var("user");
    let of = |right: &str| {
        let privileged = if right == "execute" { field("privileged_execute") } else { Expr::Bool(true) };
        if right == "execute" && has("user_execute") {
            return Expr::choose(user(), field("user_execute"), Expr::and(vec![field(right), privileged]));
        }
        let writes = if right == "write" { field("user_write") } else { Expr::Bool(true) };
        let users = Expr::and(vec![field("user"), writes]);
        Expr::and(vec![field(right), Expr::or(vec![user().not(), users]), Expr::or(vec![user(), privileged])])
    };
    let (read, write, execute) = (of("read"), of("write"), of("execute"));
    quote! {
        match access {
            #krate::Access::Read => #read,
            #krate::Access::Write => #write,
            #krate::Access::Execute => #execute,
        }
    }
}

/// The type of a choice.
fn choice(plan: &Plan<'_>, attribute: &Attribute) -> TokenStream {
    let _ = plan;
    let AttributeKind::Choice { names, other, bits, .. } = &attribute.kind else { return TokenStream::new() };
    let of = name(&choice_type(&attribute.name));
    let text = docs::sentence(&attribute.docs);
    let text = if text.is_empty() { format!("What `{}` can be.", attribute.name) } else { text };
    let type_docs = docs::line(&text);
    let number = name(integer(*bits));
    let variants = names.iter().map(|choice| {
        let own = docs::sentence(&choice.docs);
        let own = if own.is_empty() { format!("`{}`.", choice.name) } else { own };
        let (docs, variant) = (docs::line(&own), name(&upper_camel(&choice.name)));
        let number = (!*other).then(|| decimal(choice.numbers.first().copied().unwrap_or(0)));
        let number = number.map(|number| quote!(= #number));
        quote!(#docs #variant #number)
    });
    let other_variant = other.then(|| {
        let docs = docs::line("A number without a name.");
        quote!(#docs Other(#number))
    });
    let mut of_number: Vec<TokenStream> = names
        .iter()
        .map(|choice| {
            let numbers = choice.numbers.iter().map(|number| decimal(*number));
            let variant = name(&upper_camel(&choice.name));
            quote!(#(#numbers)|* => Self::#variant)
        })
        .collect();
    if *other {
        let cast = (integer(*bits) != "u64").then(|| quote!(as #number));
        of_number.push(quote!(_ => Self::Other(number #cast)));
    } else if let (Some(last), Some(choice)) = (of_number.last_mut(), names.last()) {
        let variant = name(&upper_camel(&choice.name));
        *last = quote!(_ => Self::#variant);
    }
    let mut numbers: Vec<TokenStream> = names
        .iter()
        .map(|choice| {
            let (variant, number) =
                (name(&upper_camel(&choice.name)), decimal(choice.numbers.first().copied().unwrap_or(0)));
            quote!(Self::#variant => #number)
        })
        .collect();
    if *other {
        numbers.push(quote!(Self::Other(number) => number as u64));
    }
    let derives = docs::derives();
    let representation = (!*other).then(|| quote!(#[repr(#number)]));
    let written = if *other { quote!(match self { #(#numbers),* }) } else { quote!(self as u64) };
    quote! {
        #type_docs
        #derives
        #representation
        pub enum #of { #(#variants,)* #other_variant }
        impl #of {
            /// The choice that a number stands for.
            #[must_use]
            pub const fn from_number(number: u64) -> Self {
                match number { #(#of_number),* }
            }
            /// The number that is written for it.
            #[must_use]
            pub const fn number(self) -> u64 {
                #written
            }
        }
    }
}

/// The name of what a patch has for one variant of leaves.
pub(crate) fn of_variant(field: &str, variant: usize) -> String {
    if variant == 0 { field.to_owned() } else { format!("{field}_{variant}") }
}

/// Builders and the type of a change, and that of its bits where these are not independent.
fn change(plan: &Plan<'_>) -> TokenStream {
    let krate = plan.krate();
    let fields = slots(plan).into_iter().enumerate().map(|(place, slot)| {
        let (field, with, of) = (name(&slot.name), name(&format!("with_{}", slot.name)), slot.of);
        let bit = super::show::literal(super::show::hexadecimal(1 << place));
        quote!(#field #with: #of = #bit,)
    });
    let (groups, variants) = (all_coupled_groups(plan), all_variants(plan));
    let patch = (groups > 0 || variants > 1).then(|| {
        let word_type = plan.word();
        let fields = (0..variants).map(|variant| {
            let [clear, set] = ["clear", "set"].map(|field| name(&of_variant(field, variant)));
            let codes = (0..groups).map(|group| {
                let code = name(&of_variant(&format!("code{group}"), variant));
                quote!(#code: u64)
            });
            quote!(#clear: #word_type, #set: #word_type, #(#codes,)*)
        });
        let about = match (groups, variants) {
            (0, _) => "A change in bits: some cleared, some set, for each place where leaves have them.",
            (_, 1) => "A change in bits: some cleared, some set, and new codes for flags that share one.",
            _ => {
                "A change in bits: some cleared, some set, and new codes for flags that share one, for each place where leaves have them."
            }
        };
        let docs = docs::line(about);
        quote! {
            #docs
            #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
            pub struct Patch { #(#fields)* }
        }
    });
    quote! {
        #krate::__::builders! { Attributes, Change { #(#fields)* } }
        #patch
    }
}
