//! Sets of bits and words as text.

/// The stretches of adjacent bits of a set as `(high, low)`, the highest first.
#[must_use]
pub fn bit_ranges(mask: u128) -> Vec<(u32, u32)> {
    let mut rest = mask;
    let mut found = Vec::new();
    while rest != 0 {
        let low = rest.trailing_zeros();
        let bits = (rest >> low).trailing_ones();
        found.push((low + bits - 1, low));
        rest = rest.checked_shr(low + bits).map_or(0, |high| high.checked_shl(low + bits).unwrap_or(0));
    }
    found.reverse();
    found
}

/// A set of bits as the manuals write it: `63..52, 7`.
#[must_use]
pub fn ranges_of(mask: u128) -> String {
    let ranges: Vec<String> = bit_ranges(mask).into_iter().map(|(high, low)| range(high, low)).collect();
    ranges.join(", ")
}

/// `63..52`, or `7` for a single bit.
#[must_use]
pub fn range(high: u32, low: u32) -> String {
    if high == low { high.to_string() } else { format!("{high}..{low}") }
}

/// The bits from `high` down to `low`.
#[must_use]
pub fn span_mask(high: u32, low: u32) -> u128 {
    let count = (high + 1).saturating_sub(low).min(128);
    let ones = if count == 128 { u128::MAX } else { (1 << count) - 1 };
    ones.checked_shl(low).unwrap_or(0)
}

/// A word of so many bits with all its digits, in groups of four: `0x8000_0000_0020_0063`.
#[must_use]
pub fn hexadecimal(value: u128, bits: u32) -> String {
    let digits = format!("{value:0width$x}", width = bits.div_ceil(4).max(1) as usize);
    let mut text = String::from("0x");
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 4 == 0 {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// The number a field of so many bits holds, as short as it is clear.
#[must_use]
pub fn number(value: u128, bits: u32) -> String {
    match bits {
        1 => value.to_string(),
        2..=4 => format!("0b{value:0width$b}", width = bits as usize),
        _ if value < 10 => value.to_string(),
        _ => format!("{value:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{bit_ranges, hexadecimal, number, ranges_of, span_mask};

    #[test]
    fn sets_of_bits_are_cut_into_stretches() {
        assert_eq!(bit_ranges(0), []);
        assert_eq!(bit_ranges(0b1011_0000), [(7, 7), (5, 4)]);
        assert_eq!(bit_ranges(u128::MAX), [(127, 0)]);
        assert_eq!(bit_ranges(1 << 127), [(127, 127)]);
        assert_eq!(ranges_of(0xfff0_0000_0000_0080), "63..52, 7");
    }

    #[test]
    fn masks_of_spans_hold_both_ends() {
        assert_eq!(span_mask(127, 0), u128::MAX);
        assert_eq!(span_mask(127, 127), 1 << 127);
        assert_eq!(span_mask(7, 4), 0xf0);
    }

    #[test]
    fn words_show_every_digit() {
        assert_eq!(hexadecimal(0x63, 64), "0x0000_0000_0000_0063");
        assert_eq!(hexadecimal(0xabc, 12), "0xabc");
        assert_eq!(hexadecimal(5, 1), "0x5");
        assert_eq!(number(1, 1), "1");
        assert_eq!(number(2, 3), "0b010");
        assert_eq!(number(0x1234, 40), "0x1234");
    }
}
