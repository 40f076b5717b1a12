//! Leaf words of every level in terms of attributes.

use proc_macro2::TokenStream;
use quote::quote;

use super::attributes::of_variant;
use super::body::{Body, Method, function};
use super::cube::mask_expr;
use super::expr::{Expr, Op};
use super::kinds::Kinds;
use super::leaf::{Coupled, Said, decode, encode};
use super::level::word;
use super::merge::Dim;
use super::moves::{leftovers, moved};
use super::ones;
use super::plan::{Case, Plan};
use super::scatter;
use super::show::name;
use super::words::{empty, hardware, w};
use crate::model::Piece;

/// Helpers of `Format` that the methods about leaves call: levels with the same layouts share them.
#[derive(Default)]
pub(crate) struct Leaves {
    /// The body and the name of each.
    known: Vec<(String, String)>,
    helpers: TokenStream,
}

impl Leaves {
    /// The helpers.
    pub(crate) fn helpers(&self) -> TokenStream {
        self.helpers.clone()
    }

    /// The names of the helpers that say attributes in bits, one for each way in which leaves do.
    fn bits<'a>(&mut self, plan: &Plan<'a>, kinds: &Kinds<'a>) -> Vec<String> {
        (0..kinds.variants(plan)).map(|variant| self.bits_of(plan, kinds, variant)).collect()
    }

    fn bits_of<'a>(&mut self, plan: &Plan<'a>, kinds: &Kinds<'a>, variant: usize) -> String {
        let mut of_leaf = |format, leaf| bits(plan, leaf, &encode(plan, format, leaf));
        let bits = kinds.body_of_variant(plan, variant, &mut of_leaf);
        let bits = bits.unwrap_or(Body::of(Expr::Bits(0))).renamed("f", "self");
        let body = bits.fallible(plan.krate());
        let text = body.to_string();
        if let Some((_, helper)) = self.known.iter().find(|(known, _)| *known == text) {
            return helper.clone();
        }
        let wanted = format!("{}_bits", kinds.name());
        let same = self.known.iter().filter(|(_, helper)| helper.starts_with(&wanted)).count();
        let helper = if same == 0 { wanted } else { format!("{wanted}_{}", same + 1) };
        let parameters = [("self", TokenStream::new()), ("a", quote!(&Attributes)), ("fields", quote!(u64))];
        self.helpers.extend(function(&helper, &parameters, |p| bits.mentions(p), &quote!(Encoded), &body));
        self.known.push((text, helper.clone()));
        helper
    }

    /// What concerns the leaves of one level.
    pub(crate) fn level<'a>(&mut self, plan: &Plan<'a>, place: usize, kinds: &Kinds<'a>) -> Vec<Method> {
        let bits = self.bits(plan, kinds);
        let seen = vec![word(plan, "w"), word(plan, "limits")];
        let mut methods = vec![
            Method::simple("attributes", seen, quote!(Attributes), &attributes(plan, kinds)),
            template(plan, kinds, &bits),
        ];
        methods.extend(patch(plan, kinds, &bits));
        methods.extend(resizing(plan, place, kinds));
        methods.extend(machine(plan, kinds));
        methods
    }
}

/// A leaf word of given attributes and size.
fn template<'a>(plan: &Plan<'a>, kinds: &Kinds<'a>, helpers: &[String]) -> Method {
    let bits = template_bits(plan, kinds, helpers);
    let body = kinds.body_by_size(plan, &mut |format, _, leaf| {
        let mut parts = vec![Expr::Bits(leaf.layout.written | leaf.layout.reserved_value), Expr::var("bits")];
        parts.extend(leaf.in_ones().then(|| ones::pattern(plan, leaf)));
        let mut body = Body::of(Expr::bit_or(parts));
        let joint = leftovers(plan, leaf, &encode(plan, format, leaf)).joint;
        body.after = joint.into_iter().map(|(place, holds)| (plan.attributes[place].name.clone(), holds)).collect();
        body
    });
    let body = body.unwrap_or(Body::of(Expr::Bits(0)));
    let statements = |format: &str| {
        let rest = body.renamed("f", format).fallible(plan.krate());
        let bits = bits.renamed("f", format);
        quote!(let bits = #bits; #rest)
    };
    let parameters = vec![("a", quote!(&Attributes)), ("lg2", quote!(u32))];
    let used = |p: &str| p != "lg2" || body.mentions(p) || bits.mentions(p);
    Method::new("template", parameters, quote!(Encoded), &statements, &used)
}

