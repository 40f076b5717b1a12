//! Reduced ordered binary decision diagrams.
//!
//! A condition over a handful of features and word bits is a small graph; two conditions are equal exactly when their
//! graphs are. Whether a set of words is empty, covered or disjoint from another is then a look at one number. The
//! order of the variables is the order of their numbers and never changes.

use std::collections::{BTreeMap, HashMap};

/// A variable: features, values of parameters and bits of a word are numbered by whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Var(pub u32);

/// A condition. Meaningful only together with the [`Bdds`] that made it; equal conditions are equal values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bdd(u32);

/// A conjunction of decided variables, lowest first; variables that are not listed may have either value.
pub type Cube = Vec<(Var, bool)>;

impl Bdd {
    /// Holds never.
    pub const FALSE: Self = Self(0);
    /// Holds always.
    pub const TRUE: Self = Self(1);

    /// One of the two constants.
    #[must_use]
    pub const fn constant(value: bool) -> Self {
        if value { Self::TRUE } else { Self::FALSE }
    }

    /// Whether it holds never.
    #[must_use]
    pub fn is_false(self) -> bool {
        self == Self::FALSE
    }

    /// Whether it holds always.
    #[must_use]
    pub fn is_true(self) -> bool {
        self == Self::TRUE
    }
}

/// The nodes of all conditions that are reasoned about together.
///
/// Conditions can be written whose diagram grows exponentially. Beyond [`Bdds::LIMIT`] nodes every new condition comes
/// out as `FALSE` and [`Bdds::overflowed`] tells that answers since then mean nothing.
#[derive(Clone, Debug)]
pub struct Bdds {
    nodes: Vec<Node>,
    unique: HashMap<Node, Bdd>,
    conjunctions: HashMap<(Bdd, Bdd), Bdd>,
    complements: HashMap<Bdd, Bdd>,
    overflowed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Node {
    var: Var,
    low: Bdd,
    high: Bdd,
}

impl Default for Bdds {
    fn default() -> Self {
        // The constants stand below every variable.
        let constant = |bdd| Node { var: Var(u32::MAX), low: bdd, high: bdd };
        Self {
            nodes: vec![constant(Bdd::FALSE), constant(Bdd::TRUE)],
            unique: HashMap::new(),
            conjunctions: HashMap::new(),
            complements: HashMap::new(),
            overflowed: false,
        }
    }
}

impl Bdds {
    /// How many nodes there may be; page-table formats need some thousands.
    pub const LIMIT: usize = 1 << 17;

    /// Whether the limit was hit.
    #[must_use]
    pub const fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// How many nodes there are.
    #[cfg(test)]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The variable holds.
    pub fn var(&mut self, var: Var) -> Bdd {
        self.node(var, Bdd::FALSE, Bdd::TRUE)
    }

    /// The variable has this value.
    pub fn literal(&mut self, var: Var, value: bool) -> Bdd {
        self.node(var, Bdd::constant(!value), Bdd::constant(value))
    }

    /// It fails.
    pub fn not(&mut self, a: Bdd) -> Bdd {
        match a {
            Bdd::FALSE => return Bdd::TRUE,
            Bdd::TRUE => return Bdd::FALSE,
            _ if self.overflowed => return Bdd::FALSE,
            _ => {}
        }
        if let Some(known) = self.complements.get(&a) {
            return *known;
        }
        let Node { var, low, high } = self.at(a);
        let low = self.not(low);
        let high = self.not(high);
        let result = self.node(var, low, high);
        self.complements.insert(a, result);
        result
    }

