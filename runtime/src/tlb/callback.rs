//! Flushes that a client's function issues.

use core::fmt;

use crate::flush::{FlushRequest, Tlb};

/// Calls a function with each request: to interrupt other processors, to fill an IOMMU's queue, to ask a hypervisor, to
/// record what is asked for. The function returns when nothing stale is left.
///
/// ```
/// use ptgen::{Callback, FlushRequest, Sizes, Tlb, VaRange};
///
/// let mut bytes = 0;
/// let mut tlb = Callback(|request: &FlushRequest| bytes += request.range.bytes().unwrap_or(u64::MAX));
/// tlb.flush(&FlushRequest::new(VaRange::from(0x1000..0x3000), Sizes::one(12)));
/// assert_eq!(bytes, 0x2000);
/// ```
#[derive(Clone, Copy)]
pub struct Callback<F>(
    /// The function.
    pub F,
);

impl<F: FnMut(&FlushRequest)> Tlb for Callback<F> {
    fn flush(&mut self, request: &FlushRequest) {
        (self.0)(request);
    }
}

impl<F> fmt::Debug for Callback<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Callback")
    }
}
