//! The leaf layouts of a level, told apart by a word or by a size.

use super::body::Body;
use super::cube::{Cube, Formula};
use super::expr::Expr;
use super::leaf::encode;
use super::merge::Dim;
use super::moves::Known;
use super::plan::{Case, Leaf, Level, Plan};
use super::words::{identity, w};
use crate::model::Format;

/// The leaf layouts of a level in all members.
pub(crate) struct Kinds<'a> {
    /// What each member that has the level holds there.
    members: Vec<Member<'a>>,
    /// How the layout of a leaf word is known; the longest runs come first.
    tests: Vec<(String, Expr)>,
}

/// The leaves of one member at a level.
struct Member<'a> {
    member: usize,
    /// The place of the level in the member.
    place: usize,
    /// The leaves, each with its coordinate among the tests.
    leaves: Vec<(u128, Leaf<'a>)>,
}

impl<'a> Kinds<'a> {
    pub(crate) fn new(plan: &Plan<'a>, level: &Level) -> Self {
        let mut kinds = Self { members: Vec::new(), tests: Vec::new() };
        for (member, place) in plan.places(level) {
            let mut leaves = plan.leaves(plan.format(member), place);
            leaves.sort_by_key(|leaf| core::cmp::Reverse(leaf.lg2));
            let tests = tests(&leaves);
            let found = leaves.iter().zip(tests).map(|(leaf, test)| {
                let named = (leaf.layout.name.clone(), test);
                let known = kinds.tests.iter().position(|other| *other == named);
                let coordinate = known.unwrap_or_else(|| {
                    kinds.tests.push(named);
                    kinds.tests.len() - 1
                });
                (coordinate as u128, *leaf)
            });
            let leaves = found.collect();
            kinds.members.push(Member { member, place, leaves });
        }
        kinds
    }

    /// The names of the layouts, each once, the shortest run first.
    pub(crate) fn name(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in self.tests.iter().rev() {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names.join("_")
    }

    /// Whether no member has leaves here.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.iter().all(|member| member.leaves.is_empty())
    }

    /// The dimension of the layouts.
    pub(crate) fn by_word(&self) -> Dim {
        Dim::Tests(self.tests.iter().map(|(_, test)| test.clone()).collect())
    }

    /// The dimension of the sizes.
    pub(crate) fn by_size() -> Dim {
        Dim::Number(Expr::var("lg2"))
    }

    /// Every leaf of every member: the member, the place of the level, the coordinate, the leaf.
    pub(crate) fn all(&self) -> impl Iterator<Item = (usize, usize, u128, Leaf<'a>)> {
        self.members.iter().flat_map(|member| {
            member.leaves.iter().map(|(coordinate, leaf)| (member.member, member.place, *coordinate, *leaf))
        })
    }

    /// What holds for the leaf word `w`.
    pub(crate) fn merged(&self, plan: &Plan<'a>, each: &mut dyn FnMut(&'a Format, usize, Leaf<'a>) -> Expr) -> Expr {
        let cases = self.all().map(|(member, place, coordinate, leaf)| Case {
            member,
            at: vec![coordinate],
            value: each(plan.format(member), place, leaf),
        });
        plan.of_cases(&[self.by_word()], cases.collect()).unwrap_or(Expr::Bits(0))
    }

    /// The same. Where words of some layout say their size in ones, what holds for each layout is said by itself: it has
    /// little in common with the others.
    pub(crate) fn told_apart(
        &self,
        plan: &Plan<'a>,
        each: &mut dyn FnMut(&'a Format, usize, Leaf<'a>) -> Expr,
    ) -> Expr {
        if !self.all().any(|(.., leaf)| leaf.in_ones()) {
            return self.merged(plan, each);
        }
        let mut of_layout = |wanted: usize| {
            let cases = self.all().filter(|(_, _, coordinate, _)| *coordinate == wanted as u128);
            let cases = cases.map(|(member, place, _, leaf)| Case {
                member,
                at: Vec::new(),
                value: each(plan.format(member), place, leaf),
            });
            plan.of_cases(&[], cases.collect()).unwrap_or(Expr::Bits(0))
        };
        let last = self.tests.len() - 1;
        let rest = of_layout(last);
        (0..last).rev().fold(rest, |rest, place| Expr::choose(self.tests[place].1.clone(), of_layout(place), rest))
    }