    /// Both hold.
    pub fn and(&mut self, a: Bdd, b: Bdd) -> Bdd {
        if a == b || b.is_true() {
            return a;
        }
        if a.is_true() {
            return b;
        }
        if a.is_false() || b.is_false() || self.overflowed {
            return Bdd::FALSE;
        }
        let key = (a.min(b), a.max(b));
        if let Some(known) = self.conjunctions.get(&key) {
            return *known;
        }
        let (left, right) = (self.at(a), self.at(b));
        let var = left.var.min(right.var);
        let (left_low, left_high) = left.split(var, a);
        let (right_low, right_high) = right.split(var, b);
        let low = self.and(left_low, right_low);
        let high = self.and(left_high, right_high);
        let result = self.node(var, low, high);
        self.conjunctions.insert(key, result);
        result
    }

    /// At least one holds.
    pub fn or(&mut self, a: Bdd, b: Bdd) -> Bdd {
        let (a, b) = (self.not(a), self.not(b));
        let neither = self.and(a, b);
        self.not(neither)
    }

    /// The first holds, the second fails.
    pub fn and_not(&mut self, a: Bdd, b: Bdd) -> Bdd {
        let b = self.not(b);
        self.and(a, b)
    }

    /// The second holds wherever the first does.
    pub fn implies(&mut self, a: Bdd, b: Bdd) -> Bdd {
        let broken = self.and_not(a, b);
        self.not(broken)
    }

    /// All hold.
    pub fn all(&mut self, conditions: impl IntoIterator<Item = Bdd>) -> Bdd {
        conditions.into_iter().fold(Bdd::TRUE, |all, one| self.and(all, one))
    }

    /// At least one holds.
    pub fn any(&mut self, conditions: impl IntoIterator<Item = Bdd>) -> Bdd {
        conditions.into_iter().fold(Bdd::FALSE, |any, one| self.or(any, one))
    }

    /// Some choice of the variables for which `hidden` says yes makes it hold.
    pub fn exists(&mut self, a: Bdd, hidden: &dyn Fn(Var) -> bool) -> Bdd {
        self.exists_memo(a, hidden, &mut HashMap::new())
    }

    fn exists_memo(&mut self, a: Bdd, hidden: &dyn Fn(Var) -> bool, memo: &mut HashMap<Bdd, Bdd>) -> Bdd {
        if a.is_false() || a.is_true() {
            return a;
        }
        if let Some(known) = memo.get(&a) {
            return *known;
        }
        let Node { var, low, high } = self.at(a);
        let low = self.exists_memo(low, hidden, memo);
        let high = self.exists_memo(high, hidden, memo);
        let result = if hidden(var) { self.or(low, high) } else { self.node(var, low, high) };
        memo.insert(a, result);
        result
    }

    /// What is left of the condition when some variables are decided.
    #[cfg(test)]
    fn decide(&mut self, a: Bdd, value: &dyn Fn(Var) -> Option<bool>) -> Bdd {
        self.decide_memo(a, value, &mut HashMap::new())
    }

    #[cfg(test)]
    fn decide_memo(&mut self, a: Bdd, value: &dyn Fn(Var) -> Option<bool>, memo: &mut HashMap<Bdd, Bdd>) -> Bdd {
        if a.is_false() || a.is_true() {
            return a;
        }
        if let Some(known) = memo.get(&a) {
            return *known;
        }
        let Node { var, low, high } = self.at(a);
        let result = match value(var) {
            Some(false) => self.decide_memo(low, value, memo),
            Some(true) => self.decide_memo(high, value, memo),
            None => {
                let low = self.decide_memo(low, value, memo);
                let high = self.decide_memo(high, value, memo);
                self.node(var, low, high)
            }
        };
        memo.insert(a, result);
        result
    }

    /// The variables that it depends on, lowest first.
    #[must_use]
    pub fn support(&self, a: Bdd) -> Vec<Var> {
        let mut seen = BTreeMap::new();
        let mut found = std::collections::BTreeSet::new();
        let mut open = vec![a];
        while let Some(bdd) = open.pop() {
            if bdd.is_false() || bdd.is_true() || seen.insert(bdd, ()).is_some() {
                continue;
            }
            let Node { var, low, high } = self.at(bdd);
            found.insert(var);
            open.extend([low, high]);
        }
        found.into_iter().collect()
    }

