//! What the machine makes of addresses, each by itself, against a walk.

use ptgen_kernels::Stopped;

use crate::walked::Stretch;

/// The smallest leaf.
pub const PAGE: u64 = 4096;

/// Asks the machine about the ends of every leaf and about holes; gives the number of addresses. Output addresses that are not
/// plain are left out: what the machine makes of them is not translation alone.
pub fn agree(
    machine: &mut Stopped,
    stretches: &[Stretch],
    limits: (u64, u64),
    is_plain: impl Fn(u64) -> bool,
) -> usize {
    let mut expected: Vec<(u64, Option<u64>)> = Vec::new();
    for stretch in stretches {
        for (va, oa) in stretch.leaves() {
            let last = stretch.leaf_bytes - PAGE;
            expected.push((va, Some(oa)));
            expected.extend((last > 0).then(|| (va + last, Some(oa + last))));
        }
    }
    expected.retain(|(_, oa)| oa.is_some_and(&is_plain));
    for hole in holes(stretches, limits) {
        let quarter = (hole.1 - hole.0) / 4;
        expected.extend([hole.0, hole.0 + quarter, hole.0 + 2 * quarter, hole.1].map(|va| (va, None)));
    }
    let addresses: Vec<u64> = expected.iter().map(|(va, _)| *va).collect();
    let found = machine.physical(&addresses).expect("the machine translates");
    // The monitor gives the page's address.
    let page = |address: Option<u64>| address.map(|address| address & !0xfff);
    let differences: Vec<_> = expected
        .iter()
        .zip(&found)
        .filter(|((_, expected), found)| page(*expected) != page(**found))
        .take(10)
        .collect();
    assert!(differences.is_empty(), "an address, what the walk found, and the machine: {differences:x?}");
    expected.len()
}

/// The first and last address of each stretch that nothing translates.
fn holes(stretches: &[Stretch], limits: (u64, u64)) -> Vec<(u64, u64)> {
    let mut holes = Vec::new();
    let mut next = Some(limits.0);
    for stretch in stretches {
        if next.is_some_and(|next| next < stretch.va) {
            holes.push((next.unwrap_or_default(), stretch.va - 1));
        }
        next = stretch.last().checked_add(1);
    }
    holes.extend(next.filter(|next| *next <= limits.1).map(|next| (next, limits.1)));
    holes
}
