//! What binding makes of a format: geometry, masks, families.

mod support;

use std::collections::BTreeMap;

use ptdsl::bind;
use ptdsl::binding::{Binding, Family, Setting, Value};
use ptdsl::model::{
    AttributeKind, Bits, Change, Combine, Format, Layout, LayoutKind, ParametricRule, Source, Test, Way,
};
use ptdsl::resolve::Description;

fn shipped(name: &str) -> Description {
    let file = ptgen_formats::format(name).unwrap();
    support::format(&support::resolved(file.text), name).clone()
}

fn trial(name: &str) -> Description {
    support::format(&support::resolved(&support::trials()), name).clone()
}

fn model(description: &Description, features: &[&str], parameters: &[(&str, u128)]) -> Format {
    let features = description.features.iter().map(|feature| {
        let name = &feature.node.name.value;
        (name.clone(), features.contains(&name.as_str()))
    });
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), *value));
    bind::model(description, &features.collect(), &parameters.collect()).unwrap()
}

fn level<'a>(format: &'a Format, name: &str) -> &'a ptdsl::model::Level {
    format.levels.iter().find(|level| level.name == name).unwrap()
}

fn names(format: &Format) -> Vec<&str> {
    format.levels.iter().map(|level| level.name.as_str()).collect()
}

/// The layout of that name at a level.
fn at<'a>(format: &'a Format, place: &str, name: &str) -> &'a Layout {
    let entries = level(format, place).entries.iter();
    entries.map(|entry| &format.layouts[entry.layout]).find(|layout| layout.name == name).unwrap()
}

#[test]
fn levels_and_roots_follow_the_width() {
    let description = shipped("aarch64_stage1_4k_lpa2");
    for (bits, root, index_bits, align) in [
        (52, "lm1", 4, 7),
        (49, "lm1", 1, 6),
        (48, "l0", 9, 12),
        (40, "l0", 1, 6),
        (39, "l1", 9, 12),
        (31, "l1", 1, 6),
        (30, "l2", 9, 12),
        (25, "l2", 4, 7),
    ] {
        let format = model(&description, &[], &[("low_bits", bits), ("high_bits", 25)]);
        let range = &format.ranges[0];
        assert_eq!(format.levels[range.root].name, root, "{bits}");
        assert_eq!((range.root_index_bits, range.root_align_lg2), (index_bits, align), "{bits}");
        assert_eq!(range.root, 0, "levels above the root of the widest range are dropped");
        // The narrow range has its root lower.
        assert_eq!(format.levels[format.ranges[1].root].name, "l2");
        let numbers: Vec<u32> = format.levels.iter().map(|level| level.number).collect();
        assert_eq!(numbers, (0..numbers.len() as u32).rev().collect::<Vec<_>>());
        // A child points one level down.
        let directory = at(&format, "l2", "directory");
        let l2 = format.levels.iter().position(|level| level.name == "l2").unwrap();
        assert_eq!(directory.children[0].levels[&l2], l2 + 1);
    }
    assert_eq!(names(&model(&shipped("x86_64"), &[], &[("bits", 48)])), ["pml4", "pdpt", "pd", "pt"]);
    assert_eq!(names(&model(&shipped("x86_64"), &[], &[("bits", 57)])), ["pml5", "pml4", "pdpt", "pd", "pt"]);
    assert_eq!(names(&model(&trial("x86_pae"), &[], &[])), ["pdpt", "pd", "pt"]);
}

#[test]
fn a_widened_root_stands_side_by_side() {
    let description = trial("aarch64_stage2_4k");
    let bound = |root: Option<&str>, bits: u128| {
        let parameters = BTreeMap::from([("ipa_bits".to_owned(), Value::Fixed(bits))]);
        let binding = Binding { root: root.map(Into::into), parameters, ..Binding::default() };
        bind(&description, &binding).unwrap().members.remove(0).format
    };
    let format = bound(None, 40);
    assert_eq!(names(&format), ["l0", "l1", "l2", "l3"]);
    let format = bound(Some("l1"), 40);
    assert_eq!(names(&format), ["l1", "l2", "l3"]);
    assert_eq!((format.ranges[0].root_index_bits, format.ranges[0].root_align_lg2), (10, 13));
    assert_eq!(format.levels[0].index_bits, 9);
    // Without another level the only one is widened.
    let format = model(&trial("riscv_sv39x4"), &[], &[]);
    assert_eq!((format.ranges[0].root_index_bits, format.ranges[0].root_align_lg2), (11, 14));
}

