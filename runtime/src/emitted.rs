//! What emitted code calls: too small to be worth repeating in every expansion, and no business of anyone else.

use crate::format::{Bits, LevelInfo, Unencodable, Way};
use crate::word::Word;

/// Whether an attribute can be said.
///
/// # Errors
///
/// The attribute, if it cannot.
#[inline]
pub const fn check(holds: bool, attribute: &'static str) -> Result<(), Unencodable> {
    if holds { Ok(()) } else { Err(Unencodable { attribute }) }
}

/// The change that sets the attributes at `places` to what `bits` says of them; `masks` are the bits of each attribute.
#[inline]
pub fn patch<W: Word>(bits: W, places: u64, masks: &[W]) -> Bits<W> {
    let chosen = masks.iter().enumerate().filter(|(place, _)| places >> place & 1 != 0);
    let clear = chosen.fold(W::ZERO, |bits, (_, mask)| bits | *mask);
    Bits { clear, set: bits & clear }
}

/// The strictest of the ways whose condition (some bit is set) holds.
#[inline]
#[must_use]
pub fn strictest<const N: usize>(ways: [(u64, Way); N]) -> Way {
    let needed = ways.into_iter().filter(|(condition, _)| *condition != 0);
    needed.fold(Way::Lazy, |strictest, (_, way)| strictest.max(way))
}

/// Checks at compile time that each level begins where the one below ends, and that they are numbered down to 0.
pub const fn tile(levels: &[LevelInfo]) {
    let mut place = 0;
    while place < levels.len() {
        let (below, level) = (levels.len() - 1 - place, levels[place]);
        assert!(level.number as usize == below, "levels are numbered from the lowest");
        assert!(
            below == 0 || levels[place + 1].shift + levels[place + 1].index_bits == level.shift,
            "levels tile the VA"
        );
        place += 1;
    }
}

/// A table of codes of `code_bits` bits, by old code: what each becomes when some of the flags it stands for change.
///
/// `flags_of` holds the `flag_count` flags of each code, `code_of` the code of each combination of flags, both packed
/// from the lowest bit. `changed` and `to` are flags.
#[inline]
#[must_use]
pub fn recode(flags_of: u64, flag_count: u32, code_of: u64, code_bits: u32, changed: u64, to: u64) -> u64 {
    let mut table = 0;
    for code in 0..1_u32 << code_bits {
        let old = flags_of >> (code * flag_count) & ((1 << flag_count) - 1);
        let new = old & !changed | to & changed;
        let same = new == old;
        let coded = code_of >> (new * u64::from(code_bits)) & ((1 << code_bits) - 1);
        table |= if same { u64::from(code) } else { coded } << (code * code_bits);
    }
    table
}

/// The lowest bits of `value` in the places of the bits of `mask`.
#[inline]
#[must_use]
pub const fn deposit(value: u64, mask: u64) -> u64 {
    let (mut value, mut left, mut word) = (value, mask, 0);
    while left != 0 {
        let low = left.trailing_zeros();
        let count = (left >> low).trailing_ones();
        let run = if count == 64 { left } else { ((1 << count) - 1) << low };
        word |= value << low & run;
        value = if count == 64 { 0 } else { value >> count };
        left &= !run;
    }
    word
}

/// The bits of `word` at the places of the bits of `mask`, side by side.
#[inline]
#[must_use]
pub const fn extract(word: u64, mask: u64) -> u64 {
    let (mut left, mut value, mut filled) = (mask, 0, 0);
    while left != 0 {
        let low = left.trailing_zeros();
        let count = (left >> low).trailing_ones();
        let run = if count == 64 { left } else { ((1 << count) - 1) << low };
        value |= ((word & run) >> low) << filled;
        filled += count;
        left &= !run;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::{check, deposit, extract, patch, recode, strictest};
    use crate::format::{Bits, Way};

    #[test]
    fn payloads_come_back() {
        for mask in [0, 1, !0, !1, 1 << 63, 0xf0f0, 0x8000_0000_0000_0001, 0x7ff0_0000_0000_0e00] {
            for value in [0, 1, !0, 0x0123_4567_89ab_cdef_u64] {
                let word = deposit(value, mask);
                assert_eq!(word & !mask, 0, "{value:#x} in {mask:#x}");
                let kept = if mask.count_ones() == 64 { value } else { value & ((1 << mask.count_ones()) - 1) };
                assert_eq!(extract(word, mask), kept, "{value:#x} in {mask:#x}");
                assert_eq!(extract(word | !mask, mask), kept, "{value:#x} in {mask:#x}");
            }
        }
        assert_eq!(deposit(0b1011, 0xf0f0), 0x00b0);
        assert_eq!(deposit(0b1_1011, 0xf0f0), 0x10b0);
    }

    #[test]
    fn masks_and_ways_are_chosen() {
        assert_eq!(patch(0xff_u64, 0b101, &[1, 2, 0xf0c]), Bits { clear: 0xf0d, set: 0xd });
        assert_eq!(strictest([(1, Way::Live), (0, Way::Break)]), Way::Live);
        assert_eq!(strictest([(0, Way::Live)]), Way::Lazy);
        assert_eq!(check(false, "key").map_err(|refused| refused.attribute), Err("key"));
    }

    #[test]
    fn codes_of_several_flags_change() {
        // Codes 2 and 0: both flags; 3: the first; 1: none. The second flag alone is written as 1.
        let (flags_of, code_of) = (0b01_11_00_11, 0b10_01_11_01);
        let table = recode(flags_of, 2, code_of, 2, 0b01, 0b00);
        let after = |table: u64, code: u64| table >> (code * 2) & 3;
        assert_eq!([0, 1, 2, 3].map(|code| after(table, code)), [1, 1, 1, 1]);
        let table = recode(flags_of, 2, code_of, 2, 0b01, 0b01);
        assert_eq!([0, 1, 2, 3].map(|code| after(table, code)), [0, 3, 2, 3]);
        let table = recode(flags_of, 2, code_of, 2, 0b11, 0b01);
        assert_eq!([0, 1, 2, 3].map(|code| after(table, code)), [3, 3, 3, 3]);
    }
}
