//! Lines, columns and comments.

use core::iter;

use crate::span::Spanned;
use crate::tree::Comments;

/// No line is made longer than this where it can be broken.
pub const WIDTH: usize = 100;

/// Comments behind a line start in this column, or further right.
const COMMENTS: usize = 54;

/// A statement without a block: cells that may stand in columns, then pieces between which a line may be broken.
#[derive(Default)]
pub struct Statement {
    /// Padded to the width of their column.
    pub cells: Vec<String>,
    /// Filled into lines.
    pub pieces: Vec<String>,
}

impl Statement {
    /// A statement that neither stands in columns nor is broken.
    pub fn plain(text: String) -> Self {
        Self { cells: Vec::new(), pieces: vec![text] }
    }

    /// The whole of it on one line.
    pub fn text(&self, widths: &[usize]) -> String {
        let mut text = self.start(widths);
        text.push_str(&self.pieces.join(" "));
        text
    }

    /// The padded cells.
    fn start(&self, widths: &[usize]) -> String {
        let widths = widths.iter().copied().chain(iter::repeat(0));
        self.cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$} ")).collect()
    }
}

/// The lines so far.
#[derive(Default)]
pub struct Page {
    lines: Vec<Line>,
    depth: usize,
}

/// A line and the comment behind it.
struct Line {
    text: String,
    comment: Option<String>,
}

impl Page {
    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The text. Comments behind lines that follow each other directly stand in one column.
    pub fn finish(self) -> String {
        let mut text = String::new();
        for group in self.lines.chunk_by(|line, next| line.is_commented() && next.is_commented()) {
            let longest = group.iter().map(|line| line.text.chars().count()).max().unwrap_or(0);
            let column = COMMENTS.max(longest + 2);
            for line in group {
                text.push_str(&line.text);
                if let Some(comment) = &line.comment {
                    let column = if line.is_commented() { column } else { 0 };
                    let pad = column.saturating_sub(line.text.chars().count()).max(2);
                    text.push_str(format!("{:pad$}// {comment}", "").trim_end());
                }
                text.push('\n');
            }
        }
        text
    }

    /// How many columns are left for a line.
    pub fn room(&self) -> usize {
        WIDTH.saturating_sub(self.depth * 4)
    }

    /// What stands before a node: an empty line, comments, docs. The first of a block is not set apart.
    pub fn head(&mut self, comments: &Comments, docs: &[Spanned<String>], first: bool) {
        if comments.blank_before && !first {
            self.lines.push(Line { text: String::new(), comment: None });
        }
        for comment in &comments.before {
            self.marked("//", comment);
        }
        for doc in docs {
            self.marked("///", doc);
        }
    }

    /// The comments at the end of a block.
    pub fn tail(&mut self, comments: &Comments, first: bool) {
        if !comments.before.is_empty() {
            self.head(comments, &[], first);
        }
    }

    /// A line of docs or a comment.
    pub fn marked(&mut self, mark: &str, text: &str) {
        let line = format!("{mark} {text}");
        self.line(line.trim_end(), None);
    }

    /// A line, and the comment behind it.
    pub fn line(&mut self, text: &str, comment: Option<&str>) {
        let text = format!("{:depth$}{text}", "", depth = self.depth * 4).trim_end().to_owned();
        self.lines.push(Line { text, comment: comment.map(str::to_owned) });
    }

    /// A statement without a block, broken where it is too long.
    pub fn statement(&mut self, statement: &Statement, widths: &[usize], comments: &Comments) {
        self.filled(statement, widths, 4, comments);
    }

    /// As [`Page::statement`], with so many columns before the lines that go on.
    pub fn filled(&mut self, statement: &Statement, widths: &[usize], deeper: usize, comments: &Comments) {
        let mut line = statement.start(widths);
        let mut fresh = true;
        for piece in &statement.pieces {
            let space = usize::from(!fresh);
            if !fresh && line.chars().count() + space + piece.chars().count() > self.room() {
                self.line(&line, None);
                line = format!("{:deeper$}", "");
                fresh = true;
            }
            if !fresh {
                line.push(' ');
            }
            line.push_str(piece);
            fresh = false;
        }
        self.line(&line, comments.after.as_deref());
    }

    /// The line that opens a block.
    pub fn open(&mut self, head: &str, comments: &Comments) {
        self.line(head, comments.opening.as_deref());
        self.depth += 1;
    }

    /// The line that closes a block.
    pub fn close(&mut self, comments: &Comments) {
        self.depth = self.depth.saturating_sub(1);
        self.line("}", comments.after.as_deref());
    }

    /// A block on one line, if nothing in it needs a line of its own and it fits.
    pub fn one_line(&mut self, head: &str, parts: &[String], comments: &Comments) -> bool {
        let text = match parts {
            [] => format!("{head} {{}}"),
            parts => format!("{head} {{ {} }}", parts.join("  ")),
        };
        let fits = comments.opening.is_none() && text.chars().count() <= self.room();
        if fits {
            self.line(&text, comments.after.as_deref());
        }
        fits
    }
}

impl Line {
    /// Whether its comment stands in a column with its neighbours': not behind the end of a block.
    fn is_commented(&self) -> bool {
        self.comment.is_some() && self.text.trim_start() != "}"
    }
}

/// Whether nothing stands beside a node.
pub fn is_bare(comments: &Comments, docs: &[Spanned<String>]) -> bool {
    docs.is_empty() && comments.before.is_empty() && comments.after.is_none() && comments.opening.is_none()
}

/// The widths of the columns for each statement: those that follow each other directly and have equally many cells
/// share them.
pub fn columns<'a>(statements: impl Iterator<Item = (Statement, &'a Comments, usize)>) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = Vec::new();
    let mut group = 0;
    for (place, (statement, comments, docs)) in statements.enumerate() {
        let widths: Vec<usize> = statement.cells.iter().map(|cell| cell.chars().count()).collect();
        let apart = comments.blank_before || !comments.before.is_empty() || docs > 0;
        if apart || all.last().is_none_or(|last| last.len() != widths.len()) {
            group = place;
        }
        all.push(widths);
        let columns = all[place].len();
        for column in 0..columns {
            let widest = all[group..].iter().map(|widths| widths[column]).max().unwrap_or(0);
            all[group..].iter_mut().for_each(|widths| widths[column] = widest);
        }
    }
    all
}
