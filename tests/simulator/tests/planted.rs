//! Mistakes made by hand, store by store: each is caught by the name of what it breaks.
//!
//! Beside each mistake stands the same sequence without it, which is found to be right.

mod hand;

use std::sync::atomic::Ordering;

use ptgen::{FlushRequest, Frames, Memory, Scope, Sizes, TableShape, Tlb, VaRange};
use ptgen_simulator::{Expect, Invariant, Kind};

use hand::{
    ARM, ARM_BLOCK, ARM_CONTIGUOUS, ARM_PAGE, MIB, OA, RISCV, RISCV_ACCESSED, RISCV_DIRTY, RISCV_READ, RISCV_VA,
    RISCV_WRITE, VA, WRITE, X86, arm, arm_not_coherent, riscv, x86,
};

const PAGE: u64 = 0x1000;

/// A request for small pages of a range.
fn pages(range: std::ops::Range<u64>) -> FlushRequest {
    FlushRequest::new(VaRange::from(range), Sizes::one(12))
}

fn with_tables(mut request: FlushRequest) -> FlushRequest {
    request.tables = true;
    request
}

#[test]
fn a_table_that_is_freed_while_it_is_linked() {
    x86(|hand| {
        hand.machine.begin(vec![]);
        let table = hand.lowest.take().expect("there is one");
        hand.machine.cx().frames.free(table);
        hand.machine.assert_broken(Invariant::I1TableLifetime);
    });
}

/// Unlinks the lowest table, flushes as told, waits for readers if told, and frees it.
fn unlink_and_free(hand: &mut X86<'_>, request: Option<FlushRequest>, wait: bool) {
    let range = VA..VA + 2 * MIB;
    hand.machine.begin(vec![Expect::unmapped(range)]);
    hand.write(hand.slots[1], 0);
    let cx = hand.machine.cx();
    if let Some(request) = request {
        cx.tlb.flush(&request);
    }
    if wait {
        cx.tlb.wait_for_readers();
    }
    let table = hand.lowest.take().expect("there is one");
    cx.frames.free(table);
}

#[test]
fn a_table_that_is_freed_before_the_flush() {
    x86(|hand| {
        unlink_and_free(hand, None, true);
        hand.machine.assert_broken(Invariant::I1TableLifetime);
    });
}

#[test]
fn a_table_that_is_freed_after_a_flush_that_leaves_walk_caches_out() {
    x86(|hand| {
        unlink_and_free(hand, Some(pages(VA..VA + 2 * MIB)), true);
        hand.machine.assert_broken(Invariant::I1TableLifetime);
    });
}

#[test]
fn a_table_that_is_freed_after_a_flush_of_other_addresses() {
    x86(|hand| {
        unlink_and_free(hand, Some(with_tables(pages(VA + 2 * MIB..VA + 4 * MIB))), true);
        hand.machine.assert_broken(Invariant::I1TableLifetime);
    });
}

#[test]
fn a_table_that_is_freed_after_a_flush_of_one_processor() {
    x86(|hand| {
        let mut request = with_tables(pages(VA..VA + 2 * MIB));
        request.scope = Scope::Local;
        unlink_and_free(hand, Some(request), true);
        hand.machine.assert_broken(Invariant::I1TableLifetime);
    });
}

#[test]
fn a_table_that_is_freed_while_a_reader_may_be_in_it() {
    for wait in [false, true] {
        x86(|hand| {
            hand.machine.set_readers(1);
            unlink_and_free(hand, Some(with_tables(pages(VA..VA + 2 * MIB))), wait);
            match wait {
                false => hand.machine.assert_broken(Invariant::I1TableLifetime),
                true => assert_eq!(hand.machine.violations(), []),
            }
        });
    }
}

#[test]
fn an_unlinked_table_that_a_walk_cache_may_hold_is_given_a_translation() {
    x86(|hand| {
        hand.machine.begin(vec![Expect::unmapped(VA..VA + 2 * MIB)]);
        hand.write(hand.slots[1], 0);
        hand.write(hand.slots[0] + 8, OA | WRITE);
        hand.machine.assert_broken(Invariant::I1TableLifetime);
    });
}