#[test]
fn odd_tables() {
    let format = model(&trial("power9_radix_64k"), &[], &[]);
    assert_eq!((level(&format, "pte").index_bits, level(&format, "pte").align_lg2), (5, 8));
    let format = model(&trial("s390x"), &[], &[("bits", 64)]);
    assert_eq!((level(&format, "region1").index_bits, level(&format, "region1").align_lg2), (11, 12));
    assert_eq!(level(&format, "page").align_lg2, 11);
    let format = model(&trial("armv7_short"), &[], &[("low_bits", 30)]);
    assert_eq!((level(&format, "l2").align_lg2, level(&format, "l2").companion_bits), (10, 32));
    assert_eq!(format.ranges.iter().map(|range| range.root_align_lg2).collect::<Vec<_>>(), [12, 14]);
    assert_eq!((level(&format, "l1").word_bits, level(&format, "l1").shift), (32, 20));
    let format = model(&trial("pascal_mmu2"), &[], &[]);
    let pair = at(&format, "pd0", "pair");
    let children: Vec<_> = pair.children.iter().map(|child| format.levels[child.levels[&3]].name.as_str()).collect();
    assert_eq!((children, pair.word_bits), (vec!["spt", "lpt"], 128));
    let root = format.layouts[format.root_word.unwrap()].children[0].levels[&0];
    assert_eq!(format.levels[root].name, "pd3");
}

#[test]
fn reserved_bits_are_derived() {
    let format = model(&shipped("x86_64_4level"), &["gigabyte_pages", "no_execute"], &[("width", 46)]);
    let above = 0x000f_c000_0000_0000;
    assert_eq!(at(&format, "pt", "page").reserved.fixed, above);
    assert_eq!(at(&format, "pd", "large").reserved.fixed, above | 0x1f_e000);
    assert_eq!(at(&format, "pdpt", "large").reserved.fixed, above | 0x3fff_e000);
    assert_eq!(at(&format, "pd", "directory").reserved.fixed, above);
    // One layout of one shape: the three directories; two large ones and the refused one.
    let count = |name: &str| format.layouts.iter().filter(|layout| layout.name == name).count();
    assert_eq!((count("directory"), count("large"), count("empty")), (1, 3, 1));
    let identity = &at(&format, "pd", "large").identity;
    assert_eq!(*identity, Test::Equal { mask: 0x81, value: 0x81 });
    let riscv = model(&shipped("riscv_sv39"), &["svnapot"], &[]);
    let napot = at(&riscv, "l0", "napot");
    assert_eq!(napot.reserved.fixed & 0x3c00, 0x3c00);
    assert_eq!(napot.reserved_value, 0x2000);
    assert!(level(&riscv, "l1").entries.iter().any(|entry| entry.refused));
}

#[test]
fn a_bit_at_a_bound_position_leaves_the_address() {
    let format = model(&shipped("x86_64_4level"), &["encryption"], &[("width", 46), ("c_bit", 47)]);
    let page = at(&format, "pt", "page");
    assert_eq!(page.reserved.fixed, 0x800f_4000_0000_0000);
    let field = page.fields.iter().find(|field| field.name == "encrypted").unwrap();
    assert_eq!((field.pieces[0].word_low, field.pieces[0].bits, field.at.clone()), (47, 1, None));
    let stored = page.output.iter().map(|piece| (piece.word_low, piece.value_low, piece.bits)).collect::<Vec<_>>();
    assert_eq!(stored, [(12, 12, 35), (48, 48, 4)]);
    assert_eq!(page.rows.iter().map(|row| row.high - row.low + 1).sum::<u32>(), 64);
}

fn family(description: &Description, features: &[(&str, Setting)], parameters: &[(&str, Value)]) -> Family {
    let binding = Binding {
        features: features.iter().map(|(name, setting)| ((*name).to_owned(), *setting)).collect(),
        parameters: parameters.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        ..Binding::default()
    };
    bind(description, &binding).unwrap()
}

