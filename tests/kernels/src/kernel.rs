//! Which kernels there are, where they are, and how each is booted.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Error, Stopped};

/// An architecture by the distribution's name for it, and the kind of kernel where there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// x86-64.
    Amd64,
    /// AArch64.
    Arm64,
    /// Arm of 32 bits.
    Armhf,
    /// Arm of 32 bits with the long descriptors of the large physical address extension.
    ArmhfLpae,
    /// RISC-V, 64 bits.
    Riscv64,
    /// s390x.
    S390x,
}

impl Architecture {
    /// The distribution's name, and the name of the kernel's folder.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::Armhf => "armhf",
            Self::ArmhfLpae => "armhf-lpae",
            Self::Riscv64 => "riscv64",
            Self::S390x => "s390x",
        }
    }

    /// The emulator.
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Self::Amd64 => "qemu-system-x86_64",
            Self::Arm64 => "qemu-system-aarch64",
            Self::Armhf | Self::ArmhfLpae => "qemu-system-arm",
            Self::Riscv64 => "qemu-system-riscv64",
            Self::S390x => "qemu-system-s390x",
        }
    }

    /// The machine that it is to be.
    pub(crate) const fn machine(self) -> &'static str {
        match self {
            Self::Amd64 => "pc",
            Self::Arm64 | Self::Armhf | Self::ArmhfLpae | Self::Riscv64 => "virt",
            Self::S390x => "s390-ccw-virtio",
        }
    }

    /// The serial line, as the kernel calls it.
    pub(crate) const fn console(self) -> &'static str {
        match self {
            Self::Amd64 | Self::Riscv64 => "ttyS0",
            Self::Arm64 | Self::Armhf | Self::ArmhfLpae => "ttyAMA0",
            Self::S390x => "ttysclp0",
        }
    }

    /// The device behind that line, if the machine has none by itself.
    pub(crate) const fn console_device(self) -> Option<&'static str> {
        match self {
            Self::S390x => Some("sclpconsole"),
            _ => None,
        }
    }

    /// What the kernel says when it has nothing more to do, and the words that make it come to that: it panics without a root
    /// file system, or, where a processor that panicked translates no more, waits for one.
    pub(crate) const fn end(self) -> (&'static str, &'static str) {
        match self {
            Self::S390x => ("Waiting for root device", "root=/dev/vda rootwait"),
            _ => ("end Kernel panic", ""),
        }
    }

    /// The physical address at which the machine's memory begins.
    pub(crate) const fn base(self) -> u64 {
        match self {
            Self::Amd64 | Self::S390x => 0,
            Self::Arm64 | Self::Armhf | Self::ArmhfLpae => 0x4000_0000,
            Self::Riscv64 => 0x8000_0000,
        }
    }

    /// Whether only a debugger is told what the root registers hold.
    pub(crate) const fn hides_registers(self) -> bool {
        matches!(self, Self::Arm64 | Self::Armhf | Self::ArmhfLpae)
    }
}

/// A kernel that can be booted.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// For which machines.
    pub architecture: Architecture,
    /// The file that the boot loader takes.
    pub image: PathBuf,
}

impl Kernel {
    /// The version in the name of the file.
    #[must_use]
    pub fn version(&self) -> String {
        let name = self.image.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.split_once('-').map_or(name.clone(), |(_, version)| version.to_owned())
    }

    /// Boots it on a processor of this model, with more words on its command line, until it
    /// panics or waits for lack of a root file system; then stops the machine.
    ///
    /// # Errors
    ///
    /// If the machine cannot be started, or the kernel does not come to that in time: with the last lines that it wrote.
    pub fn boot(&self, processor: &str, words: &str) -> Result<Stopped, Error> {
        Stopped::boot(self, processor, words)
    }
}

/// The kernel for an architecture, if it and its emulator are here.
///
/// # Errors
///
/// What is missing, and how to get it.
pub fn find(architecture: Architecture) -> Result<Kernel, Error> {
    let name = architecture.name();
    let emulator = Command::new(architecture.program()).arg("--version").output();
    if !emulator.is_ok_and(|ran| ran.status.success()) {
        return Err(format!("{}: not here; `.ci/run` installs it", architecture.program()).into());
    }
    let folder = folder().join(name);
    match image(&folder) {
        Some(image) => Ok(Kernel { architecture, image }),
        None => Err(format!("the kernel for {name}: none in {}; `.ci/kernels` fetches it", folder.display()).into()),
    }
}

fn folder() -> PathBuf {
    let target = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/kernels");
    std::env::var_os("PTGEN_KERNELS").map_or_else(target, PathBuf::from)
}

/// The kernel in a folder: the file whose name says so.
fn image(folder: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.flatten();
    files.map(|file| file.path()).find(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("vmlinuz-") || name.starts_with("vmlinux-")
    })
}