#[test]
fn pages_that_are_freed_while_they_are_mapped_or_held() {
    for (unmapped, size, name) in
        [(false, 12, Some(Invariant::I2DataLifetime)), (true, 21, Some(Invariant::I2DataLifetime)), (true, 12, None)]
    {
        x86(|hand| {
            hand.machine.begin(vec![Expect::unmapped(VA..VA + PAGE)]);
            if unmapped {
                hand.write(hand.slots[0], 0);
            }
            hand.machine.cx().tlb.flush(&FlushRequest::new(VaRange::from(VA..VA + PAGE), Sizes::one(size)));
            hand.machine.data_freed(OA, PAGE);
            match name {
                Some(name) => hand.machine.assert_broken(name),
                None => assert_eq!(hand.machine.violations(), []),
            }
        });
    }
}

#[test]
fn a_table_that_is_linked_before_it_is_complete() {
    for written in [511, 512] {
        x86(|hand| {
            hand.machine.begin(vec![Expect::anything(VA + 2 * MIB..VA + 4 * MIB)]);
            let frame = hand.machine.cx().frames.allocate(TableShape::of_size(0, 12)).expect("there is room");
            for slot in 0..written {
                hand.machine.cx().memory.write_private(frame.address() + slot * 8, 0);
            }
            hand.write(hand.slots[1] + 8, frame.address().get() | WRITE);
            match written {
                511 => hand.machine.assert_broken(Invariant::I3Publish),
                _ => assert_eq!(hand.machine.violations(), []),
            }
        });
    }
}

#[test]
fn a_table_that_is_linked_by_a_store_without_an_order() {
    x86(|hand| {
        hand.machine.begin(vec![Expect::anything(VA + 2 * MIB..VA + 4 * MIB)]);
        let frame = hand.empty_table(0);
        let slot = hand.slots[1] + 8;
        hand.machine.cx().memory.write(slot, frame | WRITE, Ordering::Relaxed);
        hand.machine.assert_broken(Invariant::I3Publish);
    });
}

#[test]
fn a_table_that_is_linked_before_it_is_cleaned() {
    for cleaned in [false, true] {
        arm_not_coherent(|hand| {
            hand.machine.begin(vec![Expect::anything(VA..VA + 2 * MIB)]);
            let frame = hand.empty_table(2);
            if cleaned {
                hand.machine.cx().memory.clean(frame.into(), 0x1000);
            }
            let slot = hand.root + (VA >> 39) * 8 + 8;
            hand.write(slot, frame | 3);
            match cleaned {
                false => hand.machine.assert_broken(Invariant::I3Publish),
                true => {
                    assert_eq!(hand.machine.violations(), []);
                    // The entry itself has to be cleaned as well.
                    hand.machine.done();
                    hand.machine.assert_broken(Invariant::I3Publish);
                }
            }
        });
    }
}

#[test]
fn a_leaf_that_says_neither_what_it_did_nor_what_it_is_to_say() {
    x86(|hand| {
        let may_write = |said: &ptgen_simulator::Said| said.rights & 2 != 0;
        hand.machine.begin(vec![Expect::changed(VA..VA + PAGE, move |_, now| !may_write(now))]);
        // Another OA on the way.
        hand.cas(hand.slots[0], (OA + PAGE) | WRITE | 0x60);
        hand.machine.assert_broken(Invariant::I4Equivalence);
    });
}

#[test]
fn a_leaf_that_is_absent_on_the_way() {
    x86(|hand| {
        hand.machine.begin(vec![Expect::same(VA..VA + 2 * MIB)]);
        hand.cas(hand.slots[0], 0);
        hand.machine.assert_broken(Invariant::I4Equivalence);
    });
}

#[test]
fn an_operation_that_does_not_do_what_it_says() {
    x86(|hand| {
        hand.machine.begin(vec![Expect::unmapped(VA..VA + 2 * PAGE)]);
        hand.write(hand.slots[0], 0);
        assert_eq!(hand.machine.violations(), []);
        hand.machine.done();
        hand.machine.assert_broken(Invariant::I4Equivalence);
    });
}

