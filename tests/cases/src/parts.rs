//! What is compiled together where the code of all formats takes too much memory at once.

/// Some files of formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// The names of its files.
    pub files: &'static [&'static str],
}

/// What takes the files that are nowhere else, those that do not ship among them.
const OTHERS: &str = "others";

/// All parts. A new file needs no place here.
pub const PARTS: &[Part] = &[
    Part { name: "aarch64", files: &["aarch64.ptf"] },
    Part { name: "x86", files: &["x86.ptf", "x86_64.ptf"] },
    Part { name: "riscv", files: &["riscv.ptf"] },
    Part { name: "devices", files: &["amd_iommu.ptf", "dart.ptf", "ept.ptf", "vtd.ptf"] },
    Part { name: OTHERS, files: &[] },
];

/// The name of the part that has a file; `None` stands for a file that does not ship.
#[must_use]
pub fn part_of(file: Option<&str>) -> &'static str {
    let part = file.and_then(|file| PARTS.iter().find(|part| part.files.contains(&file)));
    part.map_or(OTHERS, |part| part.name)
}
