//! What leaves say beside their OA.

use core::fmt;

/// What a leaf says beside its OA, for code that does not know the format.
pub trait Attributes: Copy + Eq + fmt::Debug + Default + Send + Sync + 'static {
    /// What there is, in the order of the format file.
    const FIELDS: &'static [AttributeInfo];

    /// Which of [`FIELDS`](Self::FIELDS) has this name, if any.
    #[must_use]
    fn index(name: &str) -> Option<usize> {
        AttributeInfo::index(Self::FIELDS, name)
    }

    /// The value of `FIELDS[index]`: 0 or 1, the number, or the number written for the choice. 0 past the end.
    fn get(&self, index: usize) -> u64;

    /// Sets `FIELDS[index]`. Returns whether the attribute has such a value; if not, nothing changes.
    fn set(&mut self, index: usize, value: u64) -> bool;

    /// Whether a leaf with these (effective) attributes lets such an access through, user mode or not, as far as the
    /// word decides it; modes of the processor may forbid more.
    fn permits(&self, access: Access, user: bool) -> bool;

    /// Readable, with these rights besides: accessed, dirty if writable, global if not for user mode, of the first memory
    /// type. What the presets below are made of.
    #[must_use]
    fn preset(write: bool, execute: bool, user: bool) -> Self {
        let _ = (write, execute, user);
        Self::default()
    }

    /// Read and write for the kernel, global, accessed and dirty, of the first memory type; likewise below.
    #[must_use]
    fn kernel_data() -> Self {
        Self::preset(true, false, false)
    }
    /// Read only, for the kernel.
    #[must_use]
    fn kernel_rodata() -> Self {
        Self::preset(false, false, false)
    }
    /// Read and execute, for the kernel.
    #[must_use]
    fn kernel_text() -> Self {
        Self::preset(false, true, false)
    }
    /// Read and write, for user mode, not global.
    #[must_use]
    fn user_data() -> Self {
        Self::preset(true, false, true)
    }
    /// Read only, for user mode, not global.
    #[must_use]
    fn user_rodata() -> Self {
        Self::preset(false, false, true)
    }
    /// Read and execute, for user mode, not global.
    #[must_use]
    fn user_text() -> Self {
        Self::preset(false, true, true)
    }
}

/// Attributes to change, for code that does not know the format. The default changes nothing.
pub trait Change: Copy + fmt::Debug + Default + Send + Sync + 'static {
    /// The attributes.
    type Attributes: Attributes;

    /// Lets it set attribute `index` of [`Attributes::FIELDS`] to `value`. Returns whether the attribute has such a
    /// value; if not, nothing changes.
    fn set(&mut self, index: usize, value: u64) -> bool;

    /// `attributes`, changed.
    #[must_use]
    fn revise(&self, attributes: &Self::Attributes) -> Self::Attributes;
}

/// One attribute of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeInfo {
    /// Its name.
    pub name: &'static str,
    /// Which values it has.
    pub kind: AttributeKind,
}

impl AttributeInfo {
    /// An attribute that is true or false.
    #[must_use]
    pub const fn flag(name: &'static str) -> Self {
        Self { name, kind: AttributeKind::Flag }
    }

    /// A number of so many bits.
    #[must_use]
    pub const fn number(name: &'static str, bits: u32) -> Self {
        Self { name, kind: AttributeKind::Number(bits) }
    }

    /// Which of `fields` has this name, if any; at compile time, too.
    #[must_use]
    pub const fn index(fields: &[Self], name: &str) -> Option<usize> {
        let mut place = 0;
        while place < fields.len() {
            if is_same(fields[place].name.as_bytes(), name.as_bytes()) {
                return Some(place);
            }
            place += 1;
        }
        None
    }

    /// One name of a list.
    #[must_use]
    pub const fn choice(name: &'static str, names: &'static [(&'static str, u64)]) -> Self {
        Self { name, kind: AttributeKind::Choice(names) }
    }
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut place = 0;
    while place < one.len() && place < other.len() && one[place] == other[place] {
        place += 1;
    }
    place == one.len() && place == other.len()
}

/// The values of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeKind {
    /// 0 or 1.
    Flag,
    /// Any number of so many bits.
    Number(u32),
    /// Names and the numbers written for them.
    Choice(&'static [(&'static str, u64)]),
}

/// What is done to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

/// An attribute that a word cannot say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unencodable {
    /// Its name.
    pub attribute: &'static str,
}

impl Unencodable {
    /// What a level without leaves says.
    pub const NO_LEAF: Self = Self { attribute: "leaf" };
}

#[cfg(test)]
mod tests {
    use super::AttributeInfo;

    #[test]
    fn attributes_are_found_by_their_whole_name() {
        const FIELDS: [AttributeInfo; 3] =
            [AttributeInfo::flag("write"), AttributeInfo::flag("user_write"), AttributeInfo::number("key", 4)];
        const KEY: Option<usize> = AttributeInfo::index(&FIELDS, "key");
        assert_eq!(KEY, Some(2));
        assert_eq!(AttributeInfo::index(&FIELDS, "user_write"), Some(1));
        for unknown in ["", "writ", "write_", "user"] {
            assert_eq!(AttributeInfo::index(&FIELDS, unknown), None, "{unknown}");
        }
    }
}