#[test]
fn numbers_stay_open_where_they_can() {
    let description = shipped("x86_64_4level");
    let open = [("width", Value::Runtime), ("c_bit", Value::Runtime)];
    let family = family(&description, &[("encryption", Setting::On)], &open);
    assert!(family.variables.is_empty());
    assert_eq!(family.members.len(), 1);
    assert_eq!(family.open, [("width".to_owned(), 36, 52), ("c_bit".to_owned(), 43, 51)]);
    let format = &family.members[0].format;
    let width = Bits::Runtime { parameter: "width".into(), least: 36, most: 52 };
    assert_eq!(format.output, width);
    let page = at(format, "pt", "page");
    assert_eq!(page.output_width, width);
    assert_eq!(page.reserved.fixed, 0, "no address bit is surely reserved");
    let parts: Vec<_> = page.reserved.parametric.iter().map(|part| (part.bits, part.rule)).collect();
    let span = 0x000f_fff0_0000_0000;
    let places = 0x000f_f800_0000_0000;
    assert_eq!(parts, [(span, ParametricRule::AtOrAbove { shift: 0 }), (places, ParametricRule::NotAt)]);
    let field = page.fields.iter().find(|field| field.name == "encrypted").unwrap();
    assert_eq!(field.at, Some(Bits::Runtime { parameter: "c_bit".into(), least: 43, most: 51 }));
    assert!(field.pieces.is_empty());
}

#[test]
fn the_rest_is_enumerated() {
    let description = shipped("x86_64");
    let features = [("encryption", Setting::Runtime), ("sharing", Setting::Runtime), ("no_execute", Setting::Runtime)];
    let family = family(&description, &features, &[("bits", Value::Runtime), ("width", Value::Fixed(46))]);
    let variables: Vec<_> = family.variables.iter().map(|variable| variable.name.as_str()).collect();
    assert_eq!(variables, ["no_execute", "encryption", "sharing", "bits"]);
    assert_eq!(family.variables[3].values, Some(vec![48, 57]));
    // Both at once is no machine.
    assert_eq!(family.members.len(), 12);
    assert_eq!(family.members[0].assignment, [0, 0, 0, 48]);
    assert_eq!(family.members[1].assignment, [0, 0, 0, 57]);
    assert_eq!(family.members[2].assignment, [0, 0, 1, 48]);
    assert!(!family.members.iter().any(|member| member.assignment[1..3] == [1, 1]));
    let attributes = |format: &Format| format.attributes.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    let first = attributes(&family.members[0].format);
    assert!(first.contains(&"encrypted".to_owned()) && first.contains(&"execute".to_owned()));
    for member in &family.members {
        assert_eq!(attributes(&member.format), first);
        let levels = if member.assignment[3] == 48 { 4 } else { 5 };
        assert_eq!(member.format.levels.len(), levels);
        let execute = member.format.attributes.iter().find(|one| one.name == "execute").unwrap();
        assert_eq!(execute.sources.is_empty(), member.assignment[0] == 0);
    }
}

#[test]
fn attributes_are_gathered() {
    let format = model(&shipped("x86_64_4level"), &["no_execute", "protection_keys"], &[]);
    let named: Vec<_> = format.attributes.iter().map(|one| (one.name.as_str(), one.combine, one.hardware)).collect();
    assert_eq!(
        named,
        [
            ("execute", Combine::And, false),
            ("key", Combine::Own, false),
            ("global", Combine::Or, false),
            ("memory_type", Combine::Own, false),
            ("dirty", Combine::Own, true),
            ("accessed", Combine::Own, true),
            ("user", Combine::And, false),
            ("write", Combine::And, false),
        ]
    );
    let memory_type = &format.attributes[3];
    let AttributeKind::Choice { names, other, rebindable, bits } = &memory_type.kind else { panic!() };
    let names: Vec<_> = names.iter().map(|choice| (choice.name.as_str(), choice.numbers.clone())).collect();
    assert_eq!(names[0], ("write_back", vec![0, 4]));
    assert_eq!((names.len(), *other, *rebindable, *bits), (6, false, true, 3));
    let large = format.layouts.iter().position(|layout| layout.name == "large").unwrap();
    let Source::Group(group) = &memory_type.sources[&large] else { panic!() };
    assert_eq!(group.fields, [("pat".to_owned(), 1), ("pcd".to_owned(), 1), ("pwt".to_owned(), 1)]);
    assert_eq!(format.attributes[1].kind, AttributeKind::Number(4));
    let hardware: Vec<_> = ["page", "large"]
        .map(|name| {
            let layout = format.layouts.iter().find(|layout| layout.name == name).unwrap();
            layout.hardware.fixed
        })
        .into();
    assert_eq!(hardware, [0x60, 0x60]);
    assert_eq!(at(&format, "pd", "directory").hardware.fixed, 0x20);
}

