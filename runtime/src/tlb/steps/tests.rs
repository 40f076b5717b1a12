//! The steps that requests take, for each architecture.

use super::{Instructions, MOST_UNITS, Step, Whose};
use crate::address::{Va, VaRange};
use crate::flush::FlushRequest;
use crate::format::Sizes;
use crate::tlb::Granule;

const K4: u64 = 1 << 12;
const M2: u64 = 1 << 21;
const G1: u64 = 1 << 30;

/// A request of leaves of all these sizes, with a space, not global.
fn request(start: u64, bytes: u64, sizes: &[u32]) -> FlushRequest {
    let leaf_sizes = sizes.iter().fold(Sizes(0), |all, &lg2| all.or(Sizes::one(lg2)));
    FlushRequest { global: false, space: Some(7), ..FlushRequest::new(VaRange::new(start, bytes), leaf_sizes) }
}

/// The steps; up to 64 of them.
fn steps(instructions: &Instructions, request: &FlushRequest) -> impl Iterator<Item = Step> + Clone {
    assert!(instructions.steps(request).count() <= 1024);
    instructions.steps(request)
}

/// The addresses that are named one by one, and who is meant by all of them.
fn addresses(instructions: &Instructions, request: &FlushRequest) -> ([u64; 8], usize, Whose) {
    let (mut found, mut count, mut all) = ([0; 8], 0, None);
    for step in steps(instructions, request) {
        let Step::Address { va, whose } = step else { panic!("{step:?} is not by address") };
        found[count] = va.get();
        count += 1;
        assert!(all.is_none_or(|all| all == whose));
        all = Some(whose);
    }
    (found, count, all.expect("there is a step"))
}

fn only(instructions: &Instructions, request: &FlushRequest) -> Step {
    let mut steps = instructions.steps(request);
    let step = steps.next().expect("there is a step");
    assert_eq!(steps.next(), None);
    step
}

fn everything(whose: Whose) -> Step {
    Step::Everything { whose }
}

fn x86() -> Instructions {
    Instructions::x86_64(true, true, 33)
}

fn arm(ranges: bool) -> Instructions {
    Instructions::aarch64(Granule::Kib4, ranges, false, 512)
}

fn riscv() -> Instructions {
    Instructions::riscv(64)
}

fn loongarch() -> Instructions {
    Instructions::loongarch(14, 256)
}

#[test]
fn nothing_takes_no_steps() {
    for instructions in [x86(), arm(true), arm(false), riscv(), loongarch()] {
        assert_eq!(instructions.steps(&request(0x1000, 0, &[12])).count(), 0);
    }
}

#[test]
fn the_smallest_leaf_is_the_stride() {
    for instructions in [x86(), arm(false), riscv()] {
        let small = addresses(&instructions, &request(5 * K4, 3 * K4, &[12]));
        assert_eq!((&small.0[..3], small.1), (&[5 * K4, 6 * K4, 7 * K4][..], 3));
        let large = addresses(&instructions, &request(4 * M2, 2 * M2, &[21]));
        assert_eq!((&large.0[..2], large.1), (&[4 * M2, 5 * M2][..], 2));
        let huge = addresses(&instructions, &request(3 * G1, G1, &[30]));
        assert_eq!((huge.0[0], huge.1), (3 * G1, 1));
        let mixed = addresses(&instructions, &request(4 * M2, 4 * K4, &[12, 21, 30]));
        assert_eq!((&mixed.0[..2], mixed.1), (&[4 * M2, 4 * M2 + K4][..], 4));
    }
}

#[test]
fn a_part_of_a_leaf_is_the_leaf() {
    let (found, count, _) = addresses(&x86(), &request(4 * M2 + 3 * K4, M2, &[21]));
    assert_eq!((&found[..2], count), (&[4 * M2, 5 * M2][..], 2));
    let (found, count, _) = addresses(&x86(), &request(0x1fff, 2, &[12]));
    assert_eq!((&found[..2], count), (&[0x1000, 0x2000][..], 2));
}

