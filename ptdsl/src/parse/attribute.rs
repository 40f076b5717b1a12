//! What fields mean, and how entries change.

use pest::iterators::Pair;

use super::children::{Children, span};
use super::grammar::Rule;
use super::shared::Builder;
use crate::span::Spanned;
use crate::tree::{Attribute, AttributeValue, Comments, Otherwise, Rule as UpdateRule, RuleKind, Update, Way};

impl Builder {
    /// The rest of `attribute memory_type = (pat, pcd, pwt) { … }`.
    pub fn attribute(&mut self, children: &mut Children<'_>) -> Attribute {
        let parameter = children.has(Rule::kw_parameter);
        let names = self.names(children);
        let mut joined = Children::of(children.find(Rule::joined));
        let fields = if joined.has(Rule::open_paren) { self.names(&mut joined) } else { vec![joined.name()] };
        let when = self.when(children);
        let mut values = Vec::new();
        children.has(Rule::open_brace);
        while let Some(pair) = children.eat(Rule::attribute_value) {
            values.push(self.attribute_value(pair));
        }
        let otherwise = children.eat(Rule::otherwise).map(|pair| {
            let mut children = Children::of(pair);
            children.has(Rule::kw_else);
            let kind = if children.has(Rule::kw_other) { Otherwise::Other } else { Otherwise::Reserved };
            Spanned::new(kind, children.span)
        });
        Attribute { parameter, names, fields, when, values, otherwise, trailing: Comments::default() }
    }

    fn attribute_value(&mut self, pair: Pair<'_, Rule>) -> AttributeValue {
        let mut outer = Children::of(pair);
        let docs = outer.docs(Rule::doc);
        let mut children = Children::of(outer.find(Rule::attribute_line));
        let names = self.listed_names(&mut children);
        let mut numbers = vec![self.number(&mut children)];
        while children.has(Rule::comma) {
            numbers.push(self.number(&mut children));
        }
        AttributeValue { comments: Comments::default(), docs, names, numbers, span: children.span }
    }

    /// The rest of `update { … }`.
    pub fn update(&mut self, children: &mut Children<'_>) -> Update {
        children.has(Rule::kw_update);
        let with = children.has(Rule::kw_with);
        children.has(Rule::open_brace);
        let mut rules = Vec::new();
        while let Some(pair) = children.next() {
            rules.extend(self.rule(pair));
        }
        Update { with, rules, trailing: Comments::default() }
    }

    /// A rule; nothing for the brace behind the last one.
    fn rule(&mut self, pair: Pair<'_, Rule>) -> Option<UpdateRule> {
        let place = span(&pair);
        let rule = pair.as_rule();
        let mut children = Children::of(pair);
        let kind = match rule {
            Rule::hardware_rule => {
                RuleKind::Hardware { fields: self.names(&mut children), when: self.when(&mut children) }
            }
            Rule::registers_rule => RuleKind::Registers(children.name()),
            Rule::clean_rule => {
                children.has(Rule::kw_clean);
                RuleKind::Clean(self.when(&mut children))
            }
            Rule::hold_rule => {
                children.has(Rule::kw_hold);
                RuleKind::Hold { field: children.name(), when: self.when(&mut children) }
            }
            Rule::pairs_rule => RuleKind::Pairs,
            Rule::way_rule => {
                let kinds = self.listed_names(&mut children);
                let alternatives = children.find(Rule::way_alt);
                RuleKind::Way { kinds, way: self.alternatives(alternatives, Rule::way, |_, pair| way(pair)) }
            }
            _ => return None,
        };
        Some(UpdateRule { comments: Comments::default(), kind, span: place })
    }
}

fn way(pair: Pair<'_, Rule>) -> Way {
    match Children::of(pair).next_rule() {
        Some(Rule::kw_lazy) => Way::Lazy,
        Some(Rule::kw_live) => Way::Live,
        Some(Rule::kw_break) => Way::Break,
        _ => Way::Instruction,
    }
}
