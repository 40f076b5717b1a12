//! Small faults planted into formats of real machines are refused, each by the rule that it breaks.

mod inputs;

use std::collections::BTreeSet;

use ptdsl::compile;
use ptdsl::diagnostic::Code;

/// A fault: the file, what is replaced there (its first occurrence), by what, and the rules that refuse it.
type Fault = (&'static str, &'static str, &'static str, &'static [Code]);

/// Faults in what a word may be.
const PARTITION: &[Fault] = &[
    (
        "t01",
        "level pml4 47..39 = empty, directory, reserved large;",
        "level pml4 47..39 = empty, directory;",
        &[Code::NoLayout],
    ),
    ("t01", "        7       page_size = 0;\n", "        7       software;\n", &[Code::TwoLayouts]),
    ("t05", "where read | write | execute | user_execute;", "where read | write | execute;", &[Code::NoLayout]),
    ("t05", "= 0 when mode_based_execute else software;", "software;", &[Code::TwoLayouts]),
    ("t05", "suppress_ve = 1 when convertible else software;", "software;", &[Code::TwoLayouts]),
    ("t05", "forbid write & not read;", "forbid write;\n        forbid not write;", &[Code::ForbidsAll]),
    ("t06", "page_run, reserved block, reserved block_run;", "page_run, reserved block;", &[Code::NoLayout]),
    (
        "t06",
        "leaf page_run = page with { 52 contiguous = 1;",
        "leaf page_run = page with { 52 contiguous = 0;",
        &[Code::TwoLayouts, Code::NoLayout],
    ),
    ("t07", "where owner != 0;", "", &[Code::TwoLayouts]),
    ("t08", "where read | write | execute;", "where read | execute;", &[Code::NoLayout]),
    ("t08", "napot when svnapot else reserved,", "napot when svnapot,", &[Code::NoLayout]),
    ("t08", ", reserved directory;", ";", &[Code::NoLayout]),
    ("t08", "        3..1    = 0;\n", "        3..1    software;\n", &[Code::TwoLayouts]),
    ("t09", "where table != empty_table;", "", &[Code::TwoLayouts]),
    ("t09", "= hole, directory, huge, unset_huge;", "= hole, directory, huge;", &[Code::NoLayout]),
    ("t10", "level pmd 29..21 = empty, directory, page;", "level pmd 29..21 = empty, directory;", &[Code::NoLayout]),
    ("t11", "large_bit = 0 when edat1 else ignored;", "ignored;", &[Code::TwoLayouts]),
    ("t12", "where next_level != 0 & next_level != 7;", "where next_level != 0;", &[Code::TwoLayouts]),
    ("t13", "        18      super = 0;\n", "        18      ignored;\n", &[Code::TwoLayouts]),
    (
        "t13",
        "        1..0    type = 1;\n    }\n    leaf",
        "        1..0    type = 2;\n    }\n    leaf",
        &[Code::TwoLayouts, Code::NoLayout],
    ),
    (
        "t15",
        "        0       leaf_bit = 0;\n        where aperture != 0;\n",
        "        0       leaf_bit = 0;\n",
        &[Code::TwoLayouts],
    ),
];

