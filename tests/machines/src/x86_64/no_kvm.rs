//! The place of KVM on hosts of other architectures.

use std::io;
use std::ops::Range;

use crate::machine::{Machine, Missing, Reserved};
use crate::{Features, Image, MachineError, Mmu, Outcome, Probe};

/// A machine that does not exist here.
#[derive(Debug)]
pub(crate) enum Kvm {}

impl Kvm {
    /// Says why there is none.
    pub(crate) fn find() -> Result<Self, Missing> {
        Err(Missing {
            name: crate::names::KVM_X86_64,
            reason: "this host is not an x86-64 processor".to_owned(),
            remedy: "use an x86-64 Linux host",
        })
    }
}

impl Machine for Kvm {
    fn name(&self) -> &str {
        match *self {}
    }

    fn features(&self) -> &Features {
        match *self {}
    }

    fn new_image(&self) -> io::Result<Image> {
        match *self {}
    }

    fn memory(&self) -> Range<u64> {
        match *self {}
    }

    fn reserved(&self) -> &[Reserved] {
        match *self {}
    }

    fn probe(&self, _: &mut Image, _: &Mmu, _: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
        match *self {}
    }
}
