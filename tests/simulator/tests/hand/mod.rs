//! Machines with a few pages whose words are known by hand.

use std::sync::atomic::Ordering;

use ptgen::{FlushRequest, Format, Frame, Frames, Memory, PageTable, Sizes, TableShape, Tlb, VaRange};
use ptgen_simulator::{Case, Decided, Expect, Machine, simulate};

/// x86-64, four levels, an OA of 40 bits.
#[ptgen::pagetable(format = "x86_64_4level", parameters(width = 40))]
pub mod x86_tables {}

/// AArch64, low range, 4 KiB.
#[ptgen::pagetable(format = "aarch64_stage1_4k", parameters(low_bits = 48), range = low)]
pub mod arm_tables {}

/// RISC-V, three levels; accessed and dirty are software's.
#[ptgen::pagetable(format = "riscv_sv39")]
pub mod riscv_tables {}

/// AArch64 again, with walkers that do not look into caches.
#[ptgen::pagetable(
    format = "aarch64_stage1_4k",
    features(coherent_walk = off),
    parameters(low_bits = 48),
    range = low
)]
pub mod incoherent_tables {}

/// Where pages of RISC-V are mapped.
pub const RISCV_VA: u64 = 0x10_0000_0000;

/// RISC-V Privileged Architecture, "Sv39": valid; read, write, accessed, dirty.
pub const RISCV: u64 = 0x1;
pub const RISCV_READ: u64 = 0x2;
pub const RISCV_WRITE: u64 = 0x4;
pub const RISCV_ACCESSED: u64 = 0x40;
pub const RISCV_DIRTY: u64 = 0x80;

pub const MIB: u64 = 1 << 20;

/// Where the pages are mapped, and to what.
pub const VA: u64 = 0x40_0000_0000;
pub const OA: u64 = 0x20_0000_0000;

/// Intel SDM vol. 3A, "Paging": present and writable; accessed and dirty; large; global.
pub const WRITE: u64 = 0x3;
const USED: u64 = 0x60;
const LARGE: u64 = 0x80;
const GLOBAL: u64 = 0x100;

/// Arm ARM, "Translation table descriptor formats": accessed, inner shareable, not global, not for execution.
pub const ARM: u64 = 1 << 10 | 3 << 8 | 1 << 11 | 3 << 53;
pub const ARM_PAGE: u64 = 3;
pub const ARM_BLOCK: u64 = 1;
pub const ARM_CONTIGUOUS: u64 = 1 << 52;
const ARM_TABLE: u64 = 3;

/// A machine of x86-64.
pub type X86<'m> = Hand<'m, x86_tables::PageTable>;

/// A machine and where its words are.
pub struct Hand<'m, P: PageTable> {
    pub machine: Machine<'m, P>,
    /// Where the root is.
    pub root: u64,
    /// The words that lead to `VA` in the tables of levels 0 and 1.
    pub slots: [u64; 2],
    /// The table of level 0.
    pub lowest: Option<Frame>,
    /// What 2 MiB at `VA` + 4 MiB are translated to.
    pub large: u64,
}

impl<P: PageTable<Format: Format<Word = u64>>> Hand<'_, P> {
    /// Writes a word, in order.
    pub fn write(&mut self, address: u64, word: u64) {
        assert!(self.machine.cx().memory.write(address, word, Ordering::Release));
    }

    /// Writes a word by an exchange.
    pub fn cas(&mut self, address: u64, word: u64) {
        let memory = &self.machine.cx().memory;
        let old = memory.read(address).expect("there is a word");
        assert_eq!(memory.exchange(address, old, word), Ok(()));
    }

    /// A table without entries, linked nowhere.
    pub fn empty_table(&mut self, level: u8) -> u64 {
        self.table(level).address().get()
    }

    fn table(&mut self, level: u8) -> Frame {
        let frame = self.machine.cx().frames.allocate(TableShape::of_size(level, 12)).expect("there is room");
        for slot in 0..512 {
            assert!(self.machine.cx().memory.write_private(frame.address() + slot * 8, 0));
        }
        frame
    }

    /// Ends the preparation: what is there is as it should be.
    fn prepared(&mut self) {
        self.machine.end();
        assert_eq!(self.machine.violations(), []);
    }
}

