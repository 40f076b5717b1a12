//! Has the runtime compiled against atomics that report every store.

fn main() {
    println!("cargo::rustc-cfg=ptgen_watched");
    println!("cargo::rerun-if-changed=build.rs");
}
