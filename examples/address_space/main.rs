//! A kernel-like address space, built, changed, printed, and judged by a processor.
//!
//! `cargo run --release --example address_space`
//!
//! 1. Five levels: a direct map with the largest pages, the kernel's image, stacks with guard holes and a device. Some of
//!    it is changed as a kernel changes it, and the tables are printed before and after.
//! 2. Four levels: the same shape in the memory of a guest, whose processor (through KVM) is asked about thousands of
//!    addresses. Where `/dev/kvm` does not open, the example says so.

mod guest;
mod kernel;
mod print;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(error) = kernel::tour() {
        eprintln!("the tables could not be built: {error}");
        return ExitCode::FAILURE;
    }
    match guest::tour() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
