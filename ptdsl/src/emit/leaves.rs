//! Leaf words of every level in terms of attributes.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

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
use super::words::{hardware, w};
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

    /// The name of the helper that says attributes in bits.
    fn bits<'a>(&mut self, plan: &Plan<'a>, kinds: &Kinds<'a>) -> TokenStream {
        let bits = kinds.body_of_first(plan, &mut |format, leaf| bits(plan, leaf, &encode(plan, format, leaf)));
        let bits = bits.unwrap_or(Body::of(Expr::Bits(0))).renamed("f", "self");
        let body = bits.fallible(plan.krate());
        let text = body.to_string();
        if let Some((_, helper)) = self.known.iter().find(|(known, _)| *known == text) {
            return name(helper).into_token_stream();
        }
        let wanted = format!("{}_bits", kinds.name());
        let same = self.known.iter().filter(|(_, helper)| helper.starts_with(&wanted)).count();
        let helper = if same == 0 { wanted } else { format!("{wanted}_{}", same + 1) };
        let parameters = [("self", TokenStream::new()), ("a", quote!(&Attributes)), ("fields", quote!(u64))];
        self.helpers.extend(function(&helper, &parameters, |p| bits.mentions(p), &quote!(Encoded), &body));
        let shown = name(&helper).into_token_stream();
        self.known.push((text, helper));
        shown
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
fn template<'a>(plan: &Plan<'a>, kinds: &Kinds<'a>, bits: &TokenStream) -> Method {
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
        let format = name(format);
        quote!(let bits = #format.#bits(a, !0)?; #rest)
    };
    let parameters = vec![("a", quote!(&Attributes)), ("lg2", quote!(u32))];
    Method::new("template", parameters, quote!(Encoded), &statements, &|p| p != "lg2" || body.mentions(p))
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
fn patch<'a>(plan: &Plan<'a>, kinds: &Kinds<'a>, bits: &TokenStream) -> Vec<Method> {
    let krate = plan.krate();
    let of_first = |each: &dyn Fn(&Said) -> Expr, otherwise: Expr| {
        let body = kinds.body_of_first(plan, &mut |format, leaf| Body::of(each(&encode(plan, format, leaf))));
        body.map_or(otherwise, |body| body.value)
    };
    let count = plan.attributes.len() + usize::from(plan.software != 0);
    let masks: Vec<Expr> = (0..count).map(|place| of_first(&|said| said.masks[place].clone(), Expr::Bits(0))).collect();
    let groups = all_coupled_groups(plan);
    let codes: Vec<Expr> = (0..groups)
        .map(|group| {
            let code = |said: &Said| said.coupled.get(group).map_or(Expr::Bits(0), |coupled| recode(plan, coupled));
            of_first(&code, Expr::Bits(0))
        })
        .collect();
    let body = |format: &str| {
        let masks = masks.iter().map(|mask| mask.renamed("f", format));
        let codes = codes.iter().enumerate().map(|(group, code)| {
            let (field, code) = (name(&format!("code{group}")), code.renamed("f", format));
            quote!(#field: #code)
        });
        let format = name(format);
        let bits = quote! {
            let bits = #krate::__::patch(#format.#bits(&change.to, change.fields)?, change.fields, &[#(#masks),*]);
        };
        match groups {
            0 => quote!(#bits ::core::result::Result::Ok(bits)),
            _ => quote!(#bits ::core::result::Result::Ok(Patch { clear: bits.clear, set: bits.set, #(#codes),* })),
        }
    };
    let word_ = plan.word();
    let of_patch = if groups == 0 { quote!(&#krate::Bits<#word_>) } else { quote!(&Patch) };
    let apply = of_first(&|said| apply(plan, &said.coupled), w());
    let fit = kinds.body_of_first(plan, &mut |format, leaf| {
        Body::of(Expr::Bool(leftovers(plan, leaf, &encode(plan, format, leaf)).joint.is_empty()))
    });
    let fit = fit.map_or(Expr::Bool(false), |body| body.value);
    let usual = fit == Expr::Bool(false);
    vec![
        Method::new("patch", vec![("change", quote!(&Change))], quote!(Patched), &body, &|_| true),
        Method::simple("apply", vec![("patch", of_patch), word(plan, "w")], plan.word(), &apply),
        Method::simple("changes_fit", Vec::new(), quote!(bool), &fit).usual(usual),
    ]
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
    let blamed = Expr::var(format!("{:?}", plan.attributes[coupled.blamed].name));
    Expr::Op(Op::Try, vec![codes.method("changed", vec![changed, Expr::bit_or(to.collect()), blamed])])
}

/// The leaf word `w`, changed.
fn apply(plan: &Plan<'_>, coupled: &[Coupled]) -> Expr {
    let mut kept = vec![w(), Expr::var("patch.clear").bit_not()];
    let mut parts = vec![Expr::var("patch.set")];
    let shared = coupled.iter().fold(0, |bits, group| bits | scatter::word_bits(&group.pieces));
    if shared != 0 {
        kept.push(Expr::Bits(plan.word_ones() & !shared));
    }
    for (place, group) in coupled.iter().enumerate() {
        let code = scatter::gather(&plan.wide(w()), &group.pieces, None);
        let at = if group.bits == 1 { code } else { Expr::Op(Op::Mul, vec![code, Expr::number(group.bits)]) };
        let new = Expr::var(format!("patch.code{place}")).shr(at);
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
        for (_, _, _, new) in to.all().filter(|(other, ..)| *other == member) {
            let value = moved(plan, plan.format(member), old, new, from.known(member));
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