    /// What holds for the level, by the place that it has in each member.
    pub(crate) fn merged_places(&self, plan: &Plan<'a>, each: &mut dyn FnMut(&'a Format, usize) -> Expr) -> Expr {
        let cases = self.members.iter().map(|member| Case {
            member: member.member,
            at: Vec::new(),
            value: each(plan.format(member.member), member.place),
        });
        plan.of_cases(&[], cases.collect()).unwrap_or(Expr::Bits(0))
    }

    /// What holds for a leaf of size `lg2`.
    pub(crate) fn merged_by_size(
        &self,
        plan: &Plan<'a>,
        each: &mut dyn FnMut(&'a Format, usize, Leaf<'a>) -> Expr,
    ) -> Expr {
        let body = self.body_by_size(plan, &mut |format, place, leaf| Body::of(each(format, place, leaf)));
        body.map_or(Expr::Bits(0), |body| body.value)
    }

    /// What is done for a leaf of size `lg2`.
    pub(crate) fn body_by_size(
        &self,
        plan: &Plan<'a>,
        each: &mut dyn FnMut(&'a Format, usize, Leaf<'a>) -> Body,
    ) -> Option<Body> {
        let mut cases = Vec::new();
        for (member, place, _, leaf) in self.all() {
            let value = each(plan.format(member), place, leaf);
            let sizes = leaf.lg2..=leaf.most_lg2;
            cases.extend(sizes.map(|lg2| Case { member, at: vec![u128::from(lg2)], value: value.clone() }));
        }
        Body::merged(plan, &[Self::by_size()], cases)
    }

    /// What is done for the first leaf of every member.
    pub(crate) fn body_of_first(
        &self,
        plan: &Plan<'a>,
        each: &mut dyn FnMut(&'a Format, Leaf<'a>) -> Body,
    ) -> Option<Body> {
        self.body_of_variant(plan, 0, each)
    }

    /// In how many ways leaves say their attributes, in the member that has the most.
    pub(crate) fn variants(&self, plan: &Plan<'a>) -> usize {
        self.members.iter().map(|member| member.variants(plan).len()).max().unwrap_or(0)
    }

    /// In which of these ways a leaf of a member does.
    pub(crate) fn variant(&self, plan: &Plan<'a>, member: usize, leaf: Leaf<'a>) -> usize {
        let of_member = self.members.iter().find(|other| other.member == member);
        of_member
            .and_then(|known| known.variants(plan).iter().position(|&other| known.is_alike(plan, leaf, other)))
            .unwrap_or(0)
    }

    /// What is done for leaves of one way to say attributes. Members that have fewer do the same for their last one.
    pub(crate) fn body_of_variant(
        &self,
        plan: &Plan<'a>,
        variant: usize,
        each: &mut dyn FnMut(&'a Format, Leaf<'a>) -> Body,
    ) -> Option<Body> {
        let chosen = self.members.iter().filter_map(|member| {
            let variants = member.variants(plan);
            Some((member.member, *variants.get(variant).or(variants.last())?))
        });
        let cases =
            chosen.map(|(member, leaf)| Case { member, at: Vec::new(), value: each(plan.format(member), leaf) });
        Body::merged(plan, &[], cases.collect())
    }

    /// What words of every leaf layout of a member hold alike.
    pub(crate) fn known(&self, member: usize) -> Known {
        let leaves = self.all().filter(|(other, ..)| *other == member).map(|(_, _, _, leaf)| Known::of(leaf.layout));
        leaves.reduce(Known::common).unwrap_or(Known { mask: 0, value: 0 })
    }
}

impl<'a> Member<'a> {
    /// One leaf, the shortest run, for each way in which attributes are said.
    fn variants(&self, plan: &Plan<'a>) -> Vec<Leaf<'a>> {
        let mut found: Vec<Leaf<'a>> = Vec::new();
        for (_, leaf) in self.leaves.iter().rev() {
            if !found.iter().any(|&known| self.is_alike(plan, *leaf, known)) {
                found.push(*leaf);
            }
        }
        found
    }

    /// Whether two leaves say all attributes in the same bits.
    fn is_alike(&self, plan: &Plan<'a>, one: Leaf<'a>, other: Leaf<'a>) -> bool {
        let said = |leaf| encode(plan, plan.format(self.member), leaf);
        let (one, other) = (said(one), said(other));
        one.bits == other.bits && one.masks == other.masks
    }
}

/// For each layout, what tells its words from those of the others.
fn tests(leaves: &[Leaf<'_>]) -> Vec<Expr> {
    let parts: Vec<(Cube, Vec<Formula>)> = leaves
        .iter()
        .map(|leaf| {
            let parts = match identity(leaf.layout) {
                Formula::All(parts) => parts,
                other => vec![other],
            };
            let cube =
                parts.iter().find_map(|part| if let Formula::Equal(cube) = part { Some(cube.clone()) } else { None });
            (cube.unwrap_or(Cube::new(0, 0)), parts)
        })
        .collect();
    let mut common = parts.first().map_or(Cube::new(0, 0), |(cube, _)| cube.clone());
    for (cube, _) in &parts {
        common.mask &= cube.mask & !(common.value ^ cube.value);
        common.value &= common.mask;
    }
    common.parametric.clear();
    let own = parts.iter().map(|(_, own)| {
        let own = own
            .iter()
            .filter(|part| matches!(part, Formula::Equal(_)) || !parts.iter().all(|(_, others)| others.contains(part)));
        Formula::all(own.cloned().collect()).assuming(&common).expr(&w())
    });
    own.collect()
}
