//! The codes of all diagnostics.
//!
//! A code is stable: its number is never given to another rule. To add one, add a line to the list below, in the block
//! of its stage: `Name = "E0123", "title", "what the rule is and why";`. Blocks: E00 syntax, E01 names and `with`, E02
//! accounting of bits and addresses, E03 partition of words, E04 levels and geometry, E05 attributes, E06 update, E07
//! names and docs of what is emitted, E08 binding by a client.

use core::fmt;

macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal, $explain:literal;)*) => {
        /// The rule that a diagnostic is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = concat!($number, ": ", $title, ".")] $name,)*
        }

        impl Code {
            /// All codes, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The number: `E0001`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $number,)* }
            }

            /// The rule in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// The rule in a paragraph: what it demands, and why.
            #[must_use]
            pub const fn explain(self) -> &'static str {
                match self { $(Self::$name => $explain,)* }
            }
        }
    };
}

codes! {
    UnexpectedText = "E0001", "the text does not follow the grammar",
        "A format file is a sequence of `format` and `base` descriptions. At this place the grammar allows something else; \
         the note lists what.";
    KeywordAsName = "E0002", "a word of the language stands where a name belongs",
        "All words of the language are reserved, so that adding a row never changes what another row means. Only the lists \
         of an `update` and an `attribute` may use `output`, `other` and `reserved` as names.";
    UnknownCharacter = "E0003", "a character that the language does not use",
        "Outside comments and docs a format file consists of lower-case words, numbers and the marks \
         `{ } ( ) [ ] ; , = != | & ..`.";
    MalformedName = "E0004", "a name that does not begin with a lower-case letter",
        "Names begin with a lower-case letter and go on with letters, digits and `_`. The compiler derives the names of types \
         from them and needs the other spelling for itself.";
    MalformedNumber = "E0005", "a number that cannot be read",
        "Numbers are decimal (`12`), hexadecimal (`0xfff`) or binary (`0b1000`), without separators and without a suffix.";
    NumberTooLarge = "E0006", "a number that does not fit in 128 bits",
        "No word of a page table is wider than 128 bits, so no number in a format file can be.";
    ReversedRange = "E0007", "a range that runs the wrong way",
        "Bits are written the highest first, as in the tables of the manuals: `51..12`. Values and lengths of runs are \
         written the lowest first: `36 to 52`.";
    NestedTooDeeply = "E0008", "a condition that is nested too deeply",
        "Conditions may be nested 64 levels deep, which no table of a manual comes near. The limit keeps the compiler's \
         stack bounded whatever the text is.";
    StrayDocs = "E0009", "docs that document nothing",
        "`///` documents the description, statement, row or value that follows it; `//!` documents the file and stands before \
         the first description. Elsewhere use `//`.";
    UnclosedBlock = "E0010", "a block without its closing brace",
        "The file ends inside a block. The label shows the brace that was not closed; often it is an inner one whose `}` is \
         missing.";
    RepeatedClause = "E0011", "a clause that is given twice",
        "A level has one `word`, one `align` and one `companion`; a second one would silently replace the first.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn numbers_are_distinct_ascending_and_described() {
        for pair in Code::ALL.windows(2) {
            assert!(pair[0].as_str() < pair[1].as_str(), "{} before {}", pair[0], pair[1]);
        }
        for code in Code::ALL {
            let digits = code.as_str().strip_prefix('E').unwrap_or_default();
            assert!(digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
            assert!(!code.title().is_empty() && !code.title().ends_with('.'), "{code}");
            assert!(code.explain().ends_with('.') && !code.explain().contains("  "), "{code}");
        }
    }
}