#[test]
fn each_slot_of_a_run_is_named() {
    // 64 KiB as a run of 4 KiB slots, and a contiguous run of sixteen 2 MiB blocks.
    assert_eq!(arm(false).steps(&request(0, 1 << 16, &[16])).count(), 16);
    assert_eq!(riscv().steps(&request(0, 1 << 16, &[16])).count(), 16);
    let (found, ..) = {
        let all = request(0, 4 * M2, &[25]);
        addresses(&arm(false), &all)
    };
    assert_eq!(&found[..4], &[0, M2, 2 * M2, 3 * M2]);
    // A page of 64 KiB is one slot with that granule.
    assert_eq!(Instructions::aarch64(Granule::Kib64, false, false, 8).steps(&request(0, 1 << 16, &[16])).count(), 1);
}

#[test]
fn unlinked_tables_are_named_slot_by_slot() {
    // A leaf of 1 GiB stands where tables were: each of their slots may be in a walk cache.
    let tables = FlushRequest { tables: true, ..request(0, 8 * M2, &[30]) };
    assert_eq!(addresses(&x86(), &tables).1, 8);
    assert_eq!(addresses(&arm(false), &tables).1, 8);
    let only_tables = FlushRequest { tables: true, ..request(0, 3 * K4, &[]) };
    assert_eq!(addresses(&x86(), &only_tables).1, 3);
    // By address, these leave walk caches alone.
    assert_eq!(only(&riscv(), &tables), everything(Whose::Space(7)));
    assert_eq!(only(&loongarch(), &tables), everything(Whose::Space(7)));
}

#[test]
fn from_the_threshold_on_it_is_everything() {
    for (instructions, most, lg2) in [(x86(), 33, 12), (arm(false), 512, 12), (riscv(), 64, 12), (loongarch(), 256, 15)]
    {
        let page = if lg2 == 15 { 14 } else { lg2 };
        let at_most = request(0, most << lg2, &[page]);
        assert_eq!(instructions.steps(&at_most).count() as u64, most);
        assert_eq!(only(&instructions, &request(0, (most << lg2) + 1, &[page])), everything(Whose::Space(7)));
        let none = Instructions { threshold: 0, ..instructions };
        assert_eq!(only(&none, &request(0, K4, &[page])), everything(Whose::Space(7)));
    }
}

#[test]
fn all_there_is_and_the_top_end() {
    for instructions in [x86(), arm(true), arm(false), riscv(), loongarch()] {
        let all = FlushRequest { range: VaRange::inclusive(0, u64::MAX), ..request(0, K4, &[12]) };
        assert_eq!(only(&instructions, &all), everything(Whose::Space(7)));
    }
    for instructions in [x86(), arm(false), riscv()] {
        let (found, count, _) = addresses(&instructions, &request(0_u64.wrapping_sub(2 * K4), 2 * K4, &[12]));
        assert_eq!((&found[..2], count), (&[0_u64.wrapping_sub(2 * K4), 0_u64.wrapping_sub(K4)][..], 2));
    }
    let last = only(&arm(true), &request(0_u64.wrapping_sub(2 * K4), 2 * K4, &[12]));
    let start = Va::new(0_u64.wrapping_sub(2 * K4));
    assert_eq!(last, Step::Range { start, scale: 0, count: 1, unit_lg2: 12, whose: Whose::SpaceAndGlobal(7) });
}

#[test]
fn whose_translations_go() {
    use Whose::{All, Space, SpaceAndGlobal};
    let local = |space, global| FlushRequest { space, global, ..request(0, K4, &[12]) };
    let whose = |instructions: &Instructions, space, global| match only(instructions, &local(space, global)) {
        Step::Address { whose, .. } => (true, whose),
        Step::Everything { whose } => (false, whose),
        step @ Step::Range { .. } => panic!("{step:?}"),
    };
    let cases = [
        // What is asked for: a space alone; a space and global leaves; all spaces.
        (x86(), [(true, Space(7)), (true, SpaceAndGlobal(7)), (false, All)]),
        // Without INVPCID nothing names another PCID.
        (Instructions::x86_64(false, true, 33), [(false, All), (false, All), (false, All)]),
        // Without PCIDs there is one space.
        (Instructions::x86_64(false, false, 33), [(true, All), (true, All), (true, All)]),
        (arm(false), [(true, SpaceAndGlobal(7)), (true, SpaceAndGlobal(7)), (true, All)]),
        (riscv(), [(true, Space(7)), (true, All), (true, All)]),
        (loongarch(), [(true, Space(7)), (true, SpaceAndGlobal(7)), (false, All)]),
    ];
    for (instructions, [space, space_and_global, all]) in cases {
        let one_space = if instructions.spaces { space } else { (true, Space(0)) };
        assert_eq!(whose(&instructions, Some(7), false), one_space, "{instructions:?}");
        assert_eq!(whose(&instructions, Some(7), true), space_and_global, "{instructions:?}");
        assert_eq!(whose(&instructions, None, true), all, "{instructions:?}");
    }
    // Everything of a space leaves global leaves where they are, so that it does not do where there are some.
    for instructions in [x86(), arm(true), riscv(), loongarch()] {
        let much = FlushRequest { tables: true, ..request(0, 1 << 45, &[12]) };
        assert_eq!(only(&instructions, &much), everything(Space(7)));
        assert_eq!(only(&instructions, &FlushRequest { global: true, ..much }), everything(All));
        assert_eq!(only(&instructions, &FlushRequest { space: None, ..much }), everything(All));
    }
}