#[test]
fn an_address_that_is_mapped_elsewhere_before_the_flush() {
    for flushed in [false, true] {
        x86(|hand| {
            hand.machine.begin(vec![Expect::anything(VA..VA + PAGE)]);
            hand.write(hand.slots[0], 0);
            if flushed {
                hand.machine.cx().tlb.flush(&pages(VA..VA + PAGE));
            }
            hand.write(hand.slots[0], (OA + 0x10_0000) | WRITE | 0x60);
            match flushed {
                false => hand.machine.assert_broken(Invariant::I5Agreement),
                true => assert_eq!(hand.machine.violations(), []),
            }
        });
    }
}

#[test]
fn a_split_that_changes_what_the_parts_say_before_the_flush() {
    for flushed in [false, true] {
        x86(|hand| {
            let range = VA + 4 * MIB..VA + 6 * MIB;
            hand.machine.begin(vec![Expect::anything(range.clone())]);
            let table = hand.empty_table(0);
            for slot in 0..512 {
                hand.machine.cx().memory.write_private(table + slot * 8, (hand.large + slot * PAGE) | WRITE | 0x60);
            }
            hand.write(hand.slots[1] + 16, table | WRITE);
            assert_eq!(hand.machine.violations(), [], "parts that say the same may stand beside the whole");
            if flushed {
                let sizes = FlushRequest::new(VaRange::from(range), Sizes::one(21));
                hand.machine.cx().tlb.flush(&with_tables(sizes));
            }
            hand.cas(table, hand.large | 0x61);
            match flushed {
                false => hand.machine.assert_broken(Invariant::I5Agreement),
                true => assert_eq!(hand.machine.violations(), []),
            }
        });
    }
}

#[test]
fn a_larger_leaf_that_lets_through_less_than_what_a_tlb_may_hold() {
    const PAGES: u64 = RISCV | RISCV_READ | RISCV_ACCESSED;
    // What the pages say, what the leaf says in their place, and whether both may stand beside each other.
    for (pages, leaf, may) in [
        (PAGES, PAGES, true),
        (PAGES, PAGES | RISCV_WRITE, true),
        (PAGES | RISCV_WRITE, PAGES, false),
        (PAGES | RISCV_WRITE, PAGES | RISCV_WRITE | RISCV_DIRTY, true),
        (PAGES, PAGES | RISCV_WRITE | RISCV_DIRTY, true),
        (PAGES | RISCV_WRITE | RISCV_DIRTY, PAGES | RISCV_WRITE, false),
    ] {
        riscv(pages, |hand| {
            hand.machine.begin(vec![Expect::anything(RISCV_VA..RISCV_VA + 2 * MIB)]);
            hand.write(hand.slots[1], OA >> 2 | leaf);
            match may {
                false => hand.machine.assert_broken(Invariant::I5Agreement),
                true => assert_eq!(hand.machine.violations(), [], "{pages:#x}, {leaf:#x}"),
            }
        });
    }
}

#[test]
fn a_leaf_that_changes_its_size_without_a_break() {
    for broken in [false, true] {
        arm(|hand| {
            hand.machine.begin(vec![Expect::anything(VA..VA + 2 * MIB)]);
            let table = hand.empty_table(0);
            for slot in 0..512 {
                hand.machine.cx().memory.write_private(table + slot * 8, (OA + slot * PAGE) | ARM | ARM_PAGE);
            }
            if broken {
                hand.cas(hand.slots[1], 0);
                hand.machine.cx().tlb.flush(&FlushRequest::new(VaRange::from(VA..VA + 2 * MIB), Sizes::one(21)));
            }
            hand.write(hand.slots[1], table | 3);
            match broken {
                false => hand.machine.assert_broken(Invariant::I5Agreement),
                true => assert_eq!(hand.machine.violations(), []),
            }
        });
    }
}

