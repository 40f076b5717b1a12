//! Formats with a few words lost, doubled, exchanged or replaced by another number.

/// Words and marks of a text; joining them gives a text that reads the same.
pub fn words(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let mut words: Vec<String> = Vec::new();
    for letter in lines.flat_map(|line| line.chars().chain([' '])) {
        let in_word = letter.is_ascii_alphanumeric() || letter == '_';
        match words.last_mut() {
            Some(last) if in_word && last.ends_with(|it: char| it.is_ascii_alphanumeric() || it == '_') => {
                last.push(letter);
            }
            Some(last) if last.ends_with(['.', '!']) && ['.', '='].contains(&letter) => last.push(letter),
            _ => words.push(letter.to_string()),
        }
    }
    words
}

/// The next of a stream of numbers, below `bound`.
pub fn roll(seed: &mut u64, bound: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize % bound.max(1)
}

/// A changed text.
pub fn mutated(words: &[String], seed: &mut u64) -> String {
    const NUMBERS: [&str; 9] = ["0", "1", "7", "63", "64", "127", "128", "4096", "0xffffffffffffffffffffffffffffffff"];
    let mut words = words.to_vec();
    for _ in 0..=roll(seed, 3) {
        let at = roll(seed, words.len());
        match roll(seed, 4) {
            0 => drop(words.remove(at)),
            1 => words.insert(at, words[at].clone()),
            2 => {
                let other = roll(seed, words.len());
                words.swap(at, other);
            }
            _ => {
                let numbers: Vec<usize> =
                    (0..words.len()).filter(|it| words[*it].starts_with(|it: char| it.is_ascii_digit())).collect();
                let at = numbers[roll(seed, numbers.len())];
                words[at] = NUMBERS[roll(seed, NUMBERS.len())].to_owned();
            }
        }
    }
    words.concat()
}

/// How many changed texts of each file a test looks at. Raised by whoever looks for more:
/// `PTDSL_MUTANTS=3000 cargo test --release …`.
pub fn count() -> u64 {
    std::env::var("PTDSL_MUTANTS").ok().and_then(|count| count.parse().ok()).unwrap_or(25)
}