/// The bits that say the attributes `a` in a leaf of size `lg2`.
fn template_bits<'a>(plan: &Plan<'a>, kinds: &Kinds<'a>, helpers: &[String]) -> Expr {
    let of = |helper: &str| {
        let bits = Expr::var("f").method(helper, vec![Expr::var("a"), Expr::Number(0).bit_not()]);
        Expr::Op(Op::Try, vec![bits])
    };
    let cases = kinds.all().flat_map(|(member, _, _, leaf)| {
        let helper = helpers.get(kinds.variant(plan, member, leaf)).or(helpers.last());
        let value = of(helper.map_or("", String::as_str));
        (leaf.lg2..=leaf.most_lg2).map(move |lg2| Case { member, at: vec![u128::from(lg2)], value: value.clone() })
    });
    plan.of_cases(&[Kinds::by_size()], cases.collect()).unwrap_or(Expr::Bits(0))
}

/// The attributes of the leaf word `w` below `limits`.
fn attributes<'a>(plan: &Plan<'a>, kinds: &Kinds<'a>) -> Expr {
    let mut fields: Vec<String> = plan.attributes.iter().map(|attribute| attribute.name.clone()).collect();
    if plan.software != 0 {
        fields.push("software".into());
    }
    kinds.merged(plan, &mut |format, _, leaf| {
        let mut values: Vec<Expr> =
            plan.attributes.iter().map(|attribute| decode(plan, format, leaf, attribute)).collect();
        if plan.software != 0 {
            values.push(Expr::bit_and(vec![plan.wide(w()), Expr::Bits(plan.software)]));
        }
        Expr::Op(Op::Struct("Attributes".into(), fields.clone()), values)
    })
}

/// The bits that say the attributes `a`, of which those at the places `fields` are asked for.
fn bits<'a>(plan: &Plan<'a>, leaf: super::plan::Leaf<'a>, said: &Said) -> Body {
    let unasked = |places: u64| {
        let asked = Expr::bit_and(vec![Expr::var("fields"), Expr::Bits(u128::from(places))]);
        if places.is_power_of_two() { asked.eq(Expr::Bits(0)) } else { asked.ne(Expr::Bits(u128::from(places))) }
    };
    let before = said
        .checks
        .iter()
        .map(|check| (check.name.clone(), Expr::or(vec![unasked(check.places), check.holds.clone()])));
    let single = leftovers(plan, leaf, said).single;
    let after = single
        .into_iter()
        .map(|(place, holds)| (plan.attributes[place].name.clone(), Expr::or(vec![unasked(1 << place), holds])));
    Body { before: before.collect(), value: Expr::bit_or(said.bits.clone()), after: after.collect() }
}