#[test]
fn a_run_of_which_one_slot_says_something_else() {
    arm(|hand| {
        hand.machine.begin(vec![Expect::anything(VA..VA + 128 * MIB)]);
        let slot = hand.slots[1] + 16 * 8;
        for number in 0..16 {
            hand.write(slot + number * 8, (OA + (32 + 2 * number) * MIB) | ARM | ARM_BLOCK | ARM_CONTIGUOUS);
        }
        assert_eq!(hand.machine.violations(), []);
        // Even after a flush, a TLB may take any of the others for the whole run.
        hand.cas(slot, 0);
        let request = FlushRequest::new(VaRange::from(VA..VA + 128 * MIB), Sizes(u64::MAX));
        hand.machine.cx().tlb.flush(&request);
        hand.write(slot, (OA + 32 * MIB) | ARM | ARM_BLOCK);
        hand.machine.assert_broken(Invariant::I5Agreement);
    });
}

#[test]
fn a_run_of_which_a_part_has_gone() {
    for gone in [1, 16] {
        arm(|hand| {
            let range = VA..VA + 128 * MIB;
            hand.machine.begin(vec![Expect::anything(range.clone())]);
            let slot = hand.slots[1] + 16 * 8;
            for number in 0..16 {
                hand.write(slot + number * 8, (OA + (32 + 2 * number) * MIB) | ARM | ARM_BLOCK | ARM_CONTIGUOUS);
            }
            hand.machine.done();
            hand.machine.begin(vec![Expect::anything(range.clone())]);
            for number in 0..gone {
                hand.cas(slot + number * 8, 0);
            }
            hand.machine.cx().tlb.flush(&FlushRequest::new(VaRange::from(range), Sizes(u64::MAX)));
            hand.machine.done();
            match gone {
                1 => hand.machine.assert_broken(Invariant::I5Agreement),
                _ => assert_eq!(hand.machine.violations(), []),
            }
        });
    }
}

#[test]
fn a_page_too_many() {
    x86(|hand| {
        hand.machine.begin(vec![Expect::unmapped(VA..VA + PAGE)]);
        hand.write(hand.slots[0], 0);
        assert_eq!(hand.machine.violations(), []);
        hand.write(hand.slots[0] + 8, 0);
        hand.machine.assert_broken(Invariant::I6Confinement);
    });
}

#[test]
fn a_failure_that_leaves_a_change_or_a_frame() {
    x86(|hand| {
        hand.machine.begin(vec![Expect::unmapped(VA..VA + 2 * PAGE)]);
        hand.write(hand.slots[0], 0);
        hand.machine.failed();
        hand.machine.assert_broken(Invariant::I7Failure);
    });
    x86(|hand| {
        hand.machine.begin(vec![]);
        let frame = hand.machine.cx().frames.allocate(TableShape::of_size(0, 12));
        hand.machine.failed();
        hand.machine.assert_broken(Invariant::I7Failure);
        let _ = frame;
    });
}

#[test]
fn a_word_that_the_format_forbids() {
    // A bit above the width of the OA in a page, and a large leaf in the root.
    for bits in [1 << 51, 1 << 40] {
        x86(|hand| {
            hand.machine.begin(vec![Expect::anything(VA..VA + 2 * MIB)]);
            hand.cas(hand.slots[0], OA | WRITE | 0x60 | bits);
            hand.machine.assert_broken(Invariant::I8Legality);
        });
    }
    x86(|hand| {
        hand.machine.begin(vec![]);
        hand.write(hand.root + 300 * 8, OA | WRITE | 0x80);
        hand.machine.assert_broken(Invariant::I8Legality);
    });
    x86(|hand| {
        hand.machine.begin(vec![Expect::anything(VA + 2 * MIB..VA + 4 * MIB)]);
        let table = hand.empty_table(0);
        hand.machine.cx().memory.write_private(table + 40, 1 << 51 | 1);
        hand.write(hand.slots[1] + 8, table | WRITE);
        hand.machine.assert_broken(Invariant::I8Legality);
    });
}

#[test]
fn a_table_that_is_allocated_where_that_is_forbidden() {
    x86(|hand| {
        hand.machine.begin(vec![]);
        hand.machine.without_allocation(|machine| {
            let _ = machine.cx().frames.allocate(TableShape::of_size(0, 12));
        });
        hand.machine.assert_broken(Invariant::I9Context);
    });
}

