//! Neighbouring mappings that say the same, merged.

use crate::failure::Outcome;

/// What a stretch of VA is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Translated.
    Leaf {
        /// lg2 of the bytes of each leaf, a run counting as one.
        leaf_lg2: u32,
        /// The effective attributes, packed (see `Rights`).
        attributes: u128,
    },
    /// The entry points to a table that the walk is in already; it was not followed.
    Recursive {
        /// The address of the table.
        table: u64,
    },
    /// The entry points to a table that is not in the image.
    Outside {
        /// The address of the table.
        table: u64,
    },
    /// A word that the machine refuses.
    Reserved,
    /// A word of a run that has another part of the OA than its slot is for.
    Misplaced,
}

/// A stretch of VA whose mappings say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first address.
    pub first: u64,
    /// The last address.
    pub last: u64,
    /// What it is.
    pub what: What,
    /// The level (index) of the entries.
    pub level: usize,
    /// The OA of the first address, where OAs matter.
    pub output: Option<u64>,
}

impl Stretch {
    /// The length in bytes.
    pub fn bytes(&self) -> u128 {
        u128::from(self.last - self.first) + 1
    }

    /// One past the last address.
    pub fn end(&self) -> u128 {
        u128::from(self.last) + 1
    }

    /// Makes `next` a part of this one, if it follows and says the same.
    fn absorb(&mut self, next: &Self) -> bool {
        let follows = self.last.checked_add(1) == Some(next.first);
        let outputs = match (self.output, next.output) {
            (Some(own), Some(other)) => own.checked_add(next.first.wrapping_sub(self.first)) == Some(other),
            (None, None) => true,
            _ => false,
        };
        let same = follows && outputs && self.what == next.what && self.level == next.level;
        if same {
            self.last = next.last;
        }
        same
    }
}

/// Who receives the merged stretches, in the order of VA.
pub trait Receiver {
    /// Takes one stretch.
    fn stretch(&mut self, stretch: &Stretch) -> Outcome;
}

/// Merges what arrives in the order of VA.
pub struct Merger<'a> {
    open: Option<Stretch>,
    merged: u64,
    receiver: &'a mut dyn Receiver,
}

impl<'a> Merger<'a> {
    /// A merger that hands on to `receiver`.
    pub fn new(receiver: &'a mut dyn Receiver) -> Self {
        Self { open: None, merged: 0, receiver }
    }

    /// Takes a piece that begins after all pieces before it.
    #[inline]
    pub fn push(&mut self, piece: Stretch) -> Outcome {
        if let Some(open) = &mut self.open
            && open.absorb(&piece)
        {
            return Ok(());
        }
        self.close()?;
        self.open = Some(piece);
        Ok(())
    }

    /// Hands on the last stretch; with the number of all.
    pub fn finish(mut self) -> Outcome<u64> {
        self.close()?;
        Ok(self.merged)
    }

    fn close(&mut self) -> Outcome {
        if let Some(done) = self.open.take() {
            self.merged += 1;
            self.receiver.stretch(&done)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Merger, Receiver, Stretch, What};
    use crate::failure::Outcome;

    #[derive(Default)]
    struct All(Vec<Stretch>);

    impl Receiver for All {
        fn stretch(&mut self, stretch: &Stretch) -> Outcome {
            self.0.push(*stretch);
            Ok(())
        }
    }

    fn page(number: u64, attributes: u128, output: Option<u64>) -> Stretch {
        Stretch {
            first: number << 12,
            last: number << 12 | 0xfff,
            what: What::Leaf { leaf_lg2: 12, attributes },
            level: 3,
            output,
        }
    }

    fn merged(pieces: &[Stretch]) -> Vec<(u64, u64)> {
        let mut all = All::default();
        let mut merger = Merger::new(&mut all);
        for piece in pieces {
            assert!(merger.push(*piece).is_ok());
        }
        assert!(merger.finish().is_ok_and(|merged| merged <= pieces.len() as u64));
        all.0.iter().map(|stretch| (stretch.first >> 12, stretch.last >> 12)).collect()
    }

    #[test]
    fn neighbours_that_say_the_same_are_one() {
        assert_eq!(merged(&[]), []);
        assert_eq!(merged(&[page(1, 0, None), page(2, 0, None), page(3, 0, None)]), [(1, 3)]);
        assert_eq!(merged(&[page(1, 0, None), page(3, 0, None)]), [(1, 1), (3, 3)]);
        assert_eq!(merged(&[page(1, 0, None), page(2, 1, None)]), [(1, 1), (2, 2)]);
        let outputs = [page(1, 0, Some(0x5000)), page(2, 0, Some(0x6000)), page(3, 0, Some(0x6000))];
        assert_eq!(merged(&outputs), [(1, 2), (3, 3)]);
    }

    #[test]
    fn the_top_of_the_addresses_is_no_neighbour_of_the_bottom() {
        let top = u64::MAX >> 12;
        assert_eq!(merged(&[page(top - 1, 0, None), page(top, 0, None)]), [(top - 1, top)]);
        assert_eq!(merged(&[page(top, 0, None), page(0, 0, None)]), [(top, top), (0, 0)]);
        assert_eq!(page(top, 0, None).end(), 1 << 64);
    }
}
