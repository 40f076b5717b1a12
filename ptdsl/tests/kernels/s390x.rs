//! s390x, against `gva2gpa`, which translates one address.

use ptgen_kernels::Architecture;

use crate::kernel;
use crate::one_by_one::{PAGE, agree};
use crate::walked::walk;

#[test]
fn of_three_levels() {
    let Some(kernel) = kernel(Architecture::S390x) else { return };
    let mut machine = kernel.boot("max", "").expect("the kernel boots");
    let asce = machine.register("C01").expect("control registers are listed");
    assert_eq!(asce >> 2 & 3, 1, "control register 1 is {asce:#x}: another level of the root");
    let memory = machine.memory().expect("the memory is saved");
    let (stretches, leaves) = walk(&memory, "s390x", asce, &["--parameters", "bits=42"]);
    assert!(leaves > 10_000, "only {leaves} leaves");
    assert_eq!((stretches[0].va, stretches[0].oa), (0, 0), "the kernel maps its first page to itself");

    // The first two pages of real memory are each processor's own, and where they are, the first two are.
    let prefix = machine.physical(&[0]).expect("the machine translates")[0].expect("the first page is there");
    let is_own = |oa: u64, first: u64| (first..first + 2 * PAGE).contains(&oa);
    let limits = (0, (1 << 42) - 1);
    let asked = agree(&mut machine, &stretches, limits, |oa| !is_own(oa, 0) && !is_own(oa, prefix));
    println!("Linux {}: {asked} addresses, all alike", kernel.version());
}
