//! Makes the runtime's source choose loom's atomics.

fn main() {
    println!("cargo::rustc-cfg=ptgen_loom");
    // The source asks for them. Models have a format written by hand, and no macro.
    println!("cargo::rustc-check-cfg=cfg(feature, values(\"macros\", \"vm-memory\"))");
    println!("cargo::rerun-if-changed=build.rs");
}
