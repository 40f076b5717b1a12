//! The emulators' own listings of translations.

use crate::Error;

/// Adjacent addresses that are translated to adjacent addresses, with what the listing says about them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mapping {
    /// The first address.
    pub va: u64,
    /// What it is translated to.
    pub pa: u64,
    /// How many bytes, where the listing tells.
    pub bytes: u64,
    /// A letter for each property that holds, `-` for each that does not.
    pub flags: String,
}

/// Reads `info tlb` of x86-64: a line for each leaf, whose size it does not tell (`bytes` is 0). The flags are, in this order,
/// `X` (no execution), `G` (global), `P` (bit 7 of the entry), `D`, `A`, `C` (PCD), `T` (PWT), `U`, `W`.
///
/// # Errors
///
/// The first line that is none.
pub fn info_tlb(listed: &str) -> Result<Vec<Mapping>, Error> {
    let line = |line: &str| {
        let (va, rest) = line.split_once(": ")?;
        let (pa, flags) = rest.split_once(' ')?;
        Some(Mapping { va: number(va)?, pa: number(pa)?, bytes: 0, flags: flags.to_owned() })
    };
    let lines = listed.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|text| line(text).ok_or_else(|| format!("`info tlb` says {text:?}").into())).collect()
}

/// Reads `info mem` of RISC-V: a line for each stretch. The flags are `r`, `w`, `x`, `u`, `g`, `a`, `d`.
///
/// # Errors
///
/// The first line that is none.
pub fn info_mem(listed: &str) -> Result<Vec<Mapping>, Error> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [va, pa, bytes, flags] = words[..] else { return None };
        Some(Mapping { va: number(va)?, pa: number(pa)?, bytes: number(bytes)?, flags: flags.to_owned() })
    };
    let lines = listed.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines = lines.filter(|line| !line.starts_with("vaddr") && !line.starts_with('-'));
    lines.map(|text| line(text).ok_or_else(|| format!("`info mem` says {text:?}").into())).collect()
}

fn number(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_listings_are_read() {
        let found = info_tlb("ffff8b8d40001000: 0000000000001000 XG-DA---W\r\n").unwrap();
        let one = Mapping { va: 0xffff_8b8d_4000_1000, pa: 0x1000, bytes: 0, flags: "XG-DA---W".into() };
        assert_eq!(found, [one]);
        let listed = "vaddr            paddr            size             attr\n\
                      ---------------- ---------------- ---------------- -------\n\
                      ffffffc4fec00000 000000008fe00000 0000000000400000 rw--gad\n";
        let one = Mapping { va: 0xffff_ffc4_fec0_0000, pa: 0x8fe0_0000, bytes: 0x40_0000, flags: "rw--gad".into() };
        assert_eq!(info_mem(listed).unwrap(), [one]);
        assert!(info_tlb("PG disabled").is_err());
        assert!(info_mem("No translation or protection").is_err());
    }
}
