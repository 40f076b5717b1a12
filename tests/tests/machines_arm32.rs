//! Tables of 32-bit Arm built by emitted code, walked by an MMU that nobody here wrote: QEMU's.
//!
//! `cargo test -p ptgen-tests --test machines_arm32 -- --nocapture` prints how many accesses were compared for each format,
//! and how many disagreed. `PTGEN_SEED=n` repeats a run, `PTGEN_BLESS=1` records how many there were.

use ptgen::PageTable;
use ptgen_machines::{Arm32Descriptors, Features, Half, machines_for_tests, names};
use ptgen_tests::machine::{Arm32, Reference, Subject, judge_all};

#[ptgen::pagetable(format = "arm_lpae", range = low)]
mod lpae_low {}

#[ptgen::pagetable(format = "arm_lpae", parameters(low_bits = 25), range = high)]
mod lpae_high {}

#[ptgen::pagetable(format = "armv7_short", features(access_flag = runtime, type_remap = runtime), range = low)]
mod short_low {}

#[ptgen::pagetable(
    format = "armv7_short",
    features(access_flag = runtime, type_remap = runtime),
    parameters(low_bits = 25),
    range = high
)]
mod short_high {}

/// Domains 0, 4, 8 and 12 and the machine's own look at rights, 1, 5, 9 and 13 let everybody in, the others nobody.
const DOMAINS: u32 = 0b01_00_11_01_00_00_11_01_00_10_11_01_00_10_11_01;

#[test]
fn long_descriptors() {
    long::<lpae_low::PageTable>(Half::Lower, lpae_low::Format {});
    long::<lpae_high::PageTable>(Half::Upper, lpae_high::Format {});
}

#[test]
fn short_descriptors() {
    short::<short_low::PageTable>(Half::Lower, [false, false], short_low::Format::new(false, false));
    short::<short_high::PageTable>(Half::Upper, [false, true], short_high::Format::new(false, true));
}

#[test]
fn short_descriptors_with_access_flags() {
    short::<short_low::PageTable>(Half::Lower, [true, true], short_low::Format::new(true, true));
    short::<short_high::PageTable>(Half::Upper, [true, false], short_high::Format::new(true, false));
}

fn long<P: PageTable>(half: Half, format: P::Format) {
    judged::<P>("arm_lpae", half, &[], Arm32Descriptors::Long, format);
}

fn short<P: PageTable>(half: Half, [access_flag, type_remap]: [bool; 2], format: P::Format) {
    let decided = [("access_flag", access_flag), ("type_remap", type_remap), ("privileged_never", true)];
    let descriptors = Arm32Descriptors::Short { access_flag, type_remap, domains: DOMAINS };
    judged::<P>("armv7_short", half, &decided, descriptors, format);
}

fn judged<P: PageTable>(
    name: &str,
    half: Half,
    decided: &[(&str, bool)],
    descriptors: Arm32Descriptors,
    format: P::Format,
) {
    for machine in machines_for_tests(&[names::QEMU_ARM32]) {
        let Features::Arm32(features) = machine.features() else { panic!("{machine:?}") };
        if !(features.long_descriptors && features.privileged_never) {
            println!("NOT RUN: {name}: {} has no such feature", machine.name());
            continue;
        }
        let range = if half == Half::Lower { "low" } else { "high" };
        let on: String = decided.iter().filter(|(_, on)| *on).map(|(feature, _)| format!(", {feature}")).collect();
        let low_bits = [("low_bits", u64::from(half.arm32_low_bits()))];
        let subject = Subject {
            name: format!("{name}, {range}{on}"),
            format,
            processor: Arm32 { half, descriptors },
            reference: Reference::new(name, decided, &low_bits, Some(range)),
        };
        judge_all::<P, _>(&subject, machine.as_ref());
    }
}
