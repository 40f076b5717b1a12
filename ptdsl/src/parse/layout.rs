//! Layouts: rows and clauses.

use pest::iterators::Pair;

use super::children::{Children, span};
use super::grammar::Rule;
use super::shared::Builder;
use crate::span::Spanned;
use crate::tree::{Comments, Content, Layout, LayoutKind, Origin, Part, PartKind, Place, Row, Run};

impl Builder {
    /// The rest of `leaf page { … }`.
    pub fn layout(&mut self, children: &mut Children<'_>) -> Layout {
        let pair = children.find(Rule::layout_kind);
        let place = span(&pair);
        let kind = match Children::of(pair).next_rule() {
            Some(Rule::kw_absent) => LayoutKind::Absent,
            Some(Rule::kw_table) => LayoutKind::Table,
            Some(Rule::kw_leaf) => LayoutKind::Leaf,
            _ => LayoutKind::Root,
        };
        let name = children.name();
        let word = children.has(Rule::kw_word).then(|| self.number(children));
        let origin = match children.eat(Rule::origin).map(Children::of) {
            None => Origin::New,
            Some(mut origin) => match origin.has(Rule::equals) {
                true => Origin::From(origin.name()),
                false => Origin::Amended,
            },
        };
        let mut parts = Vec::new();
        children.has(Rule::open_brace);
        while let Some(pair) = children.eat(Rule::part) {
            parts.extend(self.part(pair));
        }
        Layout { kind: Spanned::new(kind, place), name, word, origin, parts, trailing: Comments::default() }
    }

    fn part(&mut self, pair: Pair<'_, Rule>) -> Option<Part> {
        let mut children = Children::of(pair);
        let docs = children.docs(Rule::doc);
        let statement = children.next()?;
        let span = span(&statement);
        let rule = statement.as_rule();
        let mut children = Children::of(statement);
        let kind = match rule {
            Rule::where_clause => PartKind::Where(self.condition(&mut children)),
            Rule::forbid_clause => PartKind::Forbid(self.condition(&mut children)),
            Rule::output_statement => PartKind::Output(self.output(&mut children)),
            Rule::lacks_clause => PartKind::Lacks(self.names(&mut children)),
            Rule::defer_clause => PartKind::Defer,
            Rule::run_clause => PartKind::Run(self.run(&mut children)),
            _ => PartKind::Row(self.row(&mut children)),
        };
        Some(Part { comments: Comments::default(), docs, kind, span })
    }

    fn run(&mut self, children: &mut Children<'_>) -> Run {
        let first = self.number(children);
        let last = children.has(Rule::kw_to).then(|| self.number(children));
        self.ascending(&first, last.as_ref());
        let identical = children.has(Rule::kw_identical);
        Run { first, last, identical, in_ones: children.has(Rule::kw_in) }
    }

    fn row(&mut self, children: &mut Children<'_>) -> Row {
        let pair = children.find(Rule::place);
        let at = span(&pair);
        let mut place = Children::of(pair);
        let kind = match (place.eat(Rule::range), place.eat(Rule::number)) {
            (Some(range), _) => Place::Bits(self.range(range)),
            (None, Some(number)) => Place::Bit(self.literal(&number)),
            (None, None) => Place::Parameter(place.name()),
        };
        let alternatives = children.find(Rule::content_alt);
        let content = self.alternatives(alternatives, Rule::content, Self::content);
        Row { place: Spanned::new(kind, at), content }
    }

    fn content(&mut self, pair: Pair<'_, Rule>) -> Content {
        let mut children = Children::of(pair);
        let rule = children.next_rule();
        match rule {
            Some(Rule::name) => self.field(&mut children, false),
            Some(Rule::constant) | None => {
                let constant = children.find(Rule::constant);
                Content::Constant(self.value(&mut Children::of(constant)))
            }
            Some(keyword) => {
                children.has(keyword);
                self.content_behind(keyword, &mut children)
            }
        }
    }

    /// A content that begins with this keyword, which has been read.
    fn content_behind(&mut self, keyword: Rule, children: &mut Children<'_>) -> Content {
        match keyword {
            Rule::kw_reserved => Content::Reserved(self.constant(children)),
            Rule::kw_ignored => Content::Ignored(self.constant(children)),
            Rule::kw_software => Content::Software,
            Rule::kw_slots_lg2 => Content::SlotsLg2,
            Rule::kw_first_slot => Content::FirstSlot(self.slice(children.find(Rule::slice))),
            Rule::kw_last_slot => Content::LastSlot(self.slice(children.find(Rule::slice))),
            Rule::kw_output => Content::Output(children.eat(Rule::slice).map(|pair| self.slice(pair))),
            Rule::kw_table => {
                let child = (children.next_rule() == Some(Rule::name)).then(|| children.name());
                let slice = children.eat(Rule::slice).map(|pair| self.slice(pair));
                let value = self.constant(children);
                let condition = children.has(Rule::kw_where).then(|| self.condition(children));
                Content::Table { child, slice, value, condition }
            }
            _ => self.field(children, true),
        }
    }

    fn field(&mut self, children: &mut Children<'_>, inverted: bool) -> Content {
        let name = children.name();
        let slice = children.eat(Rule::slice).map(|pair| self.slice(pair));
        Content::Field { inverted, name, slice, value: self.constant(children) }
    }
}
