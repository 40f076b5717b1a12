//! The type `PageTable`, and `Root`, the word that a register of the machine gets.

use proc_macro2::TokenStream;
use quote::quote;

use super::docs;
use super::expr::Expr;
use super::leaf::integer;
use super::plan::Plan;
use super::scatter;
use super::show::{literal, name};
use super::words::moving_bit;
use crate::model::{Field, Format, Layout};

/// The tables: a newtype around those of the runtime, which have the operations.
pub(crate) fn page_table(plan: &Plan<'_>) -> TokenStream {
    tables(plan.krate(), plan.is_decided())
}

/// The newtype; with a function `new` if nothing is decided when tables are made.
pub(crate) fn tables(krate: &TokenStream, new: bool) -> TokenStream {
    let new = new.then(|| quote!(new));
    quote! {
        #krate::__::page_table! { PageTable(Format) #new }
        /// A word of one level.
        pub type Entry<L> = #krate::Entry<L>;
    }
}

/// The layout of the root word in a model.
fn root_word<'a>(plan: &Plan<'a>, format: &'a Format) -> Option<&'a Layout> {
    let own = format.ranges.get(plan.family.range).and_then(|range| range.root_word);
    own.or(format.root_word).map(|index| &format.layouts[index])
}

/// The word that names the root, field by field.
pub(crate) fn root(plan: &Plan<'_>) -> TokenStream {
    let Some(first) = plan.first().and_then(|format| root_word(plan, format)) else { return TokenStream::new() };
    let all: Vec<Option<&Layout>> = plan.formats().map(|format| root_word(plan, format)).collect();
    // A root that is not the same thing under every assignment is left to the client.
    let Some(all) = all.into_iter().collect::<Option<Vec<&Layout>>>() else { return TokenStream::new() };
    let krate = plan.krate();
    let word = plan.merged(|format| root_word(plan, format).map_or(Expr::Bits(0), |layout| base(plan, format, layout)));
    let setters = first.fields.iter().filter(|field| settable(&all, field)).map(|field| setter(plan, first, field));
    let setters: TokenStream = setters.collect();
    let own = docs::sentence(&first.docs);
    let about = docs::lines([format!(
        "The word that names a root: `{}`. {own} ({})",
        first.name,
        docs::place(plan, first.line)
    )
    .replace("  ", " ")]);
    let derives = docs::derives();
    let format_used = word.mentions("f").then(|| quote!(let f = table.format();));
    quote! {
        #about
        #derives
        #[must_use]
        pub struct Root(u64);
        impl Root {
            /// The word for these tables; everything else it can say is zero.
            pub fn new(table: &#krate::Tree<Format>) -> Self {
                #format_used
                let address = table.root().get();
                Self(#word)
            }
            /// The word.
            #[must_use]
            pub const fn word(self) -> u64 { self.0 }
            #setters
        }
    }
}

/// The word with the address, the constants, and the number of levels where it says one.
fn base<'a>(plan: &Plan<'a>, format: &'a Format, layout: &'a Layout) -> Expr {
    let mut word = layout.written | layout.reserved_value;
    if let Some(child) = &layout.child_field {
        let root = format.ranges[plan.family.range].root;
        let number = child.levels.iter().find(|(_, level)| **level == root).map_or(0, |(number, _)| *number);
        let field = layout.fields.iter().find(|field| field.name == child.field);
        let pieces = field.map_or(&[][..], |field| &field.pieces);
        if let Expr::Bits(bits) = scatter::scatter(&Expr::Bits(number), pieces, false) {
            word |= bits;
        }
    }
    let pieces = layout.children.first().map_or(&[][..], |child| &child.address);
    let pieces = super::words::stored(pieces, &layout.reserved);
    Expr::bit_or(vec![Expr::Bits(word), scatter::scatter(&Expr::var("address"), &pieces, true)])
}

/// Whether a field stands in the same place under every assignment.
fn settable(all: &[&Layout], field: &Field) -> bool {
    let is_level = |layout: &&Layout| layout.child_field.as_ref().is_some_and(|child| child.field == field.name);
    moving_bit(field).is_none() && !all.iter().any(is_level) && all.iter().all(|layout| layout.fields.contains(field))
}

fn setter(plan: &Plan<'_>, layout: &Layout, field: &Field) -> TokenStream {
    let with = name(&format!("with_{}", field.name));
    let bits = scatter::value_bits(&field.pieces).count_ones();
    let mask = literal(super::show::hexadecimal(!scatter::word_bits(&field.pieces) & scatter::ones(64)));
    let row = layout
        .rows
        .iter()
        .find(|row| matches!(&row.content, crate::model::Content::Field { name, .. } if *name == field.name));
    let at = row.map_or(String::new(), |row| format!(" ({})", docs::place(plan, row.line)));
    let own = docs::sentence(&field.docs);
    let own = if own.is_empty() { format!("`{}`.", field.name) } else { own };
    let cut = if bits > 1 && !matches!(bits, 8 | 16 | 32 | 64) { " Higher bits are dropped." } else { "" };
    let docs = docs::line(&format!("{own} {}.{cut}{at}", docs::bits_of(&docs::field_bits(field))));
    let (of, value) = if bits == 1 {
        let value = Expr::var("value");
        let value = if field.inverted { value.not() } else { value };
        (quote!(bool), value.cast("u64"))
    } else {
        let of = name(integer(bits));
        (quote!(#of), Expr::var("value").cast("u64"))
    };
    let value = scatter::scatter(&value, &field.pieces, bits == 1 || matches!(bits, 8 | 16 | 32 | 64));
    quote! {
        #docs
        pub const fn #with(self, value: #of) -> Self { Self(self.0 & #mask | #value) }
    }
}
