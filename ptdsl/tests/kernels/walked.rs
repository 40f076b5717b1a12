//! What `ptdsl walk` says, read from its JSON.

use std::process::Command;

use ptgen_kernels::Memory;
use serde_json::{Map, Value};

/// Leaves that follow each other, as the command lists them.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// The first address.
    pub va: u64,
    /// What it is translated to.
    pub oa: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The size of each leaf.
    pub leaf_bytes: u64,
    /// What the leaves say.
    pub attributes: Map<String, Value>,
}

impl Stretch {
    /// Whether an attribute holds.
    pub fn is(&self, name: &str) -> bool {
        self.attributes[name].as_bool().unwrap_or_else(|| panic!("{name} is no flag"))
    }

    /// The addresses of its leaves with their output addresses.
    pub fn leaves(&self) -> impl Iterator<Item = (u64, u64)> {
        let (va, oa, size) = (self.va, self.oa, self.leaf_bytes);
        (0..self.bytes / size).map(move |place| (va + place * size, oa + place * size))
    }

    /// The last address.
    pub fn last(&self) -> u64 {
        self.va + (self.bytes - 1)
    }
}

/// All mappings below the root that a register names, and how many leaf entries they are. The walk finds nothing but leaves.
pub fn walk(memory: &Memory, format: &str, root_word: u64, more: &[&str]) -> (Vec<Stretch>, u64) {
    let ran = Command::new(env!("CARGO_BIN_EXE_ptdsl"))
        .args(["walk", format, "--memory"])
        .arg(&memory.file)
        .args(["--base", &format!("{:#x}", memory.base), "--root-word", &format!("{root_word:#x}")])
        .args(["--outputs", "--json"])
        .args(more)
        .output()
        .expect("the command runs");
    assert!(ran.status.success(), "{format}: {}", String::from_utf8_lossy(&ran.stderr));
    let found: Value = serde_json::from_slice(&ran.stdout).expect("the command writes JSON");
    let summary = &found["summary"];
    for wrong in ["recursive", "outside", "reserved", "misplaced"] {
        assert_eq!(summary[wrong], 0, "{format}: {wrong} words in a kernel's tables: {summary}");
    }
    assert_eq!(summary["complete"], true);
    let stretches = found["ranges"].as_array().expect("a list").iter().map(stretch).collect();
    (stretches, summary["leaves"].as_u64().expect("a number"))
}

fn stretch(found: &Value) -> Stretch {
    assert_eq!(found["kind"], "leaf", "{found}");
    let address = |name: &str| {
        let text = found[name].as_str().and_then(|text| text.strip_prefix("0x"));
        u64::from_str_radix(text.expect("an address"), 16).expect("hexadecimal")
    };
    Stretch {
        va: address("start"),
        oa: address("output"),
        bytes: found["size"].as_u64().expect("a length"),
        leaf_bytes: found["page_size"].as_u64().expect("a length"),
        attributes: found["attributes"].as_object().expect("attributes").clone(),
    }
}
