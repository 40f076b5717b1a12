//! One expression out of those of all models of a family.
//!
//! Each expression holds at one point of a [`Space`], whose dimensions are what is decided at run time. Where the
//! expressions agree the result is theirs; where they differ in a constant, only the constant is chosen at run time; and
//! only where they differ in shape does a whole branch depend on a variable.

use super::expr::{Expr, Op};

/// Something that differs from point to point.
#[derive(Clone, Debug)]
pub(crate) enum Dim {
    /// A truth value, 0 or 1 at a point.
    Flag(Expr),
    /// A number.
    Number(Expr),
    /// Which of these holds; a point has the place of one of them. The last one needs no test.
    Tests(Vec<Expr>),
}

/// The points at which expressions are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Space {
    /// The dimensions.
    pub(crate) dims: Vec<Dim>,
    /// The coordinates of every point.
    pub(crate) points: Vec<Vec<u128>>,
}

impl Space {
    /// The expression that equals `exprs[i]` at the i-th point. `None` if there are no points.
    pub(crate) fn merge(&self, exprs: &[Expr]) -> Option<Expr> {
        let all: Vec<usize> = (0..exprs.len()).collect();
        let exprs: Vec<&Expr> = exprs.iter().collect();
        (!all.is_empty()).then(|| self.merged(&all, &exprs))
    }

    fn merged(&self, at: &[usize], exprs: &[&Expr]) -> Expr {
        if exprs.iter().all(|expr| *expr == exprs[0]) {
            return exprs[0].clone();
        }
        if let Some(values) = each(exprs, |expr| if let Expr::Bits(bits) = expr { Some(*bits) } else { None }) {
            return self.bits(at, &values);
        }
        if let Some(values) = each(exprs, |expr| if let Expr::Number(n) = expr { Some(*n) } else { None }) {
            return self.number(at, &values);
        }
        for op in [Op::BitOr, Op::And, Op::Or] {
            if let (Some(lists), Some(neutral)) = (operand_lists(&op, exprs), op.neutral()) {
                return self.any_number(at, &op, &neutral, &lists);
            }
        }
        if let Some(merged) = self.operands(at, exprs) {
            return merged;
        }
        let shapes: Vec<Expr> = exprs.iter().map(|expr| shape(expr)).collect();
        let labels = numbered(&shapes);
        self.choose(at, &labels, &|label| {
            let (at, exprs): (Vec<usize>, Vec<&Expr>) =
                (0..at.len()).filter(|&i| labels[i] == label).map(|i| (at[i], exprs[i])).unzip();
            self.merged(&at, &exprs)
        })
    }

    /// The same operation of as many operands of the same shape: operand by operand.
    fn operands(&self, at: &[usize], exprs: &[&Expr]) -> Option<Expr> {
        let Expr::Op(op, first) = exprs[0] else { return None };
        let lists = each(exprs, |expr| match expr {
            Expr::Op(other, operands) if other == op && operands.len() == first.len() => Some(operands),
            _ => None,
        })?;
        let whole = matches!(op, Op::Struct(..));
        if !whole && !exprs.iter().all(|expr| shape(expr) == shape(exprs[0])) {
            return None;
        }
        let merged = (0..first.len()).map(|place| {
            let operands: Vec<&Expr> = lists.iter().map(|list| &list[place]).collect();
            self.merged(at, &operands)
        });
        Some(Expr::Op(op.clone(), merged.collect()))
    }

