//! Tables of POWER built by emitted code, walked by an MMU that nobody here wrote: QEMU.
//!
//! `cargo test -p ptgen-tests --test machines_power -- --nocapture` prints how many accesses were compared for each format, and
//! how many disagreed. `PTGEN_SEED=n` repeats a run, `PTGEN_BLESS=1` records how many there were.

use ptgen::PageTable;
use ptgen_machines::{Features, Quadrant, machines_for_tests, names};
use ptgen_tests::machine::{Power, Reference, Subject, judge_all};

#[ptgen::pagetable(format = "power_radix_4k", range = user)]
mod user_4k {}

#[ptgen::pagetable(format = "power_radix_4k", range = kernel)]
mod kernel_4k {}

#[ptgen::pagetable(format = "power_radix_64k", range = user)]
mod user_64k {}

#[ptgen::pagetable(format = "power_radix_64k", range = kernel)]
mod kernel_64k {}

#[test]
fn base_pages_of_4_kib() {
    power::<user_4k::PageTable>("power_radix_4k", 9, Quadrant::User, user_4k::Format {});
    power::<kernel_4k::PageTable>("power_radix_4k", 9, Quadrant::Kernel, kernel_4k::Format {});
}

#[test]
fn base_pages_of_64_kib() {
    power::<user_64k::PageTable>("power_radix_64k", 5, Quadrant::User, user_64k::Format {});
    power::<kernel_64k::PageTable>("power_radix_64k", 5, Quadrant::Kernel, kernel_64k::Format {});
}

fn power<P: PageTable>(name: &str, lowest_lg2: u64, quadrant: Quadrant, format: P::Format) {
    for machine in machines_for_tests(&[names::QEMU_POWER]) {
        let Features::Power(features) = machine.features() else { panic!("{machine:?}") };
        println!("{features:?}");
        let range = if quadrant == Quadrant::User { "user" } else { "kernel" };
        let subject = Subject {
            name: format!("{name}, {range}"),
            format,
            processor: Power {
                quadrant,
                lowest_lg2,
                checks_sizes: features.checks_sizes,
                checks_addresses: features.checks_addresses,
            },
            reference: Reference::new(name, &[], &[], Some(range)),
        };
        judge_all::<P, _>(&subject, machine.as_ref());
    }
}
