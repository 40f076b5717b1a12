//! The trial files and the shipped formats: parsed, printed, parsed again; and which of them there are.

use std::fs;
use std::path::Path;

use ptdsl::diagnostic::render;
use ptdsl::tree::{File, FormatKind};

/// How many formats the files of the trials describe; a `base` is not one.
const FORMATS_OF_TRIALS: [(&str, usize); 15] = [
    ("t01_x86_64_4level.ptf", 1),
    ("t02_x86_64_5level.ptf", 2),
    ("t03_x86_pae.ptf", 1),
    ("t04_x86_2level.ptf", 1),
    ("t05_ept.ptf", 2),
    ("t06_aarch64_stage1.ptf", 3),
    ("t07_aarch64_stage2.ptf", 2),
    ("t08_riscv.ptf", 2),
    ("t09_loongarch64.ptf", 1),
    ("t10_power9_radix.ptf", 2),
    ("t11_s390x.ptf", 1),
    ("t12_amd_iommu_v1.ptf", 1),
    ("t13_armv7_short.ptf", 1),
    ("t14_dart.ptf", 2),
    ("t15_pascal_mmu2.ptf", 1),
];

#[test]
fn trials_are_in_canonical_form() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trials");
    assert_eq!(names_in(&folder), FORMATS_OF_TRIALS.map(|(name, _)| name));
    for (name, formats) in FORMATS_OF_TRIALS {
        let text = fs::read_to_string(folder.join(name)).expect("a trial can be read");
        let file = round_trip(name, &text);
        assert_eq!(ptdsl::print(&file), text, "{name}");
        assert_eq!(formats_of(&file).len(), formats, "{name}");
    }
}

#[test]
fn shipped_formats_are_in_canonical_form() {
    assert!(!ptgen_formats::FILES.is_empty());
    for file in ptgen_formats::FILES {
        let tree = round_trip(file.name, file.text);
        assert_eq!(ptdsl::print(&tree), file.text, "{}", file.name);
        assert!(!tree.docs.is_empty(), "{} does not say where it comes from", file.name);
        let undocumented = tree.formats.iter().find(|format| format.docs.is_empty());
        assert!(undocumented.is_none(), "{}: {undocumented:?}", file.name);
    }
}

#[test]
fn the_list_of_shipped_formats_is_complete() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats");
    let files: Vec<String> = names_in(&folder).into_iter().filter(|name| name.ends_with(".ptf")).collect();
    assert_eq!(files, ptgen_formats::FILES.iter().map(|file| file.name).collect::<Vec<_>>());
    let mut described = Vec::new();
    for file in ptgen_formats::FILES {
        let tree = round_trip(file.name, file.text);
        described.extend(formats_of(&tree).into_iter().map(|name| (name, file.name, file.text)));
    }
    let listed: Vec<_> = ptgen_formats::FORMATS.iter().map(|one| (one.name.to_owned(), one.file, one.text)).collect();
    assert_eq!(listed, described);
    for one in ptgen_formats::FORMATS {
        assert_eq!(ptgen_formats::format(one.name), Some(one));
    }
    assert_eq!(ptgen_formats::format("no_such_format"), None);
}

#[test]
fn comments_stay_beside_their_nodes() {
    insta::assert_snapshot!("comments", printed(include_str!("layout/comments.ptf")));
}

#[test]
fn any_layout_of_the_text_becomes_the_canonical_one() {
    insta::assert_snapshot!("untidy", printed(include_str!("layout/untidy.ptf")));
}

#[test]
fn white_space_and_comments_do_not_change_the_tree() {
    let (name, text) = ("t05_ept.ptf", include_str!("trials/t05_ept.ptf"));
    let tree = round_trip(name, text);
    let spaced: String = text.lines().map(|line| format!("\t{line}\r\n\r\n")).collect();
    assert_eq!(round_trip("spaced", &spaced), tree);
    let without_comments: String =
        text.lines().map(|line| line.find(" // ").map_or(line, |at| &line[..at]).to_owned() + "\n").collect();
    assert_ne!(without_comments, text);
    assert_eq!(round_trip("without comments", &without_comments).formats, tree.formats);
}

fn printed(text: &str) -> String {
    ptdsl::print(&round_trip("text", text))
}

/// Parses, and proves that printing loses nothing and settles at once.
fn round_trip(name: &str, text: &str) -> File {
    let tree = parse(name, text);
    let printed = ptdsl::print(&tree);
    let again = parse(name, &printed);
    assert_eq!(again, tree, "{name}: printing changed the tree\n{printed}");
    assert_eq!(ptdsl::print(&again), printed, "{name}: printing has not settled");
    assert_eq!(comments(&printed), comments(text), "{name}: printing lost comments");
    tree
}

/// The comments of a text, without their order.
fn comments(text: &str) -> Vec<&str> {
    let mut comments: Vec<&str> = text
        .lines()
        .filter_map(|line| line.find("//").map(|at| line[at..].trim_start_matches(['/', '!', ' ']).trim_end()))
        .collect();
    comments.sort_unstable();
    comments
}

fn parse(name: &str, text: &str) -> File {
    ptdsl::parse(text).unwrap_or_else(|found| panic!("{}", render(name, text, &found, false)))
}

fn formats_of(file: &File) -> Vec<String> {
    let formats = file.formats.iter().filter(|format| format.kind.value == FormatKind::Format);
    formats.map(|format| format.name.value.clone()).collect()
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry can be read").file_name().into_string().expect("names are UTF-8"))
        .collect();
    names.sort_unstable();
    names
}
