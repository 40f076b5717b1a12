//! Equality of nodes: what was written, not where.

use super::{AttributeValue, Entry, Format, Item, Part, Rule};

macro_rules! equal_but_for_span {
    ($($node:ident { $($field:ident),* })*) => {$(
        impl PartialEq for $node {
            fn eq(&self, other: &Self) -> bool {
                // A field that is missing here does not compile.
                let Self { $($field,)* span: _ } = self;
                $(*$field == other.$field)&&*
            }
        }

        impl Eq for $node {}
    )*};
}

equal_but_for_span! {
    Format { comments, docs, kind, name, with, items, trailing }
    Item { comments, docs, kind }
    Entry { layout, refused, when, else_reserved }
    Part { comments, docs, kind }
    AttributeValue { comments, docs, names, numbers }
    Rule { comments, kind }
}