#[test]
fn a_root_that_is_none() {
    x86(|hand| {
        hand.machine.load(ptgen::Oa::new(hand.slots[0] & !0xfff), None);
        hand.machine.assert_broken(Invariant::I11Coherence);
    });
}

#[test]
fn a_frame_that_is_freed_as_what_it_is_not() {
    x86(|hand| {
        let frame = hand.machine.cx().frames.allocate(TableShape::of_size(0, 12)).expect("there is room");
        hand.machine.cx().frames.free(frame.at_level(2));
        hand.machine.assert_broken(Invariant::I12Balance);
    });
}

#[test]
fn a_frame_that_is_lost() {
    x86(|hand| {
        let before = hand.machine.frames();
        let frame = hand.machine.cx().frames.allocate(TableShape::of_size(0, 12));
        assert_ne!(hand.machine.frames(), before);
        let balanced = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| hand.machine.assert_balanced()));
        assert!(balanced.is_err());
        let _ = frame;
    });
}

/// Unmaps a page (global, of address space 5) and flushes as told; whether something may still be held.
fn is_owed(request: Option<FlushRequest>) -> bool {
    let mut owed = false;
    x86(|hand| {
        hand.machine.set_space(Some(5));
        hand.machine.begin(vec![Expect::unmapped(VA..VA + 2 * PAGE)]);
        hand.write(hand.slots[0], 0);
        hand.write(hand.slots[0] + 8, 0);
        if let Some(request) = request {
            hand.machine.cx().tlb.flush(&request);
        }
        hand.machine.flushed();
        let found = hand.machine.violations();
        owed = found.iter().any(|violation| violation.invariant == Invariant::I13Flush);
        assert_eq!(owed, !found.is_empty(), "{found:?}");
    });
    owed
}

#[test]
fn flushes_drop_what_they_cover_and_nothing_else() {
    let right = pages(VA..VA + 2 * PAGE);
    assert!(is_owed(None));
    assert!(!is_owed(Some(right)));
    assert!(is_owed(Some(pages(VA..VA + PAGE))), "a page is left");
    let with = |change: fn(&mut FlushRequest)| {
        let mut request = right;
        change(&mut request);
        is_owed(Some(request))
    };
    assert!(with(|request| request.leaf_sizes = Sizes::one(21)), "leaves of another size");
    assert!(with(|request| request.scope = Scope::Local), "another processor");
    assert!(with(|request| request.global = false), "the second page is global");
    assert!(with(|request| request.space = Some(6)), "another address space");
    assert!(!with(|request| request.space = Some(5)));
}

#[test]
fn what_the_machine_records_is_lost_by_a_plain_store() {
    for plain in [true, false] {
        x86(|hand| {
            // The third page has been neither accessed nor written.
            let (slot, va) = (hand.slots[0] + 16, VA + 2 * PAGE);
            hand.machine.begin(vec![Expect::changed(va..va + PAGE, |_, now| now.rights & 2 == 0)]);
            let word = (OA + 2 * PAGE) | 1;
            if plain {
                hand.write(slot, word)
            } else {
                hand.cas(slot, word)
            }
            match plain {
                true => hand.machine.assert_broken(Invariant::Records),
                false => assert_eq!(hand.machine.violations(), []),
            }
        });
    }
}

#[test]
fn what_the_machine_has_recorded_is_not_kept() {
    x86(|hand| {
        hand.machine.begin(vec![Expect::same(VA..VA + PAGE)]);
        hand.cas(hand.slots[0], OA | WRITE | 0x20);
        hand.machine.assert_broken(Invariant::Records);
    });
}

#[test]
fn the_log_tells_what_happened_in_order() {
    x86(|hand| {
        unlink_and_free(hand, Some(with_tables(pages(VA..VA + 2 * MIB))), true);
        assert_eq!(hand.machine.violations(), []);
        hand.machine.log(|log| {
            log.assert_order(&[Kind::Unlink, Kind::Flush, Kind::Wait, Kind::Free]);
            log.assert_before(Kind::Flush, Kind::Free);
            log.assert_count(Kind::Flush, 1);
            assert_eq!(log.flushes().next().map(|request| request.tables), Some(true));
        });
    });
}
