//! Text in columns.

/// On which side of its column a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// At the left.
    Left,
    /// At the left, in the words of the language.
    Code,
    /// At the right, for numbers.
    Right,
}

/// A table of text. The last column is wrapped so that lines stay within a width.
#[derive(Clone, Debug)]
pub struct Columns {
    header: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
    indent: usize,
    width: usize,
}

impl Columns {
    /// A table with these columns. Without any titles there is no header line.
    #[must_use]
    pub fn new(header: &[(&str, Align)]) -> Self {
        Self {
            header: header.iter().map(|(title, align)| ((*title).to_owned(), *align)).collect(),
            rows: Vec::new(),
            indent: 4,
            width: 116,
        }
    }

    /// Adds a row; cells that are missing are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut row: Vec<String> = cells.into_iter().collect();
        row.resize(self.header.len(), String::new());
        self.rows.push(row);
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as lines. Columns that are empty throughout are left out.
    #[must_use]
    pub fn render(&self) -> String {
        let shown = self.shown();
        let widths: Vec<usize> = shown.iter().map(|column| self.column_width(*column)).collect();
        let mut text = String::new();
        if self.header.iter().any(|(title, _)| !title.is_empty()) {
            let titles: Vec<&str> = shown.iter().map(|column| self.header[*column].0.as_str()).collect();
            self.line(&mut text, &shown, &widths, &titles);
        }
        for row in &self.rows {
            self.wrapped(&mut text, &shown, &widths, row);
        }
        text
    }

    /// The table in Markdown. Columns that are empty throughout are left out.
    #[must_use]
    pub fn markdown(&self) -> String {
        let shown = self.shown();
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = line(shown.iter().map(|column| self.header[*column].0.clone()).collect());
        let rules = shown.iter().map(|column| match self.header[*column].1 {
            Align::Left | Align::Code => "---",
            Align::Right => "---:",
        });
        text.push_str(&line(rules.map(str::to_owned).collect()));
        for row in &self.rows {
            text.push_str(&line(shown.iter().map(|column| self.markdown_cell(*column, &row[*column])).collect()));
        }
        text
    }

    fn markdown_cell(&self, column: usize, cell: &str) -> String {
        let cell = cell.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        if self.header[column].1 == Align::Code && !cell.is_empty() { format!("`{cell}`") } else { cell }
    }

    /// The columns that are not empty throughout.
    fn shown(&self) -> Vec<usize> {
        (0..self.header.len()).filter(|column| self.rows.iter().any(|row| !row[*column].is_empty())).collect()
    }

    fn column_width(&self, column: usize) -> usize {
        self.rows
            .iter()
            .map(|row| row[column].chars().count())
            .chain([self.header[column].0.chars().count()])
            .max()
            .unwrap_or(0)
    }

    /// One row, its last cell on as many lines as it needs.
    fn wrapped(&self, text: &mut String, shown: &[usize], widths: &[usize], row: &[String]) {
        let mut cells: Vec<&str> = shown.iter().map(|column| row[*column].as_str()).collect();
        let Some(last) = cells.pop() else { return };
        let before: usize = self.indent + widths[..cells.len()].iter().map(|w| w + 2).sum::<usize>();
        let lines = wrap(last, self.width.saturating_sub(before).max(24));
        for (place, line) in lines.iter().enumerate() {
            if place > 0 {
                cells.fill("");
            }
            let mut all = cells.clone();
            all.push(line);
            self.line(text, shown, widths, &all);
        }
    }

    fn line(&self, text: &mut String, shown: &[usize], widths: &[usize], cells: &[&str]) {
        let mut line = " ".repeat(self.indent);
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                line.push_str("  ");
            }
            let padding = " ".repeat(widths[place].saturating_sub(cell.chars().count()));
            match self.header[shown[place]].1 {
                Align::Left | Align::Code => line.extend([*cell, &padding]),
                Align::Right => line.extend([&padding, *cell]),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// Cuts text at spaces into lines of at most `width` characters where words allow it; at least one line.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Align, Columns};

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Columns::new(&[("name", Align::Left), ("none", Align::Left), ("size", Align::Right)]);
        table.row(["a".into(), String::new(), "4".into()]);
        table.row(["longer".into(), String::new(), "512".into()]);
        assert_eq!(table.render(), "    name    size\n    a          4\n    longer   512\n");
    }

    #[test]
    fn markdown_quotes_the_language_and_keeps_its_bars() {
        let mut table = Columns::new(&[("bits", Align::Right), ("none", Align::Left), ("holds", Align::Code)]);
        table.row(["7".into(), String::new(), "where a | b".into()]);
        assert_eq!(table.markdown(), "| bits | holds |\n| ---: | --- |\n| 7 | `where a \\| b` |\n");
    }

    #[test]
    fn the_last_column_is_wrapped_under_itself() {
        let mut table = Columns::new(&[("", Align::Left), ("", Align::Left)]);
        table.row(["key".into(), "word ".repeat(30)]);
        let shown = table.render();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("    key  word word"));
        assert!(lines[1].starts_with("         word word"));
        assert!(lines.iter().all(|line| line.len() <= 116));
    }
}
