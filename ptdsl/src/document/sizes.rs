//! Lengths in bytes for people.

const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// A length in the largest unit that it is a whole number of: `4 KiB`, `2 MiB`, `1536 B`.
#[must_use]
pub fn size(bytes: u128) -> String {
    let mut amount = bytes;
    let mut unit = 0;
    while amount != 0 && amount.is_multiple_of(1024) && unit + 1 < UNITS.len() {
        amount /= 1024;
        unit += 1;
    }
    format!("{amount} {}", UNITS[unit])
}

/// The length `1 << lg2` for people.
pub fn size_lg2(lg2: u32) -> String {
    match 1u128.checked_shl(lg2) {
        Some(bytes) => size(bytes),
        None => format!("2^{lg2} B"),
    }
}

/// The length `1 << lg2` in as few characters as can be: `4K`.
pub fn short_lg2(lg2: u32) -> String {
    size_lg2(lg2).replace(" B", "").replace("iB", "").replace(' ', "")
}

#[cfg(test)]
mod tests {
    use super::{short_lg2, size, size_lg2};

    #[test]
    fn the_unit_divides_the_length() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1536), "1536 B");
        assert_eq!(size(4096), "4 KiB");
        assert_eq!(size(3 << 30), "3 GiB");
        assert_eq!(size(1 << 70), "1024 EiB");
        assert_eq!(size_lg2(39), "512 GiB");
        assert_eq!((short_lg2(12), short_lg2(5)), ("4K".to_owned(), "32".to_owned()));
        assert_eq!(size_lg2(127), format!("{} EiB", 1u128 << 67));
    }
}