    /// A way to make it hold that decides as few variables as any path of the diagram does; of equally short ones that
    /// with more zeroes at the front. `None` if it never holds.
    #[must_use]
    pub fn witness(&self, a: Bdd) -> Option<Cube> {
        let mut lengths = HashMap::new();
        self.shortest(a, &mut lengths)?;
        let mut cube = Cube::new();
        let mut bdd = a;
        while !bdd.is_true() {
            let Node { var, low, high } = self.at(bdd);
            let length = |bdd: Bdd| lengths.get(&bdd).copied().flatten();
            let value = match (length(low), length(high)) {
                (None, _) => true,
                (_, None) => false,
                (Some(zero), Some(one)) => one < zero,
            };
            cube.push((var, value));
            bdd = if value { high } else { low };
        }
        Some(cube)
    }

    /// The fewest variables decided on a path to `TRUE`.
    fn shortest(&self, a: Bdd, lengths: &mut HashMap<Bdd, Option<u32>>) -> Option<u32> {
        if let Some(known) = lengths.get(&a) {
            return *known;
        }
        let length = match a {
            Bdd::FALSE => None,
            Bdd::TRUE => Some(0),
            _ => {
                let Node { low, high, .. } = self.at(a);
                let zero = self.shortest(low, lengths);
                let one = self.shortest(high, lengths);
                zero.into_iter().chain(one).min().map(|length| length + 1)
            }
        };
        lengths.insert(a, length);
        length
    }

    fn at(&self, bdd: Bdd) -> Node {
        // Every `Bdd` that exists was pushed before it was handed out.
        self.nodes[bdd.0 as usize]
    }

