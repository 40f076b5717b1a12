//! `ptdsl show`.

use std::path::Path;

use crate::support::{run, succeed};

const SAMPLE: &str = "tests/command/sample.ptf";

#[test]
fn a_format_is_shown_whole() {
    insta::assert_snapshot!(succeed(&["show", SAMPLE]));
}

#[test]
fn settings_change_what_is_shown() {
    insta::assert_snapshot!(succeed(&["show", SAMPLE, "--features", "keys,large=off", "--parameters", "width=32"]));
}

#[test]
fn layouts_are_drawn() {
    let drawn = succeed(&["show", SAMPLE, "--svg"]);
    insta::assert_snapshot!(drawn);
    labels_do_not_overlap(&drawn);
}

#[test]
fn what_a_format_does_not_have_is_not_shown_and_what_it_refuses_is() {
    let alder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/alder.ptf");
    let shown = succeed(&["show", alder]);
    assert!(!shown.contains("global"), "{shown}");
    assert!(shown.contains("0b11  reserved"), "{shown}");
    // The row of a leaf, not that of a pointer, which is about everything below.
    assert!(shown.lines().any(|line| line.contains("write ") && line.contains("all must allow it  RO.")), "{shown}");
}

#[test]
fn every_format_can_be_shown_and_drawn() {
    for format in ptgen_formats::FORMATS {
        let shown = succeed(&["show", format.name]);
        assert!(shown.starts_with(&format!("{}\n", format.name)));
        labels_do_not_overlap(&succeed(&["show", format.name, "--svg"]));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trials");
    let mut shown = 0;
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "ptf") {
            continue;
        }
        let path = path.display().to_string();
        let compiled = ptdsl::compile(&path, &std::fs::read_to_string(&path).unwrap());
        for format in compiled.formats() {
            let name = format!("{path}#{}", format.name.value);
            let ran = run(&["show", &name]);
            if ran.code == Some(2) && ran.err.contains("left to run time") {
                continue;
            }
            assert_eq!(ran.code, Some(0), "{name}: {ran}");
            labels_do_not_overlap(&succeed(&["show", &name, "--svg"]));
            shown += 1;
        }
    }
    assert!(shown >= 15, "only {shown} trials were shown");
}

/// The place that a text or a box takes: left, top, right, bottom.
type Place = (f64, f64, f64, f64);

/// Every text keeps clear of every other, and the label of a box is inside it. Characters are taken to be 0.62 of the
/// font's size wide.
fn labels_do_not_overlap(drawn: &str) {
    let mut places: Vec<(Place, &str)> = Vec::new();
    for text in elements(drawn, "text") {
        let size = match attribute(text, "class").unwrap() {
            "title" => 26.0,
            "name" => 15.0,
            "place" => 13.0,
            "label" => 12.0,
            "bit" => 9.0,
            other => panic!("{other}"),
        };
        let words = text.split_once('>').unwrap().1;
        if words.is_empty() {
            continue;
        }
        let (x, y) = (number(text, "x"), number(text, "y"));
        let length = unescaped(words).trim().chars().count() as f64 * size * 0.62;
        let left = if attribute(text, "text-anchor") == Some("middle") { x - length / 2.0 } else { x };
        let place = if attribute(text, "transform").is_some() {
            (x - size / 2.0, y - length / 2.0, x + size / 2.0, y + length / 2.0)
        } else if attribute(text, "class") == Some("label") {
            (left, y - size / 2.0, left + length, y + size / 2.0)
        } else {
            (left, y - size * 0.75, left + length, y)
        };
        places.push((place, text));
    }
    assert!(places.len() > 10);
    for (index, (place, text)) in places.iter().enumerate() {
        for (other_place, other) in &places[..index] {
            assert!(apart(place, other_place), "{text}\n{other}");
        }
        if attribute(text, "class") == Some("label") {
            let held = elements(drawn, "rect").any(|rect| {
                let (x, y) = (number(rect, "x"), number(rect, "y"));
                let edges = (x, y, x + number(rect, "width"), y + number(rect, "height"));
                attribute(rect, "class") != Some("page") && inside(place, &edges)
            });
            assert!(held, "{text} is in no box");
        }
    }
}

fn apart(one: &Place, other: &Place) -> bool {
    one.2 <= other.0 || other.2 <= one.0 || one.3 <= other.1 || other.3 <= one.1
}

fn inside(one: &Place, edges: &Place) -> bool {
    one.0 >= edges.0 && one.1 >= edges.1 && one.2 <= edges.2 && one.3 <= edges.3
}

/// The elements of a name, from their attributes to their closing tag.
fn elements<'a>(drawn: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let open = format!("<{name} ");
    let ends = [format!("</{name}>"), "/>".to_owned()];
    let parts: Vec<&str> = drawn.split(&open).skip(1).collect();
    parts.into_iter().map(move |part| {
        let end = ends.iter().filter_map(|end| part.find(end.as_str())).min().unwrap();
        &part[..end]
    })
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let head = element.split('>').next().unwrap();
    let first = head.strip_prefix(&format!("{name}=\""));
    let rest = first.or_else(|| head.split(&format!(" {name}=\"")).nth(1))?;
    rest.split('"').next()
}

fn number(element: &str, name: &str) -> f64 {
    attribute(element, name).unwrap().parse().unwrap()
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
