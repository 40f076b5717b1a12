//! Numbers of the command line: decimal, `0x` and `0b`, with underscores.

/// Reads a number.
pub fn number(text: &str) -> Result<u128, String> {
    let (radix, digits) = match text.get(..2) {
        Some("0x" | "0X") => (16, &text[2..]),
        Some("0b" | "0B") => (2, &text[2..]),
        _ => (10, text),
    };
    let plain: String = digits.chars().filter(|digit| *digit != '_').collect();
    if plain.is_empty() || !plain.chars().all(|digit| digit.is_digit(radix)) {
        return Err("expected a number such as 4096, 0x1000 or 0b1_0000".to_owned());
    }
    u128::from_str_radix(&plain, radix).map_err(|_| "expected a number below 2^128".to_owned())
}

/// Reads an address.
pub fn address(text: &str) -> Result<u64, String> {
    u64::try_from(number(text)?).map_err(|_| "expected an address below 2^64".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{address, number};

    #[test]
    fn three_notations_with_underscores() {
        assert_eq!(number("1_000"), Ok(1000));
        assert_eq!(number("0xFFFF_0000"), Ok(0xffff_0000));
        assert_eq!(number("0b1010"), Ok(10));
        assert_eq!(number(&u128::MAX.to_string()), Ok(u128::MAX));
        assert_eq!(address("0xffff_ffff_ffff_ffff"), Ok(u64::MAX));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "_", "0x", "0b", "0b2", "0xg", "12a", "-1", "+1", " 1", "0x1 ", "é", "0é"] {
            assert!(number(text).is_err(), "{text:?}");
        }
        assert!(number("340282366920938463463374607431768211456").is_err());
        assert!(address("0x1_0000_0000_0000_0000").is_err());
    }
}
