//! A client that makes life hard for emitted code: no standard library, no prelude, every warning an error, the
//! dependency under another name, names of its own that hide those of the core library, and several formats in one crate.
//!
//! There is nothing to run. That this compiles is the test.

#![no_std]
#![no_implicit_prelude]
#![deny(warnings, missing_docs, unsafe_code)]
#![allow(non_camel_case_types, dead_code, reason = "names that get in the way are the point")]

struct u64;
struct u32;
struct bool;
struct Option;
struct Result;
struct Ok;
struct Err;
struct Default;
struct Clone;
struct core;
struct ptgen;
struct Sized;

/// Everything usual.
#[::paging::pagetable(format = "x86_64_5level", crate = ::paging)]
pub mod five {}

/// The same format again, bound otherwise.
#[::paging::pagetable(
    format = "x86_64_4level",
    crate = ::paging,
    features(gigabyte_pages = runtime, no_execute = runtime, encryption = on),
    parameters(width = runtime, c_bit = runtime, memory_type(write_combining = 4, write_protect = 1))
)]
pub mod four {}

/// The root is chosen at run time.
#[::paging::pagetable(format = "x86_64", crate = ::paging, parameters(bits = runtime))]
pub(crate) mod either {}

/// Runs and a shifted output address.
#[::paging::pagetable(format = "riscv_sv39", crate = ::paging, features(svnapot = on, svpbmt = runtime))]
mod private {}

/// Two ranges, rights along the walk, coupled attributes.
#[::paging::pagetable(
    format = "aarch64_stage1_4k",
    crate = ::paging,
    range = high,
    features(hardware_accessed = on, hardware_dirty = on)
)]
pub mod high {
    /// A client's own item stays, and sees those that are emitted.
    pub type Table = PageTable;
}
