//! Conditions on a word as few masked comparisons as possible.
//!
//! A [`Formula`] is in negation normal form over comparisons `word & mask == value`. Conjunctions merge their
//! comparisons into one; disjunctions of single bits become one `!=`; alternatives that differ in one bit lose it, and
//! what alternatives share is compared once. Masks may have parts that depend on a parameter bound at run time: such
//! bits are always compared with zero.

use super::expr::Expr;
use super::scatter;
use crate::model::{Layout, Mask, ParametricBits, ParametricRule, Test};

/// A condition on a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Formula {
    /// Holds or fails for every word.
    Known(bool),
    /// `word & mask == value`.
    Equal(Cube),
    /// `word & mask != value`.
    Unequal(Cube),
    /// The word stores this address.
    Stores(Stored),
    /// The word stores another address.
    StoresNot(Stored),
    /// All hold.
    All(Vec<Formula>),
    /// At least one holds.
    Any(Vec<Formula>),
}

/// Bits that are looked at and what is expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cube {
    /// The bits looked at.
    pub(crate) mask: u128,
    /// What they are expected to be.
    pub(crate) value: u128,
    /// More bits looked at and expected to be zero: masks with nothing but candidates.
    pub(crate) parametric: Vec<Mask>,
}

/// An address that is decided at run time, as a word stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The bits of the word that hold an address.
    mask: u128,
    /// What these bits are if it is this one.
    bits: Expr,
}

impl Stored {
    /// The address `parameter`, of a table or an OA, in words of `layout`.
    pub(crate) fn of(layout: &Layout, table: bool, parameter: &str) -> Self {
        let pieces = layout.stored(table);
        Self { mask: scatter::word_bits(&pieces), bits: stored_address(layout, table, parameter) }
    }

    fn compared(&self, word: &Expr) -> (Expr, Expr) {
        (Expr::bit_and(vec![word.clone(), Expr::Bits(self.mask)]), self.bits.clone())
    }
}

/// The bits of a word of `layout` that hold the address `parameter`, which the format has been made to hold as well.
pub(crate) fn stored_address(layout: &Layout, table: bool, parameter: &str) -> Expr {
    let address = Expr::var(format!("f.{}", super::plan::address_field(parameter)));
    let bits = scatter::scatter(&address, &layout.stored(table), true);
    if layout.word_bits == 32 { bits.cast("u32") } else { bits }
}

impl Cube {
    pub(crate) fn new(mask: u128, value: u128) -> Self {
        Self { mask, value: value & mask, parametric: Vec::new() }
    }

    fn plain(&self) -> bool {
        self.parametric.is_empty()
    }

    /// Both at once, unless they contradict each other.
    fn and(&self, other: &Self) -> Option<Self> {
        if (self.value ^ other.value) & self.mask & other.mask != 0 {
            return None;
        }
        let mut parametric = self.parametric.clone();
        for bits in &other.parametric {
            if !parametric.contains(bits) {
                parametric.push(bits.clone());
            }
        }
        Some(Self { mask: self.mask | other.mask, value: self.value | other.value, parametric })
    }

    /// Whether every word of this cube is one of `other`.
    fn implies(&self, other: &Self) -> bool {
        self.mask & other.mask == other.mask
            && self.value & other.mask == other.value
            && other.parametric.iter().all(|bits| self.parametric.contains(bits))
    }

    /// The fewest lines that say `word & mask`.
    fn masked(&self, word: &Expr) -> Expr {
        let mut bits = vec![Expr::Bits(self.mask)];
        bits.extend(self.parametric.iter().map(mask_expr));
        Expr::bit_and(vec![word.clone(), Expr::bit_or(bits)])
    }
}

impl Formula {
    /// A test of the model. `stored` gives the address, of a table or an OA, that a parameter is.
    pub(crate) fn of(test: &Test, stored: &dyn Fn(bool, &str) -> Stored) -> Self {
        match test {
            Test::Always => Self::Known(true),
            Test::Never => Self::Known(false),
            Test::Equal { mask, value } => {
                if value & !mask == 0 {
                    Self::Equal(Cube::new(*mask, *value))
                } else {
                    Self::Known(false)
                }
            }
            Test::Address { table, parameter } => Self::Stores(stored(*table, parameter)),
            Test::Not(test) => Self::of(test, stored).negated(),
            Test::All(tests) => Self::all(tests.iter().map(|test| Self::of(test, stored)).collect()),
            Test::Any(tests) => Self::any(tests.iter().map(|test| Self::of(test, stored)).collect()),
        }
    }