/// Faults in where bits are.
const BITS: &[Fault] = &[
    (
        "t01",
        "        11..9   software;\n        8       global;",
        "        11..10  software;\n        8       global;",
        &[Code::BitMissing],
    ),
    ("t08", "        9..8    software;\n", "        9..7    software;\n", &[Code::BitTwice]),
    ("t01", "parameter c_bit = 43 to 51;", "parameter c_bit = 43 to 52;", &[Code::ParameterRowAstray]),
    (
        "t01",
        "        51..12  table;\n        8       software;",
        "        51..13  table;\n        12      software;\n        8       software;",
        &[Code::AddressBitMissing],
    ),
    (
        "t04",
        "output[39..32] when pse36",
        "output[38..31] when pse36",
        &[Code::AddressBitMissing, Code::AddressBitTwice],
    ),
    (
        "t06",
        "15..12  output[51..48] when lpa else ignored;",
        "15..12  output[55..52] when lpa else ignored;",
        &[Code::AddressBitMissing],
    ),
    (
        "t06",
        "15..12  output[51..48] when lpa else ignored;",
        "15..12  output[51..48] when lpa;",
        &[Code::NoAlternative],
    ),
    ("t08", "53..10  output[55..12];", "53..10  output[54..11];", &[Code::AddressBitMissing]),
    ("t08", "53..10  output[55..12];", "53..10  output[56..12];", &[Code::SliceWidth]),
    (
        "t11",
        "        1..0    last_slot[10..9];                     //",
        "        1..0    last_slot[11..10];                    //",
        &[Code::SlotBitsAstray],
    ),
    (
        "t13",
        "        31..24  output;\n",
        "        31..25  output;\n        24      reserved;\n",
        &[Code::AddressBitMissing],
    ),
    (
        "t13",
        "        8..5    output[39..36];\n",
        "        8..5    output[35..32];\n",
        &[Code::AddressBitMissing, Code::AddressBitTwice],
    ),
    ("t14", "23..0", "22..0", &[Code::BitMissing]),
    (
        "t15",
        "leaf huge_local = local with { 127..64 reserved; }",
        "leaf huge_local = local with { 126..64 reserved; }",
        &[Code::BitMissing],
    ),
    ("t15", "table spt[57..12]", "table spt[58..13]", &[Code::AddressBitMissing]),
    ("x86_64.ptf", "parameter width = 36 to 52;", "parameter width = 36 to 53;", &[Code::AddressBitMissing]),
];

/// Faults in levels.
const LEVELS: &[Fault] = &[
    ("t08", "zero_extended widened 2;", "zero_extended widened 30;", &[Code::WidthAstray]),
    ("t10", "prefix 0xc00;", "prefix 0x1c00;", &[Code::ValueTooLarge]),
    ("t10", "4..0    slots_lg2;", "4..3    ignored;\n        2..0    slots_lg2;", &[Code::SlotBitsAstray]),
    ("t12", "run 2 to 256 identical in ones;", "run 2 to 256 identical;", &[Code::RunAstray]),
    ("t12", "run 2 to 256 identical in ones;", "run 2 to 256 in ones;", &[Code::RunAstray]),
    ("t12", "run 2 to 256 identical in ones;", "run 3 identical in ones;", &[Code::RunAstray]),
    ("t01", "level pd   29..21", "level pd   29..22", &[Code::LevelsGap]),
    ("t01", "level pd   29..21", "level pd   29..20", &[Code::LevelsOverlap]),
    ("t03", "registers pdpt;", "registers pd;", &[Code::RegistersBelowRoot]),
    ("t07", "parameter ipa_bits = 32 to 48;", "parameter ipa_bits = 32 to 53;", &[Code::TopBitNotHeld]),
    ("t08", ", reserved directory;", ", directory;", &[Code::NoLevelBelow]),
    ("t12", "run 2 to 256 identical", "run 2 to 1024 identical", &[Code::RunAstray]),
    ("t15", "level lpt 20..16", "level lpt 19..16", &[Code::LevelsOverlap]),
    (
        "t15",
        "absent sparse = empty with { 3 volatile = 1; }",
        "absent sparse = empty with { 3 volatile = 1;  defer; }",
        &[Code::DeferAstray],
    ),
];

