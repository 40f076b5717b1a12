//! The names that the language gives a meaning, and what they mean.

use crate::diagnostic::{nearest_within, same_letters};

/// Each name with what it says of the word of a leaf.
const MEANINGS: [(&str, &str); 17] = [
    ("read", "reading is allowed"),
    ("write", "writing is allowed"),
    ("execute", "fetching instructions is allowed"),
    ("user", "user mode may do it, too"),
    ("user_write", "user mode may write"),
    ("user_execute", "user mode may fetch instructions"),
    ("privileged_execute", "privileged modes may fetch instructions"),
    ("secure", "the output address is in the secure space"),
    ("global", "the translation belongs to all address spaces"),
    ("accessed", "the translation was used"),
    ("dirty", "something was written through the translation"),
    ("memory_type", "how accesses are cached and ordered"),
    ("key", "number of the protection key"),
    ("encrypted", "the memory behind it is encrypted"),
    ("cleaned", "the word was cleaned from the cache"),
    ("child", "the level of the child"),
    ("asid", "number of the address space"),
];

/// The meaning of a field or attribute out of the vocabulary of the language, for a word of a leaf.
#[must_use]
pub fn meaning(name: &str) -> Option<&'static str> {
    MEANINGS.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

/// The name with a meaning that a name without one is most probably a misspelling of.
///
/// One letter may be wrong, two in long names. Among short names a word with another letter in it is another word
/// (`used` and `user`), so there a letter has to be missing, too many, or exchanged with its neighbour.
pub(crate) fn meant(name: &str) -> Option<&'static str> {
    const SHORT: usize = 4;
    const LONG: usize = 10;
    let edits = if name.len() < LONG { 1 } else { 2 };
    let known = MEANINGS.iter().map(|(known, _)| *known);
    let near = nearest_within(name, known.clone(), edits)?;
    let replaced = near.len() <= SHORT && near.len() == name.len() && !same_letters(near, name);
    (!replaced && known.clone().all(|known| known != name)).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn slips_of_the_pen_are_told_from_other_words() {
        for (slip, name) in [
            ("usr", "user"),
            ("uesr", "user"),
            ("wirte", "write"),
            ("acessed", "accessed"),
            ("memory_typ", "memory_type"),
            ("memroy_tpe", "memory_type"),
            ("keys", "key"),
        ] {
            assert_eq!(meant(slip), Some(name), "{slip}");
        }
        for word in ["used", "real", "writable", "executable", "execute_never", "privilege", "asic", "user", "write"] {
            assert_eq!(meant(word), None, "{word}");
        }
    }
}
