//! What leaves say, as sets with numbers: equal sets have equal numbers.

use std::collections::{BTreeMap, HashMap};

use ptdsl::model::{Attribute, AttributeKind, Combine, Format, LayoutKind};
use ptdsl::walk::{self, Access, Attributes, Value};

use super::Limits;

/// The number of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SetId(pub(crate) u32);

/// What a leaf says, and what of it matters to whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// All of it.
    pub attributes: Attributes,
    /// A bit for each access that it lets through: read, write, execute, first for the kernel, then for user mode.
    pub rights: u8,
    /// The memory type, as a number.
    pub(crate) memory: u32,
    /// The translation belongs to all address spaces.
    pub global: bool,
    /// The OA is in the secure space.
    pub secure: bool,
    /// The attributes that a TLB holds and that are none of these, as a number.
    pub(crate) other: u32,
    /// A bit for each record that holds and that software makes, because the machine does not.
    pub(crate) noted: u32,
    /// A bit for each attribute that the machine records and that holds.
    pub(crate) records: u32,
    /// The machine may still record something.
    pub(crate) unsettled: bool,
}

impl Said {
    /// Whether both say the same, attributes of these names left out.
    #[must_use]
    pub fn same_but_for(&self, other: &Self, names: &[&str]) -> bool {
        let others = |(name, _): &(&String, &Value)| !names.contains(&name.as_str());
        self.attributes.iter().filter(others).eq(other.attributes.iter().filter(others))
    }

    /// Whether nothing of the machine's records is in here that is not in `other`.
    #[must_use]
    pub const fn records_no_more_than(&self, other: &Self) -> bool {
        self.records & !other.records == 0
    }

    /// Whether a TLB would not see a difference.
    #[must_use]
    pub fn same_in_tlb(&self, other: &Self) -> bool {
        let all = |said: &Self| (said.rights, said.memory, said.global, said.secure, said.other, said.noted);
        all(self) == all(other)
    }
}

/// The names of records, which software makes where the machine does not.
pub(crate) const RECORDS: [&str; 2] = ["accessed", "dirty"];

/// The names of rights.
const RIGHTS: [&str; 7] = ["read", "write", "execute", "user", "user_write", "user_execute", "privileged_execute"];

#[derive(Debug)]
pub(crate) struct Sets {
    list: Vec<Said>,
    numbers: HashMap<String, SetId>,
    /// What tables take away (false) or add (true).
    limits: Vec<BTreeMap<String, Value>>,
    names: HashMap<String, u32>,
}

/// Whether the lowest leaves cannot say what others can: their table says it for them.
fn leaves_lack(model: &Format, attribute: &Attribute) -> bool {
    let lowest = model.levels.iter().rev().find_map(|level| {
        let listed = level.entries.iter().filter(|entry| !entry.refused).map(|entry| entry.layout);
        let leaves: Vec<usize> = listed.filter(|&layout| model.layouts[layout].kind == LayoutKind::Leaf).collect();
        (!leaves.is_empty()).then_some(leaves)
    });
    lowest.is_some_and(|leaves| leaves.iter().all(|leaf| !attribute.sources.contains_key(leaf)))
}

impl Sets {
    pub(crate) fn new() -> Self {
        Self { list: Vec::new(), numbers: HashMap::new(), limits: vec![BTreeMap::new()], names: HashMap::new() }
    }

    pub(crate) fn get(&self, set: SetId) -> &Said {
        &self.list[set.0 as usize]
    }

    /// The number of the set of what a leaf says: what its layout does not say is zero, or allowed if it is a right; records
    /// are left out.
    pub(crate) fn add_leaf(&mut self, model: &Format, mut attributes: Attributes) -> SetId {
        for attribute in &model.attributes {
            let name = attribute.name.as_str();
            if attribute.hardware || attributes.contains_key(name) {
                continue;
            }
            if RIGHTS.contains(&name) || name == "secure" {
                attributes.insert(name.to_owned(), Value::Flag(true));
                continue;
            }
            match attribute.kind {
                AttributeKind::Flag => attributes.insert(name.to_owned(), Value::Flag(false)),
                AttributeKind::Number(_) => attributes.insert(name.to_owned(), Value::Number(0)),
                AttributeKind::Choice { .. } => None,
            };
        }
        self.add(model, attributes)
    }

    /// The number of a set.
    pub(crate) fn add(&mut self, model: &Format, attributes: Attributes) -> SetId {
        let key = format!("{attributes:?}");
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let said = self.said(model, attributes);
        let number = SetId(u32::try_from(self.list.len()).expect("there are few sets"));
        self.list.push(said);
        self.numbers.insert(key, number);
        number
    }

    fn said(&mut self, model: &Format, attributes: Attributes) -> Said {
        let mut rights = 0;
        for (user, shift) in [(false, 0), (true, 3)] {
            for (bit, access) in [Access::Read, Access::Write, Access::Execute].into_iter().enumerate() {
                rights |= u8::from(walk::permits(&attributes, access, user)) << (bit + shift);
            }
        }
        let mut other = String::new();
        let (mut records, mut noted, mut unsettled) = (0, 0, false);
        for (place, attribute) in model.attributes.iter().enumerate() {
            let name = attribute.name.as_str();
            let Some(value) = attributes.get(name) else { continue };
            if attribute.hardware {
                let holds = *value == Value::Flag(true);
                records |= u32::from(holds) << (place & 31);
                unsettled |= !holds && (name != "dirty" || rights & 0b10_010 != 0);
            } else if let Some(record) = RECORDS.iter().position(|record| *record == name) {
                noted |= u32::from(*value == Value::Flag(true)) << record;
            } else if !RIGHTS.contains(&name) && !["memory_type", "global", "secure"].contains(&name) {
                other.push_str(&format!("{name}={value:?};"));
            }
        }
        let memory = self.name(format!("{:?}", attributes.get("memory_type")));
        let other = self.name(other);
        let global = attributes.get("global") == Some(&Value::Flag(true));
        let secure = attributes.get("secure") == Some(&Value::Flag(true));
        Said { rights, memory, global, secure, other, noted, records, unsettled, attributes }
    }

    fn name(&mut self, text: String) -> u32 {
        let next = u32::try_from(self.names.len()).expect("there are few names");
        *self.names.entry(text).or_insert(next)
    }

    /// What is left of a set below `limits`.
    pub(crate) fn limited(&mut self, model: &Format, limits: Limits, own: SetId) -> SetId {
        let mut attributes = self.get(own).attributes.clone();
        for (name, value) in &self.limits[limits as usize] {
            attributes.insert(name.clone(), value.clone());
        }
        self.add(model, attributes)
    }

    /// Both limits.
    pub(crate) fn narrow(&mut self, model: &Format, limits: Limits, own: SetId) -> Limits {
        let mut narrowed = self.limits[limits as usize].clone();
        for attribute in &model.attributes {
            let said = self.get(own).attributes.get(&attribute.name);
            let limit = match attribute.combine {
                Combine::And => Value::Flag(false),
                Combine::Or => Value::Flag(true),
                Combine::Own => match said {
                    Some(said) if leaves_lack(model, attribute) => said.clone(),
                    _ => continue,
                },
            };
            if said == Some(&limit) {
                narrowed.insert(attribute.name.clone(), limit);
            }
        }
        let found = self.limits.iter().position(|known| *known == narrowed).unwrap_or_else(|| {
            self.limits.push(narrowed);
            self.limits.len() - 1
        });
        u32::try_from(found).expect("there are few limits")
    }
}