    /// Operands of which each expression may have any number: what all have stands alone.
    fn any_number(&self, at: &[usize], op: &Op, neutral: &Expr, lists: &[Vec<&Expr>]) -> Expr {
        let mut result = Vec::new();
        let constants: Vec<Expr> = lists.iter().map(|list| constant_of(list, neutral)).collect();
        let constants: Vec<&Expr> = constants.iter().collect();
        let constant = self.merged(at, &constants);
        let rest: Vec<Vec<&Expr>> = lists
            .iter()
            .map(|list| list.iter().copied().filter(|expr| !matches!(expr, Expr::Bits(_))).collect())
            .collect();
        let mut partial: Vec<(Vec<usize>, Vec<Expr>)> = Vec::new();
        let mut seen: Vec<Expr> = Vec::new();
        for operand in rest.iter().flatten() {
            let key = shape(operand);
            if seen.contains(&key) {
                continue;
            }
            let alike: Vec<Vec<&Expr>> =
                rest.iter().map(|list| list.iter().copied().filter(|other| shape(other) == key).collect()).collect();
            seen.push(key);
            if alike.iter().all(|list| list.len() == 1) {
                let alike: Vec<&Expr> = alike.iter().map(|list| list[0]).collect();
                result.push(self.merged(at, &alike));
                continue;
            }
            for one in distinct(alike.iter().flatten().copied()) {
                let present: Vec<usize> = alike.iter().map(|list| usize::from(list.contains(&one))).collect();
                match partial.iter_mut().find(|(where_, _)| *where_ == present) {
                    Some((_, operands)) => operands.push(one.clone()),
                    None => partial.push((present, vec![one.clone()])),
                }
            }
        }
        while !partial.is_empty() {
            let (present, operands) = partial.remove(0);
            let elsewhere: Vec<usize> = present.iter().map(|there| 1 - there).collect();
            // What is there only where this is not is the other branch of the same choice.
            let other =
                partial.iter().position(|(where_, _)| *where_ == elsewhere).map(|place| partial.remove(place).1);
            let (some, other) = (op.of(operands), other.map_or(neutral.clone(), |operands| op.of(operands)));
            result.push(self.choose(at, &present, &|label| if label == 1 { some.clone() } else { other.clone() }));
        }
        result.push(constant);
        op.of(result)
    }

    /// A constant that depends on the point: bits that depend on it alike are chosen together.
    fn bits(&self, at: &[usize], values: &[u128]) -> Expr {
        let labels = numbered(values);
        let count = labels.iter().max().map_or(0, |most| most + 1);
        let of_label = |label: usize| Expr::Bits(values[labels.iter().position(|l| *l == label).unwrap_or(0)]);
        if count == 2 {
            return self.choose(at, &labels, &of_label);
        }
        if let Some(position) = self.position(at, values) {
            return Expr::bit_at(position);
        }
        if self.decided_by_one(at, &labels) {
            return self.choose(at, &labels, &of_label);
        }
        let mut always = 0;
        let mut groups: Vec<(Vec<usize>, u128, u128)> = Vec::new();
        for bit in (0..128).map(|bit| 1u128 << bit) {
            let table: Vec<usize> = values.iter().map(|value| usize::from(value & bit != 0)).collect();
            if table.iter().all(|set| *set == 1) {
                always |= bit;
            } else if table.contains(&1) {
                let inverse: Vec<usize> = table.iter().map(|set| 1 - set).collect();
                match groups.iter_mut().find(|(known, ..)| *known == table || *known == inverse) {
                    Some((known, set, _)) if *known == table => *set |= bit,
                    Some((_, _, clear)) => *clear |= bit,
                    None => groups.push((table, bit, 0)),
                }
            }
        }
        let mut parts = vec![Expr::Bits(always)];
        for (table, set, clear) in groups {
            let of_label = |label: usize| Expr::Bits(if label == 1 { set } else { clear });
            parts.push(self.choose(at, &table, &of_label));
        }
        Expr::bit_or(parts)
    }

    /// Where the only bit is, if there is one that follows a number without a choice.
    fn position(&self, at: &[usize], values: &[u128]) -> Option<Expr> {
        let positions: Option<Vec<u128>> =
            values.iter().map(|bits| bits.is_power_of_two().then(|| bits.ilog2().into())).collect();
        let position = self.number(at, &positions?);
        matches!(position, Expr::Var(_) | Expr::Op(Op::Add | Op::Sub, _)).then_some(position)
    }

