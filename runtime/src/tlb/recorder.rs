//! What was asked for, remembered.

use crate::flush::{FlushRequest, Tlb};

/// Remembers the first `N` requests, and counts all. Flushes nothing: pair it with something that does.
///
/// ```
/// use ptgen::{FlushRequest, NoTlb, Recorder, Sizes, Tlb, VaRange};
///
/// let mut recorder = Recorder::<4>::new();
/// let request = FlushRequest::new(VaRange::from(0x1000..0x3000), Sizes::one(12));
/// (NoTlb, &mut recorder).flush(&request);
/// assert_eq!(recorder.count(), 1);
/// assert!(recorder.requests().eq([&request]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Recorder<const N: usize> {
    requests: [Option<FlushRequest>; N],
    count: u64,
    waits: u64,
}

impl<const N: usize> Recorder<N> {
    /// One that has not been asked for anything.
    #[must_use]
    pub const fn new() -> Self {
        Self { requests: [None; N], count: 0, waits: 0 }
    }

    /// How many flushes were asked for, the forgotten ones included.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// How many requests beyond the first `N` were forgotten.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.count.saturating_sub(N as u64)
    }

    /// How often readers were waited for.
    #[must_use]
    pub const fn waits(&self) -> u64 {
        self.waits
    }

    /// The first `N` requests, in order.
    pub fn requests(&self) -> impl Iterator<Item = &FlushRequest> {
        self.requests.iter().flatten()
    }

    /// One request that covers all that is remembered; `None` if nothing is.
    #[must_use]
    pub fn hull(&self) -> Option<FlushRequest> {
        self.requests().copied().reduce(FlushRequest::hull)
    }

    /// Forgets everything.
    pub const fn clear(&mut self) {
        *self = Self::new();
    }
}

impl<const N: usize> Default for Recorder<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Tlb for Recorder<N> {
    fn flush(&mut self, request: &FlushRequest) {
        if let Some(free) = self.requests.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(*request);
        }
        self.count += 1;
    }

    fn wait_for_readers(&mut self) {
        self.waits += 1;
    }
}
