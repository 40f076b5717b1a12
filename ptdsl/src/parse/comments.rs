//! Puts comments back beside the nodes that they belong to.
//!
//! A comment on the line where a node ends belongs to that node, one behind an opening brace to the block, any other to
//! the node that follows it or, at the end of a block, to the block. One inside a statement moves before it.

use super::children::line;
use super::scan::{Kind, Scan, Token};
use crate::span::{Span, Spanned};
use crate::tree::{Attribute, Comments, File, Format, Item, ItemKind, Layout, Update};

/// Gives every comment of the text to a node of the tree that was parsed from it.
pub fn attach(file: &mut File, scan: &Scan<'_>) {
    let mut cursor = Cursor { scan, next: 0 };
    if let Some(first) = file.docs.first() {
        file.leading = cursor.before(first.span.start, &[]);
        let last = file.docs.last().map_or(0, |doc| doc.span.end);
        file.leading.before.extend(cursor.take(last));
    }
    for format in &mut file.formats {
        cursor.format(format);
    }
    file.trailing = cursor.before(scan.text.len(), &[]);
}

struct Cursor<'s, 't> {
    scan: &'s Scan<'t>,
    /// The first token that has not been passed.
    next: usize,
}

impl Cursor<'_, '_> {
    fn format(&mut self, format: &mut Format) {
        format.comments = self.before(format.span.start, &format.docs);
        if self.scan.token_before(format.span.end).is_some_and(|last| self.scan.is(last, ";")) {
            self.inside(format.span, &mut format.comments);
            return;
        }
        self.open(format.span, &mut format.comments);
        for item in &mut format.items {
            self.item(item);
        }
        self.close(format.span, &mut format.trailing, &mut format.comments);
    }

    fn item(&mut self, item: &mut Item) {
        item.comments = self.before(item.span.start, &item.docs);
        match &mut item.kind {
            ItemKind::Layout(layout) => self.layout(layout, item.span, &mut item.comments),
            ItemKind::Attribute(attribute) => self.attribute(attribute, item.span, &mut item.comments),
            ItemKind::Update(update) => self.update(update, item.span, &mut item.comments),
            _ => self.inside(item.span, &mut item.comments),
        }
    }

    fn layout(&mut self, layout: &mut Layout, span: Span, comments: &mut Comments) {
        self.open(span, comments);
        for part in &mut layout.parts {
            part.comments = self.before(part.span.start, &part.docs);
            self.inside(part.span, &mut part.comments);
        }
        self.close(span, &mut layout.trailing, comments);
    }

    fn attribute(&mut self, attribute: &mut Attribute, span: Span, comments: &mut Comments) {
        self.open(span, comments);
        for value in &mut attribute.values {
            value.comments = self.before(value.span.start, &value.docs);
            self.inside(value.span, &mut value.comments);
        }
        if let Some(otherwise) = &attribute.otherwise {
            attribute.trailing = self.before(otherwise.span.start, &[]);
            self.inside(otherwise.span, &mut attribute.trailing);
        }
        self.close(span, &mut attribute.trailing, comments);
    }

    fn update(&mut self, update: &mut Update, span: Span, comments: &mut Comments) {
        self.open(span, comments);
        for rule in &mut update.rules {
            rule.comments = self.before(rule.span.start, &[]);
            self.inside(rule.span, &mut rule.comments);
        }
        self.close(span, &mut update.trailing, comments);
    }

    /// The comments before a node that starts at this offset.
    fn before(&mut self, start: usize, docs: &[Spanned<String>]) -> Comments {
        let first = docs.first().map_or(start, |doc| doc.span.start);
        let from = self.scan.tokens.get(self.next).map_or(first, |token| token.span.start.min(first));
        let before = self.take(start);
        Comments { blank_before: self.blank_line_ends_at(from), before, ..Comments::default() }
    }

    /// The rest of a statement without a block, and the comment behind it.
    fn inside(&mut self, span: Span, comments: &mut Comments) {
        comments.before.extend(self.take(span.end));
        comments.after = self.on_the_line_of(span.end);
    }

    /// The head of a statement with a block.
    fn open(&mut self, span: Span, comments: &mut Comments) {
        let behind = &self.scan.tokens[self.next..];
        let brace = behind.iter().find(|token| token.span.start < span.end && self.scan.is(**token, "{")).copied();
        if let Some(Token { span: brace, .. }) = brace {
            comments.before.extend(self.take(brace.end));
            comments.opening = self.on_the_line_of(brace.end);
        }
    }

    /// The end of a statement with a block, and the comment behind it.
    fn close(&mut self, span: Span, trailing: &mut Comments, comments: &mut Comments) {
        let found = self.before(span.end.saturating_sub(1), &[]);
        trailing.blank_before |= found.blank_before && !found.before.is_empty();
        trailing.before.extend(found.before);
        self.take(span.end);
        comments.after = self.on_the_line_of(span.end);
    }

    /// The comments up to an offset; all tokens before it are passed.
    fn take(&mut self, end: usize) -> Vec<String> {
        let mut taken = Vec::new();
        while let Some(token) = self.scan.tokens.get(self.next).filter(|token| token.span.start < end) {
            if token.kind == Kind::Comment {
                taken.push(self.comment(*token));
            }
            self.next += 1;
        }
        taken
    }

    /// The comment that follows an offset on the same line, if it is the next token.
    fn on_the_line_of(&mut self, offset: usize) -> Option<String> {
        let token = self.scan.tokens.get(self.next).copied().filter(|token| token.kind == Kind::Comment)?;
        let between = self.scan.text.get(offset..token.span.start)?;
        if between.contains('\n') {
            return None;
        }
        self.next += 1;
        Some(self.comment(token))
    }

    fn comment(&self, token: Token) -> String {
        line(self.scan.text_of(token), 2)
    }

    fn blank_line_ends_at(&self, offset: usize) -> bool {
        let before = self.scan.text.get(..offset).unwrap_or_default();
        let space = before.len() - before.trim_end().len();
        before[before.len() - space..].matches('\n').count() > 1
    }
}
