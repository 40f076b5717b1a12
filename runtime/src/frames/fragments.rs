//! Tables smaller than a page, cut out of pages.

#![expect(unsafe_code, reason = "hands out parts of the frames of another source")]

use super::{Frame, Frames, TableShape};
use crate::address::Oa;

/// How many fragments of one page are kept count of. Of smaller ones, a page holds no more than this.
const MOST: u32 = 256;
const BITS: u32 = u64::BITS;

/// What is known of one page of which fragments are handed out.
#[derive(Debug, Default)]
pub struct FragmentPage {
    page: Option<Frame>,
    /// lg2 of the size of its fragments.
    bytes_lg2: u32,
    /// One bit for each fragment that is handed out.
    used: [u64; (MOST / BITS) as usize],
}

impl FragmentPage {
    /// No page.
    pub const NONE: Self = Self { page: None, bytes_lg2: 0, used: [0; (MOST / BITS) as usize] };

    /// How many of its fragments are handed out.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.used.iter().map(|bits| bits.count_ones()).sum()
    }

    /// Marks a fragment as handed out; `None` if all are.
    fn take(&mut self, page_lg2: u32) -> Option<u32> {
        let count = 1 << (page_lg2 - self.bytes_lg2);
        let (word, bits) = (0..).zip(&mut self.used).find(|(_, bits)| **bits != u64::MAX)?;
        let bit = bits.trailing_ones();
        let number = word * BITS + bit;
        if number >= count {
            return None;
        }
        *bits |= 1 << bit;
        Some(number)
    }

    /// Marks a fragment as not handed out. Returns whether it was.
    fn put(&mut self, number: u64) -> bool {
        let Some(bits) = usize::try_from(number / u64::from(BITS)).ok().and_then(|word| self.used.get_mut(word)) else {
            return false;
        };
        let bit = 1 << (number % u64::from(BITS));
        let was_used = *bits & bit != 0;
        *bits &= !bit;
        was_used
    }
}

/// A source of tables smaller than a page, which cuts them out of pages of another source. What is not smaller than a
/// page it takes from there as it is.
///
/// A page goes back when its last fragment has come back: after the flush of whatever unlinked that one. How many pages
/// can be in use is how many [`FragmentPage`]s the caller gives; with none left, there are no frames. All fragments of a
/// page are of one size; fragments of less than a 256th of the page are handed out as if they were as large.
///
/// ```
/// use ptgen::{Arena, FragmentPage, Fragments, Frames, TableShape};
///
/// let mut words = vec![0_u64; 4 * 512];
/// let arena = Arena::new(0, &mut words);
/// let mut pages = [FragmentPage::NONE; 2];
/// let mut frames = Fragments::new(&mut pages, 12, &arena);
/// let small = TableShape::of_size(2, 5);
/// let (one, other) = (frames.allocate(small).expect("one"), frames.allocate(small).expect("another"));
/// assert_eq!((other.address() - one.address(), arena.frames()), (32, 1));
/// frames.free(one);
/// assert_eq!(arena.frames(), 1);
/// frames.free(other);
/// assert_eq!(arena.frames(), 0);
/// ```
#[derive(Debug)]
pub struct Fragments<'s, A> {
    pages: &'s mut [FragmentPage],
    page_lg2: u32,
    source: A,
}

impl<'s, A: Frames> Fragments<'s, A> {
    /// Fragments of pages of `2^page_lg2` bytes of `source`, which are aligned to their size. What `pages` says already
    /// stays so: fragments that are out may be given back through another value with the same pages and source.
    pub const fn new(pages: &'s mut [FragmentPage], page_lg2: u32, source: A) -> Self {
        Self { pages, page_lg2, source }
    }

    /// How many pages are in use.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.pages.iter().filter(|page| page.page.is_some()).count()
    }

    /// lg2 of the size of the fragment for a table of this shape; `None` if it takes a page or more.
    fn fragment_lg2(&self, shape: TableShape) -> Option<u32> {
        let bytes_lg2 = shape.bytes_lg2.max(shape.align_lg2).max(self.page_lg2.saturating_sub(MOST.ilog2()));
        (bytes_lg2 < self.page_lg2).then_some(bytes_lg2)
    }
}

// SAFETY: a fragment lies in a page that the source has handed out and that stays out as long as a fragment of it does.
// Fragments of one page have one size, which they are aligned to, and each is handed out while its bit was clear.
unsafe impl<A: Frames> Frames for Fragments<'_, A> {
    fn allocate(&mut self, shape: TableShape) -> Option<Frame> {
        let Some(bytes_lg2) = self.fragment_lg2(shape) else { return self.source.allocate(shape) };
        let page_lg2 = self.page_lg2;
        let in_use = self.pages.iter_mut().filter(|page| page.bytes_lg2 == bytes_lg2).find_map(|page| {
            let start = page.page.as_ref()?.address();
            Some((start, page.take(page_lg2)?))
        });
        let (start, number) = match in_use {
            Some(found) => found,
            None => {
                let free = self.pages.iter_mut().find(|page| page.page.is_none())?;
                let page = self.source.allocate(TableShape::of_size(shape.level, page_lg2))?;
                let start = page.address();
                *free = FragmentPage { page: Some(page), bytes_lg2, ..FragmentPage::NONE };
                (start, free.take(page_lg2)?)
            }
        };
        // SAFETY: see above; the bit has just been set.
        Some(unsafe { Frame::new(start + (u64::from(number) << bytes_lg2), shape) })
    }

    /// A fragment of none of the pages is lost.
    fn free(&mut self, frame: Frame) {
        let Some(bytes_lg2) = self.fragment_lg2(frame.shape()) else { return self.source.free(frame) };
        let (address, page_mask) = (frame.address().get(), (1 << self.page_lg2) - 1);
        let is_its_page = |page: &&mut FragmentPage| {
            page.bytes_lg2 == bytes_lg2
                && page.page.as_ref().is_some_and(|page| page.address().get() == address & !page_mask)
        };
        let Some(page) = self.pages.iter_mut().find(is_its_page) else { return };
        if page.put((address & page_mask) >> bytes_lg2)
            && page.used() == 0
            && let Some(page) = page.page.take()
        {
            self.source.free(page);
        }
    }

    fn share(&mut self, address: Oa) -> bool {
        self.source.share(address)
    }

    fn owners(&self, address: Oa) -> u32 {
        self.source.owners(address)
    }

    fn unshare(&mut self, address: Oa) -> bool {
        self.source.unshare(address)
    }
}
