//! Every format that ships, under several bindings: what is said in a word is read off it, at every level.

#![deny(missing_docs, warnings)]

mod support;

use ptgen::pagetable;
use support::check;

/// Everything as a client gets it that says nothing.
mod plain {
    use ptgen::pagetable;

    #[pagetable(format = "x86_64_4level")]
    pub mod x86_64_4level {}
    #[pagetable(format = "x86_64_5level")]
    pub mod x86_64_5level {}
    #[pagetable(format = "riscv_sv39")]
    pub mod riscv_sv39 {}
    #[pagetable(format = "riscv_sv48")]
    pub mod riscv_sv48 {}
    #[pagetable(format = "riscv_sv57")]
    pub mod riscv_sv57 {}
    #[pagetable(format = "aarch64_stage1_4k", range = low)]
    pub mod aarch64 {}
    #[pagetable(format = "aarch64_stage1_4k_lpa2", range = high)]
    pub mod aarch64_lpa2 {}
}

/// Formats of a client's own files: two words of 32 bits, big-endian tables of several sizes, presence by rights.
mod trials {
    use ptgen::pagetable;

    #[pagetable(format = "../ptdsl/tests/trials/t04_x86_2level.ptf", features(large_pages = on, pse36 = on))]
    pub mod x86_2level {}
    #[pagetable(format = "../ptdsl/tests/trials/t05_ept.ptf#ept_4level",
        features(convertible = on, mode_based_execute = on))]
    pub mod ept {}
    #[pagetable(format = "../ptdsl/tests/trials/t06_aarch64_stage1.ptf#aarch64_stage1_64k", range = high,
        features(lpa = on))]
    pub mod aarch64_64k {}
    #[pagetable(format = "../ptdsl/tests/trials/t08_riscv.ptf#riscv_sv39x4", features(svnapot = on))]
    pub mod riscv_sv39x4 {}
    #[pagetable(format = "../ptdsl/tests/trials/t10_power9_radix.ptf#power9_radix_64k")]
    pub mod power9 {}
    #[pagetable(format = "../ptdsl/tests/trials/t14_dart.ptf#dart2_16k")]
    pub mod dart2 {}
}

#[pagetable(format = "x86_64_4level", features(protection_keys = on), parameters(width = 46))]
pub mod keys {}
#[pagetable(format = "x86_64_4level", features(encryption = on), parameters(c_bit = 47, width = 48))]
pub mod encrypted {}
#[pagetable(format = "riscv_sv57", features(svnapot = on, svpbmt = on, svadu = on))]
pub mod runs {}
#[pagetable(format = "aarch64_stage1_4k", range = high, features(hardware_accessed = on, hardware_dirty = on))]
pub mod dirty {}
#[pagetable(format = "aarch64_stage1_4k", range = low, parameters(low_bits = 39),
    features(secure_state = on, overlays = on, bbm1 = on, branch_targets = on))]
pub mod extensions {}
#[pagetable(format = "riscv_sv39", features(svnapot = runtime, svpbmt = runtime, svadu = runtime))]
pub mod riscv_boot {}
#[pagetable(format = "x86_64", features(no_execute = runtime, gigabyte_pages = runtime, protection_keys = runtime),
    parameters(bits = runtime, width = runtime))]
pub mod boot {}
#[pagetable(format = "x86_64_4level", features(sharing = runtime), parameters(width = runtime, c_bit = runtime))]
pub mod shared_boot {}
#[pagetable(format = "aarch64_stage1_4k", range = low,
    features(hardware_accessed = runtime, hardware_dirty = runtime))]
pub mod dirty_boot {}
#[pagetable(format = "aarch64_stage1_4k", range = high,
    features(hierarchical = runtime, secure_state = runtime, big_endian = runtime, bbm1 = runtime))]
pub mod limits_boot {}
#[pagetable(format = "aarch64_stage1_4k_lpa2", range = low, parameters(low_bits = runtime))]
pub mod narrow {}

#[test]
fn plain_formats() {
    check(plain::x86_64_4level::Format {});
    check(plain::x86_64_5level::Format {});
    check(plain::riscv_sv39::Format {});
    check(plain::riscv_sv48::Format {});
    check(plain::riscv_sv57::Format {});
    check(plain::aarch64::Format {});
    check(plain::aarch64_lpa2::Format {});
}

#[test]
fn trial_formats() {
    check(trials::x86_2level::Format {});
    check(trials::ept::Format {});
    check(trials::aarch64_64k::Format {});
    check(trials::riscv_sv39x4::Format {});
    check(trials::power9::Format {});
    check(trials::dart2::Format {});
    assert!(ptgen::Format::big_endian(trials::power9::Format {}));
}

#[test]
fn formats_with_features() {
    check(keys::Format {});
    check(encrypted::Format {});
    check(runs::Format {});
    check(dirty::Format {});
    check(extensions::Format {});
}

#[test]
fn formats_decided_at_run_time() {
    for bits in 0..8_u32 {
        let [a, b, c] = [0, 1, 2].map(|bit| bits >> bit & 1 != 0);
        check(riscv_boot::Format::new(a, b, c));
        for width in [36, 46, 52] {
            for levels in [48, 57] {
                check(boot::Format::new(a, b, c, levels, width).expect("a machine"));
            }
        }
    }
    for width in [44, 48, 52] {
        for c_bit in [43, 47, 51] {
            check(shared_boot::Format::new(true, width, c_bit).expect("a machine"));
            check(shared_boot::Format::new(false, width, c_bit).expect("a machine"));
        }
    }
    for (accessed, dirty) in [(false, false), (true, false), (true, true)] {
        check(dirty_boot::Format::new(accessed, dirty).expect("a machine"));
    }
    assert!(dirty_boot::Format::new(false, true).is_none());
    for bits in 0..16_u32 {
        let [a, b, c, d] = [0, 1, 2, 3].map(|bit| bits >> bit & 1 != 0);
        check(limits_boot::Format::new(a, b, c, d));
    }
    for bits in 25..=52 {
        check(narrow::Format::new(bits).expect("a machine"));
    }
    assert!(narrow::Format::new(53).is_none());
}
