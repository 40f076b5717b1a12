//! The types of the levels, and what the format says once for all of them.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::body::{Body, Method, Parameter};
use super::cube::Formula;
use super::docs;
use super::expr::{Expr, Op};
use super::kinds::Kinds;
use super::leaves::Leaves;
use super::ones;
use super::plan::{Case, Leaf, Level, Plan, attribute_of, of_kind};
use super::scatter;
use super::show::{decimal, name};
use super::words::{self, class, w};
use crate::model::{Combine, Field, Format, Layout, LayoutKind};

/// Methods that a level leaves to the format if it says nothing of its own.
const COMMON: [&str; 16] = [
    "is_absent",
    "payload_mask",
    "is_table",
    "table",
    "table_address",
    "table_software",
    "child",
    "limit",
    "attributes",
    "template",
    "leaf",
    "resize",
    "patch",
    "apply",
    "changes_fit",
    "hardware",
];

/// What is emitted for all levels.
pub(crate) struct Levels {
    /// The types.
    pub(crate) types: TokenStream,
    /// Methods of the trait `Format`: what holds at every level that says nothing of its own.
    pub(crate) common: TokenStream,
    /// Methods of the type `Format` that several others call.
    pub(crate) helpers: TokenStream,
}

impl Levels {
    pub(crate) fn new(plan: &Plan<'_>) -> Self {
        let mut leaves = Leaves::default();
        let methods: Vec<Vec<Method>> = (0..plan.levels.len()).map(|place| methods(plan, place, &mut leaves)).collect();
        let common = common(&methods);
        let own = |method: &Method| match common.iter().find(|known| known.name == method.name) {
            Some(known) => !known.same(method),
            None => !method.usual,
        };
        let types = methods.iter().enumerate().map(|(place, methods)| {
            let own = methods.iter().filter(|method| own(method)).map(Method::of_level);
            level(plan, place, &own.collect())
        });
        Self {
            types: types.collect(),
            common: common.iter().filter(|method| !method.usual).map(Method::of_format).collect(),
            helpers: leaves.helpers(),
        }
    }
}

/// Of the methods that can be said once, those that most levels have alike.
fn common(levels: &[Vec<Method>]) -> Vec<Method> {
    let mut common = Vec::new();
    for name in COMMON {
        let all: Vec<&Method> = levels.iter().flatten().filter(|method| method.name == name).collect();
        let count = |method: &Method| all.iter().filter(|other| other.same(method)).count();
        let most = all.iter().map(|method| count(method)).max().unwrap_or(0);
        let chosen = all.iter().find(|method| count(method) == most).copied();
        common.extend(chosen.filter(|_| most > 1).cloned());
    }
    common
}

