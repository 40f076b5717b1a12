//! Plain operations, for every format.

use ptgen::{Attributes, Format, Leaves, PageTable, Unmap};
use ptgen_simulator::{Kind, Machine, simulate};

fn map_and_unmap<P: PageTable>(machine: &mut Machine<'_, P>) {
    let data = <P::Format as Format>::Attributes::kernel_data();
    let (va, oa) = (machine.va(0x20_0000), 0x40_0000);
    let page = va..va + machine.smallest();
    let mapped = vec![machine.mapped(page.clone(), oa, &data)];
    machine.run(mapped, |table, cx| table.map(cx, page.clone(), oa, &data, Leaves::Largest)).unwrap();
    machine.log(|log| {
        log.assert_order(&[Kind::Alloc, Kind::Private, Kind::Link]);
        log.assert_count(Kind::Free, 0);
    });
    let unmapped = vec![machine.unmapped(page.clone())];
    machine.run(unmapped, |table, cx| table.unmap(cx, page.clone(), Unmap::everything())).unwrap();
    // What is replaced by an instruction is purged by it.
    let purge = if machine.log(|log| log.count(Kind::Replace)) > 0 { Kind::Replace } else { Kind::Flush };
    machine.log(|log| log.assert_order(&[Kind::Unlink, purge, Kind::Free]));
    machine.free_data(oa, machine.smallest());
    machine.assert_balanced();
}

macro_rules! basics {
    ($case:ident) => {
        mod $case {
            use simulated::cases::$case::{CASE, tables, values};

            #[test]
            fn a_page_is_mapped_and_unmapped() {
                for (format, decided) in values() {
                    super::simulate::<tables::PageTable>(format, &CASE, &decided, |mut machine| {
                        super::map_and_unmap(&mut machine);
                        machine.finish();
                    });
                }
            }
        }
    };
}

simulated::every_case!(basics);
