//! The bits that a word must have as they are: written in the file, or derived from the geometry.

use crate::model::{Bits, Mask, ParametricBits, ParametricRule, Piece};

use super::rows::mask;

/// Reserved bits while they are gathered.
#[derive(Clone, Debug, Default)]
pub(super) struct Reserved {
    pub(super) mask: Mask,
    pub(super) value: u128,
}

impl Reserved {
    /// Bits that must have a value.
    pub(super) fn must_be(&mut self, low: u32, bits: u32, value: u128) {
        let ones = mask(low, bits);
        self.mask.fixed |= ones;
        self.value |= value.checked_shl(low).unwrap_or(0) & ones;
    }

    /// The stored bits of an address that are below its alignment or above its width.
    pub(super) fn address(&mut self, pieces: &[Piece], align_lg2: u32, width: &Bits) {
        let (least, most) = match width {
            Bits::Fixed(width) => (*width, *width),
            Bits::Runtime { least, most, .. } => (*least, *most),
        };
        for piece in pieces {
            let mut open = 0;
            for bit in 0..piece.bits {
                let (stored, in_word) = (piece.value_low + bit, mask(piece.word_low + bit, 1));
                if stored < align_lg2 || stored >= most {
                    self.mask.fixed |= in_word;
                } else if stored >= least {
                    open |= in_word;
                }
            }
            if let (true, Bits::Runtime { parameter, .. }) = (open != 0, width) {
                // Positions in a word and in an address are below 128.
                let shift = i32::try_from(piece.word_low).unwrap_or(0) - i32::try_from(piece.value_low).unwrap_or(0);
                let rule = ParametricRule::AtOrAbove { shift };
                self.mask.parametric.push(ParametricBits { bits: open, parameter: parameter.clone(), rule });
            }
        }
    }

    /// A field at a place that is decided at run time takes its bit out.
    pub(super) fn without(&mut self, parameter: &str, least: u32, most: u32) {
        let span = mask(least, most.saturating_sub(least) + 1);
        let candidates = self.mask.parametric.iter().fold(self.mask.fixed, |all, part| all | part.bits) & span;
        if candidates != 0 {
            let rule = ParametricRule::NotAt;
            self.mask.parametric.push(ParametricBits { bits: candidates, parameter: parameter.to_owned(), rule });
        }
    }
}
