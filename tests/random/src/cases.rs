//! Every format, under two bindings.

include!(concat!(env!("OUT_DIR"), "/cases.rs"));
