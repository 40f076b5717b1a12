//! Phrases that several checks use.

/// `3`, or `5..3`: bits, the highest first.
pub(super) fn bits(high: u32, low: u32) -> String {
    if high == low { format!("{high}") } else { format!("{high}..{low}") }
}

/// "bit 3", or "bits 5..3".
pub(super) fn bits_named(high: u32, low: u32) -> String {
    bit_set((low..=high).collect())
}

/// "bit 3", or "bits 9..7, 3": a set of bits given in any order, the highest first.
pub(super) fn bit_set(mut set: Vec<u32>) -> String {
    set.sort_unstable_by(|a, b| b.cmp(a));
    set.dedup();
    let mut stretches: Vec<(u32, u32)> = Vec::new();
    for bit in &set {
        match stretches.last_mut() {
            Some((_, low)) if *low == bit + 1 => *low = *bit,
            _ => stretches.push((*bit, *bit)),
        }
    }
    let parts: Vec<String> = stretches.iter().map(|(high, low)| bits(*high, *low)).collect();
    format!("{} {}", if set.len() == 1 { "bit" } else { "bits" }, parts.join(", "))
}

/// "with `a` on", or nothing for a binding that decides nothing.
pub(super) fn with(binding: &str) -> String {
    if binding.is_empty() { String::new() } else { format!(" with {binding}") }
}

/// "`a`, `b` and `c`".
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{bit_set, list};

    #[test]
    fn bits_are_joined_into_stretches() {
        assert_eq!(bit_set(vec![3]), "bit 3");
        assert_eq!(bit_set(vec![1, 7, 0, 8, 9]), "bits 9..7, 1..0");
    }

    #[test]
    fn names_are_listed() {
        assert_eq!(list(["a"]), "`a`");
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
