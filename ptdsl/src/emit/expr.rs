//! Expressions of emitted code, small enough to compare, merge and evaluate.
//!
//! Whoever emits a body writes it for one model of a family; [`merge`](super::merge) then makes one expression of those
//! of all models. The constructors simplify, so that a shift by nothing or a mask of nothing never reaches the output.

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expr {
    /// A set of bits, shown in hexadecimal.
    Bits(u128),
    /// A number, shown in decimal.
    Number(u128),
    /// A truth value.
    Bool(bool),
    /// A variable or a path to a field or constant, such as `f.width`.
    Var(String),
    /// Something of other expressions.
    Op(Op, Vec<Expr>),
}

/// What is made of the operands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    /// `a & b & c` of words.
    BitAnd,
    /// `a | b | c` of words.
    BitOr,
    /// `a ^ b`.
    BitXor,
    /// `!a` of words.
    BitNot,
    /// `a << b`.
    Shl,
    /// `a >> b`.
    Shr,
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `a * b`.
    Mul,
    /// `a == b`.
    Eq,
    /// `a != b`.
    Ne,
    /// `a <= b`.
    Le,
    /// `a & b & c` of truth values: no jumps.
    And,
    /// `a | b | c` of truth values.
    Or,
    /// `!a` of truth values.
    Not,
    /// `a as u64`.
    Cast(&'static str),
    /// `if a { b } else { c }`.
    If,
    /// `f(a, b)`.
    Call(String),
    /// `a.f(b)`.
    Method(String),
    /// `S { x: a, y: b }`.
    Struct(String, Vec<String>),
    /// `a?`.
    Try,
    /// `match a { p => b, q => c }`: the scrutinee, then one operand for each pattern.
    Match(Vec<String>),
}

impl Op {
    /// What the operation makes of no operands, where it takes any number of them.
    pub(crate) fn neutral(&self) -> Option<Expr> {
        match self {
            Self::BitOr => Some(Expr::Bits(0)),
            Self::And => Some(Expr::Bool(true)),
            Self::Or => Some(Expr::Bool(false)),
            _ => None,
        }
    }

    /// The operation on any number of operands.
    pub(crate) fn of(&self, operands: Vec<Expr>) -> Expr {
        match self {
            Self::BitAnd => Expr::bit_and(operands),
            Self::BitOr => Expr::bit_or(operands),
            Self::And => Expr::and(operands),
            Self::Or => Expr::or(operands),
            _ => Expr::Op(self.clone(), operands),
        }
    }
}

impl Expr {
    pub(crate) fn var(name: impl Into<String>) -> Self {
        Self::Var(name.into())
    }

    pub(crate) fn number(value: u32) -> Self {
        Self::Number(u128::from(value))
    }

    fn flatten(op: &Op, operands: Vec<Self>) -> Vec<Self> {
        let mut flat = Vec::new();
        for operand in operands {
            match operand {
                Self::Op(inner, operands) if inner == *op => flat.extend(operands),
                other => flat.push(other),
            }
        }
        flat
    }

    /// The constant operands folded into one by `fold`, and the others.
    fn fold(operands: Vec<Self>, start: u128, fold: impl Fn(u128, u128) -> u128) -> (u128, Vec<Self>) {
        let mut constant = start;
        let mut rest = Vec::new();
        for operand in operands {
            match operand {
                Self::Bits(bits) => constant = fold(constant, bits),
                other if rest.contains(&other) => {}
                other => rest.push(other),
            }
        }
        (constant, rest)
    }

    pub(crate) fn bit_and(operands: Vec<Self>) -> Self {
        let flat = Self::flatten(&Op::BitAnd, operands);
        let (constant, mut rest) = Self::fold(flat, u128::MAX, |a, b| a & b);
        if constant == 0 || rest.is_empty() {
            return Self::Bits(constant);
        }
        if constant != u128::MAX {
            rest.push(Self::Bits(constant));
        }
        Self::single(Op::BitAnd, rest)
    }

    pub(crate) fn bit_or(operands: Vec<Self>) -> Self {
        let flat = Self::flatten(&Op::BitOr, operands);
        let (constant, mut rest) = Self::fold(flat, 0, |a, b| a | b);
        if constant != 0 || rest.is_empty() {
            rest.insert(0, Self::Bits(constant));
        }
        Self::single(Op::BitOr, rest)
    }

