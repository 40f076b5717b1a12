//! The operations of random runs.

mod apply;
mod machine;
mod many;
mod plain;
mod reserved;
mod shape;
mod share;

use ptgen::{Error, PageTable};

use super::runner::Runner;

pub(super) use shape::unpin_all;

/// One of the operations.
pub(super) struct Operation<P: PageTable> {
    /// Its name, for messages.
    pub(super) name: &'static str,
    /// How often it is wanted.
    pub(super) weight: u32,
    /// Does it somewhere. Returns whether it has changed anything, or why it was refused.
    pub(super) act: fn(&mut Runner<'_, P>) -> Result<bool, Error>,
}

impl<P: PageTable> Clone for Operation<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: PageTable> Copy for Operation<P> {}

/// All of them.
pub(super) fn table<P: PageTable>() -> Vec<Operation<P>> {
    vec![
        Operation { name: "map", weight: 30, act: plain::map },
        Operation { name: "unmap", weight: 16, act: plain::unmap },
        Operation { name: "protect", weight: 16, act: plain::protect },
        Operation { name: "hide", weight: 8, act: plain::hide },
        Operation { name: "split", weight: 8, act: shape::split },
        Operation { name: "join", weight: 8, act: shape::join },
        Operation { name: "populate", weight: 4, act: shape::populate },
        Operation { name: "unpin", weight: 1, act: shape::unpin },
        Operation { name: "harvest", weight: 6, act: machine::harvest },
        Operation { name: "apply", weight: 8, act: apply::apply },
        Operation { name: "protect each", weight: 5, act: many::protect_each },
        Operation { name: "protect where", weight: 5, act: many::protect_where },
        Operation { name: "prepare", weight: 5, act: reserved::prepare },
        Operation { name: "share", weight: 2, act: share::share },
        Operation { name: "touch", weight: 15, act: machine::touch },
        Operation { name: "flush", weight: 3, act: machine::flush },
        Operation { name: "use", weight: 1, act: machine::reuse },
    ]
}

/// An error that an operation on leaves may have, whatever it does: the format does not let it be done, or not here.
pub(super) const fn is_of_the_format(error: &Error) -> bool {
    matches!(
        error,
        Error::Unencodable(_)
            | Error::BreakBeforeMake { .. }
            | Error::PartialLeaf { .. }
            | Error::NotInRange { .. }
            | Error::OutOfFrames
    )
}