#[test]
fn pairs_are_named_once() {
    let page = 1 << 14;
    let (found, count, _) = addresses(&loongarch(), &request(3 * page, 4 * page, &[14]));
    assert_eq!((&found[..3], count), (&[2 * page, 4 * page, 6 * page][..], 3));
    // A large page is a pair by itself.
    let large = 1 << 25;
    let (found, count, _) = addresses(&loongarch(), &request(3 * large, 2 * large, &[25]));
    assert_eq!((&found[..2], count), (&[3 * large, 4 * large][..], 2));
}

/// What steps cover, which has to be the pages of the request, each once, and what they cover beyond.
fn covered(instructions: &Instructions, of: &FlushRequest) -> u64 {
    let mut next = of.range.start().get();
    for step in instructions.steps(of) {
        match step {
            Step::Address { va, .. } => {
                assert_eq!(va.get(), next);
                next += 1 << instructions.slots.smallest().unwrap_or(0);
            }
            Step::Range { start, scale, count, .. } => {
                assert!(scale <= 3 && (1..=32).contains(&count));
                assert!(start.is_aligned(instructions.ranges.map_or(0, |ranges| ranges.align_lg2)));
                assert_eq!(start.get(), next);
                next += step.bytes();
            }
            Step::Everything { .. } => return u64::MAX,
        }
    }
    next - of.range.start().get()
}

#[test]
fn ranges_cover_exactly_what_is_asked_for() {
    for (wide, page) in [(false, 12), (true, 12), (false, 14), (true, 14), (false, 16)] {
        let granule = [Granule::Kib4, Granule::Kib16, Granule::Kib64][(page as usize - 12) / 2];
        let instructions = Instructions::aarch64(granule, true, wide, 512);
        for pages in (2..600).chain([1023, 1024, 4097, 65_536, 70_001, 999_999, MOST_UNITS - 1, MOST_UNITS]) {
            for start in [0, 1, 5, 16] {
                let of = request((1 << 40) + (start << page), pages << page, &[page]);
                assert_eq!(covered(&instructions, &of), pages << page, "{pages} from {start}, pages of 2^{page}");
                assert!(instructions.steps(&of).count() <= 5 + 15, "{pages} from {start}");
            }
        }
        let too_much = request(0, (MOST_UNITS + 1) << page, &[page]);
        assert_eq!(only(&instructions, &too_much), everything(Whose::Space(7)));
    }
}

#[test]
fn a_single_slot_takes_no_range() {
    let (found, count, _) = addresses(&arm(true), &request(6 * M2, M2, &[21]));
    assert_eq!((found[0], count), (6 * M2, 1));
    // More of them are named by range, in pages.
    let whose = Whose::SpaceAndGlobal(7);
    let two = Step::Range { start: Va::new(6 * M2), scale: 1, count: 16, unit_lg2: 12, whose };
    assert_eq!(only(&arm(true), &request(6 * M2, 2 * M2, &[21])), two);
}

#[test]
fn a_guest_has_nothing_global() {
    let guest = Instructions::aarch64_guest(Granule::Kib4, false, false, 512);
    let (_, count, whose) = addresses(&guest, &FlushRequest { global: true, ..request(0, 2 * K4, &[12]) });
    assert_eq!((count, whose), (2, Whose::All));
}
