//! Tables as a person wants to see them: ranges with equal attributes, joined.

use ptgen::{Access, AttributeKind, Attributes, Flow, Format, Mapping, Memory, PageTable, Visit, WithoutTables};

/// Prints what `table` translates.
pub fn print<P: PageTable>(table: &P, memory: &impl Memory) {
    let mut rows: Vec<Row<P::Format>> = Vec::new();
    let mut visitor = WithoutTables(|visit| {
        if let Visit::Leaf(leaf) = visit {
            match rows.last_mut().filter(|row| row.is_followed_by(&leaf)) {
                Some(row) => row.bytes += 1 << leaf.size_lg2,
                None => rows.push(Row::of(&leaf)),
            }
        }
        Flow::Continue
    });
    for range in table.ranges() {
        if let Err(fault) = table.walk(memory, range, &mut visitor) {
            println!("  the tables cannot be read: {fault}");
        }
    }
    println!(
        "  {:18}  {:18}  {:>6}  {:>5}  {:6}  {:5}  what else leaves say",
        "VA", "OA", "size", "pages", "kernel", "users"
    );
    for row in &rows {
        row.print();
    }
}

/// Leaves that follow each other in VA and OA and say the same.
struct Row<F: Format> {
    va: u64,
    oa: u64,
    bytes: u64,
    page_lg2: u32,
    attributes: F::Attributes,
}

impl<F: Format> Row<F> {
    fn of(leaf: &Mapping<F>) -> Self {
        Self {
            va: leaf.va.get(),
            oa: leaf.oa.get(),
            bytes: 1 << leaf.size_lg2,
            page_lg2: leaf.size_lg2,
            attributes: leaf.attributes(),
        }
    }

    fn is_followed_by(&self, leaf: &Mapping<F>) -> bool {
        self.va.wrapping_add(self.bytes) == leaf.va.get()
            && self.oa.wrapping_add(self.bytes) == leaf.oa.get()
            && self.page_lg2 == leaf.size_lg2
            && self.attributes == leaf.attributes()
    }

    fn print(&self) {
        let (va, oa) = (self.va, self.oa);
        println!(
            "  {va:#018x}  {oa:#018x}  {:>6}  {:>5}  {:6}  {:5}  {}",
            size(self.bytes),
            size(1 << self.page_lg2),
            rights(&self.attributes, false),
            rights(&self.attributes, true),
            words(&self.attributes)
        );
    }
}

/// A number of bytes in the largest unit that divides it.
pub fn size(bytes: u64) -> String {
    let units = ["B", "K", "M", "G", "T", "P"];
    let unit = (bytes.trailing_zeros() / 10).min(5);
    format!("{}{}", bytes >> (10 * unit), units[unit as usize])
}

/// What the kernel, or a user, may do, as `ls` shows it.
fn rights<A: Attributes>(attributes: &A, user: bool) -> String {
    let all = [(Access::Read, 'r'), (Access::Write, 'w'), (Access::Execute, 'x')];
    all.iter().map(|&(access, letter)| if attributes.permits(access, user) { letter } else { '-' }).collect()
}

/// What attributes say beside rights, in words.
fn words<A: Attributes>(attributes: &A) -> String {
    let mut words = Vec::new();
    for (index, info) in A::FIELDS.iter().enumerate() {
        match (info.kind, attributes.get(index)) {
            _ if ["read", "write", "execute", "user"].contains(&info.name) => {}
            (AttributeKind::Flag, 0) => {}
            (AttributeKind::Flag, _) => words.push(info.name.to_owned()),
            (AttributeKind::Choice(names), value) => {
                let name = names.iter().find(|(_, number)| *number == value).map(|(name, _)| *name);
                words.push(name.map_or_else(|| format!("{} {value}", info.name), str::to_owned));
            }
            (AttributeKind::Number(_), 0) => {}
            (AttributeKind::Number(_), value) => words.push(format!("{} {value:#x}", info.name)),
        }
    }
    words.join(" ")
}
