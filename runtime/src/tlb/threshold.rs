//! Much is everything.

use crate::address::VaRange;
use crate::flush::{Exchange, FlushRequest, Tlb};

/// Asks `tlb` for everything where a request has more than `leaves` leaves of its smallest size: where to name them one
/// by one costs more than to lose what else is held. For an IOMMU's queue or a hypervisor, that is; what this processor's
/// instructions do is decided by [`steps`](crate::tlb::steps).
///
/// ```
/// use ptgen::{Callback, FlushRequest, Sizes, Threshold, Tlb, VaRange};
///
/// let mut bytes = [Some(0); 2];
/// let mut at = 0;
/// let log = Callback(|request: &FlushRequest| { bytes[at] = request.range.bytes(); at += 1 });
/// let mut tlb = Threshold { tlb: log, leaves: 8 };
/// tlb.flush(&FlushRequest::new(VaRange::new(0x1000, 8 << 12), Sizes::one(12)));
/// tlb.flush(&FlushRequest::new(VaRange::new(0x1000, 9 << 12), Sizes::one(12)));
/// assert_eq!(bytes, [Some(8 << 12), None]); // None is all 2^64.
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Threshold<T> {
    /// Who is asked.
    pub tlb: T,
    /// How many leaves are still asked for as a range.
    pub leaves: u64,
}

impl<T: Tlb> Tlb for Threshold<T> {
    const EXCHANGES: bool = T::EXCHANGES;

    fn flush(&mut self, request: &FlushRequest) {
        let size = request.leaf_sizes.smallest().unwrap_or(0);
        let is_little = request.range.bytes().is_some_and(|bytes| bytes.div_ceil(1 << size) <= self.leaves);
        let range = if is_little { request.range } else { VaRange::inclusive(0, u64::MAX) };
        self.tlb.flush(&FlushRequest { range, ..*request });
    }

    fn wait_for_readers(&mut self) {
        self.tlb.wait_for_readers();
    }

    fn exchange(&mut self, exchange: &Exchange) -> Result<(), u64> {
        self.tlb.exchange(exchange)
    }
}
