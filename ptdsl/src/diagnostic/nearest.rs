//! "Did you mean": the candidate that is spelt most like a name.

/// The candidate that differs least from `name`, if it differs little: at most one edit in three characters, an
/// exchange of two neighbours counting as one, and so do the same letters in any other order. Of equally near ones the
/// first.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_within(name, candidates, (name.chars().count() / 3).max(1))
}

/// As [`nearest`], with as many edits as the caller allows.
#[must_use]
pub fn nearest_within<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    allowed: usize,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name && candidate.chars().count().abs_diff(name.chars().count()) <= allowed)
        .map(|candidate| (if same_letters(name, candidate) { 1 } else { distance(name, candidate) }, candidate))
        .filter(|(edits, candidate)| *edits <= allowed && *edits < candidate.chars().count())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Whether two words have the same letters, in whatever order.
pub(crate) fn same_letters(one: &str, other: &str) -> bool {
    let sorted = |name: &str| {
        let mut letters: Vec<char> = name.chars().collect();
        letters.sort_unstable();
        letters
    };
    sorted(one) == sorted(other)
}

/// How many insertions, deletions, replacements and exchanges of neighbours lead from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (row, letter) in from.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != *other);
            let mut edits = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            if column > 0 && previous == Some(*other) && letter == to[column - 1] {
                edits = edits.min(before_last[column - 1] + 1);
            }
            current.push(edits);
        }
        previous = Some(letter);
        before_last = core::mem::replace(&mut last, current);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const WORDS: [&str; 5] = ["format", "feature", "leaf", "level", "software"];

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        assert_eq!(nearest("formt", WORDS), Some("format"));
        assert_eq!(nearest("featrue", WORDS), Some("feature"));
        assert_eq!(nearest("leef", WORDS), Some("leaf"));
        assert_eq!(nearest("sofware", WORDS), Some("software"));
        assert_eq!(nearest("brake", ["lazy", "break"]), Some("break"));
    }

    #[test]
    fn another_word_is_not_a_slip() {
        assert_eq!(nearest("page", WORDS), None);
        assert_eq!(nearest("leaf", WORDS), None);
        assert_eq!(nearest("", WORDS), None);
        assert_eq!(nearest("x", ["a"]), None);
    }

    #[test]
    fn of_equally_near_ones_the_first_is_taken() {
        assert_eq!(nearest("pd", ["pt", "pe", "pdp"]), Some("pt"));
    }
}