    /// `mask` of the model compared with `value`.
    pub(crate) fn equal(mask: &Mask, value: u128) -> Self {
        let candidates = candidates(mask);
        let sure = mask.fixed & !candidates;
        let open = Mask { fixed: mask.fixed & candidates, parametric: mask.parametric.clone() };
        let parametric = if candidates == 0 { Vec::new() } else { vec![open] };
        Self::all(vec![Self::Equal(Cube { mask: sure, value: value & sure, parametric })])
    }

    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Known(value) => Self::Known(!value),
            Self::Equal(cube) => Self::Unequal(cube),
            Self::Unequal(cube) => Self::Equal(cube),
            Self::Stores(stored) => Self::StoresNot(stored),
            Self::StoresNot(stored) => Self::Stores(stored),
            Self::All(parts) => Self::any(parts.into_iter().map(Self::negated).collect()),
            Self::Any(parts) => Self::all(parts.into_iter().map(Self::negated).collect()),
        }
    }

    /// A comparison of one bit as the kind that merges with its neighbours.
    fn one_bit(self, wanted_equal: bool) -> Self {
        match self {
            Self::Equal(cube) if !wanted_equal && cube.plain() && cube.mask.is_power_of_two() => {
                Self::Unequal(Cube::new(cube.mask, !cube.value))
            }
            Self::Unequal(cube) if wanted_equal && cube.plain() && cube.mask.is_power_of_two() => {
                Self::Equal(Cube::new(cube.mask, !cube.value))
            }
            other => other,
        }
    }

    /// Whether all of `parts` hold.
    pub(crate) fn all(parts: Vec<Self>) -> Self {
        let mut known = Cube::new(0, 0);
        let mut pending = Self::flat(parts, true);
        // What is known may settle a disjunction, which may make more known.
        loop {
            let mut rest = Vec::new();
            let before = known.clone();
            for part in pending {
                match part.assuming(&known).simple().one_bit(true) {
                    Self::Known(true) => {}
                    Self::Known(false) => return Self::Known(false),
                    Self::Equal(cube) => match known.and(&cube) {
                        Some(both) => known = both,
                        None => return Self::Known(false),
                    },
                    Self::All(more) => rest.extend(more),
                    other if rest.contains(&other) => {}
                    other => rest.push(other),
                }
            }
            pending = rest;
            if known == before {
                break;
            }
        }
        if known.mask != 0 || !known.plain() {
            pending.insert(0, Self::Equal(known));
        }
        match pending.len() {
            0 => Self::Known(true),
            1 => pending.remove(0),
            _ => Self::All(pending),
        }
    }

    /// Whether at least one of `parts` holds.
    pub(crate) fn any(parts: Vec<Self>) -> Self {
        let mut terms: Vec<Term> = Vec::new();
        for part in Self::flat(parts, false) {
            match part.simple() {
                Self::Known(true) => return Self::Known(true),
                Self::Known(false) => {}
                other => terms.push(Term::of(other)),
            }
        }
        Term::merge(&mut terms);
        match terms.len() {
            0 => return Self::Known(false),
            1 => return terms.remove(0).formula(),
            _ => {}
        }
        if let Some(common) = Term::common(&terms) {
            let alternatives = terms.iter().map(|term| term.without(&common).formula()).collect();
            return Self::all(vec![common.formula(), Self::any(alternatives)]);
        }
        Self::of_terms(terms)
    }

    /// A disjunction of terms with nothing in common: single bits become one `!=`.
    fn of_terms(terms: Vec<Term>) -> Self {
        let mut none_of = Cube::new(0, 0);
        let mut parts = Vec::new();
        for term in terms {
            match term.formula().one_bit(false) {
                Self::Unequal(cube) if cube.plain() => match none_of.and(&cube) {
                    Some(both) => none_of = both,
                    None => return Self::Known(true),
                },
                other => parts.push(other),
            }
        }
        if none_of.mask != 0 {
            parts.insert(0, Self::Unequal(none_of));
        }
        if parts.len() == 1 { parts.remove(0) } else { Self::Any(parts) }
    }

    fn flat(parts: Vec<Self>, conjunction: bool) -> Vec<Self> {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Self::All(inner) if conjunction => flat.extend(Self::flat(inner, conjunction)),
                Self::Any(inner) if !conjunction => flat.extend(Self::flat(inner, conjunction)),
                other => flat.push(other),
            }
        }
        flat
    }

    /// Comparisons of no bits are settled.
    fn simple(self) -> Self {
        match self {
            Self::Equal(cube) if cube.mask == 0 && cube.plain() => Self::Known(true),
            Self::Unequal(cube) if cube.mask == 0 && cube.plain() => Self::Known(false),
            other => other,
        }
    }

    /// What is left to be looked at where the word is known to be one of `known`.
    pub(crate) fn assuming(self, known: &Cube) -> Self {
        let rest = |cube: Cube| -> Option<Cube> {
            cube.and(known)?;
            let parametric = cube.parametric.into_iter().filter(|bits| !known.parametric.contains(bits));
            Some(Cube {
                mask: cube.mask & !known.mask,
                value: cube.value & !known.mask,
                parametric: parametric.collect(),
            })
        };
        match self {
            Self::Known(value) => Self::Known(value),
            Self::Equal(cube) => rest(cube).map_or(Self::Known(false), Self::Equal).simple(),
            Self::Unequal(cube) => rest(cube).map_or(Self::Known(true), Self::Unequal).simple(),
            address @ (Self::Stores(_) | Self::StoresNot(_)) => address,
            Self::All(parts) => Self::all(parts.into_iter().map(|part| part.assuming(known)).collect()),
            Self::Any(parts) => Self::any(parts.into_iter().map(|part| part.assuming(known)).collect()),
        }
    }

    /// The bits that are looked at whatever the parameters are.
    pub(crate) fn support(&self) -> u128 {
        match self {
            Self::Known(_) => 0,
            Self::Equal(cube) | Self::Unequal(cube) => cube.mask,
            Self::Stores(stored) | Self::StoresNot(stored) => stored.mask,
            Self::All(parts) | Self::Any(parts) => parts.iter().fold(0, |bits, part| bits | part.support()),
        }
    }

    /// The condition as an expression on `word`, without jumps.
    pub(crate) fn expr(&self, word: &Expr) -> Expr {
        match self {
            Self::Known(value) => Expr::Bool(*value),
            Self::Equal(cube) if is_one_bit(cube) => cube.masked(word).ne(Expr::Bits(0)),
            Self::Unequal(cube) if is_one_bit(cube) => cube.masked(word).eq(Expr::Bits(0)),
            Self::Equal(cube) => cube.masked(word).eq(Expr::Bits(cube.value)),
            Self::Unequal(cube) => cube.masked(word).ne(Expr::Bits(cube.value)),
            Self::Stores(stored) => {
                let (seen, wanted) = stored.compared(word);
                seen.eq(wanted)
            }
            Self::StoresNot(stored) => {
                let (seen, wanted) = stored.compared(word);
                seen.ne(wanted)
            }
            Self::All(parts) => Expr::and(parts.iter().map(|part| part.expr(word)).collect()),
            Self::Any(parts) => Expr::or(parts.iter().map(|part| part.expr(word)).collect()),
        }
    }

    /// Whether `word` fulfils it. Bits that depend on parameters do not count, and there are no addresses.
    #[cfg(test)]
    pub(crate) fn holds(&self, word: u128) -> bool {
        match self {
            Self::Known(value) => *value,
            Self::Equal(cube) => word & cube.mask == cube.value,
            Self::Unequal(cube) => word & cube.mask != cube.value,
            Self::Stores(_) | Self::StoresNot(_) => unreachable!("no addresses"),
            Self::All(parts) => parts.iter().all(|part| part.holds(word)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(word)),
        }
    }
}

