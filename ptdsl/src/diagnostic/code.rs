//! The codes of all diagnostics.
//!
//! A code is stable: its number is never given to another rule. To add one, add a line to the list below, in the block
//! of its stage: `Name = "E0123", "title", "what the rule is and why";`. Blocks: E00 syntax, E01 names and `with`, E02
//! accounting of bits and addresses, E03 partition of words, E04 levels and geometry, E05 attributes, E06 update, E07
//! names and docs of what is emitted, E08 binding by a client, E09 generation.

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
    BitTwice = "E0201", "a bit of a word that two rows hold",
        "A layout says of each bit of its word once what it holds. A row at a parameter takes its bit out of the address row \
         that lists it, so it conflicts only with another row at a parameter.";
    BitMissing = "E0202", "a bit of a word that no row holds",
        "Manuals leave no bit open, and neither does a layout: a bit that nothing is said about is where a future machine and \
         today's code disagree. Say `reserved`, `ignored` or `software`.";
    RowOutsideWord = "E0203", "a row outside its word",
        "The bits of a row are bits of the word, whose width is that of the level that lists the layout, or of the root word \
         itself.";
    NoAlternative = "E0204", "a binding under which no alternative applies",
        "A chain of `when` chooses by binding. Under every binding that the features and parameters allow one of the \
         alternatives must apply; only a row at a parameter may hold nothing, since its bit then stays with the address.";
    ParameterRowAstray = "E0205", "a row at a parameter that is not inside an address",
        "A row at a parameter is taken out of the address row that lists its bit. At every value of the parameter that must be \
         a row of an address, and a bit above the alignment, since the bits below are reserved.";
    ValueTooLarge = "E0206", "a number that its bits cannot hold",
        "A constant has to fit the bits of its row, and a field can only equal a number that fits its bits. A number that is \
         too large would be a layout that no word is, or a condition that never holds.";
    SliceWidth = "E0207", "a slice as wide as its row is not",
        "`15..12 output[51..48]` stores four bits of the address in four bits of the word. A slice of another width is one bit \
         off somewhere.";
    AddressBitMissing = "E0208", "a bit of an address that is stored nowhere",
        "All bits of an OA from the alignment of the leaf up to its reach are stored, and all bits of a pointer from the \
         alignment of the child's tables up to the width of the OA. A pointer that uses the highest bit of its word reaches \
         only as far as the word goes. Bits below the alignment may be stored; they are then reserved.";
    AddressBitTwice = "E0209", "a bit of an address that is stored twice",
        "Two copies of one bit could disagree, and no manual says which one counts.";
    FieldBitTwice = "E0210", "a bit of a field that is stored twice",
        "A field stands in a layout once under each binding; several rows of one field name its bits, as in `xn[1]`.";
    FieldBitMissing = "E0211", "a field with a gap",
        "The rows of a field name all its bits from the highest down to 0. A binding may take some away, which then read zero; \
         a bit that no binding has is a slip.";
    WordsDiffer = "E0212", "a layout in words of different widths",
        "A layout is a word of one width. Levels of different word widths list different layouts, one of which may be derived \
         from the other.";
    MisplacedRow = "E0213", "a row that means nothing in this kind of layout",
        "Only a leaf has an OA, and only a `table` or `root` has a child. An `absent` word may hold anything as payload.";
    ReachBeyondOutput = "E0214", "a leaf that reaches beyond the OA",
        "`output` in a leaf says how far that leaf reaches; the format's `output` is the widest reach of all.";
    SlotBitsAstray = "E0215", "bits of a slot number that the child does not have",
        "`first_slot` and `last_slot` store a part of the number of the child's first and last slot, which has as many bits as \
         the child's index.";
    TwoLayouts = "E0301", "a word that is two layouts",
        "At each level the identities of the listed layouts (their constants and their `where`) exclude each other under every \
         binding. There is no order among layouts, so nothing says which of two would count. The note shows a word that is \
         both; `-` stands for a bit of any value.";
    NoLayout = "E0302", "a word that is no layout",
        "At each level every possible word is one of the listed layouts. What the machine refuses is listed as `reserved x`, so \
         that no word was merely forgotten. The note shows a word that is none; `-` stands for a bit of any value.";
    LayoutImpossible = "E0303", "a layout that no word is",
        "Wherever a level accepts a layout, some word must be that layout and have its reserved bits as they must be. \
         Otherwise its constants, its `where` and what is reserved exclude each other.";
    Undecidable = "E0304", "a layout told by a bit that moves",
        "What tells layouts apart stands at fixed bits. A bit whose place is bound by the client may fall on any other bit, so \
         whether two layouts exclude each other would depend on its place.";
    SharedBits = "E0305", "bits that are compared as a whole and looked at singly",
        "A comparison with a parameter out of a large set is either true or false whatever else the word is. That holds only as \
         long as no constant and no other condition at the level looks at the same bits.";
    ForbidsAll = "E0306", "a `forbid` that leaves nothing",
        "`forbid` refuses some of the words of a layout. If it refuses all of them, the level should list `reserved x`.";
    EmptiedSlot = "E0307", "an emptied slot that is not absent",
        "An emptied slot holds the first absent layout of its level with all free bits zero. That word has to be of the layout \
         and must not be refused.";
    NothingAbsent = "E0308", "a level whose slots cannot be empty",
        "Under every binding each level lists an absent layout. Without one nothing could be unmapped.";
    WrongComparison = "E0309", "a condition that asks nothing",
        "A feature, level, range, right or field of one bit is true or false. Fields of several bits and parameters are \
         compared with a number. Where nothing stands at a level, a condition cannot ask for one.";
    NeverEqual = "E0310", "a comparison that never holds",
        "A parameter is compared with one of its values. With any other number the condition would never hold.";
    TooComplex = "E0311", "conditions that are too complex to decide",
        "Conditions are decided for all words and bindings at once. One can write conditions for which that takes more memory \
         than there is; formats of real machines stay a thousand times below the limit.";
    LevelsGap = "E0401", "bits of the VA that no level uses",
        "Going down, each level begins where the one above it ends. Bits in between would be translated by nobody.";
    LevelsOverlap = "E0402", "bits of the VA that two levels use",
        "Each bit of the VA indexes one level. Only the two kinds of children that one word may point to share bits, and rows \
         `table l …` name them.";
    TopBitNotHeld = "E0403", "a range whose highest bit no level holds",
        "The root is the level that holds the highest translated bit of the VA. `widened N` lets the root be indexed by N more \
         bits than its level has.";
    NoLevelBelow = "E0404", "a pointer to a table where no level is below",
        "A `table` layout that a level accepts leads to the next level. At the lowest level such a word is `reserved`.";
    SeveralLevelsBelow = "E0405", "a pointer that may mean several levels",
        "Where two levels begin at the same bit, the rows of a pointer say which of them they mean: `table l`.";
    ChildAstray = "E0406", "a child that is not directly below",
        "`table l` names a level whose highest bit is next to the lowest bit of the level in which the pointer stands.";
    RunAstray = "E0407", "a run that does not fit",
        "A run is a power of two of adjacent slots of one table, at every level at which its layout may stand.";
    AlignAstray = "E0408", "an alignment that does not divide the size",
        "`align` says that tables begin at smaller multiples than their size. It is a power of two and at most the size.";
    WordWidth = "E0409", "a word of a width that no machine loads",
        "Entries have 32, 64 or 128 bits.";
    CompanionAstray = "E0410", "companion bits that are no whole number of bytes",
        "`companion N` reserves N bits for each slot behind the table; code addresses them by bytes.";
    WidthAstray = "E0411", "an address that is too wide or too narrow",
        "A VA and an OA have 1 to 64 bits, whatever the parameters are, the index bits of a level lie in the VA, and a table \
         has at most 2^24 slots.";
    TagAstray = "E0412", "a tag among translated bits",
        "A tag is a part of the VA that the walk ignores. It lies above the widest range that it belongs to.";
    NoLeafAtBottom = "E0413", "a lowest level without a leaf",
        "A walk that comes to a level with nothing below must be able to end there.";
    DeferAstray = "E0414", "an absent word that defers to no one",
        "`defer` leaves the VA to the other child of the pointer above. A level that is the only child has no other.";
    ParameterSet = "E0415", "a value that a parameter lists twice",
        "The spans of a set do not meet. That they do is mostly a slip in one of the numbers.";
    LevelUnreached = "E0416", "a level that no table points to",
        "A walk begins at the level that holds the highest bit of a range and goes on through the tables that levels accept. A \
         level that is reached in no way is no part of the format; most often a table was listed as `reserved` above it.";
    RangeCovered = "E0417", "a range of which nothing is left",
        "The first range that holds a VA counts. If all that a range holds is in one before it, under every binding, it would \
         never be walked. A smaller range before a larger one takes its part out of it, as where two registers share the VA.";
    NumberTwice = "E0501", "a number that means two things",
        "Each number that the fields of an attribute can hold means one thing, so that what was written reads back.";
    NumberMissing = "E0502", "a number that means nothing",
        "An attribute says of every number that its fields can hold what it means. `else reserved` refuses the others, \
         `else other` accepts them without a name.";
    NumberAstray = "E0503", "a number that the fields of an attribute cannot hold",
        "The numbers of an attribute are those of its joined fields, the first of which is the highest.";
    ForeignName = "E0504", "a line of an attribute that says something else",
        "An attribute is about the names before its `=`. With one name its lines list the names of an enumeration; with \
         several each line lists the rights that hold, or `none`.";
    SaidTwice = "E0505", "something that a word says twice",
        "A name is a field of its own, or the numbers of one attribute say it, and a field is a part of one number. Two that \
         apply under one binding could contradict each other.";
    CannotBeWritten = "E0506", "something that a leaf cannot be written with",
        "Every name of an enumeration, and every field of one bit in both its values, can be written in each leaf that has it, \
         at each level, without the word being refused or becoming another layout.";
    LacksUnsaid = "E0507", "a leaf that lacks something unsaid",
        "Fields go by name when a leaf is split, merged or moved to another level. A field that one leaf has and another lacks \
         would be lost; `lacks` says that this is meant. Most often a row was forgotten in a layout derived by `with`.";
    LacksNeedless = "E0508", "something that is not lacking",
        "`lacks` is exact: it names what other leaves have and this one has not.";
    FieldWidth = "E0509", "a field of two widths",
        "Fields of one name are one thing. With different widths a value of one could not be said by the other.";
    InvertedInGroup = "E0510", "an inverted field that is a part of a number",
        "The numbers of an attribute are the bits as the manual prints them. `not` in a row would turn them around.";
    MeaningTwice = "E0511", "two lines of an attribute that mean the same",
        "A line lists all numbers of a meaning, the one that is written first. With two lines nothing says which one is written.";
    GroupWithoutBits = "E0512", "an attribute without bits",
        "Where an attribute is in force, some layout holds a bit of its fields; otherwise every word would mean the number zero.";
    FlagTooWide = "E0513", "a right of several bits",
        "Names like `write`, `user` and `dirty` are true or false. Where a machine spends several bits on them, an `attribute` \
         says what the numbers mean.";
    MeaningMisspelt = "E0514", "a name that is almost one with a meaning",
        "`write`, `accessed`, `memory_type` and others mean the same in every format; any other name is a field of one format. A \
         name that differs from one of these by a letter is most probably a slip, and what it was meant to say would be lost.";
    NoWay = "E0601", "a change that is made in no way",
        "Whoever edits live tables needs to know how a change of each kind is made, under every binding. `all` is every kind \
         that is not named.";
    HardwareFieldAstray = "E0602", "a field that the machine writes and no word has",
        "Words with fields that the machine writes are changed by compare-and-exchange. A field that is in no leaf or table \
         while the rule applies would make code careful about nothing, or was meant to be another.";
    WideWordTorn = "E0603", "a wide word that can be seen half-made",
        "A word of 128 bits takes two stores. If one half alone tells that a word is absent, the other is stored first and no \
         walker sees a word that nobody meant.";
    RegistersBelowRoot = "E0604", "a level held in registers below the root",
        "`registers l` says that the processor keeps the table of the root in registers. Tables further down cannot be loaded \
         with the root.";
    HoldAstray = "E0605", "a leaf that cannot be held",
        "While the size of a leaf changes by way of `break`, `hold f` keeps the leaf in its slot with `f` set, by which the machine \
         keeps it out of its caches. So `f` is one bit of some leaf, and `size` is made by `break`, whenever the rule applies.";
    FeatureUnused = "E0701", "a feature that decides nothing",
        "A client that binds such a feature changes nothing. A feature that only some formats of a file use is no mistake; in \
         the others it is dropped.";
    ParameterUnused = "E0702", "a parameter that decides nothing",
        "A client that binds such a parameter changes nothing. One that only some formats of a file use is no mistake.";
    FeatureNeverOn = "E0703", "a feature that can never be on",
        "`feature a when c` is off where `c` fails. If `c` never holds, the feature and all that waits for it is dead text.";
    NamesCollide = "E0704", "two names that become one in Rust",
        "Levels and names of enumerations become types and variants, in upper camel case: `l1_2` and `l12` both become `L12`. \
         Names of one kind stay distinct after that.";
    RustKeyword = "E0705", "a name that is a word of Rust",
        "Features, parameters and attributes become functions and fields of the same name. Raw identifiers (`r#type`) would be \
         legal for most words and ugly for the client for all, so these names are refused. Names that are not emitted (of \
         constants, and of fields that an attribute always stands for) may be any word.";
    ModuleName = "E0706", "a name that the emitted module needs for itself",
        "The module of a format has types such as `PageTable` and `Entry`, and attributes have functions such as `new`. A name \
         of the format that becomes the same identifier would not compile.";
    NoSource = "E0707", "a format that cites nothing",
        "A format is a set of claims about a machine. `//!` lines at the top of the file say from which manual they are, so \
         that someone else can check them.";
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
    NotEmitted = "E0901", "a format that the generator has no code for",
        "The language says more than the generator can emit today. Such a format is checked, shown, decoded and walked like any \
         other; expanding it is refused rather than done wrong.";
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