    /// A number that depends on the point, perhaps by following another number.
    fn number(&self, at: &[usize], values: &[u128]) -> Expr {
        for (place, dim) in self.dims.iter().enumerate() {
            let Dim::Number(variable) = dim else { continue };
            let mut steps: Vec<(u128, u128)> = Vec::new();
            for (point, value) in at.iter().zip(values) {
                steps.push((self.points[*point][place], *value));
            }
            steps.sort_unstable();
            steps.dedup();
            let decided = steps.windows(2).all(|pair| pair[0].0 != pair[1].0);
            if decided && steps.len() > 2 {
                return stretches(variable, &steps);
            }
        }
        let labels = numbered(values);
        self.choose(at, &labels, &|label| Expr::Number(values[labels.iter().position(|l| *l == label).unwrap_or(0)]))
    }

    /// Whether a single flag or test tells the labels apart.
    fn decided_by_one(&self, at: &[usize], labels: &[usize]) -> bool {
        (0..self.dims.len()).any(|dim| {
            let mut known: Vec<(u128, usize)> =
                at.iter().zip(labels).map(|(point, label)| (self.points[*point][dim], *label)).collect();
            known.sort_unstable();
            known.dedup();
            known.windows(2).all(|pair| pair[0].0 != pair[1].0)
        })
    }

    /// A tree of choices that ends in `leaf(label)` at each point.
    pub(crate) fn choose(&self, at: &[usize], labels: &[usize], leaf: &dyn Fn(usize) -> Expr) -> Expr {
        if labels.iter().all(|label| *label == labels[0]) {
            return leaf(labels[0]);
        }
        let mut best: Option<(usize, Expr, Vec<bool>)> = None;
        for (place, dim) in self.dims.iter().enumerate() {
            for (test, side) in self.splits(at, place, dim) {
                let on = |wanted: bool| {
                    let labels = labels.iter().zip(&side).filter(|(_, side)| **side == wanted);
                    distinct(labels.map(|(label, _)| label)).len()
                };
                let cost = on(true) + on(false);
                if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                    best = Some((cost, test, side));
                }
            }
        }
        // Two points that differ in no dimension are one point: the first answer is as good as the second.
        let Some((_, test, side)) = best else { return leaf(labels[0]) };
        let part = |wanted: bool| {
            let (at, labels): (Vec<usize>, Vec<usize>) =
                (0..at.len()).filter(|&i| side[i] == wanted).map(|i| (at[i], labels[i])).unzip();
            self.choose(&at, &labels, leaf)
        };
        Expr::choose(test, part(true), part(false))
    }

    /// The tests on one dimension that separate the points, with the side of each point.
    fn splits(&self, at: &[usize], place: usize, dim: &Dim) -> Vec<(Expr, Vec<bool>)> {
        let coordinates: Vec<u128> = at.iter().map(|point| self.points[*point][place]).collect();
        let mut values = coordinates.clone();
        values.sort_unstable();
        values.dedup();
        if values.len() < 2 {
            return Vec::new();
        }
        let side = |test: &dyn Fn(u128) -> bool| coordinates.iter().map(|value| test(*value)).collect();
        let mut splits = Vec::new();
        match dim {
            Dim::Flag(flag) => splits.push((flag.clone(), side(&|value| value != 0))),
            Dim::Number(number) if values.len() == 2 => {
                splits.push((number.clone().eq(Expr::Number(values[1])), side(&|value| value == values[1])));
            }
            Dim::Number(number) => {
                for last in &values[..values.len() - 1] {
                    splits.push((number.clone().le(Expr::Number(*last)), side(&|value| value <= *last)));
                }
                for one in &values {
                    splits.push((number.clone().eq(Expr::Number(*one)), side(&|value| value == *one)));
                }
            }
            Dim::Tests(tests) => {
                let needed = if values.len() == 2 { &values[..1] } else { &values[..values.len() - 1] };
                for one in needed {
                    let test = usize::try_from(*one).ok().and_then(|one| tests.get(one));
                    if let Some(test) = test {
                        splits.push((test.clone(), side(&|value| value == *one)));
                    }
                }
            }
        }
        splits
    }
}

