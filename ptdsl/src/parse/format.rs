//! Descriptions, and their statements about the machine and the levels.

use pest::iterators::{Pair, Pairs};

use super::children::{Children, span};
use super::grammar::Rule;
use super::shared::Builder;
use crate::diagnostic::{Code, Diagnostic};
use crate::span::Spanned;
use crate::tree::{
    Alt, BitRange, Comments, Endian, Entry, Extension, Feature, File, Format, FormatKind, Item, ItemKind, Level,
    LevelIndex, Number, Parameter, ParameterSet, Tag, ValueSpan, Virtual, Width, With, Word,
};

/// The file that pest has read, without its comments, and what the grammar could not refuse.
pub fn file(pairs: &mut Pairs<'_, Rule>) -> (File, Vec<Diagnostic>) {
    let mut builder = Builder::default();
    let mut file = File::default();
    if let Some(pair) = pairs.next() {
        let mut children = Children::of(pair);
        file.docs = children.docs(Rule::file_doc);
        while let Some(pair) = children.eat(Rule::format) {
            file.formats.push(builder.format(pair));
        }
    }
    (file, builder.diagnostics)
}

impl Builder {
    fn format(&mut self, pair: Pair<'_, Rule>) -> Format {
        let mut outer = Children::of(pair);
        let docs = outer.docs(Rule::doc);
        let mut children = Children::of(outer.find(Rule::format_statement));
        let kind = match children.eat(Rule::kw_base) {
            Some(pair) => Spanned::new(FormatKind::Base, span(&pair)),
            None => Spanned::new(FormatKind::Format, span(&children.find(Rule::kw_format))),
        };
        let name = children.name();
        let with = children.eat(Rule::with).map(|pair| self.with(pair));
        children.has(Rule::open_brace);
        let mut items = Vec::new();
        while let Some(pair) = children.eat(Rule::item) {
            items.extend(self.item(pair));
        }
        let comments = Comments::default();
        Format { comments, docs, kind, name, with, items, trailing: Comments::default(), span: children.span }
    }

    fn with(&mut self, pair: Pair<'_, Rule>) -> With {
        let mut children = Children::of(pair);
        let parent = children.name();
        children.has(Rule::kw_with);
        let fragments = match children.next_rule() {
            Some(Rule::names) => self.names(&mut children),
            _ => Vec::new(),
        };
        With { parent, fragments }
    }

    fn item(&mut self, pair: Pair<'_, Rule>) -> Option<Item> {
        let mut children = Children::of(pair);
        let docs = children.docs(Rule::doc);
        let statement = children.next()?;
        let span = span(&statement);
        let rule = statement.as_rule();
        let mut children = Children::of(statement);
        let kind = match rule {
            Rule::word_statement => ItemKind::Word(self.word(&mut children)),
            Rule::virtual_statement => ItemKind::Virtual(self.virtual_range(&mut children)),
            Rule::output_statement => ItemKind::Output(self.output(&mut children)),
            Rule::feature_statement => ItemKind::Feature(self.feature(&mut children)),
            Rule::parameter_statement => ItemKind::Parameter(self.parameter(&mut children)),
            Rule::level_statement => ItemKind::Level(self.level(&mut children)),
            Rule::layout_statement => ItemKind::Layout(self.layout(&mut children)),
            Rule::attribute_statement => ItemKind::Attribute(self.attribute(&mut children)),
            _ => ItemKind::Update(self.update(&mut children)),
        };
        Some(Item { comments: Comments::default(), docs, kind, span })
    }

    fn word(&mut self, children: &mut Children<'_>) -> Word {
        let bits = self.number(children);
        let alternatives = children.find(Rule::endian_alt);
        let endian = self.alternatives(alternatives, Rule::endian, |_, pair| match Children::of(pair).next_rule() {
            Some(Rule::kw_big) => Endian::Big,
            _ => Endian::Little,
        });
        Word { bits, endian }
    }

