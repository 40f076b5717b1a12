//! x86-64: the processor itself through KVM, and QEMU's emulation of it. Both run the same stub on the same memory. And
//! guests of a hypervisor in that emulation: 32-bit ones with tables of their own, and any with nested tables below.

#[cfg(target_arch = "x86_64")]
mod calibrate;
mod guests;
#[cfg(target_arch = "x86_64")]
mod kvm;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_kvm.rs"]
mod kvm;
mod layout;
mod outcome;
mod qemu;
mod stub;

pub(crate) use guests::QemuGuests;
pub(crate) use kvm::Kvm;
pub(crate) use qemu::QemuX86_64;