    fn node(&mut self, var: Var, low: Bdd, high: Bdd) -> Bdd {
        if low == high {
            return low;
        }
        let node = Node { var, low, high };
        if let Some(known) = self.unique.get(&node) {
            return *known;
        }
        if self.nodes.len() >= Self::LIMIT {
            self.overflowed = true;
            return Bdd::FALSE;
        }
        let bdd = Bdd(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(node);
        self.unique.insert(node, bdd);
        bdd
    }
}

impl Node {
    /// What is left of the node `this` where `var`, which does not stand below it, is off and where it is on.
    fn split(self, var: Var, this: Bdd) -> (Bdd, Bdd) {
        if self.var == var { (self.low, self.high) } else { (this, this) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bdd, Bdds, Cube, Var};

    /// A condition as a tree, to be judged without diagrams.
    #[derive(Clone, Debug)]
    enum Tree {
        Var(u32),
        Not(Box<Tree>),
        And(Box<Tree>, Box<Tree>),
        Or(Box<Tree>, Box<Tree>),
    }

    const VARS: u32 = 5;

    impl Tree {
        /// A tree out of a stream of numbers.
        fn grow(seed: &mut u64, depth: u32) -> Self {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let roll = (*seed >> 33) as u32;
            if depth == 0 {
                return Self::Var(roll % VARS);
            }
            let mut grown = || Box::new(Self::grow(seed, depth - 1));
            match roll % 4 {
                0 => Self::Var((roll >> 2) % VARS),
                1 => Self::Not(grown()),
                2 => Self::And(grown(), grown()),
                _ => Self::Or(grown(), grown()),
            }
        }

        fn holds(&self, values: u32) -> bool {
            match self {
                Self::Var(var) => values >> var & 1 == 1,
                Self::Not(a) => !a.holds(values),
                Self::And(a, b) => a.holds(values) && b.holds(values),
                Self::Or(a, b) => a.holds(values) || b.holds(values),
            }
        }

        fn diagram(&self, bdds: &mut Bdds) -> Bdd {
            match self {
                Self::Var(var) => bdds.var(Var(*var)),
                Self::Not(a) => {
                    let a = a.diagram(bdds);
                    bdds.not(a)
                }
                Self::And(a, b) | Self::Or(a, b) => {
                    let (left, right) = (a.diagram(bdds), b.diagram(bdds));
                    match self {
                        Self::And(..) => bdds.and(left, right),
                        _ => bdds.or(left, right),
                    }
                }
            }
        }
    }

    fn decided(bdds: &mut Bdds, bdd: Bdd, values: u32) -> Bdd {
        bdds.decide(bdd, &|var| Some(values >> var.0 & 1 == 1))
    }

    fn fits(cube: &Cube, values: u32) -> bool {
        cube.iter().all(|(var, value)| (values >> var.0 & 1 == 1) == *value)
    }

    #[test]
    fn diagrams_agree_with_truth_tables() {
        let mut seed = 1;
        for _ in 0..400 {
            let tree = Tree::grow(&mut seed, 5);
            let mut bdds = Bdds::default();
            let bdd = tree.diagram(&mut bdds);
            let truth: Vec<u32> = (0..1 << VARS).filter(|values| tree.holds(*values)).collect();
            for values in 0..1 << VARS {
                let decided = decided(&mut bdds, bdd, values);
                assert_eq!(decided, Bdd::constant(truth.contains(&values)), "{tree:?} {values:b}");
            }
            assert_eq!(bdd.is_false(), truth.is_empty());
            assert_eq!(bdd.is_true(), truth.len() == 1 << VARS);
            match bdds.witness(bdd) {
                None => assert!(truth.is_empty()),
                Some(cube) => {
                    let words = (0..1 << VARS).filter(|values| fits(&cube, *values));
                    assert!(words.into_iter().all(|values| truth.contains(&values)));
                }
            }
            let hidden = bdds.exists(bdd, &|var| var == Var(2));
            for values in 0..1 << VARS {
                let expected = tree.holds(values | 4) || tree.holds(values & !4);
                assert_eq!(decided(&mut bdds, hidden, values), Bdd::constant(expected), "{tree:?}");
            }
        }
    }

    #[test]
    fn equal_conditions_are_one_diagram() {
        let mut bdds = Bdds::default();
        let (a, b) = (bdds.var(Var(0)), bdds.var(Var(1)));
        let neither = bdds.or(a, b);
        let neither = bdds.not(neither);
        let (not_a, not_b) = (bdds.not(a), bdds.not(b));
        assert_eq!(bdds.and(not_a, not_b), neither);
        assert_eq!(bdds.support(neither), [Var(0), Var(1)]);
        assert!(bdds.implies(neither, not_a).is_true());
    }

    #[test]
    fn a_witness_decides_as_little_as_it_can() {
        let mut bdds = Bdds::default();
        let (a, b, c) = (bdds.var(Var(0)), bdds.var(Var(1)), bdds.var(Var(2)));
        let both = bdds.and(a, b);
        let either = bdds.or(both, c);
        let zero = bdds.not(a);
        let condition = bdds.or(zero, either);
        assert_eq!(bdds.witness(condition), Some(vec![(Var(0), false)]));
        assert_eq!(bdds.witness(Bdd::FALSE), None);
        assert_eq!(bdds.witness(Bdd::TRUE), Some(vec![]));
    }

    #[test]
    fn growth_is_bounded() {
        let mut bdds = Bdds::default();
        // Pairs far apart in the order: the diagram doubles with each.
        let pairs: Vec<(Bdd, Bdd)> = (0..30).map(|n| (bdds.var(Var(n)), bdds.var(Var(100 + n)))).collect();
        let mut any = Bdd::FALSE;
        for (a, b) in pairs {
            let both = bdds.and(a, b);
            any = bdds.or(any, both);
            if bdds.overflowed() {
                return;
            }
        }
        panic!("30 pairs fit into {} nodes", Bdds::LIMIT);
    }
}
