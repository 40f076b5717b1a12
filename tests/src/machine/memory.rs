//! Words of tables as numbers, whatever their width and the order of their bytes.

use ptgen::{Arena, Format, PageTable, Word};
use ptgen_machines::Image;

use crate::levels::stored;

/// The word of the format of these tables.
pub(super) type WordOf<P> = <<P as PageTable>::Format as Format>::Word;

/// Bytes of a word.
pub(super) const fn word_bytes<W: Word>() -> u64 {
    1 << W::BYTES_LG2
}

/// The word at `address`, if the arena has it.
pub(super) fn read<F: Format>(f: F, arena: &Arena<'_, F::Word>, address: u64) -> Option<u64> {
    arena.read(address).map(|word| stored(f, word).into())
}

/// Writes the word at `address`.
pub(super) fn write<F: Format>(f: F, arena: &Arena<'_, F::Word>, address: u64, word: u64) {
    assert!(arena.write(address, stored(f, F::Word::truncate(word))), "tables are in the arena");
}

/// The word at `address` of a machine's memory, which has it.
pub(super) fn read_image<F: Format>(f: F, image: &Image, address: u64) -> u64 {
    stored(f, raw(image, address)).into()
}

/// The bytes at `address`, as a word of a little-endian machine.
pub(super) fn raw<W: Word>(image: &Image, address: u64) -> W {
    let mut bytes = [0; 8];
    image.read(address, &mut bytes[..1 << W::BYTES_LG2]);
    W::truncate(u64::from_le_bytes(bytes))
}

/// Makes the bytes at `address` those of this word of a little-endian machine.
pub(super) fn write_raw<W: Word>(image: &Image, address: u64, word: W) {
    image.write(address, &word.into().to_le_bytes()[..1 << W::BYTES_LG2]);
}
