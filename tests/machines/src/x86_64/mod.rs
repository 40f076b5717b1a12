//! x86-64: the processor itself through KVM, and QEMU's emulation of it. Both run the same stub on the same memory.

#[cfg(target_arch = "x86_64")]
mod calibrate;
#[cfg(target_arch = "x86_64")]
mod kvm;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_kvm.rs"]
mod kvm;
mod layout;
mod outcome;
mod qemu;
mod stub;

pub(crate) use kvm::Kvm;
pub(crate) use qemu::QemuX86_64;