fn simulated<P: PageTable<Format: Format<Word = u64>>>(
    format: P::Format,
    (name, coherent): (&'static str, bool),
    parameters: &'static [(&'static str, u128)],
    test: impl FnOnce(&mut Hand<'_, P>),
) {
    let case = Case { name, format: name, text: None };
    let features: &[(&str, bool)] = if coherent { &[] } else { &[("coherent_walk", false)] };
    let decided = Decided { features, parameters, range: 0 };
    simulate::<P>(format, &case, &decided, |machine| {
        let root = machine.table().root().get();
        let mut hand = Hand { machine, root, slots: [0; 2], lowest: None, large: OA + 64 * MIB };
        test(&mut hand);
    });
}

/// Three pages at `VA` (the second one is global, the third has not been accessed), 2 MiB at `VA` + 4 MiB.
pub fn x86(test: impl FnOnce(&mut X86<'_>)) {
    simulated(x86_tables::Format {}, ("x86_64_4level", true), &[("width", 40)], |hand: &mut X86<'_>| {
        hand.machine.begin(vec![Expect::anything(0..1 << 47)]);
        let pages = hand.table(0);
        let [pt, pd, pdpt] = [pages.address().get(), hand.empty_table(1), hand.empty_table(2)];
        hand.write(pt, OA | WRITE | USED);
        hand.write(pt + 8, (OA + 0x1000) | WRITE | USED | GLOBAL);
        hand.write(pt + 16, (OA + 0x2000) | WRITE);
        hand.write(pd, pt | WRITE);
        hand.write(pd + 16, hand.large | WRITE | USED | LARGE);
        hand.write(pdpt + 256 * 8, pd | WRITE);
        hand.write(hand.root, pdpt | WRITE);
        (hand.slots, hand.lowest) = ([pt, pd], Some(pages));
        hand.prepared();
        test(hand);
    });
}

/// 2 MiB at `VA`.
pub fn arm(test: impl FnOnce(&mut Hand<'_, arm_tables::PageTable>)) {
    let parameters: &[_] = &[("low_bits", 48)];
    simulated(arm_tables::Format {}, ("aarch64_stage1_4k", true), parameters, |hand: &mut Hand<'_, _>| {
        hand.machine.begin(vec![Expect::anything(0..1 << 47)]);
        let [l2, l1] = [hand.empty_table(1), hand.empty_table(2)];
        hand.write(l2, OA | ARM | ARM_BLOCK);
        hand.write(l1 + 256 * 8, l2 | ARM_TABLE);
        hand.write(hand.root, l1 | ARM_TABLE);
        hand.slots = [0, l2];
        hand.prepared();
        test(hand);
    });
}

/// 512 pages at `RISCV_VA`, whose words have `bits`.
pub fn riscv(bits: u64, test: impl FnOnce(&mut Hand<'_, riscv_tables::PageTable>)) {
    simulated(riscv_tables::Format {}, ("riscv_sv39", true), &[], |hand: &mut Hand<'_, _>| {
        hand.machine.begin(vec![Expect::anything(RISCV_VA..RISCV_VA + 2 * MIB)]);
        let [l0, l1] = [hand.empty_table(0), hand.empty_table(1)];
        for page in 0..512 {
            hand.write(l0 + page * 8, (OA + page * 0x1000) >> 2 | bits);
        }
        hand.write(l1, l0 >> 2 | RISCV);
        hand.write(hand.root + (RISCV_VA >> 30) * 8, l1 >> 2 | RISCV);
        hand.slots = [l0, l1];
        // An absent entry may be held until a flush.
        let mut request = FlushRequest::new(VaRange::new(RISCV_VA, 2 * MIB), Sizes(u64::MAX));
        request.tables = true;
        hand.machine.cx().tlb.flush(&request);
        hand.prepared();
        test(hand);
    });
}

/// An empty root that has been cleaned.
pub fn arm_not_coherent(test: impl FnOnce(&mut Hand<'_, incoherent_tables::PageTable>)) {
    let parameters: &[_] = &[("low_bits", 48)];
    simulated(incoherent_tables::Format {}, ("aarch64_stage1_4k", false), parameters, |hand: &mut Hand<'_, _>| {
        let root = hand.root;
        hand.machine.cx().memory.clean(root.into(), 0x1000);
        hand.machine.violations();
        test(hand);
    });
}