/// `w & bit == bit` is shown as `w & bit != 0`.
fn is_one_bit(cube: &Cube) -> bool {
    cube.plain() && cube.mask.is_power_of_two() && cube.value == cube.mask
}

/// One alternative of a disjunction: a comparison and whatever else must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    cube: Cube,
    rest: Vec<Formula>,
}

impl Term {
    fn of(formula: Formula) -> Self {
        let parts = match formula {
            Formula::All(parts) => parts,
            other => vec![other],
        };
        let mut term = Self { cube: Cube::new(0, 0), rest: Vec::new() };
        for part in parts {
            match part.one_bit(true) {
                Formula::Equal(cube) if term.cube.mask == 0 && term.cube.plain() => term.cube = cube,
                other => term.rest.push(other),
            }
        }
        term
    }

    fn formula(self) -> Formula {
        let mut parts = vec![Formula::Equal(self.cube)];
        parts.extend(self.rest);
        Formula::all(parts)
    }

    /// Joins alternatives that differ in one bit and drops those that another one contains.
    fn merge(terms: &mut Vec<Self>) {
        'again: loop {
            for a in 0..terms.len() {
                for b in 0..terms.len() {
                    if a == b {
                        continue;
                    }
                    let (first, second) = (&terms[a], &terms[b]);
                    let differing = first.cube.value ^ second.cube.value;
                    let same = first.rest == second.rest && first.cube.parametric == second.cube.parametric;
                    if same && first.cube.mask == second.cube.mask && differing.is_power_of_two() {
                        terms[a].cube.mask &= !differing;
                        terms[a].cube.value &= !differing;
                        terms.remove(b);
                        continue 'again;
                    }
                    let contained = second.rest.iter().all(|part| first.rest.contains(part));
                    if contained && first.cube.implies(&second.cube) {
                        terms.remove(a);
                        continue 'again;
                    }
                }
            }
            return;
        }
    }

    /// What all terms demand, if anything.
    fn common(terms: &[Self]) -> Option<Self> {
        let first = terms.first()?;
        let mut common = first.clone();
        for term in &terms[1..] {
            let agreed = common.cube.mask & term.cube.mask & !(common.cube.value ^ term.cube.value);
            common.cube.mask = agreed;
            common.cube.value &= agreed;
            common.cube.parametric.retain(|bits| term.cube.parametric.contains(bits));
            common.rest.retain(|part| term.rest.contains(part));
        }
        let any = common.cube.mask != 0 || !common.cube.plain() || !common.rest.is_empty();
        any.then_some(common)
    }

    fn without(&self, common: &Self) -> Self {
        let parametric = self.cube.parametric.iter().filter(|bits| !common.cube.parametric.contains(bits));
        Self {
            cube: Cube {
                mask: self.cube.mask & !common.cube.mask,
                value: self.cube.value & !common.cube.mask,
                parametric: parametric.cloned().collect(),
            },
            rest: self.rest.iter().filter(|part| !common.rest.contains(part)).cloned().collect(),
        }
    }
}

