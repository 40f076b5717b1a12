//! Memory of a guest whose monitor keeps it with the package `vm-memory`.

#![expect(unsafe_code, reason = "bytes of the guest are seen as words")]

use core::cell::Cell;
use core::{fmt, slice};

use vm_memory::bitmap::Bitmap;
use vm_memory::{GuestAddress, GuestMemory, Permissions};

use super::Memory;
use crate::address::Oa;
use crate::error::{MemoryError, MemoryReason};
use crate::tables::word::Word;

/// Table memory in a guest's memory, as monitors of virtual machines keep it: with the feature `vm-memory`.
///
/// As with [`Guest`](super::Guest), every address is checked, the guest may change any word at any time, and one
/// operation looks at tables a bounded number of times: whatever the tables say, it ends. A table has to lie within one
/// region of the memory. Words may be of any width.
///
/// ```
/// use ptgen::{Error, Fault, Format, Tree, VmMemory};
/// use vm_memory::{GuestAddress, GuestMemoryMmap};
///
/// fn translate<F: Format>(guest: &GuestMemoryMmap, f: F, root: u64, va: u64) -> Result<u64, Fault> {
///     // SAFETY: this memory checks addresses, and the tables are only read.
///     let tree = unsafe { Tree::from_root(f, root.into()) };
///     tree.translate(&VmMemory::to_read(guest, 64), va).map(|oa| oa.get())
/// }
/// ```
pub struct VmMemory<'m, G: ?Sized> {
    memory: &'m G,
    access: Permissions,
    most: usize,
    left: Cell<usize>,
}

impl<'m, G: GuestMemory + ?Sized> VmMemory<'m, G> {
    /// The memory of the guest, of which one operation looks at tables up to `most` times: a translation once for each
    /// level, a walk once for each leaf and twice for each table. Tables that are looked at are marked as written in the
    /// memory's bitmap, for a migration to copy them.
    pub const fn new(memory: &'m G, most: usize) -> Self {
        Self::with_access(memory, most, Permissions::ReadWrite)
    }

    /// Likewise, for operations that change nothing: [translations](crate::Tree::translate), [walks](crate::Tree::walk).
    /// Nothing is marked, and where the memory grants rights, that to read is enough.
    pub const fn to_read(memory: &'m G, most: usize) -> Self {
        Self::with_access(memory, most, Permissions::Read)
    }

    const fn with_access(memory: &'m G, most: usize, access: Permissions) -> Self {
        Self { memory, access, most, left: Cell::new(most) }
    }
}

impl<G: ?Sized> fmt::Debug for VmMemory<'_, G> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("VmMemory").field("access", &self.access).field("most", &self.most).finish_non_exhaustive()
    }
}

// SAFETY: 1. the memory's regions do not overlap, and each address is one place in one of them; 2. is not claimed, as
// `SHARED` says.
unsafe impl<G: GuestMemory + ?Sized> Memory for VmMemory<'_, G> {
    const SHARED: bool = true;

    /// Checks the address: it may be any.
    unsafe fn with<W: Word, R>(
        &self,
        address: Oa,
        count_lg2: u32,
        use_words: impl FnOnce(&[W::Atomic]) -> R,
    ) -> Result<R, MemoryError> {
        let fail = |reason| MemoryError { address, reason };
        let left = self.left.get().checked_sub(1).ok_or(fail(MemoryReason::TooManyTables))?;
        self.left.set(left);
        let outside = fail(MemoryReason::Outside);
        let bytes = 1_usize.checked_shl(count_lg2.saturating_add(W::BYTES_LG2)).ok_or(outside)?;
        if !address.is_aligned(W::BYTES_LG2) {
            return Err(outside);
        }
        let slices = self.memory.get_slices(GuestAddress(address.get()), bytes, self.access);
        let first = slices.ok().and_then(|mut slices| slices.next()).and_then(Result::ok);
        let bytes_there = first.filter(|slice| slice.len() == bytes).ok_or(outside)?;
        let guard = bytes_there.ptr_guard_mut();
        let words = guard.as_ptr().cast::<W::Atomic>();
        if !words.is_aligned() {
            return Err(outside);
        }
        // SAFETY: the slice is of that many bytes of the guest's memory, mapped for as long as the guard exists, and
        // aligned. What others write there meanwhile is seen word by word: atomics have no value that is not allowed.
        let words = unsafe { slice::from_raw_parts(words, 1 << count_lg2) };
        let result = use_words(words);
        if self.access.has_write() {
            bytes_there.bitmap().mark_dirty(0, bytes);
        }
        Ok(result)
    }

    fn begin(&self) {
        self.left.set(self.most);
    }

    fn commit(&self) {
        self.left.set(usize::MAX);
    }
}