    pub(crate) fn bit_xor(self, bits: Self) -> Self {
        match (self, bits) {
            (a, Self::Bits(0)) => a,
            (Self::Bits(a), Self::Bits(b)) => Self::Bits(a ^ b),
            (a, b) => Self::Op(Op::BitXor, vec![a, b]),
        }
    }

    pub(crate) fn bit_not(self) -> Self {
        match self {
            Self::Op(Op::BitNot, mut operands) if operands.len() == 1 => operands.remove(0),
            other => Self::Op(Op::BitNot, vec![other]),
        }
    }

    fn single(op: Op, mut operands: Vec<Self>) -> Self {
        if operands.len() == 1 { operands.remove(0) } else { Self::Op(op, operands) }
    }

    /// `self << by`; a negative number shifts right.
    pub(crate) fn shifted(self, by: i32) -> Self {
        let amount = Self::number(by.unsigned_abs());
        match (self, by) {
            (same, 0) => same,
            (Self::Bits(bits), by) if by > 0 => Self::Bits(bits << by),
            (Self::Bits(bits), by) => Self::Bits(bits >> -by),
            (other, by) if by > 0 => Self::Op(Op::Shl, vec![other, amount]),
            (other, _) => Self::Op(Op::Shr, vec![other, amount]),
        }
    }

    /// `1 << position`.
    pub(crate) fn bit_at(position: Self) -> Self {
        match position {
            Self::Number(at) => Self::Bits(1 << at),
            other => Self::Op(Op::Shl, vec![Self::Bits(1), other]),
        }
    }

    pub(crate) fn shl(self, by: Self) -> Self {
        Self::Op(Op::Shl, vec![self, by])
    }

    pub(crate) fn shr(self, by: Self) -> Self {
        Self::Op(Op::Shr, vec![self, by])
    }

    /// `self + by`, `by` being a number.
    pub(crate) fn plus(self, by: i128) -> Self {
        let amount = Self::Number(by.unsigned_abs());
        match (self, by) {
            (same, 0) => same,
            (Self::Number(n), by) => Self::Number(n.wrapping_add_signed(by)),
            (other, by) if by > 0 => Self::Op(Op::Add, vec![other, amount]),
            (other, _) => Self::Op(Op::Sub, vec![other, amount]),
        }
    }

    pub(crate) fn eq(self, other: Self) -> Self {
        match (self, other) {
            (Self::Bits(a), Self::Bits(b)) => Self::Bool(a == b),
            (a, b) => Self::Op(Op::Eq, vec![a, b]),
        }
    }

    pub(crate) fn ne(self, other: Self) -> Self {
        match (self, other) {
            (Self::Bits(a), Self::Bits(b)) => Self::Bool(a != b),
            (a, b) => Self::Op(Op::Ne, vec![a, b]),
        }
    }

    pub(crate) fn le(self, other: Self) -> Self {
        Self::Op(Op::Le, vec![self, other])
    }

    pub(crate) fn and(operands: Vec<Self>) -> Self {
        Self::truth(Op::And, operands, true)
    }

    pub(crate) fn or(operands: Vec<Self>) -> Self {
        Self::truth(Op::Or, operands, false)
    }

    fn truth(op: Op, operands: Vec<Self>, neutral: bool) -> Self {
        let mut kept = Vec::new();
        for operand in Self::flatten(&op, operands) {
            match operand {
                Self::Bool(value) if value == neutral => {}
                Self::Bool(value) => return Self::Bool(value),
                other if kept.contains(&other) => {}
                other => kept.push(other),
            }
        }
        if kept.is_empty() {
            return Self::Bool(neutral);
        }
        Self::single(op, kept)
    }

    pub(crate) fn not(self) -> Self {
        match self {
            Self::Bool(value) => Self::Bool(!value),
            Self::Op(Op::Eq, operands) => Self::Op(Op::Ne, operands),
            Self::Op(Op::Ne, operands) => Self::Op(Op::Eq, operands),
            Self::Op(Op::Not, mut operands) if operands.len() == 1 => operands.remove(0),
            Self::Op(Op::Le, mut operands) if matches!(operands[..], [_, Self::Number(_)]) => {
                operands.swap(0, 1);
                operands[0] = operands[0].clone().plus(1);
                Self::Op(Op::Le, operands)
            }
            other => Self::Op(Op::Not, vec![other]),
        }
    }

    pub(crate) fn cast(self, to: &'static str) -> Self {
        match self {
            Self::Bits(_) | Self::Number(_) => self,
            other => Self::Op(Op::Cast(to), vec![other]),
        }
    }