fn level(plan: &Plan<'_>, place: usize, own: &TokenStream) -> TokenStream {
    let level = &plan.levels[place];
    let (krate, of) = (plan.krate(), name(&level.type_name));
    let below = plan
        .below(place)
        .map_or_else(|| quote!(#krate::Floor<Format>), |below| name(&below.type_name).into_token_stream());
    let docs = docs::level(plan, level);
    let number = decimal(place as u128);
    let has_tables = has_tables(plan, level);
    let has_tables = (has_tables != plan.below(place).is_some()).then(|| quote!(const HAS_TABLES: bool = #has_tables;));
    let has_parts = has_parts(plan, level).then(|| {
        quote!(
            const HAS_PARTS: bool = true;
        )
    });
    let skips = can_skip(plan, level).then(|| {
        quote!(
            const SKIPS: bool = true;
        )
    });
    quote! {
        #docs
        pub enum #of {}
        impl #krate::Level for #of {
            type Format = Format;
            type Below = #below;
            const INFO: #krate::LevelInfo = LEVELS[#number];
            #has_tables
            #skips
            #has_parts
            #own
        }
    }
}

/// Everything that a level can do.
fn methods(plan: &Plan<'_>, place: usize, leaves: &mut Leaves) -> Vec<Method> {
    let level = &plan.levels[place];
    let mut methods = geometry(plan, level);
    methods.extend(absent(plan, level));
    if has_tables(plan, level) {
        methods.extend(tables(plan, level));
    }
    let kinds = Kinds::new(plan, level);
    if !kinds.is_empty() {
        methods.extend(leaf_words(plan, level, &kinds));
        methods.extend(leaves.level(plan, place, &kinds));
    }
    methods
}

/// A parameter that is a word.
pub(crate) fn word(plan: &Plan<'_>, parameter: &'static str) -> Parameter {
    (parameter, plan.word())
}

pub(crate) fn has_tables(plan: &Plan<'_>, level: &Level) -> bool {
    plan.places(level).any(|(member, place)| plan.table(plan.format(member), place).is_some())
}

/// The numbers of a level as far as they depend on what is decided at run time.
fn geometry(plan: &Plan<'_>, level: &Level) -> Vec<Method> {
    let number = |name, value: &Expr| {
        let usual = matches!(value, Expr::Number(_));
        Method::simple(name, Vec::new(), quote!(u32), value).usual(usual)
    };
    let shift = plan.at_level(level, |format, place| Expr::number(format.levels[place].shift));
    let bits = plan.at_level(level, |format, place| Expr::number(index_bits(plan, format, place)));
    let mut methods = vec![number("shift", &shift), number("index_bits", &bits)];
    let usual = plan.places(level).all(|(member, place)| {
        let format = plan.format(member);
        let bytes_lg2 = (plan.word_bits / 8).trailing_zeros();
        align_lg2(plan, format, place) == index_bits(plan, format, place) + bytes_lg2
    });
    let align = plan.at_level(level, |format, place| Expr::number(align_lg2(plan, format, place)));
    methods.push(Method::simple("align_lg2", Vec::new(), quote!(u32), &align).usual(usual));
    let beside = plan.at_level(level, |format, place| Expr::number(format.levels[place].companion_bits));
    let none = beside == Expr::Number(0);
    methods.push(Method::simple("companion_bits", Vec::new(), quote!(u32), &beside).usual(none));
    let krate = plan.krate();
    let sizes = plan.at_level(level, |format, place| sizes(&plan.leaves(format, place)));
    let every: Vec<Leaf<'_>> =
        plan.places(level).flat_map(|(member, place)| plan.leaves(plan.format(member), place)).collect();
    let usual = sizes == self::sizes(&every);
    let body = |format: &str| {
        let sizes = sizes.renamed("f", format);
        quote!(#krate::Sizes(#sizes))
    };
    let result = quote!(#krate::Sizes);
    methods.push(Method::new("leaf_sizes", Vec::new(), result, &body, &|p| sizes.mentions(p)).usual(usual));
    methods
}

/// How many bits of the VA index a level; the root may be narrower or wider than its level.
pub(crate) fn index_bits(plan: &Plan<'_>, format: &Format, place: usize) -> u32 {
    let range = &format.ranges[plan.family.range];
    if range.root == place { range.root_index_bits } else { format.levels[place].index_bits }
}

fn align_lg2(plan: &Plan<'_>, format: &Format, place: usize) -> u32 {
    let range = &format.ranges[plan.family.range];
    if range.root == place { range.root_align_lg2 } else { format.levels[place].align_lg2 }
}

/// The sizes of leaves as a set of bits.
pub(crate) fn sizes(leaves: &[Leaf<'_>]) -> Expr {
    let mut sizes: Vec<(u32, u32)> = leaves.iter().map(|leaf| (leaf.lg2, leaf.most_lg2)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let some = |&(least, most): &(u32, u32)| {
        let stretch = Expr::Number(scatter::ones(most - least + 1));
        Expr::Op(Op::Shl, vec![stretch, Expr::number(least)])
    };
    Expr::bit_or(sizes.iter().map(some).collect())
}

fn absent(plan: &Plan<'_>, level: &Level) -> Vec<Method> {
    let empty = plan.at_level(level, |format, place| words::empty(plan, format, place));
    let ignored = |format, place| first_absent(format, place).map_or(0, |layout| layout.ignored);
    let is_empty = plan.at_level(level, |format, place| {
        let looked_at = plan.word_ones() & !ignored(format, place);
        let seen = |word: Expr| match looked_at == plan.word_ones() {
            true => word,
            false => Expr::bit_and(vec![word, Expr::Bits(looked_at)]),
        };
        seen(w()).eq(seen(words::empty(plan, format, place)))
    });
    let usual = plan.places(level).all(|(member, place)| ignored(plan.format(member), place) == 0);
    let is_absent = plan.at_level(level, |format, place| class(format, place, LayoutKind::Absent).expr(&w()));
    let payload = plan.at_level(level, |format, place| {
        Expr::Bits(roomiest_absent(format, place).map_or(0, |layout| layout.software))
    });
    let seen = || vec![word(plan, "w")];
    let mut methods = room_elsewhere(plan, level);
    methods.extend([
        Method::simple("empty", Vec::new(), plan.word(), &empty).usual(empty == Expr::Bits(0)),
        Method::simple("is_empty", seen(), quote!(bool), &is_empty).usual(usual),
        Method::simple("is_absent", seen(), quote!(bool), &is_absent),
        Method::simple("payload_mask", Vec::new(), plan.word(), &payload).usual(payload == Expr::Bits(0)),
    ]);
    methods
}

/// What absent words carry, where those of emptied slots have less room than others.
fn room_elsewhere(plan: &Plan<'_>, level: &Level) -> Vec<Method> {
    if plan.places(level).all(|(member, place)| elsewhere(plan.format(member), place).is_none()) {
        return Vec::new();
    }
    let vacant = plan.at_level(level, |format, place| match elsewhere(format, place) {
        Some(layout) => Expr::Bits(layout.written | layout.reserved_value),
        None => words::empty(plan, format, place),
    });
    let has_room = plan.at_level(level, |format, place| {
        roomiest_absent(format, place).map_or(Expr::Bool(false), |layout| words::valid(layout).expr(&w()))
    });
    vec![
        Method::simple("vacant", Vec::new(), plan.word(), &vacant),
        Method::simple("has_room", vec![word(plan, "w")], quote!(bool), &has_room),
    ]
}

/// The absent layout with the most room for the client, if that is not the one of an emptied slot.
fn elsewhere(format: &Format, place: usize) -> Option<&Layout> {
    let (first, most) = (first_absent(format, place)?, roomiest_absent(format, place)?);
    (!std::ptr::eq(first, most)).then_some(most)
}

/// The absent layout of an emptied slot.
fn first_absent(format: &Format, place: usize) -> Option<&Layout> {
    of_kind(format, place, LayoutKind::Absent).next().map(|(_, layout)| layout)
}

/// The absent layout with the most room for the client; the first of those.
fn roomiest_absent(format: &Format, place: usize) -> Option<&Layout> {
    let room = |layout: &&Layout| layout.software.count_ones();
    let layouts = of_kind(format, place, LayoutKind::Absent).map(|(_, layout)| layout).filter(|layout| !layout.defer);
    layouts.reduce(|most, layout| if room(&layout) > room(&most) { layout } else { most })
}

fn tables(plan: &Plan<'_>, level: &Level) -> Vec<Method> {
    let is_table = plan.at_level(level, |format, place| words::pointing(format, place).expr(&w()));
    let table = plan.at_level(level, |format, place| match plan.table(format, place) {
        Some((_, layout)) => words::table(plan, format, place, layout),
        None => words::empty(plan, format, place),
    });
    let address = plan.at_level(level, |format, place| match plan.table(format, place) {
        Some((_, layout)) => {
            let pieces = layout.children.first().map_or(&[][..], |child| &child.address);
            words::address(plan, pieces, layout)
        }
        None => Expr::Bits(0),
    });
    let limit = plan.at_level(level, |format, place| words::limit(plan, format, place));
    let usual = limit == Expr::var("limits");
    let software = plan.at_level(level, |format, place| {
        Expr::Bits(plan.table(format, place).map_or(0, |(_, layout)| layout.software))
    });
    let no_software = software == Expr::Bits(0);
    let (seen, limits) = (vec![word(plan, "w")], vec![word(plan, "limits"), word(plan, "w")]);
    let mut methods = skips(plan, level);
    methods.extend(parts(plan, level));
    methods.extend([
        Method::simple("is_table", seen.clone(), quote!(bool), &is_table),
        Method::simple("table", vec![("address", quote!(u64))], plan.word(), &table),
        Method::simple("table_address", seen, quote!(u64), &address),
        Method::simple("table_software", Vec::new(), plan.word(), &software).usual(no_software),
        Method::simple("limit", limits, plan.word(), &limit).usual(usual),
    ]);
    methods
}

/// Words that point to a table further down than the next level, if there can be any.
fn skips(plan: &Plan<'_>, level: &Level) -> Vec<Method> {
    if !can_skip(plan, level) {
        return Vec::new();
    }
    let is_skip = plan.at_level(level, |format, place| words::skipping(format, place).expr(&w()));
    let child = plan.places(level).filter_map(|(member, place)| {
        let format = plan.format(member);
        let (_, layout) = plan.table(format, place)?;
        Some(Case { member, at: Vec::new(), value: words::child(plan, format, layout)? })
    });
    let child = plan.of_cases(&[], child.collect()).unwrap_or(Expr::Number(0));
    vec![
        Method::simple("is_skip", vec![word(plan, "w")], quote!(bool), &is_skip),
        Method::simple("child", vec![word(plan, "w")], quote!(u8), &child),
    ]
}

/// Tables of which only a part is there, if there can be any.
fn parts(plan: &Plan<'_>, level: &Level) -> Vec<Method> {
    if !has_parts(plan, level) {
        return Vec::new();
    }
    let is_part = plan.at_level(level, |format, place| words::pointing_to_parts(format, place).expr(&w()));
    let slots = |format: &Format, place: usize| {
        let (_, layout) = plan.table(format, place)?;
        Some(words::first_and_last(plan, layout, format.levels[place + 1].index_bits))
    };
    let first = plan.at_level(level, |format, place| slots(format, place).map_or(Expr::Bits(0), |(first, _)| first));
    let last = plan.at_level(level, |format, place| slots(format, place).map_or(Expr::Bits(0), |(_, last)| last));
    let seen = || vec![word(plan, "w")];
    vec![
        Method::simple("is_part", seen(), quote!(bool), &is_part),
        Method::simple("part_first", seen(), quote!(u64), &first).usual(first == Expr::Bits(0)),
        Method::simple("part_last", seen(), quote!(u64), &last),
    ]
}

/// Whether a word of the level can point to a table of which only a part is there.
fn has_parts(plan: &Plan<'_>, level: &Level) -> bool {
    plan.places(level)
        .any(|(member, place)| words::pointing_to_parts(plan.format(member), place) != Formula::Known(false))
}

/// Whether a word of the level can point to a table further down than the next one.
fn can_skip(plan: &Plan<'_>, level: &Level) -> bool {
    plan.places(level).any(|(member, place)| words::skipping(plan.format(member), place) != Formula::Known(false))
}

/// Predicates and addresses of leaves.
fn leaf_words<'a>(plan: &Plan<'a>, level: &Level, kinds: &Kinds<'a>) -> Vec<Method> {
    let seen = || vec![word(plan, "w")];
    let is_leaf = plan.at_level(level, |format, place| class(format, place, LayoutKind::Leaf).expr(&w()));
    let oa = |leaf: Leaf<'_>| match leaf.in_ones() {
        true => ones::oa(plan, leaf),
        false => words::address(plan, &leaf.layout.output, leaf.layout),
    };
    let leaf_oa = kinds.told_apart(plan, &mut |_, _, leaf| oa(leaf));
    let lg2 = kinds.told_apart(plan, &mut |_, _, leaf| match leaf.in_ones() {
        true => ones::size_lg2(plan, leaf),
        false => Expr::number(leaf.lg2),
    });
    let shift = plan.at_level(level, |format, place| Expr::number(format.levels[place].shift));
    let identical = kinds.merged_by_size(plan, &mut |_, _, leaf| Expr::Bool(is_identical(leaf)));
    let output = kinds.told_apart(plan, &mut |format, place, leaf| {
        if leaf.in_ones() {
            return ones::output(plan, leaf);
        }
        let size = if is_identical(leaf) { leaf.lg2 } else { format.levels[place].shift };
        let inside = Expr::bit_and(vec![Expr::var("va"), Expr::Bits(scatter::ones(size))]);
        Expr::bit_or(vec![oa(leaf), inside])
    });
    let leaf = kinds.merged_by_size(plan, &mut |_, _, leaf| {
        let pieces = if leaf.in_ones() { ones::above(leaf) } else { leaf.layout.output.clone() };
        let stored = words::with_address(plan, &Expr::var("oa"), &pieces, leaf.layout);
        Expr::bit_or(vec![Expr::var("template"), stored])
    });
    let with_va = vec![word(plan, "w"), ("va", quote!(u64))];
    let lg2_ = ("lg2", quote!(u32));
    let of_leaf = vec![word(plan, "template"), lg2_.clone(), ("oa", quote!(u64))];
    let held = kinds.merged(plan, &mut |format, place, leaf| held(plan, format, place, leaf));
    let emptied = plan.at_level(level, |format, place| words::empty(plan, format, place));
    let no_runs = identical == Expr::Bool(false);
    let mut methods = for_leaves(plan, level, kinds);
    methods.extend([
        Method::simple("is_leaf", seen(), quote!(bool), &is_leaf),
        Method::simple("output", with_va, quote!(u64), &output).usual(no_runs),
        Method::simple("leaf_oa", seen(), quote!(u64), &leaf_oa),
        Method::simple("leaf_lg2", seen(), quote!(u32), &lg2).usual(lg2 == shift),
        Method::simple("run_is_identical", vec![lg2_], quote!(bool), &identical).usual(no_runs),
        Method::simple("leaf", of_leaf, plan.word(), &leaf),
        Method::simple("held", seen(), plan.word(), &held).usual(held == emptied),
    ]);
    methods
}

/// What becomes of what tables say for leaves below that cannot.
fn for_leaves<'a>(plan: &Plan<'a>, level: &Level, kinds: &Kinds<'a>) -> Vec<Method> {
    let said = plan.places(level).any(|(member, place)| !plan.said_for_leaves(plan.format(member), place).is_empty());
    if !said {
        return Vec::new();
    }
    let leaf = kinds.merged(plan, &mut |format, place, leaf| words::leaf_for(plan, format, place, leaf.layout));
    vec![
        Method::simple("leaf_for", vec![word(plan, "w"), word(plan, "table")], plan.word(), &leaf),
        changes_below(plan, level),
    ]
}

/// Refuses changes of leaves below a table of what that says for them, and says as they cannot.
fn changes_below(plan: &Plan<'_>, level: &Level) -> Method {
    let cases = plan.places(level).map(|(member, place)| {
        let format = plan.format(member);
        let before = plan.said_for_leaves(format, place).into_iter().filter_map(|field| {
            let attribute = plan.attributes.iter().position(|known| known.name == field.name)?;
            let asked = Expr::bit_and(vec![Expr::var("change.fields"), Expr::Bits(1 << attribute)]);
            let bits = Expr::Bits(scatter::word_bits(&field.pieces));
            let combine = attribute_of(format, &field.name).map_or(Combine::Own, |known| known.combine);
            let nothing = if words::neutral_bit(combine, field) { bits.clone() } else { Expr::Bits(0) };
            let says_nothing = Expr::bit_and(vec![w(), bits]).eq(nothing);
            Some((field.name.clone(), Expr::or(vec![asked.eq(Expr::Bits(0)), says_nothing])))
        });
        let body = Body { before: before.collect(), value: Expr::Bits(0), after: Vec::new() };
        Case { member, at: Vec::new(), value: body }
    });
    let body = Body::merged(plan, &[], cases.collect()).unwrap_or(Body::of(Expr::Bits(0)));
    let statements = |format: &str| body.renamed("f", format).fallible(plan.krate());
    let parameters = vec![word(plan, "w"), ("change", quote!(&Change))];
    Method::new("changes_below", parameters, quote!(Encoded), &statements, &|p| body.mentions(p))
}

/// What the slot of a leaf holds while its size changes: the leaf with the bit set that the format names, or nothing.
fn held(plan: &Plan<'_>, format: &Format, place: usize, leaf: Leaf<'_>) -> Expr {
    let named = |field: &&Field| format.update.hold.as_ref() == Some(&field.name);
    let Some(field) = leaf.layout.fields.iter().find(named) else {
        return words::empty(plan, format, place);
    };
    let bit = match words::moving_bit(field) {
        Some(bit) => plan.narrow(bit),
        None => Expr::Bits(scatter::word_bits(&field.pieces)),
    };
    if field.inverted { Expr::bit_and(vec![w(), bit.bit_not()]) } else { Expr::bit_or(vec![w(), bit]) }
}

fn is_identical(leaf: Leaf<'_>) -> bool {
    leaf.layout.run.as_ref().is_some_and(|run| run.identical)
}