/// Stretches in which the value stays or follows the variable one to one.
fn stretches(variable: &Expr, steps: &[(u128, u128)]) -> Expr {
    let extent = |of: &dyn Fn(&(u128, u128)) -> u128| {
        1 + steps.windows(2).take_while(|pair| of(&pair[0]) == of(&pair[1])).count()
    };
    let constant = extent(&|step| step.1);
    let following = extent(&|step| step.1.wrapping_sub(step.0));
    let falling = extent(&|step| step.1.wrapping_add(step.0));
    let (length, value) = if falling > following && falling > constant {
        (falling, Expr::Op(Op::Sub, vec![Expr::Number(steps[0].1 + steps[0].0), variable.clone()]))
    } else if following > constant {
        let by = steps[0].1.wrapping_sub(steps[0].0);
        (following, variable.clone().plus(by as i128))
    } else {
        (constant, Expr::Number(steps[0].1))
    };
    if length == steps.len() {
        return value;
    }
    let here = variable.clone().le(Expr::Number(steps[length - 1].0));
    Expr::choose(here, value, stretches(variable, &steps[length..]))
}

/// What `f` makes of each, if it makes something of all.
fn each<'a, T>(exprs: &[&'a Expr], f: impl Fn(&'a Expr) -> Option<T>) -> Option<Vec<T>> {
    exprs.iter().map(|expr| f(expr)).collect()
}

/// The operands of each, if at least one has this operation and the others could be an operand.
fn operand_lists<'a>(op: &Op, exprs: &[&'a Expr]) -> Option<Vec<Vec<&'a Expr>>> {
    let has = |expr: &Expr| matches!(expr, Expr::Op(other, _) if other == op);
    if !exprs.iter().any(|expr| has(expr)) {
        return None;
    }
    each(exprs, |expr| match expr {
        Expr::Op(other, operands) if other == op => Some(operands.iter().collect()),
        // Where one side is settled altogether, the choice belongs outside.
        Expr::Bool(_) => None,
        Expr::Op(Op::And | Op::Or, _) => None,
        other => Some(vec![other]),
    })
}

fn constant_of(list: &[&Expr], neutral: &Expr) -> Expr {
    list.iter().find(|expr| matches!(expr, Expr::Bits(_))).map_or(neutral.clone(), |expr| (*expr).clone())
}

/// The expression with all constants alike.
fn shape(expr: &Expr) -> Expr {
    match expr {
        Expr::Bits(_) => Expr::Bits(0),
        Expr::Number(_) => Expr::Number(0),
        Expr::Op(op, operands) => Expr::Op(op.clone(), operands.iter().map(shape).collect()),
        other => other.clone(),
    }
}

/// For each item the place of the first one equal to it, counting only first ones.
fn numbered<T: PartialEq>(items: &[T]) -> Vec<usize> {
    let mut first: Vec<&T> = Vec::new();
    items
        .iter()
        .map(|item| {
            first.iter().position(|known| *known == item).unwrap_or_else(|| {
                first.push(item);
                first.len() - 1
            })
        })
        .collect()
}

