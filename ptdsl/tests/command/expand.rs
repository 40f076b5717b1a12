//! `ptdsl expand`.

use crate::support::{run, succeed};

#[test]
fn every_format_expands_to_one_formatted_module() {
    for format in ptgen_formats::FORMATS {
        let code = succeed(&["expand", format.name]);
        let file = syn::parse_file(&code).unwrap();
        assert_eq!(prettyplease::unparse(&file), code, "{}", format.name);
        let [syn::Item::Mod(module)] = file.items.as_slice() else { panic!("{}: not one module", format.name) };
        assert_eq!(module.ident, format.name);
        assert_eq!(succeed(&["expand", format.name]), code, "{}", format.name);
    }
}

#[test]
fn what_is_printed_is_what_the_library_emits() {
    let builtin = ptgen_formats::format("riscv_sv39").unwrap();
    let compiled = ptdsl::compile(builtin.file, builtin.text);
    let description = compiled.formats().find(|format| format.name.value == builtin.name).unwrap();
    let binding = ptdsl::binding::Binding {
        features: [("svnapot".to_owned(), ptdsl::binding::Setting::On)].into(),
        ..ptdsl::binding::Binding::default()
    };
    let family = ptdsl::bind(description, &binding).unwrap();
    let options = ptdsl::emit::Options {
        name: syn::parse_str(builtin.name).unwrap(),
        file: builtin.file.to_owned(),
        ..ptdsl::emit::Options::default()
    };
    let tokens = ptdsl::emit::expand(&family, &options).unwrap();
    let expected = prettyplease::unparse(&syn::parse2(tokens).unwrap());
    assert_eq!(succeed(&["expand", "riscv_sv39", "--features", "svnapot=on"]), expected);
    assert_ne!(succeed(&["expand", "riscv_sv39", "--features", "svnapot=off"]), expected);
    assert_ne!(succeed(&["expand", "riscv_sv39", "--features", "svnapot=runtime"]), expected);
}

#[test]
fn settings_that_cannot_be_are_refused() {
    for settings in [["--features", "nothing=on"], ["--parameters", "width=1"], ["--root", "nowhere"]] {
        let ran = run(&[&["expand", "x86_64_4level"][..], &settings].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran}");
        assert!(ran.err.starts_with("error"), "{ran}");
    }
}
