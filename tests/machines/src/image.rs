//! Physical memory of a machine, shared with it.
//!
//! The bytes live in an anonymous file that is mapped here. KVM takes the mapping, an emulator maps the file itself, so
//! nothing is copied in either direction and what the machine stores (accessed and dirty bits, too) is simply there
//! afterwards. The file is sparse: gigabytes cost nothing until they are written.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::MemfdFlags;
use vm_memory::{Bytes, FileOffset, MmapRegion, VolatileMemory};

use crate::tag;

/// Physical memory of a machine: `bytes()` bytes from the physical address `base()` on, zero at first.
///
/// Every method takes a physical address. Methods panic on an address outside the memory, as indexing a slice does;
/// [`contains`](Self::contains) asks first. Words are little-endian.
///
/// Writing needs no `&mut`: this is memory that processors share, and [`word`](Self::word) hands out its words as
/// atomics.
pub struct Image {
    base: u64,
    file: Arc<File>,
    region: Arc<MmapRegion>,
    /// The frames that have been tagged.
    tagged: Mutex<BTreeSet<u64>>,
}

impl Image {
    /// Creates zeroed memory of `bytes` bytes at the physical address `base`.
    ///
    /// [`Machine::new_image`](crate::Machine::new_image) picks the base and the size that a machine expects.
    ///
    /// # Errors
    /// If the operating system gives no such file or mapping.
    pub fn new(base: u64, bytes: u64) -> io::Result<Self> {
        let file = File::from(rustix::fs::memfd_create("ptgen-machine", MemfdFlags::CLOEXEC)?);
        file.set_len(bytes)?;
        let size = usize::try_from(bytes).map_err(io::Error::other)?;
        let file = Arc::new(file);
        let offset = FileOffset::from_arc(Arc::clone(&file), 0);
        let region = MmapRegion::from_file(offset, size).map_err(io::Error::other)?;
        Ok(Self { base, file, region: Arc::new(region), tagged: Mutex::default() })
    }

    /// The physical address of the first byte.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// The number of bytes.
    pub fn bytes(&self) -> u64 {
        self.region.size() as u64
    }

    /// Whether the `bytes` bytes from `address` on are memory.
    pub fn contains(&self, address: u64, bytes: u64) -> bool {
        address
            .checked_sub(self.base)
            .and_then(|offset| offset.checked_add(bytes))
            .is_some_and(|end| end <= self.bytes())
    }

    /// Writes `bytes` at `address`.
    pub fn write(&self, address: u64, bytes: &[u8]) {
        let offset = self.offset(address, bytes.len() as u64);
        self.region.as_volatile_slice().write_slice(bytes, offset).expect("the range was checked");
    }

    /// Reads from `address` until `bytes` is full.
    pub fn read(&self, address: u64, bytes: &mut [u8]) {
        let offset = self.offset(address, bytes.len() as u64);
        self.region.as_volatile_slice().read_slice(bytes, offset).expect("the range was checked");
    }

    /// The word at `address`, which is a multiple of 8. The word is in the host's byte order.
    pub fn word(&self, address: u64) -> &AtomicU64 {
        assert!(address.is_multiple_of(8), "a word at {address:#x}");
        let offset = self.offset(address, 8);
        self.region.get_atomic_ref(offset).expect("the range was checked")
    }

    /// Writes the word at `address`, which is a multiple of 8.
    pub fn write_u64(&self, address: u64, word: u64) {
        self.word(address).store(word.to_le(), Ordering::Relaxed);
    }

    /// Reads the word at `address`, which is a multiple of 8.
    pub fn read_u64(&self, address: u64) -> u64 {
        u64::from_le(self.word(address).load(Ordering::Relaxed))
    }

    /// Writes the tag block that probes look for into the 4 KiB frame that contains `oa`.
    ///
    /// A page larger than a frame needs a tag only in the frames that are probed.
    pub fn tag(&self, oa: u64) {
        let frame = tag::frame(oa);
        self.write(frame, &tag::block(frame));
        self.tagged.lock().unwrap_or_else(PoisonError::into_inner).insert(frame);
    }

    /// The frames that have been tagged, in order.
    pub(crate) fn tagged(&self) -> Vec<u64> {
        self.tagged.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Whether that is the address of a frame with a tag.
    pub(crate) fn is_tagged(&self, frame: u64) -> bool {
        self.tagged.lock().unwrap_or_else(PoisonError::into_inner).contains(&frame)
    }

    /// Where this process sees the first byte: what an offset-mapped view of this memory starts from.
    pub fn as_ptr(&self) -> *mut u8 {
        self.region.as_ptr()
    }

    /// The mapping, for a machine that outlives a call.
    pub(crate) fn region(&self) -> &Arc<MmapRegion> {
        &self.region
    }

    /// A path by which a child process can open the memory.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()))
    }

    fn offset(&self, address: u64, bytes: u64) -> usize {
        assert!(
            self.contains(address, bytes),
            "{bytes} bytes at {address:#x} are outside the memory at {:#x} of {:#x} bytes",
            self.base,
            self.bytes()
        );
        // The mapping has a `usize` size and contains the offset.
        (address - self.base) as usize
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("base", &format_args!("{:#x}", self.base))
            .field("bytes", &format_args!("{:#x}", self.bytes()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Image;

    #[test]
    fn bytes_and_words_are_the_same_memory() {
        let image = Image::new(0x8000_0000, 1 << 20).unwrap();
        image.write(0x8000_1000, &[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(image.read_u64(0x8000_1000), 0x0807_0605_0403_0201);
        image.write_u64(0x8000_1008, 0x11);
        let mut bytes = [0; 3];
        image.read(0x8000_1007, &mut bytes);
        assert_eq!(bytes, [8, 0x11, 0]);
    }

    #[test]
    fn the_ends_are_where_they_should_be() {
        let image = Image::new(0x4000_0000, 1 << 20).unwrap();
        assert!(image.contains(0x4000_0000, 1 << 20));
        assert!(!image.contains(0x4000_0000, (1 << 20) + 1));
        assert!(!image.contains(0x3fff_ffff, 1));
        assert!(!image.contains(u64::MAX, 2));
        assert!(image.contains(0x400f_ffff, 1));
        assert!(!image.contains(0x4010_0000, 1));
    }

    #[test]
    #[should_panic(expected = "outside the memory")]
    fn an_address_outside_panics() {
        Image::new(0, 4096).unwrap().write_u64(4096, 1);
    }
}
