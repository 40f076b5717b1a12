//! The type `Format`: what is decided at run time, and what holds for all levels.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::body::{function, simple};
use super::docs::{self, path_text};
use super::expr::Expr;
use super::leaves::{all_coupled_groups, all_variants};
use super::level::{Levels, index_bits, sizes};
use super::merge::{Dim, Space};
use super::plan::{Plan, address_field, attribute_of};
use super::scatter::ones;
use super::show::{decimal, name};
use super::words::{moving_bit, width};
use crate::model::{AttributeKind, Bits, Change, Extension, Format, Layout, LayoutKind, Piece};
use crate::tree::{Endian, Way};

/// The type and its implementation of the trait.
pub(crate) fn format(plan: &Plan<'_>, levels: &Levels) -> TokenStream {
    let decided = decided(plan);
    let definition = definition(plan, &decided);
    let implementation = implementation(plan, &levels.common);
    let helpers = &levels.helpers;
    let helpers = (!helpers.is_empty()).then(|| quote!(impl Format { #helpers }));
    quote!(#definition #implementation #helpers)
}

/// Something decided when a table is made.
struct Decided {
    name: String,
    docs: Vec<String>,
    value: Value,
    /// What is allowed, unless all combinations with other decisions have to be looked at.
    allowed: Option<Allowed>,
}

/// What kind of value is decided.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    Flag,
    Number,
    Address,
}

/// The values that are allowed.
#[derive(Clone, Copy)]
enum Allowed {
    /// From one to another.
    Span(u128, u128),
    /// Those without other bits.
    Bits(u128),
}

fn decided(plan: &Plan<'_>) -> Vec<Decided> {
    let family = plan.family;
    let variables = family.variables.iter().map(|variable| Decided {
        name: variable.name.clone(),
        docs: variable.docs.clone(),
        value: if variable.values.is_none() { Value::Flag } else { Value::Number },
        allowed: None,
    });
    let open = family.open.iter().map(|(name, least, most)| Decided {
        name: name.clone(),
        docs: Vec::new(),
        value: Value::Number,
        allowed: Some(Allowed::Span(u128::from(*least), u128::from(*most))),
    });
    let addresses = family.addresses.iter().map(|address| Decided {
        name: address_field(&address.name),
        docs: address.docs.clone(),
        value: Value::Address,
        allowed: Some(Allowed::Bits(address.bits)),
    });
    variables.chain(open).chain(addresses).collect()
}

fn definition(plan: &Plan<'_>, decided: &[Decided]) -> TokenStream {
    let format_name = plan.first().map_or("", |format| &format.name);
    let line = plan.first().map_or(0, |format| format.line);
    let docs =
        docs::line(&format!("The format `{format_name}`, as the client bound it. ({})", docs::place(plan, line)));
    let derives = docs::derives();
    if decided.is_empty() {
        return quote! {
            #docs
            #derives
            #[derive(::core::default::Default)]
            pub struct Format {}
        };
    }
    let names: Vec<_> = decided.iter().map(|it| name(&it.name)).collect();
    let types = decided.iter().map(|it| match it.value {
        Value::Flag => quote!(bool),
        Value::Number => quote!(u32),
        Value::Address => quote!(u64),
    });
    let types: Vec<_> = types.collect();
    let valid = valid(plan, decided);
    let (result, value, new_docs) = match valid {
        Expr::Bool(true) => (quote!(Self), quote!(Self { #(#names),* }), "The format with these decisions."),
        valid => (
            quote!(::core::option::Option<Self>),
            quote! {
                if #valid {
                    ::core::option::Option::Some(Self { #(#names),* })
                } else {
                    ::core::option::Option::None
                }
            },
            "The format with these decisions; none if no processor can be like that.",
        ),
    };
    let new_docs = docs::line(new_docs);
    let getters = decided.iter().zip(&types).map(|(it, of)| {
        let own = docs::sentence(&it.docs);
        let text = if own.is_empty() { format!("What `{}` is.", it.name) } else { own };
        let (docs, getter) = (docs::line(&text), name(&it.name));
        quote! {
            #docs
            #[must_use]
            pub const fn #getter(self) -> #of { self.#getter }
        }
    });
    quote! {
        #docs
        #derives
        pub struct Format { #(#names: #types),* }
        impl Format {
            #new_docs
            #[must_use]
            pub const fn new(#(#names: #types),*) -> #result { #value }
            #(#getters)*
        }
    }
}

/// Which decisions can be made together.
fn valid(plan: &Plan<'_>, decided: &[Decided]) -> Expr {
    let mut parts = Vec::new();
    for it in decided {
        let decided = Expr::var(it.name.clone());
        match it.allowed {
            Some(Allowed::Span(least, most)) => {
                if least > 0 {
                    parts.push(Expr::Number(least).le(decided.clone()));
                }
                parts.push(decided.le(Expr::Number(most)));
            }
            Some(Allowed::Bits(bits)) => {
                parts.push(Expr::bit_and(vec![decided, Expr::Bits(ones(64) & !bits)]).eq(Expr::Bits(0)));
            }
            None => {}
        }
    }
    let variables = &plan.family.variables;
    let mut points: Vec<Vec<u128>> = vec![Vec::new()];
    for variable in variables {
        let values = variable.values.clone().unwrap_or_else(|| vec![0, 1]);
        let extended = points.iter().flat_map(|point| {
            values.iter().map(move |value| point.iter().copied().chain([*value]).collect::<Vec<_>>())
        });
        points = extended.collect();
    }
    for variable in variables {
        if let Some(values) = &variable.values {
            let number = || Expr::var(variable.name.clone());
            let contiguous = values.windows(2).all(|pair| pair[1] == pair[0] + 1);
            match (values.first(), values.last()) {
                (Some(first), Some(last)) if contiguous && values.len() > 2 => {
                    parts.push(Expr::Number(*first).le(number()));
                    parts.push(number().le(Expr::Number(*last)));
                }
                _ => parts.push(Expr::or(values.iter().map(|v| number().eq(Expr::Number(*v))).collect())),
            }
        }
    }
    let known: std::collections::BTreeSet<&Vec<u128>> = plan.space.points.iter().collect();
    let allowed: Vec<Expr> = points.iter().map(|point| Expr::Bool(known.contains(point))).collect();
    let dims = variables.iter().map(|variable| {
        let name = Expr::var(variable.name.clone());
        if variable.values.is_none() { Dim::Flag(name) } else { Dim::Number(name) }
    });
    let space = Space { dims: dims.collect(), points };
    parts.extend(space.merge(&allowed));
    Expr::and(parts)
}

fn implementation(plan: &Plan<'_>, common: &TokenStream) -> TokenStream {
    let (krate, word_type) = (plan.krate(), plan.word());
    let format_name = plan.first().map_or("", |format| &format.name);
    let patch = patch_type(plan);
    let on_self = |value: Expr| value.renamed("f", "self");
    let itself = || ("self", TokenStream::new());
    let merged = |each: &dyn Fn(&Format) -> Expr| on_self(plan.merged(each));
    let big_endian = merged(&|format| Expr::Bool(format.levels.iter().any(|level| level.endian == Endian::Big)));
    let canonical = merged(&|format| is_canonical(&format.ranges[plan.family.range]));
    let extended = merged(&|format| extend(&format.ranges[plan.family.range]));
    let last = on_self(last_of(plan, &|format| output_bits(plan, format)));
    let mut methods = TokenStream::new();
    if big_endian != Expr::Bool(false) {
        methods.extend(simple("big_endian", &[itself()], &quote!(bool), &big_endian));
    }
    methods.extend(simple("is_canonical", &[itself(), ("va", quote!(u64))], &quote!(bool), &canonical));
    methods.extend(simple("extend", &[itself(), ("position", quote!(u64))], &quote!(u64), &extended));
    methods.extend(simple("output_last", &[itself()], &quote!(u64), &last));
    let tables = on_self(last_of(plan, &|format| table_bits(plan, format)));
    if tables != last {
        methods.extend(simple("table_last", &[itself()], &quote!(u64), &tables));
    }
    methods.extend(ways(plan));
    let global = merged(&|format| Expr::Bool(has_global(format)));
    if global != Expr::Bool(true) {
        methods.extend(simple("has_global", &[itself()], &quote!(bool), &global));
    }
    let cleans = merged(&|format| Expr::Bool(format.update.clean));
    if cleans != Expr::Bool(false) {
        methods.extend(simple("cleans", &[itself()], &quote!(bool), &cleans));
    }
    let root = on_self(plan.merged(|format| {
        let root = &format.levels[format.ranges[plan.family.range].root].name;
        let found = plan.levels.iter().find(|level| level.name == *root);
        Expr::var("visitor").method(format!("visit::<{}>", found.map_or("", |level| &level.type_name)), Vec::new())
    }));
    quote! {
        impl #krate::Format for Format {
            type Word = #word_type;
            type Attributes = Attributes;
            type Change = Change;
            type Patch = #patch;
            const NAME: &'static str = #format_name;
            #methods
            #[inline]
            fn root<V: #krate::RootVisitor<Self>>(self, visitor: V) -> V::Output { #root }
            #common
        }
    }
}

/// The type of a change in bits.
pub(crate) fn patch_type(plan: &Plan<'_>) -> TokenStream {
    let (krate, word_type) = (plan.krate(), plan.word());
    if all_coupled_groups(plan) == 0 && all_variants(plan) == 1 {
        quote!(#krate::Bits<#word_type>)
    } else {
        quote!(Patch)
    }
}

fn has_global(format: &Format) -> bool {
    let found = attribute_of(format, "global");
    found.is_some_and(|attribute| {
        let mut kinds = attribute.sources.keys().map(|layout| format.layouts[*layout].kind);
        kinds.any(|kind| kind == LayoutKind::Leaf || kind == LayoutKind::Table)
    })
}

/// The bits above the translated ones that mean something.
fn checked_bits(range: &crate::model::Range) -> u128 {
    let tag = range.tag.map_or(0, |(high, low)| ones(high - low + 1) << low);
    ones(64) & !ones(range.width) & !tag
}

fn is_canonical(range: &crate::model::Range) -> Expr {
    let va = || Expr::var("va");
    let above = checked_bits(range);
    let masked = |bits: u128| Expr::bit_and(vec![va(), Expr::Bits(bits)]);
    match range.extension {
        _ if above == 0 => Expr::Bool(true),
        Extension::Sign if range.tag.is_none() => {
            let half = Expr::Bits(1 << (range.width - 1));
            va().method("wrapping_add", vec![half]).shifted(-(range.width as i32)).eq(Expr::Bits(0))
        }
        Extension::Sign => {
            let bits = above | 1 << (range.width - 1);
            Expr::or(vec![masked(bits).eq(Expr::Bits(0)), masked(bits).eq(Expr::Bits(bits))])
        }
        Extension::Zero => masked(above).eq(Expr::Bits(0)),
        Extension::Ones => masked(above).eq(Expr::Bits(above)),
        Extension::Prefix(value) => masked(above).eq(Expr::Bits(u128::from(value) << range.width & above)),
    }
}

fn extend(range: &crate::model::Range) -> Expr {
    let position = || Expr::var("position");
    let above = checked_bits(range);
    let translated = Expr::bit_and(vec![position(), Expr::Bits(ones(range.width))]);
    match range.extension {
        _ if range.width >= 64 => position(),
        Extension::Sign => {
            let by = 64 - range.width as i32;
            let signed = position().shifted(by).cast("i64").shifted(-by).cast("u64");
            if range.tag.is_none() {
                signed
            } else {
                Expr::bit_and(vec![signed, Expr::Bits(above | ones(range.width))])
            }
        }
        Extension::Zero => translated,
        Extension::Ones => Expr::bit_or(vec![Expr::Bits(above), translated]),
        Extension::Prefix(value) => {
            Expr::bit_or(vec![Expr::Bits(u128::from(value) << range.width & above), translated])
        }
    }
}

/// The last address of as many bits as `bits` says of each model. Where that is not known before, the number is chosen and
/// not the address: a choice between two numbers takes no jump.
fn last_of<'a>(plan: &Plan<'a>, bits: &dyn Fn(&'a Format) -> Expr) -> Expr {
    let last = |bits: Expr| match bits {
        Expr::Number(bits) => Expr::Bits(ones(u32::try_from(bits).unwrap_or(64).min(64))),
        bits => Expr::Bits(0).bit_not().shl(bits).bit_not(),
    };
    if plan.formats().all(|format| matches!(bits(format), Expr::Number(_))) {
        return plan.merged(|format| last(bits(format)));
    }
    last(plan.merged(bits))
}

/// How many bits OA have: below the width, and below every bit of the address that means something else.
fn output_bits<'a>(plan: &Plan<'a>, format: &'a Format) -> Expr {
    let places = 0..format.levels.len();
    let leaves = places.flat_map(|place| plan.leaves(format, place));
    let stores = leaves.map(|leaf| (leaf.layout, leaf.layout.output.as_slice(), &leaf.layout.output_width));
    least(&format.output, stores)
}

/// How many bits addresses of tables have, likewise.
fn table_bits<'a>(plan: &Plan<'a>, format: &'a Format) -> Expr {
    let tables = (0..format.levels.len()).filter_map(|place| plan.table(format, place));
    let stores = tables.filter_map(|(_, layout)| {
        let child = layout.children.first()?;
        Some((layout, child.address.as_slice(), &child.width))
    });
    least(&format.output, stores)
}

/// How many bits an address has that is below `width` and that all layouts can store.
fn least<'a>(width_of_all: &Bits, stores: impl Iterator<Item = (&'a Layout, &'a [Piece], &'a Bits)>) -> Expr {
    let mut limits = vec![width(width_of_all)];
    for (layout, pieces, reach) in stores {
        for field in layout.fields.iter().filter(|field| moving_bit(field).is_some()) {
            limits.extend(field.at.as_ref().map(width));
        }
        let held = super::scatter::value_bits(&super::words::stored(pieces, &layout.reserved));
        let lowest = held.trailing_zeros().min(63);
        let end = (held >> lowest).trailing_ones() + lowest;
        limits.push(width(reach));
        if matches!(reach, Bits::Fixed(reach) if end < *reach) || held >> end != 0 {
            limits.push(Expr::number(end));
        }
    }
    let mut least = limits.remove(0);
    let mut compared = vec![least.clone()];
    for limit in limits {
        if compared.contains(&limit) {
            continue;
        }
        compared.push(limit.clone());
        least = match (&least, &limit) {
            (Expr::Number(a), Expr::Number(b)) => Expr::Number(*a.min(b)),
            _ => Expr::choose(limit.clone().le(least.clone()), limit, least),
        };
    }
    least
}

/// The tokens of a way.
fn way(plan: &Plan<'_>, way: Way) -> Expr {
    let of = match way {
        Way::Lazy => "Lazy",
        Way::Live => "Live",
        Way::Instruction => "Instruction",
        Way::Break => "Break",
    };
    Expr::var(format!("{}::Way::{of}", path_text(plan.krate())))
}

fn way_of_kind(plan: &Plan<'_>, kind: Change) -> Expr {
    let merged = plan.merged(|format| way(plan, format.update.ways.get(&kind).copied().unwrap_or(Way::Break)));
    merged.renamed("f", "self")
}

fn ways(plan: &Plan<'_>) -> TokenStream {
    let krate = plan.krate();
    let mut groups: Vec<(Expr, Vec<TokenStream>)> = Vec::new();
    for kind in Change::ALL {
        let variant = name(&crate::rust_name::upper_camel(kind.name()));
        let pattern = quote!(#krate::ChangeKind::#variant);
        let way = way_of_kind(plan, kind);
        match groups.iter_mut().find(|(known, _)| *known == way) {
            Some((_, patterns)) => patterns.push(pattern),
            None => groups.push((way, vec![pattern])),
        }
    }
    let largest = groups.iter().map(|(_, patterns)| patterns.len()).max().unwrap_or(0);
    let rest = groups.iter().position(|(_, patterns)| patterns.len() == largest).unwrap_or(0);
    let rest_way = groups.remove(rest).0;
    let arms = groups.iter().map(|(way, patterns)| quote!(#(#patterns)|* => #way,));
    let kind_used = !groups.is_empty();
    let body = if kind_used { quote!(match kind { #(#arms)* _ => #rest_way }) } else { rest_way.to_token_stream() };
    let itself = ("self", TokenStream::new());
    let way_type = quote!(#krate::Way);
    let parameters = [itself.clone(), ("kind", quote!(#krate::ChangeKind))];
    let mut methods = function("way", &parameters, |_| kind_used, &way_type, &body);
    let body = way_of(plan);
    methods.extend(function("way_of", &[itself, ("change", quote!(&Change))], |_| true, &way_type, &body));
    methods
}

/// The strictest way of the attributes that change.
fn way_of(plan: &Plan<'_>) -> TokenStream {
    let krate = plan.krate();
    let fields = Expr::var("change.fields");
    let (mut rights, mut output, mut memory_type, mut global, mut other) = (0u128, 0u128, 0u128, 0u128, 0u128);
    let mut granted = Vec::new();
    for (place, attribute) in plan.attributes.iter().enumerate() {
        let bit = 1 << place;
        match attribute.name.as_str() {
            // It says in which space the OA is: no right, whatever tables take away from it.
            "secure" => output |= bit,
            _ if attribute.right && attribute.kind == AttributeKind::Flag => {
                rights |= bit;
                let to = Expr::var(format!("change.to.{}", attribute.name)).cast("u64");
                granted.push(to.shifted(place as i32));
            }
            "memory_type" => memory_type |= bit,
            "global" => global |= bit,
            _ => other |= bit,
        }
    }
    if plan.software != 0 {
        other |= 1 << plan.attributes.len();
    }
    let grants = Expr::var("granted");
    let restricted = Expr::bit_and(vec![grants.clone().bit_not(), Expr::Bits(rights)]);
    let kinds = [
        (grants, Change::Relax),
        (restricted, Change::Restrict),
        (Expr::Bits(output), Change::Output),
        (Expr::Bits(memory_type), Change::MemoryType),
        (Expr::Bits(global), Change::Global),
        (Expr::Bits(other), Change::Other),
    ];
    let mut conditions: Vec<(Expr, Vec<Expr>)> = Vec::new();
    for (places, kind) in kinds {
        let way = way_of_kind(plan, kind);
        let none = rights == 0 && matches!(kind, Change::Relax | Change::Restrict) || places == Expr::Bits(0);
        if way == self::way(plan, Way::Lazy) || none {
            continue;
        }
        match conditions.iter_mut().find(|(known, _)| *known == way) {
            Some((_, all)) => all.push(places),
            None => conditions.push((way, vec![places])),
        }
    }
    let used = conditions.iter().any(|(_, all)| all.iter().any(|places| places.mentions("granted")));
    let conditions = conditions.into_iter().map(|(way, all)| {
        let condition = Expr::bit_and(vec![fields.clone(), Expr::bit_or(all)]);
        quote!((#condition, #way))
    });
    let granted = Expr::bit_or(granted);
    let granted = used.then(|| quote!(let granted = #granted;));
    quote!(#granted #krate::__::strictest([#(#conditions),*]))
}

/// The levels in numbers, and what has to be true of them.
pub(crate) fn levels(plan: &Plan<'_>) -> TokenStream {
    let krate = plan.krate();
    let count = decimal(plan.levels.len() as u128);
    let infos = plan.levels.iter().enumerate().map(|(place, level)| {
        let widest = plan.places(level).map(|(member, at)| {
            let format = plan.format(member);
            (index_bits(plan, format, at), format.levels[at].shift)
        });
        let (index_bits, shift) = widest.max().unwrap_or((0, 0));
        let leaves = plan.places(level).flat_map(|(member, at)| plan.leaves(plan.format(member), at));
        let sizes = sizes(&leaves.collect::<Vec<_>>());
        let number = decimal((plan.levels.len() - 1 - place) as u128);
        let (text, shift, index_bits) = (&level.name, decimal(shift.into()), decimal(index_bits.into()));
        quote!(#krate::LevelInfo::new(#text, #number, #shift, #index_bits, #krate::Sizes(#sizes)))
    });
    let infos: Vec<TokenStream> = infos.collect();
    let docs = docs::line("The levels in numbers, from the root down.");
    quote! {
        #docs
        pub const LEVELS: [#krate::LevelInfo; #count] = [#(#infos),*];
        const _: () = #krate::__::tile(&LEVELS);
    }
}
