//! Fake physical memory: some MiB at a fixed address, so that reaching a frame is the addition of a constant for
//! everybody. Only tables live here; the memory that they map does not exist.
#![expect(
    unsafe_code,
    reason = "memory at an address of our choosing, reached through physical addresses, as in a kernel"
)]

use std::io;
use std::sync::OnceLock;

/// Where physical address zero is.
pub const BASE: usize = 0x1000_0000_0000;
/// Bytes of a frame.
pub const FRAME: u64 = 4096;
/// How many frames there are.
pub const FRAMES: u64 = 4096;

const BYTES: usize = (FRAME * FRAMES) as usize;

/// The claim that the arena is mapped. It is never unmapped.
#[derive(Clone, Copy, Debug)]
pub struct Arena(());

impl Arena {
    /// Maps the arena, once for the process: present from the start, in small pages.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn new() -> io::Result<Self> {
        static MAPPED: OnceLock<Result<(), i32>> = OnceLock::new();
        let mapped = MAPPED.get_or_init(|| map().map_err(|error| error.raw_os_error().unwrap_or(0)));
        mapped.map(|()| Self(())).map_err(io::Error::from_raw_os_error)
    }

    /// The slots of the table at `address`, as cells of a type that stands for eight bytes.
    ///
    /// # Safety
    ///
    /// `S` has the size and alignment of `u64`, any value of which is valid, and allows shared mutation. `address` is
    /// that of a frame of the arena. One thread uses the arena.
    #[inline(always)]
    #[must_use]
    pub unsafe fn table<S>(self, address: u64) -> &'static [S; 512] {
        let table = core::ptr::with_exposed_provenance::<[S; 512]>(BASE + address as usize);
        // SAFETY: the arena is mapped for good, and the caller vouches for the rest.
        unsafe { &*table }
    }

    /// Fills the frame at `address` with zeroes.
    ///
    /// # Panics
    ///
    /// If there is no such frame.
    pub fn clear(self, address: u64) {
        assert!(address.is_multiple_of(FRAME) && address < FRAME * FRAMES, "no frame at {address:#x}");
        let frame = core::ptr::with_exposed_provenance_mut::<u8>(BASE + address as usize);
        // SAFETY: the frame is inside the arena, which nobody holds Rust references to but cells.
        unsafe { frame.write_bytes(0, FRAME as usize) };
    }

    /// The eight bytes at `address`, if it is that of a word in the arena.
    #[must_use]
    pub fn read(self, address: u64) -> Option<u64> {
        if !address.is_multiple_of(8) || address >= FRAME * FRAMES {
            return None;
        }
        let word = core::ptr::with_exposed_provenance::<u64>(BASE + address as usize);
        // SAFETY: the word is inside the arena.
        Some(unsafe { word.read_volatile() })
    }
}

fn map() -> io::Result<()> {
    let place = core::ptr::without_provenance_mut(BASE);
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: a new mapping that replaces none.
    let got = unsafe { libc::mmap(place, BYTES, protection, flags, -1, 0) };
    if got == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    if got.expose_provenance() != BASE {
        return Err(io::Error::other("the arena's place is taken"));
    }
    // SAFETY: our own mapping; the advice does not change its contents.
    unsafe { libc::madvise(got, BYTES, libc::MADV_NOHUGEPAGE) };
    // SAFETY: our own mapping, just created.
    unsafe { got.cast::<u8>().write_bytes(0xff, BYTES) };
    Ok(())
}

/// Keeps this thread on one processor. Returns whether that worked.
pub fn pin_to_one_processor() -> bool {
    // SAFETY: all zeroes is the empty set.
    let mut set = unsafe { core::mem::zeroed::<libc::cpu_set_t>() };
    // SAFETY: no preconditions.
    let here = unsafe { libc::sched_getcpu() };
    let Ok(here) = usize::try_from(here) else { return false };
    // SAFETY: `set` is a set, and a processor that exists is in its range.
    unsafe { libc::CPU_SET(here, &mut set) };
    // SAFETY: `set` is a set of the stated size.
    unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) == 0 }
}

/// Where tables come from: frames never used before, or else the ones that came back last. Nothing is cleared.
#[derive(Clone, Debug)]
pub struct Pool {
    next: u64,
    free: Vec<u64>,
}

impl Default for Pool {
    fn default() -> Self {
        // Frame 0 stays unused: an address of zero means "none" to some.
        Self { next: FRAME, free: Vec::with_capacity(FRAMES as usize) }
    }
}

impl Pool {
    /// Takes all frames back.
    pub fn reset(&mut self) {
        self.next = FRAME;
        self.free.clear();
    }

    /// A frame of the arena.
    #[inline]
    pub fn take(&mut self) -> Option<u64> {
        if let Some(frame) = self.free.pop() {
            return Some(frame);
        }
        let frame = self.next;
        if frame == FRAME * FRAMES {
            return None;
        }
        self.next = frame + FRAME;
        Some(frame)
    }

    /// Takes a frame back.
    #[inline]
    pub fn give(&mut self, frame: u64) {
        self.free.push(frame);
    }

    /// How many frames there are to take.
    #[inline]
    #[must_use]
    pub fn left(&self) -> u64 {
        FRAMES - self.next / FRAME + self.free.len() as u64
    }
}
