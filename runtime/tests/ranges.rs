//! Dividing the right to change tables, and what is refused outside of a part.

mod support;

use ptgen::{
    Arena, Attributes as _, Context, Error, FaultKind, Flow, Leaves, NoTlb, Oa, Protect, Tree, Unmap, Va, VaRange,
    Visit,
};
use support::{four_level, three_level};

const BASE: u64 = 0x10_0000;
const MIB: u64 = 1 << 20;
const HALF: u64 = 0xffff_8000_0000_0000;

fn data() -> four_level::Attributes {
    four_level::Attributes::kernel_data()
}

#[test]
fn parts_are_divided_where_leaves_can_begin() {
    let mut words = vec![0_u64; 8 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    assert_eq!(tree.range_mut().range(), tree.range());
    let (mut lower, upper) = tree.range_mut().split_at(HALF).unwrap();
    assert_eq!(lower.range(), VaRange::inclusive(0_u64, (1_u64 << 47) - 1));
    assert_eq!(upper.range(), VaRange::inclusive(HALF, u64::MAX));
    let at = |va: u64| VaRange::inclusive(va, va);
    assert_eq!(lower.reborrow().split_at(0_u64).unwrap_err(), Error::NotInRange { range: at(0) });
    assert_eq!(lower.reborrow().split_at(HALF).unwrap_err(), Error::NotInRange { range: at(HALF) });
    let refused = lower.reborrow().split_at(0x1800_u64).unwrap_err();
    assert_eq!(refused, Error::Misaligned { address: 0x1800, lg2: 12 });
    let va = Va::new(1 << 47);
    assert_eq!(lower.reborrow().split_at(va).unwrap_err(), Error::NotCanonical { va });
    let (below, above) = upper.split_at(u64::MAX - 0xfff).unwrap();
    assert_eq!(below.range(), VaRange::inclusive(HALF, u64::MAX - 0x1000));
    assert_eq!(above.range(), VaRange::inclusive(u64::MAX - 0xfff, u64::MAX));
}

#[test]
fn what_is_outside_is_refused_and_left_alone() {
    let mut words = vec![0_u64; 16 * 512];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut tree = Tree::new(&mut cx, four_level::Format::default()).unwrap();
    tree.map(&mut cx, 0..8 * MIB, 0, &data(), Leaves::Largest).unwrap().flush(&mut cx);
    let (mut lower, upper) = tree.range_mut().split_at(4 * MIB + 0x3000).unwrap();
    let across = VaRange::from(4 * MIB + 0x2000..4 * MIB + 0x4000);
    let refused = Error::NotInRange { range: across };
    let change = four_level::Change::write(false);
    assert_eq!(lower.unmap(&mut cx, across, Unmap::everything()).unwrap_err(), refused);
    assert_eq!(lower.protect(&mut cx, across, &change, Protect::everything()).unwrap_err(), refused);
    assert_eq!(lower.map(&mut cx, across, 0, &data(), Leaves::Largest).unwrap_err(), refused);

    // The last page is its own; the leaf that it is a part of is not.
    assert_eq!(lower.lookup(&arena, 4 * MIB + 0x2000).unwrap().size_lg2, 21);
    assert_eq!(lower.translate(&arena, 4 * MIB + 0x2fff), Ok(Oa::new(4 * MIB + 0x2fff)));
    for va in [4 * MIB + 0x3000, HALF] {
        assert_eq!(lower.translate(&arena, va).unwrap_err().kind, FaultKind::NotInRange);
        assert_eq!(lower.lookup(&arena, va).unwrap_err().kind, FaultKind::NotInRange);
    }
    assert_eq!(lower.translate(&arena, 1_u64 << 47).unwrap_err().kind, FaultKind::NotCanonical);
    assert_eq!(upper.translate(&arena, 4 * MIB + 0x2fff).unwrap_err().kind, FaultKind::NotInRange);
    assert_eq!(upper.translate(&arena, 8 * MIB).unwrap_err().kind, FaultKind::Absent);

    let mut seen = Vec::new();
    let mut visitor = |visit: Visit<four_level::Format>| {
        if let Visit::Leaf(leaf) = visit {
            seen.push(leaf.va.get());
        }
        Flow::Continue
    };
    assert_eq!(upper.walk(&arena, across, &mut visitor).unwrap_err().kind, FaultKind::NotInRange);
    upper.walk(&arena, 4 * MIB + 0x3000..8 * MIB, &mut visitor).unwrap();
    assert_eq!(seen, [4 * MIB, 6 * MIB]);
}

/// Upper halves begin where the root that is chosen says.
#[test]
fn parts_of_a_root_chosen_at_run_time() {
    for (four, top) in [(false, 0xffff_ffc0_0000_0000), (true, HALF)] {
        let mut words = vec![0_u64; 8 * 512];
        let arena = Arena::new(BASE, &mut words);
        let mut cx = Context::new(&arena, &arena, NoTlb);
        let f = three_level::Format { four, ..three_level::Format::default() };
        let mut tree = Tree::new(&mut cx, f).unwrap();
        let (mut lower, mut upper) = tree.range_mut().split_at(top).unwrap();
        let attributes = three_level::Attributes::kernel_data();
        lower.map(&mut cx, 0x1000..0x2000, 0x5000, &attributes, Leaves::Largest).unwrap().flush(&mut cx);
        upper.map(&mut cx, top..top + 0x1000, 0x6000, &attributes, Leaves::Largest).unwrap().flush(&mut cx);
        assert_eq!(lower.translate(&arena, 0x1000_u64), Ok(Oa::new(0x5000)));
        assert_eq!(upper.translate(&arena, top), Ok(Oa::new(0x6000)));
        let range = VaRange::new(top, 0x1000);
        let refused = lower.unmap(&mut cx, range, Unmap::everything()).unwrap_err();
        assert_eq!(refused, Error::NotInRange { range });
    }
}
