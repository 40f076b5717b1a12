//! What all statements share: conditions, alternatives, values, lists of names.

use pest::iterators::Pair;

use super::children::{Children, span};
use super::grammar::Rule;
use crate::diagnostic::Diagnostic;
use crate::span::Spanned;
use crate::tree::{Alt, Case, Cond, CondKind, Name, Value};

/// Turns pairs into nodes and collects what the grammar cannot refuse.
#[derive(Default)]
pub struct Builder {
    /// What was refused.
    pub diagnostics: Vec<Diagnostic>,
}

impl Builder {
    /// A pair of the rule `names`, which comes next: `a, b`.
    pub fn names(&mut self, children: &mut Children<'_>) -> Vec<Name> {
        let mut list = Children::of(children.find(Rule::names));
        let mut names = vec![list.name()];
        while list.has(Rule::comma) {
            names.push(list.name());
        }
        names
    }

    /// The names of the rule `listed_name` that come next, with or without commas.
    pub fn listed_names(&mut self, children: &mut Children<'_>) -> Vec<Name> {
        let mut names = Vec::new();
        loop {
            children.has(Rule::comma);
            let Some(pair) = children.eat(Rule::listed_name) else { return names };
            names.push(Spanned::new(pair.as_str().to_owned(), span(&pair)));
        }
    }

    /// The next value.
    pub fn value(&mut self, children: &mut Children<'_>) -> Value {
        let pair = children.find(Rule::value);
        self.value_of(pair)
    }

    /// A pair of the rule `value`.
    pub fn value_of(&mut self, pair: Pair<'_, Rule>) -> Value {
        let mut children = Children::of(pair);
        match children.eat(Rule::number) {
            Some(number) => Value::Number(self.literal(&number)),
            None => Value::Name(children.name()),
        }
    }

    /// `= v`, if it stands here.
    pub fn constant(&mut self, children: &mut Children<'_>) -> Option<Value> {
        let constant = children.eat(Rule::constant)?;
        Some(self.value(&mut Children::of(constant)))
    }

    /// `when c`, if it stands here.
    pub fn when(&mut self, children: &mut Children<'_>) -> Option<Cond> {
        children.has(Rule::kw_when).then(|| self.condition(children))
    }

    /// The next condition.
    pub fn condition(&mut self, children: &mut Children<'_>) -> Cond {
        let mut any = Children::of(children.find(Rule::condition));
        let mut cases = vec![self.conjunction(&mut any)];
        while any.has(Rule::bar) {
            cases.push(self.conjunction(&mut any));
        }
        joined(cases, any.span, CondKind::Any)
    }

    fn conjunction(&mut self, children: &mut Children<'_>) -> Cond {
        let mut all = Children::of(children.find(Rule::conjunction));
        let first = all.find(Rule::unit);
        let mut units = vec![self.unit(first)];
        while all.has(Rule::ampersand) {
            let unit = all.find(Rule::unit);
            units.push(self.unit(unit));
        }
        joined(units, all.span, CondKind::All)
    }

    fn unit(&mut self, pair: Pair<'_, Rule>) -> Cond {
        let mut children = Children::of(pair);
        if children.has(Rule::kw_not) {
            let inner = children.find(Rule::unit);
            return Spanned::new(CondKind::Not(Box::new(self.unit(inner))), children.span);
        }
        if children.has(Rule::open_paren) {
            return self.condition(&mut children);
        }
        let mut comparison = Children::of(children.find(Rule::comparison));
        let subject = comparison.find(Rule::subject);
        let name = Spanned::new(subject.as_str().to_owned(), span(&subject));
        let equal = comparison.has(Rule::equals);
        let kind = if equal || comparison.has(Rule::differs) {
            CondKind::Compare { name, equal, value: self.value(&mut comparison) }
        } else {
            CondKind::Name(name)
        };
        Spanned::new(kind, comparison.span)
    }

    /// The cases inside a pair of a rule such as `width_alt`, whose values are pairs of `rule`.
    pub fn alternatives<'i, T>(
        &mut self,
        pair: Pair<'i, Rule>,
        rule: Rule,
        mut value: impl FnMut(&mut Self, Pair<'i, Rule>) -> T,
    ) -> Alt<T> {
        let mut children = Children::of(pair);
        let mut cases = Vec::new();
        loop {
            let pair = children.find(rule);
            let place = span(&pair);
            let value = Spanned::new(value(self, pair), place);
            cases.push(Case { value, when: self.when(&mut children) });
            if !children.has(Rule::kw_else) {
                return Alt { cases };
            }
        }
    }
}

/// One condition as it is; several joined.
fn joined(mut conditions: Vec<Cond>, place: crate::span::Span, join: fn(Vec<Cond>) -> CondKind) -> Cond {
    match conditions.pop() {
        Some(only) if conditions.is_empty() => only,
        last => {
            conditions.extend(last);
            Spanned::new(join(conditions), place)
        }
    }
}
