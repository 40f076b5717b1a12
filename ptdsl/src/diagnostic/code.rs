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
    UnknownName = "E0101", "a name that nothing has",
        "Every name is looked up where it is used: descriptions, layouts, levels, features, parameters, fields and kinds of \
         change. Late references make this a check of the finished format, so a fragment may amend a layout that only its \
         users define.";
    WrongName = "E0102", "a name of another kind than the place needs",
        "A `when` chooses by binding and sees features, parameters, levels and ranges; a `where` and a `forbid` also see the \
         fields of their layout. A name of another kind would make a condition mean something else than it reads.";
    Cycle = "E0103", "something that is made from itself",
        "Descriptions, layouts, the conditions of features and the places of levels may refer to each other only without a \
         circle; otherwise there is nothing to begin with.";
    DuplicateItem = "E0104", "an item that is given twice",
        "A description says each thing once, and each statement of a layout has each clause once. What replaces an item stands \
         in another description, made from this one by `with`.";
    FragmentsOverlap = "E0105", "two fragments that give the same item or the same bits",
        "The fragments of a `with` have no order among them, so no two of them may define the same item or amend the same \
         bits. The block that joins them may replace what both give.";
    FieldCut = "E0106", "a field of which only a part is replaced",
        "A row replaces the bits it names. Rows without a name and rows of an address are cut where needed; of a field the rest \
         would keep its name and lose its meaning, so it is replaced whole.";
    KindsDiffer = "E0107", "a layout of the wrong kind",
        "`leaf x with` amends a leaf, a level lists no `root`, and each kind of layout has its own clauses.";
    MissingItem = "E0108", "a format that lacks a part",
        "A `format` has a word, a range of the VA, the width of the OA, levels and rules of change. A `base` may lack any of \
         them, and cannot be bound.";
    AmbiguousName = "E0109", "a name that is a field and a feature",
        "In a `where` or a `forbid` a name is a field of the layout or a feature. One that is both could mean either.";
    UnknownFeature = "E0801", "a feature that the format does not have",
        "A client binds features by name. The complaint lists those of the format.";
    UnknownParameter = "E0802", "a parameter that the format does not have",
        "A client binds parameters by name; one that exists per level is `name` for all levels or `name.level` for one. The \
         complaint lists those of the format.";
    FeatureExcluded = "E0803", "a feature that this binding excludes",
        "`feature a when c` is off where `c` fails. Asking for it nevertheless is more likely a mistake than a wish.";
    ValueOutOfSet = "E0804", "a value that the parameter cannot have",
        "The format lists the values of each parameter, and its proofs hold for these only.";
    RootImpossible = "E0805", "a level that cannot be the root",
        "The root is the level that holds the top bit of the VA; where a range is `widened` there is a choice, and `root` makes \
         it. No other level translates the whole range.";
    UnknownRange = "E0806", "a range that the format does not have",
        "A format with several ranges of the VA names them; `range` chooses the one that the tables are for.";
    TopBitMissed = "E0807", "levels that do not reach the top of the VA",
        "Under this binding no level, widened or not, is indexed by the highest translated bit, or there is a gap below it.";
    UnknownChoice = "E0808", "an attribute or a name that cannot be bound anew",
        "Only the numbers of a `parameter attribute` are the client's to bind, and only for the names that the format lists.";
    NumberTaken = "E0809", "a number that means two names or fits none",
        "Each number of an enumeration means one name, each name keeps at least one number, and a number fits the bits of its \
         fields.";
    TooManyVariants = "E0810", "too much left to run time",
        "Each combination of what is decided at run time is compiled in. Beyond 64 combinations the code would be larger than \
         anyone wants; bind more of it. Widths of the OA and places of a bit do not count.";
    BaseBound = "E0811", "a base cannot be bound",
        "A `base` may lack parts; only a `format` stands for page tables that a machine walks.";
    NothingLeft = "E0812", "a binding that no machine satisfies",
        "Every combination of what is left to run time is excluded by the conditions of the features.";
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
