//! Changing the attributes of mapped memory: what `set_memory_…` of kernels is for.

pub mod a;
pub mod b;
#[expect(clippy::module_inception, reason = "scenario C of family C")]
pub mod c;
pub mod d;
pub mod e;
pub mod f;
pub mod g;
pub mod h;
pub mod i;
pub mod j;
pub mod k;
pub mod l;
pub mod m;
pub mod n;
pub mod one_flush;