/// Faults in what words mean and how they are changed.
const MEANING: &[Fault] = &[
    (
        "t01",
        "leaf large = page with { 12 pat;  7 page_size = 1; }",
        "leaf large = page with { 7 page_size = 1; }",
        &[Code::LacksUnsaid],
    ),
    ("t01", "        write_through = 7;\n", "", &[Code::NumberMissing]),
    ("t01", "write_through = 7;", "write_through = 7, 1;", &[Code::NumberTwice]),
    ("t01", "all = live;", "", &[Code::NoWay]),
    ("t06", "hardware read_only when hardware_dirty;", "hardware read_only;", &[Code::HardwareFieldAstray]),
    ("t06", "hold no_translation when bbm1 & not bbm2;", "hold attr_index;", &[Code::HoldAstray]),
    ("t06", "hold no_translation when bbm1 & not bbm2;", "hold no_translation when bbm1;", &[Code::HoldAstray]),
    ("t06", "hold no_translation when bbm1 & not bbm2;", "hold no_translation when not bbm2;", &[Code::HoldAstray]),
    ("t06", "size = live when bbm2 else break;", "size = live when bbm2;", &[Code::NoWay]),
    ("t07", "mem_attr when fwb {", "mem_attr when fwb | not fwb {", &[Code::SaidTwice]),
    (
        "t08",
        "attribute memory_type = page_type when svpbmt {",
        "attribute memory_type = page_type {",
        &[Code::GroupWithoutBits],
    ),
    (
        "t09",
        "leaf huge = page with { 12 global;  6 huge = 1; }",
        "leaf huge = page with { 6 huge = 1; }",
        &[Code::LacksUnsaid],
    ),
    (
        "t09",
        "feature page_walker;",
        "feature page_walker, empty_table_dir1;",
        &[Code::NamesCollide, Code::FeatureUnused],
    ),
    (
        "t11",
        "        7..0    software;\n        lacks common, ",
        "        7..0    software;\n        lacks ",
        &[Code::LacksUnsaid],
    ),
    ("t12", "fill = live when np_cached else lazy;", "fill = lazy;", &[Code::FeatureUnused]),
    ("t13", "        lacks domain, secure,", "        lacks domain, secure, shareable,", &[Code::LacksNeedless]),
    ("t15", "lacks coherent;", "", &[Code::LacksUnsaid]),
    ("aarch64.ptf", "device = 0b01111;", "device = 0b00111;", &[Code::NumberTwice]),
    ("aarch64.ptf", "16    no_translation when bbm1 else ignored;\n", "", &[Code::UnknownName]),
    (
        "riscv.ptf",
        "53..10  output[55..12];",
        "53..10  output[55..12];  forbid page_type = 2;",
        &[Code::CannotBeWritten],
    ),
];

#[test]
fn words_that_are_nothing_or_two_things_are_refused() {
    all_refused(PARTITION);
}

#[test]
fn bits_that_are_lost_or_used_twice_are_refused() {
    all_refused(BITS);
}

#[test]
fn levels_that_do_not_fit_are_refused() {
    all_refused(LEVELS);
}

#[test]
fn meanings_that_do_not_hold_are_refused() {
    all_refused(MEANING);
}

/// Proofs about layouts cannot know which bit the manual calls which; golden words and machines can.
#[test]
fn an_exchange_of_two_names_passes() {
    let (name, text) = input("t06");
    let exchanged = text
        .replace("not user_execute;", "not E;")
        .replace("not execute;", "not user_execute;")
        .replace("not E;", "not execute;");
    assert_ne!(text, exchanged);
    assert!(compile(&name, &exchanged).diagnostics.is_empty());
}

fn all_refused(faults: &[Fault]) {
    let mut wrong = Vec::new();
    for (file, find, replace, codes) in faults {
        let (name, text) = input(file);
        assert!(text.contains(find), "{name} has no {find:?}");
        let compiled = compile(&name, &text.replacen(find, replace, 1));
        let found: BTreeSet<Code> = compiled.diagnostics.iter().map(|it| it.code).collect();
        if found != codes.iter().copied().collect() {
            wrong.push(format!("{find:?} → {replace:?}: {found:?} instead of {codes:?}\n{}", compiled.rendered(false)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The file whose name begins so.
fn input(start: &str) -> (String, String) {
    let mut all = inputs::trials().into_iter().chain(inputs::shipped());
    all.find(|(name, _)| name.starts_with(start)).unwrap_or_else(|| panic!("no {start}"))
}
