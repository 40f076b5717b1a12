//! What names of a format file become in Rust: the proof that they stay distinct and the code that is emitted agree on it.

/// A name in upper camel case, as types and variants are written: `write_back` as `WriteBack`.
pub(crate) fn upper_camel(name: &str) -> String {
    let words = name.split('_').filter(|word| !word.is_empty());
    words
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
        })
        .collect()
}