    fn virtual_range(&mut self, children: &mut Children<'_>) -> Virtual {
        children.has(Rule::kw_virtual);
        let name = (children.next_rule() == Some(Rule::name)).then(|| children.name());
        let width = self.value(children);
        let pair = children.find(Rule::extension);
        let place = span(&pair);
        let mut extension = Children::of(pair);
        let kind = match extension.next().map(|pair| pair.as_rule()) {
            Some(Rule::kw_sign_extended) => Extension::Sign,
            Some(Rule::kw_zero_extended) => Extension::Zero,
            Some(Rule::kw_ones_extended) => Extension::Ones,
            _ => Extension::Prefix(self.number(&mut extension)),
        };
        let widened = children.has(Rule::kw_widened).then(|| self.number(children));
        let tag = children.eat(Rule::tag).map(|pair| {
            let mut tag = Children::of(pair);
            Tag { bits: self.next_range(&mut tag), when: self.when(&mut tag) }
        });
        Virtual { name, width, extension: Spanned::new(kind, place), widened, tag }
    }

    fn next_range(&mut self, children: &mut Children<'_>) -> BitRange {
        let pair = children.find(Rule::range);
        self.range(pair)
    }

    /// The rest of `output 52;`, as a statement or as a clause.
    pub fn output(&mut self, children: &mut Children<'_>) -> Alt<Width> {
        let alternatives = children.find(Rule::width_alt);
        self.alternatives(alternatives, Rule::value, Self::value_of)
    }

    fn feature(&mut self, children: &mut Children<'_>) -> Feature {
        let names = self.names(children);
        Feature { names, when: self.when(children), usually_on: children.has(Rule::equals) }
    }

    fn parameter(&mut self, children: &mut Children<'_>) -> Parameter {
        let names = self.names(children);
        let mut list = Children::of(children.find(Rule::parameter_set));
        let set = if list.has(Rule::kw_address) {
            ParameterSet::Address
        } else {
            let mut spans = Vec::new();
            while let Some(pair) = list.eat(Rule::value_span) {
                spans.push(self.value_span(pair));
                list.has(Rule::comma);
            }
            ParameterSet::Spans(spans)
        };
        Parameter { names, set, per_level: children.has(Rule::kw_per) }
    }

    fn value_span(&mut self, pair: Pair<'_, Rule>) -> ValueSpan {
        let mut children = Children::of(pair);
        let first = self.number(&mut children);
        let last = children.has(Rule::kw_to).then(|| self.number(&mut children));
        self.ascending(&first, last.as_ref());
        ValueSpan { first, last }
    }

    fn level(&mut self, children: &mut Children<'_>) -> Level {
        let name = children.name();
        let mut index = Children::of(children.find(Rule::level_index));
        let index = match index.eat(Rule::range) {
            Some(pair) => LevelIndex::Bits(self.range(pair)),
            None => LevelIndex::Above { width: self.value(&mut index), base: self.value(&mut index) },
        };
        let [mut word, mut align, mut companion] = [None; 3];
        while let Some(pair) = children.eat(Rule::level_option) {
            let mut option = Children::of(pair);
            let clause = match option.next().map(|keyword| keyword.as_rule()) {
                Some(Rule::kw_word) => &mut word,
                Some(Rule::kw_align) => &mut align,
                _ => &mut companion,
            };
            self.only_once(clause, &mut option);
        }
        let mut entries = Vec::new();
        children.has(Rule::equals);
        while let Some(pair) = children.eat(Rule::entry) {
            entries.push(self.entry(pair));
            children.has(Rule::comma);
        }
        Level { name, index, word, align, companion, entries }
    }

    /// Reads the number of a clause that may be given once.
    fn only_once(&mut self, clause: &mut Option<Number>, children: &mut Children<'_>) {
        let number = self.number(children);
        if let Some(first) = clause.replace(number) {
            let found = Diagnostic::new(Code::RepeatedClause, "found a clause for the second time")
                .label(children.span, "a second time")
                .label(first.span, "given here first")
                .help("remove one of them");
            self.diagnostics.push(found);
        }
    }

    fn entry(&mut self, pair: Pair<'_, Rule>) -> Entry {
        let mut children = Children::of(pair);
        let refused = children.has(Rule::kw_reserved);
        let layout = children.name();
        let when = self.when(&mut children);
        Entry { layout, refused, when, else_reserved: children.has(Rule::kw_else), span: children.span }
    }
}
