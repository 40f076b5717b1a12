//! Which accesses the attributes of a leaf let through.

mod support;

use ptdsl::bind;
use ptdsl::model::LayoutKind;
use ptdsl::walk::{Access, Attributes, Class, Value, attributes, classify, permits};

#[test]
fn rights_follow_the_vocabulary() {
    let flags = |names: &[(&str, bool)]| -> Attributes {
        names.iter().map(|(name, flag)| ((*name).to_owned(), Value::Flag(*flag))).collect()
    };
    // A format without the name always allows it.
    let none = Attributes::new();
    assert!(permits(&none, Access::Write, true) && permits(&none, Access::Execute, false));
    let kernel = flags(&[("write", true), ("execute", false), ("user", false)]);
    assert!(permits(&kernel, Access::Read, false) && permits(&kernel, Access::Write, false));
    assert!(!permits(&kernel, Access::Execute, false) && !permits(&kernel, Access::Read, true));
    // User mode's own right stands in place of both.
    let own = flags(&[("execute", false), ("user", false), ("user_execute", true)]);
    assert!(permits(&own, Access::Execute, true) && !permits(&own, Access::Execute, false));
    let read_only = flags(&[("read", true), ("write", true), ("user", true), ("user_write", false)]);
    assert!(permits(&read_only, Access::Read, true) && !permits(&read_only, Access::Write, true));
    // An access of 2 on the short descriptors: user mode reads only.
    let all = support::resolved(&support::trials());
    let on = [("privileged_never".to_owned(), true)].into();
    let format = bind::model(support::format(&all, "armv7_short"), &on, &Default::default()).unwrap();
    let level = format.levels.iter().position(|level| level.name == "l1").unwrap();
    let Class::Leaf { layout } = classify(&format, level, 0x8011_180e) else { panic!() };
    assert_eq!(format.layouts[layout].kind, LayoutKind::Leaf);
    let said = attributes(&format, layout, 0x8011_180e);
    assert!(permits(&said, Access::Write, false) && permits(&said, Access::Read, true));
    assert!(!permits(&said, Access::Write, true));
}
