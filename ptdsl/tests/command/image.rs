//! An image of physical memory written by hand: x86-64 tables of four levels, words from the manual's tables.

/// The physical address of the first byte.
pub const BASE: u64 = 0x10_0000;
/// The root.
pub const ROOT: u64 = 0x10_0000;

/// Words at physical addresses.
///
/// ```text
/// pml4 0x100000   [0] -> pdpt 0x101000   [256] -> pdpt 0x104000, not writable   [510] -> itself
/// pdpt 0x101000   [0] -> pd 0x102000   [3] -> pd 0x900000, not in the image
/// pd   0x102000   [0] -> pt 0x103000   [1] [2] 2 MiB   [4] 2 MiB, misaligned
/// pt   0x103000   [1] [2] kernel data   [3] hole   [4] user, read-only   [6] user code
/// pdpt 0x104000   [0] 1 GiB, no execution, slot 4 of the page attribute table
/// ```
const WORDS: [(u64, u64); 16] = [
    (0x10_0000, 0x10_1067),           // accessed, dirty (ignored), user, write, present
    (0x10_0000 + 256 * 8, 0x10_4065), // as above, not writable
    (0x10_0000 + 510 * 8, 0x10_0063), // the root itself
    (0x10_1000, 0x10_2067),
    (0x10_1018, 0x90_0067), // outside the image
    (0x10_2000, 0x10_3067),
    (0x10_2008, 0x40_01e7), // global, large, dirty, accessed, user, write, present
    (0x10_2010, 0x60_01e7),
    (0x10_2020, 0x80_20e7),             // bit 13 must be zero in a 2 MiB leaf
    (0x10_3008, 0x8000_0000_0000_7063), // no execution, dirty, accessed, write, present
    (0x10_3010, 0x8000_0000_0000_8063),
    (0x10_3018, 0x0000_0000_0000_9060), // not present
    (0x10_3020, 0x8000_0000_0000_9025), // no execution, accessed, user, present
    (0x10_3030, 0x0000_0000_0000_a025), // accessed, user, present
    (0x10_4000, 0x8000_0000_c000_10e3), // no execution, bit 12: pat, large, dirty, accessed, write, present
    (0x10_4ff8, 0x0000_0000_0000_0000),
];

/// The bytes of the image.
pub fn bytes() -> Vec<u8> {
    let mut bytes = vec![0; 0x5000];
    for (address, word) in WORDS {
        let start = usize::try_from(address - BASE).unwrap();
        bytes[start..start + 8].copy_from_slice(&word.to_le_bytes());
    }
    bytes
}