fn distinct<'a, T: PartialEq + 'a>(items: impl Iterator<Item = &'a T>) -> Vec<&'a T> {
    let mut kept: Vec<&T> = Vec::new();
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(count: usize) -> Space {
        let names = ["f.a", "f.b", "f.c", "f.d"];
        Space {
            dims: names[..count].iter().map(|name| Dim::Flag(Expr::var(*name))).collect(),
            points: (0..1u128 << count).map(|n| (0..count).map(|bit| n >> bit & 1).collect()).collect(),
        }
    }

    fn agrees(space: &Space, merged: &Expr, exprs: &[Expr]) {
        for (point, expr) in space.points.iter().zip(exprs) {
            for word in [0, 1, 0xff, 0x1234_5678, u64::MAX, 0xf0f0_f0f0_0f0f_0f0f] {
                let variables = |name: &str| match name {
                    "w" => word,
                    "f.a" => point[0] as u64,
                    "f.b" => point[1] as u64,
                    "f.c" => point[2] as u64,
                    other => panic!("{other}"),
                };
                assert_eq!(merged.value(&variables), expr.value(&variables), "{merged:?} at {point:?}");
            }
        }
    }

    #[test]
    fn constants_are_chosen_by_what_they_depend_on() {
        let space = flags(3);
        let exprs: Vec<Expr> = (0..8u128)
            .map(|n| {
                let mask = 0xf000 | (n & 1) << 63 | ((n >> 1 & 1) * 0xf00) | u128::from(n == 7);
                Expr::bit_and(vec![Expr::var("w"), Expr::Bits(mask)]).eq(Expr::Bits(n & 1))
            })
            .collect();
        let merged = space.merge(&exprs).expect("points");
        agrees(&space, &merged, &exprs);
        assert!(matches!(merged, Expr::Op(Op::Eq, _)), "{merged:?}");
    }

    #[test]
    fn operands_may_be_missing() {
        let space = flags(3);
        let w = || Expr::var("w");
        let exprs: Vec<Expr> = (0..8u128)
            .map(|n| {
                let mut parts = vec![Expr::bit_and(vec![w(), Expr::Bits(0xff)]), Expr::Bits(n)];
                if n & 1 != 0 {
                    parts.push(w().shifted(8));
                }
                if n & 2 != 0 {
                    parts.push(w().shifted(-8));
                }
                Expr::bit_or(parts)
            })
            .collect();
        agrees(&space, &space.merge(&exprs).expect("points"), &exprs);
    }

    #[test]
    fn truth_values_of_different_shape_are_chosen_whole() {
        let space = flags(3);
        let test = |bit: u32| Expr::bit_and(vec![Expr::var("w"), Expr::Bits(1 << bit)]).ne(Expr::Bits(0));
        let exprs: Vec<Expr> = (0..8u32)
            .map(|n| match n & 3 {
                0 => Expr::Bool(false),
                1 => test(n),
                2 => Expr::and(vec![test(3), test(n).not()]),
                _ => Expr::or(vec![test(3), test(n)]),
            })
            .collect();
        agrees(&space, &space.merge(&exprs).expect("points"), &exprs);
    }

    #[test]
    fn numbers_follow_a_variable() {
        let points: Vec<Vec<u128>> = (25..=48).map(|bits| vec![bits]).collect();
        let space = Space { dims: vec![Dim::Number(Expr::var("f.bits"))], points };
        let exprs: Vec<Expr> = (25..=48).map(|bits: u128| Expr::Number(bits.saturating_sub(30).min(9))).collect();
        let merged = space.merge(&exprs).expect("points");
        for (point, expr) in space.points.iter().zip(&exprs) {
            assert_eq!(merged.value(&|_| point[0] as u64), expr.value(&|_| 0), "{merged:?}");
        }
        let choices = format!("{merged:?}").matches("If").count();
        assert_eq!(choices, 2, "{merged:?}");
    }

    #[test]
    fn what_follows_a_variable_needs_no_choice() {
        let space = Space { dims: vec![Dim::Number(Expr::var("f.bits"))], points: vec![vec![39], vec![48], vec![57]] };
        let (top, above) = (|bits: u128| Expr::Bits(1 << (bits - 1)), |bits: u128| Expr::Number(64 - bits));
        for each in [&top as &dyn Fn(u128) -> Expr, &above] {
            let exprs: Vec<Expr> = space.points.iter().map(|point| each(point[0])).collect();
            let merged = space.merge(&exprs).expect("points");
            for (point, expr) in space.points.iter().zip(&exprs) {
                assert_eq!(merged.value(&|_| point[0] as u64), expr.value(&|_| 0), "{merged:?}");
            }
            assert!(!format!("{merged:?}").contains("If"), "{merged:?}");
        }
    }

    #[test]
    fn tests_tell_layouts_apart() {
        let test = Expr::bit_and(vec![Expr::var("w"), Expr::Bits(0x10)]).ne(Expr::Bits(0));
        let space = Space { dims: vec![Dim::Tests(vec![test, Expr::Bool(true)])], points: vec![vec![0], vec![1]] };
        let merged = space.merge(&[Expr::Number(16), Expr::Number(12)]).expect("points");
        assert_eq!(merged.value(&|_| 0x10), 16);
        assert_eq!(merged.value(&|_| 0), 12);
    }
}
