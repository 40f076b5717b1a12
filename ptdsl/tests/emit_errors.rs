//! What the generator has no code for is refused by name.

mod inputs;

use ptdsl::binding::Binding;
use ptdsl::diagnostic::Code;
use ptdsl::emit::{Options, expand};
use ptdsl::{bind, compile};

#[test]
fn e0901_not_emitted() {
    let (name, text) = inputs::trials().into_iter().find(|(name, _)| name.starts_with("t15")).unwrap();
    let compiled = compile(&name, &text);
    let format = compiled.formats().next().unwrap();
    let family = bind(format, &Binding::default()).unwrap();
    let complaints = expand(&family, &Options::default()).unwrap_err();
    assert!(complaints.iter().all(|it| it.code == Code::NotEmitted), "{complaints:?}");
    let wide = complaints.iter().find(|it| it.message.contains("`pd0`") && it.message.contains("128 bits"));
    assert!(wide.is_some_and(|it| it.help.is_some()), "{complaints:?}");
}