/// The bits whose membership depends on a parameter.
fn candidates(mask: &Mask) -> u128 {
    mask.parametric.iter().fold(0, |bits, part| bits | part.bits)
}

/// A mask as an expression on the parameters in `f`.
pub(crate) fn mask_expr(mask: &Mask) -> Expr {
    let candidates = candidates(mask);
    // Bits with the same candidacy share the rules that let them in.
    let mut groups: Vec<(Vec<usize>, u128)> = Vec::new();
    for bit in (0..128).map(|bit| 1u128 << bit).filter(|bit| candidates & bit != 0) {
        let rules: Vec<usize> =
            (0..mask.parametric.len()).filter(|&part| mask.parametric[part].bits & bit != 0).collect();
        match groups.iter_mut().find(|(known, _)| *known == rules) {
            Some((_, bits)) => *bits |= bit,
            None => groups.push((rules, bit)),
        }
    }
    let mut parts = vec![Expr::Bits(mask.fixed & !candidates)];
    for (rules, bits) in groups {
        let mut letting: Vec<Expr> = rules.iter().map(|&part| rule_bits(&mask.parametric[part])).collect();
        letting.push(Expr::Bits(bits));
        parts.push(Expr::bit_and(letting));
    }
    Expr::bit_or(parts)
}

/// All bits that the rule lets in, candidates or not.
fn rule_bits(bits: &ParametricBits) -> Expr {
    let parameter = Expr::var(format!("f.{}", bits.parameter));
    let below = |shift: i32| {
        // `!(!0 << n)`: right for every n below the width of the word.
        let all = Expr::Bits(0).bit_not();
        all.shl(parameter.clone().plus(i128::from(shift)))
    };
    match bits.rule {
        ParametricRule::Below { shift } => below(shift).bit_not(),
        ParametricRule::AtOrAbove { shift } => below(shift),
        ParametricRule::At => Expr::bit_at(parameter),
        ParametricRule::NotAt => Expr::bit_at(parameter).bit_not(),
    }
}

#[cfg(test)]
mod tests;
