//! Every format, under several bindings.

include!(concat!(env!("OUT_DIR"), "/cases.rs"));