/// What a change does to the words of a level.
fn patch<'a>(plan: &Plan<'a>, kinds: &Kinds<'a>, helpers: &[String]) -> Vec<Method> {
    let krate = plan.krate();
    let (groups, variants) = (all_coupled_groups(plan), all_variants(plan));
    let mut parts: Vec<PatchPart> = (0..variants).map(|variant| PatchPart::of(plan, kinds, helpers, variant)).collect();
    let shared = share_codes(&mut parts);
    let body = |format: &str| {
        let shared = shared.iter().map(|(code, value)| {
            let (code, value) = (name(code), value.renamed("f", format));
            quote!(let #code = #value;)
        });
        let shared: TokenStream = shared.collect();
        let bits = parts.iter().map(|part| part.bits(plan, format));
        let statements = core::iter::once(shared).chain(bits);
        let fields = parts.iter().map(|part| part.fields(format));
        match (groups, variants) {
            (0, 1) => quote!(#(#statements)* ::core::result::Result::Ok(bits)),
            _ => quote!(#(#statements)* ::core::result::Result::Ok(Patch { #(#fields)* })),
        }
    };
    let word_ = plan.word();
    let plain = groups == 0 && variants == 1;
    let of_patch = if plain { quote!(&#krate::Bits<#word_>) } else { quote!(&Patch) };
    let apply = kinds.merged(plan, &mut |format, _, leaf| {
        let member = plan.formats().position(|other| core::ptr::eq(other, format)).unwrap_or(0);
        apply(plan, &encode(plan, format, leaf).coupled, kinds.variant(plan, member, leaf))
    });
    let fit = kinds.body_of_first(plan, &mut |format, leaf| {
        let said = encode(plan, format, leaf);
        let all_sayable = said.coupled.iter().all(|coupled| coupled.refused.is_none());
        Body::of(Expr::Bool(kinds.variants(plan) == 1 && all_sayable && leftovers(plan, leaf, &said).joint.is_empty()))
    });
    let fit = fit.map_or(Expr::Bool(false), |body| body.value);
    let usual = fit == Expr::Bool(false);
    vec![
        Method::new("patch", vec![("change", quote!(&Change))], quote!(Patched), &body, &|_| true),
        Method::simple("apply", vec![("patch", of_patch), word(plan, "w")], plan.word(), &apply),
        Method::simple("changes_fit", Vec::new(), quote!(bool), &fit).usual(usual),
    ]
}

/// Codes that are the same for all parts are worked out once: their names and values.
fn share_codes(parts: &mut [PatchPart]) -> Vec<(String, Expr)> {
    let [first, rest @ ..] = parts else { return Vec::new() };
    let mut shared = Vec::new();
    for (group, code) in first.codes.iter_mut().enumerate() {
        let others = rest.iter_mut().map(|part| &mut part.codes[group]);
        let same: Vec<&mut Expr> = others.filter(|other| **other == *code).collect();
        if same.is_empty() || !matches!(code, Expr::Op(..)) {
            continue;
        }
        let variable = format!("code{group}");
        same.into_iter().for_each(|other| *other = Expr::var(variable.clone()));
        shared.push((variable.clone(), std::mem::replace(code, Expr::var(variable))));
    }
    shared
}

/// What a patch has for one way in which leaves say their attributes.
struct PatchPart {
    variant: usize,
    /// Says attributes in bits; none if the level has no such leaves.
    helper: Option<String>,
    masks: Vec<Expr>,
    codes: Vec<Expr>,
    /// A word that is no leaf: what a leaf becomes that cannot say what it is to say.
    empty: Expr,
}

impl PatchPart {
    fn of<'a>(plan: &Plan<'a>, kinds: &Kinds<'a>, helpers: &[String], variant: usize) -> Self {
        let of_leaf = |each: &dyn Fn(&Said) -> Expr| {
            let said = &mut |format, leaf| Body::of(each(&encode(plan, format, leaf)));
            kinds.body_of_variant(plan, variant, said).map_or(Expr::Bits(0), |body| body.value)
        };
        let count = plan.attributes.len() + usize::from(plan.software != 0);
        let helper = helpers.get(variant).cloned();
        let code = |group: usize| {
            of_leaf(&|said| said.coupled.get(group).map_or(Expr::Bits(0), |coupled| recode(plan, coupled)))
        };
        let empty = kinds.merged_places(plan, &mut |format, place| empty(plan, format, place));
        Self {
            variant,
            masks: (0..count).map(|place| of_leaf(&|said| said.masks[place].clone())).collect(),
            codes: (0..all_coupled_groups(plan))
                .map(|group| if helper.is_some() { code(group) } else { Expr::Bits(0) })
                .collect(),
            helper,
            empty,
        }
    }

    /// The variable of the bits that are cleared and set.
    fn variable(&self) -> proc_macro2::Ident {
        name(&of_variant("bits", self.variant))
    }

    fn bits(&self, plan: &Plan<'_>, format: &str) -> TokenStream {
        let Some(helper) = &self.helper else { return TokenStream::new() };
        let masks = self.masks.iter().map(|mask| mask.renamed("f", format));
        let (krate, variable, helper) = (plan.krate(), self.variable(), name(helper));
        let empty = self.empty.renamed("f", format);
        let format = name(format);
        if self.variant == 0 {
            return quote! {
                let #variable = #krate::__::patch(#format.#helper(&change.to, change.fields)?, change.fields, &[#(#masks),*]);
            };
        }
        quote! {
            let #variable = #krate::__::patch_or(
                #format.#helper(&change.to, change.fields), change.fields, &[#(#masks),*], #empty
            );
        }
    }

    fn fields(&self, format: &str) -> TokenStream {
        let [clear, set] = ["clear", "set"].map(|field| name(&of_variant(field, self.variant)));
        let codes = self.codes.iter().enumerate().map(|(group, code)| {
            let field = name(&of_variant(&format!("code{group}"), self.variant));
            let code = code.renamed("f", format);
            if code == Expr::Var(of_variant(&format!("code{group}"), self.variant)) {
                quote!(#field,)
            } else {
                quote!(#field: #code,)
            }
        });
        if self.helper.is_none() {
            return quote!(#clear: 0, #set: 0, #(#codes)*);
        }
        let variable = self.variable();
        quote!(#clear: #variable.clear, #set: #variable.set, #(#codes)*)
    }
}

/// In how many ways leaves of one level say their attributes, at the level and in the member that have the most.
pub(crate) fn all_variants(plan: &Plan<'_>) -> usize {
    plan.levels.iter().map(|level| Kinds::new(plan, level).variants(plan)).max().unwrap_or(1).max(1)
}

/// How many groups of flags share their bits, at the level and in the member that have the most.
pub(crate) fn all_coupled_groups(plan: &Plan<'_>) -> usize {
    let count = || {
        let levels = plan.levels.iter().flat_map(|level| plan.places(level));
        let leaves = levels.flat_map(|(member, place)| {
            let format = plan.format(member);
            plan.leaves(format, place).into_iter().map(move |leaf| (format, leaf))
        });
        leaves.map(|(format, leaf)| encode(plan, format, leaf).coupled.len()).max().unwrap_or(0)
    };
    *plan.coupled_groups.get_or_init(count)
}

/// The table of new codes of a group.
fn recode(plan: &Plan<'_>, coupled: &Coupled) -> Expr {
    let count = coupled.attributes.len() as u32;
    let pieces: Vec<Piece> = coupled
        .attributes
        .iter()
        .enumerate()
        .map(|(bit, place)| Piece { word_low: *place as u32, value_low: bit as u32, bits: 1 })
        .collect();
    let changed = scatter::gather(&Expr::var("change.fields"), &pieces, None);
    let to = coupled.attributes.iter().enumerate().map(|(bit, place)| {
        Expr::var(format!("change.to.{}", plan.attributes[*place].name)).cast("u64").shifted(bit as i32)
    });
    let krate = super::docs::path_text(plan.krate());
    let fields = ["flags", "bits", "listed", "flags_of", "code_of", "sayable"].map(str::to_owned).to_vec();
    let bits = |bits: u64| Expr::Bits(u128::from(bits));
    let values = vec![
        Expr::number(count),
        Expr::number(coupled.bits),
        bits(coupled.listed),
        bits(coupled.flags_of),
        bits(coupled.code_of),
        bits(coupled.sayable),
    ];
    let codes = Expr::Op(Op::Struct(format!("{krate}::__::Codes"), fields), values);
    let to = Expr::bit_or(to.collect());
    if let Some(refused) = coupled.refused {
        return codes.method("changed_or", vec![changed, to, bits(refused)]);
    }
    let blamed = Expr::var(format!("{:?}", plan.attributes[coupled.blamed].name));
    Expr::Op(Op::Try, vec![codes.method("changed", vec![changed, to, blamed])])
}

/// The leaf word `w`, changed.
fn apply(plan: &Plan<'_>, coupled: &[Coupled], variant: usize) -> Expr {
    let field = |field: &str| Expr::var(format!("patch.{}", of_variant(field, variant)));
    let mut kept = vec![w(), field("clear").bit_not()];
    let mut parts = vec![field("set")];
    let shared = coupled.iter().fold(0, |bits, group| bits | scatter::word_bits(&group.pieces));
    if shared != 0 {
        kept.push(Expr::Bits(plan.word_ones() & !shared));
    }
    for (place, group) in coupled.iter().enumerate() {
        let code = scatter::gather(&plan.wide(w()), &group.pieces, None);
        let at = if group.bits == 1 { code } else { Expr::Op(Op::Mul, vec![code, Expr::number(group.bits)]) };
        let new = field(&format!("code{place}")).shr(at);
        let new = Expr::bit_and(vec![new, Expr::Bits(scatter::ones(group.bits))]);
        parts.push(plan.narrow(scatter::scatter(&new, &group.pieces, false)));
    }
    parts.insert(0, Expr::bit_and(kept));
    Expr::bit_or(parts)
}

/// How runs are taken apart, and how leaves become those of the level below.
fn resizing<'a>(plan: &Plan<'a>, place: usize, kinds: &Kinds<'a>) -> Vec<Method> {
    let method = |method: &'static str, body: Body| {
        let parameters = vec![word(plan, "w"), ("lg2", quote!(u32))];
        let statements = |format: &str| body.renamed("f", format).fallible(plan.krate());
        Method::new(method, parameters, quote!(Encoded), &statements, &|p| body.mentions(p))
    };
    let mut methods = Vec::new();
    methods.extend(moves_between(plan, kinds, kinds).map(|body| method("resize", body)));
    if let Some(below) = plan.below(place) {
        let below_kinds = Kinds::new(plan, below);
        methods.extend(moves_between(plan, kinds, &below_kinds).map(|body| method("descend", body)));
    }
    methods
}

/// Every leaf of one level as every leaf of another.
fn moves_between<'a>(plan: &Plan<'a>, from: &Kinds<'a>, to: &Kinds<'a>) -> Option<Body> {
    let mut cases = Vec::new();
    for (member, _, coordinate, old) in from.all() {
        let format = plan.format(member);
        for (_, _, _, new) in to.all().filter(|(other, ..)| *other == member) {
            let value = moved(plan, format, (old, new), from.known(member));
            let sizes = new.lg2..=new.most_lg2;
            cases.extend(sizes.map(|lg2| Case { member, at: vec![u128::from(lg2), coordinate], value: value.clone() }));
        }
    }
    let dims: [Dim; 2] = [Kinds::by_size(), from.by_word()];
    Body::merged(plan, &dims, cases)
}

/// What the machine writes by itself.
fn machine<'a>(plan: &Plan<'a>, kinds: &Kinds<'a>) -> Vec<Method> {
    let of = |done: bool| {
        let body = kinds.body_of_first(plan, &mut |format, leaf| {
            let (all, cleared) = hardware(format, &[leaf.layout]);
            let open = mask_expr(&leaf.layout.hardware);
            let bits = if leaf.layout.hardware.parametric.is_empty() { Expr::Bits(all) } else { open };
            let cut = done && cleared != 0;
            Body::of(if cut { Expr::bit_and(vec![bits, Expr::Bits(plan.word_ones() & !cleared)]) } else { bits })
        });
        body.map_or(Expr::Bits(0), |body| body.value)
    };
    let (all, done) = (of(false), of(true));
    vec![
        Method::simple("hardware", Vec::new(), plan.word(), &all).usual(all == Expr::Bits(0)),
        Method::simple("hardware_done", Vec::new(), plan.word(), &done).usual(done == all),
    ]
}
