//! A part of a document: tables and lines, as text for a terminal or in Markdown.

use super::columns::Columns;

/// Tables and lines, in order.
#[derive(Clone, Debug, Default)]
pub struct Section {
    blocks: Vec<Block>,
}

#[derive(Clone, Debug)]
enum Block {
    Title(String),
    Line(String),
    Table(Columns),
    Gap,
}

impl Section {
    /// Adds a table; one without rows is left out.
    #[must_use]
    pub fn table(mut self, table: Columns) -> Self {
        if !table.is_empty() {
            self.blocks.push(Block::Table(table));
        }
        self
    }

    /// Adds a line that belongs to what stands before it.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.blocks.push(Block::Line(line.into()));
        self
    }

    /// Adds a line above what follows.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.blocks.push(Block::Title(title.into()));
        self
    }

    /// Sets what follows apart.
    #[must_use]
    pub fn gap(mut self) -> Self {
        if !self.blocks.is_empty() {
            self.blocks.push(Block::Gap);
        }
        self
    }

    /// Adds another section behind this one.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.blocks.extend(other.blocks);
        self
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// For a terminal: titles at the margin, everything else four spaces deep.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for block in &self.blocks {
            match block {
                Block::Title(title) if text.is_empty() => text.push_str(&format!("{title}\n")),
                Block::Title(title) => text.push_str(&format!("\n{title}\n")),
                Block::Line(line) => text.push_str(&format!("    {line}\n")),
                Block::Table(table) => text.push_str(&table.render()),
                Block::Gap => text.push('\n'),
            }
        }
        text
    }

    /// In Markdown: titles in bold, lines as a list.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let mut listing = false;
        for block in &self.blocks {
            let lists = matches!(block, Block::Line(_));
            let joins = text.is_empty() || text.ends_with("\n\n") || (listing && lists);
            if !joins {
                text.push('\n');
            }
            listing = lists;
            match block {
                Block::Title(title) => text.push_str(&format!("**{title}**\n")),
                Block::Line(line) => text.push_str(&format!("- {line}\n")),
                Block::Table(table) => text.push_str(&table.markdown()),
                Block::Gap => {}
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Section;
    use crate::document::{Align, Columns};

    #[test]
    fn one_content_has_two_forms() {
        let mut table = Columns::new(&[("a", Align::Code), ("b", Align::Right)]);
        table.row(["x".into(), "1".into()]);
        let section = Section::default().table(table).line("one").line("two").gap().title("more").line("three");
        assert_eq!(section.text(), "    a  b\n    x  1\n    one\n    two\n\n\nmore\n    three\n");
        let markdown = "| a | b |\n| --- | ---: |\n| `x` | 1 |\n\n- one\n- two\n\n**more**\n\n- three\n";
        assert_eq!(section.markdown(), markdown);
    }
}
