//! Values whose bits are scattered over a word: reading and writing them with one mask and one shift per distance.

use super::expr::Expr;
use crate::model::Piece;

/// The bits of the word that the pieces occupy.
pub(crate) fn word_bits(pieces: &[Piece]) -> u128 {
    pieces.iter().fold(0, |bits, piece| bits | ones(piece.bits) << piece.word_low)
}

/// The bits of the value that the pieces hold.
pub(crate) fn value_bits(pieces: &[Piece]) -> u128 {
    pieces.iter().fold(0, |bits, piece| bits | ones(piece.bits) << piece.value_low)
}

/// The value that `word` holds in `pieces`. Bits of `except` (an expression) are no part of it.
pub(crate) fn gather(word: &Expr, pieces: &[Piece], except: Option<&Expr>) -> Expr {
    let parts = by_distance(pieces).into_iter().map(|(distance, bits)| {
        let mut masked = vec![word.clone()];
        match except {
            Some(except) => masked.push(Expr::bit_and(vec![except.clone().bit_not(), Expr::Bits(bits)])),
            None if distance < 0 => {
                // A field: first moved down, then cut, unless nothing is above it.
                let low = Expr::Bits(bits >> -distance);
                let moved = word.clone().shifted(distance);
                let whole =
                    bits >> 63 == 1 && (bits >> bits.trailing_zeros()).count_ones() == 64 - bits.trailing_zeros();
                let bare = whole && bits.trailing_zeros() == distance.unsigned_abs();
                return if bare { moved } else { Expr::bit_and(vec![moved, low]) };
            }
            None => masked.push(Expr::Bits(bits)),
        }
        Expr::bit_and(masked).shifted(distance)
    });
    Expr::bit_or(parts.collect())
}

/// The word that holds `value` in `pieces`, whose other bits are zero. Value bits that no piece holds are dropped where
/// `exact` does not say that there are none.
pub(crate) fn scatter(value: &Expr, pieces: &[Piece], exact: bool) -> Expr {
    let distances = by_distance(pieces);
    let one = distances.len() == 1;
    let parts = distances.into_iter().map(|(distance, bits)| {
        let moved = |value: Expr| value.shifted(-distance);
        if exact && one {
            return moved(value.clone());
        }
        if let Expr::Bits(constant) = value {
            return moved(Expr::Bits(constant & (if distance >= 0 { bits << distance } else { bits >> -distance })));
        }
        if distance > 0 {
            // The value bit is above the word bit: move down, then cut.
            Expr::bit_and(vec![moved(value.clone()), Expr::Bits(bits)])
        } else {
            moved(Expr::bit_and(vec![value.clone(), Expr::Bits(bits >> -distance)]))
        }
    });
    Expr::bit_or(parts.collect())
}

/// Word masks by distance (value position minus word position), in the order of the pieces.
fn by_distance(pieces: &[Piece]) -> Vec<(i32, u128)> {
    let mut found: Vec<(i32, u128)> = Vec::new();
    for piece in pieces {
        let distance = piece.value_low as i32 - piece.word_low as i32;
        let bits = ones(piece.bits) << piece.word_low;
        match found.iter_mut().find(|(known, _)| *known == distance) {
            Some((_, known)) => *known |= bits,
            None => found.push((distance, bits)),
        }
    }
    found
}

/// So many ones.
pub(crate) fn ones(count: u32) -> u128 {
    if count >= 128 { u128::MAX } else { (1 << count) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn piece(word_low: u32, value_low: u32, bits: u32) -> Piece {
        Piece { word_low, value_low, bits }
    }

    /// Bit by bit, as slowly as it is obvious.
    fn read(word: u64, pieces: &[Piece]) -> u64 {
        let mut value = 0;
        for piece in pieces {
            for bit in 0..piece.bits {
                value |= (word >> (piece.word_low + bit) & 1) << (piece.value_low + bit);
            }
        }
        value
    }

    fn write(value: u64, pieces: &[Piece]) -> u64 {
        let mut word = 0;
        for piece in pieces {
            for bit in 0..piece.bits {
                word |= (value >> (piece.value_low + bit) & 1) << (piece.word_low + bit);
            }
        }
        word
    }

    const SAMPLES: [u64; 8] = [
        0,
        u64::MAX,
        0x0123_4567_89ab_cdef,
        0xfedc_ba98_7654_3210,
        1,
        1 << 63,
        0x5555_5555_5555_5555,
        0xffff_0000_ffff,
    ];

    #[test]
    fn scattered_values_are_read_and_written() {
        let cases: [&[Piece]; 8] = [
            &[piece(12, 12, 40)],
            &[piece(10, 12, 44)],
            &[piece(12, 12, 38), piece(8, 50, 2)],
            &[piece(16, 16, 32), piece(12, 48, 4)],
            &[piece(22, 22, 10), piece(13, 32, 8)],
            &[piece(7, 2, 1), piece(4, 1, 1), piece(3, 0, 1)],
            &[piece(59, 0, 4)],
            &[piece(60, 0, 4)],
        ];
        for pieces in cases {
            let (read_expr, write_expr) =
                (gather(&Expr::var("w"), pieces, None), scatter(&Expr::var("v"), pieces, false));
            for sample in SAMPLES {
                assert_eq!(read_expr.value(&|_| sample), read(sample, pieces), "{read_expr:?}");
                assert_eq!(write_expr.value(&|_| sample), write(sample, pieces), "{write_expr:?}");
                let constant = scatter(&Expr::Bits(u128::from(sample)), pieces, false);
                assert_eq!(constant, Expr::Bits(u128::from(write(sample, pieces))), "{pieces:?}");
                let fits = sample & value_bits(pieces) as u64;
                let exact = scatter(&Expr::var("v"), pieces, true);
                assert_eq!(exact.value(&|_| fits), write(fits, pieces), "{exact:?}");
            }
            assert_eq!(word_bits(pieces) as u64, write(u64::MAX, pieces));
        }
    }

    #[test]
    fn neighbours_at_one_distance_share_a_mask() {
        let read = gather(&Expr::var("w"), &[piece(12, 12, 8), piece(30, 30, 2)], None);
        assert_eq!(read, Expr::bit_and(vec![Expr::var("w"), Expr::Bits(0xc00f_f000)]));
    }
}
