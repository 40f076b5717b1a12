//! `ptdsl walk` on tables that kernels of a distribution built for themselves, against what the emulator that ran them
//! makes of the same tables.
//!
//! Where the kernels are not (`.ci/kernels` fetches them), each test says `NOT RUN`.

mod arm;
mod one_by_one;
mod riscv;
mod s390x;
mod walked;
mod x86_64;

use ptgen_kernels::{Architecture, Kernel, find};

/// The kernel for an architecture; `None`, and a line that says so, where it is missing.
fn kernel(architecture: Architecture) -> Option<Kernel> {
    match find(architecture) {
        Ok(kernel) => Some(kernel),
        Err(missing) => {
            println!("NOT RUN: tables of a kernel for {}: {missing}", architecture.name());
            None
        }
    }
}

/// Fails with the first differences between what is sorted alike on both sides.
fn same<T: Ord + std::fmt::Debug>(walked: &[T], listed: &[T]) {
    let of_one = |one: &[T], other: &[T]| -> Vec<String> {
        one.iter().filter(|item| other.binary_search(item).is_err()).take(10).map(|item| format!("{item:x?}")).collect()
    };
    let (only_walked, only_listed) = (of_one(walked, listed), of_one(listed, walked));
    assert!(
        only_walked.is_empty() && only_listed.is_empty(),
        "{} walked, {} listed\nonly walked: {only_walked:#?}\nonly listed: {only_listed:#?}",
        walked.len(),
        listed.len()
    );
    assert_eq!(walked.len(), listed.len(), "something is there twice");
}

#[test]
#[should_panic(expected = "only listed: [\n    \"3\",\n]")]
fn what_is_missing_is_seen() {
    same(&[1, 2], &[1, 2, 3]);
}

#[test]
#[should_panic(expected = "something is there twice")]
fn what_is_there_twice_is_seen() {
    same(&[1, 2, 2], &[1, 2]);
}