    /// `if condition { yes } else { no }`, or less.
    pub(crate) fn choose(condition: Self, yes: Self, no: Self) -> Self {
        match (condition, yes, no) {
            (_, yes, no) if yes == no => yes,
            (Self::Bool(true), yes, _) => yes,
            (Self::Bool(false), _, no) => no,
            (condition, Self::Bool(true), no) => Self::or(vec![condition, no]),
            (condition, Self::Bool(false), no) => Self::and(vec![condition.not(), no]),
            (condition, yes, Self::Bool(true)) => Self::or(vec![condition.not(), yes]),
            (condition, yes, Self::Bool(false)) => Self::and(vec![condition, yes]),
            (Self::Op(Op::Not, mut inner), yes, no) if inner.len() == 1 => {
                Self::Op(Op::If, vec![inner.remove(0), no, yes])
            }
            (condition, yes, no) => Self::Op(Op::If, vec![condition, yes, no]),
        }
    }

    pub(crate) fn call(function: impl Into<String>, operands: Vec<Self>) -> Self {
        Self::Op(Op::Call(function.into()), operands)
    }

    pub(crate) fn method(self, name: impl Into<String>, operands: Vec<Self>) -> Self {
        let mut all = vec![self];
        all.extend(operands);
        Self::Op(Op::Method(name.into()), all)
    }

    /// The expression with variables and paths that begin with `from` beginning with `to` instead.
    pub(crate) fn renamed(&self, from: &str, to: &str) -> Self {
        match self {
            Self::Var(path) => match path.strip_prefix(from) {
                Some(rest) if rest.is_empty() || rest.starts_with('.') => Self::Var(format!("{to}{rest}")),
                _ => self.clone(),
            },
            Self::Op(op, operands) => {
                Self::Op(op.clone(), operands.iter().map(|operand| operand.renamed(from, to)).collect())
            }
            other => other.clone(),
        }
    }

    /// Whether `name` occurs as a variable, or as the first part of a path.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        match self {
            Self::Var(path) => path.split('.').next() == Some(name),
            Self::Op(_, operands) => operands.iter().any(|operand| operand.mentions(name)),
            _ => false,
        }
    }
}

/// What emitted code would compute: tests compare it with what was meant.
#[cfg(test)]
impl Expr {
    /// The value, truth values being 0 and 1, words having 64 bits.
    pub(crate) fn value(&self, variables: &dyn Fn(&str) -> u64) -> u64 {
        let operand = |place: usize| match self {
            Self::Op(_, operands) => operands[place].value(variables),
            _ => unreachable!("no operands"),
        };
        let fold = |start: u64, f: fn(u64, u64) -> u64| match self {
            Self::Op(_, operands) => operands.iter().fold(start, |so_far, next| f(so_far, next.value(variables))),
            _ => unreachable!("no operands"),
        };
        match self {
            Self::Bits(value) | Self::Number(value) => u64::try_from(*value).expect("fits a word"),
            Self::Bool(value) => u64::from(*value),
            Self::Var(name) => variables(name),
            Self::Op(op, _) => match op {
                Op::BitAnd | Op::And => fold(u64::MAX, |a, b| a & b),
                Op::BitOr | Op::Or => fold(0, |a, b| a | b),
                Op::BitXor => operand(0) ^ operand(1),
                Op::BitNot => !operand(0),
                Op::Not => u64::from(operand(0) == 0),
                Op::Shl => operand(0).checked_shl(operand(1) as u32).expect("no overflow"),
                Op::Shr => operand(0).checked_shr(operand(1) as u32).expect("no overflow"),
                Op::Add => operand(0).checked_add(operand(1)).expect("no overflow"),
                Op::Sub => operand(0).checked_sub(operand(1)).expect("no overflow"),
                Op::Mul => operand(0).checked_mul(operand(1)).expect("no overflow"),
                Op::Eq => u64::from(operand(0) == operand(1)),
                Op::Ne => u64::from(operand(0) != operand(1)),
                Op::Le => u64::from(operand(0) <= operand(1)),
                Op::Cast(_) => operand(0),
                Op::If => operand(if operand(0) != 0 { 1 } else { 2 }),
                Op::Method(name) if name == "wrapping_add" => operand(0).wrapping_add(operand(1)),
                Op::Call(_) | Op::Method(_) | Op::Struct(..) | Op::Try | Op::Match(_) => unreachable!("not a number"),
            },
        }
    }
}
