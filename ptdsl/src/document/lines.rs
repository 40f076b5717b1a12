//! How long a format file is: lines that are neither empty nor comments.

/// The descriptions of a format file and how many lines each takes, comments and empty lines apart.
#[must_use]
pub fn description_lines(text: &str) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for line in said(text) {
        let mut words = line.split_whitespace();
        if let (Some("format" | "base"), Some(name)) = (words.next(), words.next()) {
            counts.push((name.trim_end_matches(';').to_owned(), 0));
        }
        if let Some(last) = counts.last_mut() {
            last.1 += 1;
        }
    }
    counts
}

/// The lines of a format file, comments and empty lines apart.
#[must_use]
pub fn file_lines(text: &str) -> usize {
    said(text).count()
}

fn said(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"))
}

#[cfg(test)]
mod tests {
    use super::{description_lines, file_lines};

    #[test]
    fn comments_and_empty_lines_do_not_count() {
        let text = "//! source\n\nformat a {\n    word 64 little;\n    // no\n}\nformat b = a with {\n}\n";
        assert_eq!(description_lines(text), [("a".to_owned(), 3), ("b".to_owned(), 2)]);
        assert_eq!(file_lines(text), 5);
    }
}