#[test]
fn numbers_bound_anew_mean_what_the_client_says() {
    let description = shipped("x86_64_4level");
    let choices = BTreeMap::from([("write_combining".to_owned(), 4_u128), ("uncached".to_owned(), 1)]);
    let binding = Binding { choices: BTreeMap::from([("memory_type".to_owned(), choices)]), ..Binding::default() };
    let family = bind(&description, &binding).unwrap();
    let memory_type = family.members[0].format.attributes.iter().find(|one| one.name == "memory_type").unwrap();
    let AttributeKind::Choice { names, other, .. } = &memory_type.kind else { panic!() };
    let numbers: Vec<_> = names.iter().map(|choice| (choice.name.as_str(), choice.numbers.as_slice())).collect();
    assert_eq!(
        numbers,
        [
            ("write_back", [0].as_slice()),
            ("write_combining", &[4]),
            ("uncached_minus", &[2, 6]),
            ("uncached", &[1]),
            ("write_protect", &[5]),
            ("write_through", &[7]),
        ]
    );
    assert!(other, "slot 3 has lost its name and is valid all the same");
}

#[test]
fn ways_of_change() {
    let description = shipped("aarch64_stage1_4k");
    let format = model(&description, &[], &[]);
    assert_eq!(format.update.ways.len(), Change::ALL.len());
    let way = |format: &Format, change| format.update.ways[&change];
    assert_eq!(way(&format, Change::Fill), Way::Lazy);
    assert_eq!(way(&format, Change::Output), Way::Break);
    assert_eq!(way(&format, Change::Size), Way::Break);
    assert_eq!(way(&format, Change::Restrict), Way::Live);
    assert!(format.update.clean);
    let format = model(&description, &["bbm1", "bbm2", "coherent_walk"], &[]);
    assert_eq!(way(&format, Change::Size), Way::Live);
    assert!(!format.update.clean);
    let format = model(&trial("x86_pae"), &[], &[]);
    assert_eq!(format.update.registers, Some(0));
    assert!(model(&trial("loongarch64"), &[], &[]).update.pairs);
}

#[test]
fn addresses_that_stay_open() {
    let format = model(&trial("loongarch64"), &[], &[]);
    let dir1 = level(&format, "dir1");
    assert_eq!(dir1.empty_address.as_deref(), Some("empty_table.dir1"));
    assert_eq!(format.addresses["empty_table.dir1"], None);
    let hole = at(&format, "dir1", "hole");
    let Test::All(parts) = &hole.identity else { panic!("{:?}", hole.identity) };
    assert!(parts.contains(&Test::Address { table: true, parameter: "empty_table.dir1".into() }));
    let directory = at(&format, "dir1", "directory");
    assert_eq!(directory.kind, LayoutKind::Table);
    let open = Test::Address { table: true, parameter: "empty_table.dir1".into() };
    let Test::All(parts) = &directory.identity else { panic!("{:?}", directory.identity) };
    assert!(parts.contains(&Test::Not(Box::new(open))));
    // Each is told to clients, with the bits that a table's address there can have: from its alignment to the width.
    let shipped = shipped("loongarch64");
    let binding = Binding {
        parameters: [("page_lg2", 14), ("pt_bits", 11), ("dir1_bits", 11), ("dir2_bits", 11), ("dir3_bits", 0)]
            .map(|(name, value)| (name.to_owned(), Value::Fixed(value)))
            .into(),
        ..Binding::default()
    };
    let family = bind(&shipped, &binding).unwrap();
    let addresses: Vec<_> = family.addresses.iter().map(|it| (it.name.as_str(), it.bits)).collect();
    let bits = 0xffff_ffff_c000;
    assert_eq!(addresses, [("empty_table.dir2", bits), ("empty_table.dir1", bits)]);
}

#[test]
fn lines_are_told() {
    let file = ptgen_formats::format("x86_64_5level").unwrap();
    let format = model(&shipped("x86_64_5level"), &[], &[]);
    let line = |number: usize| file.text.lines().nth(number - 1).unwrap();
    assert!(line(format.line).starts_with("format x86_64_5level"));
    assert!(line(level(&format, "pml5").line).contains("level pml5"));
    let page = at(&format, "pt", "page");
    assert!(line(page.line).contains("leaf page"));
    let dirty = page.rows.iter().find(|row| row.low == 6).unwrap();
    assert!(line(dirty.line).contains("dirty;"));
    assert!(!dirty.docs.is_empty());
}
