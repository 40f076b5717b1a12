//! What emitted code calls: too small to be worth repeating in every expansion, and no business of anyone else.

use crate::format::{Bits, LevelInfo, Unencodable, Way};
use crate::tables::word::Word;

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

/// As [`patch`], of leaves of a level that has others as well, where these may be unable to say what is asked for: each then
/// becomes `empty`, which is no leaf, and so the change is refused where there is one.
#[inline]
pub fn patch_or<W: Word>(bits: Result<W, Unencodable>, places: u64, masks: &[W], empty: W) -> Bits<W> {
    match bits {
        Ok(bits) => patch(bits, places, masks),
        Err(_) => Bits { clear: !W::ZERO, set: empty },
    }
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

/// Flags that share a code.
#[derive(Clone, Copy, Debug)]
pub struct Codes {
    /// How many flags.
    pub flags: u32,
    /// How many bits the code has.
    pub bits: u32,
    /// The codes that mean something, as a set.
    pub listed: u64,
    /// The flags of each code, packed from the lowest bit.
    pub flags_of: u64,
    /// The code of each combination of flags, packed from the lowest bit.
    pub code_of: u64,
    /// The combinations that have a code, as a set.
    pub sayable: u64,
}

impl Codes {
    /// As [`changed`](Self::changed), but a code that would have to become one that there is not becomes `refused`, which
    /// makes a word one that the format refuses.
    #[must_use]
    pub fn changed_or(&self, changed: u64, to: u64, refused: u64) -> u64 {
        let mut table = 0;
        for code in (0..1_u32 << self.bits).filter(|code| self.listed >> code & 1 != 0) {
            let new = self.new_code(code, changed, to).unwrap_or(refused);
            table |= new << (code * self.bits);
        }
        table
    }

    /// What each code becomes when some of the flags it stands for change, packed from the lowest bit.
    ///
    /// # Errors
    ///
    /// `attribute`, if some code would have to become one that there is not.
    pub fn changed(&self, changed: u64, to: u64, attribute: &'static str) -> Result<u64, Unencodable> {
        let mut table = 0;
        for code in (0..1_u32 << self.bits).filter(|code| self.listed >> code & 1 != 0) {
            let new = self.new_code(code, changed, to).ok_or(Unencodable { attribute })?;
            table |= new << (code * self.bits);
        }
        Ok(table)
    }

    /// What a code becomes, if there is a code for that.
    fn new_code(&self, code: u32, changed: u64, to: u64) -> Option<u64> {
        let old = self.flags_of >> (code * self.flags) & ((1 << self.flags) - 1);
        let new = old & !changed | to & changed;
        if new == old {
            return Some(code.into());
        }
        let coded = self.code_of >> (new * u64::from(self.bits)) & ((1 << self.bits) - 1);
        (self.sayable >> new & 1 != 0).then_some(coded)
    }
}

/// lg2 of the bytes of a leaf whose size is written into the low bits of its address, from bit `lowest` on, as a zero
/// above ones.
#[inline]
#[must_use]
pub const fn ones_lg2(address: u64, lowest: u32) -> u32 {
    lowest + 1 + (address >> lowest).trailing_ones()
}

/// The address of such a leaf without its ones.
#[inline]
#[must_use]
pub const fn ones_oa(address: u64, lowest: u32) -> u64 {
    address & address.wrapping_add(1 << lowest)
}

/// What `va` is translated to by such a leaf.
#[inline]
#[must_use]
pub const fn ones_output(address: u64, lowest: u32, va: u64) -> u64 {
    // A carry through the ones reaches the zero above them.
    let filled = address | ((1 << lowest) - 1);
    let inside = filled ^ filled.wrapping_add(1);
    filled & !inside | va & inside
}

/// The ones of such a leaf of `2^lg2` bytes.
#[inline]
#[must_use]
pub const fn ones_below(lg2: u32, lowest: u32) -> u64 {
    (1 << (lg2 - 1)) - (1 << lowest)
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

/// The newtype around tables that an expansion calls `PageTable`.
#[doc(hidden)]
#[macro_export]
macro_rules! __page_table {
    ($name:ident($format:ident) $($new:ident)?) => {
        /// Page tables of this format. Their operations are those of the type that it dereferences to.
        #[derive($crate::__::core::fmt::Debug)]
        pub struct $name($crate::Tree<$format>);

        impl $name {
            $(
                /// A new root with nothing in it.
                ///
                /// # Errors
                ///
                /// There is no frame for it, or the memory refuses.
                pub fn $new<M: $crate::Memory, A: $crate::Frames, T>(
                    cx: &mut $crate::Context<M, A, T>,
                ) -> $crate::__::core::result::Result<Self, $crate::Error> {
                    Self::new_with(cx, <$format as $crate::__::core::default::Default>::default())
                }
            )?

            /// A new root with nothing in it, of a format with its decisions.
            ///
            /// # Errors
            ///
            /// There is no frame for it, or the memory refuses.
            pub fn new_with<M: $crate::Memory, A: $crate::Frames, T>(
                cx: &mut $crate::Context<M, A, T>,
                format: $format,
            ) -> $crate::__::core::result::Result<Self, $crate::Error> {
                $crate::Tree::new(cx, format).map(Self)
            }

            /// Gives every table back, the root included.
            ///
            /// # Errors
            ///
            /// The memory refuses.
            pub fn free<M: $crate::Memory, A: $crate::Frames, T: $crate::Tlb>(
                self,
                cx: &mut $crate::Context<M, A, T>,
            ) -> $crate::__::core::result::Result<(), $crate::Error> {
                self.0.free(cx)
            }
        }

        impl $crate::PageTable for $name {
            type Format = $format;

            fn tree(&self) -> &$crate::Tree<$format> {
                &self.0
            }

            fn tree_mut(&mut self) -> &mut $crate::Tree<$format> {
                &mut self.0
            }

            fn from_tree(tree: $crate::Tree<$format>) -> Self {
                Self(tree)
            }

            fn into_tree(self) -> $crate::Tree<$format> {
                self.0
            }
        }

        impl $crate::__::core::ops::Deref for $name {
            type Target = $crate::Tree<$format>;

            fn deref(&self) -> &$crate::Tree<$format> {
                &self.0
            }
        }

        impl $crate::__::core::ops::DerefMut for $name {
            fn deref_mut(&mut self) -> &mut $crate::Tree<$format> {
                &mut self.0
            }
        }
    };
}

/// What is written alike for the attributes of every format: builders, presets, and the type of a change. Each attribute
/// has a name, the name of its builder, a type, and a bit that stands for it.
#[doc(hidden)]
#[macro_export]
macro_rules! __builders {
    ($attributes:ident, $change:ident { $($field:ident $with:ident: $of:ty = $bit:literal,)* }) => {
        impl $attributes {
            $(
                #[doc = $crate::__::core::concat!("These, with `", $crate::__::core::stringify!($field), "` as given.")]
                pub const fn $with(self, $field: $of) -> Self {
                    Self { $field, ..self }
                }
            )*

            /// Read and write, for the kernel.
            pub const fn kernel_data() -> Self {
                Self::preset(true, false, false)
            }

            /// Read only, for the kernel.
            pub const fn kernel_rodata() -> Self {
                Self::preset(false, false, false)
            }

            /// Read and execute, for the kernel.
            pub const fn kernel_text() -> Self {
                Self::preset(false, true, false)
            }

            /// Read and write, for user mode.
            pub const fn user_data() -> Self {
                Self::preset(true, false, true)
            }

            /// Read only, for user mode.
            pub const fn user_rodata() -> Self {
                Self::preset(false, false, true)
            }

            /// Read and execute, for user mode.
            pub const fn user_text() -> Self {
                Self::preset(false, true, true)
            }
        }

        impl $crate::__::core::default::Default for $attributes {
            fn default() -> Self {
                Self::new()
            }
        }

        /// Attributes to change, and what to; the others stay as they are.
        #[derive($crate::__::core::clone::Clone, $crate::__::core::marker::Copy, $crate::__::core::fmt::Debug)]
        #[derive($crate::__::core::cmp::PartialEq, $crate::__::core::cmp::Eq, $crate::__::core::hash::Hash)]
        #[derive($crate::__::core::default::Default)]
        #[must_use]
        pub struct $change {
            to: $attributes,
            fields: $crate::__::core::primitive::u64,
        }

        impl $change {
            /// Nothing changes.
            pub const fn new() -> Self {
                Self { to: $attributes::new(), fields: 0 }
            }

            $(
                #[doc = $crate::__::core::concat!("Sets `", $crate::__::core::stringify!($field), "`.")]
                pub const fn $field(self, $field: $of) -> Self {
                    Self { to: self.to.$with($field), fields: self.fields | $bit }
                }
            )*
        }

        impl $crate::Change for $change {
            type Attributes = $attributes;

            fn set(
                &mut self,
                index: $crate::__::core::primitive::usize,
                value: $crate::__::core::primitive::u64,
            ) -> $crate::__::core::primitive::bool {
                let known = $crate::Attributes::set(&mut self.to, index, value);
                self.fields |= (known as $crate::__::core::primitive::u64) << (index & 63);
                known
            }

            fn revise(&self, attributes: &$attributes) -> $attributes {
                $attributes { $($field: if self.fields & $bit == 0 { attributes.$field } else { self.to.$field },)* }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::{Codes, check, deposit, extract, patch, patch_or, strictest};
    use crate::format::{Bits, Unencodable, Way};

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
        assert_eq!(patch_or(Ok(0xff_u64), 0b101, &[1, 2, 0xf0c], 0), Bits { clear: 0xf0d, set: 0xd });
        let unsayable = Unencodable { attribute: "key" };
        assert_eq!(patch_or(Err(unsayable), 0b101, &[1, 2, 0xf0c], 0x20_u64), Bits { clear: !0, set: 0x20 });
        assert_eq!(strictest([(1, Way::Live), (0, Way::Break)]), Way::Live);
        assert_eq!(strictest([(0, Way::Live)]), Way::Lazy);
        assert_eq!(check(false, "key").map_err(|refused| refused.attribute), Err("key"));
    }

    #[test]
    fn codes_of_several_flags_change() {
        // Codes 2 and 0: both flags; 3: the first; 1: none. The second flag alone cannot be said.
        let codes = Codes {
            flags: 2,
            bits: 2,
            listed: 0b1111,
            flags_of: 0b01_11_00_11,
            code_of: 0b10_00_11_01,
            sayable: 0b1011,
        };
        let after = |table: u64| [0, 1, 2, 3].map(|code| table >> (code * 2) & 3);
        assert_eq!(codes.changed(0b01, 0b00, "second"), Err(Unencodable { attribute: "second" }));
        assert_eq!(codes.changed(0b01, 0b01, "second").map(after), Ok([0, 3, 2, 3]));
        assert_eq!(codes.changed(0b11, 0b01, "second").map(after), Ok([3, 3, 3, 3]));
        assert_eq!(codes.changed(0b11, 0b00, "second").map(after), Ok([1, 1, 1, 1]));
        // Only the words that would lose their code get the one that is refused.
        let refused = Codes { listed: 0b1011, ..codes };
        assert_eq!(after(refused.changed_or(0b01, 0b00, 2)), [2, 1, 0, 1]);
        let without_a_word = Codes { listed: 0b1010, ..codes };
        assert_eq!(without_a_word.changed(0b01, 0b00, "second").map(after), Ok([0, 1, 0, 1]));
    }
}
