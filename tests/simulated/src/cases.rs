//! Every format of this package, under several bindings.

include!(concat!(env!("OUT_DIR"), "/cases.rs"));
