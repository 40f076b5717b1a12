//! Formats whose number of levels is left to run time, and more levels translate the same VA.

include!(concat!(env!("OUT_DIR"), "/growing.rs"));
