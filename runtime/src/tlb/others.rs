//! This processor, and the others.

use crate::flush::{Exchange, FlushRequest, Scope, Tlb};

/// Flushes this processor's TLB, and has the others flush theirs unless the request is [`Scope::Local`]: for processors
/// that have no instruction which reaches the others. What an instruction has replaced here, they flush, too.
///
/// ```
/// use ptgen::{Callback, FlushRequest, NoTlb, Others, Scope, Sizes, Tlb, VaRange};
///
/// let mut interrupts = 0;
/// let mut tlb = Others { here: NoTlb, there: Callback(|_: &FlushRequest| interrupts += 1) };
/// let mut request = FlushRequest::new(VaRange::from(0x1000..0x3000), Sizes::one(12));
/// tlb.flush(&request);
/// request.scope = Scope::Local;
/// tlb.flush(&request);
/// assert_eq!(interrupts, 1);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Others<A, B> {
    /// Flushes here.
    pub here: A,
    /// Has the others flush, and returns when they have.
    pub there: B,
}

impl<A: Tlb, B: Tlb> Tlb for Others<A, B> {
    const EXCHANGES: bool = A::EXCHANGES;

    fn flush(&mut self, request: &FlushRequest) {
        self.here.flush(request);
        if request.scope != Scope::Local {
            self.there.flush(request);
        }
    }

    fn wait_for_readers(&mut self) {
        self.here.wait_for_readers();
        self.there.wait_for_readers();
    }

    fn exchange(&mut self, exchange: &Exchange) -> Result<(), u64> {
        self.here.exchange(exchange)?;
        self.there.flush(&exchange.request());
        Ok(())
    }
}
