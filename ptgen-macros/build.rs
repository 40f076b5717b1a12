//! Nothing is built: a build script gives the crate a folder of its own, for expansions that somebody wants to read.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
